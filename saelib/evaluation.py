"""Honest errors: three protocols, each scoring only what the model was not shown.

Every model is a function from people (what they told) to a score for every film, so all of them,
baselines included, are measured by the same lines. Some can score single cells without all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.data.dataset import Dataset
from saelib.data.matrix import (
    RatingMatrix,
    first_inputs,
    split_ratings,
    split_rows,
    split_users,
)
from saelib.data.people import People
from saelib.data.releases import read_split
from saelib.data.scale import Scale
from saelib.errors import DataError, SaelibError
from saelib.model.ease import Ease
from saelib.model.learn import fit_networks
from saelib.model.seeing import ListOrder, fit_seeing, see
from saelib.network.baseline import BiasBaseline
from saelib.network.recipes import find_recipe

Predict = Callable[[People], np.ndarray]  # n people -> (n, n_items) scores
Learn = Callable[[RatingMatrix, int], Predict]  # training ratings, seed -> Predict


@dataclass(frozen=True)
class Stars:
    """A `Predict` that can also score single cells, which takes no time for all others.

    every: the `Predict`. cells: (people, rows, columns) -> (n_cells,) scores.
    """

    every: Predict
    cells: Callable[[People, np.ndarray, np.ndarray], np.ndarray]

    def __call__(self, people: People) -> np.ndarray:
        """(n, n_items) scores."""
        return self.every(people)


N_INPUTS = (0, 5, 10, 20, 40, None)  # ratings shown of a new user; None: all inputs
BATCH = 512  # people scored at a time, so that no (n_users, n_items) array ever exists

# -- Models -----------------------------------------------------------------------------------


def global_mean(matrix: RatingMatrix, seed: int) -> Predict:
    """The mean of all training ratings, for every film."""
    mean = matrix.csr.data.mean(dtype=np.float64)
    return Stars(
        lambda people: np.full(people.stars.shape, mean),
        lambda people, rows, columns: np.full(len(rows), mean),
    )


def item_mean(matrix: RatingMatrix, seed: int) -> Predict:
    """The film's mean rating; the global mean for a film nobody rated."""
    train = matrix.csr
    count = _n_ratings(train)
    total = np.bincount(train.indices, train.data, train.shape[1])
    mean = np.where(count, total / np.maximum(count, 1), train.data.mean(dtype=np.float64))
    return Stars(
        lambda people: np.tile(mean, (len(people), 1)), lambda people, rows, columns: mean[columns]
    )


def bias(matrix: RatingMatrix, seed: int) -> Predict:
    """Global mean, shrunk item bias, shrunk user bias from the ratings shown."""
    baseline = BiasBaseline.fit(matrix.csr)
    mean, of_film = baseline.mean, baseline.item_bias
    return Stars(
        lambda people: baseline.predict(people.stars),
        lambda people, rows, columns: (
            mean + baseline.user_bias(people.stars)[rows] + of_film[columns]
        ),
    )


def popularity(matrix: RatingMatrix, seed: int) -> Predict:
    """The film's number of training ratings: an order, not a prediction of stars."""
    count = _n_ratings(matrix.csr)
    return lambda people: np.tile(count, (len(people), 1))


def ease(liked_only: bool) -> Learn:
    """EASE as published, on all films seen or only on those liked (see `Scale.liked`).

    The ridges are the best on people held out from the training users, of ml-100k and ml-1m.
    """

    def learn(matrix: RatingMatrix, seed: int) -> Predict:
        def part(ratings: csr_array) -> csr_array:
            return at_least(ratings, matrix.scale.liked) if liked_only else ratings

        ridge = 500.0 if liked_only else matrix.csr.shape[0] / 3
        model = Ease.fit(part(matrix.csr), ridge=ridge)
        return lambda people: model.scores(part(people.stars))

    return learn


def at_least(ratings: csr_array, stars: float) -> csr_array:
    """The ratings of so many stars or more."""
    chosen = ratings.copy()
    chosen.data = chosen.data * (chosen.data >= stars)
    chosen.eliminate_zeros()
    return chosen


def autoencoder(recipe: str, *, epochs: int | None = None, progress: bool = False) -> Learn:
    """The autoencoder of a recipe, trained on all ratings it is given, for all its epochs."""
    chosen = find_recipe(recipe, epochs, stars=True)

    def learn(matrix: RatingMatrix, seed: int) -> Predict:
        liking = fit_networks(chosen, matrix, seed=seed, progress=progress)[0]
        return Stars(liking.predict, liking.predict_cells)

    return learn


