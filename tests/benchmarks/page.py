"""The page under load: a class at once, its memory, and how soon a key is followed by a list.

python tests/benchmarks/page.py MODEL [--visitors 30]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright
from tornado.websocket import websocket_connect

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from conftest import CHROMIUM, FLAGS

from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender

SERVE = """
import sys
from pathlib import Path
from saelib.panel.page import serve
from saelib.recommend.recommender import Recommender
serve(Recommender.load(Path(sys.argv[1])), 8899, open_browser=False)
"""
# From a key on a slider to the frame after the first change of the list, in milliseconds.
PAINTED = """() => new Promise(done => {
    let began;
    addEventListener("keydown", () => began = performance.now(), {capture: true, once: true});
    const watcher = new MutationObserver(() => {
        watcher.disconnect();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    });
    const all = {subtree: true, childList: true, characterData: true};
    watcher.observe(document.querySelector(".next"), all);
})"""


def usage(process: subprocess.Popen) -> tuple[float, float]:
    """MB that the server holds now, and seconds of processors that it has taken."""
    server = psutil.Process(process.pid)
    return server.memory_info().rss / 1e6, sum(server.cpu_times()[:2])


async def visit(link: str) -> float:
    """Rate five films, each as soon as the list is there; return the seconds to the first view."""
    began = time.perf_counter()
    socket = await websocket_connect(link.replace("http", "ws").replace("/?", "/visit?"))

    async def say(**message) -> dict:
        await socket.write_message(json.dumps(message))
        return json.loads(await socket.read_message())

    await say(do="look")  # the words come first
    view = json.loads(await socket.read_message())["view"]
    first = time.perf_counter() - began
    for number in range(5):
        film = view["table"][number]["id"]
        view = (await say(do="rate", film=film, stars=1 + number))["view"]
    return first


async def at_once(link: str, n: int) -> list[float]:
    return await asyncio.gather(*(visit(link) for _ in range(n)))


def painted(link: str, profile: str) -> list[float]:
    """Milliseconds from a key to the list, of somebody who has rated 40 films."""
    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(link)
        file = {"name": "p.json", "mimeType": "application/json", "buffer": profile.encode()}
        page.locator("input[type=file]").set_input_files([file])
        page.locator("[role=status]", has_text="40 rated").wait_for()
        for turn in range(20):
            page.locator(".film input").nth(turn).focus()
            page.wait_for_timeout(1200)
            page.evaluate_handle(f"() => {{ window.took = ({PAINTED})(); }}")
            page.keyboard.press("5" if turn % 5 < 3 else "1")  # it had 1 + turn % 5 stars
            times.append(page.evaluate("() => window.took"))
        browser.close()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--visitors", type=int, default=30)
    options = parser.parse_args()
    catalogue = Recommender.load(options.model).catalogue
    known = catalogue.films.sort_values("n_ratings", ascending=False)["movie_id"].astype(str)[:40]
    profile = Profile({film: 1 + i % 5 for i, film in enumerate(known)}, catalogue.dataset)
    command = [sys.executable, "-c", SERVE, str(options.model)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            link = re.search(r"http://\S+", process.stdout.readline())[0]
            (rest, before), began = usage(process), time.perf_counter()
            firsts = asyncio.run(at_once(link, options.visitors))
            took = time.perf_counter() - began
            (full, after) = usage(process)
            print(f"{options.visitors} at once, five ratings each: done in {took:.1f} s")
            print(f"The server took {after - before:.1f} s of processors for it")
            print(f"First view: median {statistics.median(firsts):.2f} s")
            print(f"Memory at rest {rest:.0f} MB, then {full:.0f} MB")
            median = statistics.median(painted(link, profile.to_json()))
            print(f"A key to the list: median {median:.0f} ms")
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
