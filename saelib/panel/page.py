"""The rating panel as a page: a small server, without Jupyter and without kernels.

Each open page is one WebSocket and one `Desk`; when it closes, what was told is gone. Whoever has
the link, whose token is made anew at each start, gets in. Nothing is fetched from another host.
"""

import asyncio
import hmac
import json
import logging
import secrets
import socket
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import segno
from tornado import locale
from tornado.netutil import is_valid_ip
from tornado.web import Application, HTTPError, RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketHandler

from saelib.errors import SaelibError
from saelib.language import ENGLISH, FOLDER, _, speaking
from saelib.panel.desk import Desk
from saelib.panel.room import room_view
from saelib.recommend.profile import MAX_BYTES
from saelib.recommend.recommender import Recommender

HEADERS = {  # the browser itself sees to it that nothing is asked of another host
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
NAMES = {"localhost", *(socket.gethostname().lower() + end for end in ("", ".local"))}
PAUSE = 0.04  # seconds between two messages of one visitor


class Page(RequestHandler):
    """Lets in who has the token, under a name of this machine, and not from within another site."""

    token, script = "token", "page.js"

    def initialize(self) -> None:
        """Speak the language of the server; where it has none, that of the visitor's browser."""
        self.language = self.settings["language"] or self.get_browser_locale(ENGLISH).code

    def set_default_headers(self) -> None:
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Raise HTTPError 403 for who may not come in, and 503 where all places are taken."""
        # Another site may link to the page, but neither frame it nor ask for it behind one's back.
        fetch = [self.request.headers.get(f"Sec-Fetch-{name}") for name in ("Site", "Mode", "Dest")]
        ours = fetch[0] in (None, "none", "same-origin") or fetch[1:] == ["navigate", "document"]
        # A foreign name that leads here (DNS rebinding) would make a foreign page one of ours.
        host = self.request.host_name.lower()
        named = host in {*NAMES, self.settings["host"]} or is_valid_ip(host.strip("[]"))
        told, token = self.get_query_argument("token", ""), self.settings[self.token]
        if not (ours and named and hmac.compare_digest(told.encode(), token.encode())):
            raise HTTPError(403)
        if self.token == "token" and len(self.settings["visitors"]) >= self.settings["places"]:
            raise HTTPError(503)

    def get(self) -> None:
        """Show the page, which is the same for everybody; its script opens a visit."""
        self.write_error(200)

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """Say what there is to say, in the visitor's language."""
        with speaking(self.language):
            said = {
                200: _("One moment …"),
                403: _("This page opens with the whole link that was printed at its start."),
                503: _("All places are taken. One is free when somebody closes the page."),
            }.get(status_code, self._reason)
            closed = _("Nothing answers. Is the server still running, and is there a place?")
            self.render("page.html", title=_("What to watch next"), said=said, closed=closed)


class Visit(WebSocketHandler, Page):  # type: ignore[misc]
    """An open page. Its place is given back by `on_close`, which follows whatever happens."""

    desk: Any = None  # as soon as it is made, a Desk of the visitor's own

    def check_origin(self, origin: str) -> bool:
        return urlsplit(origin).hostname == self.settings["host"] or super().check_origin(origin)

    def open(self) -> None:
        self.settings["visitors"][self] = None  # an error here would not be followed by `on_close`

    async def on_message(self, message: str | bytes) -> None:
        """Answer one message; the next one is not read before. What is no JSON ends the visit."""
        heard, in_room = json.loads(message), {"room": bool(self.settings["room_token"])}
        if not self.desk:
            self.desk = await asyncio.to_thread(Desk, self.settings["recommender"], self.language)
            await self.write_message({"words": self.desk.words() | in_room})
        view = await asyncio.to_thread(self.desk.hear, heard)
        if self.ws_connection:
            await self.write_message({"view": view})
            await asyncio.sleep(PAUSE)

    def on_close(self) -> None:
        self.settings["visitors"].pop(self, None)


class Projector(Page):
    """The table of the room, for who has the link that is the projector's."""

    token, script = "room_token", "room.js"

    async def get(self, data: str | None) -> None:  # type: ignore[override]
        """Show the page, or say what stands on it now."""
        if not data:
            return self.write_error(200)
        desks = [visit.desk for visit in self.settings["visitors"] if visit.desk]
        profiles = [desk.session.profile for desk in desks if not desk.left_out]
        with speaking(self.language):
            view = await asyncio.to_thread(room_view, self.settings["recommender"], profiles)
            link = self.settings["link"]
            self.write(view | {"link": link, "code": segno.make(link).svg_data_uri(border=2)})


def application(
    recommender: Recommender, link: str, room_token: str, host: str, language: str, visitors: int
) -> Application:
    """Return the server's application: the page, a visit's socket, files; with a room its table.

    link: the page's, which ends with its token. room_token, host, language: '' for none.
    """
    locale.set_default_locale(ENGLISH)
    locale.load_gettext_translations(str(FOLDER), "saelib")
    files = (r"/(\w+\.(?:js|css))", StaticFileHandler, {"path": str(Path(__file__).parent)})
    table = (r"/room(\.json)?", Projector)
    settings: dict = {"recommender": recommender, "link": link, "room_token": room_token}
    settings["token"] = link.partition("token=")[2]
    settings |= {"host": host, "language": language, "places": visitors, "visitors": {}}
    # Without an answer to a ping, which a page that has vanished does not give, a socket is closed.
    settings |= {"websocket_max_message_size": 2 * MAX_BYTES, "websocket_ping_interval": 30}
    handlers: list = [(r"/", Page), (r"/visit", Visit), files, *[table] * bool(room_token)]
    return Application(handlers, **settings)


def own_address() -> str:
    """Return this machine's address in its network, or its name where that cannot be told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # an address for documentation; nothing is sent
        return probe.getsockname()[0]
    return socket.gethostname()


def serve(
    recommender: Recommender,
    port: int = 8866,
    *,
    ip: str = "localhost",
    host: str = "",
    visitors: int = 40,
    language: str = "",
    room: bool = False,
    open_browser: bool = True,
) -> None:
    """Serve the panel until Ctrl-C: to this machine, or to every network with ip="0.0.0.0".

    host: the name, or the whole address, at which a proxy shows the page. language: by default that
    of each visitor's browser. room: whether there is a second page, with what all have rated.
    Raises SaelibError where nothing can be served there.
    """
    logging.getLogger("tornado").setLevel(logging.CRITICAL)  # who is refused is no trouble
    token, room_token = secrets.token_urlsafe(), secrets.token_urlsafe() if room else ""
    name = host or (own_address() if ip == "0.0.0.0" else ip)
    start = host.rstrip("/") if "//" in host else f"http://{name}:{port}"
    link = f"{start}/?token={token}"

    async def run() -> None:
        # With more threads, numpy takes more memory and is no sooner done.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        named = (urlsplit(start).hostname or "") if host else ""
        app = application(recommender, link, room_token, named, language, visitors)
        if port >= 2**16:
            raise ValueError(_("a port goes from 1 to 65535"))
        app.listen(port, ip, max_body_size=10_000)
        print(_("The panel opens in a browser with this link: {link}").format(link=link))
        if ip == "0.0.0.0":
            print(_("Whoever is in this network gets in with the link, by telephone with this:"))
            segno.make(link, error="l").terminal(compact=True)
        if room:
            table = f"{start}/room?token={room_token}"
            print(_("The table of the room, for the projector: {link}").format(link=table))
        print(_("Ctrl-C ends it."), flush=True)
        if open_browser:
            webbrowser.open(link)
        await asyncio.Event().wait()

    try:
        with speaking(language or ENGLISH), suppress(KeyboardInterrupt):
            asyncio.run(run())
    except (OSError, ValueError) as error:
        said = _("There is no page at {start} ({error}); try another --ip, --port or --host.")
        raise SaelibError(said.format(start=start, error=error)) from None
