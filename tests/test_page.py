"""The page without code: who is let in, how many, what is served, and when a kernel ends.

Requests are written by hand here; a browser opens the page in test_browser.py.
"""

from __future__ import annotations

import asyncio
import gc
import http.client
import re
import socket
import sys
from pathlib import Path
from urllib.parse import urlparse

import comm
import nbformat
import pytest
from servers import free_port, kernels, server, wait_for
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from saelib import cli
from saelib.cli import main
from saelib.data import releases
from saelib.panel.door import ours_by_name, own_address
from saelib.panel.kernels import LANGUAGE, MODEL
from saelib.panel.page import notebook

# Few visitors and little patience, so that a test need not wait.
SERVE = """
import sys
from pathlib import Path
from saelib.panel.page import serve

port = int(sys.argv[3].partition("=")[2])
serve(
    Path(sys.argv[2]), port, open_browser=False, visitors={visitors}, idle={idle}, ip="{ip}",
    lang={lang!r},
)
"""


def command(
    model: Path,
    *,
    idle: int = 60,
    visitors: int = 2,
    ip: str = "localhost",
    lang: str | None = None,
) -> tuple:
    """Arguments of a Python that serves the page."""
    code = SERVE.format(idle=idle, visitors=visitors, ip=ip, lang=lang)
    return ("-c", code, "panel", str(model))


pytestmark = pytest.mark.slow  # each starts a server


class Guest:
    """Speaks HTTP to the page, with a cookie jar that is told what to hold."""

    def __init__(self, link: str):
        self.address = urlparse(link)
        self.token = self.address.query
        self.cookies: dict[str, str] = {}

    def get(self, path: str, method: str = "GET", body: str | None = None, **headers: str):
        """Status and text; a header foo_bar is sent as Foo-Bar."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            named["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        connection = http.client.HTTPConnection(
            self.address.hostname, self.address.port, timeout=60
        )
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, value = re.match("(.*?)=(.*?);", line).groups()
            assert "samesite=strict" in line.lower()
            self.cookies[name] = value
        connection.close()
        return answer.status, text

    def enter(self) -> str:
        """Open the page by its link; return the id of its kernel."""
        status, page = self.get(f"/?{self.token}")
        assert status == 200
        return re.search('"kernelId": "([^"]+)"', page)[1]

    def leave(self, kernel: str, xsrf: str) -> int:
        """What the page sends when it is closed; return the status."""
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        return self.get(f"/voila/api/shutdown/{kernel}", "POST", f"_xsrf={xsrf}", **form)[0]

    def connect(self, kernel: str, **headers: str) -> None:
        """Open the kernel's socket, as the page does; raises HTTPClientError if refused."""
        jar = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        url = f"ws://{self.address.netloc}/api/kernels/{kernel}/channels?session_id=me"

        async def once():
            request = HTTPRequest(url, headers={"Cookie": jar} | headers)
            (await websocket_connect(request)).close()

        asyncio.run(once())


