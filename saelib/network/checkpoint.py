"""A training that can go on: weights, what the optimizer remembers, and the losses."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from saelib.errors import CheckpointError
from saelib.network.autoencoder import StackedAutoencoder
from saelib.network.config import NetworkConfig
from saelib.network.history import History
from saelib.network.processes import rank
from saelib.network.shares import bring_together, cut
from saelib.network.storage import read_tensors, write_tensors

FORMAT = "saelib training 5"


class Checkpoint:
    """The file that a training writes after each epoch, and from which it can go on.

    It holds whole weights, however many processes share them, so that another number of them can
    go on. config, seed, matrices: what a training must agree on with the file to continue it.
    """

    def __init__(
        self,
        path: Path,
        config: NetworkConfig,
        seed: int,
        matrices: tuple[csr_array | None, ...],
    ):
        digest = hashlib.sha256()
        for matrix in matrices:
            for part in (matrix.data, matrix.indices, matrix.indptr) if matrix is not None else ():
                digest.update(np.ascontiguousarray(part).tobytes())
        self.path = Path(path)
        self.belongs = {
            "settings": json.dumps(asdict(config)),
            "seed": str(seed),
            "ratings": digest.hexdigest(),
        }

    def save(
        self,
        network: StackedAutoencoder,
        optimizer: torch.optim.Optimizer,
        history: History,
        best: dict[str, Tensor],
    ) -> None:
        """Write one safetensors file, in the first process. best: weights of the best epoch."""
        tensors = {f"network.{k}": (k, v) for k, v in network.state_dict().items()}
        tensors |= {f"best.{k}": (k, v) for k, v in best.items()}
        for parameter, name in _names(network, optimizer):
            for key, value in optimizer.state[parameter].items():
                tensors[f"optimizer.{name}:{key}"] = (name, value)
        arrays = {}
        for label, (name, own) in tensors.items():
            whole = bring_together(name, own, network)
            if rank() == 0:
                arrays[label] = whole.cpu().numpy()
        if rank() == 0:
            metadata = {"format": FORMAT, "history": json.dumps(asdict(history)), **self.belongs}
            write_tensors(self.path, arrays, metadata)

    def load(
        self,
        network: StackedAutoencoder,
        optimizer: torch.optim.Optimizer,
        best: dict[str, Tensor],
    ) -> History:
        """Put everything back where it was; return the losses so far. Raises CheckpointError."""
        if not self.path.exists():
            raise CheckpointError(
                f"There is nothing to resume: {self.path} is not there. Start afresh."
            )
        arrays, metadata = read_tensors(self.path, FORMAT)
        for key, value in self.belongs.items():
            if metadata.get(key) != value:
                raise CheckpointError(
                    f"{self.path} is of a training with another {key}. Use the same data, recipe, "
                    "epochs and seed, or start afresh without resuming."
                )

        def own(label: str, name: str) -> Tensor:
            # Taken out one by one: a large file is not in memory twice.
            whole = torch.from_numpy(arrays.pop(label))
            part = cut(name, whole, network)
            return whole if part is whole else part.clone()

        with torch.no_grad():
            for name, tensor in network.state_dict().items():
                tensor.copy_(own(f"network.{name}", name))
                best[name].copy_(own(f"best.{name}", name))
        for parameter, name in _names(network, optimizer):
            prefix = f"optimizer.{name}:"
            optimizer.state[parameter] = {
                label.removeprefix(prefix): own(label, name).to(parameter.device)
                for label in list(arrays)
                if label.startswith(prefix)
            }
        return History(**json.loads(metadata["history"]))


def _names(
    network: StackedAutoencoder, optimizer: torch.optim.Optimizer
) -> list[tuple[torch.nn.Parameter, str]]:
    """The parameters that the optimizer has moved, or will move, and their names."""
    names = {parameter: name for name, parameter in network.named_parameters()}
    return [(p, names[p]) for group in optimizer.param_groups for p in group["params"]]
