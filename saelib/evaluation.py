"""Honest errors: three protocols, each scoring only what the model was not shown.

Every model is a function from the ratings of a person (and who they are) to a score for every
film, so all of them, baselines included, are measured by the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.datasets import MovieLens, read_split
from saelib.errors import SaelibError
from saelib.preprocessing import (
    BiasBaseline,
    RatingMatrix,
    encode_demographics,
    first_inputs,
    split_ratings,
    split_rows,
    split_users,
)
from saelib.training import build, find_recipe, fit

# (n, n_items) ratings shown and (n, n_demographics) or None -> (n, n_items) scores
Predict = Callable[[csr_array, np.ndarray | None], np.ndarray]
# training ratings (n_users, n_items), demographics or None, seed -> Predict
Learn = Callable[[csr_array, np.ndarray | None, int], Predict]

N_INPUTS = (0, 5, 10, 20, 40, None)  # ratings shown of a new user; None: all inputs
BATCH = 512  # people scored at a time, so that no (n_users, n_items) array ever exists

# -- Models -----------------------------------------------------------------------------------


def global_mean(train: csr_array, demographics: np.ndarray | None, seed: int) -> Predict:
    """The mean of all training ratings, for every film."""
    mean = train.data.mean(dtype=np.float64)
    return lambda rows, people: np.full(rows.shape, mean)


def item_mean(train: csr_array, demographics: np.ndarray | None, seed: int) -> Predict:
    """The film's mean rating; the global mean for a film nobody rated."""
    count = _n_ratings(train)
    total = np.bincount(train.indices, train.data, train.shape[1])
    mean = np.where(count, total / np.maximum(count, 1), train.data.mean(dtype=np.float64))
    return lambda rows, people: np.tile(mean, (rows.shape[0], 1))


def bias(train: csr_array, demographics: np.ndarray | None, seed: int) -> Predict:
    """Global mean, shrunk item bias, shrunk user bias from the ratings shown."""
    baseline = BiasBaseline.fit(train)
    return lambda rows, people: baseline.predict(rows)


def popularity(train: csr_array, demographics: np.ndarray | None, seed: int) -> Predict:
    """The film's number of training ratings: an order, not a prediction of stars."""
    count = _n_ratings(train)
    return lambda rows, people: np.tile(count, (rows.shape[0], 1))


def autoencoder(recipe: str, *, epochs: int | None = None, progress: bool = False) -> Learn:
    """The autoencoder of a recipe, trained on all ratings it is given, for all its epochs."""
    settings = find_recipe(recipe, epochs)

    def learn(train: csr_array, demographics: np.ndarray | None, seed: int) -> Predict:
        model = build(settings, train, demographics is not None, seed)
        people = demographics if model.n_demographics else None
        fit(model, train, settings, demographics=people, seed=seed, progress=progress)
        return model.predict

    return learn


def _n_ratings(train: csr_array) -> np.ndarray:
    return np.bincount(train.indices, minlength=train.shape[1])


