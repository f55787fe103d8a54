"""A kernel for each visitor, forked from one process in which everything is ready.

To start Python, import the libraries and read the model takes seconds and hundreds of megabytes a
kernel; to fork a process that has done so takes neither. multiprocessing's fork server is such a
process. Where a system has none (Windows), each kernel starts from nothing, as Jupyter's do.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from importlib.metadata import EntryPoint
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

from saelib.language import ENGLISH

LANGUAGE = "SAELIB_PANEL_LANGUAGE"  # the environment variable of a kernel that names its visitor's
MODEL = "SAELIB_PANEL_MODEL"  # the environment variable that names the model's file


def prepare(model: Path) -> None:
    """Make Jupyter of this process start kernels that have read the model."""
    os.environ[MODEL] = str(model.resolve())
    # Visitors compute at the same time: threads of one would only wait for those of another.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return
    multiprocessing.set_forkserver_preload(["saelib.panel.ready"])
    forkserver.ensure_running()
    factory = KernelProvisionerFactory.instance()
    place = f"{ForkedKernel.__module__}:{ForkedKernel.__name__}"
    factory.provisioners[place] = EntryPoint(place, place, factory.GROUP_NAME)
    factory.default_provisioner_name = place


class ForkedKernel(LocalProvisioner):
    """Where Jupyter would run a command, forks."""

    process: _Process | None  # type: ignore[assignment]  # in place of a Popen

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Begin a kernel. cmd: how another one would begin; its last word is what this one reads,
        the name of the connection file."""
        self.process = _Process(cmd[-1], kwargs.get("env", {}).get(LANGUAGE, ENGLISH))
        self.pid = self.process.pid
        return self.connection_info


class _Process:
    """What Jupyter wants to do with a process: `subprocess.Popen`'s part of multiprocessing's."""

    stdin = stdout = stderr = None

    def __init__(self, connection_file: str, language: str):
        context = multiprocessing.get_context("forkserver")
        args = (connection_file, language)
        self._process = context.Process(target=_run, args=args, daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0
        self.kill, self.terminate = self._process.kill, self._process.terminate

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def _run(connection_file: str, language: str) -> None:
    """Be a kernel until told to end, or until there is no server any more."""
    from ipykernel.kernelapp import IPKernelApp

    os.environ[LANGUAGE] = language
    os.setsid()  # Ctrl-C at the terminal is for the server, which then ends its kernels
    threading.Thread(target=_end_with_server, daemon=True).start()
    # With a parent it says nothing of Ctrl-C on the terminal.
    IPKernelApp.launch_instance(["-f", connection_file], parent_handle=os.getppid())


def _end_with_server() -> None:
    server = multiprocessing.parent_process()
    assert server is not None
    server.join()
    os._exit(1)
