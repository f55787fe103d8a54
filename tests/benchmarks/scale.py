"""Time and memory against the number of ratings, on made-up data of the releases' shapes.

    python tests/benchmarks/scale.py [epochs] [dense] [processes] [train] [list] [plot]
    python tests/benchmarks/scale.py als          # needs implicit, of the extra `peers`

epochs: one epoch of the network over people and of that over films, both 500 wide, for each shape
in turn. dense: the same network over people as one would write it first, a score for every cell;
of ml-10m's shape ten batches are timed, and the epoch is what all of them would take. als: one
epoch of implicit's alternating least squares. processes: one process against two, a thread each.
train: `train` of the recipe `large` for one epoch, whole. list: its model is loaded, and asked.
plot: draws notebooks/figures/scale.png from notebooks/scale.jsonl.
Every measurement is a process of its own and prints one JSON object; seconds are those of the
second epoch, since the first one also loads parts of torch.

Film counts fall off as MovieLens's do (a few blockbusters, a long tail), people's counts are
log-normal, and stars follow biases and a few hidden tastes, so that there is something to learn.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_matrix
from torch import nn

from saelib.data.dataset import Dataset
from saelib.data.matrix import RatingMatrix
from saelib.data.scale import HALF_STARS
from saelib.model.learn import train
from saelib.network import processes
from saelib.network.config import NetworkConfig
from saelib.network.heads import masked_loss
from saelib.network.recipes import RUNGS
from saelib.network.training import Oriented, build, fit, orient
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(tempfile.gettempdir()) / "saelib-scale"
# The network over people, and that over films; made-up people tell nothing of themselves.
PEOPLE = RUNGS["genres"]
FILMS = replace(RUNGS["default"], hidden=(500,))
# Ratings, people, films.
SHAPES = {
    "ml-1m": (1_000_209, 6_040, 3_706),
    "ml-10m": (10_000_054, 69_878, 10_677),
    "ml-32m": (32_000_204, 200_948, 87_585),
}
N_TASTES = 8
GENRES = ("Action", "Comedy", "Drama", "Horror", "Romance", "Sci-Fi", "Thriller", "War")


def like(name: str, seed: int = 0) -> Dataset:
    """A made-up data set with as many ratings, people and films as the release has."""
    n_ratings, n_users, n_films = SHAPES[name]
    rng = np.random.default_rng(seed)
    pairs = _pairs(rng, n_ratings, n_users, n_films)
    users, films = np.divmod(pairs, n_films)
    of_user, of_film = rng.normal(0, 0.45, n_users), rng.normal(0, 0.5, n_films)
    tastes = rng.normal(size=(n_users, N_TASTES)).astype(np.float32)
    films_offer = rng.normal(0, 0.6 * N_TASTES**-0.5, (n_films, N_TASTES)).astype(np.float32)
    stars = np.empty(n_ratings, dtype=np.float32)
    for start in range(0, n_ratings, 1 << 20):
        part = slice(start, start + (1 << 20))
        u, f = users[part], films[part]
        agree = np.einsum("nk,nk->n", tastes[u], films_offer[f])
        raw = 3.5 + of_user[u] + of_film[f] + agree + rng.normal(0, 0.8, len(u))
        stars[part] = (np.round(2 * raw) / 2).clip(0.5, 5)
    ratings = pd.DataFrame({"user_id": users + 1, "movie_id": films + 1, "rating": stars})
    movies = pd.DataFrame(
        {
            "movie_id": np.arange(1, n_films + 1),
            "title": [f"Film {number}" for number in range(1, n_films + 1)],
            "year": pd.array(rng.integers(1920, 2020, n_films), dtype="Int64"),
            "genres": rng.choice(GENRES, n_films),
        }
    )
    return Dataset(f"like {name}", ratings, movies, None, HALF_STARS)


def _pairs(rng: np.random.Generator, n_ratings: int, n_users: int, n_films: int) -> np.ndarray:
    """n_ratings different pairs, as user * n_films + film, in random order."""
    activity = rng.lognormal(4.3, 1.2, n_users).clip(20, n_films / 4)
    popularity = (np.arange(n_films) + 250.0) ** -1.8
    until = np.cumsum(popularity) / popularity.sum()
    by_rank = rng.permutation(n_films)  # ids say nothing of popularity
    pairs = np.arange(n_users) * n_films + by_rank[rng.integers(0, n_films, n_users)]
    while len(pairs) < n_ratings:
        left = n_ratings - len(pairs)
        counts = rng.poisson(activity * (1.1 * left + 1000) / activity.sum())
        users = np.repeat(np.arange(n_users), counts)
        pairs = np.union1d(
            pairs, users * n_films + by_rank[until.searchsorted(rng.random(len(users)))]
        )
    return rng.permutation(pairs)[:n_ratings]


def matrix_like(name: str) -> RatingMatrix:
    """Made up once, then read from a folder."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.pkl"
    if not path.exists():
        pd.to_pickle(like(name), path, compression=None)
    return RatingMatrix.from_dataset(pd.read_pickle(path))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux


