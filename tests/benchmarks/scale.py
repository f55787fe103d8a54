"""Time and memory against the number of ratings, on made-up data of the releases' shapes.

    python tests/benchmarks/scale.py …

Film counts fall off as MovieLens's do (a few blockbusters, a long tail), people's counts are
log-normal, and stars follow biases and a few hidden tastes, so that there is something to learn.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from saelib.data.dataset import Dataset
from saelib.data.scale import HALF_STARS

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