@pytest.fixture(scope="module")
def model(bundle, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "it's a model.safetensors"
    bundle.save(path)
    return path


@pytest.fixture(scope="module")
def started(model, tmp_path_factory):
    """Process and link of a page for two visitors."""
    with server(tmp_path_factory.mktemp("page"), *command(model)) as running:
        yield running


@pytest.fixture(scope="module")
def visitor(started) -> tuple[Guest, str]:
    """Somebody who has opened the page, and their kernel."""
    guest = Guest(started[1])
    return guest, guest.enter()


@pytest.mark.parametrize(("spoken", "undo"), [("en", "Undo"), ("es", "Deshacer")])
def test_the_notebook_behind_the_page_is_one_cell_that_opens_the_model(
    bundle, model, monkeypatch, spoken, undo
):
    monkeypatch.setenv(MODEL, str(model))
    monkeypatch.setenv(LANGUAGE, spoken)
    monkeypatch.delitem(sys.modules, "saelib.panel.ready", raising=False)
    made = notebook()
    nbformat.validate(made)
    [cell] = made.cells
    names: dict = {}
    exec(cell.source.replace("\npanel()", "\nmade = panel()"), names)
    gc.unfreeze()  # this process goes on
    assert names["made"].session.recommender.dataset == bundle.dataset
    assert names["made"].watch.undo.description == undo
    names["made"].close()
    targets = comm.get_comm_manager().targets  # of ipykernel, which the module has imported
    assert "jupyter.widget.control" in targets, "the page gets all widgets at once"


def test_a_missing_or_damaged_model_is_named_before_the_page_opens(tmp_path, capsys):
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"no model")
    for path in (tmp_path / "nowhere.safetensors", damaged):
        with pytest.raises(SystemExit) as ended:
            main(["panel", "--model", str(path), "--no-browser"])
        assert ended.value.code == 1
        assert path.name in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        *(("--port", port, "must be from 1 to 65535") for port in ("-1", "0", "65536", "70000")),
        ("--visitors", "0", "must be at least 1"),
    ],
)
def test_an_option_out_of_range_is_named_before_anything_starts(option, value, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["panel", "--model", "nowhere.safetensors", "--no-browser", option, value])
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"Error: {option} {message}; got {value}.\n"


def test_a_port_in_use_is_said_and_the_link_is_that_of_another(model, tmp_path):
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        with server(tmp_path, *command(model), port=port) as (_, link):
            found = urlparse(link).port
            assert port < found < port + 50
            said = (tmp_path / "server.log").read_text()
            assert f"Port {port} is in use; the page has port {found}." in said
            assert Guest(link).get("/")[0] == 403


@pytest.mark.parametrize("path", ["/", "/?1", "/?token=", "/?token=wrong", "/lab", "/login"])
def test_without_the_token_nobody_gets_in(started, visitor, path):
    process, link = started
    before = len(kernels(process))
    status, page = Guest(link).get(path)
    assert status == 403
    assert "whole link that was printed" in page
    assert "Traceback" not in page
    assert len(kernels(process)) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "image"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "iframe"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "empty"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Dest": "image"},  # another port of this machine
        {"Host": "evil.example"},
        {"Host": "evil.example:8866"},
        {"Host": "localhost.evil.example"},
        {"Host": "192.168.1.7"},
    ],
)
def test_another_site_starts_no_kernel_even_with_token_and_cookie(started, visitor, headers):
    process, _ = started
    guest, _ = visitor
    before = len(kernels(process))
    for path in ("/", f"/?{guest.token}"):
        assert guest.get(path, **headers)[0] == 403
    assert len(kernels(process)) == before


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        (None, "en"),
        ("es", "es"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("en-GB,en;q=0.9,es;q=0.8", "en"),
        ("fr,es;q=0.5,en;q=0.3", "es"),
        ("fr,de", "en"),
        ("*", "en"),
        ("../es;q=x,,", "en"),
    ],
)
def test_the_page_speaks_the_language_of_the_browser(started, visitor, asked, spoken):
    headers = {"Accept_Language": asked} if asked else {}
    said = {
        "en": ("This page needs its link", "The panel has one page only.", "Not Found"),
        "es": (
            "Esta página necesita su enlace",
            "El panel solo tiene una página.",
            "No se encuentra",
        ),
    }[spoken]
    guest = visitor[0]
    refused, unknown = Guest(started[1]).get("/", **headers), guest.get("/other", **headers)
    assert (refused[0], unknown[0]) == (403, 404)
    for page, words in ((refused[1], said[:1]), (unknown[1], said[1:])):
        assert f'<html lang="{spoken}">' in page
        assert all(word in page for word in words)


