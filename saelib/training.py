"""Training: mini-batches of rows, the best epoch, and a training that can go on."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from scipy.sparse import csr_array
from torch import Tensor, distributed
from torch.optim import lr_scheduler
from tqdm.auto import tqdm

from saelib.autoencoder import BATCH, StackedAutoencoder, lay_out
from saelib.cells import Cells
from saelib.errors import SaelibError
from saelib.evaluation import History
from saelib.family import MEMBERS
from saelib.matrix import RatingMatrix
from saelib.recipes import Config

GIB = 2**30


def build(config: Config, matrix: RatingMatrix, seed: int = 0) -> StackedAutoencoder:
    """A fresh network for these training ratings.

    Raises SaelibError where its training would not fit into the memory that is free.
    """
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
    keep: whether Ctrl-C ends the training and keeps the best epoch so far; else it is raised.

    Raises SaelibError: a checkpoint that is missing, damaged or of another training; an error that
    is no number.
    """
    config = network.config
    ratings, row_features = lay_out(config, matrix)
    if validation is not None and config.rows == "films":
        validation = csr_array(validation.T)
    rank, n_processes = processes(device)
    rated = np.flatnonzero(np.diff(ratings.indptr))  # other rows have nothing to tell
    n_batches = max(min(config.n_batches, len(rated) // n_processes), 1)
    network.to(device)
    parameters = list(network.parameters())
    decayed, others = ([p for p in parameters if (p.ndim > 1) == wanted] for wanted in (1, 0))
    groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": config.decay}]
    groups += [{"params": others, "weight_decay": 0.0}]
    rate = config.learning_rate
    optimizer = torch.optim.AdamW(groups, lr=rate, fused=True)
    schedule: lr_scheduler.LRScheduler = lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    if config.one_cycle:
        n_steps = config.epochs * n_batches
        schedule = lr_scheduler.OneCycleLR(optimizer, rate, total_steps=n_steps, pct_start=0.1)
    stateful: dict[str, Any] = {"network": network, "optimizer": optimizer, "schedule": schedule}
    history, best = History(), {name: t.clone() for name, t in network.state_dict().items()}
    training = {"config": asdict(config), "seed": seed, "ratings": [*ratings.shape, ratings.nnz]}
    if resume:
        state = _read(checkpoint, training, device)
        for name, part in stateful.items():
            part.load_state_dict(state[name])
        history, best = History(**state["history"]), state["best"]
    first = len(history.train_loss)
    bar = tqdm(total=config.epochs, initial=first, disable=not progress or rank > 0, unit="epoch")
    try:
        for epoch in range(first, config.epochs):
            rng, error = np.random.default_rng([seed, epoch]), torch.zeros((), device=device)
            network.train()
            with torch.random.fork_rng(devices=[device] if device.startswith("cuda") else []):
                torch.manual_seed(int(rng.integers(2**62)) + rank)
                for batch in np.array_split(rng.permutation(rated), n_batches):
                    mine = np.array_split(batch, n_processes)[rank]
                    cells = Cells(ratings[mine], device)
                    loss, scores = network.loss(cells, _known(row_features, mine, device))
                    share = len(cells.stars) / ratings[batch].nnz
                    optimizer.zero_grad()
                    (share * loss).backward()
                    _add_up((p.grad for p in parameters), n_processes)
                    optimizer.step()
                    schedule.step()
                    error += share * _squared_error(network, scores, cells) / n_batches
            optimizer.zero_grad()  # the gradients are as large as the weights
            _add_up([error], n_processes)
            history.train_loss.append(error.item())
            losses = history.validation_loss
            if validation is not None:
                losses.append(network_loss(network, ratings, validation, row_features))
            if not math.isfinite(error.item() + sum(losses[-1:])):
                raise SaelibError(
                    f"The error is no number after epoch {epoch + 1}: the training has diverged. "
                    f"Lower the learning rate ({rate:g})."
                )
            if validation is None or losses[-1] == min(losses):
                history.best_epoch = epoch + 1
                for name, tensor in network.state_dict().items():
                    best[name].copy_(tensor)
            bar.set_postfix_str(" ".join(f"{e**0.5:.3f}" for e in [error.item(), *losses[-1:]]))
            bar.update()
            if checkpoint is not None and rank == 0:
                state = {name: part.state_dict() for name, part in stateful.items()}
                state |= training | {"history": asdict(history), "best": best}
                torch.save(state, f"{checkpoint}.part")
                os.replace(f"{checkpoint}.part", checkpoint)  # whole or not at all
    except KeyboardInterrupt:
        if not (keep and history.best_epoch):
            raise
        history.interrupted = True
    finally:
        bar.close()
    network.load_state_dict(best)
    network.cpu().eval()
    return history


@torch.no_grad()
def network_loss(
    network: StackedAutoencoder,
    ratings: csr_array,
    validation: csr_array,
    row_features: np.ndarray | None = None,
) -> float:
    """Mean squared error, in stars squared, of ratings that the network is not shown.

    ratings, validation: (n_rows, n_columns), those that it is shown and those that it predicts.
    """
    network.eval()
    total, device = 0.0, network.mean.device
    for start in range(0, len(validation.indptr) - 1, BATCH):
        part = slice(start, start + BATCH)
        asked = Cells(validation[part], device)
        known = _known(row_features, part, device)
        scores = network.score_cells(*network.encode(Cells(ratings[part], device), known), asked)
        total += _squared_error(network, scores, asked).item() * len(asked.stars)
    return total / validation.nnz


@torch.no_grad()
def _squared_error(network: StackedAutoencoder, scores: Tensor, cells: Cells) -> Tensor:
    """Mean squared error of the expected stars; 0 where there are no cells."""
    return (network.head.stars(scores) - cells.stars).square().sum() / max(len(cells.stars), 1)


def _known(row_features: np.ndarray | None, rows: np.ndarray | slice, device) -> Tensor | None:
    """What the encoder is told of some rows beside their ratings."""
    return None if row_features is None else torch.from_numpy(row_features[rows]).to(device)


def _read(checkpoint: Path | None, training: dict, device: str) -> dict:
    """What stands in a checkpoint; reading it executes nothing. Raises SaelibError."""
    if checkpoint is None or not Path(checkpoint).exists():
        raise SaelibError(f"There is no checkpoint to go on from ({checkpoint}); start afresh.")
    try:
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        same = {key: state[key] for key in training} == training
    except Exception as error:  # whatever a damaged file leads to
        raise SaelibError(f"{checkpoint} is no checkpoint of a training; start afresh.") from error
    if not same:
        raise SaelibError(f"{checkpoint} is of another training; start afresh.")
    return state


def known_stars(
    network: StackedAutoencoder, matrix: RatingMatrix
) -> Callable[[np.ndarray], np.ndarray]:
    """What a network over films expects of people whom it was trained on.

    Returns a function from their rows (n,) to stars (n, n_items).
    """

    def encoded(cells: Cells, facts: Tensor | None) -> Tensor:
        bias, code = network.encode(cells, facts)
        return torch.hstack([bias[:, None], network.last_layer(code)])

    film = torch.from_numpy(network.apply_to(encoded, *lay_out(network.config, matrix)))

    @torch.no_grad()
    def stars(rows: np.ndarray) -> np.ndarray:
        return network.head.stars(network.score(film[:, 0], film[:, 1:], rows)).T.numpy()

    return stars


# -- Several processes, as torchrun starts them: each trains on a part of every batch --------------


def processes(device: str = "cpu") -> tuple[int, int]:
    """(rank, number) of this process among those of torchrun; (0, 1) where it is alone."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return 0, 1
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return distributed.get_rank(), distributed.get_world_size()


def _add_up(tensors: Iterable[Tensor | None], n_processes: int) -> None:
    """Make each tensor the sum of those of all processes, in place."""
    if n_processes > 1:
        try:
            for tensor in tensors:
                distributed.all_reduce(tensor)
        except RuntimeError as error:  # nobody answers
            raise SaelibError("Another process has ended, so this one ends, too.") from error
