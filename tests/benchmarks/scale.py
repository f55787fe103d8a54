"""Time and memory of `train --recipe large` on made-up ratings of a release's shape.

    python tests/benchmarks/scale.py ml-1m ml-10m ml-32m

Each shape is a process of its own, which prints one JSON object: CPU seconds of the second of
two epochs and for each of its ratings, of the whole, peak memory in GiB, model file in MB.

Film counts fall off as MovieLens's do (a few blockbusters, a long tail), people's counts are
log-normal, and stars follow biases and a few hidden tastes, so that there is something to learn.
"""

import argparse
import json
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

import saelib.training
from saelib.data import Dataset, Scale

SHAPES = {  # ratings, people, films
    "ml-1m": (1_000_209, 6_040, 3_706),
    "ml-10m": (10_000_054, 69_878, 10_677),
    "ml-32m": (32_000_204, 200_948, 87_585),
}
N_TASTES = 8
GENRES = ("Action", "Comedy", "Drama", "Horror", "Romance", "Sci-Fi", "Thriller", "War")


def like(name: str) -> Dataset:
    """A made-up data set with as many ratings, people and films as the release has."""
    n_ratings, n_users, n_films = SHAPES[name]
    rng = np.random.default_rng(0)
    users, films = np.divmod(_pairs(rng, n_ratings, n_users, n_films), n_films)
    of_user, of_film = rng.normal(0, 0.45, n_users), rng.normal(0, 0.5, n_films)
    tastes = rng.normal(size=(n_users, N_TASTES)).astype(np.float32)
    offers = rng.normal(0, 0.6 * N_TASTES**-0.5, (n_films, N_TASTES)).astype(np.float32)
    stars = np.empty(n_ratings, dtype=np.float32)
    for start in range(0, n_ratings, 1 << 20):
        part = slice(start, start + (1 << 20))
        u, f = users[part], films[part]
        agree = np.einsum("nk,nk->n", tastes[u], offers[f])
        raw = 3.5 + of_user[u] + of_film[f] + agree + rng.normal(0, 0.8, len(u))
        stars[part] = (np.round(2 * raw) / 2).clip(0.5, 5)
    ratings = pd.DataFrame({"user_id": users + 1, "movie_id": films + 1, "rating": stars})
    movies = pd.DataFrame({"movie_id": np.arange(1, n_films + 1)})
    movies["title"] = "Film " + movies["movie_id"].astype(str)
    movies["year"] = pd.array(rng.integers(1920, 2020, n_films), dtype="Int64")
    movies["genres"] = rng.choice(GENRES, n_films)
    return Dataset(f"like {name}", ratings, movies, None, Scale(0.5, 5, 0.5))


def _pairs(rng: np.random.Generator, n_ratings: int, n_users: int, n_films: int) -> np.ndarray:
    """n_ratings different pairs, as user * n_films + film, in random order."""
    activity = rng.lognormal(4.3, 1.2, n_users).clip(20, n_films / 4)
    by_rank = rng.permutation(n_films)  # ids say nothing of popularity
    pairs = np.arange(n_users) * n_films + by_rank[rng.integers(0, n_films, n_users)]
    pairs = np.union1d(pairs, rng.integers(0, n_users, n_films) * n_films + np.arange(n_films))
    least = (1 + n_films / 250) ** -0.8
    while len(pairs) < n_ratings:
        missing = n_ratings - len(pairs)
        counts = rng.poisson(activity * (1.5 * missing + 1000) / activity.sum())
        users = np.repeat(np.arange(n_users), counts)
        # The film of rank r is drawn with a density like (r + 250)^-1.8.
        ranks = 250 * (rng.uniform(least, 1, len(users)) ** -1.25 - 1)
        pairs = np.union1d(pairs, users * n_films + by_rank[ranks.astype(np.int64)])
    return rng.permutation(pairs)[:n_ratings]


def measure(name: str) -> dict:
    """Make the data, train on them, save the model."""
    data, ends = like(name), []
    validation = saelib.training.network_loss  # each epoch ends with it

    def network_loss(*arguments):
        ends.append(time.process_time())
        return validation(*arguments)

    saelib.training.network_loss = network_loss
    started = time.process_time()
    model = saelib.train(data, "large", epochs=2, progress=False)
    whole = time.process_time() - started
    with tempfile.NamedTemporaryFile() as file:
        model.save(Path(file.name))
        size = Path(file.name).stat().st_size / 1e6
    epoch = ends[1] - ends[0]
    return {
        "shape": name,
        "epoch_s": round(epoch, 2),
        "rating_ns": round(epoch / len(data.ratings) * 1e9),
        "whole_s": round(whole, 1),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "model_mb": round(size, 1),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("shapes", nargs="+", choices=SHAPES)
    with ProcessPoolExecutor(1, max_tasks_per_child=1) as pool:
        for measured in pool.map(measure, parser.parse_args().shapes):
            print(json.dumps(measured), flush=True)
