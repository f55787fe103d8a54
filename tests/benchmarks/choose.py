"""What a change of a recipe gains on validation ratings; no test rating has a part in it.

    python tests/benchmarks/choose.py default decay=2.5 decay=5 hidden=1600 --seeds 0 1 2
    python tests/benchmarks/choose.py default spread=1.5 --dataset ml-1m

A setting changes fields of `Config`, or the fold-in's `spread`. Known people: a tenth of the
training ratings of the protocol `ratings` is predicted. New people: a tenth of the training users
of `new-users` is held out, and half of their ratings predicted with 5, 20 or all others shown.
Prints one JSON object a setting and seed, then the differences from the recipe, paired by seed.
"""

import argparse
import ast
import json
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib import fold_in, load
from saelib.data import Dataset
from saelib.evaluation import BATCH, Learn, Predict, rmse
from saelib.fold_in import SPREAD
from saelib.matrix import People, RatingMatrix, first, split, split_rows
from saelib.model import autoencoder
from saelib.recipes import RECIPES, find

CHOOSING = 100  # added to the seed for the split of the training part


def error(predict: Predict, people: People, hidden: csr_array) -> float:
    """RMSE of hidden ratings (n, n_items), in stars."""
    found = []
    for start in range(0, len(people), BATCH):
        part = slice(start, start + BATCH)
        found.append(predict(people[part]).clip(1, 5)[hidden[part].tocoo().coords])
    return rmse(np.concatenate(found), hidden.data)


def measure(data: Dataset, learn: Learn, seed: int) -> dict[str, float]:
    """Validation RMSE of known people and of new ones."""
    training = data.ratings.iloc[split(len(data.ratings), seed)[0]]
    parts = (training.iloc[part] for part in split(len(training), CHOOSING + seed))
    known, validation = (RatingMatrix.from_dataset(data, part) for part in parts)
    errors = {"known": error(learn(known, seed), known.people, validation.csr)}
    everyone = RatingMatrix.from_dataset(data)
    users = everyone.take(np.sort(split(len(everyone.user_ids), seed)[0]))
    old, new = (users.take(np.sort(p)) for p in split(len(users.user_ids), CHOOSING + seed))
    predict = learn(old, seed)
    shown, targets = split_rows(new.csr, 0.5, seed)
    for n in (5, 20, None):
        people = People.who_rated(shown if n is None else first(shown, n), new.about)
        errors[f"new, {n or 'all'}"] = error(predict, people, targets)
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
        fold_in.SPREAD = fields.pop("spread", SPREAD)
        if isinstance(fields.get("hidden"), int):
            fields["hidden"] = (fields["hidden"],)
        RECIPES["changed"] = replace(find(told.recipe), **fields)
        learn = autoencoder("changed", progress=False)
        for seed in told.seeds:
            rows.append({"change": change, "seed": seed} | measure(data, learn, seed))
            print(json.dumps(rows[-1]), flush=True)
    table = pd.DataFrame(rows).set_index(["change", "seed"])
    apart = (table - table.loc[""]).groupby("change", sort=False)
    print(apart.agg(["mean", "sem"]).round(5).to_string())
