"""Is there a better list than that of `ListOrder`? A logistic regression over several scores.

    python tests/benchmarks/lists.py --dataset ml-1m --seeds 0 1 2

The `ranking` protocol. The models learn from nine tenths of the training people; of the last
tenth, 80 % of the ratings are shown, and the regression learns from the rest which films were
rated 4 or more, by log P(see), log P(like), expected stars, an EASE weighted by stars, and log
popularity. Then both lists are measured on the same test people. Prints a JSON line for each.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array, diags_array
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from saelib.data import releases
from saelib.data.dataset import Dataset
from saelib.data.matrix import RatingMatrix, split_rows, split_users
from saelib.data.people import People
from saelib.evaluation import ndcg, recall
from saelib.model.ease import ease_weights
from saelib.model.learn import fit_networks
from saelib.model.seeing import ListOrder
from saelib.network.recipes import RECIPES

WORTH = np.array([0.0, 0.1, 0.3, 0.7, 1.0, 1.3])  # of a film seen, by its stars
BATCH = 200


def starred(rows: csr_array) -> csr_array:
    """What was seen, weighted by its stars, rounded up."""
    return csr_array((WORTH[np.ceil(rows.data).astype(int)], rows.indices, rows.indptr), rows.shape)


class Scores:
    """Everything that the regression may go by, for people (n, n_items)."""

    def __init__(self, known: RatingMatrix, seed: int):
        recipe = RECIPES["default"]
        liking = fit_networks(recipe, known, seed=seed, progress=False)[0]
        self.order = ListOrder.fit(known, liking, recipe)
        rows = starred(known.csr)
        n_ratings = np.diff(rows.indptr).clip(min=1)
        rows = csr_array(diags_array((n_ratings / n_ratings.mean()) ** -0.5) @ rows)
        gram = (rows.T @ rows).toarray()
        self.weights = ease_weights(gram, 500 + np.diag(gram))
        self.popularity = np.log1p(known.csr.count_nonzero(axis=0))

    def of(self, people: People) -> np.ndarray:
        """(n, n_items, 5)."""
        distribution = self.order.liking.distribution(people)
        return np.stack(
            [
                np.log(self.order.see(people)),
                np.log(self.order.like(distribution).clip(1e-6)),
                distribution @ self.order.scale.levels,
                starred(people.stars) @ self.weights,
                np.broadcast_to(self.popularity, distribution.shape[:2]),
            ],
            axis=-1,
        )


def compare(data: Dataset, seed: int) -> Iterator[dict]:
    everyone = RatingMatrix.from_dataset(data)
    users, tested = split_users(len(everyone.user_ids), seed)
    fitting, choosing = split_users(len(users), 100 + seed)
    scores = Scores(everyone.take(users[fitting]), seed)

    chosen = everyone.take(users[choosing])
    inputs, targets = split_rows(chosen.csr, 0.2, seed)
    found, wanted = [], []
    for part, people in People.who_rated(inputs, chosen.about).batches(BATCH):
        open_ = inputs[part].toarray() == 0
        found.append(scores.of(people)[open_].astype(np.float32))
        wanted.append((targets[part].toarray() >= 4)[open_])
    scaler = StandardScaler().fit(np.concatenate(found))
    regression = LogisticRegression(C=1.0)
    regression.fit(scaler.transform(np.concatenate(found)), np.concatenate(wanted))
    weights = regression.coef_[0] / scaler.scale_

    new = everyone.take(tested)
    inputs, targets = split_rows(new.csr, 0.2, seed)
    gains: dict[str, list] = {"product": [], "regression": []}
    for part, people in People.who_rated(inputs, new.about).batches(BATCH):
        features = scores.of(people)
        shown, liked = inputs[part].toarray() > 0, targets[part].toarray() >= 4
        for name, order in (
            ("product", features[..., 0] + scores.order.liking_weight * features[..., 1]),
            ("regression", features @ weights),
        ):
            ranked = np.argsort(np.where(shown, np.inf, -order), axis=1, kind="stable")
            gains[name] += [
                (ndcg(r, np.flatnonzero(row)), recall(r, np.flatnonzero(row)))
                for r, row in zip(ranked, liked)
                if row.any()
            ]
    for name, of_people in gains.items():
        gain, found_20 = np.mean(of_people, axis=0)
        line = {"dataset": data.name, "seed": seed, "list": name}
        yield line | {"ndcg@10": round(float(gain), 4), "recall@20": round(float(found_20), 4)}
    difference = np.subtract(*(np.array(gains[name])[:, 0] for name in reversed(gains)))
    error = difference.std(ddof=1) / len(difference) ** 0.5
    yield {
        "dataset": data.name,
        "seed": seed,
        "list": "regression - product",
        "ndcg@10": round(float(difference.mean()), 4),
        "standard error over people": round(float(error), 4),
        "weights": weights.round(3).tolist(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="ml-1m")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    data = releases.load(options.dataset)
    for seed in options.seeds:
        for line in compare(data, seed):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
