"""Honest errors: four protocols, each of which measures only what a model was not shown."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.baseline import BiasBaseline, Ease
from saelib.data import Dataset, Scale
from saelib.errors import SaelibError
from saelib.matrix import LIKED, People, RatingMatrix, entries, first, split, split_rows

Predict = Callable[[People], np.ndarray]  # from n people to scores (n, n_items)
Learn = Callable[[RatingMatrix, int], Predict]  # from training ratings and a seed
Models = dict[str, Learn]  # baselines and networks are measured by the same lines
N_SHOWN = (0, 5, 10, 20, 40, None)  # ratings of a new person that are shown; None: all inputs
BATCH = 512  # people scored at a time, so that no array of all people times all films exists


@dataclass
class History:
    """Mean squared errors after each epoch of a training, in stars squared."""

    train_loss: list[float] = field(default_factory=list)  # with dropout on
    validation_loss: list[float] = field(default_factory=list)  # if there are validation ratings
    best_epoch: int = 0  # counted from 1: whose weights were kept


def global_mean(matrix: RatingMatrix, seed: int) -> Predict:
    """The mean of all training ratings, for every film."""
    return lambda people: np.full(people.stars.shape, matrix.csr.data.mean(dtype=np.float64))


def item_mean(matrix: RatingMatrix, seed: int) -> Predict:
    """The film's mean rating; the global mean for a film that nobody rated."""
    csr, n = matrix.csr, matrix.csr.count_nonzero(axis=0)
    sums, mean = np.bincount(csr.indices, csr.data, csr.shape[1]), csr.data.mean(dtype=np.float64)
    return lambda people: np.tile(np.where(n, sums / n.clip(min=1), mean), (len(people), 1))


def bias(matrix: RatingMatrix, seed: int) -> Predict:
    """Global mean, shrunk film bias, shrunk bias of the person from the ratings shown."""
    baseline = BiasBaseline.fit(matrix.csr)
    return lambda people: baseline.predict(people.stars)


def popularity(matrix: RatingMatrix, seed: int) -> Predict:
    """The film's number of training ratings: an order of films, no prediction of stars."""
    return lambda people: np.tile(matrix.csr.count_nonzero(axis=0), (len(people), 1))


def ease(matrix: RatingMatrix, seed: int) -> Predict:
    """EASE as published, on all films seen: an order of films, no prediction of stars."""
    ridge = len(matrix.user_ids) / 3  # the best on people held out of ml-100k's and ml-1m's
    return Ease.fit(matrix.people, ridge=ridge, dropout=0, tempering=0, told=False).scores


BASELINES: Models = {"global-mean": global_mean, "item-mean": item_mean, "bias": bias}
RANKERS: Models = {**BASELINES, "popularity": popularity, "ease": ease}


