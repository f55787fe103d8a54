"""The page: who is let in and how many, what its socket answers, and that nobody disturbs others.

Requests are written by hand here; a browser opens the page in test_browser.py.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import socket
import time
import weakref

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.websocket import WebSocketClientConnection, websocket_connect

from saelib.errors import SaelibError
from saelib.panel import page
from saelib.panel.page import application, own_address, serve

TOKEN = "the-token"


class Site:
    """A page that is served in this process, and a browser that says what it is told to say."""

    def __init__(self, app, port: int):
        self.visitors, self.port = app.settings["visitors"], port

    async def get(self, path: str = f"/?token={TOKEN}", **headers: str):
        """Status, text and headers of an answer; a header foo_bar is sent as Foo-Bar."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = HTTPRequest(f"http://localhost:{self.port}{path}", headers=named)
        answer = await AsyncHTTPClient().fetch(request, raise_error=False)
        return answer.code, answer.body.decode(), answer.headers

    async def visit(self, token: str = TOKEN, **headers: str) -> WebSocketClientConnection:
        """Open the socket, as page.js does; raises HTTPClientError where it is refused."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        link = f"ws://localhost:{self.port}/visit?token={token}"
        limits = {"max_message_size": 2**30, "ping_interval": None}
        return await websocket_connect(HTTPRequest(link, headers=named), **limits)

    async def until(self, n: int) -> None:
        """Wait until there are n visitors."""
        for _ in range(100):
            if len(self.visitors) == n:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{len(self.visitors)} visitors, not {n}")


@pytest.fixture
def site(recommender):
    """Serve the page and do what a test does there: `site(act, visitors=2)` runs act(Site)."""

    def run(act, **options) -> None:
        async def served() -> None:
            app = application(recommender, TOKEN, **options)
            listening, port = bind_unused_port()
            server = HTTPServer(app, max_body_size=10_000)
            server.add_sockets([listening])
            try:
                await act(Site(app, port))
            finally:
                server.stop()
                await server.close_all_connections()

        asyncio.run(served())

    return run


async def ask(visit: WebSocketClientConnection, **message) -> dict:
    await visit.write_message(json.dumps(message))
    return json.loads(await visit.read_message())


def test_the_link_opens_a_page_that_asks_no_other_host_and_stands_behind_any_path(site):
    async def act(site):
        status, text, headers = await site.get()
        assert status == 200
        assert headers["Content-Security-Policy"].startswith(
            "default-src 'none'; script-src 'self'"
        )
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
        links = re.findall(r'(?:src|href)="([^"]*)"', text)
        assert links == ["data:,", "panel.css", "page.js"]
        for name in ("panel.css", "page.js", "panel.js"):
            status, text, _ = await site.get(f"/{name}")
            assert status == 200
            assert not re.search(r"https?://", text)

    site(act)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *((path, 403) for path in ("/", "/?1", "/?token=", "/?token=wrong", "/?token=THE-TOKEN")),
        *((path, 403) for path in ("/visit", "/visit?token=%20the-token2", "/?token=%C3%A4")),
        ("/?token=%ff", 400),
        *((path, 404) for path in ("/lab", "/page.py", "/../desk.py", "/panel.js/x", "//panel.js")),
        (f"/visit?token={TOKEN}", 400),
    ],
)
def test_without_the_link_nobody_gets_in(site, path, status):
    async def act(site):
        code, text, _ = await site.get(path)
        assert code == status
        assert "Traceback" not in text
        assert ("whole link that was printed" in text) == (status == 403)
        assert not site.visitors

    site(act)


NAVIGATE = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost.evil.example:80"}, 403),
        ({"Host": "192.168.1.7:8866"}, 200),
        ({"Host": "[::1]:8866"}, 200),
        ({"Host": socket.gethostname().upper()}, 200),
        ({"Host": "hub.example.org"}, 200),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}, 403),
        ({"Sec_Fetch_Site": "same-site", "Sec_Fetch_Dest": "image"}, 403),
        ({"Sec_Fetch_Site": "cross-site"} | NAVIGATE | {"Sec_Fetch_Dest": "iframe"}, 403),
        ({"Sec_Fetch_Site": "cross-site"} | NAVIGATE, 200),
        ({"Sec_Fetch_Site": "none"} | NAVIGATE, 200),
        ({"Sec_Fetch_Site": "same-origin"}, 200),
    ],
)
def test_the_page_has_its_own_names_and_is_in_no_other_site(site, headers, status):
    async def act(site):
        assert (await site.get(**headers))[0] == status

    site(act, host="hub.example.org")


@pytest.mark.parametrize(
    ("token", "headers", "refused"),
    [
        ("", {}, True),
        ("wrong", {}, True),
        (TOKEN, {"Origin": "http://evil.example"}, True),
        (TOKEN, {"Origin": "http://localhost:1"}, True),
        (TOKEN, {"Origin": "null"}, True),
        (TOKEN, {"Origin": "http://evil.example", "Host": "evil.example"}, True),
        (TOKEN, {"Origin": "https://hub.example.org", "Host": "localhost:8866"}, False),
        (TOKEN, {"Origin": "https://hub.example.org", "Host": "hub.example.org"}, False),
        (TOKEN, {}, False),
    ],
)
def test_the_socket_is_open_to_its_page_only(site, token, headers, refused):
    async def act(site):
        if refused:
            with pytest.raises(HTTPClientError) as error:
                await site.visit(token, **headers)
            assert error.value.code == 403
        else:
            visit = await site.visit(token, **headers)
            assert "words" in await ask(visit, do="look")
        assert len(site.visitors) == (not refused)

    site(act, host="hub.example.org")


def test_a_visitor_has_a_desk_of_their_own_that_goes_with_them(site):
    async def act(site):
        one, other = await site.visit(), await site.visit()
        first = await ask(one, do="look", n=1)
        assert {*first} == {"words", "view"}
        film = first["view"]["table"][0]["id"]
        view = (await ask(one, do="rate", film=film, stars=5, n=2))["view"]
        assert (view["heard"], len(view["list"])) == (2, 10)
        assert not (await ask(other, do="look"))["view"]["told"]
        desks = [weakref.ref(visit.desk) for visit in site.visitors]
        assert len(desks) == 2
        one.close()
        other.close()
        await site.until(0)
        await asyncio.sleep(0.1)
        gc.collect()
        assert [desk() for desk in desks] == [None, None]

    site(act)


def test_a_place_is_given_back_whatever_happens(site, monkeypatch):
    """Two places: what fails before a visit, while it begins, and in its midst frees them."""

    async def act(site):
        for path in (f"/?token={TOKEN}&template=%ff", f"/visit?token={TOKEN}", "/visit"):
            for _ in range(5):
                await site.get(path)
        for _ in range(3):
            with pytest.raises(HTTPClientError):
                await site.visit(Origin="http://evil.example")
        assert not site.visitors

        first, second = await site.visit(), await site.visit()
        assert "words" in await ask(first, do="look")
        status, text, _ = await site.get()
        assert status == 503
        assert "All places are taken" in text
        with pytest.raises(HTTPClientError) as full:
            await site.visit()
        assert full.value.code == 503

        with monkeypatch.context() as broken:
            broken.setattr(page, "Desk", None)
            await second.write_message('{"do": "look"}')
            assert await second.read_message() is None, "its socket is closed"
        await site.until(1)
        third = await site.visit()
        assert "words" in await ask(third, do="look")
        third.stream.close()  # without a word
        await site.until(1)
        assert "view" in await ask(first, do="more")

    site(act, visitors=2)


def test_a_message_of_100_megabytes_ends_its_visit_alone(site):
    async def act(site):
        one, other = await site.visit(), await site.visit()
        await ask(other, do="look")
        began = time.monotonic()
        try:
            await one.write_message("x" * 100_000_000)
            assert await one.read_message() is None
        except Exception as error:  # the connection is closed while it still writes
            assert "Closed" in type(error).__name__
        await site.until(1)
        assert "view" in await ask(other, do="more")
        assert time.monotonic() - began < 30
        await ask(await site.visit(), do="look")

    site(act)


OTHERS = [
    "no JSON",
    "",
    b"\xff\xfe",
    b"\x00" * 1000,
    "[" * 100_000,
    '{"do": ' * 50_000,
    "NaN",
    '{"do": "look", "do": 5}',
    '{"header": {"msg_type": "execute_request"}, "content": {"code": "open(\'/tmp/x\')"}}',
    '{"header": {"msg_type": "debug_request"}, "channel": "control"}',
    '{"do": "words"}',
    '{"do": "hear", "message": {"do": "look"}}',
    '{"do": "_view", "said": "", "alert": ""}',
    '{"do": "session.restart"}',
]


def test_all_but_the_panels_own_messages_is_refused_in_one_line(site):
    async def act(site):
        visit = await site.visit()
        before = (await ask(visit, do="look"))["view"]
        for message in OTHERS:
            await visit.write_message(message, binary=isinstance(message, bytes))
            view = json.loads(await visit.read_message())["view"]
            assert view["alert"] == "The panel does not know this message.", message
            assert view["profile"] == before["profile"]
        assert (await ask(visit, do="look"))["view"] == before
        stranger = await site.visit()
        await stranger.write_message("no JSON")
        assert {*json.loads(await stranger.read_message())} == {"words", "view"}

    site(act)


def test_a_thousand_messages_a_second_disturb_nobody_else(site):
    async def act(site):
        hasty, other = await site.visit(), await site.visit()
        await ask(other, do="look")
        for n in range(1000):
            await hasty.write_message(f'{{"do": "search", "text": "film {n}", "n": {n}}}')
        began, longest = time.monotonic(), 0.0
        while time.monotonic() - began < 2:
            asked = time.monotonic()
            await ask(other, do="others")
            longest = max(longest, time.monotonic() - asked)
        assert longest < 1
        heard = 0
        while (time.monotonic() - began) < 3 and await hasty.read_message():
            heard += 1
        assert 10 < heard < page.BURST + 4 / page.PAUSE

    site(act)


@pytest.mark.parametrize(
    ("asked", "chosen", "spoken"),
    [
        ({}, "", "en"),
        ({"Accept_Language": "es-MX,es;q=0.9,en;q=0.8"}, "", "es"),
        ({"Accept_Language": "fr,es;q=0.5,en;q=0.3"}, "", "es"),
        ({"Accept_Language": "../es;q=x,,"}, "", "en"),
        ({"Accept_Language": "en"}, "es", "es"),
    ],
)
def test_each_visitor_is_spoken_to_in_the_language_of_their_browser(site, asked, chosen, spoken):
    async def act(site):
        for path in (f"/?token={TOKEN}", "/"):
            assert f'<html lang="{spoken}">' in (await site.get(path, **asked))[1]
        words = (await ask(await site.visit(**asked), do="look"))["words"]
        assert words["texts"]["Undo"] == {"en": "Undo", "es": "Deshacer"}[spoken]

    site(act, language=chosen)


@pytest.fixture
def served(recommender, monkeypatch, capsys):
    """What is printed by `serve`, which ends as soon as it would open the browser."""

    def run(**options) -> tuple[str, str]:
        def stop(link: str) -> None:
            opened.append(link)
            raise KeyboardInterrupt

        opened: list[str] = []
        monkeypatch.setattr(page.webbrowser, "open", stop)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        serve(recommender, **{"port": port} | options)
        return opened[0].replace(str(port), "PORT"), capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({}, "http://localhost:PORT/?token="),
        ({"ip": "127.0.0.1"}, "http://127.0.0.1:PORT/?token="),
        ({"ip": "0.0.0.0"}, f"http://{own_address()}:PORT/?token="),
        ({"host": "films.example.org"}, "http://films.example.org:PORT/?token="),
        ({"host": "https://hub.org/user/a/proxy/9/"}, "https://hub.org/user/a/proxy/9/?token="),
    ],
)
def test_the_link_is_printed_and_for_a_class_as_a_picture_for_telephones(served, options, start):
    link, said = served(**options)
    assert link.startswith(start)
    assert len(link) > len(start) + 40
    assert link.partition("?")[2] in said
    assert ("▄" in said) == (options.get("ip") == "0.0.0.0")
    assert served(**options)[0] != link, "each start has a token of its own"


def test_what_cannot_be_served_is_said(served):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for options in ({"port": port, "ip": "127.0.0.1"}, {"port": 70_000}, {"ip": "203.0.113.9"}):
            with pytest.raises(SaelibError, match="There is no page at --ip"):
                served(**options)
    with pytest.raises(SaelibError, match="klingon"):
        served(language="klingon")
