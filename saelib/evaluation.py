"""Honest errors: each protocol measures only what a model was not shown.

A model is learned by a function (training ratings, seed) -> predict, and predict is a function from
people to scores (n, n_items), so that baselines and networks are measured by the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.baseline import BiasBaseline, Ease
from saelib.data import Dataset, Scale
from saelib.errors import SaelibError
from saelib.matrix import LIKED, People, RatingMatrix, first, split, split_rows

Predict = Callable[[People], np.ndarray]
Learn = Callable[[RatingMatrix, int], Predict]
N_SHOWN = (0, 5, 10, 20, 40, None)  # ratings of a new person that are shown; None: all inputs
BATCH = 512  # people scored at a time, so that no array of all people times all films exists


@dataclass
class History:
    """Mean squared errors after each epoch of a training, in stars squared.

    train_loss: of the training ratings, with dropout on. validation_loss: of validation ratings,
    if there are any. best_epoch, counted from 1: whose weights were kept. interrupted: whether
    Ctrl-C ended the training early.
    """

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False


# -- Baselines --------------------------------------------------------------------------------


def global_mean(matrix: RatingMatrix, seed: int) -> Predict:
    """The mean of all training ratings, for every film."""
    return lambda people: np.full(people.stars.shape, matrix.csr.data.mean(dtype=np.float64))


def item_mean(matrix: RatingMatrix, seed: int) -> Predict:
    """The film's mean rating; the global mean for a film that nobody rated."""
    csr, n = matrix.csr, _n_ratings(matrix)
    means = np.bincount(csr.indices, csr.data, csr.shape[1]) / n.clip(min=1)
    means[n == 0] = csr.data.mean(dtype=np.float64)
    return lambda people: np.tile(means, (len(people), 1))


def bias(matrix: RatingMatrix, seed: int) -> Predict:
    """Global mean, shrunk film bias, shrunk bias of the person from the ratings shown."""
    baseline = BiasBaseline.fit(matrix.csr)
    return lambda people: baseline.predict(people.stars)


def popularity(matrix: RatingMatrix, seed: int) -> Predict:
    """The film's number of training ratings: an order of films, no prediction of stars."""
    return lambda people: np.tile(_n_ratings(matrix), (len(people), 1))


def ease(matrix: RatingMatrix, seed: int) -> Predict:
    """EASE as published, on all films seen: an order of films, no prediction of stars.

    Its ridge was the best one on people held out of the training ratings of ml-100k and ml-1m.
    """
    ridge = len(matrix.user_ids) / 3
    return Ease.fit(matrix.people, ridge=ridge, dropout=0, tempering=0, told=False).scores


def _n_ratings(matrix: RatingMatrix) -> np.ndarray:
    return np.bincount(matrix.csr.indices, minlength=matrix.csr.shape[1])


BASELINES: dict[str, Learn] = {"global-mean": global_mean, "item-mean": item_mean, "bias": bias}
RANKERS: dict[str, Learn] = {**BASELINES, "popularity": popularity, "ease": ease}


# -- Metrics ----------------------------------------------------------------------------------


