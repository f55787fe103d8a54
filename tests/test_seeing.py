"""EASE against the textbook, and the list that comes of both questions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from saelib.data.matrix import RatingMatrix
from saelib.data.people import People
from saelib.data.scale import HALF_STARS
from saelib.model import ease
from saelib.model.ease import Ease, ease_weights
from saelib.model.learn import fit_networks
from saelib.model.seeing import ListOrder
from saelib.network.config import Recipe
from saelib.network.recipes import RECIPES


@pytest.fixture(scope="module")
def seen() -> np.ndarray:
    return (np.random.default_rng(0).random((30, 8)) < 0.4).astype(float)


def one_at_a_time(x: np.ndarray, ridge) -> np.ndarray:
    """Ridge regression of each column on all others: what EASE's formula is short for."""
    n = x.shape[1]
    weights, ridge = np.zeros((n, n)), np.broadcast_to(ridge, n)
    for j in range(n):
        others = np.delete(np.arange(n), j)
        a = x[:, others]
        weights[others, j] = np.linalg.solve(a.T @ a + np.diag(ridge[others]), a.T @ x[:, j])
    return weights


@pytest.mark.parametrize("square", [3, 8, 1024])
@pytest.mark.parametrize("ridge", [2.0, np.arange(1.0, 9.0)])
def test_the_closed_form_is_a_regression_on_all_other_films(seen, ridge, square, monkeypatch):
    monkeypatch.setattr(ease, "SQUARE", square)
    found = ease_weights(seen.T @ seen, ridge)
    np.testing.assert_allclose(found, one_at_a_time(seen, ridge), atol=1e-10)
    assert not np.diag(found).any()


def test_ease_with_all_its_options_against_the_regression(seen):
    told = np.random.default_rng(1).random((30, 3)).astype(np.float32)
    stars = csr_array(seen * 4.0)
    model = Ease.fit(stars, told, ridge=3.0, dropout=0.25, tempering=0.5)
    n = seen.sum(axis=1).clip(min=1)
    x = np.hstack([seen, told]) * ((n / n.mean()) ** -0.5)[:, None]
    expected = one_at_a_time(x, 3.0 + np.diag(x.T @ x) / 3)[:, :8]
    np.testing.assert_allclose(model.weights, expected, atol=1e-5)
    scores = model.scores(stars[:4], told[:4])
    np.testing.assert_allclose(scores, np.hstack([seen, told])[:4] @ expected, atol=1e-5)
    # The stars do not matter, only what was seen.
    np.testing.assert_array_equal(scores, model.scores(csr_array(seen[:4] * 1.0), told[:4]))


def test_only_the_most_seen_films_where_there_are_too_many(seen, monkeypatch):
    monkeypatch.setattr(ease, "MAX_FILMS", 5)
    model = Ease.fit(csr_array(seen), ridge=2.0)
    kept = np.sort(np.argsort(-seen.sum(axis=0), kind="stable")[:5])
    np.testing.assert_array_equal(model.films, kept)
    scores = model.scores(csr_array(seen[:6]))
    assert scores.shape == (6, 8)
    rest = np.setdiff1d(np.arange(8), kept)
    assert (scores[:, rest] <= scores.min(axis=1, keepdims=True)).all()


@pytest.fixture(scope="module")
def order(data) -> ListOrder:
    [config] = RECIPES["default"].networks
    recipe = Recipe((replace(config, hidden=(8,), n_batches=10, epochs=4),))
    known = RatingMatrix.from_dataset(data)
    return ListOrder.fit(known, fit_networks(recipe, known, progress=False)[0], recipe)


def test_a_score_is_seeing_times_liking(order, data):
    known = RatingMatrix.from_dataset(data)
    people = known.people[:6]
    distribution = order.liking.distribution(people)
    like = distribution[..., 3] + distribution[..., 4]
    np.testing.assert_allclose(order.like(distribution), like)
    see = order.see(people)
    assert ((see > 0) & (see <= 1)).all()
    np.testing.assert_allclose(order.scores(people), see * like**0.7)
    half = replace(order, scale=HALF_STARS)
    levels = np.random.default_rng(0).dirichlet(np.ones(10), (2, 3))
    np.testing.assert_allclose(half.like(levels), levels[..., 7:].sum(-1))


def test_who_has_seen_nothing_gets_the_popular_films(order, data):
    counts = np.bincount(RatingMatrix.from_dataset(data).csr.indices, minlength=40)
    see = order.see(People.who_rated(csr_array((1, 40), dtype=np.float32)))[0]
    assert np.corrcoef(see, counts)[0, 1] > 0.8


def test_what_the_recipe_chose_is_what_the_list_goes_by(data, order):
    known = RatingMatrix.from_dataset(data)
    for setting in ({"ridge": 50.0}, {"ease_dropout": 0.1}, {"tempering": 0.0}):
        other = ListOrder.fit(known, order.liking, replace(RECIPES["default"], **setting))
        assert np.abs(other.linear.weights - order.linear.weights).max() > 1e-3, setting
    other = ListOrder.fit(known, order.liking, replace(RECIPES["default"], liking_weight=0.2))
    like = order.like(order.liking.distribution(known.people))
    np.testing.assert_allclose(other.scores(known.people), order.see(known.people) * like**0.2)
