"""The shallowest autoencoder of the family, by which the list knows what people see.

EASE (Steck 2019, 'Embarrassingly shallow autoencoders for sparse data') is linear, has no hidden
layer and predicts from the films that a person has seen which others they have. Its weights come
in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.linalg import cholesky, lapack
from scipy.sparse import csr_array, diags_array, hstack

from saelib.data.people import mask
from saelib.model.star_model import ALL, Films
from saelib.network.storage import InArrays

MAX_FILMS = 10_000  # the most seen ones; their weights fill 400 MB
SQUARE = 1024  # rows and columns mirrored at a time


def ease_weights(gram: np.ndarray, ridge: np.ndarray | float) -> np.ndarray:
    """(n, n) weights B that minimise |X - XB|^2 + ridge |B|^2 with a diagonal of zeros.

    gram: (n, n), X'X. ridge: a number, or one for each row of B. With P = (X'X + ridge)^-1, it is
    B = I - P / diag(P), column by column (Steck 2019, equation 8).
    """
    penalised = np.array(gram, dtype=np.float64, order="F")
    penalised[np.diag_indices_from(penalised)] += ridge
    weights = _inverse(penalised)
    weights /= -np.diag(weights)
    np.fill_diagonal(weights, 0)
    return weights


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """The inverse of a symmetric, positive definite matrix, in its place: there are large ones.

    By its Cholesky factor, in less than half the time and memory of `np.linalg.inv`. matrix: (n, n)
    float64 in Fortran's order. Raises numpy.linalg.LinAlgError.
    """
    factor = cholesky(matrix, lower=True, overwrite_a=True, check_finite=False)
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    for start in range(0, len(inverse), SQUARE):  # the other half is a mirror image
        stop = start + SQUARE
        inverse[start:stop, stop:] = inverse[stop:, start:stop].T
        corner = np.tril(inverse[start:stop, start:stop])
        inverse[start:stop, start:stop] = corner + np.tril(corner, -1).T
    return inverse


@dataclass(frozen=True)
class Ease(InArrays):
    """Scores for all films, from those seen and from what else was told of the person.

    films: (k,) positions of the films it knows. weights: (k + n_told, k) float32. n_items: of
    the whole catalogue.
    """

    films: np.ndarray
    weights: np.ndarray
    n_items: int

    kind: ClassVar[str] = "ease"

    @property
    def n_told(self) -> int:
        """How many numbers it wants to be told beside the films."""
        return self.weights.shape[0] - len(self.films)

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

        Of several processes (see `processes`), each multiplies the rows of some people, and all add
        up their Gram matrices: exact, with one sum to send.
        """
        from saelib.network import processes  # torch, which only fitting needs

        n_items = ratings.shape[1]
        n_seen = np.bincount(ratings.indices, minlength=n_items)
        films = np.sort(np.argsort(-n_seen, kind="stable")[:MAX_FILMS])
        n_ratings = np.diff(ratings.indptr).clip(min=1)
        weight = (n_ratings / n_ratings.mean()) ** -tempering
        rows = csr_array(diags_array(weight) @ films_and_told(ratings, told, films))
        rows = rows[processes.rank() :: processes.size()]
        gram = processes.sum_up((rows.T @ rows).toarray())
        ridges = ridge + dropout / (1 - dropout) * np.diag(gram)
        weights = ease_weights(gram, ridges)[:, : len(films)]  # in columns; the file is in rows
        return cls(films, np.ascontiguousarray(weights, dtype=np.float32), n_items)

    def scores(
        self, seen: csr_array, told: np.ndarray | None = None, films: Films = ALL
    ) -> np.ndarray:
        """(n, n_items) scores, higher for likelier films. seen: (n, n_items) mask.

        A film beyond the MAX_FILMS most seen ones gets the lowest score of its row. films:
        positions of the films wanted, by default all; few are quicker.
        """
        inputs, columns = films_and_told(seen, told, self.films), self._columns()[films]
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


def films_and_told(seen: csr_array, told: np.ndarray | None, films: Films = ALL) -> csr_array:
    """Which of the films were seen, 0 or 1, and beside it what was told."""
    seen = mask(seen)[:, films]
    return seen if told is None else csr_array(hstack([seen, csr_array(told)]))
