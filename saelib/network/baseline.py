"""The bias baseline: global mean, film biases, user biases. What a network has to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array


@dataclass(frozen=True)
class BiasBaseline:
    """rating ~ mean + user bias + item bias, the two biases shrunk towards 0.

    A shrunk bias is the sum of what is left over, divided by (count + shrinkage): few ratings
    make a small bias (Koren, Bell and Volinsky 2009, 'Matrix factorization techniques',
    equation 1, solved by alternation). A user's bias is a function of the ratings shown, so that
    a new person has one without any training.

    mean: stars. item_bias: (n_items,) stars. shrinkage: in ratings.
    """

    mean: float
    item_bias: np.ndarray
    shrinkage: float = 5.0

    @classmethod
    def fit(cls, csr: csr_array, shrinkage: float = 5.0, alternations: int = 10) -> BiasBaseline:
        """Fit to the ratings of csr (n_users, n_items)."""
        mean = float(csr.data.mean(dtype=np.float64))
        by_item = csr.tocsc()
        users_of = by_item.indices
        n_of_item = np.diff(by_item.indptr)
        item_bias = np.zeros(csr.shape[1])
        for _ in range(alternations):
            user_bias = cls(mean, item_bias, shrinkage).user_bias(csr)
            left = by_item.data - mean - user_bias[users_of]
            total = np.bincount(
                np.repeat(np.arange(len(n_of_item)), n_of_item), left, len(n_of_item)
            )
            item_bias = total / (n_of_item + shrinkage)
        return cls(mean, item_bias, shrinkage)

    def user_bias(self, rows: csr_array) -> np.ndarray:
        """(n_rows,) stars: the bias of each row, given the ratings in it."""
        left = rows.data - self.mean - self.item_bias[rows.indices]
        n_ratings = np.diff(rows.indptr)
        row_of = np.repeat(np.arange(rows.shape[0]), n_ratings)
        return np.bincount(row_of, left, rows.shape[0]) / (n_ratings + self.shrinkage)

    def predict(self, rows: csr_array) -> np.ndarray:
        """(n_rows, n_items) stars for every film, given the ratings in each row."""
        return self.mean + self.user_bias(rows)[:, None] + self.item_bias[None, :]
