"""From tables to what a network eats: a sparse matrix of ratings, and seeded splits of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.data.dataset import Dataset, encode_demographics
from saelib.data.features import Demographics, encode_films
from saelib.data.people import People
from saelib.data.scale import Scale
from saelib.errors import DataError

# -- The rating matrix ------------------------------------------------------------------------


@dataclass(frozen=True)
class RatingMatrix:
    """Ratings as a sparse matrix, with what is known of its rows and columns.

    csr: (n_users, n_items) float32, stars; an entry that is not stored is not rated.
    user_ids, item_ids: the id of each row and of each column, ascending.
    about: (n_users, n_demographics) one-hot, see `Demographics`; None where there are none.
    facts: (n_items, n_facts), see `encode_films`.
    scale: of the entries of csr, all of them above 0; see `Scale.stored`.
    """

    csr: csr_array
    user_ids: np.ndarray
    item_ids: np.ndarray
    about: np.ndarray | None
    facts: np.ndarray
    scale: Scale
    demographics: Demographics

    @classmethod
    def from_dataset(cls, data: Dataset, ratings: pd.DataFrame | None = None) -> RatingMatrix:
        """Build the matrix of `ratings` (by default all of the data set's).

        Rows are all users of the data set and columns all its films, whatever part of the ratings
        is given, so that the matrices of a training and a test part line up.
        Raises DataError for a film that `movies` does not list or lists twice, for a pair rated
        twice, or for a person that `users` does not list.
        """
        ratings = data.ratings if ratings is None else ratings
        user_ids = np.unique(data.ratings["user_id"].to_numpy())
        item_ids = np.sort(data.movies["movie_id"].to_numpy())
        twice = item_ids[1:][item_ids[1:] == item_ids[:-1]]
        if len(twice):
            raise DataError(f"The films of {data.name} list movie {twice[0]} twice.")
        stars = ratings["rating"].to_numpy() + np.float32(data.scale.offset)
        return cls(
            csr=_csr(
                _positions(ratings["user_id"].to_numpy(), user_ids, "user"),
                _positions(ratings["movie_id"].to_numpy(), item_ids, "movie"),
                stars,
                (len(user_ids), len(item_ids)),
            ),
            user_ids=user_ids,
            item_ids=item_ids,
            about=encode_demographics(data, user_ids),
            facts=encode_films(data.movies.set_index("movie_id").loc[item_ids]),
            scale=data.scale.stored,
            demographics=data.demographics,
        )

    @property
    def people(self) -> People:
        """The rows, as a model reads them."""
        return People.who_rated(self.csr, self.about)

    def take(self, users: np.ndarray) -> RatingMatrix:
        """The same of some of the users, given by their rows."""
        about = None if self.about is None else self.about[users]
        return replace(self, csr=self.csr[users], user_ids=self.user_ids[users], about=about)


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
