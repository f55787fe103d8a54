"""Error against training time: ours by epochs and width, and other libraries, side by side.

    pip install --constraint constraints.txt --editable ".[peers]"
    OMP_NUM_THREADS=1 python tests/benchmarks/frontier.py --dataset ml-1m > frontier.jsonl
    python tests/benchmarks/frontier.py --draw frontier.jsonl

The `ratings` protocol: a tenth of the ratings hidden. One after the other in one process; the
seconds are processor time, which other processes do not lengthen much, of the training and of
what it needs, from tables in memory to a model that can predict. Prints a JSON line a point;
`--draw` makes notebooks/figures/frontier.png of them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from peers import RATING_PEERS, myfm_peer, surprise_peer

from saelib.data import releases
from saelib.data.dataset import Dataset
from saelib.data.matrix import RatingMatrix, split_ratings
from saelib.evaluation import bias, rmse
from saelib.model.learn import fit_networks
from saelib.network.config import Recipe
from saelib.network.recipes import FILMS

FIGURE = Path(__file__).resolve().parents[2] / "notebooks" / "figures" / "frontier.png"


# Trains, and returns the predicted stars and the seconds of the training.
Run = Callable[[pd.DataFrame, pd.DataFrame, Dataset, int], tuple[np.ndarray, float]]


def ours(learn: Callable[[RatingMatrix, int], Callable]) -> Run:
    """A model of ours, as `peers.py` measures those of others."""

    def run(train: pd.DataFrame, test: pd.DataFrame, data: Dataset, seed: int):
        started = time.process_time()
        known = RatingMatrix.from_dataset(data, train)
        predict = learn(known, seed)
        seconds = time.process_time() - started
        rows = np.searchsorted(known.user_ids, test["user_id"])
        films = np.searchsorted(known.item_ids, test["movie_id"])
        return predict(known.people)[rows, films], seconds

    return run


def network(width: int, epochs: int) -> Run:
    recipe = Recipe((replace(FILMS, hidden=(width,), epochs=epochs),))
    return ours(
        lambda known, seed: fit_networks(recipe, known, seed=seed, progress=False)[0].predict
    )


def svd(epochs: int) -> Run:
    from surprise import SVD

    return surprise_peer(lambda seed: SVD(n_epochs=epochs, random_state=seed))


def families() -> Iterator[tuple[str, str, Run]]:
    """Family, setting, and what trains it."""
    yield "bias baseline", "", ours(bias)
    for width in (100, 300, 1000):
        for n in (1, 2, 3, 5, 10, 20):
            yield f"saelib, {width} wide", f"{n} epochs", network(width, n)
    for n in (5, 10, 20, 40):
        yield "surprise SVD", f"{n} epochs", svd(n)
    yield "surprise KNNBaseline", "", RATING_PEERS["surprise-knn-baseline"]
    for name, side in (("myFM, ids", False), ("myFM, side and implicit", True)):
        for n in (10, 30, 100, 300):
            yield name, f"{n} samples", myfm_peer(side, n)


def measure(name: str, seed: int) -> Iterator[dict]:
    """A line for each model: family, setting, seconds of training, rmse of the hidden ratings."""
    data = releases.load(name)
    parts = [data.ratings.iloc[part] for part in split_ratings(len(data.ratings), seed)]
    for family, setting, run in families():
        stars, seconds = run(*parts, data, seed)
        error = rmse(data.scale.clip(stars), parts[1]["rating"])
        about = {"dataset": name, "seed": seed, "family": family, "setting": setting}
        yield about | {"seconds": round(seconds, 1), "rmse": round(error, 4)}


def draw(points: pd.DataFrame) -> None:
    """The points of one run, a line for each family; lower and further left is better."""
    import matplotlib.pyplot as plt

    from saelib.plots import BLUE, GREY, ORANGE, STYLE

    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(8, 5), layout="constrained")
        ours = iter("x+o")
        looks = iter([(GREY, "v"), (GREY, "D"), ("#E69F00", "s"), ("#CC79A7", "^"), (BLUE, "P")])
        for family, of_it in points.groupby("family", sort=False):
            own = family.startswith("saelib")
            colour, marker = (ORANGE, next(ours)) if own else next(looks)
            ax.plot(of_it["seconds"], of_it["rmse"], color=colour, marker=marker, label=family)
        ax.set(xscale="log", xlabel="seconds of processor time in training", ylabel="RMSE in stars")
        ax.set_title(f"{points['dataset'][0]}: error of unseen ratings against training time")
        ax.legend()
        figure.savefig(FIGURE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="ml-1m")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draw", type=Path, help="a file of lines that this command has printed")
    options = parser.parse_args()
    if options.draw:
        draw(pd.read_json(options.draw, lines=True))
        return
    for line in measure(options.dataset, options.seed):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