def _report(**values: object) -> None:
    rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in values.items()}
    print(json.dumps(rounded), flush=True)


def _prepare(name: str, config: NetworkConfig) -> Oriented:
    """For one epoch, after a first one of a few rows that loads what torch loads then."""
    oriented = orient(replace(config, epochs=1), matrix_like(name))
    few = replace(oriented, ratings=oriented.ratings[:600])
    if few.row_features is not None:
        few = replace(few, row_features=few.row_features[:600])
    fit(build(few, 0), few, progress=False)
    return oriented


def epoch(name: str, rows: str) -> None:
    started = time.perf_counter()
    oriented = _prepare(name, PEOPLE if rows == "people" else FILMS)
    network = build(oriented, 0)
    prepared = time.perf_counter() - started
    took = seconds(lambda: fit(network, oriented, progress=False))
    n = oriented.ratings.nnz
    _report(
        part="epoch",
        shape=name,
        rows=rows,
        ratings=n,
        prepare_s=prepared,
        seconds=took,
        ns_per_rating=1e9 * took / n,
        peak_gib=peak_gib(),
        threads=torch.get_num_threads(),
    )


class DenseAutoencoder(nn.Module):
    """The network over people with a score for every cell, the ratings beside the mask."""

    def __init__(self, oriented: Oriented):
        super().__init__()
        config, n_columns = oriented.config, oriented.ratings.shape[1]
        self.config = config
        self.column_features = torch.from_numpy(oriented.column_features)
        self.encoder = nn.Linear(2 * n_columns, config.hidden[0])
        self.dropout = nn.Dropout(config.dropout)
        self.decoder = nn.Linear(config.hidden[0], n_columns)
        self.map = nn.Linear(self.column_features.shape[1], config.hidden[0], bias=False)

    def forward(self, ratings: torch.Tensor) -> torch.Tensor:
        mask = (ratings != 0).float()
        mask = mask * (torch.rand_like(mask) >= torch.rand(len(mask), 1) * 0.9)
        n = mask.sum(1, keepdim=True).clamp(min=1)
        mean = (ratings * mask).sum(1, keepdim=True) / n
        inputs = torch.cat([(ratings - mean) * mask, mask], 1) * 3 / n.sqrt()
        code = self.dropout(torch.tanh(self.encoder(inputs)))
        return mean + self.decoder(code) + code @ self.map(self.column_features).T


