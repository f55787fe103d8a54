"""Where a network is trained: on the processor, or on a graphics card."""

from __future__ import annotations

import torch

from saelib.errors import SaelibError


def find_device(name: str = "cpu") -> torch.device:
    """The device of that name; 'auto' is the fastest kind that is there.

    The processor is the default: the same seed gives the same weights only on the same machine,
    and nearly the same ones on other processors.

    Raises SaelibError for a device that is not there, naming those that are.
    """
    there = ["cpu"]
    if torch.backends.mps.is_available():
        there.append("mps")
    if torch.cuda.is_available():
        there.append("cuda")
    if name == "auto":
        name = there[-1]
    if name not in there:
        raise SaelibError(f"There is no device {name!r} here; there is {', '.join(there)}.")
    return torch.device(name)
