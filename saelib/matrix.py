"""From tables to what a model reads: a sparse matrix of stars, and who and what is behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.data import Dataset, Scale
from saelib.errors import SaelibError

LIKED = 4  # stars from which on a film counts as liked, whatever the scale
# Lower bounds in years, as ml-1m codes them; a person of 20 belongs to 18-24, not to 25-34.
AGES = (1, 18, 25, 35, 45, 50, 56)
DECADES = tuple(range(1890, 2040, 10))
Films = slice | np.ndarray  # positions of films in the matrix
ALL = slice(None)


# -- People and films as numbers --------------------------------------------------------------


def groups_of(users: pd.DataFrame | None) -> dict[str, list]:
    """The genders, age brackets (positions in AGES) and occupations there are, in their order.

    Nothing is known of people where `users` is None; then the groups are empty, too.
    """
    if users is None:
        return {}
    genders, occupations = (sorted(users[c].dropna().unique()) for c in ("gender", "occupation"))
    return {"gender": genders, "age": list(range(len(AGES))), "occupation": occupations}


def encode_people(users: pd.DataFrame, groups: dict[str, list]) -> np.ndarray:
    """(n, width) one-hot of gender, age bracket and occupation; what is not told is all zeros.

    users: gender, age (years), occupation. groups: the values that there are, see `groups_of`.
    """
    years = pd.to_numeric(users["age"], errors="coerce").fillna(0)
    told = users.assign(age=np.searchsorted(AGES, years, side="right") - 1)
    codes = [
        told[name].to_numpy(object)[:, None] == np.array(v, object) for name, v in groups.items()
    ]
    return np.hstack(codes).astype(np.float32)


def encode_films(films: pd.DataFrame) -> np.ndarray:
    """(n, n_genres + n_decades): the genres, each 0 or 1, then the decade, one-hot."""
    genres = films["genres"].str.get_dummies("|")
    decade = films["year"].to_numpy(float, na_value=0) // 10 * 10
    return np.hstack([genres, decade[:, None] == np.array(DECADES)]).astype(np.float32)


# -- Ratings as a matrix ----------------------------------------------------------------------


@dataclass(frozen=True)
class People:
    """A batch of n people, the input of every model.

    stars: (n, n_items), 1 to 5; what is not stored is not rated. seen: (n, n_items) of ones; rated
    films are among them. about: (n, width), see `encode_people`; None where nobody told anything.
    rows: (n,) their rows in the training ratings; None for new people.
    """

    stars: csr_array
    seen: csr_array
    about: np.ndarray | None = None
    rows: np.ndarray | None = None

    @classmethod
    def who_rated(cls, stars: csr_array, about: np.ndarray | None = None) -> People:
        """New people who have seen what they rated, and told of no other film."""
        return cls(stars, mask(stars), about)

    def __len__(self) -> int:
        return self.stars.shape[0]

    def __getitem__(self, chosen: slice | np.ndarray) -> People:
        about, rows = (p if p is None else p[chosen] for p in (self.about, self.rows))
        return People(self.stars[chosen], self.seen[chosen], about, rows)


def mask(ratings: csr_array) -> csr_array:
    """Ones wherever there is a rating."""
    ones = np.ones(ratings.nnz, dtype=np.float32)
    return csr_array((ones, ratings.indices, ratings.indptr), shape=ratings.shape)


def unit_masks(csr: csr_array) -> csr_array:
    """1 / sqrt(number of ratings in the row) wherever there is a rating."""
    n = np.diff(csr.indptr)
    weight = np.repeat(n.clip(min=1) ** -0.5, n).astype(np.float32)
    return csr_array((weight, csr.indices, csr.indptr), shape=csr.shape)


def level(stars: Any, n_levels: int) -> Any:
    """Which of n levels each number of stars is, counted from 0; of an array or a tensor."""
    return ((stars - 1) / 4 * (n_levels - 1)).round()


@dataclass(frozen=True)
class RatingMatrix:
    """Ratings in stars, and what is known of their rows and columns.

    csr: (n_users, n_items), 1 to 5 stars whatever the scale (see `Scale`), so that what is not
    stored, 0, can only be 'not rated'. seen: (n_users, n_items) of ones, rated films among them.
    user_ids, item_ids: of rows and columns, ascending. about: (n_users, width) or None, facts:
    (n_items, n_facts), see `encode_people` and `encode_films`. groups: see `groups_of`.
    """

    csr: csr_array
    seen: csr_array
    user_ids: np.ndarray
    item_ids: np.ndarray
    about: np.ndarray | None
    facts: np.ndarray
    scale: Scale
    groups: dict[str, list]

    @classmethod
    def from_dataset(cls, data: Dataset, ratings: pd.DataFrame | None = None) -> RatingMatrix:
        """The matrix of `ratings`, by default of all.

        It always has all users and all films of the data set, so that the matrices of training and
        test ratings line up.
        """
        ratings = data.ratings if ratings is None else ratings
        pairs = [data.ratings] if data.seen is None else [data.ratings, data.seen]
        user_ids = np.unique(np.concatenate([table["user_id"] for table in pairs]))
        item_ids = np.sort(data.movies["movie_id"].to_numpy())

        def matrix(values: np.ndarray, *tables: pd.DataFrame) -> csr_array:
            ids = (np.concatenate([t[c] for t in tables]) for c in ("user_id", "movie_id"))
            places = tuple(
                pd.Index(of).get_indexer(i).astype(np.int32)  # half of the memory of int64
                for of, i in zip((user_ids, item_ids), ids)
            )
            made = csr_array((values, places), (len(user_ids), len(item_ids)))
            made.sum_duplicates()
            return made

        csr = matrix(data.scale.stars(ratings["rating"].to_numpy()).astype(np.float32), ratings)
        seen = mask(csr)
        if data.seen is not None:
            both = ratings, data.seen
            seen = mask(matrix(np.ones(sum(map(len, both)), np.float32), *both))
        groups = groups_of(data.users)
        about = None
        if data.users is not None:
            about = encode_people(data.users.set_index("user_id").loc[user_ids], groups)
        facts = encode_films(data.movies.set_index("movie_id").loc[item_ids])
        return cls(csr, seen, user_ids, item_ids, about, facts, data.scale, groups)

    @property
    def people(self) -> People:
        """The rows, as a model reads them."""
        return People(self.csr, self.seen, self.about, np.arange(len(self.user_ids)))

    def take(self, users: np.ndarray) -> RatingMatrix:
        """The same of some of the users, given by their rows."""
        about = None if self.about is None else self.about[users]
        parts = {"csr": self.csr[users], "seen": self.seen[users], "about": about}
        return replace(self, user_ids=self.user_ids[users], **parts)


# -- Splits: all that is random comes from numpy.random.default_rng(seed) ---------------------


def split(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(training, test) positions of n ratings or n users: the first tenth of a permutation tests.

    Raises SaelibError where a tenth would be nothing.
    """
    if n < 10:
        raise SaelibError(f"There are {n} to split, and a tenth of them would be none; take more.")
    order = np.random.default_rng(seed).permutation(n)
    return order[n // 10 :], order[: n // 10]


def split_rows(rows: csr_array, share: float, seed: int) -> tuple[csr_array, csr_array]:
    """(shown, target): of each row with m ratings, floor(m * share) random ones are targets.

    rows: (n, n_items), and so are both parts. The ratings shown of a row are in random order, so
    that its first k are a random choice of k, see `first`.
    """
    rng = np.random.default_rng(seed)
    n = np.diff(rows.indptr)
    n_targets = (n * share).astype(int)
    orders = [start + rng.permutation(m) for start, m in zip(rows.indptr[:-1], n)]
    shown = [order[k:] for order, k in zip(orders, n_targets)]
    targets = [order[:k] for order, k in zip(orders, n_targets)]
    return _rows_of(rows, shown), _rows_of(rows, targets)


def first(rows: csr_array, k: int) -> csr_array:
    """Of each row the first k stored ratings; after `split_rows`, k random ones."""
    spans = zip(rows.indptr[:-1], rows.indptr[1:])
    return _rows_of(rows, [np.arange(start, min(start + k, stop)) for start, stop in spans])


def _rows_of(rows: csr_array, entries: list[np.ndarray]) -> csr_array:
    """Rows made of the stored entries at these positions, in this order."""
    ends = np.append(0, np.cumsum([len(part) for part in entries]))
    chosen = np.concatenate(entries).astype(np.int64)
    return csr_array((rows.data[chosen], rows.indices[chosen], ends), shape=rows.shape)
