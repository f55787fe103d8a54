"""Will you see it? The shallowest autoencoder of the family; and the list, from both questions.

EASE (Steck 2019, 'Embarrassingly shallow autoencoders for sparse data') is linear, has no hidden
layer and predicts from the films that a person has seen which others they have. Its weights come
in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, diags_array, hstack

from saelib.features import TrainingSet
from saelib.fold_in import ALL, Films
from saelib.rating_model import RatingModel

MAX_FILMS = 10_000  # the most seen ones; their weights fill 400 MB
LIKED = 4.0  # stars from which on a film counts as liked
LIKING = 0.7  # what liking weighs in the list, beside seeing; chosen on held-out people


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
class Ease:
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
        self, rows: csr_array, told: np.ndarray | None = None, films: Films = ALL
    ) -> np.ndarray:
        """(n, n_items) scores, higher for likelier films. rows: (n, n_items) ratings shown.

        A film beyond the MAX_FILMS most seen ones gets the lowest score of its row. films:
        positions of the films wanted, by default all; few are quicker.
        """
        inputs, columns = _inputs(rows, self.films, told), self._columns()[films]
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


def _inputs(ratings: csr_array, films: np.ndarray, told: np.ndarray | None) -> csr_array:
    """Which of the films were seen, 0 or 1, and beside it what was told."""
    mask = csr_array(
        (np.ones(ratings.nnz, dtype=np.float32), ratings.indices, ratings.indptr), ratings.shape
    )[:, films]
    return mask if told is None else csr_array(hstack([mask, csr_array(told)]))


@dataclass(frozen=True)
class ListModel:
    """What stands first in the list: films that you are likely to see, and then to like.

    A film's score is P(see) x P(at least 4 stars | seen)^LIKING: EASE's score is no calibrated
    probability, so what each answer counts is weighed. P(see) is the score of an EASE that is also
    told who the person is, and has one input that is always on, which tells how popular a film is:
    so someone who has named no film yet still gets a list.
    """

    choice: Ease
    rating: RatingModel
    scale: tuple[float, float, float]

    @classmethod
    def fit(cls, data: TrainingSet, rating: RatingModel) -> ListModel:
        """The choice model from the training set, beside a rating model trained on it."""
        told = cls.told(data.ratings, data.people)
        choice = Ease.fit(data.ratings, told, ridge=500.0, dropout=0.5, tempering=0.5)
        return cls(choice, rating, data.scale)

    def scores(
        self, rows: csr_array, people: np.ndarray | None = None, films: Films = ALL
    ) -> np.ndarray:
        """(n, n_items) scores. rows: (n, n_items) stars shown; people: demographics or None.

        films: positions of the films wanted, by default all; few are quicker.
        """
        like = self.like(self.rating.distribution(rows, people, films))
        return self.see(rows, people, films) * like**LIKING

    def see(
        self, rows: csr_array, people: np.ndarray | None = None, films: Films = ALL
    ) -> np.ndarray:
        """(n, n_items) P(see). EASE's regression may leave the range of a probability a little."""
        missing = self.choice.weights.shape[0] - len(self.choice.films) - 1
        if people is None and missing:
            people = np.zeros((rows.shape[0], missing), dtype=np.float32)
        told = self.told(rows, people if missing else None)
        return self.choice.scores(rows, told, films).clip(1e-6, 1)

    def like(self, distribution: np.ndarray) -> np.ndarray:
        """P(at least 4 stars), (n, n_items), from P(stars), (n, n_items, n_levels)."""
        low, _, step = self.scale
        levels = np.arange(distribution.shape[-1]) * step + low
        return distribution[..., levels >= LIKED].sum(axis=-1)

    @staticmethod
    def told(rows: csr_array, people: np.ndarray | None) -> np.ndarray:
        """(n, 1 + n_demographics): a column of ones, and what n people told of themselves."""
        always = np.ones((rows.shape[0], 1), dtype=np.float32)
        return always if people is None else np.hstack([always, people])
