"""The page under load: a class at once, and its memory.

    python tests/benchmarks/page.py MODEL [--visitors 30]

How soon a key in a browser is followed by a list: `git show b81b846:tests/benchmarks/page.py`.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time

import psutil
from tornado.websocket import websocket_connect


async def visit(link: str) -> None:
    """Rate five films, each as soon as the list is there."""
    socket = await websocket_connect(link.replace("http", "ws").replace("/?", "/visit?"))

    async def say(**message) -> dict:
        await socket.write_message(json.dumps(message))
        return json.loads(await socket.read_message())

    await say(do="look")  # the words come first
    view = json.loads(await socket.read_message())["view"]
    for number in range(5):
        film = view["table"][number]["id"]
        view = (await say(do="rate", film=film, stars=1 + number))["view"]


async def at_once(link: str, n: int) -> None:
    await asyncio.gather(*(visit(link) for _ in range(n)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--visitors", type=int, default=30)
    options = parser.parse_args()
    command = f"saelib panel --no-browser --port 8899 --visitors {options.visitors} --model"
    command = [sys.executable, "-m", *command.split(), options.model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            link = re.search(r"http://\S+", process.stdout.readline())[0]
            server, began = psutil.Process(process.pid), time.perf_counter()
            rest = server.memory_info().rss / 1e6
            asyncio.run(at_once(link, options.visitors))
            took = time.perf_counter() - began
            full, processors = server.memory_info().rss / 1e6, sum(server.cpu_times()[:2])
            print(f"{options.visitors} at once, five ratings each: done in {took:.1f} s")
            print(f"The server took {processors:.1f} s of processors, its start included")
            print(f"Memory at rest {rest:.0f} MB, then {full:.0f} MB")
        finally:
            process.terminate()
