"""What a change of a recipe gains on validation ratings; no test rating has a part in it.

    python tests/benchmarks/choose.py default decay=2.5 decay=5 hidden=1600 --seeds 0 1 2
    python tests/benchmarks/choose.py default spread=1.5 --dataset ml-1m

Each setting is a change of a field of `Config`, or the fold-in's `spread`. Known people: a tenth of
the training ratings of the protocol `ratings` is predicted. New people: a tenth of the training
users of the protocol `new-users` is held out, and half of their ratings is predicted with 5, 20 or
all of the other half shown. Prints one JSON object a setting and seed, and at the end the
differences from the recipe as it is, paired by seed, with their standard error.
"""

from __future__ import annotations

import argparse
import ast
import json
from dataclasses import replace

import numpy as np
import pandas as pd

from saelib import load
from saelib.evaluation import BATCH, rmse
from saelib.fold_in import SPREAD, FoldIn
from saelib.matrix import People, RatingMatrix, first, split, split_rows
from saelib.recipes import find
from saelib.training import build, fit, known_stars

CHOOSING = 100  # added to the seed for the split of the training part


def error(predict, people: People, hidden) -> float:
    """RMSE of hidden ratings (n, n_items), in stars."""
    found, given = [], []
    for start in range(0, len(people), BATCH):
        part = slice(start, start + BATCH)
        cells = hidden[part].tocoo()
        found.append(predict(people[part]).clip(1, 5)[cells.coords])
        given.append(cells.data)
    return rmse(np.concatenate(found), np.concatenate(given))


def measure(data, config, spread: float, seed: int) -> dict[str, float]:
    """Validation RMSE of known people and of new ones."""
    training = data.ratings.iloc[split(len(data.ratings), seed)[0]]
    parts = (training.iloc[part] for part in split(len(training), CHOOSING + seed))
    known, validation = (RatingMatrix.from_dataset(data, part) for part in parts)
    network = build(config, known, seed)
    fit(network, known, seed=seed, progress=False)
    predict = network.predict
    if config.rows == "films":
        folded, own = FoldIn.of(network, known, spread).predict, known_stars(network, known)

        def predict(people):
            return (folded(people) + own(people.rows)) / 2

    errors = {"known": error(predict, known.people, validation.csr)}
    everyone = RatingMatrix.from_dataset(data)
    users = everyone.take(np.sort(split(len(everyone.user_ids), seed)[0]))
    old, new = (users.take(np.sort(p)) for p in split(len(users.user_ids), CHOOSING + seed))
    network = build(config, old, seed)
    fit(network, old, seed=seed, progress=False)
    liking = FoldIn.of(network, old, spread) if config.rows == "films" else network
    shown, targets = split_rows(new.csr, 0.5, seed)
    for n in (5, 20, "all"):
        people = People.who_rated(shown if n == "all" else first(shown, n), new.about)
        errors[f"new, {n}"] = error(liking.predict, people, targets)
    return errors


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("recipe")
    options.add_argument("changes", nargs="*", metavar="FIELD=VALUE[,FIELD=VALUE]")
    options.add_argument("--dataset", default="ml-100k")
    options.add_argument("--seeds", nargs="+", type=int, default=[0])
    told = options.parse_args()
    data, rows = load(told.dataset), []
    for change in ["", *told.changes]:
        pairs = [pair.split("=") for pair in change.split(",") if pair]
        fields = {name: ast.literal_eval(value) for name, value in pairs}
        spread = fields.pop("spread", SPREAD)
        if isinstance(fields.get("hidden"), int):
            fields["hidden"] = (fields["hidden"],)
        for seed in told.seeds:
            errors = measure(data, replace(find(told.recipe), **fields), spread, seed)
            rows.append({"change": change, "seed": seed} | errors)
            print(json.dumps(rows[-1]), flush=True)
    table = pd.DataFrame(rows).set_index(["change", "seed"])
    apart = (table - table.loc[""]).groupby("change", sort=False)
    print(apart.agg(["mean", "sem"]).round(5).to_string())
