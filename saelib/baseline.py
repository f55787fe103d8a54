"""What is known without a network: means and biases, who rated what, what is seen with what."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import scipy.linalg
from scipy.sparse import csr_array, diags_array, hstack
from scipy.sparse.linalg import svds
from threadpoolctl import ThreadpoolController

from saelib.matrix import ALL, Films, People, mask, unit_masks

# Many small products: beside a busy core, two threads take minutes to wait for one another.
BLAS = ThreadpoolController()
MAX_FILMS = 10_000  # the most seen ones; EASE's weights for them fill 400 MB


@dataclass(frozen=True)
class BiasBaseline:
    """rating ~ mean + row bias + column bias, each bias the mean of what is left, shrunk towards 0.

    (Koren, Bell and Volinsky 2009, equation 1.) A new row's bias needs no training.
    """

    mean: float  # stars
    column_bias: np.ndarray  # (n_columns,) stars
    shrinkage: float = 5.0  # as if so many ratings more were just as expected

    @classmethod
    def fit(cls, csr: csr_array, shrinkage: float = 5.0, alternations: int = 10) -> Self:
        """Fit to ratings (n_rows, n_columns)."""
        rows = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
        n = np.bincount(csr.indices, minlength=csr.shape[1])
        fitted = cls(csr.data.mean(dtype=np.float64), np.zeros(csr.shape[1]), shrinkage)
        for _ in range(alternations):
            left = csr.data - fitted.mean - fitted.row_bias(csr)[rows]
            bias = np.bincount(csr.indices, left, csr.shape[1]) / (n + shrinkage)
            fitted = replace(fitted, column_bias=bias)
        return fitted

    def row_bias(self, csr: csr_array) -> np.ndarray:
        """(n_rows,) stars, of any ratings (n_rows, n_columns)."""
        n = np.diff(csr.indptr)
        rows = np.repeat(np.arange(len(n)), n)
        left = csr.data - self.mean - self.column_bias[csr.indices]
        return np.bincount(rows, left, len(n)) / (n + self.shrinkage)

    def predict(self, csr: csr_array) -> np.ndarray:
        """(n_rows, n_columns) stars."""
        return self.mean + self.row_bias(csr)[:, None] + self.column_bias


def fingerprints(csr: csr_array, n: int = 100) -> np.ndarray:
    """(n_rows, n) directions: `unit_masks(columns) @ them` says in n numbers who rated a column.

    It is what SVD++ calls implicit ratings (Koren 2008). csr: (n_rows, n_columns).
    """
    masks = unit_masks(csr_array(csr.T))
    with BLAS.limit(limits=1, user_api="blas"):
        _, values, rows = svds(masks, min(n, min(masks.shape) - 1), rng=np.random.default_rng(0))
    return np.ascontiguousarray(rows[np.argsort(-values)].T, dtype=np.float32)


def half(numbers: np.ndarray) -> np.ndarray:
    """The same, as precise as 16 bits can hold: a model file of such numbers is half as long."""
    return numbers.astype(np.float16).astype(np.float32)


@dataclass(frozen=True)
class Ease:
    """Which films are seen together: a linear autoencoder in closed form (EASE, Steck 2019).

    Beside films seen it is told a 1, so that it learns how popular each is, and who people are.
    """

    places: np.ndarray  # (n_items,) of each film among the k that it knows; -1: it does not
    weights: np.ndarray  # (k + n_told, k)

    @classmethod
    def fit(
        cls,
        people: People,
        ridge: float = 500.0,
        dropout: float = 0.5,  # p adds p / (1 - p) of the Gram matrix's diagonal (Steck 2020)
        tempering: float = 0.5,  # who saw n films weighs n^-tempering: few saw nearly everything
        told: bool = True,  # False: EASE as published, which reads films seen and nothing else
    ) -> Self:
        """From what people have seen, whatever their stars."""
        n_seen = np.bincount(people.seen.indices, minlength=people.seen.shape[1])
        films = np.sort(np.argsort(-n_seen, kind="stable")[:MAX_FILMS])
        places = np.full(len(n_seen), -1)
        places[films] = np.arange(len(films))
        n_told = 1 + (0 if people.about is None else people.about.shape[1]) if told else 0
        n = np.diff(people.seen.indptr).clip(min=1)
        rows = diags_array((n / n.mean()) ** -tempering) @ _inputs(people, films, n_told)
        # Of all B with a diagonal of zeros, I - P / diag(P) has the least |X - XB|² + ridge |B|²,
        # where P is the inverse of X'X + ridge (equation 8).
        gram = (rows.T @ rows).toarray().astype(np.float64)
        gram[np.diag_indices_from(gram)] += ridge + dropout / (1 - dropout) * np.diag(gram)
        weights = scipy.linalg.inv(gram, overwrite_a=True, check_finite=False, assume_a="pos")
        weights /= -np.diag(weights)
        np.fill_diagonal(weights, 0)
        return cls(places, half(weights[:, : len(films)]))

    def scores(self, people: People, films: Films = ALL) -> np.ndarray:
        """(n, n_films) in the range of a probability; the row's lowest where it knows no film."""
        n_inputs, n_known = self.weights.shape
        inputs = _inputs(people, np.flatnonzero(self.places >= 0), n_inputs - n_known)
        places = self.places[films]
        if films is not ALL and (places >= 0).all():  # a few films are quicker
            return (inputs @ self.weights[:, places]).clip(1e-6, 1)
        found = inputs @ self.weights
        return np.where(places >= 0, found[:, places], found.min(axis=1)[:, None]).clip(1e-6, 1)

    def pull(self, seen: np.ndarray, films: np.ndarray) -> np.ndarray:
        """(n_seen, n_films): what having seen a film adds to the scores of others; positions."""
        seen, films = self.places[seen], self.places[films]
        return self.weights[np.ix_(seen, films)] * np.outer(seen >= 0, films >= 0)


def _inputs(people: People, films: np.ndarray, n_told: int) -> csr_array:
    """(n, len(films) + n_told): films seen, and what was told; 0 where nobody told anything."""
    told = np.ones((len(people), n_told), np.float32)
    if n_told:
        told[:, 1:] = 0 if people.about is None else people.about
    return csr_array(hstack([mask(people.seen)[:, films], csr_array(told)]))
