"""The three tables that everything begins with: ratings, films, people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from saelib.data.features import MOVIELENS, Demographics
from saelib.data.scale import Scale
from saelib.errors import DataError


@dataclass(frozen=True)
class Dataset:
    """A MovieLens release, or ratings of one's own (`from_frame`), in the common schema.

    ratings: user_id, movie_id, rating (float32, stars) and, where it is known, timestamp (int64,
        seconds), in the order of the release's file.
    movies: movie_id, title (without the year), year (Int64, <NA> where unknown), genres
        ('Comedy|Drama', '' where none is listed).
    users: user_id, gender, age (years in ml-100k, lower bound of a bracket in ml-1m), occupation;
        None where nothing is known of people. What one person did not tell is None or NaN.
    scale: a `Scale`, or (lowest, highest, step).
    demographics: the genders and occupations that there are.
    """

    name: str
    ratings: pd.DataFrame
    movies: pd.DataFrame
    users: pd.DataFrame | None
    scale: Scale
    demographics: Demographics = MOVIELENS

    def __post_init__(self):
        object.__setattr__(self, "scale", Scale.of(self.scale))


def encode_demographics(data: Dataset, user_ids: np.ndarray) -> np.ndarray | None:
    """(n_users, width) float32, one row per id, see `Demographics`; None where there are none.

    Raises DataError for a person that `users` does not list.
    """
    if data.users is None:
        return None
    unlisted = ~np.isin(user_ids, data.users["user_id"])
    if unlisted.any():
        raise DataError(
            f"The users of {data.name} do not list user {user_ids[unlisted][0]}, who has rated."
        )
    users = data.users.set_index("user_id").loc[user_ids]
    told = users[["gender", "age", "occupation"]].astype(object)
    told = told.where(told.notna(), None)
    return np.stack([data.demographics.encode(*who) for who in told.itertuples(index=False)])