def rmse(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Root of the mean squared error; NaN where there is nothing to predict."""
    errors = np.asarray(predicted, np.float64) - actual
    return float(np.sqrt(np.square(errors).mean())) if errors.size else float("nan")


def ndcg(ranked: np.ndarray, relevant: np.ndarray, k: int = 10) -> float:
    """Normalised discounted cumulative gain of the first k films (Järvelin and Kekäläinen 2002).

    ranked: the best first. relevant: at least one. A hit at rank r counts 1 / log2(r + 1).
    """
    discount = 1 / np.log2(np.arange(2, k + 2))
    hits = np.isin(ranked[:k], relevant)
    return float(discount[: len(hits)][hits].sum() / discount[: len(relevant)].sum())


def recall(ranked: np.ndarray, relevant: np.ndarray, k: int = 20) -> float:
    """Hits among the first k films, divided by min(k, number of relevant films)."""
    return float(np.isin(ranked[:k], relevant).sum() / min(k, len(relevant)))


def evaluate_ratings(
    data: Dataset, models: Models, seed: int, parts: Iterable[pd.DataFrame] | None = None
) -> pd.DataFrame:
    """Known people: a tenth of all ratings is hidden and predicted, or the second of `parts`."""
    if parts is None:
        parts = (data.ratings.iloc[part] for part in split(len(data.ratings), seed))
    known, test = (RatingMatrix.from_dataset(data, part) for part in parts)
    return _table(models, known, seed, [({}, known.people, test.csr)])


def evaluate_new_users(data: Dataset, models: Models, seed: int) -> pd.DataFrame:
    """New people, a tenth of the users: half of their ratings is predicted from N_SHOWN others."""
    known, shown, targets = _new_people(data, seed, 0.5)
    groups = []
    for n in N_SHOWN:
        few = shown if n is None else People.who_rated(first(shown.stars, n), shown.about)
        groups.append(({"n_inputs": "all" if n is None else n}, few, targets))
    return _table(models, known, seed, groups)


def evaluate_ranking(data: Dataset, models: Models, seed: int) -> pd.DataFrame:
    """New people, with four fifths of their ratings shown: find the other films that they liked.

    Returns ndcg@10 and recall@20, means over the people with a film to find, and coverage, the
    share of all films in anybody's first ten.
    """
    known, shown, targets = _new_people(data, seed, 0.2)
    liked = entries(targets, targets.data >= LIKED)
    to_find = np.split(liked.indices, liked.indptr[1:-1])
    rows = []
    for name, learn in models.items():
        predict, top, found = learn(known, seed), set(), []
        for start in range(0, len(shown), BATCH):
            people = shown[start : start + BATCH]
            scores = np.array(predict(people), np.float64)
            scores[people.stars.nonzero()] = -np.inf
            for score, relevant in zip(scores, to_find[start:]):
                ranked = np.argsort(-score, kind="stable")[:20]
                top.update(ranked[:10].tolist())
                if len(relevant):
                    found.append((ndcg(ranked, relevant), recall(ranked, relevant)))
        means = np.reshape(found, (-1, 2)).mean(axis=0)
        rows.append([name, *means, len(top) / len(known.item_ids)])
    return pd.DataFrame(rows, columns=["model", "ndcg@10", "recall@20", "coverage"])


def evaluate_future(data: Dataset, models: Models, seed: int) -> pd.DataFrame:
    """The last tenth of the ratings by time is predicted. Raises SaelibError without timestamps.

    Returns rows of all people, of 'known' ones, who have earlier ratings, and of 'new' ones.
    """
    if "timestamp" not in data.ratings:
        raise SaelibError(f"{data.name} has no timestamps, so there is no past to learn from.")
    n = len(split(len(data.ratings), seed)[0])  # nine tenths
    ordered = data.ratings.sort_values("timestamp", kind="stable")
    known, later = (RatingMatrix.from_dataset(data, p) for p in (ordered[:n], ordered[n:]))
    asked, met = np.diff(later.csr.indptr) > 0, np.diff(known.csr.indptr) > 0
    groups = []
    for name, who in {"all": asked, "known": asked & met, "new": asked & ~met}.items():
        people = replace(known.people[who], rows=None)
        groups.append(({"people": name, "n_people": len(people)}, people, later.csr[who]))
    return _table(models, known, seed, groups)


def _new_people(data: Dataset, seed: int, share: float) -> tuple[RatingMatrix, People, csr_array]:
    """Known users to learn from, new people, and the share of their ratings that is not shown."""
    everyone = RatingMatrix.from_dataset(data)
    known, new = (everyone.take(np.sort(part)) for part in split(len(everyone.user_ids), seed))
    shown, targets = split_rows(new.csr, share, seed)
    return known, People.who_rated(shown, new.about), targets


def _table(models: Models, known: RatingMatrix, seed: int, groups: list) -> pd.DataFrame:
    """A row a model and group, which is what it is called, its people, and their test ratings."""
    rows = []
    for name, learn in models.items():
        predict = learn(known, seed)
        for called, people, test in groups:
            rows.append({"model": name} | called | _errors(predict, people, test, known.scale))
    return pd.DataFrame(rows)


def _errors(predict: Predict, people: People, test: csr_array, scale: Scale) -> dict[str, float]:
    """rmse of test ratings (n, n_items); rmse_seen of those shown says nothing of these."""
    asked = {"rmse": test, "rmse_seen": people.stars}
    found: dict[str, list] = {name: [] for name in asked}
    for start in range(0, max(len(people), 1), BATCH):
        part = slice(start, start + BATCH)
        stars = predict(people[part]).clip(1, 5)  # nobody can give less or more
        for name, rows in asked.items():
            found[name].append(stars[rows[part].tocoo().coords])
    return {name: scale.star * rmse(np.hstack(found[name]), asked[name].data) for name in asked}


PROTOCOLS: dict[str, Callable[..., pd.DataFrame]] = {
    "ratings": evaluate_ratings,
    "new-users": evaluate_new_users,
    "ranking": evaluate_ranking,
    "future": evaluate_future,
}


def evaluate(data: Dataset, protocol: str, models: Models, seed: int, **options) -> pd.DataFrame:
    """The table of a protocol, with dataset, protocol and seed in each row. Raises SaelibError."""
    if protocol != "ranking" and data.ratings["rating"].nunique() < 2:
        raise SaelibError(f"{data.name}: all ratings are the same. Use the ranking protocol.")
    table = PROTOCOLS[protocol](data, models, seed, **options)
    about = {"dataset": data.name, "protocol": protocol, "seed": seed}
    return table.assign(**about)[[*about, *table]]


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and, from two seeds on, standard deviation over the seeds, as text."""
    keys = [key for key in ("model", "n_inputs", "people") if key in table]
    groups = table.drop(columns=["dataset", "protocol", "seed"]).groupby(keys, sort=False)
    text, spread = groups.mean().map("{:.4f}".format), groups.std()
    return text.where(spread.isna(), text + " ± " + spread.map("{:.4f}".format))


def paired(table: pd.DataFrame, metric: str, reference: str) -> pd.DataFrame:
    """By model: mean over the seeds, and difference from a reference on the same seeds.

    table: one row a model and seed. error: the standard error of the mean difference.
    """
    wide = table.pivot(index="seed", columns="model", values=metric)[table["model"].unique()]
    apart = wide.sub(wide[reference], axis=0)
    return pd.DataFrame({"mean": wide.mean(), "difference": apart.mean(), "error": apart.sem()})
