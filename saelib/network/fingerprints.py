"""Who rated a film, in 100 numbers: itself the code of a linear autoencoder of the mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits

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
        # Beside the sparse masks, Lanczos multiplies by tall matrices, on which threads only wait:
        # at 10 million ratings and beside busy cores, 97 s with two threads and 35 s with one.
        with threadpool_limits(1, user_api="blas"):
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