def test_each_visitor_has_a_page_in_their_language_unless_it_was_chosen(model, tmp_path):
    english, spanish = (
        "Rate films, get recommendations",
        "Valora películas y recibe recomendaciones",
    )

    def seen(guest: Guest, asked: str) -> str:
        status, page = guest.get(f"/?{guest.token}", Accept_Language=asked)
        assert status == 200
        assert "Running" not in page
        return page

    with server(tmp_path, *command(model)) as (_, link):
        for name, title in (("en", english), ("es", spanish)):
            page = seen(Guest(link), name)
            assert f'<html lang="{name}">' in page
            assert f"<title>{title}</title>" in page
        full = Guest(link).get(f"/?{urlparse(link).query}", Accept_Language="es")
        assert full[0] == 503
        assert "Todos los sitios están ocupados" in full[1]
        assert "sitio para 2 visitantes" in full[1]
        assert "Inténtalo otra vez" in full[1]
    (tmp_path / "chosen").mkdir()
    with server(tmp_path / "chosen", *command(model, lang="es")) as (_, link):
        page = seen(Guest(link), "en")
        assert '<html lang="es">' in page
        assert f"<title>{spanish}</title>" in page


def test_a_link_to_the_page_needs_the_token_in_it(started, visitor):
    guest, kernel = visitor
    clicked = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "document"}
    assert guest.get("/", **clicked)[0] == 403
    assert guest.get(f"/api/kernels/{kernel}", Sec_Fetch_Site="same-origin")[0] == 200
    other = Guest(started[1])
    status, page = other.get(f"/?{other.token}", **clicked)
    assert status == 200
    other.leave(re.search('"kernelId": "([^"]+)"', page)[1], other.cookies["_xsrf"])


def test_the_socket_of_a_kernel_is_open_to_its_page_only(started, visitor):
    guest, kernel = visitor
    ours = f"http://localhost:{guest.address.port}"
    guest.connect(kernel, Origin=ours)
    foreign = {"Origin": "http://evil.example", "Host": "evil.example"}
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
        foreign,
        foreign | {"Host": f"evil.example:{guest.address.port}"},
        {"Origin": ours, "Sec-Fetch-Site": "cross-site"},
    ):
        with pytest.raises(HTTPClientError) as refused:
            guest.connect(kernel, **headers)
        assert refused.value.code == 403, headers
    with pytest.raises(HTTPClientError) as refused:
        Guest(started[1]).connect(kernel, Origin=ours)
    assert refused.value.code == 403


@pytest.mark.parametrize("place", ["", "/voila", "/files", "/voila/files", "/voila/static", "/api"])
def test_no_file_of_the_machine_is_served(visitor, model, place):
    guest, _ = visitor
    model_path = str(model).replace(" ", "%20")
    ups = ("../" * 12, "..%2f" * 12, "%2e%2e/" * 12, "....//" * 12, "/", "static/" + "../" * 12)
    for up in ups:
        for file in ("etc/passwd", model_path.lstrip("/")):
            status, text = guest.get(f"{place}/{up}{file}")
            assert status >= 300, (place, up, file)
            assert "root:" not in text


@pytest.mark.parametrize(
    "path",
    [
        *("/voila/files/rate-films.ipynb", "/files/rate-films.ipynb", "/rate-films.ipynb"),
        *("/api/contents", "/api/contents/rate-films.ipynb", "/voila/api/contents/", "/api"),
        *("/api/kernels", "/api/kernelspecs", "/api/sessions", "/api/terminals", "/terminals/1"),
        *("/voila/tree", "/voila/render/rate-films.ipynb", "/static/", "/voila/static/"),
        "/voila/templates/../../../../../etc/passwd",
    ],
)
def test_nothing_of_jupyter_but_the_page_is_there(visitor, path):
    guest, kernel = visitor
    status, text = guest.get(path)
    assert status in (403, 404, 500)
    assert "Recommender.load" not in text
    assert kernel not in text


def test_beyond_the_places_a_page_says_so_until_somebody_leaves(started, visitor):
    process, link = started
    second, third = Guest(link), Guest(link)
    kernel = second.enter()
    status, page = third.get(f"/?{third.token}")
    assert status == 503
    assert "All places are taken" in page
    assert "so many visitors at once: 2" in page
    assert len(kernels(process)) == 2
    assert second.leave(kernel, "wrong") == 403
    assert second.leave(kernel, second.cookies["_xsrf"]) == 204
    wait_for(lambda: len(kernels(process)) == 1, "the kernel to end", 20)
    kernel = third.enter()
    assert third.leave(kernel, third.cookies["_xsrf"]) == 204


