"""The bias baseline against loops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from saelib.data.matrix import RatingMatrix
from saelib.network.baseline import BiasBaseline


def test_biases_against_a_loop(data):
    csr = RatingMatrix.from_dataset(data).csr
    stars, rated = csr.toarray(), csr.toarray() > 0
    mean, shrinkage = stars[rated].mean(), 5.0
    item, user = np.zeros(40), np.zeros(60)
    for _ in range(10):
        for u in range(60):
            left = [stars[u, i] - mean - item[i] for i in range(40) if rated[u, i]]
            user[u] = sum(left) / (len(left) + shrinkage)
        for i in range(40):
            left = [stars[u, i] - mean - user[u] for u in range(60) if rated[u, i]]
            item[i] = sum(left) / (len(left) + shrinkage)
    baseline = BiasBaseline.fit(csr)
    assert baseline.mean == pytest.approx(mean)
    np.testing.assert_allclose(baseline.item_bias, item, atol=1e-6)
    left = np.where(rated, stars - mean - item, 0)
    user = left.sum(axis=1) / (rated.sum(axis=1) + shrinkage)
    np.testing.assert_allclose(baseline.predict(csr), mean + user[:, None] + item, atol=1e-6)


def test_a_person_without_ratings_has_no_bias():
    baseline = BiasBaseline(3.5, np.array([0.5, -0.5]))
    assert baseline.predict(csr_array((1, 2))).tolist() == [[4.0, 3.0]]
