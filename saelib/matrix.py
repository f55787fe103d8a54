"""From tables to what a model reads: a sparse matrix of stars, who is behind it, and its splits."""

from dataclasses import dataclass, replace
from typing import Any, Self

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


def encode_people(users: pd.DataFrame, groups: dict[str, list]) -> np.ndarray:
    """(n, width) one-hot of gender, age (in years) and occupation; zeros for what is not told."""
    years = pd.to_numeric(users["age"], errors="coerce").fillna(0)
    told = users.assign(age=np.searchsorted(AGES, years, side="right") - 1)
    codes = [told[[name]].to_numpy(object) == np.array(v, object) for name, v in groups.items()]
    return np.hstack(codes).astype(np.float32)


def encode_films(films: pd.DataFrame) -> np.ndarray:
    """(n, n_genres + n_decades): the genres, each 0 or 1, then the decade, one-hot."""
    genres = films["genres"].str.get_dummies("|")
    decade = films["year"].to_numpy(float, na_value=0) // 10 * 10
    return np.hstack([genres, decade[:, None] == np.array(DECADES)]).astype(np.float32)


@dataclass(frozen=True)
class People:
    """A batch of n people, the input of every model."""

    stars: csr_array  # (n, n_items), 1 to 5; what is not stored is not rated
    seen: csr_array  # (n, n_items) of ones; rated films are among them
    about: np.ndarray | None = None  # (n, width), see `encode_people`; None: nobody told anything
    rows: np.ndarray | None = None  # (n,) in the training ratings; None: these are new people

    @classmethod
    def who_rated(cls, stars: csr_array, about: np.ndarray | None = None) -> Self:
        """New people who have seen what they rated, and told of no other film."""
        return cls(stars, mask(stars), about)

    def __len__(self) -> int:
        return self.stars.shape[0]

    def __getitem__(self, chosen: slice | np.ndarray) -> Self:
        about, rows = (p if p is None else p[chosen] for p in (self.about, self.rows))
        return type(self)(self.stars[chosen], self.seen[chosen], about, rows)


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
    """Ratings in stars, and what is known of their rows and columns."""

    csr: csr_array  # (n_users, n_items), 1 to 5 whatever the scale: a 0 can only be 'not rated'
    seen: csr_array  # (n_users, n_items) of ones, rated films among them
    user_ids: np.ndarray  # (n_users,) ascending
    item_ids: np.ndarray  # (n_items,) ascending
    about: np.ndarray | None  # (n_users, width), see `encode_people`
    facts: np.ndarray  # (n_items, n_facts), see `encode_films`
    scale: Scale
    groups: dict[str, list]  # genders, age brackets (positions in AGES), occupations; {}: unknown

    @classmethod
    def from_dataset(cls, data: Dataset, ratings: pd.DataFrame | None = None) -> Self:
        """The matrix of `ratings` (default: all), of all users and films, so that parts line up."""
        ratings = data.ratings if ratings is None else ratings
        unrated = data.ratings[:0] if data.seen is None else data.seen
        user_ids = np.union1d(data.ratings["user_id"], unrated["user_id"])
        item_ids = np.sort(data.movies["movie_id"].to_numpy())

        def matrix(table: pd.DataFrame, values: np.ndarray) -> csr_array:
            rows = pd.Categorical(table["user_id"], user_ids).codes
            columns = pd.Categorical(table["movie_id"], item_ids).codes
            return csr_array((values, (rows, columns)), (len(user_ids), len(item_ids)))

        csr = matrix(ratings, data.scale.stars(ratings["rating"].to_numpy()).astype(np.float32))
        seen = mask(csr if unrated.empty else csr + matrix(unrated, np.ones(len(unrated))))
        about, groups, users = None, {}, data.users
        if users is not None:
            genders, work = (sorted(users[c].dropna().unique()) for c in ("gender", "occupation"))
            groups = {"gender": genders, "age": list(range(len(AGES))), "occupation": work}
            about = encode_people(users.set_index("user_id").loc[user_ids], groups)
        facts = encode_films(data.movies.set_index("movie_id").loc[item_ids])
        return cls(csr, seen, user_ids, item_ids, about, facts, data.scale, groups)

    @property
    def people(self) -> People:
        """The rows, as a model reads them."""
        return People(self.csr, self.seen, self.about, np.arange(len(self.user_ids)))

    def take(self, users: np.ndarray) -> Self:
        """The same of some of the users, given by their rows."""
        of, ids = self.people[users], self.user_ids[users]
        return replace(self, csr=of.stars, seen=of.seen, about=of.about, user_ids=ids)


def split(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(training, test) positions of n ratings or users: a tenth tests. Raises SaelibError."""
    if n < 10:
        raise SaelibError(f"There are {n} to split, and a tenth of them would be none; take more.")
    order = np.random.default_rng(seed).permutation(n)
    return order[n // 10 :], order[: n // 10]


def split_rows(rows: csr_array, share: float, seed: int) -> tuple[csr_array, csr_array]:
    """(shown, target), each (n, n_items): of a row with m ratings floor(m * share) are targets.

    The ratings shown of a row are in random order: its first k are a random choice of k.
    """
    rng = np.random.default_rng(seed)
    n = np.diff(rows.indptr)
    order = np.concatenate([start + rng.permutation(m) for start, m in zip(rows.indptr, n)])
    shuffled = csr_array((rows.data[order], rows.indices[order], rows.indptr), shape=rows.shape)
    is_target = _places(rows) < np.repeat((n * share).astype(int), n)
    return entries(shuffled, ~is_target), entries(shuffled, is_target)


def first(rows: csr_array, k: int) -> csr_array:
    """Of each row the first k stored ratings."""
    return entries(rows, _places(rows) < k)


def entries(rows: csr_array, chosen: np.ndarray) -> csr_array:
    """The same rows with only the chosen ones of their stored ratings; chosen: (nnz,) bool."""
    ends = np.append(0, chosen.cumsum())[rows.indptr]
    return csr_array((rows.data[chosen], rows.indices[chosen], ends), shape=rows.shape)


def _places(rows: csr_array) -> np.ndarray:
    """(nnz,) the place of each stored rating in its row, counted from 0."""
    return np.arange(rows.nnz) - np.repeat(rows.indptr[:-1], np.diff(rows.indptr))
