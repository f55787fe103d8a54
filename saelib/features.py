"""What is known beside the stars: who a person is, what a film is, and who rated it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

from saelib.datasets import MovieLens
from saelib.errors import DataError, ProfileError
from saelib.layouts import GENDERS, OCCUPATIONS
from saelib.preprocessing import RatingMatrix

# -- Demographics -----------------------------------------------------------------------------

# Lower bounds in years, as ml-1m codes them; ml-100k's ages in years fall into the same brackets.
AGE_BRACKETS = (1, 18, 25, 35, 45, 50, 56)
AGE_LABELS = ("under 18", "18-24", "25-34", "35-44", "45-49", "50-55", "56+")
N_DEMOGRAPHICS = len(GENDERS) + len(AGE_BRACKETS) + len(OCCUPATIONS)
# Where gender, age and occupation stand in a person's code.
DEMOGRAPHIC_GROUPS = (
    slice(0, len(GENDERS)),
    slice(len(GENDERS), len(GENDERS) + len(AGE_BRACKETS)),
    slice(len(GENDERS) + len(AGE_BRACKETS), N_DEMOGRAPHICS),
)


def age_bracket(age: float) -> int:
    """Position in AGE_BRACKETS of an age in years, or of a bracket's lower bound: 20 -> 1 (18-24).

    Raises ProfileError outside 1 to 120.
    """
    if not 1 <= age <= 120:
        raise ProfileError(f"Age {age!s:.20} is out of range; expected years from 1 to 120.")
    return int(np.searchsorted(AGE_BRACKETS, age, side="right")) - 1


def encode_person(
    gender: str | None = None, age: float | None = None, occupation: str | None = None
) -> np.ndarray:
    """(N_DEMOGRAPHICS,) float32, one-hot in three groups; a group not told is all zeros.

    Raises ProfileError for a value outside its list.
    """
    code = np.zeros(N_DEMOGRAPHICS, dtype=np.float32)
    of_gender, of_age, of_occupation = (code[group] for group in DEMOGRAPHIC_GROUPS)
    if gender is not None:
        if gender not in GENDERS:
            raise ProfileError(f"Gender {gender!r} is not known; expected one of F, M.")
        of_gender[GENDERS.index(gender)] = 1
    if age is not None:
        of_age[age_bracket(age)] = 1
    if occupation is not None:
        if occupation not in OCCUPATIONS:
            raise ProfileError(
                f"Occupation {occupation!r} is not known; expected one of {', '.join(OCCUPATIONS)}."
            )
        of_occupation[OCCUPATIONS.index(occupation)] = 1
    return code


def encode_demographics(data: MovieLens, user_ids: np.ndarray) -> np.ndarray | None:
    """(n_users, N_DEMOGRAPHICS) float32, one row per id; None where there are none.

    Raises DataError for a person that `users` does not list.
    """
    if data.users is None:
        return None
    unlisted = np.setdiff1d(user_ids, data.users["user_id"])
    if len(unlisted):
        raise DataError(f"The users of {data.name} do not list user {unlisted[0]}, who has rated.")
    users = data.users.set_index("user_id").loc[user_ids]
    return np.stack(
        [encode_person(*who) for who in zip(users["gender"], users["age"], users["occupation"])]
    )


# -- Films ------------------------------------------------------------------------------------

DECADES = tuple(range(1890, 2040, 10))


def encode_films(films: pd.DataFrame) -> np.ndarray:
    """(n_films, n_facts) float32: genres, each 0 or 1, then the decade, one-hot.

    films: with year and genres ('Comedy|Drama'). The genres are those that occur in it; a film
    without a genre or a year has zeros there.
    """
    lists = [[g for g in genres.split("|") if g] for genres in films["genres"]]
    names = sorted({genre for genres in lists for genre in genres})
    genres = np.array([[name in has for name in names] for has in lists], dtype=np.float32)
    decade = films["year"].to_numpy(float, na_value=0) // 10 * 10
    return np.hstack([genres, decade[:, None] == np.array(DECADES)]).astype(np.float32)


# -- Who rated what ---------------------------------------------------------------------------

N_FINGERPRINT = 100


@dataclass(frozen=True)
class Fingerprints:
    """Who rated a film (or what a person rated), in 100 numbers, whatever the stars were.

    The mask of a column's ratings, divided by the root of their number, is projected on the
    leading singular vectors of all these masks: films that the same people chose get the same
    fingerprint. It plays the part of the implicit ratings in SVD++ (Koren 2008).

    components: (n_rows, N_FINGERPRINT) orthonormal.
    """

    components: np.ndarray

    @classmethod
    def fit(cls, csr: csr_array, n: int = N_FINGERPRINT) -> Fingerprints:
        """Of the columns of csr (n_rows, n_columns) of ratings. The same input, the same result."""
        masks = _unit_masks(csr.T)
        n = min(n, min(masks.shape) - 1)
        _, values, components = svds(masks, k=n, rng=np.random.default_rng(0))
        order = np.argsort(-values)
        return cls(np.ascontiguousarray(components[order].T.astype(np.float32)))

    def of(self, columns: csr_array) -> np.ndarray:
        """(n, N_FINGERPRINT) of n columns, each given as a row of (n, n_rows) ratings."""
        return _unit_masks(columns) @ self.components


def _unit_masks(rows: csr_array) -> csr_array:
    """1 / sqrt(number of ratings) wherever a row of ratings has one."""
    rows = csr_array(rows)
    n_ratings = np.diff(rows.indptr)
    weight = np.repeat(n_ratings.clip(min=1) ** -0.5, n_ratings).astype(np.float32)
    return csr_array((weight, rows.indices, rows.indptr), shape=rows.shape)


# -- All that a model may learn from ----------------------------------------------------------


@dataclass(frozen=True)
class TrainingSet:
    """Training ratings and what is known of people and films.

    matrix: the ratings, (n_users, n_items). people: (n_users, N_DEMOGRAPHICS) one-hot, None where
    the release has none. films: (n_items, n_facts), see `encode_films`. scale: lowest and highest
    rating, and the step between.
    """

    matrix: RatingMatrix
    people: np.ndarray | None
    films: np.ndarray
    scale: tuple[float, float, float]

    @classmethod
    def from_movielens(cls, data: MovieLens, ratings: pd.DataFrame | None = None) -> TrainingSet:
        """Of `ratings` (by default all of the release's), with all its people and films."""
        matrix = RatingMatrix.from_movielens(data, ratings)
        films = data.movies.set_index("movie_id").loc[matrix.item_ids]
        people = encode_demographics(data, matrix.user_ids)
        return cls(matrix, people, encode_films(films), data.scale)

    @property
    def ratings(self) -> csr_array:
        """(n_users, n_items) stars."""
        return self.matrix.csr

    def take(self, users: np.ndarray) -> TrainingSet:
        """The same of some of the users, given by their rows."""
        matrix = replace(self.matrix, csr=self.ratings[users], user_ids=self.matrix.user_ids[users])
        people = None if self.people is None else self.people[users]
        return replace(self, matrix=matrix, people=people)
