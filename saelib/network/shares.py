"""One network in several processes, each of which holds a share of the hidden units.

    torchrun --standalone --nproc-per-node 2 -m saelib train --dataset ml-1m

A score is a sum over the hidden units. So each process keeps the weights of its own units, with
what Adam remembers of them, and computes its part of every score; the parts are added up over the
processes, and all go on with the same sums. A step so sends 4 bytes for each rating of its batch.
The usual division of the rows (DistributedDataParallel) would send a gradient of every weight at
every step: for ml-10m's people a hundred times as much. Only a checkpoint needs the whole, after
each epoch; so what is shared out is the time, not the memory of the first process.
"""

from __future__ import annotations

from dataclasses import replace

import torch.distributed as dist
from torch import Tensor

from saelib.errors import SaelibError
from saelib.network.autoencoder import StackedAutoencoder
from saelib.network.config import NetworkConfig
from saelib.network.processes import rank, size, speak

# Along which dimension of a weight the hidden units lie. All other weights are the same everywhere.
UNITS = {
    "rating_inputs.weight": 1,
    "mask_inputs.weight": 1,
    "input_bias": 0,
    "row_inputs.weight": 0,
    "outputs.weight": 1,
    "column_map": 1,
}


def share_of(network: StackedAutoencoder) -> StackedAutoencoder:
    """A network of this process's hidden units; the network itself where it is the only one.

    Raises SaelibError for a network whose units cannot be told apart.
    """
    config, n = network.config, size()
    if n == 1:
        return network
    _check(config, n)
    width = config.hidden[0]
    units = slice(width * rank() // n, width * (rank() + 1) // n)
    part = network.like(replace(config, hidden=(units.stop - units.start,)))
    part.units, part.all_units = units, width
    part.load_state_dict({k: cut(k, v, part) for k, v in network.state_dict().items()})
    return part.to(network.device)


def cut(name: str, whole: Tensor, part: StackedAutoencoder) -> Tensor:
    """Of a weight, or of what Adam remembers of it, what belongs to the units of `part`."""
    if part.units is None or name not in UNITS or whole.ndim == 0:
        return whole
    return whole[part.units] if UNITS[name] == 0 else whole[:, part.units]


def bring_together(name: str, own: Tensor, part: StackedAutoencoder) -> Tensor:
    """The whole of which `cut` gave each process its own."""
    if part.units is None or name not in UNITS or own.ndim == 0:
        return own
    shape = list(own.shape)
    shape[UNITS[name]] = part.all_units
    whole = own.new_zeros(shape)
    cut(name, whole, part).copy_(own)
    speak(dist.all_reduce, whole)
    return whole


def _check(config: NetworkConfig, n: int) -> None:
    if len(config.hidden) > 1 or config.member in ("k-sparse", "variational"):
        raise SaelibError(
            f"Only a network with one hidden layer, whose units do not compete, can be shared out "
            f"among {n} processes; got hidden {config.hidden} of the member {config.member!r}. "
            "Train it without torchrun."
        )
    if config.hidden[0] < n:
        raise SaelibError(f"{n} processes cannot share {config.hidden[0]} hidden units.")
