"""Who is let in to the page, from where: addresses, names of this machine, and the token."""

from __future__ import annotations

import socket
from inspect import isawaitable
from ipaddress import ip_address

from jupyter_server.auth.identity import IdentityProvider, User
from tornado import locale
from tornado.web import HTTPError, RequestHandler
from traitlets import Unicode

from saelib.errors import SaelibError
from saelib.language import ENGLISH, FOLDER, _, speak

LOCAL = "localhost"
EVERYWHERE = ("0.0.0.0", "::", "")


# What the headers of browsers are compared with.
locale.set_default_locale(ENGLISH)
locale.load_gettext_translations(str(FOLDER), "saelib")


class RefusalError(HTTPError):
    """An answer that a person reads: what it is, and what they can do."""

    def __init__(self, status: int, title: str, text: str):
        super().__init__(status, text)
        self.title = title


class Door(IdentityProvider):
    """Lets in who has the token of the link, and then the same browser by its cookie.

    Browsers say where a request comes from. Another site may open the link, but it can neither
    load the page as a picture or a frame, nor use the visitor's cookie. Every request passes here:
    from here on, its answer is in the visitor's language.
    """

    login_available = logout_available = False
    lang = Unicode(config=True, help="The language that is spoken; '': that of each browser.")

    async def get_user(self, handler: RequestHandler) -> User:
        handler.current_user = None  # until it is known; the page that refuses asks for it
        speak(self.lang or handler.get_browser_locale(ENGLISH).code)
        # A foreign name that leads here (DNS rebinding) would make a foreign page one of ours.
        if not ours_by_name(handler.request.host_name):
            raise RefusalError(403, _("This page has another name"), "")
        found = super().get_user(handler)
        user = await found if isawaitable(found) else found
        site, use = map(handler.request.headers.get, ("Sec-Fetch-Site", "Sec-Fetch-Dest"))
        ours = site in (None, "none", "same-origin")
        link = use == "document" and self.is_token_authenticated(handler)
        if user is None or not (ours or link):
            raise RefusalError(
                403,
                _("This page needs its link"),
                _(
                    "The panel opens with the whole link that was printed where it was started, "
                    "the token at its end included. Each start has another one."
                ),
            )
        return user


def ours_by_name(host: str) -> bool:
    """Whether a Host header can be meant for this machine: an address, or a name that it has."""
    own = socket.gethostname().lower()
    try:
        return bool(ip_address(host.strip("[]")))
    except ValueError:
        return host.lower() in {LOCAL, own, f"{own}.local"}


def check_address(ip: str) -> None:
    """Raises SaelibError where a server could not listen at this address."""
    try:
        found = socket.getaddrinfo(ip or None, 0, flags=socket.AI_PASSIVE)[0]
        with socket.socket(found[0], socket.SOCK_STREAM) as probe:
            probe.bind(found[-1])
    except OSError as error:
        raise SaelibError(
            _(
                "--ip {ip} is no address of this machine ({error}); 0.0.0.0 means all that it has, "
                "127.0.0.1 this machine only."
            ).format(ip=ip, error=error)
        ) from error


def own_address() -> str:
    """This machine's address in its network; its name where that cannot be told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # for documentation, RFC 5737; nothing is sent
            return probe.getsockname()[0]
        except OSError:
            return socket.gethostname()
