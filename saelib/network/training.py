"""Training: mini-batches of rows, a schedule, and a training that can be resumed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.utils.hooks import RemovableHandle
from tqdm.auto import tqdm

from saelib.data.matrix import RatingMatrix
from saelib.data.scale import Scale
from saelib.errors import SaelibError
from saelib.network.autoencoder import StackedAutoencoder
from saelib.network.baseline import BiasBaseline
from saelib.network.cells import Cells
from saelib.network.checkpoint import Checkpoint
from saelib.network.config import MEMBERS, NetworkConfig
from saelib.network.fingerprints import Fingerprints
from saelib.network.history import History
from saelib.network.processes import rank
from saelib.network.shares import bring_together, share_of


@dataclass(frozen=True)
class Oriented:
    """What a network makes of a rating matrix: rows, and what is known of both sides.

    config: for as many ratings as there are. ratings: (n_rows, n_columns). row_features:
    (n_rows, …) or None. column_features: (n_columns, …), possibly of width 0, the fingerprints
    first. fingerprints: of the columns, or None. matrix: what it was made of.
    """

    config: NetworkConfig
    ratings: csr_array
    row_features: np.ndarray | None
    column_features: np.ndarray
    fingerprints: Fingerprints | None
    matrix: RatingMatrix

    @property
    def scale(self) -> Scale:
        """Of the ratings."""
        return self.matrix.scale


def orient(config: NetworkConfig, matrix: RatingMatrix) -> Oriented:
    """Lay the ratings out as the network reads them."""
    config = config.for_ratings(matrix.csr.nnz)
    by_people = config.rows == "people"
    ratings = matrix.csr if by_people else csr_array(matrix.csr.T)
    people = matrix.about if config.demographics else None
    films = matrix.facts if config.facts else None
    row_features, told, weight = (
        (people, films, config.facts) if by_people else (films, people, config.demographics)
    )
    fingerprints = Fingerprints.fit(ratings) if config.raters else None
    parts = [np.zeros((ratings.shape[1], 0), dtype=np.float32)]
    if fingerprints is not None:
        parts.append(config.raters * fingerprints.of(csr_array(ratings.T)))
    if told is not None:
        parts.append(weight * told)
    return Oriented(config, ratings, row_features, np.hstack(parts), fingerprints, matrix)


def build(oriented: Oriented, seed: int) -> StackedAutoencoder:
    """A network with fresh weights from `seed` and, if it works on residuals, its baseline."""
    config = oriented.config
    width = 0 if oriented.row_features is None else oriented.row_features.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = member(config.member)(
            oriented.ratings.shape[1],
            config,
            scale=oriented.scale,
            n_row_features=width,
            row_scale=config.demographics if config.rows == "people" else config.facts,
            n_column_features=oriented.column_features.shape[1],
        )
    if network.residuals:
        network.set_baseline(BiasBaseline.fit(oriented.ratings, config.shrinkage))
    network.head.start_from(oriented.ratings.data)
    if network.n_column_features:
        network.column_features.copy_(torch.from_numpy(oriented.column_features))
    return network


def member(name: str) -> type[StackedAutoencoder]:
    """The class of a member of the autoencoder family, see `config.MEMBERS`."""
    module, class_name = MEMBERS[name]
    return getattr(import_module(module), class_name)


def fit(
    network: StackedAutoencoder,
    oriented: Oriented,
    *,
    validation: csr_array | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> History:
    """Train in place, in mini-batches of rows, as `oriented.config` says; return the losses.

    validation: held-out ratings (n_rows, n_columns) of the same rows, never shown. checkpoint: a
    file written after each epoch, from which `resume=True` goes on; the result is the same as
    without the interruption. Ctrl-C ends the training and keeps the best epoch so far.

    Everything random in an epoch is drawn from (seed, epoch): the same seed gives the same
    weights on the same machine. Raises CheckpointError where the checkpoint belongs to another
    training, SaelibError where the loss is no longer a number.
    """
    config, ratings, row_features = oriented.config, oriented.ratings, oriented.row_features
    n_rows = ratings.shape[0]
    n_batches = min(config.n_batches, n_rows)
    whole, network = network, share_of(network)
    device = network.device
    optimizer = torch.optim.AdamW(_groups(network), lr=config.learning_rate, fused=True)
    hooks = _step_in_backward(network, optimizer)
    history, best = History(), {k: torch.empty_like(v) for k, v in network.state_dict().items()}
    file = None
    if checkpoint is not None:
        file = Checkpoint(checkpoint, config, seed, (ratings, validation))
        if resume:
            history = file.load(network, optimizer, best)

    first = len(history.train_loss)
    bar = tqdm(
        total=config.epochs,
        initial=first,
        disable=not progress or rank() > 0,
        unit="epoch",
        desc=config.rows,
    )
    try:
        for epoch in range(first, config.epochs):
            rng = np.random.default_rng([seed, epoch])
            batches = np.array_split(rng.permutation(n_rows), n_batches)
            total = 0.0
            network.train()
            with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
                torch.manual_seed(int(rng.integers(2**63)))
                for step, chosen in enumerate(batches):
                    done = (epoch + step / n_batches) / config.epochs
                    if config.one_cycle:
                        _set_pace(optimizer, config.learning_rate, done)
                    cells = Cells.of(ratings[chosen]).to(device)
                    known = None
                    if row_features is not None:
                        known = torch.from_numpy(row_features[chosen]).to(device)
                    loss, error = network.loss(cells, known, done)
                    loss.backward()  # and a step, see `_step_in_backward`
                    total += error / n_batches
            unseen = 0.0 if validation is None else network_loss(network, oriented, validation)
            if not math.isfinite(total + unseen):
                if any(ratings[chosen].nnz == 0 for chosen in batches):
                    raise SaelibError(
                        f"There are too few ratings to train on: {ratings.nnz} in {n_rows} rows, "
                        f"so that one of {n_batches} batches has none. Take more ratings."
                    )
                raise SaelibError(
                    f"The loss is {total + unseen} after epoch {epoch + 1}: training has diverged. "
                    f"Lower the learning rate ({config.learning_rate:g})."
                )
            history.train_loss.append(total)
            losses = history.validation_loss
            if validation is not None:
                losses.append(unseen)
            if validation is None or losses[-1] == min(losses):
                history.best_epoch = epoch + 1
                for name, tensor in network.state_dict().items():
                    best[name].copy_(tensor)
            if file is not None:
                file.save(network, optimizer, history, best)
            rmse = {"train RMSE": total**0.5} | ({"held-out": losses[-1] ** 0.5} if losses else {})
            bar.set_postfix({name: f"{value:.3f}" for name, value in rmse.items()})
            bar.update()
    except KeyboardInterrupt:
        if not history.best_epoch or network is not whole:
            raise
        history.interrupted = True
    finally:
        bar.close()
        for hook in hooks:
            hook.remove()
    whole.load_state_dict({k: bring_together(k, v, network) for k, v in best.items()})
    whole.eval()
    return history


def network_loss(network: StackedAutoencoder, oriented: Oriented, held_out: csr_array) -> float:
    """Mean squared error of held-out ratings by a network, shown what it was trained on.

    Stars squared. Raises SaelibError where none are held out.
    """
    if not held_out.nnz:
        raise SaelibError("No ratings are held out to measure on: there are too few of them.")
    found = network.predict_cells(oriented.ratings, held_out, oriented.row_features)
    return float(np.square(found - held_out.data, dtype=np.float64).mean())


def _groups(network: StackedAutoencoder) -> list[dict]:
    """All parameters: those of inner layers learn at a rate of their own, and no bias decays."""
    config = network.config
    inner = [parameter for layer in network.inner_layers() for parameter in layer.parameters()]
    known = set(map(id, inner))
    outer = [parameter for parameter in network.parameters() if id(parameter) not in known]
    inner_decay = config.weight_decay if config.inner_decay is None else config.inner_decay
    groups = []
    for part, rate, decay in (
        (outer, 1.0, config.weight_decay),
        (inner, config.inner_rate, inner_decay),
    ):
        matrices, rest = [p for p in part if p.ndim > 1], [p for p in part if p.ndim <= 1]
        lr = rate * config.learning_rate
        groups += [{"params": matrices, "weight_decay": decay, "lr": lr, "rate": rate}]
        groups += [{"params": rest, "weight_decay": 0.0, "lr": lr, "rate": rate}]
    return [group for group in groups if group["params"]]


def _step_in_backward(
    network: StackedAutoencoder, optimizer: torch.optim.Optimizer
) -> list[RemovableHandle]:
    """Move each weight as soon as its gradient is there, and forget that gradient.

    The gradients of the large tables are so never in memory together. An optimizer passes over
    weights without a gradient.
    """

    def move(_: Tensor) -> None:
        optimizer.step()
        optimizer.zero_grad()

    return [p.register_post_accumulate_grad_hook(move) for p in network.parameters()]


def _set_pace(optimizer: torch.optim.Optimizer, learning_rate: float, done: float) -> None:
    """Learning rate and momentum of the one-cycle policy (Smith and Topin 2018).

    done: share of the steps taken. A function of it alone, so that resuming needs no state.
    """
    warm_up, start = 0.1, 0.04
    if done < warm_up:
        height = (1 - math.cos(math.pi * done / warm_up)) / 2
        pace = start + (1 - start) * height
    else:
        pace = height = (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up))) / 2
    for group in optimizer.param_groups:
        group["lr"] = group["rate"] * learning_rate * pace
        group["betas"] = (0.95 - 0.1 * height, 0.999)