def rmse(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Root of the mean squared error; NaN where there is nothing to predict."""
    errors = np.asarray(predicted, np.float64) - actual
    return float(np.sqrt(np.square(errors).mean())) if errors.size else float("nan")


def ndcg(ranked: np.ndarray, relevant: np.ndarray, k: int = 10) -> float:
    """Normalised discounted cumulative gain of the first k films.

    ranked: positions of films, the best first. relevant: positions of at least one film. A hit at
    rank r counts 1 / log2(r + 1); 1.0 is the best possible order (Järvelin and Kekäläinen 2002).
    """
    discount = 1 / np.log2(np.arange(2, k + 2))
    hits = np.isin(ranked[:k], relevant)
    return float(discount[: len(hits)][hits].sum() / discount[: len(relevant)].sum())


def recall(ranked: np.ndarray, relevant: np.ndarray, k: int = 20) -> float:
    """Hits among the first k films, divided by min(k, number of relevant films)."""
    return float(np.isin(ranked[:k], relevant).sum() / min(k, len(relevant)))


# -- Protocols --------------------------------------------------------------------------------


def evaluate_ratings(
    data: Dataset,
    models: dict[str, Learn],
    seed: int,
    parts: tuple[pd.DataFrame, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Test ratings of known people: a tenth of all ratings is hidden and predicted.

    parts: training and test ratings of a published split, in place of the seeded one. Returns one
    row a model: rmse, and rmse_seen, the error of the very ratings that were shown, which says
    nothing of a recommendation.
    """
    if parts is None:
        training, others = split(len(data.ratings), seed)
        parts = data.ratings.iloc[training], data.ratings.iloc[others]
    known, test = (RatingMatrix.from_dataset(data, part) for part in parts)
    rows = [
        {"model": name} | _errors(learn(known, seed), known.people, test.csr, data.scale)
        for name, learn in models.items()
    ]
    return pd.DataFrame(rows)


def evaluate_new_users(
    data: Dataset, models: dict[str, Learn], seed: int, n_shown: Iterable[int | None] = N_SHOWN
) -> pd.DataFrame:
    """New people: a tenth of the users is held out, and half of each one's ratings is predicted.

    Of the other half, so many as `n_shown` says are shown. Returns one row a model and n_inputs
    ('all' is the other half), with rmse and rmse_seen as in `evaluate_ratings`.
    """
    known, new = _new_users(data, seed)
    inputs, targets = split_rows(new.csr, 0.5, seed)
    rows = []
    for name, learn in models.items():
        predict = learn(known, seed)
        for n in n_shown:
            people = People.who_rated(inputs if n is None else first(inputs, n), new.about)
            row = {"model": name, "n_inputs": "all" if n is None else n}
            rows.append(row | _errors(predict, people, targets, data.scale))
    return pd.DataFrame(rows)


def evaluate_ranking(data: Dataset, models: dict[str, Learn], seed: int) -> pd.DataFrame:
    """New people: find the films that they liked among all that were not shown.

    80 % of each one's ratings are shown. Returns one row a model: ndcg@10 and recall@20, means over
    the people with a film to find, and coverage, the share of all films in anybody's first ten.
    """
    known, new = _new_users(data, seed)
    inputs, targets = split_rows(new.csr, 0.2, seed)
    shown = People.who_rated(inputs, new.about)
    rows = []
    for name, learn in models.items():
        predict, top, found = learn(known, seed), set(), []
        for start in range(0, len(shown), BATCH):
            people = shown[start : start + BATCH]
            scores = np.array(predict(people), np.float64)
            scores[people.stars.nonzero()] = -np.inf
            for score, row in zip(scores, range(start, start + BATCH)):
                ranked = np.argsort(-score, kind="stable")[:20]
                top.update(ranked[:10].tolist())
                span = slice(*targets.indptr[row : row + 2])
                relevant = targets.indices[span][targets.data[span] >= LIKED]
                if len(relevant):
                    found.append((ndcg(ranked, relevant), recall(ranked, relevant)))
        means = dict(zip(("ndcg@10", "recall@20"), np.reshape(found, (-1, 2)).mean(axis=0)))
        rows.append({"model": name} | means | {"coverage": len(top) / inputs.shape[1]})
    return pd.DataFrame(rows)


def evaluate_future(data: Dataset, models: dict[str, Learn], seed: int) -> pd.DataFrame:
    """Ratings that were given later: the last tenth by time is hidden and predicted.

    Returns a row a model and group of people: 'known' ones have earlier ratings, 'new' ones have
    none, 'all' are both; with n_people, rmse and rmse_seen. Raises SaelibError without timestamps.
    """
    if "timestamp" not in data.ratings:
        raise SaelibError(f"{data.name} has no timestamps, so there is no past to learn from.")
    split(len(data.ratings), seed)  # refuses what is too little for a tenth
    order = np.argsort(data.ratings["timestamp"].to_numpy(), kind="stable")
    past, future = np.split(order, [len(order) - len(order) // 10])
    known, later = (RatingMatrix.from_dataset(data, data.ratings.iloc[p]) for p in (past, future))
    asked, met = np.diff(later.csr.indptr) > 0, np.diff(known.csr.indptr) > 0
    rows = []
    for name, learn in models.items():
        predict = learn(known, seed)
        for group, who in {"all": asked, "known": asked & met, "new": asked & ~met}.items():
            of_group = known.take(np.flatnonzero(who))
            people = People(of_group.csr, of_group.seen, of_group.about)
            row = {"model": name, "people": group, "n_people": len(people)}
            rows.append(row | _errors(predict, people, later.csr[who], data.scale))
    return pd.DataFrame(rows)


PROTOCOLS: dict[str, Callable[..., pd.DataFrame]] = {
    "ratings": evaluate_ratings,
    "new-users": evaluate_new_users,
    "ranking": evaluate_ranking,
    "future": evaluate_future,
}


def evaluate(
    data: Dataset, protocol: str, models: dict[str, Learn], seed: int, **options
) -> pd.DataFrame:
    """The table of one protocol and seed: a row a model, with dataset, protocol and seed.

    options: of the protocol. Raises SaelibError for an unknown protocol, and where all ratings are
    the same, so that there is nothing to predict.
    """
    if protocol not in PROTOCOLS:
        raise SaelibError(f"Unknown protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}.")
    if protocol != "ranking":
        data.check_predictable()
    table = PROTOCOLS[protocol](data, models, seed, **options)
    about = {"dataset": data.name, "protocol": protocol, "seed": seed}
    return table.assign(**about)[[*about, *table]]


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread (standard deviation, from two seeds on) over the seeds, as text."""
    keys = [key for key in ("model", "n_inputs", "people") if key in table]
    groups = table.drop(columns=["dataset", "protocol", "seed"]).groupby(keys, sort=False)
    mean, spread = groups.mean(), groups.std()
    text = mean.map("{:.4f}".format)
    return text.where(spread.isna(), text + " ± " + spread.map("{:.4f}".format))


def paired(table: pd.DataFrame, metric: str, reference: str) -> pd.DataFrame:
    """By model: mean over the seeds, and difference from a reference on the same seeds.

    table: one row a model and seed. Returns columns mean, difference and error (the standard error
    of the mean difference; NaN with a single seed).
    """
    wide = table.pivot(index="seed", columns="model", values=metric)[table["model"].unique()]
    apart = wide.sub(wide[reference], axis=0)
    return pd.DataFrame({"mean": wide.mean(), "difference": apart.mean(), "error": apart.sem()})


def _errors(predict: Predict, people: People, test: csr_array, scale: Scale) -> dict[str, float]:
    """rmse of test ratings (n, n_items), rmse_seen of those shown, predictions within the scale."""
    pairs: dict[str, list] = {"rmse": [], "rmse_seen": []}
    for start in range(0, max(len(people), 1), BATCH):
        part = slice(start, start + BATCH)
        stars = predict(people[part]).clip(1, 5)
        for name, rows in (("rmse", test[part]), ("rmse_seen", people.stars[part])):
            cells = rows.tocoo()
            pairs[name].append((stars[cells.coords], cells.data))
    joined = {name: map(np.concatenate, zip(*parts)) for name, parts in pairs.items()}
    return {name: scale.star * rmse(*both) for name, both in joined.items()}


def _new_users(data: Dataset, seed: int) -> tuple[RatingMatrix, RatingMatrix]:
    """Known users to learn from, and new ones."""
    everyone = RatingMatrix.from_dataset(data)
    known, new = split(len(everyone.user_ids), seed)
    return everyone.take(np.sort(known)), everyone.take(np.sort(new))
