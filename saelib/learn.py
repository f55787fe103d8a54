"""From ratings to a model: train the networks of a recipe, and all that recommending needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scipy.sparse import csr_array

from saelib.choice import ListModel
from saelib.datasets import MovieLens
from saelib.features import TrainingSet
from saelib.fold_in import FoldIn
from saelib.history import History
from saelib.preprocessing import RatingMatrix, split_ratings
from saelib.rating_model import RatingModel
from saelib.recipes import Recipe, find_recipe
from saelib.taste import TasteMap
from saelib.trained_model import TrainedModel
from saelib.training import build, fit, held_out_loss, orient


def fit_networks(
    recipes: Sequence[Recipe],
    data: TrainingSet,
    *,
    validation: csr_array | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> tuple[RatingModel, list[History]]:
    """Train the networks of a recipe, one after the other, and make them one model.

    validation: held-out ratings (n_users, n_items). checkpoint, resume, and Ctrl-C: see `fit`;
    each network has a file of its own, with its number at the end of the name. After Ctrl-C, the
    model consists of the networks so far.
    """
    networks, histories = [], []
    for number, recipe in enumerate(recipes):
        oriented = orient(recipe, data)
        by_people = recipe.rows == "people"
        its_seed = seed + 1000 * number
        model = build(data, oriented, its_seed)
        held_out = validation if by_people or validation is None else csr_array(validation.T)
        file = None if checkpoint is None else checkpoint.with_name(f"{checkpoint.name}{number}")
        history = fit(
            model,
            oriented.ratings,
            oriented.recipe,
            row_features=oriented.row_features,
            validation=held_out,
            seed=its_seed,
            checkpoint=file,
            resume=resume and (number == 0 or file.exists()),
            progress=progress,
        )
        networks.append(model if by_people else FoldIn.from_network(model, oriented))
        histories.append(history)
        if history.interrupted:
            break
    return RatingModel(networks), histories


def train(
    data: MovieLens,
    recipe: str = "default",
    *,
    seed: int = 0,
    epochs: int | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> TrainedModel:
    """Train a recipe on nine tenths of a release; the other tenth chooses each network's epoch.

    Raises SaelibError for an unknown recipe, and what `fit` raises.
    """
    recipes = find_recipe(recipe, epochs, stars=True)
    training, held_out = split_ratings(len(data.ratings), seed)
    known = TrainingSet.from_movielens(data, data.ratings.iloc[training])
    validation = RatingMatrix.from_movielens(data, data.ratings.iloc[held_out]).csr
    rating, histories = fit_networks(
        recipes,
        known,
        validation=validation,
        seed=seed,
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
    )
    lists = ListModel.fit(known, rating) if rating.is_ordered else None
    of_film = data.ratings.groupby("movie_id")["rating"].agg(n_ratings="size", spread="std")
    films = data.movies.set_index("movie_id").loc[known.matrix.item_ids].join(of_film).reset_index()
    films = films.fillna({"n_ratings": 0, "spread": 0}).astype({"n_ratings": "int64"})
    occupations = [] if data.users is None else sorted(data.users["occupation"].unique())
    return TrainedModel(
        rating,
        lists,
        TasteMap.fit(rating, known, films["genres"]),
        data.name,
        recipe,
        seed,
        data.scale,
        films,
        known.matrix.user_ids,
        occupations,
        histories,
        held_out_loss(rating, known.ratings, validation, known.people) ** 0.5,
    )
