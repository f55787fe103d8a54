"""Training: recipes, mini-batches, the masked loss, and a training that can be resumed."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from tqdm.auto import tqdm

from saelib.errors import CheckpointError, SaelibError
from saelib.model import StackedAutoencoder
from saelib.preprocessing import N_DEMOGRAPHICS, BiasBaseline
from saelib.storage import read_tensors, write_tensors


@dataclass(frozen=True)
class Recipe:
    """Everything that is chosen before training: the network and how it learns.

    demographics_scale: 0 means that the network is not told who the person is. input_dropout:
    the share of a person's ratings that the encoder does not see in a training step, drawn anew
    from U(low, high); their stars still count in the loss. weight_decay: decoupled (AdamW), so a
    step shrinks the weights, but not the biases, by learning_rate * weight_decay. one_cycle: the
    learning rate rises for a tenth of the steps, then falls to 0; otherwise it is constant.
    n_batches: mini-batches an epoch; as a share of the people, the size of a batch carries over
    from small to large data sets (no batch has more than MAX_BATCH people).
    """

    hidden: tuple[int, ...]
    activation: str = "relu"
    dropout: float = 0.5
    residuals: bool = False
    demographics_scale: float = 0.0
    input_dropout: tuple[float, float] = (0.0, 0.0)
    weight_decay: float = 0.0
    learning_rate: float = 1e-3
    one_cycle: bool = False
    n_batches: int = 30
    epochs: int = 70


MAX_BATCH = 512  # people; keeps a dense batch of ratings small even for 87,000 films

RECIPES = {
    # The network of the lessons, as the original work trained it.
    "plain": Recipe(hidden=(128, 64), n_batches=60),
    # One wide layer that corrects the bias baseline, held back by strong decay.
    "default": Recipe(
        hidden=(500,),
        activation="tanh",
        residuals=True,
        demographics_scale=0.5,
        input_dropout=(0.1, 0.9),
        weight_decay=8.0,
        one_cycle=True,
        n_batches=30,
    ),
}


def find_recipe(name: str, epochs: int | None = None) -> Recipe:
    """The recipe of that name, with another number of epochs if given."""
    if name not in RECIPES:
        raise SaelibError(f"Unknown recipe {name!r}; choose one of {', '.join(RECIPES)}.")
    recipe = RECIPES[name]
    if epochs is None:
        return recipe
    if epochs < 1:
        raise SaelibError(f"{epochs} epochs is not a number of epochs; expected at least 1.")
    return replace(recipe, epochs=epochs)


@dataclass
class History:
    """Loss after each epoch, in stars squared.

    train_loss: mean over the epoch's steps, with dropout on. validation_loss: of held-out ratings,
    dropout off. best_epoch counts from 1 and is the one whose weights the model keeps: the lowest
    validation loss, or the last epoch where there are no validation ratings.
    """

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False


def masked_loss(predicted: Tensor, ratings: Tensor) -> Tensor:
    """Mean squared error over the observed ratings (AutoRec, Sedhain et al. 2015, equation 2).

    predicted, ratings: (batch, n_items) stars. A cell where `ratings` is 0 is not observed and
    takes no part in the loss nor in its gradient.
    """
    observed = ratings != 0
    return (predicted[observed] - ratings[observed]).square().mean()


def hide_inputs(ratings: Tensor, input_dropout: tuple[float, float]) -> Tensor:
    """Set a random share, drawn for each row from U(low, high), of the ratings to 'not rated'."""
    share = torch.empty(len(ratings), 1).uniform_(*input_dropout)
    return ratings * (torch.rand_like(ratings) >= share)


def build(recipe: Recipe, ratings: csr_array, demographics: bool, seed: int) -> StackedAutoencoder:
    """A network with fresh weights from `seed` and, if it works on residuals, its baseline.

    ratings: (n_users, n_items) training ratings. demographics: whether the users have any.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = StackedAutoencoder(
            ratings.shape[1],
            recipe.hidden,
            activation=recipe.activation,
            dropout=recipe.dropout,
            residuals=recipe.residuals,
            n_demographics=N_DEMOGRAPHICS if demographics and recipe.demographics_scale else 0,
            demographics_scale=recipe.demographics_scale,
        )
    if recipe.residuals:
        model.set_baseline(BiasBaseline.fit(ratings, model.shrinkage))
    return model