def ranker(recipe: str, *, epochs: int | None = None, progress: bool = False) -> Learn:
    """The order in which a recipe recommends: see `ListOrder`, or else the predicted stars."""
    chosen = find_recipe(recipe, epochs)

    def learn(matrix: RatingMatrix, seed: int) -> Predict:
        if not chosen.networks:
            linear = fit_seeing(matrix, chosen, seed)
            return lambda people: see(linear, people)
        liking = fit_networks(chosen, matrix, seed=seed, progress=progress)[0]
        if not liking.is_ordered:
            return liking.predict
        return ListOrder.fit(matrix, liking, chosen, seed).scores

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


# Of the order of films: ranked and relevant positions -> a number, averaged over people.
METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "ndcg@10": partial(ndcg, k=10),
    "recall@20": partial(recall, k=20),
    "recall@50": partial(recall, k=50),
    "ndcg@100": partial(ndcg, k=100),
}


def coverage(lists: Iterable[np.ndarray], n_items: int) -> float:
    """Share of the catalogue that stands in at least one list."""
    return len(set().union(*(map(int, ranked) for ranked in lists))) / n_items


# -- Protocols --------------------------------------------------------------------------------


def evaluate_ratings(
    data: Dataset, models: dict[str, Learn], seed: int, split: tuple[Path, str] | None = None
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
    known = RatingMatrix.from_dataset(data, train)
    hidden = RatingMatrix.from_dataset(data, test).csr
    rows = []
    for name, learn in models.items():
        errors = _errors(learn(known, seed), known.people, hidden, known.scale)
        rows.append(row_of(data, "ratings", seed, name) | errors)
    return pd.DataFrame(rows)


def evaluate_new_users(
    data: Dataset,
    models: dict[str, Learn],
    seed: int,
    n_inputs: Iterable[int | None] = N_INPUTS,
) -> pd.DataFrame:
    """Unseen users: a tenth of the users is held out; half of each one's ratings is predicted.

    Returns one row per model and number of ratings shown (n_inputs; 'all' is the other half),
    with rmse and rmse_seen as in `evaluate_ratings`.
    """
    known, new = _new_users(data, seed)
    inputs, targets = split_rows(new.csr, 0.5, seed)
    rows = []
    for name, learn in models.items():
        predict = learn(known, seed)
        for n in n_inputs:
            shown = inputs if n is None else first_inputs(inputs, n)
            people = People.who_rated(shown, new.about)
            row = row_of(data, "new-users", seed, name) | {"n_inputs": "all" if n is None else n}
            rows.append(row | _errors(predict, people, targets, new.scale))
    return pd.DataFrame(rows)


def evaluate_ranking(
    data: Dataset, models: dict[str, Learn], seed: int, split: tuple[Path, str] | None = None
) -> pd.DataFrame:
    """Unseen users: find the films, among all not shown, that they rated 4 or more.

    Of each held-out user's ratings 80 % are shown. split: (…, 'liang') for people and films as
    Liang et al. 2018 choose them (see `_liang`) instead of a tenth of all people. Returns one row
    per model: ndcg@10, recall@20, recall@50, ndcg@100 (means over people with a relevant film; the
    last three as Liang et al. define them) and coverage (of all top tens).
    """
    known, new = _new_users(data, seed) if split is None else _liang(data, seed)
    relevant_from = new.scale.liked
    inputs, targets = split_rows(new.csr, 0.2, seed)
    shown = People.who_rated(inputs, new.about)
    rows = []
    for name, learn in models.items():
        predict = learn(known, seed)
        top, found = [], []
        for part, people in shown.batches(BATCH):
            scores = np.array(predict(people), dtype=np.float64)
            for row, score in enumerate(scores, part.start):
                span = slice(inputs.indptr[row], inputs.indptr[row + 1])
                score[inputs.indices[span]] = -np.inf
                ranked = np.argsort(-score, kind="stable")[:100]
                top.append(ranked[:10])
                span = slice(targets.indptr[row], targets.indptr[row + 1])
                relevant = targets.indices[span][targets.data[span] >= relevant_from]
                if len(relevant):
                    found.append({name: of(ranked, relevant) for name, of in METRICS.items()})
        metrics = pd.DataFrame(found).mean().to_dict()
        metrics["coverage"] = coverage(top, inputs.shape[1])
        rows.append(row_of(data, "ranking", seed, name) | metrics)
    return pd.DataFrame(rows)


def evaluate_future(data: Dataset, models: dict[str, Learn], seed: int) -> pd.DataFrame:
    """Ratings that were given later: the last tenth by timestamp is hidden and predicted.

    Returns a row per model and group of people: 'known' ones have ratings before, 'new' ones have
    none, 'all' are both; with the number of people, rmse, and rmse_seen as in `evaluate_ratings`
    (of 'new' people there is none). Raises SaelibError where there are no timestamps.
    """
    if "timestamp" not in data.ratings:
        raise SaelibError(
            f"{data.name} has no timestamps, so there is no past to learn from; use --protocol "
            "ratings."
        )
    order = np.argsort(data.ratings["timestamp"].to_numpy(), kind="stable")
    n_test = len(order) // 10
    past, future = (data.ratings.iloc[part] for part in (order[:-n_test], order[-n_test:]))
    known = RatingMatrix.from_dataset(data, past)
    hidden = RatingMatrix.from_dataset(data, future).csr
    tested, is_known = np.diff(hidden.indptr) > 0, np.diff(known.csr.indptr) > 0
    groups = {"all": tested, "known": tested & is_known, "new": tested & ~is_known}
    rows = []
    for name, learn in models.items():
        predict = learn(known, seed)
        for group, wanted in groups.items():
            people = known.people[np.flatnonzero(wanted)]
            row = row_of(data, "future", seed, name) | {"people": group, "n_people": len(people)}
            rows.append(row | _errors(predict, people, hidden[wanted], known.scale))
    return pd.DataFrame(rows)


PROTOCOLS = {
    "ratings": evaluate_ratings,
    "new-users": evaluate_new_users,
    "ranking": evaluate_ranking,
    "future": evaluate_future,
}
SPLITS = {"u1": "ratings", "liang": "ranking"}  # published ones, and the protocol of each
LIANG_HELD_OUT = 10_000  # people to choose settings on, and as many to test on


def evaluate(
    data: Dataset,
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
    if protocol not in PROTOCOLS:
        raise SaelibError(f"Unknown protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}.")
    if split is not None and protocol != SPLITS[split[1]]:
        raise SaelibError(f"--split {split[1]} goes with --protocol {SPLITS[split[1]]} only.")
    baselines, learner = STAR_BASELINES, autoencoder
    if protocol == "ranking":
        baselines, learner = RANKING_BASELINES, ranker
    models = baselines | {
        f"sae-{name}": learner(name, epochs=epochs, progress=progress) for name in recipes
    }
    options = {} if split is None else {"split": split}
    return PROTOCOLS[protocol](data, models, seed, **options)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread (standard deviation, from two seeds on) over the seeds, as text."""
    every = ("dataset", "protocol", "model", "idea", "n_inputs", "people")
    keys = [key for key in every if key in table]
    metrics = [column for column in table if column not in (*keys, "seed", "n_people")]
    groups = table.groupby(keys, sort=False)[metrics]
    mean, spread = groups.mean(), groups.std()
    text = mean.map("{:.4f}".format)
    return text.where(spread.isna(), text + " ± " + spread.map("{:.4f}".format))


def _new_users(data: Dataset, seed: int) -> tuple[RatingMatrix, RatingMatrix]:
    """Known users to learn from, and new ones."""
    everyone = RatingMatrix.from_dataset(data)
    known, new = split_users(len(everyone.user_ids), seed)
    return everyone.take(known), everyone.take(new)


def _liang(data: Dataset, seed: int) -> tuple[RatingMatrix, RatingMatrix]:
    """Known users and new ones by the protocol of Liang et al. 2018 (section 4.1) for ml-20m.

    Ratings below 4 are dropped, then people with fewer than 5 left. Of a permutation of the
    people, the first 10,000 are for choosing settings (nothing is chosen here, so they are left
    alone), the next 10,000 are the new ones, the others the known ones. Films that no known
    person has rated are dropped. Raises SaelibError where there are too few people.
    """
    liked = data.ratings[data.ratings["rating"] >= data.scale.liked]
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
    everyone = RatingMatrix.from_dataset(data)
    rows = everyone.user_ids
    return (
        everyone.take(np.flatnonzero(np.isin(rows, known))),
        everyone.take(np.flatnonzero(np.isin(rows, new))),
    )


def _errors(predict: Predict, people: People, hidden: csr_array, scale: Scale) -> dict[str, float]:
    """RMSE of the ratings hidden (n, n_items) and of those that people show, clipped to the scale.

    NaN where there are none. People are scored once, for both.
    """
    parts = [hidden.tocoo(), people.stars.tocoo()]
    rows, columns, given = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "col", "data")
    )
    if isinstance(predict, Stars):
        stars = predict.cells(people, rows, columns)
    else:
        stars = people.cells(predict, rows, columns, BATCH)
    stars, first = scale.clip(stars), parts[0].nnz
    spans = {"rmse": slice(first), "rmse_seen": slice(first, None)}
    return {
        name: rmse(stars[span], given[span]) if len(given[span]) else float("nan")
        for name, span in spans.items()
    }


def row_of(data: Dataset, protocol: str, seed: int, model: str) -> dict:
    """How a row of any table begins."""
    return {"dataset": data.name, "protocol": protocol, "seed": seed, "model": model}
