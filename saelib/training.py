"""Training: mini-batches, hidden inputs, and a training that can be resumed."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from tqdm.auto import tqdm

from saelib.errors import CheckpointError, SaelibError
from saelib.features import Fingerprints, TrainingSet
from saelib.history import History
from saelib.model import StackedAutoencoder
from saelib.preprocessing import BiasBaseline
from saelib.recipes import Recipe
from saelib.storage import read_tensors, write_tensors

FORMAT = "saelib training 2"  # of the checkpoints
MAX_BATCH = 512  # rows; keeps a dense batch of ratings small even for 87,000 films


def hide_inputs(ratings: Tensor, input_dropout: tuple[float, float]) -> Tensor:
    """Set a random share, drawn for each row from U(low, high), of the ratings to 'not rated'."""
    share = torch.empty(len(ratings), 1).uniform_(*input_dropout)
    return ratings * (torch.rand_like(ratings) >= share)


@dataclass(frozen=True)
class Oriented:
    """What a recipe makes of a training set: a matrix of rows, and what is known of both sides.

    recipe: for as many ratings as there are. ratings: (n_rows, n_columns). row_features:
    (n_rows, …) or None. column_features: (n_columns, …), possibly of width 0, the fingerprints
    first. fingerprints: of the columns.
    """

    recipe: Recipe
    ratings: csr_array
    row_features: np.ndarray | None
    column_features: np.ndarray
    fingerprints: Fingerprints | None


def orient(recipe: Recipe, data: TrainingSet) -> Oriented:
    """Lay the training set out as the recipe's network reads it."""
    recipe = recipe.for_ratings(data.ratings.nnz)
    by_people = recipe.rows == "people"
    ratings = data.ratings if by_people else csr_array(data.ratings.T)
    people = data.people if recipe.demographics else None
    films = data.films if recipe.facts else None
    row_features, told, weight = (
        (people, films, recipe.facts) if by_people else (films, people, recipe.demographics)
    )
    fingerprints = Fingerprints.fit(ratings) if recipe.raters else None
    parts = [np.zeros((ratings.shape[1], 0), dtype=np.float32)]
    if fingerprints is not None:
        parts.append(recipe.raters * fingerprints.of(csr_array(ratings.T)))
    if told is not None:
        parts.append(weight * told)
    return Oriented(recipe, ratings, row_features, np.hstack(parts), fingerprints)


def build(data: TrainingSet, oriented: Oriented, seed: int) -> StackedAutoencoder:
    """A network with fresh weights from `seed` and, if it works on residuals, its baseline."""
    recipe = oriented.recipe
    width = 0 if oriented.row_features is None else oriented.row_features.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = StackedAutoencoder(
            oriented.ratings.shape[1],
            recipe.hidden,
            inputs=recipe.inputs,
            activation=recipe.activation,
            dropout=recipe.dropout,
            skips=recipe.skips,
            head=recipe.head,
            scale=data.scale,
            n_row_features=width,
            row_scale=recipe.demographics if recipe.rows == "people" else recipe.facts,
            n_column_features=oriented.column_features.shape[1],
            shrinkage=recipe.shrinkage,
        )
    if model.residuals:
        model.set_baseline(BiasBaseline.fit(oriented.ratings, model.shrinkage))
    if recipe.head == "ordered":
        model.head.start_from(oriented.ratings.data)
    if oriented.column_features.shape[1]:
        model.column_features.copy_(torch.from_numpy(oriented.column_features))
    return model