def test_visitors_who_come_at_once_are_counted_before_their_kernels_are_there(model, tmp_path):
    async def crowd(n: int, link: str) -> list[int]:
        return await asyncio.gather(
            *(asyncio.to_thread(lambda: Guest(link).get(f"/?{token}")[0]) for _ in range(n))
        )

    with server(tmp_path, *command(model)) as (process, link):
        token = urlparse(link).query
        assert sorted(asyncio.run(crowd(5, link))) == [200, 200, 503, 503, 503]
        assert len(kernels(process)) == 2


def test_a_kernel_that_no_page_is_connected_to_ends(model, tmp_path):
    with server(tmp_path, *command(model, idle=1)) as (process, link):
        Guest(link).enter()
        wait_for(lambda: not kernels(process), "the kernel to be ended", 20)
        Guest(link).enter()


def test_kernels_share_what_all_of_them_need(model, tmp_path):
    """A visitor's own memory is a fraction of what a kernel holds; the model is read once."""
    with server(tmp_path, *command(model, visitors=4)) as (process, link):
        for _ in range(3):
            Guest(link).enter()
        memory = [kernel.memory_full_info() for kernel in kernels(process)]
        assert len(memory) == 3
        for of_one in memory:
            assert of_one.pss < 130e6
            assert of_one.uss < of_one.rss / 2


def test_kernels_end_with_a_server_that_is_killed(model, tmp_path):
    with server(tmp_path, *command(model)) as (process, link):
        Guest(link).enter()
        [kernel] = kernels(process)
        process.kill()
        wait_for(lambda: not kernel.is_running(), "the kernel to end", 10)


def test_on_a_network_the_link_has_its_address_and_says_what_it_means(model, tmp_path):
    with server(tmp_path, *command(model, ip="0.0.0.0")) as (process, link):
        address = urlparse(link).hostname
        assert address == own_address()
        said = (tmp_path / "server.log").read_text()
        assert "Whoever has this link can open it" in said
        assert "in the clear" in said
        guest = Guest(link)
        assert Guest(link).get("/")[0] == 403, "without the token"
        for host in ("evil.example", f"{address}.evil.example:8866"):
            assert guest.get(f"/?{guest.token}", Host=host)[0] == 403
        assert not kernels(process)
        kernel = guest.enter()
        guest.connect(kernel, Origin=f"http://{address}:{guest.address.port}")
        with pytest.raises(HTTPClientError):
            guest.connect(kernel, Origin="http://evil.example")


def test_without_ip_other_machines_do_not_reach_the_page(started):
    port = urlparse(started[1]).port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((own_address(), port), timeout=5).close()


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("[::1]", True),
        ("192.168.1.7", True),
        (socket.gethostname(), True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("1.2.3.4.evil.example", False),
        ("", False),
    ],
)
def test_a_name_is_ours_or_foreign(host, ours):
    assert ours_by_name(host) == ours


def test_an_address_of_another_machine_is_named_before_anything_starts(model, capsys):
    with pytest.raises(SystemExit):
        main(["panel", "--model", str(model), "--no-browser", "--ip", "192.0.2.1"])
    assert "--ip 192.0.2.1 is no address of this machine" in capsys.readouterr().err


def test_the_panel_is_of_the_newest_films_that_a_model_knows(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "model_path", lambda name, recipe="default": tmp_path / name)
    monkeypatch.setattr(
        releases, "locate", lambda name, recipe="default": name in ("ml-latest-small", "ml-100k")
    )
    assert cli._newest() == "ml-100k"
    (tmp_path / "ml-100k").touch()
    (tmp_path / "ml-1m").touch()
    assert cli._newest() == "ml-1m"
    assert capsys.readouterr().out.count("train --dataset ml-latest-small") == 2
    (tmp_path / "ml-latest-small").touch()
    assert cli._newest() == "ml-latest-small"
    assert capsys.readouterr().out == ""
    assert set(releases.LAST_YEAR) == set(releases.RELEASES)
