"""The page: who is let in and how many, what its socket answers, and that nobody disturbs others.

Requests are written by hand here; a browser opens the page in test_browser.py.
"""

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
from tornado.websocket import websocket_connect

from saelib.errors import SaelibError
from saelib.panel import page
from saelib.panel.page import application, own_address, serve

pytestmark = pytest.mark.anyio

HERE, VISIT, HUB = "/?token=the-token", "/visit?token=the-token", "hub.example.org"
NAVIGATE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
OTHER = {"Sec-Fetch-Site": "cross-site"}


class Site:
    """A page that is served in this process, and a browser that says what it is told to say."""

    def __init__(self, settings: dict, port: int):
        self.settings, self.visitors, self.port = settings, settings["visitors"], port

    async def get(self, path: str = HERE, headers: dict[str, str] | None = None):
        """Status, text and headers of an answer."""
        request = HTTPRequest(f"http://localhost:{self.port}{path}", headers=headers)
        answer = await AsyncHTTPClient().fetch(request, raise_error=False)
        return answer.code, answer.body.decode(), answer.headers

    async def visit(self, path: str = VISIT, headers: dict[str, str] | None = None):
        """Open the socket and look, as page.js does. Raises HTTPClientError where refused."""
        request = HTTPRequest(f"ws://localhost:{self.port}{path}", headers=headers)
        visit = await websocket_connect(request, max_message_size=2**30, ping_interval=None)
        await visit.write_message('{"do": "look"}')
        first = await visit.read_message()  # None where the socket was closed
        visit.words = first and json.loads(first)["words"]
        visit.view = first and json.loads(await visit.read_message())["view"]
        return visit

    async def until(self, n: int) -> None:
        """Wait until there are n visitors."""
        for _ in range(100):
            if len(self.visitors) == n:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{len(self.visitors)} visitors, not {n}")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def site(recommender):
    app = application(recommender, "http://here/?token=the-token", "the-room", HUB, "", 40)
    listening, port = bind_unused_port()
    server = HTTPServer(app, max_body_size=10_000)
    server.add_sockets([listening])
    yield Site(app.settings, port)
    server.stop()
    await server.close_all_connections()


async def ask(visit, message: str | bytes = "", **told) -> dict:
    """The view that answers a message."""
    await visit.write_message(message or json.dumps(told), binary=isinstance(message, bytes))
    return json.loads(await visit.read_message())["view"]