def fit(
    model: StackedAutoencoder,
    ratings: csr_array,
    recipe: Recipe,
    *,
    demographics: np.ndarray | None = None,
    validation: csr_array | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> History:
    """Train in place, in mini-batches of people, and return the losses.

    ratings: (n_users, n_items) stars. validation: held-out ratings of the same users, never
    shown. demographics: (n_users, n_demographics). checkpoint: a file written after each epoch,
    from which `resume=True` goes on; the result is the same as without the interruption. Ctrl-C
    ends the training and keeps the best epoch so far.

    Everything random in an epoch is drawn from (seed, epoch): the same seed gives the same
    weights on the same machine. Raises CheckpointError where the checkpoint belongs to another
    training, SaelibError where the loss is no longer a number.
    """
    n_users = ratings.shape[0]
    n_batches = max(min(recipe.n_batches, n_users), math.ceil(n_users / MAX_BATCH))
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}],
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
    bar = tqdm(total=recipe.epochs, initial=first, disable=not progress, unit="epoch")
    try:
        for epoch in range(first, recipe.epochs):
            rng = np.random.default_rng([seed, epoch])
            batches = np.array_split(rng.permutation(n_users), n_batches)
            total = 0.0
            model.train()
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(rng.integers(2**63)))
                for step, chosen in enumerate(batches):
                    if recipe.one_cycle:
                        _set_pace(optimizer, recipe, (epoch + step / n_batches) / recipe.epochs)
                    batch = torch.from_numpy(ratings[chosen].toarray())  # (batch, n_items)
                    people = (
                        None if demographics is None else torch.from_numpy(demographics[chosen])
                    )
                    shown = hide_inputs(batch, recipe.input_dropout)
                    loss = masked_loss(model(shown, people), batch)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    total += loss.item() / n_batches
            if not math.isfinite(total):
                raise SaelibError(
                    f"The loss is {total} after epoch {epoch + 1}: training has diverged. Lower "
                    f"the learning rate ({recipe.learning_rate:g})."
                )
            history.train_loss.append(total)
            losses = history.validation_loss
            if validation is not None:
                losses.append(held_out_loss(model, ratings, validation, demographics))
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


def held_out_loss(
    model: StackedAutoencoder,
    ratings: csr_array,
    held_out: csr_array,
    demographics: np.ndarray | None = None,
) -> float:
    """Mean squared error of held-out ratings, stars squared, with `ratings` shown."""
    total = 0.0
    for start in range(0, ratings.shape[0], 1024):
        part = slice(start, start + 1024)
        people = None if demographics is None else demographics[part]
        wanted = held_out[part].tocoo()
        predicted = model.predict(ratings[part], people)[wanted.row, wanted.col]
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
    metadata = {"format": "saelib training 1", "history": json.dumps(asdict(history)), **belongs}
    write_tensors(path, tensors, metadata)


def _load_state(path, belongs, model, optimizer) -> tuple[History, dict[str, Tensor]]:
    if not Path(path).exists():
        raise CheckpointError(f"There is nothing to resume: {path} is not there. Start afresh.")
    tensors, metadata = read_tensors(path, "saelib training 1")
    for key, value in belongs.items():
        if metadata.get(key) != value:
            raise CheckpointError(
                f"{path} is of a training with another {key}. Use the same data, recipe, epochs "
                "and seed, or start afresh without resuming."
            )
    groups: dict[str, dict] = {"model": {}, "best": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        group, key = name.split(".", 1)
        groups[group][key] = tensor
    model.load_state_dict(groups["model"])
    memory = optimizer.state_dict()
    for key, tensor in groups["optimizer"].items():
        index, name = key.split(".")
        memory["state"].setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict(memory)
    return History(**json.loads(metadata["history"])), groups["best"]
