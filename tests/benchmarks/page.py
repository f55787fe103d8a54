"""The page under load: how long a visitor waits, and how much memory each one takes.

python tests/benchmarks/page.py MODEL [--visitors 20]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path
from urllib.parse import urlparse

import psutil
from playwright.sync_api import sync_playwright
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from conftest import CHROMIUM, FLAGS
from servers import kernels, server, wait_for
from test_page import Guest

from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender

# From a key on a slider to the frame after the first change of the list, in milliseconds.
PAINTED = """() => new Promise(done => {
    let began;
    addEventListener("keydown", () => began = performance.now(), {capture: true, once: true});
    const watcher = new MutationObserver(() => {
        if (began === undefined) return;
        watcher.disconnect();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    });
    // The list; or the link to save, which is made anew after it, where the list stays the same.
    for (const part of document.querySelectorAll(".saelib-places, .saelib-save"))
        watcher.observe(part, {subtree: true, childList: true, attributes: true});
})"""


def say(what: str, times: list[float], unit: str = "s") -> None:
    """Median, and the longest."""
    median, longest = statistics.median(times), max(times)
    print(
        f"{what}: median {median:.2f} {unit}, longest {longest:.2f} {unit} of {len(times)}",
        flush=True,
    )


def memory(process) -> float:
    """MB of the server and all its children; what they share counts once (PSS)."""
    all_of_it = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    return sum(part.memory_full_info().pss for part in all_of_it) / 1e6


def in_a_browser(link: str, process, n: int, profile: str) -> None:
    """Visitors one after the other, and one who has rated 40 films."""
    opened, first, painted = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for number in range(n):
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            began = time.perf_counter()
            page.goto(link)
            page.locator(".saelib-panel[role=group] .noUi-handle").first.wait_for()
            opened.append(time.perf_counter() - began)
            page.get_by_role("slider", name="stars").first.press("5")
            page.locator(".saelib-place .saelib-title:visible").first.wait_for()
            first.append(time.perf_counter() - began)
            if number == n - 1:
                with page.expect_file_chooser() as chooser:
                    page.get_by_role("button", name="Load profile").click()
                content = {"name": "p.json", "mimeType": "application/json"}
                chooser.value.set_files([content | {"buffer": profile.encode()}])
                page.locator(".saelib-status", has_text="40 rated").wait_for()
                for turn in range(20):
                    slider = page.get_by_role("slider", name="stars").nth(turn)
                    slider.focus()
                    page.wait_for_timeout(400)
                    took = page.evaluate_handle(f"() => {{ window.took = ({PAINTED})(); }}")
                    took.dispose()
                    page.keyboard.press("5" if turn % 5 < 3 else "1")  # it had 1 + turn % 5 stars
                    painted.append(page.evaluate("() => window.took"))
            with page.expect_event("close"):
                page.close(run_before_unload=True)
        browser.close()
    wait_for(lambda: not kernels(process), "the kernels to end")
    say("Opening the page to films to rate", opened)
    say("Opening the page to the first list", first)
    say("A key on a slider to the list painted, 40 rated", painted, "ms")


async def rate(guest: Guest, kernel: str) -> float:
    """Seconds from a slider's change, sent as the page sends it, to the line that answers."""
    url = f"ws://{guest.address.netloc}/api/kernels/{kernel}/channels?session_id=me"
    jar = "; ".join(f"{k}={v}" for k, v in guest.cookies.items())
    origin = f"http://{guest.address.netloc}"
    socket = await websocket_connect(HTTPRequest(url, headers={"Cookie": jar, "Origin": origin}))

    def send(kind: str, **content) -> None:
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "username": "", "session": "me"}
        header |= {"version": "5.3", "date": "2000-01-01T00:00:00Z"}
        message = {"header": header, "parent_header": {}, "buffers": []}
        message["metadata"] = {"version": "1.0.0"}  # of the control protocol
        socket.write_message(json.dumps(message | {"channel": "shell", "content": content}))

    async def heard(what: str) -> dict:
        while True:
            message = await socket.read_message()
            if isinstance(message, bytes):  # with buffers behind the JSON
                message = message[message.index(b"{") : message.rindex(b"}") + 1].decode("latin-1")
            if what in message:
                return json.loads(message)

    control = {"comm_id": uuid.uuid4().hex, "target_name": "jupyter.widget.control"}
    send("comm_open", **control, data={})
    send("comm_msg", comm_id=control["comm_id"], data={"method": "request_states"})
    states = (await heard("update_states"))["content"]["data"]["states"]
    slider = next(
        k for k, v in states.items() if "saelib-film" in v["state"].get("_dom_classes", ())
    )
    began = time.perf_counter()
    send("comm_msg", comm_id=slider, data={"method": "update", "state": {"index": 5}})
    await heard("1 rated. ")
    took = time.perf_counter() - began
    socket.close()
    return took


async def at_once(link: str, n: int) -> tuple[list[float], list[float]]:
    """Seconds until each of n visitors has the page, and each their first list."""
    guests = [Guest(link) for _ in range(n)]
    began, served = time.perf_counter(), []

    def enter(guest: Guest) -> str:
        kernel = guest.enter()
        served.append(time.perf_counter() - began)
        return kernel

    found = await asyncio.gather(*(asyncio.to_thread(enter, guest) for guest in guests))
    return served, await asyncio.gather(*map(rate, guests, found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--visitors", type=int, default=20)
    options = parser.parse_args()
    films = Recommender.load(options.model).catalogue.films
    known = films.sort_values("n_ratings", ascending=False)["movie_id"].astype(str)[:40]
    profile = Profile({film: 1 + i % 5 for i, film in enumerate(known)}).to_json()
    command = ("-m", "saelib", "panel", "--model", str(options.model.resolve()))
    with server(Path(tempfile.mkdtemp()), *command) as (process, link):
        guest = Guest(link)
        kernel = guest.enter()
        one = memory(process)
        guest.leave(kernel, guest.cookies["_xsrf"])
        in_a_browser(link, process, options.visitors, profile)
        after = memory(process)
        print(f"Memory with one visitor {one:.0f} MB; after {options.visitors} {after:.0f} MB")
        served, lists = asyncio.run(at_once(link, options.visitors))
        say(f"{options.visitors} visitors at once, served", served)
        say("A slider of each at the same time to its list", lists)
        of_each = [k.memory_full_info() for k in kernels(process)]
        say("A kernel's own memory (USS)", [m.uss / 1e6 for m in of_each], "MB")
        say("A kernel's share of all (PSS)", [m.pss / 1e6 for m in of_each], "MB")
        print(f"Memory with all {len(of_each)} of them {memory(process):.0f} MB")
    print(f"{urlparse(link).hostname}, {psutil.cpu_count()} cores")


if __name__ == "__main__":
    main()
