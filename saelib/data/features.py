"""What is known beside the stars: who a person is, and what a film is, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from saelib.data.layouts import GENDERS, OCCUPATIONS
from saelib.errors import ProfileError
from saelib.language import _

# -- People -----------------------------------------------------------------------------------

# Lower bounds in years, as ml-1m codes them; ml-100k's ages in years fall into the same brackets.
AGE_BRACKETS = (1, 18, 25, 35, 45, 50, 56)
AGE_LABELS = ("under 18", "18-24", "25-34", "35-44", "45-49", "50-55", "56+")


def age_bracket(age: float) -> int:
    """Position in AGE_BRACKETS of an age in years, or of a bracket's lower bound: 20 -> 1 (18-24).

    Raises ProfileError outside 1 to 120.
    """
    if not 1 <= age <= 120:
        raise ProfileError(
            _("Age {age!s:.20} is out of range; expected years from 1 to 120.").format(age=age)
        )
    return int(np.searchsorted(AGE_BRACKETS, age, side="right")) - 1


@dataclass(frozen=True)
class Demographics:
    """How a data set codes who a person is: one-hot in three groups, gender, age, occupation.

    genders, occupations: the values that there are; ages fall into AGE_BRACKETS.
    """

    genders: tuple[str, ...]
    occupations: tuple[str, ...]

    @property
    def groups(self) -> tuple[slice, slice, slice]:
        """Where gender, age and occupation stand in a person's code."""
        ages = len(self.genders) + len(AGE_BRACKETS)
        end = ages + len(self.occupations)
        return slice(0, len(self.genders)), slice(len(self.genders), ages), slice(ages, end)

    @property
    def width(self) -> int:
        """Length of a person's code."""
        return self.groups[-1].stop

    def encode(
        self,
        gender: str | None = None,
        age: float | None = None,
        occupation: str | None = None,
    ) -> np.ndarray:
        """(width,) float32; a group not told is all zeros.

        Raises ProfileError for a value outside its list.
        """
        code = np.zeros(self.width, dtype=np.float32)
        of_gender, of_age, of_occupation = (code[group] for group in self.groups)
        if gender is not None:
            of_gender[_index(_("Gender"), gender, self.genders)] = 1
        if age is not None:
            of_age[age_bracket(age)] = 1
        if occupation is not None:
            of_occupation[_index(_("Occupation"), occupation, self.occupations)] = 1
        return code

    def among(self, users: pd.DataFrame | None) -> Demographics | None:
        """Of the genders and occupations, those of these users; None where there are no users."""
        if users is None:
            return None
        return Demographics(
            tuple(g for g in self.genders if g in set(users["gender"])),
            tuple(sorted(o for o in self.occupations if o in set(users["occupation"]))),
        )


MOVIELENS = Demographics(GENDERS, OCCUPATIONS)


def _index(kind: str, value: str, known: Sequence[str]) -> int:
    if value not in known:
        raise ProfileError(
            _("{kind} {value} is not known; expected one of {known}.").format(
                kind=kind, value=f"{value!r:.100}", known=", ".join(known) or _("none")
            )
        )
    return known.index(value)


def encode_person(
    gender: str | None = None, age: float | None = None, occupation: str | None = None
) -> np.ndarray:
    """A person's code, see `Demographics.encode`, with MovieLens's genders and occupations."""
    return MOVIELENS.encode(gender, age, occupation)


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
    facts = np.hstack([genres.reshape(len(films), -1), decade[:, None] == np.array(DECADES)])
    return facts.astype(np.float32)
