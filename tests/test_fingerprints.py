"""Fingerprints against a dense decomposition."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_info, threadpool_limits

from saelib.network import fingerprints
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


def test_the_decomposition_asks_one_thread_for_its_products(monkeypatch):
    threads = set()

    def watched(*of, **options):
        found = [library for library in threadpool_info() if library["user_api"] == "blas"]
        threads.update(library["num_threads"] for library in found)
        return svds(*of, **options)

    monkeypatch.setattr(fingerprints, "svds", watched)
    rated = (np.random.default_rng(2).random((20, 8)) < 0.4).astype(float)
    with threadpool_limits(2, user_api="blas"):
        Fingerprints.fit(csr_array(rated), n=4)
    assert threads == {1}


def test_the_same_raters_make_the_same_fingerprint_and_nobody_makes_none():
    rng = np.random.default_rng(1)
    rated = (rng.random((20, 8)) < 0.4).astype(float)
    rated[:, 1] = rated[:, 0]
    rated[:, 2] = 0
    found = Fingerprints.fit(csr_array(rated), n=4).of(csr_array(rated.T))
    np.testing.assert_array_equal(found[0], found[1])
    assert not found[2].any()
