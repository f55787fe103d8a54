"""Biases against loops, fingerprints against a dense decomposition, EASE against regressions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_info, threadpool_limits

from saelib import baseline
from saelib.baseline import BiasBaseline, Ease, ease_weights, fingerprints
from saelib.matrix import People, RatingMatrix, unit_masks


@pytest.fixture(scope="module")
def matrix(data):
    return RatingMatrix.from_dataset(data)


@pytest.fixture(scope="module")
def seen() -> np.ndarray:
    return (np.random.default_rng(0).random((30, 8)) < 0.4).astype(np.float32)


def test_biases_are_those_of_a_loop(matrix):
    csr = matrix.csr
    stars, rated = csr.toarray(), csr.toarray() > 0
    mean, shrinkage = stars[rated].mean(dtype=float), 5.0
    of_film, of_person = np.zeros(40), np.zeros(60)
    for _ in range(10):
        for u in range(60):
            left = [stars[u, i] - mean - of_film[i] for i in range(40) if rated[u, i]]
            of_person[u] = sum(left) / (len(left) + shrinkage)
        for i in range(40):
            left = [stars[u, i] - mean - of_person[u] for u in range(60) if rated[u, i]]
            of_film[i] = sum(left) / (len(left) + shrinkage)
    fitted = BiasBaseline.fit(csr)
    assert fitted.mean == pytest.approx(mean)
    np.testing.assert_allclose(fitted.column_bias, of_film, atol=1e-6)
    left = np.where(rated, stars - mean - of_film, 0)
    of_person = left.sum(axis=1) / (rated.sum(axis=1) + shrinkage)
    np.testing.assert_allclose(fitted.predict(csr), mean + of_person[:, None] + of_film, atol=1e-6)
    nobody = BiasBaseline(3.5, np.array([0.5, -0.5])).predict(csr_array((1, 2)))
    assert nobody.tolist() == [[4.0, 3.0]]


# -- Who rated what ---------------------------------------------------------------------------


def test_fingerprints_are_those_of_a_dense_decomposition_and_always_the_same():
    rated = np.random.default_rng(0).random((30, 12)) < 0.3
    rated[0] = True  # no column is empty
    csr = csr_array(rated * 4.0)
    directions = fingerprints(csr, n=5)
    found = unit_masks(csr_array(csr.T)) @ directions
    masks = rated.T / np.sqrt(rated.sum(axis=0))[:, None]
    expected = masks @ np.linalg.svd(masks, full_matrices=False)[2][:5].T
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-5)
    np.random.default_rng().random(3), np.random.rand(3)
    np.testing.assert_array_equal(fingerprints(csr_array(rated * 1.0), n=5), directions)


def test_the_same_raters_make_the_same_fingerprint_and_nobody_makes_none():
    rated = (np.random.default_rng(1).random((20, 8)) < 0.4).astype(float)
    rated[:, 1], rated[:, 2] = rated[:, 0], 0
    csr = csr_array(rated)
    found = unit_masks(csr_array(csr.T)) @ fingerprints(csr, n=4)
    np.testing.assert_array_equal(found[0], found[1])
    assert not found[2].any() and found[0].any()


def test_the_decomposition_asks_one_thread_for_its_products(seen, monkeypatch):
    threads = set()

    def watched(*of, **options):
        found = [library for library in threadpool_info() if library["user_api"] == "blas"]
        threads.update(library["num_threads"] for library in found)
        return svds(*of, **options)

    monkeypatch.setattr(baseline, "svds", watched)
    with threadpool_limits(2, user_api="blas"):
        fingerprints(csr_array(seen), n=4)
    assert threads == {1}


# -- EASE -------------------------------------------------------------------------------------


def one_at_a_time(x: np.ndarray, ridge) -> np.ndarray:
    """Ridge regression of each column on all others: what EASE's formula is short for."""
    n = x.shape[1]
    weights, ridge = np.zeros((n, n)), np.broadcast_to(ridge, n)
    for j in range(n):
        others = np.delete(np.arange(n), j)
        a = x[:, others].astype(float)
        gram = a.T @ a + np.diag(ridge[others])
        weights[others, j] = np.linalg.solve(gram, a.T @ x[:, j])
    return weights


