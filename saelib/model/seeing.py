"""Will you see it? The shallowest autoencoder of the family; and the list, from both questions.

EASE (Steck 2019, 'Embarrassingly shallow autoencoders for sparse data') is linear, has no hidden
layer and predicts from the films that a person has seen which others they have. Its weights come
in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, diags_array, hstack

from saelib.data.matrix import RatingMatrix
from saelib.data.people import People, mask
from saelib.data.scale import Scale
from saelib.model.liking import Liking
from saelib.model.star_model import ALL, Films
from saelib.network.recipes import Recipe
from saelib.network.storage import InArrays

MAX_FILMS = 10_000  # the most seen ones; their weights fill 400 MB


def ease_weights(gram: np.ndarray, ridge: np.ndarray | float) -> np.ndarray:
    """(n, n) weights B that minimise |X - XB|^2 + ridge |B|^2 with a diagonal of zeros.

    gram: (n, n), X'X. ridge: a number, or one for each row of B. With P = (X'X + ridge)^-1, it is
    B = I - P / diag(P), column by column (Steck 2019, equation 8).
    """
    penalised = np.array(gram, dtype=np.float64)
    penalised[np.diag_indices_from(penalised)] += ridge
    precision = np.linalg.inv(penalised)
    weights = -precision / np.diag(precision)
    np.fill_diagonal(weights, 0)
    return weights


@dataclass(frozen=True)
class Ease(InArrays):
    """Scores for all films, from those seen and from what else was told of the person.

    films: (k,) positions of the films it knows. weights: (k + n_told, k) float32. n_items: of
    the whole catalogue.
    """

    films: np.ndarray
    weights: np.ndarray
    n_items: int

    @classmethod
    def fit(
        cls,
        ratings: csr_array,
        told: np.ndarray | None = None,
        *,
        ridge: float = 500.0,
        dropout: float = 0.0,
        tempering: float = 0.0,
    ) -> Ease:
        """From ratings (n_users, n_items), whose stars do not matter.

        told: (n_users, n_told), inputs that help to predict films but are not predicted.
        dropout: probability p of hiding an input; averaged over all that can be hidden, it adds
        p / (1 - p) of the Gram matrix's diagonal to the ridge (Steck 2020, 'Autoencoders that
        don't overfit towards the identity', equation 5). tempering: the row of a person with n
        ratings is weighted by n^-tempering (relative to the mean person), so that the few who
        have seen everything do not decide alone what goes with what.
        """
        n_items = ratings.shape[1]
        n_seen = np.bincount(ratings.indices, minlength=n_items)
        films = np.sort(np.argsort(-n_seen, kind="stable")[:MAX_FILMS])
        n_ratings = np.diff(ratings.indptr).clip(min=1)
        weight = (n_ratings / n_ratings.mean()) ** -tempering
        rows = csr_array(diags_array(weight) @ _inputs(ratings, films, told))
        gram = (rows.T @ rows).toarray()
        ridges = ridge + dropout / (1 - dropout) * np.diag(gram)
        weights = ease_weights(gram, ridges)[:, : len(films)]
        return cls(films, weights.astype(np.float32), n_items)

    def scores(
        self, seen: csr_array, told: np.ndarray | None = None, films: Films = ALL
    ) -> np.ndarray:
        """(n, n_items) scores, higher for likelier films. seen: (n, n_items) mask.

        A film beyond the MAX_FILMS most seen ones gets the lowest score of its row. films:
        positions of the films wanted, by default all; few are quicker.
        """
        inputs, columns = _inputs(seen, self.films, told), self._columns()[films]
        if films is not ALL and (columns >= 0).all():
            return inputs @ self.weights[:, columns]
        found = inputs @ self.weights
        scores = np.repeat(found.min(axis=1, keepdims=True), self.n_items, axis=1)
        scores[:, self.films] = found
        return scores[:, films]

    def pull(self, seen: np.ndarray, films: np.ndarray) -> np.ndarray:
        """(n_seen, n_films): what having seen a film adds to the scores of others; positions."""
        columns = self._columns()
        pull = self.weights[np.ix_(columns[seen], columns[films])]
        return pull * (columns[seen, None] >= 0) * (columns[films] >= 0)

    def _columns(self) -> np.ndarray:
        """(n_items,) where a film stands among those that it knows; -1: nowhere."""
        columns = np.full(self.n_items, -1)
        columns[self.films] = np.arange(len(self.films))
        return columns


def _inputs(seen: csr_array, films: np.ndarray, told: np.ndarray | None) -> csr_array:
    """Which of the films were seen, 0 or 1, and beside it what was told."""
    seen = mask(seen)[:, films]
    return seen if told is None else csr_array(hstack([seen, csr_array(told)]))


@dataclass(frozen=True)
class ListOrder:
    """What stands first in the list: films that you are likely to see, and then to like.

    A film's score is P(see) x P(like | seen)^liking_weight: EASE's score is no calibrated
    probability, so what each answer counts is weighed. P(see) is the score of an EASE that is also
    told who the person is, and has one input that is always on, which tells how popular a film is:
    so someone who has named no film yet still gets a list.

    liking: one that has a distribution over stars. scale: of the stars; what counts as
    liked is on it.
    """

    ease: Ease
    liking: Liking
    scale: Scale
    liking_weight: float

    @classmethod
    def fit(cls, matrix: RatingMatrix, liking: Liking, recipe: Recipe) -> ListOrder:
        """EASE from the ratings, beside a model of stars trained on them."""
        ease = Ease.fit(
            matrix.csr,
            cls.told(matrix.people, matrix.about is not None),
            ridge=recipe.ridge,
            dropout=recipe.ease_dropout,
            tempering=recipe.tempering,
        )
        return cls(ease, liking, matrix.scale, recipe.liking_weight)

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
        """(n, n_items) P(see). EASE's regression may leave the range of a probability a little."""
        n_demographics = self.ease.weights.shape[0] - len(self.ease.films) - 1
        if people.about is None and n_demographics:
            nothing = np.zeros((len(people), n_demographics), dtype=np.float32)
            people = People(people.stars, people.seen, nothing)
        told = self.told(people, n_demographics > 0)
        return self.ease.scores(people.seen, told, films).clip(1e-6, 1)

    def like(self, distribution: np.ndarray) -> np.ndarray:
        """P(like), (n, n_items), from P(stars), (n, n_items, n_levels)."""
        return distribution[..., self.scale.levels >= self.scale.liked].sum(axis=-1)

    def pull(self, seen: np.ndarray, films: np.ndarray) -> np.ndarray:
        """(n_seen, n_films): what having seen a film adds to P(see) of others; positions."""
        return self.ease.pull(seen, films)

    @staticmethod
    def told(people: People, demographics: bool) -> np.ndarray:
        """(n, 1 + n_demographics): a column of ones and, if wished, what people told of them."""
        always = np.ones((len(people), 1), dtype=np.float32)
        if not demographics or people.about is None:
            return always
        return np.hstack([always, people.about])
