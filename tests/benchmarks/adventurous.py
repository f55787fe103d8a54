"""Does *adventurous* mean less known and near to this person's taste? Measured on held-out people.

    python tests/benchmarks/adventurous.py --dataset ml-100k --seeds 0 1 2 3 4 --choose
    python tests/benchmarks/adventurous.py --dataset ml-100k --seeds 0 1 2 3 4

As in the `ranking` protocol 80 % of each new person's ratings are shown; the list is the ten best
of all other films, those that the person really rated among them. Of each list:

- rank, ratings: by number of ratings, the median place and number of its films;
- hits: how many of the ten are among the person's other ratings, in a hundred lists; liked: of
  these, the share that they rated 4 or more, its standard error over people beside it;
- near: hits / those expected of somebody who rates as all people do, film by film. 1: not near.

With --choose, people of the training part are held out in place of the test people, and ways to
the far end are tried: P(see) x (ratings + k)^-b x P(like)^l. Of those whose films have at most a
fifth of the ratings that the films of the well-known end have, the one with most liked hits is
taken. Without, the five positions of the panel on the test people, as markdown, and the way before:
P(see) to a power of 0 to 1.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd

from saelib.data import releases
from saelib.data.dataset import Dataset
from saelib.data.matrix import RatingMatrix, split_rows, split_users
from saelib.data.people import People
from saelib.model.learn import fit_networks
from saelib.model.seeing import ListOrder
from saelib.network.recipes import RECIPES
from saelib.recommend.recommender import adventure

POSITIONS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the panel's slider, adventurous first
TOP = 10


def options(choose: bool) -> dict:
    """name -> score(see, like, n_ratings, liking_weight)."""
    made: dict = {}
    if choose:
        grid = product((0.5, 0.75, 1.0, 1.25, 1.5, 1.75), (0.7, 1.5, 3.0), (5, 20, 50))
        made["well-known"] = lambda see, like, n, weight: see * like**weight
        for b, power, k in grid:
            made[f"b {b} l {power} k {k}"] = lambda see, like, n, weight, b=b, power=power, k=k: (
                see * (n + k) ** -b * like**power
            )
        return made
    for at in POSITIONS:
        made[f"{at}"] = lambda see, like, n, weight, at=at: (
            see * like**weight * adventure(like, n, at)
        )
    for at in POSITIONS[:-1]:
        made[f"before {at}"] = lambda see, like, n, weight, at=at: see**at * like**weight
    return made


def lists(data: Dataset, seed: int, choose: bool) -> Iterator[dict]:
    """A row for each person and option."""
    everyone = RatingMatrix.from_dataset(data)
    known, new = split_users(len(everyone.user_ids), seed)
    if choose:
        fitting, held_out = split_users(len(known), 100 + seed)
        known, new = known[fitting], known[held_out]
    matrix, others = everyone.take(known), everyone.take(new)
    recipe = RECIPES["default"]
    liking = fit_networks(recipe, matrix, seed=seed, progress=False)[0]
    order = ListOrder.fit(matrix, liking, recipe)
    n_ratings = matrix.csr.count_nonzero(axis=0).astype(float)
    places = np.empty(len(n_ratings))
    places[np.argsort(-n_ratings, kind="stable")] = np.arange(1, len(n_ratings) + 1)
    inputs, targets = split_rows(others.csr, 0.2, seed)
    ways = options(choose)
    for part, people in People.who_rated(inputs, others.about).batches(100):
        see, like = order.see(people), order.like(liking.distribution(people))
        shown, stars = inputs[part].toarray() > 0, targets[part].toarray()
        closed = shown | (n_ratings == 0)
        for name, score in ways.items():
            scores = np.where(closed, -np.inf, score(see, like, n_ratings, order.liking_weight))
            best = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
            given = np.take_along_axis(stars, best, axis=1)
            for person in range(len(best)):
                hit = given[person] > 0
                # Of people who were not shown a film, the share that have rated it all the same.
                rated = n_ratings[best[person]] / len(matrix.user_ids)
                usual = 0.2 * rated / (1 - 0.8 * rated)
                yield {
                    "seed": seed,
                    "way": name,
                    "rank": float(np.median(places[best[person]])),
                    "ratings": float(np.median(n_ratings[best[person]])),
                    "hits": int(hit.sum()),
                    "liked": int((given[person] >= data.scale.liked).sum()),
                    "usual": float(usual.sum()),
                }


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over people, by way."""
    made = {}
    for way, of in rows.groupby("way", sort=False):
        share = of["liked"].sum() / max(of["hits"].sum(), 1)
        apart = (of["liked"] - share * of["hits"]).std(ddof=1) * len(of) ** 0.5
        made[way] = {
            "rank": of["rank"].median(),
            "ratings": of["ratings"].median(),
            "hits": 100 * of["hits"].mean(),
            "liked_hits": 100 * of["liked"].mean(),
            "liked": share,
            "error": apart / max(of["hits"].sum(), 1),
            "near": of["hits"].sum() / of["usual"].sum(),
            "lists": len(of),
        }
    return pd.DataFrame(made).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="ml-100k")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--choose", action="store_true")
    asked = parser.parse_args()
    data = releases.load(asked.dataset)
    rows = pd.DataFrame([row for seed in asked.seeds for row in lists(data, seed, asked.choose)])
    found = table(rows)
    if asked.choose:
        for way, line in found.round(4).iterrows():
            print(json.dumps({"dataset": data.name, "way": way, **line.to_dict()}))
        far = found[found["ratings"] <= found["ratings"]["well-known"] / 5]
        print(json.dumps({"chosen": far["liked_hits"].idxmax() if len(far) else None}))
        return
    print("| position | rank | ratings | hits in 100 lists | of these liked | near |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for way, of in found.iterrows():
        liked = f"{of['liked']:.3f} ± {of['error']:.3f}"
        cells = (way, f"{of['rank']:.0f}", f"{of['ratings']:.0f}", f"{of['hits']:.0f}", liked)
        print(f"| {' | '.join(cells)} | {of['near']:.1f} |")


if __name__ == "__main__":
    main()
