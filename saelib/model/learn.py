"""From ratings to a model: train the networks of a recipe, and all that recommending needs."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from scipy.sparse import csr_array
from tqdm.auto import tqdm

from saelib.data.dataset import Dataset
from saelib.data.matrix import RatingMatrix, split_ratings
from saelib.model.bundle import Bundle
from saelib.model.liking import BY_ROWS, Liking
from saelib.model.seeing import ListOrder
from saelib.model.taste import TasteMap
from saelib.network.config import Recipe
from saelib.network.devices import find_device
from saelib.network.history import History
from saelib.network.layers import train_layers
from saelib.network.memory import check_memory
from saelib.network.recipes import find_recipe
from saelib.network.training import build, fit, orient

SEED_STEP = 1000  # between the seeds of two networks of a recipe


def fit_networks(
    recipe: Recipe,
    matrix: RatingMatrix,
    *,
    validation: csr_array | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: bool = True,
    device: str = "cpu",
) -> tuple[Liking, list[History]]:
    """Train the networks of a recipe, one after the other, and make them one model.

    validation: held-out ratings (n_users, n_items). checkpoint, resume, and Ctrl-C: see `fit`;
    each network has a file of its own, with its number at the end of the name. After Ctrl-C, the
    model consists of the networks so far. device: see `find_device`. Raises SaelibError where the
    memory of this machine is too small.
    """
    where = find_device(device)
    if where.type == "cpu":
        for config in recipe.networks:
            check_memory(config, matrix)
    models, histories = [], []
    for number, config in enumerate(recipe.networks):
        started = time.perf_counter()
        oriented = orient(config, matrix)
        if progress and oriented.fingerprints is not None:
            seconds = time.perf_counter() - started
            tqdm.write(f"{config.rows}: who rated what, found in {seconds:.0f} s", file=sys.stderr)
        its_seed = seed + SEED_STEP * number
        network = build(oriented, its_seed).to(where)
        held_out = validation
        if validation is not None and config.rows == "films":
            held_out = csr_array(validation.T)
        file = None if checkpoint is None else checkpoint.with_name(f"{checkpoint.name}{number}")
        goes_on = resume and (number == 0 or (file is not None and file.exists()))
        if config.layer_epochs and not goes_on:
            train_layers(network, oriented, its_seed)
        history = fit(
            network,
            oriented,
            validation=held_out,
            seed=its_seed,
            checkpoint=file,
            resume=goes_on,
            progress=progress,
        )
        models.append(BY_ROWS[config.rows].from_network(network.cpu(), oriented))
        histories.append(history)
        if history.interrupted:
            break
    return Liking(models), histories


def train(
    data: Dataset,
    recipe: str = "default",
    *,
    seed: int = 0,
    epochs: int | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: bool = True,
    device: str = "cpu",
) -> Bundle:
    """Train a recipe on nine tenths of a data set; the other tenth chooses each network's epoch.

    device: see `find_device`. Where several processes train (see `shares`), each has the model.

    Raises SaelibError for an unknown recipe, and what `fit` raises.
    """
    chosen = find_recipe(recipe, epochs, stars=True)
    training, held_out = split_ratings(len(data.ratings), seed)
    known = RatingMatrix.from_dataset(data, data.ratings.iloc[training])
    validation = RatingMatrix.from_dataset(data, data.ratings.iloc[held_out]).csr
    liking, histories = fit_networks(
        chosen,
        known,
        validation=validation,
        seed=seed,
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
        device=device,
    )
    of_film = data.ratings.groupby("movie_id")["rating"].agg(n_ratings="size", spread="std")
    films = data.movies.set_index("movie_id").loc[known.item_ids].join(of_film).reset_index()
    films = films.fillna({"n_ratings": 0, "spread": 0}).astype({"n_ratings": "int64"})
    people = known.people
    return Bundle(
        liking=liking,
        order=ListOrder.fit(known, liking, chosen, seed) if liking.is_ordered else None,
        taste=TasteMap.fit(liking, known, films["genres"], seed),
        dataset=data.name,
        recipe=recipe,
        seed=seed,
        scale=data.scale,
        demographics=data.demographics,
        offered=data.demographics.among(data.users),
        films=films,
        user_ids=known.user_ids,
        histories=histories,
        held_out_rmse=liking.loss(people, validation) ** 0.5,
    )
