"""Fingerprints against a dense decomposition."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from saelib.network.fingerprints import Fingerprints


def test_fingerprints_against_a_dense_decomposition():
    rng = np.random.default_rng(0)
    rated = rng.random((30, 12)) < 0.3
    rated[0] = True  # nobody's column is empty
    fingerprints = Fingerprints.fit(csr_array(rated * 4.0), n=5)
    masks = rated.T / np.sqrt(rated.sum(axis=0))[:, None]
    _, _, directions = np.linalg.svd(masks, full_matrices=False)
    found = fingerprints.of(csr_array(rated.T * 1.0))  # the stars do not matter
    expected = masks @ directions[:5].T
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-5)
    np.testing.assert_array_equal(
        fingerprints.components, Fingerprints.fit(csr_array(rated * 4.0), n=5).components
    )


def test_the_same_raters_make_the_same_fingerprint_and_nobody_makes_none():
    rng = np.random.default_rng(1)
    rated = (rng.random((20, 8)) < 0.4).astype(float)
    rated[:, 1] = rated[:, 0]
    rated[:, 2] = 0
    found = Fingerprints.fit(csr_array(rated), n=4).of(csr_array(rated.T))
    np.testing.assert_array_equal(found[0], found[1])
    assert not found[2].any()
