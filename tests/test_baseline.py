"""Biases against loops, fingerprints against a dense decomposition, EASE against regressions."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from saelib import baseline
from saelib.baseline import BiasBaseline, Ease, fingerprints
from saelib.matrix import People, unit_masks


@pytest.fixture(scope="module")
def seen() -> np.ndarray:
    return (np.random.default_rng(0).random((30, 8)) < 0.4).astype(np.float32)


def test_biases_are_those_of_a_loop(matrix):
    stars, rated = matrix.csr.toarray().astype(float), matrix.csr.toarray() > 0
    mean, of_film = stars[rated].mean(), np.zeros(40)

    def shrunk(rows, rated):
        return np.array([row[known].sum() / (known.sum() + 5) for row, known in zip(rows, rated)])

    for _ in range(10):
        of_person = shrunk(stars - mean - of_film, rated)
        of_film = shrunk((stars - mean - of_person[:, None]).T, rated.T)
    expected = mean + shrunk(stars - mean - of_film, rated)[:, None] + of_film
    found = BiasBaseline.fit(matrix.csr).predict(matrix.csr)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_fingerprints_are_those_of_a_dense_decomposition():
    rated = np.random.default_rng(0).random((30, 12)) < 0.3
    rated[0], rated[:, 1], rated[:, 2] = True, rated[:, 0], False  # two alike, and one by nobody
    directions = fingerprints(csr_array(rated * 4.0), n=5)
    found = unit_masks(csr_array(rated.T * 4.0)) @ directions
    masks = rated.T / np.sqrt(rated.sum(axis=0).clip(1))[:, None]
    expected = masks @ np.linalg.svd(masks)[2][:5].T
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-5)
    assert (found[0] == found[1]).all() and found[0].any() and not found[2].any()
    np.testing.assert_array_equal(fingerprints(csr_array(rated * 1.0), n=5), directions)


@pytest.mark.parametrize("dropout", [0.0, 0.25])
@pytest.mark.parametrize(("told", "about"), [(1, 1), (1, 0), (0, 1), (0, 0)])
def test_ease_is_a_ridge_regression_of_each_film_on_all_others(seen, told, about, dropout):
    """And it does not look at stars."""
    who = np.random.default_rng(1).random((30, 3)).astype(np.float32) if about else None
    people = People.who_rated(csr_array(seen * 4), who)
    model = Ease.fit(people, ridge=3.0, dropout=dropout, tempering=0.5, told=told)
    rows = np.hstack([seen] + told * [np.ones((30, 1))] + (told and about) * [who])
    n = seen.sum(axis=1).clip(min=1)
    x = rows * ((n / n.mean()) ** -0.5)[:, None]
    ridge = 3.0 + dropout / (1 - dropout) * np.diag(x.T @ x)
    expected = np.zeros((x.shape[1], 8))
    for j in range(8):
        others = np.arange(x.shape[1]) != j
        gram = x[:, others].T @ x[:, others] + np.diag(ridge[others])
        expected[others, j] = np.linalg.solve(gram, x[:, others].T @ x[:, j])
    np.testing.assert_allclose(model.weights, expected, atol=1e-3)  # kept in 16 bits
    other = People(csr_array((30, 8), dtype=np.float32), people.seen, who)
    np.testing.assert_allclose(model.scores(other), (rows @ expected).clip(1e-6, 1), atol=3e-3)
    np.testing.assert_array_equal(Ease.fit(other).weights, Ease.fit(people).weights)


def test_of_too_many_films_the_most_seen_are_known_and_others_come_last(seen, monkeypatch):
    monkeypatch.setattr(baseline, "MAX_FILMS", 5)
    people = People.who_rated(csr_array(seen))
    model = Ease.fit(people, ridge=2.0)
    kept = np.sort(np.argsort(-seen.sum(axis=0), kind="stable")[:5])
    rest = np.setdiff1d(np.arange(8), kept)
    scores = model.scores(people[:6])
    assert (scores[:, rest] == scores.min(axis=1, keepdims=True)).all()
    for some in (kept[[4, 1]], np.array([kept[1], rest[0]])):
        np.testing.assert_allclose(model.scores(people[:6], some), scores[:, some], atol=1e-6)
    pull = model.pull(np.array([kept[0], rest[0]]), np.array([kept[2], rest[1]]))
    assert pull[0, 0] == model.weights[0, 2] != 0
    assert not pull[1].any() and not pull[:, 1].any()


def test_what_a_film_pulls_is_what_having_seen_it_adds_to_what_is_popular(matrix):
    model, films = Ease.fit(matrix.people), np.array([3, 30])
    nothing, one = csr_array((1, 40), dtype=np.float32), csr_array(np.eye(1, 40, 9))
    before, after = (model.scores(People(nothing, rows))[0] for rows in (nothing, one))
    assert min(before[films].min(), after[films].min()) > 1e-6, "nothing is cut off at 0"
    pull = model.pull(np.array([9]), films)[0]
    np.testing.assert_allclose((after - before)[films], pull, atol=1e-6)
    assert np.corrcoef(before, np.bincount(matrix.csr.indices))[0, 1] > 0.8