STAR_BASELINES: dict[str, Learn] = {
    "global-mean": global_mean,
    "item-mean": item_mean,
    "bias": bias,
}
RANKING_BASELINES: dict[str, Learn] = {**STAR_BASELINES, "popularity": popularity}

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
    if split is None:
        train, test = (data.ratings.iloc[part] for part in split_ratings(len(data.ratings), seed))
    else:
        train, test = (read_split(split[0], f"{split[1]}.{part}") for part in ("base", "test"))
    shown = RatingMatrix.from_movielens(data, train)
    hidden = RatingMatrix.from_movielens(data, test)
    people = encode_demographics(data, shown.user_ids)
    rows = []
    for name, learn in models.items():
        predict = learn(shown.csr, people, seed)
        errors = {
            "rmse": _error(predict, shown.csr, hidden.csr, people, data.scale),
            "rmse_seen": _error(predict, shown.csr, shown.csr, people, data.scale),
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
    train, held_out, people, their = _new_users(data, seed)
    inputs, targets = split_rows(held_out, 0.5, seed)
    rows = []
    for name, learn in models.items():
        predict = learn(train, people, seed)
        for n in n_inputs:
            shown = inputs if n is None else first_inputs(inputs, n)
            errors = {
                "n_inputs": "all" if n is None else n,
                "rmse": _error(predict, shown, targets, their, data.scale),
                "rmse_seen": _error(predict, shown, shown, their, data.scale),
            }
            rows.append(_row(data, "new-users", seed, name) | errors)
    return pd.DataFrame(rows)


def evaluate_ranking(data: MovieLens, models: dict[str, Learn], seed: int) -> pd.DataFrame:
    """Unseen users: find the films, among all not shown, that they rated 4 or more.

    Of each held-out user's ratings 80 % are shown. Returns one row per model: ndcg@10, recall@20
    (means over people with a relevant film) and coverage (of all top tens).
    """
    train, held_out, people, their = _new_users(data, seed)
    inputs, targets = split_rows(held_out, 0.2, seed)
    rows = []
    for name, learn in models.items():
        predict = learn(train, people, seed)
        top, gains, recalls = [], [], []
        for start, scores in _batches(predict, inputs, their):
            for row, score in enumerate(scores, start):
                span = slice(inputs.indptr[row], inputs.indptr[row + 1])
                score[inputs.indices[span]] = -np.inf
                ranked = np.argsort(-score, kind="stable")[:20]
                top.append(ranked[:10])
                span = slice(targets.indptr[row], targets.indptr[row + 1])
                relevant = targets.indices[span][targets.data[span] >= 4]
                if len(relevant):
                    gains.append(ndcg(ranked, relevant, 10))
                    recalls.append(recall(ranked, relevant, 20))
        metrics = {"ndcg@10": float(np.mean(gains)), "recall@20": float(np.mean(recalls))}
        metrics["coverage"] = coverage(top, train.shape[1])
        rows.append(_row(data, "ranking", seed, name) | metrics)
    return pd.DataFrame(rows)


PROTOCOLS = ("ratings", "new-users", "ranking")


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
    """The table of one protocol: the baselines, and the recipes as `sae-<recipe>`."""
    baselines = RANKING_BASELINES if protocol == "ranking" else STAR_BASELINES
    models = baselines | {
        f"sae-{name}": autoencoder(name, epochs=epochs, progress=progress) for name in recipes
    }
    if split is not None and (protocol != "ratings" or data.name != "ml-100k"):
        raise SaelibError(f"--split {split[1]} goes with --protocol ratings on ml-100k only.")
    if protocol == "ratings":
        return evaluate_ratings(data, models, seed, split)
    if protocol == "new-users":
        return evaluate_new_users(data, models, seed)
    if protocol == "ranking":
        return evaluate_ranking(data, models, seed)
    raise SaelibError(f"Unknown protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}.")


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread (standard deviation, from two seeds on) over the seeds, as text."""
    keys = [key for key in ("dataset", "protocol", "model", "n_inputs") if key in table]
    metrics = [column for column in table if column not in (*keys, "seed")]
    groups = table.groupby(keys, sort=False)[metrics]
    mean, spread = groups.mean(), groups.std()
    text = mean.map("{:.4f}".format)
    return text.where(spread.isna(), text + " ± " + spread.map("{:.4f}".format))


def _new_users(data: MovieLens, seed: int):
    """Training ratings, held-out users' ratings, and the demographics of both (or None)."""
    matrix = RatingMatrix.from_movielens(data)
    people = encode_demographics(data, matrix.user_ids)
    known, new = split_users(len(matrix.user_ids), seed)
    if people is None:
        return matrix.csr[known], matrix.csr[new], None, None
    return matrix.csr[known], matrix.csr[new], people[known], people[new]


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