@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_the_closed_form_is_a_regression_on_all_other_films(seen, dropout):
    gram = (seen.T @ seen).astype(float)
    ridge = 2.0 + dropout / (1 - dropout) * np.diag(gram)
    found = ease_weights(gram.copy(), 2.0, dropout)
    np.testing.assert_allclose(found, one_at_a_time(seen, ridge), atol=1e-10)


@pytest.mark.parametrize("about", [True, False])
@pytest.mark.parametrize("told", [True, False])
def test_ease_with_all_its_options_is_a_regression_and_does_not_look_at_stars(seen, told, about):
    who = np.random.default_rng(1).random((30, 3)).astype(np.float32) if about else None
    people = People.who_rated(csr_array(seen * 4), who)
    model = Ease.fit(people, ridge=3.0, dropout=0.25, tempering=0.5, told=told)
    n = seen.sum(axis=1).clip(min=1)
    parts = [seen] + told * [np.ones((30, 1))] + (told and about) * [who]
    rows = np.hstack(parts)
    x = rows * ((n / n.mean()) ** -0.5)[:, None]
    expected = one_at_a_time(x, 3.0 + np.diag(x.T @ x) / 3)[:, :8]
    np.testing.assert_allclose(model.weights, expected, atol=1e-3)  # kept in 16 bits
    scores = model.scores(people)
    np.testing.assert_allclose(scores, (rows @ expected).clip(1e-6, 1), atol=3e-3)
    other = People(csr_array(seen * 2), people.seen, who)
    np.testing.assert_array_equal(model.scores(other), scores)
    some = np.array([7, 0])
    np.testing.assert_allclose(model.scores(people, some), scores[:, some], atol=1e-6)


def test_films_seen_without_stars_count_as_seen(matrix):
    people = matrix.people
    none = People(csr_array(people.stars.shape, dtype=np.float32), people.seen, people.about)
    fitted, of_none = Ease.fit(people), Ease.fit(none)
    np.testing.assert_array_equal(fitted.weights, of_none.weights)
    np.testing.assert_array_equal(fitted.scores(people), of_none.scores(none))
    assert np.ptp(fitted.weights) > 0


def test_of_too_many_films_the_most_seen_are_known_and_others_come_last(seen, monkeypatch):
    monkeypatch.setattr(baseline, "MAX_FILMS", 5)
    people = People.who_rated(csr_array(seen))
    model = Ease.fit(people, ridge=2.0)
    kept = np.sort(np.argsort(-seen.sum(axis=0), kind="stable")[:5])
    rest = np.setdiff1d(np.arange(8), kept)
    np.testing.assert_array_equal(model.films, kept)
    scores = model.scores(people[:6])
    assert scores.shape == (6, 8)
    assert (scores[:, rest] == scores.min(axis=1, keepdims=True)).all()
    some = np.array([kept[1], rest[0]])
    np.testing.assert_allclose(model.scores(people[:6], some), scores[:, some], atol=1e-6)
    pull = model.pull(np.array([kept[0], rest[0]]), np.array([kept[2], rest[1]]))
    assert pull[0, 0] == model.weights[0, 2] != 0
    assert not pull[1].any() and not pull[:, 1].any()


def test_what_a_film_pulls_is_what_having_seen_it_adds(matrix):
    model = Ease.fit(matrix.people)
    nothing = csr_array((1, 40), dtype=np.float32)
    one = nothing.tolil()
    one[0, 9] = 1
    before, after = (model.scores(People(nothing, csr_array(s))) for s in (nothing, one))
    films = np.array([3, 30])
    inside = (before > 1e-6) & (after > 1e-6)
    assert inside[0, films].all(), "neither is cut off at 0"
    pull = model.pull(np.array([9]), films)
    np.testing.assert_allclose((after - before)[0, films], pull[0], atol=1e-6)


def test_who_has_seen_nothing_gets_the_popular_films(matrix):
    nobody = People.who_rated(csr_array((1, 40), dtype=np.float32))
    counts = np.bincount(matrix.csr.indices, minlength=40)
    assert np.corrcoef(Ease.fit(matrix.people).scores(nobody)[0], counts)[0, 1] > 0.8
