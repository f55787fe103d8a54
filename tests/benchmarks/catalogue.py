"""How to choose among more films than EASE can know: the most seen ones, or all by ELSA?

    python tests/benchmarks/catalogue.py --dataset ml-1m --films 1000 --seeds 0 1 2

EASE knows `ease.MAX_FILMS` films and puts all others last. On a release of fewer films, a lower
limit stands in for a larger catalogue. The `ranking` protocol, by P(see) alone with the settings of
the recipe `default`; people and films are the same for all. Prints a JSON line for each way to
choose and seed, then the differences from EASE with the limit: mean and standard error.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace

import pandas as pd

from saelib.data import releases
from saelib.data.matrix import RatingMatrix
from saelib.evaluation import Predict, evaluate_ranking
from saelib.model import ease
from saelib.model.seeing import fit_seeing, see
from saelib.network.config import Recipe
from saelib.network.recipes import RECIPES

METRICS = ["ndcg@10", "recall@20", "recall@50", "ndcg@100", "coverage"]


class Choosing:
    """A `Learn` by P(see) alone. films: how many EASE may know; seconds: of processor time."""

    def __init__(self, recipe: Recipe, films: int):
        self.recipe, self.films = recipe, films
        self.seconds = 0.0

    def __call__(self, known: RatingMatrix, seed: int) -> Predict:
        started, ease.MAX_FILMS = time.process_time(), self.films
        linear = fit_seeing(known, self.recipe, seed)
        self.seconds = time.process_time() - started
        return lambda people: see(linear, people)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="ml-1m")
    parser.add_argument("--films", type=int, default=1000, help="that EASE may know")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--elsa-epochs", type=int, nargs="+", default=[20])
    options = parser.parse_args()
    data, default, limit = releases.load(options.dataset), RECIPES["default"], ease.MAX_FILMS
    limited = f"ease, {options.films} films"
    ways = {limited: Choosing(default, options.films), "ease": Choosing(default, limit)}
    for epochs in options.elsa_epochs:
        recipe = replace(default, seeing="elsa", elsa_epochs=epochs)
        ways[f"elsa, {epochs} epochs"] = Choosing(recipe, limit)
    rows = []
    for seed in options.seeds:
        table = evaluate_ranking(data, ways, seed)
        table["seconds"] = [way.seconds for way in ways.values()]
        rows.append(table)
        for row in table.to_dict("records"):
            print(json.dumps(row), flush=True)
    of_way = pd.concat(rows).set_index(["model", "seed"])[METRICS]
    apart = (of_way - of_way.loc[limited]).groupby(level="model")
    print(apart.mean().join(apart.sem(), rsuffix=" ±").round(4).to_string())


if __name__ == "__main__":
    main()