def fit(
    model: StackedAutoencoder,
    ratings: csr_array,
    recipe: Recipe,
    *,
    row_features: np.ndarray | None = None,
    validation: csr_array | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> History:
    """Train in place, in mini-batches of rows, and return the losses.

    ratings: (n_rows, n_columns) stars. validation: held-out ratings of the same rows, never
    shown. row_features: (n_rows, n_row_features). checkpoint: a file written after each epoch,
    from which `resume=True` goes on; the result is the same as without the interruption. Ctrl-C
    ends the training and keeps the best epoch so far.

    Everything random in an epoch is drawn from (seed, epoch): the same seed gives the same
    weights on the same machine. Raises CheckpointError where the checkpoint belongs to another
    training, SaelibError where the loss is no longer a number.
    """
    n_rows = ratings.shape[0]
    n_batches = max(min(recipe.n_batches, n_rows), math.ceil(n_rows / MAX_BATCH))
    inner = [layer.weight for layer in (*model.encoder, *model.decoder)]
    outer = [p for p in model.parameters() if p.ndim > 1 and not any(p is q for q in inner)]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    inner_decay = recipe.weight_decay if recipe.inner_decay is None else recipe.inner_decay
    optimizer = torch.optim.AdamW(
        [
            {"params": outer},
            {"params": inner, "weight_decay": inner_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    history, best = History(), _copy(model)
    if checkpoint is not None:
        belongs = _fingerprint(recipe, seed, ratings, validation)
        if resume:
            history, best = _load_state(checkpoint, belongs, model, optimizer)

    first = len(history.train_loss)
    bar = tqdm(
        total=recipe.epochs, initial=first, disable=not progress, unit="epoch", desc=recipe.rows
    )
    try:
        for epoch in range(first, recipe.epochs):
            rng = np.random.default_rng([seed, epoch])
            batches = np.array_split(rng.permutation(n_rows), n_batches)
            total = 0.0
            model.train()
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(rng.integers(2**63)))
                for step, chosen in enumerate(batches):
                    if recipe.one_cycle:
                        _set_pace(optimizer, recipe, (epoch + step / n_batches) / recipe.epochs)
                    batch = torch.from_numpy(ratings[chosen].toarray())  # (batch, n_columns)
                    known = None if row_features is None else torch.from_numpy(row_features[chosen])
                    scores = model(hide_inputs(batch, recipe.input_dropout), known)
                    loss = model.head.loss(scores, batch)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    total += model.head.error(scores.detach(), batch) / n_batches
            if not math.isfinite(total):
                if any(ratings[chosen].nnz == 0 for chosen in batches):
                    raise SaelibError(
                        f"There are too few ratings to train on: {ratings.nnz} in {n_rows} rows, "
                        f"so that one of {n_batches} batches has none. Take more ratings."
                    )
                raise SaelibError(
                    f"The loss is {total} after epoch {epoch + 1}: training has diverged. Lower "
                    f"the learning rate ({recipe.learning_rate:g})."
                )
            history.train_loss.append(total)
            losses = history.validation_loss
            if validation is not None:
                losses.append(held_out_loss(model, ratings, validation, row_features))
            if validation is None or losses[-1] == min(losses):
                history.best_epoch, best = epoch + 1, _copy(model)
            if checkpoint is not None:
                _save_state(checkpoint, belongs, model, optimizer, history, best)
            rmse = {"train RMSE": total**0.5} | ({"held-out": losses[-1] ** 0.5} if losses else {})
            bar.set_postfix({name: f"{value:.3f}" for name, value in rmse.items()})
            bar.update()
    except KeyboardInterrupt:
        if not history.best_epoch:
            raise
        history.interrupted = True
    finally:
        bar.close()
    model.load_state_dict(best)
    model.eval()
    return history


class Predictor(Protocol):
    """Whatever predicts stars: a network, or several averaged."""

    def predict(self, rows: csr_array, row_features: np.ndarray | None, /) -> np.ndarray: ...


def held_out_loss(
    model: Predictor,
    ratings: csr_array,
    held_out: csr_array,
    row_features: np.ndarray | None = None,
) -> float:
    """Mean squared error of held-out ratings, stars squared, with `ratings` shown.

    Raises SaelibError where none are held out.
    """
    if held_out.nnz == 0:
        raise SaelibError("No ratings are held out to measure on: there are too few of them.")
    total = 0.0
    for start in range(0, ratings.shape[0], 1024):
        part = slice(start, start + 1024)
        known = None if row_features is None else row_features[part]
        wanted = held_out[part].tocoo()
        predicted = model.predict(ratings[part], known)[wanted.row, wanted.col]
        total += np.square(predicted - wanted.data, dtype=np.float64).sum()
    return total / held_out.nnz


def _set_pace(optimizer: torch.optim.Optimizer, recipe: Recipe, done: float) -> None:
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
        group["lr"] = recipe.learning_rate * pace
        group["betas"] = (0.95 - 0.1 * height, 0.999)


def _copy(model: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


# -- A training that can go on: weights, the optimizer's memory, the losses --------------------


def _fingerprint(recipe: Recipe, seed: int, *matrices: csr_array | None) -> dict[str, str]:
    """What a checkpoint must agree on to be continued."""
    digest = hashlib.sha256()
    for matrix in matrices:
        for part in (matrix.data, matrix.indices, matrix.indptr) if matrix is not None else ():
            digest.update(np.ascontiguousarray(part).tobytes())
    return {
        "recipe": json.dumps(asdict(recipe)),
        "seed": str(seed),
        "ratings": digest.hexdigest(),
    }


def _save_state(path, belongs, model, optimizer, history, best) -> None:
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in best.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": v for k, v in state.items()}
    metadata = {"format": FORMAT, "history": json.dumps(asdict(history)), **belongs}
    write_tensors(path, {k: v.numpy() for k, v in tensors.items()}, metadata)


def _load_state(path, belongs, model, optimizer) -> tuple[History, dict[str, Tensor]]:
    if not Path(path).exists():
        raise CheckpointError(f"There is nothing to resume: {path} is not there. Start afresh.")
    tensors, metadata = read_tensors(path, FORMAT)
    for key, value in belongs.items():
        if metadata.get(key) != value:
            raise CheckpointError(
                f"{path} is of a training with another {key}. Use the same data, recipe, epochs "
                "and seed, or start afresh without resuming."
            )
    groups: dict[str, dict] = {"model": {}, "best": {}, "optimizer": {}}
    for name, array in tensors.items():
        group, key = name.split(".", 1)
        groups[group][key] = torch.from_numpy(array)
    model.load_state_dict(groups["model"])
    memory = optimizer.state_dict()
    for key, tensor in groups["optimizer"].items():
        index, name = key.split(".")
        memory["state"].setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict(memory)
    return History(**json.loads(metadata["history"])), groups["best"]
