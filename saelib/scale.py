"""Scales of ratings: which ratings can be given, and how many stars each of them is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saelib.errors import SaelibError

MAX_LEVELS = 101  # of a scale


@dataclass(frozen=True)
class Scale:
    """The ratings that can be given: from `lowest` to `highest`, `step` apart.

    A model knows only stars: the lowest rating of any scale is 1 star, the highest is 5. So all
    scales are alike to it, and a 0 in a matrix can only mean 'not rated'.
    Raises SaelibError where there are less than 2 ratings or more than MAX_LEVELS.
    """

    lowest: float
    highest: float
    step: float = 1.0

    def __post_init__(self) -> None:
        low, high, step = self.lowest, self.highest, self.step
        sound = all(map(math.isfinite, (low, high, step))) and low < high and step > 0
        if not (sound and math.isclose((high - low) / step, self.n_levels - 1, rel_tol=1e-6)):
            raise SaelibError(
                f"{self} is no scale of ratings. Expected a lowest and a higher highest rating, "
                "whole steps apart, such as 1 to 10 in steps of 1."
            )
        if self.n_levels > MAX_LEVELS:
            wide = 10.0 ** math.ceil(math.log10((high - low) / (MAX_LEVELS - 2)))
            ends = f"{math.floor(low / wide) * wide:g} {math.ceil(high / wide) * wide:g}"
            raise SaelibError(
                f"{self} are {self.n_levels:,} different ratings; expected at most {MAX_LEVELS}. "
                f"Round the ratings to steps of {wide:g} and say so: --scale {ends} {wide:g}. "
                "Counts, such as how often a song was played, are no ratings."
            )

    @classmethod
    def of(cls, scale: Scale | Sequence[float]) -> Scale:
        """Make a scale of (lowest, highest) or (lowest, highest, step); a `Scale` stays itself."""
        if isinstance(scale, Scale):
            return scale
        if len(scale) not in (2, 3):
            raise SaelibError(f"{scale!r} is no scale. Expected (lowest, highest[, step]).")
        return cls(*map(float, scale))

    def __str__(self) -> str:
        return f"{self.lowest:g} to {self.highest:g} in steps of {self.step:g}"

    @property
    def n_levels(self) -> int:
        """How many different ratings there are."""
        return round((self.highest - self.lowest) / self.step) + 1

    @property
    def levels(self) -> np.ndarray:
        """(n_levels,) all ratings that can be given, ascending."""
        return self.lowest + self.step * np.arange(self.n_levels)

    @property
    def star(self) -> float:
        """How much one star more is in ratings."""
        return (self.highest - self.lowest) / 4

    @property
    def liked(self) -> float:
        """The lowest rating that is worth 4 stars or more."""
        return float(self.levels[self.stars(self.levels) > 4 - 1e-9][0])

    def stars(self, ratings):
        """Turn ratings, a number or an array of any shape, into stars from 1 to 5."""
        return 1 + (ratings - self.lowest) / self.star

    def ratings(self, stars):
        """Turn stars from 1 to 5 back into ratings."""
        return self.lowest + (stars - 1) * self.star

    def contains(self, ratings) -> np.ndarray:
        """Say of each rating whether it can be given; what is no number cannot."""
        steps = (np.asarray(ratings, float) - self.lowest) / self.step
        whole = np.isclose(steps, np.round(steps), rtol=0, atol=1e-4)
        return whole & (steps > -0.5) & (steps < self.n_levels - 0.5)

    def clip(self, ratings):
        """Replace what is below the lowest or above the highest rating by that end."""
        return np.clip(ratings, self.lowest, self.highest)