async def test_the_page_asks_no_other_host_and_stands_behind_any_path(site):
    status, text, headers = await site.get()
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert (status, headers["Referrer-Policy"]) == (200, "no-referrer")
    links = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert links == ["data:,", "panel.css", "page.js"]
    for name in ("panel.css", "page.js", "panel.js", "room.js"):
        status, text, _ = await site.get(f"/{name}")
        assert status == 200
        assert not re.search(r"https?://", text)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        *((f"/{link}", {}, 403) for link in ("", "?1", "?token=", "?token=wrong", "?token=%C3%A4")),
        *((path, {}, 403) for path in ("/?token=THE-TOKEN", "/visit", "/visit?token=the-token2")),
        *((f"/{path}?token=the-token", {}, 403) for path in ("room", "room.json")),
        *((path, {}, 403) for path in ("/room", "/?token=the-room", "/visit?token=the-room")),
        *((path, {}, 400) for path in ("/?token=%ff", VISIT)),
        *((path, {}, 404) for path in ("/lab", "/page.py", "/../desk.py", "/panel.js/x")),
        *((HERE, {"Host": host}, 403) for host in ("evil.example", "localhost.evil.example:80")),
        *((HERE, {"Host": host}, 200) for host in ("192.168.1.7:8866", "[::1]:8866", HUB)),
        (HERE, {"Host": socket.gethostname().upper()}, 200),
        (HERE, OTHER | {"Sec-Fetch-Mode": "no-cors"}, 403),
        (HERE, OTHER | NAVIGATE | {"Sec-Fetch-Dest": "iframe"}, 403),
        (HERE, OTHER | NAVIGATE, 200),
        (HERE, {"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
async def test_the_link_opens_it_under_its_own_names_and_in_no_other_site(
    site, path, headers, status
):
    code, text, _ = await site.get(path, headers)
    assert code == status
    assert "Traceback" not in text
    assert ("whole link that was printed" in text) == (status == 403)
    assert not site.visitors


@pytest.mark.parametrize(
    ("path", "headers", "opens"),
    [
        ("/visit?token=wrong", {}, False),
        *((VISIT, {"Origin": f"http://{host}"}, False) for host in ("evil.example", "localhost:1")),
        (VISIT, {"Origin": "null"}, False),
        (VISIT, {"Origin": "http://evil.example", "Host": "evil.example"}, False),
        *((VISIT, {"Origin": f"https://{HUB}", "Host": host}, True) for host in ("localhost", HUB)),
        (VISIT, {}, True),
    ],
)
async def test_the_socket_is_open_to_its_page_only(site, path, headers, opens):
    if opens:
        assert (await site.visit(path, headers)).words
    else:
        with pytest.raises(HTTPClientError, match="403"):
            await site.visit(path, headers)
    assert len(site.visitors) == opens


async def test_a_visitor_has_a_desk_of_their_own_that_goes_with_them(site):
    one, other = await site.visit(), await site.visit()
    view = await ask(one, do="rate", film=one.view["table"][0]["id"], stars=5, n=2)
    assert (view["heard"], len(view["list"])) == (2, 10)
    assert not (await ask(other, do="look"))["told"]
    desks = [weakref.ref(visit.desk) for visit in site.visitors]
    one.close()
    other.close()
    await site.until(0)
    await asyncio.sleep(0.1)
    gc.collect()
    assert [desk() for desk in desks] == [None, None]


async def test_a_place_is_given_back_whatever_happens(site, monkeypatch):
    """Two places: what fails before a visit, while it begins, and in its midst frees them."""
    site.settings["places"] = 2
    for path in (f"{HERE}&template=%ff", VISIT, "/visit"):
        await site.get(path)
        with pytest.raises(HTTPClientError, match="403"):
            await site.visit(headers={"Origin": "http://evil.example"})
    with monkeypatch.context() as broken:
        broken.setattr(page, "Desk", None)
        assert not (await site.visit()).words, "its socket is closed"
    await site.until(0)
    first, second = await site.visit(), await site.visit()
    status, text, _ = await site.get()
    assert status == 503
    assert "All places are taken" in text
    with pytest.raises(HTTPClientError, match="503"):
        await site.visit()
    second.stream.close()  # without a word
    await site.until(1)
    assert (await site.visit()).words
    assert await ask(first, do="more")


async def test_the_table_of_the_room_has_the_rows_of_those_who_let_it(site):
    async def rows() -> list[list[float]]:
        shown = json.loads((await site.get("/room.json?token=the-room"))[1])
        return [film["ratings"] for film in shown["films"]]

    first, second = [await site.visit() for _ in range(2)]
    assert first.words["room"] and await rows() == []
    await ask(first, do="rate", film="10", stars=5)
    await ask(second, do="rate", film="10", stars=2)
    assert await rows() == [[5, 2]]
    await ask(first, do="leave out", row=True)
    await ask(first, do="rate", film="20", stars=3)
    assert await rows() == [[2]]
    await ask(first, do="leave out", row=False)
    assert await rows() == [[5, 2], [3, None]], "in the order in which they came"
    second.close()
    await site.until(1)
    assert await rows() == [[5], [3]]
    site.settings["places"] = 1
    assert (await site.get())[0] == 503
    status, text, _ = await site.get("/room?token=the-room")
    assert status == 200 and 'src="room.js"' in text, "a full page does not shut it out"


@pytest.mark.parametrize(
    "message", ["x" * 100_000_000, "no JSON", b"\xff\xfe", "[" * 100_000, '{"do": ' * 50_000]
)
async def test_a_message_of_100_megabytes_or_without_json_ends_its_visit_alone(site, message):
    one, other = await site.visit(), await site.visit()
    began = time.monotonic()
    try:
        await one.write_message(message, binary=isinstance(message, bytes))
        assert await one.read_message() is None
    except Exception as error:  # the connection is closed while it still writes
        assert "Closed" in type(error).__name__
    await site.until(1)
    assert await ask(other, do="more")
    assert time.monotonic() - began < 30
    assert (await site.visit()).words


@pytest.mark.slow
async def test_a_thousand_messages_a_second_disturb_nobody_else(site):
    hasty, other = await site.visit(), await site.visit()
    for n in range(1000):
        await hasty.write_message(f'{{"do": "search", "text": "film {n}", "n": {n}}}')
    began, longest, heard = time.monotonic(), 0.0, 0
    while time.monotonic() - began < 2:
        asked = time.monotonic()
        await ask(other, do="others")
        longest = max(longest, time.monotonic() - asked)
    assert longest < 1
    while (time.monotonic() - began) < 3 and await hasty.read_message():
        heard += 1
    assert 10 < heard < 4 / page.PAUSE


@pytest.mark.parametrize(
    ("asked", "chosen", "spoken"),
    [
        ("fr,de", "", "en"),
        ("fr,es;q=0.5,en;q=0.3", "", "es"),
        ("../es;q=x,,", "", "en"),
        ("en", "es", "es"),
    ],
)
async def test_each_visitor_is_spoken_to_in_the_language_of_their_browser(
    site, asked, chosen, spoken
):
    site.settings["language"], headers = chosen, {"Accept-Language": asked}
    for path in (HERE, "/"):
        assert f'<html lang="{spoken}">' in (await site.get(path, headers))[1]
    words = (await site.visit(headers=headers)).words
    assert words["texts"]["Undo"] == {"en": "Undo", "es": "Deshacer"}[spoken]


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
        ({"ip": "127.0.0.1"}, "http://127.0.0.1:PORT/?token="),
        ({"ip": "0.0.0.0"}, f"http://{own_address()}:PORT/?token="),
        ({"host": "films.example.org"}, "http://films.example.org:PORT/?token="),
        ({"host": "https://hub.org/user/a/proxy/9/"}, "https://hub.org/user/a/proxy/9/?token="),
    ],
)
def test_the_link_is_printed_and_for_a_class_as_a_picture_for_telephones(served, options, start):
    (link, said), (again, _) = served(**options), served(**options)
    assert link.startswith(start)
    assert len(link) > len(start) + 40
    assert link.partition("?")[2] in said
    assert ("▄" in said) == (options.get("ip") == "0.0.0.0")
    assert again != link, "each start has a token of its own"


def test_what_cannot_be_served_is_said(served):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = [{"port": port, "ip": "127.0.0.1"}, {"port": 70_000}, {"ip": "203.0.113.9"}]
        for options in (*refused, {"host": "http://[::1"}):
            with pytest.raises(SaelibError, match="There is no page at http"):
                served(**options)
    with pytest.raises(SaelibError, match="klingon"):
        served(language="klingon")
