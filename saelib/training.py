"""Training: mini-batches of rows, the best epoch, and a training that can go on."""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from scipy.sparse import csr_array
from torch import Tensor, distributed
from torch.optim.lr_scheduler import ConstantLR, OneCycleLR
from tqdm.auto import tqdm

from saelib.autoencoder import BATCH, Features, StackedAutoencoder, lay_out
from saelib.cells import Cells
from saelib.errors import SaelibError
from saelib.evaluation import History
from saelib.family import MEMBERS
from saelib.matrix import RatingMatrix
from saelib.recipes import Config

GIB = 2**30


def build(config: Config, matrix: RatingMatrix, seed: int = 0) -> StackedAutoencoder:
    """A fresh network for these ratings. Raises SaelibError where memory is too small for it."""
    n_columns = matrix.csr.shape[config.rows == "people"]
    tables = 3 if config.inputs == "residuals+mask" else 2  # one for each input, one in the decoder
    # Of each weight: itself, its gradient, two moments, and the best epoch's; and the ratings.
    needed = 5 * 4 * tables * n_columns * config.hidden[0] + 40 * matrix.csr.nnz
    free = psutil.virtual_memory().available
    if needed > free:
        raise SaelibError(
            f"Training {config.hidden[0]} units on {matrix.csr.nnz:,} ratings takes about "
            f"{needed / GIB:.1f} GiB of memory, and {free / GIB:.1f} are free. Take the recipe "
            "`large`, or a narrower layer."
        )
    return MEMBERS[config.member].start(config, matrix, seed)


