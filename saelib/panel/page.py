"""The rating panel as a page without code, for visitors who have never seen a notebook.

Voilà serves it. What is set here beyond its defaults: who may come in (door.py), how many at once
(`_Kernels`, `_Visit`), and that nothing is fetched from elsewhere (templates/).
"""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import secrets
import tempfile
import webbrowser
from pathlib import Path

import nbformat
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError
from traitlets import Bool, Integer
from traitlets.config import Config
from voila.app import Voila
from voila.tornado.handler import TornadoVoilaHandler

from saelib.language import _, current, later
from saelib.panel.door import EVERYWHERE, LOCAL, Door, RefusalError, check_address, own_address
from saelib.panel.kernels import LANGUAGE, prepare

TEMPLATES = Path(__file__).with_name("templates") / "page"
VISITORS = 40  # at once, a class and some more: each has a kernel of about 60 MB
# Seconds after which the kernel of a page that vanished without a word is ended: a telephone that
# is put away for ten minutes, or a laptop that is carried to another room, finds its panel again.
IDLE = 600
# The titles of answers that are not ours, but Jupyter's.
TITLES = (
    later("Bad Request"),
    later("Forbidden"),
    later("Not Found"),
    later("Method Not Allowed"),
    later("Internal Server Error"),
)


def notebook() -> nbformat.NotebookNode:
    """The notebook behind the page: one cell, the panel over the model of `kernels.prepare`."""
    code = "from saelib.panel.ready import panel\n\npanel()"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    return made


def say_around(handler: TornadoVoilaHandler, notebook: nbformat.NotebookNode, cwd: str) -> None:
    """Put what the page says around the panel into its notebook, in the visitor's language."""
    notebook.metadata["title"] = _("Rate films, get recommendations")
    notebook.metadata["patience"] = _("One moment: your panel is being set up …")


def serve(
    model: Path,
    port: int,
    *,
    open_browser: bool = True,
    dark: bool = False,
    ip: str = LOCAL,
    visitors: int = VISITORS,
    idle: int = IDLE,
    lang: str | None = None,
) -> None:
    """Serve the panel until it is stopped (Ctrl-C): to this machine, unless `ip` says otherwise.

    ip: the address to listen at; 0.0.0.0 is every network that this machine is in. The link is
    printed, with a token without which nobody gets in; where the port (1 to 65535) is in use, it
    has the next free one. Each visitor has a kernel of their own: nobody sees what
    another one told. A page that is closed or reloaded ends its kernel, and with it everything
    that was told is forgotten; where a page could not say so, since the browser has crashed or the
    network is gone, its kernel ends `idle` seconds after it was last used. The kernel of an open
    page stays. visitors: how many there may be at once; others are told to come back. lang: the
    language of the page; None: that of each visitor's browser, English where we do not speak it.
    """
    ip = LOCAL if ip in ("127.0.0.1", "::1") else ip
    check_address(ip)
    prepare(model)
    logging.getLogger("tornado").setLevel(logging.ERROR)  # who is refused is no trouble
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rate-films.ipynb"
        nbformat.write(notebook(), path)
        config = {
            "Voila": {
                "notebook_path": str(path),
                "port": port,
                "ip": ip,
                "opens": open_browser,
                "log_level": "ERROR",
                "token": secrets.token_urlsafe(),
                "identity_provider_class": Door,
                "tornado_settings": {
                    # `Door` looks at the Host header where other machines may ask, too.
                    "allow_remote_access": ip != LOCAL,
                    "xsrf_cookie_kwargs": {"samesite": "Strict"},
                },
            },
            "VoilaConfiguration": {
                "theme": "dark" if dark else "light",
                "allow_theme_override": "NO",
                "allow_template_override": "NO",
                "file_allowlist": [],
                "multi_kernel_manager_class": _Kernels,
                "prelaunch_hook": say_around,
            },
            "Door": {"lang": lang or ""},
            "IdentityProvider": {"cookie_options": {"samesite": "Strict"}},
            "MappingKernelManager": {
                "places": visitors,
                "transport_encryption": "auto",  # else each kernel warns on the terminal
                "cull_idle_timeout": idle,  # while no page is connected
                "cull_interval": max(1, idle // 10),
            },
            # One that was started again would know nothing of its page.
            "KernelRestarter": {"restart_limit": 0},
        }
        _Page.launch_instance([], config=Config(config), config_file_paths=[])


class _Page(Voila):
    """Voilà with our templates, which says in two lines where it is."""

    opens = Bool(config=True, help="Whether to open the link in a browser.")

    def setup_template_dirs(self) -> None:
        super().setup_template_dirs()
        self.template_paths.insert(0, str(TEMPLATES))

    def init_handlers(self) -> list:
        *others, (path, *_visit, options) = super().init_handlers()
        return [*others, (path, _Visit, options)]

    def init_settings(self) -> dict:
        settings = super().init_settings()
        settings["voila_jinja2_env"].globals.update(_=_, language=current)
        return settings

    def random_ports(self, port: int, n: int) -> range:
        return range(port, min(port + n, 2**16))

    def launch_browser(self) -> None:
        """Say where the page is, now that it has a port, and open it if so wished."""
        wanted = self.config.Voila.port
        if self.port != wanted:
            in_use = _("Port {wanted} is in use; the page has port {port}.")
            print(in_use.format(wanted=wanted, port=self.port))
        address = own_address() if self.ip in EVERYWHERE else self.ip
        link = f"http://{address}:{self.port}/?token={self.identity_provider.token}"
        if self.ip == LOCAL:
            print(_("The panel, for browsers on this machine: {link}").format(link=link))
        else:
            print(
                _(
                    "The panel, for browsers on this network: {link}\n"
                    "Whoever has this link can open it; what is told there travels the network in "
                    "the clear.\nNobody else gets in, and no visitor sees what another one told."
                ).format(link=link)
            )
        print(_("Ctrl-C ends it."), flush=True)
        if self.opens:
            webbrowser.open(link)


class _Kernels(AsyncMappingKernelManager):
    """The visitors' kernels."""

    places = Integer(config=True, help="How many visitors there may be at once.")

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.expected = 0  # visitors whose kernel is not there yet
        # One after the other is sooner served than all at the same time.
        self.turns = asyncio.Semaphore(os.cpu_count() or 1)

    async def start_kernel(self, **kwargs) -> str:  # type: ignore[override]  # as its base does
        kwargs["env"] = {**kwargs.get("env", os.environ), LANGUAGE: current()}
        try:
            return await super().start_kernel(**kwargs)
        finally:
            self.expected -= 1


class _Visit(TornadoVoilaHandler):
    """A visitor comes: is there a place?"""

    left = False
    traitlet_config: Config

    async def get(self, path: str | None = None) -> None:
        if path:  # Voilà would look for a file
            raise HTTPError(404, _("The panel has one page only."))
        kernels = self.kernel_manager
        if len(kernels) + kernels.expected >= kernels.places:
            raise RefusalError(
                503,
                _("All places are taken"),
                _(
                    "The panel has places for so many visitors at once: {n}, since each needs "
                    "memory. One is free as soon as somebody closes the page."
                ).format(n=kernels.places),
            )
        self.xsrf_token  # noqa: B018 - a cookie; the page needs it to end its kernel
        self.traitlet_config = copy.deepcopy(self.traitlet_config)
        self.traitlet_config.HTMLExporter.language_code = current()
        kernels.expected += 1
        async with kernels.turns:
            if self.left:
                kernels.expected -= 1
            else:
                await super().get()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.left = True
