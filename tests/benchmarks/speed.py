"""Speed, as ratios measured side by side in one run; needs ml-1m.

    python tests/benchmarks/speed.py [reading] [epoch] [recommending]

reading: ml-1m's ratings with our reader and with pandas' python engine.
epoch: one training epoch on ml-1m with `fit` and with a plain dense loop of the same network.
recommending: ten films for one person from a loaded model of ml-1m's size.
Each part is repeated in turns and prints one JSON object with the medians and their ratio.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from saelib.data import layouts, releases
from saelib.data.matrix import RatingMatrix
from saelib.model.learn import train
from saelib.network.heads import masked_loss
from saelib.network.recipes import RECIPES
from saelib.network.training import build, fit, orient
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender


def in_turns(repeats: int, **functions: Callable[[], object]) -> dict[str, float]:
    """Median seconds of each, called in turns so that a busy machine hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            started = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in times.items()}


def reading() -> dict:
    path = releases.fetch("ml-1m") / "ratings.dat"
    names = layouts.RATING_COLUMNS

    def ours() -> pd.DataFrame:
        return layouts.read_dat_ratings(path)

    def python_engine() -> pd.DataFrame:
        frame = pd.read_csv(path, sep="::", header=None, names=names, engine="python")
        return frame.astype(layouts.RATING_TYPES)

    pd.testing.assert_frame_equal(ours(), python_engine())
    seconds = in_turns(3, ours=ours, python_engine=python_engine)
    return seconds | {"times_as_fast": seconds["python_engine"] / seconds["ours"]}


class DenseAutoencoder(nn.Module):
    """The `decay` network as one would write it first: dense rows, nn.Linear, no shortcuts."""

    def __init__(self, baseline: nn.Module, n_items: int, n_demographics: int, hidden: int):
        super().__init__()
        self.baseline = [baseline.mean, baseline.column_bias, baseline.config.shrinkage]
        self.encoder = nn.Linear(2 * n_items, hidden)
        self.person = nn.Linear(n_demographics, hidden, bias=False)
        self.dropout = nn.Dropout(0.5)
        self.decoder = nn.Linear(hidden, n_items)

    def forward(self, ratings: torch.Tensor, people: torch.Tensor) -> torch.Tensor:
        mean, item_bias, shrinkage = self.baseline
        mask = (ratings != 0).float()
        n = mask.sum(1, keepdim=True)
        left = (ratings - mean - item_bias) * mask
        user_bias = left.sum(1, keepdim=True) / (n + shrinkage)
        rest = (left - user_bias) * mask
        inputs = torch.cat([rest, mask], 1) * 3 / n.clamp(min=1).sqrt()
        code = torch.tanh(self.encoder(inputs) + 0.5 * self.person(people))
        return mean + user_bias + item_bias + self.decoder(self.dropout(code))


def epoch() -> dict:
    data = releases.load("ml-1m")
    known = RatingMatrix.from_dataset(data)
    config = replace(RECIPES["decay"].networks[0], epochs=1, demographics=0.5)
    oriented = orient(config, known)
    network = build(oriented, 0)
    n_items, n_demographics = known.csr.shape[1], known.about.shape[1]
    dense = DenseAutoencoder(network, n_items, n_demographics, config.hidden[0])
    everything = torch.from_numpy(known.csr.toarray())
    everyone = torch.from_numpy(known.about)

    def ours() -> None:
        fit(network, oriented, progress=False)

    def dense_loop() -> None:
        optimizer = torch.optim.AdamW(dense.parameters(), config.learning_rate, weight_decay=3.5)
        for chosen in torch.randperm(len(everything)).tensor_split(config.n_batches):
            batch = everything[chosen]
            loss = masked_loss(dense(batch, everyone[chosen]), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    seconds = in_turns(5, ours=ours, dense_loop=dense_loop)
    return seconds | {"times_as_fast": seconds["dense_loop"] / seconds["ours"]}


def recommending() -> dict:
    data = releases.load("ml-1m")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        train(data, "default", epochs=1, progress=False).save(path)
        recommender = Recommender.load(path)
    rng = np.random.default_rng(0)
    films = rng.choice(data.movies["movie_id"], 20, replace=False)
    profile = Profile({int(film): int(rng.integers(1, 6)) for film in films}, age=30)
    seconds = in_turns(50, recommend=lambda: recommender.recommend(profile))
    return {"recommend_ms": 1000 * seconds["recommend"]}


if __name__ == "__main__":
    parts = {"reading": reading, "epoch": epoch, "recommending": recommending}
    for name in sys.argv[1:] or parts:
        result = {key: round(value, 3) for key, value in parts[name]().items()}
        print(json.dumps({"part": name, "threads": torch.get_num_threads()} | result), flush=True)
