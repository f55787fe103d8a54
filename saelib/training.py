"""Training: mini-batches of rows, the best epoch, and a training that can go on."""

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
from saelib.baseline import BiasBaseline, fingerprints
from saelib.cells import Cells
from saelib.errors import SaelibError
from saelib.evaluation import History
from saelib.family import MEMBERS
from saelib.matrix import RatingMatrix, unit_masks
from saelib.recipes import Config


def build(config: Config, matrix: RatingMatrix, seed: int = 0) -> StackedAutoencoder:
    """A fresh network, with the biases of its ratings. Raises SaelibError: too little memory."""
    config = config.for_ratings(matrix.csr.nnz)
    ratings, row_features = lay_out(config, matrix)
    tables = 3 if config.inputs == "residuals+mask" else 2  # one for each input, one in the decoder
    # Of each weight: itself, its gradient, two moments, and the best epoch's; and the ratings.
    needed = (5 * 4 * tables * ratings.shape[1] * config.hidden[0] + 40 * ratings.nnz) / 2**30
    free = psutil.virtual_memory().available / 2**30
    if needed > free:
        problem = f"This training takes about {needed:.1f} GiB of memory, and {free:.1f} are free."
        raise SaelibError(f"{problem} Take the recipe `large`, or a narrower layer.")
    known: Features = matrix.facts  # of columns
    weights, seen = (config.demographics, config.facts), matrix.seen
    if config.rows == "films":
        weights, seen, known = weights[::-1], csr_array(seen.T), matrix.about
    directions = fingerprints(seen) if config.raters else np.zeros((seen.shape[0], 0), "f4")
    features = config.raters * (unit_masks(csr_array(seen.T)) @ directions)
    if weights[1] and known is not None:
        features = np.hstack([features, weights[1] * known])
    n_row_features = 0 if row_features is None or not weights[0] else row_features.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        member, n_levels = MEMBERS[config.member], matrix.scale.n_levels
        network = member(config, ratings.shape[1], n_levels, n_row_features, features.shape[1])
    if features.shape[1]:
        network.column_features.copy_(torch.from_numpy(features))
    baseline = BiasBaseline.fit(ratings, config.shrinkage)
    network.mean.fill_(baseline.mean)
    network.column_bias.copy_(torch.from_numpy(baseline.column_bias))
    if config.head == "ordered":
        network.head.start_from(ratings.data)
    network.directions = directions
    return network


def fit(
    network: StackedAutoencoder,
    matrix: RatingMatrix,
    *,
    validation: csr_array | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: bool = True,
    device: str = "cpu",
) -> History:
    """Train in place on the ratings of a matrix, and return the errors after each epoch.

    validation: ratings (n_users, n_items) that are never shown; the epoch with the lowest error of
    these is kept. checkpoint: a file that is written after each epoch; `resume` goes on from it as
    if nothing had happened, since all that is random in an epoch is drawn from (seed, epoch).
    Raises SaelibError: a checkpoint of no or of another training; an error that is no number.
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
        rising = 0.1 if n_steps != 10 else 0.2  # torch divides by the steps that rise, less 1
        schedule = OneCycleLR(optimizer, config.learning_rate, n_steps, pct_start=rising)
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
            problem = f"The error is no number after epoch {epoch + 1}: the training has diverged."
            raise SaelibError(f"{problem} Lower the learning rate ({config.learning_rate:g}).")
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
            except RuntimeError as full:  # torch's only word for a disk that takes no more
                raise SaelibError(f"{checkpoint} cannot be written. Is the disk full?") from full
            os.replace(f"{checkpoint}.part", checkpoint)  # whole or not at all
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
        of = {key: state[key] for key in training}
    except Exception as error:  # whatever a damaged file leads to, or none
        problem = f"There is no checkpoint to go on from in {checkpoint}; start afresh."
        raise SaelibError(problem) from error
    if of != training:
        raise SaelibError(f"{checkpoint} is of another training; start afresh.")
    return state


def known_stars(network: StackedAutoencoder, matrix: RatingMatrix) -> Callable:
    """Of a network over films: from rows (n,) of people it was trained on to (n, n_items) stars."""
    bias, last = network.last_layers(*lay_out(network.config, matrix))
    return lambda rows: network.head.stars(network.score(bias, last, rows)).T.detach().numpy()


def processes(device: str = "cpu") -> tuple[int, int]:
    """(rank, number) of this process among those of torchrun, which share out every batch."""
    n_processes = int(os.environ.get("WORLD_SIZE", 1))
    if n_processes > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return int(os.environ.get("RANK", 0)), n_processes


def _add_up(tensors: Iterable[Tensor | None], n_processes: int) -> None:
    """Make each tensor the sum of those of all processes, in place."""
    try:
        for tensor in tensors if n_processes > 1 else ():
            distributed.all_reduce(tensor)
    except RuntimeError as error:  # nobody answers
        raise SaelibError("Another process has ended, so this one ends, too.") from error
