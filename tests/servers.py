"""Servers as a person starts them, for tests: JupyterLab, and the panel as a page."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


@contextmanager
def server(folder: Path, *arguments: str, port: int | None = None):
    """Run `python arguments --port=…` in `folder`; yield its process and address.

    The address is the link that the page prints, or that of the port.
    """
    for name, values in SETTINGS.items():
        file = folder / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTERLAB_SETTINGS_DIR": "settings"}
    places |= {"JUPYTERLAB_WORKSPACES_DIR": "workspaces", "JUPYTER_RUNTIME_DIR": "runtime"}
    env = os.environ | {name: str(folder / place) for name, place in places.items()}
    port = port or free_port()
    log = folder / "server.log"
    with log.open("w") as out:
        command = [sys.executable, *arguments, f"--port={port}", "--no-browser"]
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=out)

    def address() -> str | None:
        assert process.poll() is None, log.read_text()
        if "panel" in arguments:
            link = re.search(r"http://\S+:\d+/\?token=\S+", log.read_text())
            return link and link[0]
        try:
            socket.create_connection(("localhost", port), timeout=5).close()
            return f"http://localhost:{port}"
        except OSError:
            return None

    try:
        yield process, wait_for(address, "a server that listens")
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what: Callable[[], object], name: str, seconds: float = 120) -> object:
    """The first true value of `what`; fails if there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := what():
            return value
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} seconds in vain for {name}")


def kernels(process: subprocess.Popen) -> list[psutil.Process]:
    """The kernels that a server runs: begun by a command, or forked from its fork server."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has just ended
            said = " ".join(child.cmdline())
            forked = "multiprocessing.forkserver" in said and child.ppid() != process.pid
            if forked or "ipykernel_launcher" in said:
                found.append(child)
    return found
