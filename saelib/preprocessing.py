"""From tables to what a network eats: a sparse matrix, seeded splits, the bias baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.datasets import MovieLens
from saelib.errors import DataError

# -- The rating matrix ------------------------------------------------------------------------


@dataclass(frozen=True)
class RatingMatrix:
    """Ratings as a sparse matrix with its maps back to MovieLens ids.

    csr: (n_users, n_items) float32, stars; an entry that is not stored is not rated.
    user_ids, item_ids: the MovieLens id of each row and of each column, ascending.
    """

    csr: csr_array
    user_ids: np.ndarray
    item_ids: np.ndarray

    @classmethod
    def from_movielens(cls, data: MovieLens, ratings: pd.DataFrame | None = None) -> RatingMatrix:
        """Build the matrix of `ratings` (by default all of the release's).

        Rows are all users of the release and columns all its films, whatever part of the ratings
        is given, so that the matrices of a training and a test part line up.
        Raises DataError for a film that `movies` does not list or lists twice, or for a pair
        rated twice.
        """
        ratings = data.ratings if ratings is None else ratings
        user_ids = np.unique(data.ratings["user_id"].to_numpy())
        item_ids = np.sort(data.movies["movie_id"].to_numpy())
        twice = item_ids[1:][item_ids[1:] == item_ids[:-1]]
        if len(twice):
            raise DataError(f"The films of {data.name} list movie {twice[0]} twice.")
        return cls(
            _csr(
                _positions(ratings["user_id"].to_numpy(), user_ids, "user"),
                _positions(ratings["movie_id"].to_numpy(), item_ids, "movie"),
                ratings["rating"].to_numpy(),
                (len(user_ids), len(item_ids)),
            ),
            user_ids,
            item_ids,
        )


def _positions(ids: np.ndarray, sorted_ids: np.ndarray, kind: str) -> np.ndarray:
    """Where each id stands in `sorted_ids`, as int32."""
    # Looked up by hash: a table from id to position would be as long as the largest id.
    positions = pd.Index(sorted_ids).get_indexer(ids).astype(np.int32)
    if (positions < 0).any():
        raise DataError(
            f"A rating names {kind} {ids[positions < 0][0]}, which the data set does not list."
        )
    return positions


def _csr(rows: np.ndarray, items: np.ndarray, stars: np.ndarray, shape) -> csr_array:
    csr = csr_array((stars.astype(np.float32, copy=False), (rows, items)), shape=shape)
    csr.sum_duplicates()
    if csr.nnz != len(stars):
        raise DataError(f"{len(stars) - csr.nnz} ratings are of a user and film rated before.")
    return csr


# -- Splits (all randomness from numpy.random.default_rng(seed)) ------------------------------


def split_ratings(n_ratings: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the training and test ratings: the first tenth of a permutation tests."""
    order = np.random.default_rng(seed).permutation(n_ratings)
    return order[n_ratings // 10 :], order[: n_ratings // 10]


def split_users(n_users: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training users and of the held-out ones, the first tenth of a permutation."""
    order = np.random.default_rng(seed).permutation(n_users)
    return np.sort(order[n_users // 10 :]), np.sort(order[: n_users // 10])


def split_rows(rows: csr_array, target_share: float, seed: int) -> tuple[csr_array, csr_array]:
    """Split each row's ratings at random into inputs and targets.

    rows: (n, n_items). Of a row with m ratings, floor(m * target_share) become targets.
    Returns (inputs, targets), both (n, n_items); the inputs of a row are in random order, so its
    first k stored entries are a random choice of k (see `first_inputs`).
    """
    rng = np.random.default_rng(seed)
    inputs, targets = [], []
    for start, stop in _spans(rows):
        order = start + rng.permutation(stop - start)
        n_targets = int((stop - start) * target_share)
        targets.append(order[:n_targets])
        inputs.append(order[n_targets:])
    return _take(rows, inputs), _take(rows, targets)


def first_inputs(inputs: csr_array, n: int) -> csr_array:
    """Keep the first n stored ratings of each row (all of them where there are fewer)."""
    return _take(inputs, [np.arange(a, min(a + n, b)) for a, b in _spans(inputs)])


def _spans(rows: csr_array) -> zip:
    return zip(rows.indptr[:-1], rows.indptr[1:])


def _take(rows: csr_array, entries: list[np.ndarray]) -> csr_array:
    """Rows made of the given stored entries, in the given order."""
    indptr = np.concatenate([[0], np.cumsum([len(e) for e in entries])])
    chosen = np.concatenate(entries).astype(np.int64)
    return csr_array((rows.data[chosen], rows.indices[chosen], indptr), shape=rows.shape)


# -- The bias baseline ------------------------------------------------------------------------


@dataclass(frozen=True)
class BiasBaseline:
    """rating ~ mean + user bias + item bias, the two biases shrunk towards 0.

    A shrunk bias is the sum of what is left over, divided by (count + shrinkage): few ratings
    make a small bias (Koren, Bell and Volinsky 2009, 'Matrix factorization techniques',
    equation 1, solved by alternation). A user's bias is a function of the ratings shown, so that
    a new person has one without any training.

    mean: stars. item_bias: (n_items,) stars. shrinkage: in ratings.
    """

    mean: float
    item_bias: np.ndarray
    shrinkage: float = 5.0

    @classmethod
    def fit(cls, csr: csr_array, shrinkage: float = 5.0, alternations: int = 10) -> BiasBaseline:
        """Fit to the ratings of csr (n_users, n_items)."""
        mean = float(csr.data.mean(dtype=np.float64))
        by_item = csr.tocsc()
        users_of = by_item.indices
        n_of_item = np.diff(by_item.indptr)
        item_bias = np.zeros(csr.shape[1])
        for _ in range(alternations):
            user_bias = cls(mean, item_bias, shrinkage).user_bias(csr)
            left = by_item.data - mean - user_bias[users_of]
            total = np.bincount(
                np.repeat(np.arange(len(n_of_item)), n_of_item), left, len(n_of_item)
            )
            item_bias = total / (n_of_item + shrinkage)
        return cls(mean, item_bias, shrinkage)

    def user_bias(self, rows: csr_array) -> np.ndarray:
        """(n_rows,) stars: the bias of each row, given the ratings in it."""
        left = rows.data - self.mean - self.item_bias[rows.indices]
        n_ratings = np.diff(rows.indptr)
        row_of = np.repeat(np.arange(rows.shape[0]), n_ratings)
        return np.bincount(row_of, left, rows.shape[0]) / (n_ratings + self.shrinkage)

    def predict(self, rows: csr_array) -> np.ndarray:
        """(n_rows, n_items) stars for every film, given the ratings in each row."""
        return self.mean + self.user_bias(rows)[:, None] + self.item_bias[None, :]
