"""Honest errors: three protocols, each scoring only what the model was not shown.

Every model is a function from the ratings of a person (and who they are) to a score for every
film, so all of them, baselines included, are measured by the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.choice import LIKED, Ease, ListModel
from saelib.datasets import MovieLens, read_split
from saelib.errors import DataError, SaelibError
from saelib.features import TrainingSet
from saelib.learn import fit_networks
from saelib.preprocessing import (
    BiasBaseline,
    RatingMatrix,
    first_inputs,
    split_ratings,
    split_rows,
    split_users,
)
from saelib.recipes import find_recipe

# (n, n_items) ratings shown and (n, n_demographics) or None -> (n, n_items) scores
Predict = Callable[[csr_array, np.ndarray | None], np.ndarray]
# training set, seed -> Predict
Learn = Callable[[TrainingSet, int], Predict]

N_INPUTS = (0, 5, 10, 20, 40, None)  # ratings shown of a new user; None: all inputs
BATCH = 512  # people scored at a time, so that no (n_users, n_items) array ever exists

# -- Models -----------------------------------------------------------------------------------


def global_mean(data: TrainingSet, seed: int) -> Predict:
    """The mean of all training ratings, for every film."""
    mean = data.ratings.data.mean(dtype=np.float64)
    return lambda rows, people: np.full(rows.shape, mean)


def item_mean(data: TrainingSet, seed: int) -> Predict:
    """The film's mean rating; the global mean for a film nobody rated."""
    train = data.ratings
    count = _n_ratings(train)
    total = np.bincount(train.indices, train.data, train.shape[1])
    mean = np.where(count, total / np.maximum(count, 1), train.data.mean(dtype=np.float64))
    return lambda rows, people: np.tile(mean, (rows.shape[0], 1))


def bias(data: TrainingSet, seed: int) -> Predict:
    """Global mean, shrunk item bias, shrunk user bias from the ratings shown."""
    baseline = BiasBaseline.fit(data.ratings)
    return lambda rows, people: baseline.predict(rows)


def popularity(data: TrainingSet, seed: int) -> Predict:
    """The film's number of training ratings: an order, not a prediction of stars."""
    count = _n_ratings(data.ratings)
    return lambda rows, people: np.tile(count, (rows.shape[0], 1))


def ease(liked_only: bool) -> Learn:
    """EASE as published, on all films seen or only on those rated 4 or more.

    The ridges are the best on people held out from the training users, of ml-100k and ml-1m.
    """

    def learn(data: TrainingSet, seed: int) -> Predict:
        ridge = 500.0 if liked_only else data.ratings.shape[0] / 3
        model = Ease.fit(part(data.ratings), ridge=ridge)
        return lambda rows, people: model.scores(part(rows))

    def part(rows: csr_array) -> csr_array:
        if not liked_only:
            return rows
        liked = rows.copy()
        liked.data = liked.data * (liked.data >= LIKED)
        liked.eliminate_zeros()
        return liked

    return learn


def autoencoder(recipe: str, *, epochs: int | None = None, progress: bool = False) -> Learn:
    """The autoencoder of a recipe, trained on all ratings it is given, for all its epochs."""
    recipes = find_recipe(recipe, epochs, stars=True)
    return lambda data, seed: fit_networks(recipes, data, seed=seed, progress=progress)[0].predict


def ranker(recipe: str, *, epochs: int | None = None, progress: bool = False) -> Learn:
    """The order in which a recipe recommends: as `ListModel` does, or else the predicted stars."""
    recipes = find_recipe(recipe, epochs)

    def learn(data: TrainingSet, seed: int) -> Predict:
        rating = fit_networks(recipes, data, seed=seed, progress=progress)[0]
        return ListModel.fit(data, rating).scores if rating.is_ordered else rating.predict

    return learn


def _n_ratings(train: csr_array) -> np.ndarray:
    return np.bincount(train.indices, minlength=train.shape[1])


STAR_BASELINES: dict[str, Learn] = {
    "global-mean": global_mean,
    "item-mean": item_mean,
    "bias": bias,
}
RANKING_BASELINES: dict[str, Learn] = {
    **STAR_BASELINES,
    "popularity": popularity,
    "ease-seen": ease(liked_only=False),
    "ease-liked": ease(liked_only=True),
}

