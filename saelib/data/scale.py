"""The stars that can be given: lowest, highest, the step between, and what counts as liked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saelib.errors import DataError
from saelib.language import _, ngettext

LIKED = 0.75  # of the way from the lowest to the highest rating: 4 of 1-5, 8 of 1-10
MAX_LEVELS = 101


@dataclass(frozen=True)
class Scale:
    """Ratings from `lowest` to `highest` in steps. Raises DataError where there are no two levels.

    In a matrix of ratings, 0 is 'not rated'. So a scale that reaches down to 0 or below is stored
    `offset` higher, on the scale `stored`; of MovieLens's scales, both are the same.
    """

    lowest: float
    highest: float
    step: float = 1.0

    def __post_init__(self):
        low, high, step = self.lowest, self.highest, self.step
        sound = np.isfinite([low, high, step]).all() and low < high and step > 0
        n_steps = (high - low) / step if sound else 0
        if not (sound and n_steps < MAX_LEVELS and np.isclose(n_steps, round(n_steps))):
            raise DataError(
                _(
                    "{low:g} to {high:g} in steps of {step:g} is no scale of ratings; expected a "
                    "lowest and a higher highest rating, whole steps apart, of at most {n} levels, "
                    "such as 1 to 10 in steps of 1."
                ).format(low=low, high=high, step=step, n=MAX_LEVELS)
            )

    @classmethod
    def of(cls, scale: Scale | Sequence[float]) -> Scale:
        """A scale, also from (lowest, highest) or (lowest, highest, step)."""
        if isinstance(scale, Scale):
            return scale
        if len(scale) not in (2, 3):
            raise DataError(
                _("{scale!r} is no scale; expected (lowest, highest, step).").format(scale=scale)
            )
        return cls(*map(float, scale))

    def __str__(self) -> str:
        return _("{low:g} to {high:g} in steps of {step:g}").format(
            low=self.lowest, high=self.highest, step=self.step
        )

    @property
    def n_levels(self) -> int:
        """How many different ratings there are."""
        return round((self.highest - self.lowest) / self.step) + 1

    @property
    def levels(self) -> np.ndarray:
        """(n_levels,) all ratings, ascending."""
        return self.lowest + self.step * np.arange(self.n_levels)

    @property
    def liked(self) -> float:
        """The lowest rating that counts as liked: three quarters of the way up, or more."""
        wanted = self.lowest + LIKED * (self.highest - self.lowest)
        return float(self.levels[self.levels >= wanted - 1e-9][0])

    def index(self, stars: np.ndarray) -> np.ndarray:
        """Which level each rating is, counted from 0; of any shape."""
        return np.round((np.asarray(stars) - self.lowest) / self.step).astype(int)

    def contains(self, stars: np.ndarray | float) -> np.ndarray:
        """Whether each is a level of the scale; what is no number is not."""
        stars = np.asarray(stars, dtype=np.float64)
        steps = (np.where(np.isfinite(stars), stars, np.inf) - self.lowest) / self.step
        inside = (steps > -1e-9) & (steps < self.n_levels - 1 + 1e-9)
        near = np.where(inside, steps, 0.5)
        return inside & np.isclose(near, np.round(near), atol=1e-6)

    def clip(self, stars: np.ndarray) -> np.ndarray:
        """The nearest stars between the lowest and the highest rating."""
        return np.clip(stars, self.lowest, self.highest)

    @staticmethod
    def spoken(stars: float) -> str:
        """As a screen reader shall say it: '1 star', '4.5 stars'."""
        words = ngettext("{stars:g} star", "{stars:g} stars", 1 if stars == 1 else 2)
        return words.format(stars=stars)

    @property
    def offset(self) -> float:
        """What is added to a rating before it is stored in a matrix."""
        return 0.0 if self.lowest > 0 else self.step - self.lowest

    @property
    def stored(self) -> Scale:
        """The scale of what is stored: all of it above 0."""
        return Scale(self.lowest + self.offset, self.highest + self.offset, self.step)


WHOLE_STARS, HALF_STARS = Scale(1, 5), Scale(0.5, 5, 0.5)
