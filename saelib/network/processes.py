"""Several processes that do one work together, as `torchrun` starts them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from saelib.errors import SaelibError

Result = TypeVar("Result")


def start(device: torch.device) -> None:
    """Join the other processes where `torchrun` has started some; otherwise do nothing.

    Raises SaelibError where they do not find one another.
    """
    if "WORLD_SIZE" not in os.environ or dist.is_initialized():
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    try:
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=timedelta(minutes=30))
        dist.barrier()
    except RuntimeError as error:
        raise SaelibError(
            f"The processes do not find one another ({_first_line(error)}). Where the name of this "
            "machine stands for 127.0.1.1 in /etc/hosts, or it is in several networks, name the "
            "interface to use: GLOO_SOCKET_IFNAME=lo on one machine, such as eth0 on several."
        ) from error


def stop() -> None:
    """Leave the other processes."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    """Number of this process; 0 is the first, or the only one."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def first_alone(work: Callable[[], Result]) -> Result:
    """Do it in the first process, and then in all others, so that only one downloads."""
    if rank() > 0:
        speak(dist.barrier)
    done = work()
    if size() > 1 and rank() == 0:
        speak(dist.barrier)
    return done


def total(part: Tensor) -> Tensor:
    """The sum of this over all processes; all of them must ask for it. Has a gradient."""
    return part if size() == 1 else _Total.apply(part)


def sum_up(part: np.ndarray) -> np.ndarray:
    """The sum of an array over all processes."""
    if size() == 1:
        return part
    whole = torch.from_numpy(part)
    speak(dist.all_reduce, whole)
    return whole.numpy()


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx, part: Tensor) -> Tensor:
        whole = part.clone()
        speak(dist.all_reduce, whole)
        return whole

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient  # every process has the same loss of the same sum


def speak(collective: Callable, *arguments: Tensor) -> None:
    """What all processes do together. Raises SaelibError where one of them has ended."""
    try:
        collective(*arguments)
    except RuntimeError as error:
        raise SaelibError(
            f"Another process of this training has ended ({_first_line(error)}). The last "
            "checkpoint is kept: start again with --resume, with as many processes as you like."
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]