def dense(name: str) -> None:
    oriented = _prepare(name, PEOPLE)
    config, ratings = oriented.config, oriented.ratings
    network = DenseAutoencoder(oriented)
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, fused=True)
    batches = torch.randperm(ratings.shape[0]).tensor_split(config.n_batches)

    def train_on(chosen: torch.Tensor) -> None:
        batch = torch.from_numpy(ratings[chosen.numpy()].toarray())
        loss = masked_loss(network(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    train_on(batches[0])
    some = batches[: 10 if name == "ml-10m" else None]
    took = seconds(lambda: [train_on(chosen) for chosen in some]) * len(batches) / len(some)
    n = ratings.nnz
    _report(part="dense", shape=name, seconds=took, ns_per_rating=1e9 * took / n)


def als(name: str) -> None:
    from implicit.als import AlternatingLeastSquares

    ratings = csr_matrix(matrix_like(name).csr)
    first, model = (
        AlternatingLeastSquares(128, iterations=1, use_gpu=False, num_threads=2) for _ in range(2)
    )
    first.fit(ratings[:600], show_progress=False)
    took = seconds(lambda: model.fit(ratings, show_progress=False))
    _report(part="als", shape=name, seconds=took, ns_per_rating=1e9 * took / ratings.nnz)


def one_of(name: str, rows: str) -> None:
    """The same with one thread, in as many processes as torchrun has started."""
    torch.set_num_threads(1)
    processes.start(torch.device("cpu"))
    oriented = _prepare(name, PEOPLE if rows == "people" else RUNGS["default"])
    network = build(oriented, 0)
    torch.distributed.barrier()
    took = seconds(lambda: fit(network, oriented, progress=False))
    if processes.rank() == 0:
        _report(part="processes", shape=name, rows=rows, processes=processes.size(), seconds=took)
    processes.stop()


def whole(name: str) -> None:
    matrix_like(name)
    data = pd.read_pickle(FOLDER / f"{name}.pkl")
    took = seconds(lambda: train(data, "large", epochs=1, progress=False).save(FOLDER / "model"))
    _report(part="train", shape=name, seconds=took, peak_gib=peak_gib())


def ask(name: str) -> None:
    loaded = seconds(lambda: Recommender.load(FOLDER / "model"))
    recommender = Recommender.load(FOLDER / "model")
    rng = np.random.default_rng(0)
    profile = Profile({int(film): 4 for film in rng.choice(SHAPES[name][2], 40, replace=False) + 1})
    recommender.recommend(profile)
    took = np.median([seconds(lambda: recommender.recommend(profile)) for _ in range(20)])
    _report(part="list", shape=name, load_s=loaded, list_ms=1000 * float(took), peak_gib=peak_gib())


def alone(*call: str, n_processes: int = 0) -> None:
    """A measurement in a process of its own, or in several."""
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", str(n_processes)]
    start = [sys.executable, *(torchrun if n_processes else []), __file__, "alone", *call]
    done = subprocess.run(start, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    if done.returncode:
        sys.exit(f"{' '.join(call)} has failed.")


def epochs() -> None:
    for rows in ("people", "films"):
        for name in SHAPES:
            alone("epoch", name, rows)


def densely() -> None:
    for name in ("ml-1m", "ml-10m"):
        alone("dense", name)


def in_processes() -> None:
    for rows in ("people", "films"):
        for n in (1, 2):
            alone("one_of", "ml-10m", rows, n_processes=n)


def plot() -> None:
    """Seconds and memory of an epoch against the number of ratings, both axes logarithmic."""
    lines = pd.read_json(ROOT / "notebooks" / "scale.jsonl", lines=True)
    by_cells = lines[lines["part"] == "dense"]
    figure, (time_axes, memory_axes) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for rows, of_rows in lines[lines["part"] == "epoch"].groupby("rows"):
        time_axes.loglog(of_rows["ratings"], of_rows["seconds"], "o-", label=f"{rows} as rows")
        memory_axes.loglog(of_rows["ratings"], of_rows["peak_gib"], "o-", label=f"{rows} as rows")
    n_ratings = by_cells["shape"].map(lambda name: SHAPES[name][0])
    time_axes.loglog(n_ratings, by_cells["seconds"], "s--", label="a score for every cell")
    time_axes.set(xlabel="ratings", ylabel="seconds an epoch")
    memory_axes.set(xlabel="ratings", ylabel="peak memory, GiB")
    time_axes.legend()
    figure.savefig(ROOT / "notebooks" / "figures" / "scale.png", dpi=100)


PARTS: dict[str, Callable[[], None]] = {
    "epochs": epochs,
    "dense": densely,
    "als": lambda: alone("als", "ml-10m"),
    "processes": in_processes,
    "train": lambda: alone("whole", "ml-32m"),
    "list": lambda: alone("ask", "ml-32m"),
    "plot": plot,
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["alone"]:
        function, *arguments = sys.argv[2:]
        globals()[function](*arguments)
    else:
        for part in sys.argv[1:] or [name for name in PARTS if name not in ("als", "plot")]:
            PARTS[part]()