# -- Metrics ----------------------------------------------------------------------------------


def rmse(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Root of the mean squared error, in stars."""
    return float(np.sqrt(np.mean(np.square(np.asarray(predicted, np.float64) - actual))))


def ndcg(ranked: np.ndarray, relevant: np.ndarray, k: int = 10) -> float:
    """Normalised discounted cumulative gain of the first k, relevance 0 or 1.

    ranked: item positions, best first. relevant: positions of the relevant items (at least one).
    A hit at rank r counts 1 / log2(r + 1); 1.0 is the best possible order (Järvelin and
    Kekäläinen 2002).
    """
    discount = 1 / np.log2(np.arange(2, k + 2))
    hits = np.isin(ranked[:k], relevant)
    return float(discount[: len(hits)][hits].sum() / discount[: len(relevant)].sum())


def recall(ranked: np.ndarray, relevant: np.ndarray, k: int = 20) -> float:
    """Hits among the first k, divided by min(k, number of relevant items)."""
    return float(np.isin(ranked[:k], relevant).sum() / min(k, len(relevant)))


def coverage(lists: Iterable[np.ndarray], n_items: int) -> float:
    """Share of the catalogue that stands in at least one list."""
    return len(set().union(*(map(int, ranked) for ranked in lists))) / n_items


# -- Protocols --------------------------------------------------------------------------------


def evaluate_ratings(
    data: MovieLens, models: dict[str, Learn], seed: int, split: tuple[Path, str] | None = None
) -> pd.DataFrame:
    """Unseen ratings of known users: a tenth of all ratings is hidden and predicted.

    split: (folder, 'u1') for the published split of ml-100k instead of the seeded one.
    Returns one row per model: rmse (hidden ratings) and rmse_seen (the very ratings shown: the
    error of reconstruction, which says nothing about a recommendation).
    """
    if split is not None and data.name != "ml-100k":
        raise SaelibError(f"--split {split[1]} is of ml-100k; {data.name} has no published split.")
    if split is None:
        train, test = (data.ratings.iloc[part] for part in split_ratings(len(data.ratings), seed))
    else:
        train, test = (read_split(split[0], f"{split[1]}.{part}") for part in ("base", "test"))
        if len(train) + len(test) != len(data.ratings):
            raise DataError(
                f"{split[1]}.base and {split[1]}.test in {split[0]} hold {len(train):,} and "
                f"{len(test):,} ratings; together they should be all {len(data.ratings):,}. "
                "Unpack GroupLens's archive anew."
            )
    known = TrainingSet.from_movielens(data, train)
    shown, hidden = known.ratings, RatingMatrix.from_movielens(data, test).csr
    rows = []
    for name, learn in models.items():
        predict = learn(known, seed)
        errors = {
            "rmse": _error(predict, shown, hidden, known.people, data.scale),
            "rmse_seen": _error(predict, shown, shown, known.people, data.scale),
        }
        rows.append(_row(data, "ratings", seed, name) | errors)
    return pd.DataFrame(rows)


def evaluate_new_users(
    data: MovieLens,
    models: dict[str, Learn],
    seed: int,
    n_inputs: Iterable[int | None] = N_INPUTS,
) -> pd.DataFrame:
    """Unseen users: a tenth of the users is held out; half of each one's ratings is predicted.

    Returns one row per model and number of ratings shown (n_inputs; 'all' is the other half),
    with rmse and rmse_seen as in `evaluate_ratings`.
    """
    known, new = _new_users(data, seed)
    inputs, targets = split_rows(new.ratings, 0.5, seed)
    rows = []
    for name, learn in models.items():
        predict = learn(known, seed)
        for n in n_inputs:
            shown = inputs if n is None else first_inputs(inputs, n)
            errors = {
                "n_inputs": "all" if n is None else n,
                "rmse": _error(predict, shown, targets, new.people, data.scale),
                "rmse_seen": _error(predict, shown, shown, new.people, data.scale),
            }
            rows.append(_row(data, "new-users", seed, name) | errors)
    return pd.DataFrame(rows)


def evaluate_ranking(
    data: MovieLens, models: dict[str, Learn], seed: int, split: str | None = None
) -> pd.DataFrame:
    """Unseen users: find the films, among all not shown, that they rated 4 or more.

    Of each held-out user's ratings 80 % are shown. split: 'liang' for people and films as Liang et
    al. 2018 choose them (see `_liang`) instead of a tenth of all people. Returns one row per model:
    ndcg@10, recall@20, recall@50, ndcg@100 (means over people with a relevant film; the last three
    as Liang et al. define them) and coverage (of all top tens).
    """
    known, new = _new_users(data, seed) if split is None else _liang(data, seed)
    inputs, targets = split_rows(new.ratings, 0.2, seed)
    rows = []
    for name, learn in models.items():
        predict = learn(known, seed)
        top, found = [], []
        for start, scores in _batches(predict, inputs, new.people):
            for row, score in enumerate(scores, start):
                span = slice(inputs.indptr[row], inputs.indptr[row + 1])
                score[inputs.indices[span]] = -np.inf
                ranked = np.argsort(-score, kind="stable")[:100]
                top.append(ranked[:10])
                span = slice(targets.indptr[row], targets.indptr[row + 1])
                relevant = targets.indices[span][targets.data[span] >= LIKED]
                if len(relevant):
                    found.append(
                        {
                            "ndcg@10": ndcg(ranked, relevant, 10),
                            "recall@20": recall(ranked, relevant, 20),
                            "recall@50": recall(ranked, relevant, 50),
                            "ndcg@100": ndcg(ranked, relevant, 100),
                        }
                    )
        metrics = pd.DataFrame(found).mean().to_dict()
        metrics["coverage"] = coverage(top, inputs.shape[1])
        rows.append(_row(data, "ranking", seed, name) | metrics)
    return pd.DataFrame(rows)


PROTOCOLS = ("ratings", "new-users", "ranking")
SPLITS = {"u1": "ratings", "liang": "ranking"}  # published ones, and the protocol of each
LIANG_HELD_OUT = 10_000  # people to choose settings on, and as many to test on


def evaluate(
    data: MovieLens,
    protocol: str,
    recipes: Iterable[str],
    seed: int,
    *,
    split: tuple[Path, str] | None = None,
    epochs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """The table of one protocol: the baselines, and the recipes as `sae-<recipe>`.

    split: the folder of the data set, and the name of one of SPLITS.
    """
    baselines, learner = STAR_BASELINES, autoencoder
    if protocol == "ranking":
        baselines, learner = RANKING_BASELINES, ranker
    models = baselines | {
        f"sae-{name}": learner(name, epochs=epochs, progress=progress) for name in recipes
    }
    if split is not None and protocol != SPLITS[split[1]]:
        raise SaelibError(f"--split {split[1]} goes with --protocol {SPLITS[split[1]]} only.")
    if protocol == "ratings":
        return evaluate_ratings(data, models, seed, split)
    if protocol == "new-users":
        return evaluate_new_users(data, models, seed)
    if protocol == "ranking":
        return evaluate_ranking(data, models, seed, split and split[1])
    raise SaelibError(f"Unknown protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}.")


# The rungs of the ladder: the idea of each, and what else it changes.
LADDER = {
    "plain": "stars in, stars out, two layers on each side, ReLU to the end",
    "residuals": "what the bias baseline leaves, in and out; besides: one layer of 500, tanh, "
    "20 epochs in one cycle",
    "mask": "tell the network which films are rated at all",
    "decay": "strong weight decay",
    "ordered": "stars as ordered categories",
    "informed": "a decoder that knows who rated what, genres and decade; besides: an encoder that "
    "knows who one is, up to 90 % of its inputs hidden",
    "default": "films as rows, people folded in; besides: 1,000 wide, at most half of the inputs "
    "hidden, other weights of what it is told, more caution where ratings are few",
}


def ladder(
    data: MovieLens, seeds: Iterable[int] = (0,), *, progress: bool = False
) -> Iterator[dict]:
    """Climb it: yields model, idea, rmse and gain over the rung before (in stars), one by one.

    Each rung is trained with all seeds before the next; a gain is that of the same seed. The first
    rung is no network but the bias baseline; plain's gain over it is negative.
    """
    rungs = {"bias": ("global mean, item bias and user bias", bias)}
    rungs |= {
        f"sae-{name}": (idea, autoencoder(name, progress=progress)) for name, idea in LADDER.items()
    }
    before = dict.fromkeys(seeds, float("nan"))
    for name, (idea, learn) in rungs.items():
        for seed in before:
            [error] = evaluate_ratings(data, {name: learn}, seed)["rmse"]
            row = {"idea": idea, "rmse": error, "gain": before[seed] - error}
            before[seed] = error
            yield _row(data, "ratings", seed, name) | row


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread (standard deviation, from two seeds on) over the seeds, as text."""
    keys = ("dataset", "protocol", "model", "idea", "n_inputs")
    keys = [key for key in keys if key in table]
    metrics = [column for column in table if column not in (*keys, "seed")]
    groups = table.groupby(keys, sort=False)[metrics]
    mean, spread = groups.mean(), groups.std()
    text = mean.map("{:.4f}".format)
    return text.where(spread.isna(), text + " ± " + spread.map("{:.4f}".format))


def _new_users(data: MovieLens, seed: int) -> tuple[TrainingSet, TrainingSet]:
    """Known users to learn from, and new ones."""
    everyone = TrainingSet.from_movielens(data)
    known, new = split_users(everyone.ratings.shape[0], seed)
    return everyone.take(known), everyone.take(new)


def _liang(data: MovieLens, seed: int) -> tuple[TrainingSet, TrainingSet]:
    """Known users and new ones by the protocol of Liang et al. 2018 (section 4.1) for ml-20m.

    Ratings below 4 are dropped, then people with fewer than 5 left. Of a permutation of the
    people, the first 10,000 are for choosing settings (nothing is chosen here, so they are left
    alone), the next 10,000 are the new ones, the others the known ones. Films that no known
    person has rated are dropped. Raises SaelibError where there are too few people.
    """
    liked = data.ratings[data.ratings["rating"] >= LIKED]
    counts = liked["user_id"].value_counts()
    people = np.sort(counts.index[counts >= 5])
    if len(people) <= 2 * LIANG_HELD_OUT:
        raise SaelibError(
            f"--split liang holds out {2 * LIANG_HELD_OUT:,} people and learns from the others; "
            f"{data.name} has {len(people):,} with five ratings of 4 or more. Use ml-20m."
        )
    order = people[np.random.default_rng(seed).permutation(len(people))]
    new, known = order[LIANG_HELD_OUT : 2 * LIANG_HELD_OUT], order[2 * LIANG_HELD_OUT :]
    films = liked["movie_id"][liked["user_id"].isin(known)].unique()
    data = replace(
        data,
        ratings=liked[liked["movie_id"].isin(films)],
        movies=data.movies[data.movies["movie_id"].isin(films)].reset_index(drop=True),
    )
    everyone = TrainingSet.from_movielens(data)
    rows = everyone.matrix.user_ids
    return tuple(everyone.take(np.flatnonzero(np.isin(rows, part))) for part in (known, new))


def _batches(
    predict: Predict, rows: csr_array, people: np.ndarray | None
) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, scores (batch, n_items)) for one batch of people after the other."""
    for start in range(0, rows.shape[0], BATCH):
        part = slice(start, start + BATCH)
        scores = predict(rows[part], None if people is None else people[part])
        yield start, np.array(scores, dtype=np.float64)


def _error(predict: Predict, shown: csr_array, wanted: csr_array, people, scale) -> float:
    """RMSE over all entries of `wanted`, predictions clipped to the scale; NaN without entries."""
    predicted, actual = [], []
    for start, scores in _batches(predict, shown, people):
        cells = wanted[start : start + len(scores)].tocoo()
        predicted.append(np.clip(scores[cells.row, cells.col], scale[0], scale[1]))
        actual.append(cells.data)
    predicted, actual = np.concatenate(predicted), np.concatenate(actual)
    return rmse(predicted, actual) if len(actual) else float("nan")


def _row(data: MovieLens, protocol: str, seed: int, model: str) -> dict:
    return {"dataset": data.name, "protocol": protocol, "seed": seed, "model": model}