def fit(
    network: StackedAutoencoder,
    matrix: RatingMatrix,
    *,
    validation: csr_array | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    resume: bool = False,
    keep: bool = False,
    progress: bool = True,
    device: str = "cpu",
) -> History:
    """Train in place on the ratings of a matrix, and return the errors after each epoch.

    validation: ratings (n_users, n_items) that are never shown; the epoch with the lowest error of
    these is kept. checkpoint: a file that is written after each epoch; `resume` goes on from it as
    if nothing had happened, since all that is random in an epoch is drawn from (seed, epoch).
    keep: Ctrl-C ends the training and keeps the best epoch so far, if there is one. Raises
    SaelibError: a checkpoint of no or of another training; an error that is no number.
    """
    config = network.config
    ratings, features = lay_out(config, matrix)
    if validation is not None and config.rows == "films":
        validation = csr_array(validation.T)
    rank, n_processes = processes(device)
    n_ratings = np.diff(ratings.indptr)
    rated = np.flatnonzero(n_ratings)  # other rows have nothing to tell
    n_batches = max(min(config.n_batches, len(rated) // n_processes), 1)
    try:
        network.to(device).zero_grad()
    except (RuntimeError, AssertionError) as failure:
        problem = str(failure).splitlines()[0]
        raise SaelibError(f"--device {device} cannot be used: {problem}. Try cpu.") from failure
    parameters = list(network.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, config.learning_rate, fused=True)
    schedule: Any = ConstantLR(optimizer, 1.0)
    if config.one_cycle:
        n_steps = config.epochs * n_batches
        schedule = OneCycleLR(optimizer, config.learning_rate, n_steps, pct_start=0.1)
    parts: dict[str, Any] = {"network": network, "optimizer": optimizer, "schedule": schedule}
    history, best = History(), {name: t.clone() for name, t in network.state_dict().items()}
    digest = [zlib.crc32(part) for part in (ratings.indptr, ratings.indices, ratings.data)]
    training = {"config": asdict(config), "seed": seed, "ratings": [*ratings.shape, *digest]}
    if resume:
        state = _read(checkpoint, training, device)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        history, best = History(**state["history"]), state["best"]
    losses, to_do = history.validation_loss, range(len(history.train_loss), config.epochs)
    bar = tqdm(to_do, "epochs", disable=not progress or rank > 0)
    try:
        for epoch in bar:
            rng, error = np.random.default_rng([seed, epoch]), torch.zeros((), device=device)
            network.train()
            with torch.random.fork_rng(devices=[device] if device.startswith("cuda") else []):
                torch.manual_seed(int(rng.integers(2**62)) + rank)
                for batch in np.array_split(rng.permutation(rated), n_batches):
                    mine = np.array_split(batch, n_processes)[rank]
                    share = n_ratings[mine].sum() / n_ratings[batch].sum()
                    cells, known = network.read(ratings, features, mine)
                    loss, scores = network.loss(cells, known)
                    (loss * share).backward()
                    _add_up((p.grad for p in parameters), n_processes)
                    optimizer.step()
                    optimizer.zero_grad()  # at once: the gradients are as large as the weights
                    schedule.step()
                    error += _squared_error(network, scores, cells) * share / n_batches
            _add_up([error], n_processes)
            if validation is not None:
                losses.append(network_loss(network, ratings, validation, features))
            history.train_loss.append(error.item())
            if not math.isfinite(error.item() + sum(losses[-1:])):
                raise SaelibError(
                    f"The error is no number after epoch {epoch + 1}: the training has diverged. "
                    f"Lower the learning rate ({config.learning_rate:g})."
                )
            if validation is None or losses[-1] == min(losses):
                history.best_epoch = epoch + 1
                for name, tensor in network.state_dict().items():
                    best[name].copy_(tensor)
            bar.set_postfix_str(" ".join(f"{e**0.5:.3f}" for e in [error.item(), *losses[-1:]]))
            if checkpoint is not None and rank == 0:
                state = {name: part.state_dict() for name, part in parts.items()}
                state |= training | {"history": asdict(history), "best": best}
                try:
                    torch.save(state, f"{checkpoint}.part")
                    os.replace(f"{checkpoint}.part", checkpoint)  # whole or not at all
                except (OSError, RuntimeError) as problem:
                    said = (
                        f"{checkpoint} cannot be written: {problem}. Free space, or go elsewhere."
                    )
                    raise SaelibError(said) from problem
    except KeyboardInterrupt:
        if not (keep and history.best_epoch):
            raise
        history.interrupted = True
    network.load_state_dict(best)
    network.cpu().eval()
    return history


@torch.no_grad()
def network_loss(
    network: StackedAutoencoder,
    ratings: csr_array,
    validation: csr_array,
    features: Features = None,
) -> float:
    """Mean squared error of validation ratings where `ratings`, (n_rows, n_columns), are shown."""
    bias, last = network.last_layers(ratings, features)
    total = 0.0
    for start in range(0, len(bias), BATCH):
        rows = slice(start, start + BATCH)
        asked = Cells(validation[rows], bias.device)
        scores = network.score_cells(bias[rows], last[rows], asked)
        total += _squared_error(network, scores, asked).item() * len(asked.stars)
    return total / validation.nnz


@torch.no_grad()
def _squared_error(network: StackedAutoencoder, scores: Tensor, cells: Cells) -> Tensor:
    """Mean squared error of the expected stars; 0 where there are no cells."""
    return (network.head.stars(scores) - cells.stars).square().sum() / max(len(cells.stars), 1)


def _read(checkpoint: Path | None, training: dict, device: str) -> dict:
    """What stands in a checkpoint; reading it executes nothing. Raises SaelibError."""
    try:
        state = torch.load(str(checkpoint), weights_only=True, map_location=device)
        if {key: state[key] for key in training} == training:
            return state
        problem = f"{checkpoint} is of another training"
    except FileNotFoundError:
        problem = f"There is no checkpoint to go on from ({checkpoint})"
    except Exception:  # whatever a damaged file leads to
        problem = f"{checkpoint} is no checkpoint of a training"
    raise SaelibError(f"{problem}; start afresh.")


def known_stars(
    network: StackedAutoencoder, matrix: RatingMatrix
) -> Callable[[np.ndarray], np.ndarray]:
    """Of a network over films: from rows (n,) of people it was trained on to (n, n_items) stars."""
    bias, last = network.last_layers(*lay_out(network.config, matrix))

    @torch.no_grad()
    def stars(rows: np.ndarray) -> np.ndarray:
        return network.head.stars(network.score(bias, last, rows)).T.numpy()

    return stars


def processes(device: str = "cpu") -> tuple[int, int]:
    """(rank, number) of this process among those of torchrun, which share out every batch."""
    n_processes = int(os.environ.get("WORLD_SIZE", 1))
    if n_processes > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return int(os.environ.get("RANK", 0)), n_processes


def _add_up(tensors: Iterable[Tensor | None], n_processes: int) -> None:
    """Make each tensor the sum of those of all processes, in place."""
    if n_processes > 1:
        try:
            for tensor in tensors:
                distributed.all_reduce(tensor)
        except RuntimeError as error:  # nobody answers
            raise SaelibError("Another process has ended, so this one ends, too.") from error
