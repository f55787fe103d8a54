"""Will you see it? A linear autoencoder says; and the list, from both questions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saelib.data.matrix import RatingMatrix
from saelib.data.people import People
from saelib.data.scale import Scale
from saelib.model.ease import Ease
from saelib.model.elsa import Elsa
from saelib.model.liking import Liking
from saelib.model.star_model import ALL, Films
from saelib.network.config import Recipe

KINDS: dict[str, type[Ease] | type[Elsa]] = {kind.kind: kind for kind in (Ease, Elsa)}


def fit_seeing(matrix: RatingMatrix, recipe: Recipe, seed: int = 0) -> Ease | Elsa:
    """The linear autoencoder of a recipe, which is told who people are, where that is known."""
    told = told_of(matrix.people, matrix.about is not None)
    if recipe.seeing == "elsa":
        width, epochs = recipe.elsa_width, recipe.elsa_epochs
        return Elsa.fit(matrix.csr, told, width=width, epochs=epochs, seed=seed)
    return Ease.fit(
        matrix.csr,
        told,
        ridge=recipe.ridge,
        dropout=recipe.ease_dropout,
        tempering=recipe.tempering,
    )


def told_of(people: People, demographics: bool) -> np.ndarray:
    """(n, 1 + n_demographics): a column of ones and, if wished, what people told of them."""
    always = np.ones((len(people), 1), dtype=np.float32)
    if not demographics or people.about is None:
        return always
    return np.hstack([always, people.about])


def see(linear: Ease | Elsa, people: People, films: Films = ALL) -> np.ndarray:
    """(n, n_items) its scores. films: positions of those wanted, by default all.

    Who tells nothing of themselves is taken for somebody without any demographics.
    """
    n_demographics = linear.n_told - 1
    if people.about is None and n_demographics:
        nothing = np.zeros((len(people), n_demographics), dtype=np.float32)
        people = People(people.stars, people.seen, nothing)
    return linear.scores(people.seen, told_of(people, n_demographics > 0), films)


@dataclass(frozen=True)
class ListOrder:
    """What stands first in the list: films that you are likely to see, and then to like.

    A film's score is P(see) x P(like | seen)^liking_weight: the linear autoencoder's score is no
    calibrated probability, so what each answer counts is weighed. It is also told who the person
    is, and has one input that is always on, which tells how popular a film is: so someone who has
    named no film yet still gets a list.

    liking: one that has a distribution over stars. scale: of the stars; what counts as
    liked is on it.
    """

    linear: Ease | Elsa
    liking: Liking
    scale: Scale
    liking_weight: float

    @classmethod
    def fit(cls, matrix: RatingMatrix, liking: Liking, recipe: Recipe, seed: int = 0) -> ListOrder:
        """The recipe's linear autoencoder, beside a model of stars trained on the same ratings."""
        linear = fit_seeing(matrix, recipe, seed)
        return cls(linear, liking, matrix.scale, recipe.liking_weight)

    def scores(self, people: People, films: Films = ALL) -> np.ndarray:
        """(n, n_items) scores. films: positions of those wanted, by default all."""
        distribution = self.liking.distribution(people, films)
        if distribution is None:
            raise ValueError("a list needs a model with a distribution over stars")
        return self.score(self.see(people, films), distribution)

    def score(self, see: np.ndarray, distribution: np.ndarray) -> np.ndarray:
        """(n, n_items) scores, from P(see) and P(stars)."""
        return see * self.like(distribution) ** self.liking_weight

    def see(self, people: People, films: Films = ALL) -> np.ndarray:
        """(n, n_items) P(see). A regression may leave the range of a probability a little."""
        return see(self.linear, people, films).clip(1e-6, 1)

    def like(self, distribution: np.ndarray) -> np.ndarray:
        """P(like), (n, n_items), from P(stars), (n, n_items, n_levels)."""
        return distribution[..., self.scale.levels >= self.scale.liked].sum(axis=-1)

    def pull(self, seen: np.ndarray, films: np.ndarray) -> np.ndarray:
        """(n_seen, n_films): what having seen a film adds to P(see) of others; positions."""
        return self.linear.pull(seen, films)
