"""Adaptive questions: they follow the answers, and their variances are exact."""

from __future__ import annotations

import numpy as np
import pytest

from saelib.elicitation import next_films
from saelib.profile import Profile
from saelib.rating_model import FoldIn
from saelib.recommendation import Recommender
from saelib.trained_model import train


@pytest.fixture(scope="module")
def recommender(trained):
    return Recommender(trained)


def ids(films) -> list[str]:
    return films["movie_id"].astype(str).tolist()


def test_no_film_is_asked_twice_and_none_that_was_rated(recommender):
    profile, asked = Profile(), []
    while True:
        films = ids(next_films(recommender, profile, 7, asked))
        if not films:
            break
        assert not set(films) & {*asked, *profile.ratings}
        profile.ratings[films[0]] = 4
        asked += films
    assert len(asked) == 40


def test_the_questions_depend_on_the_answers(recommender):
    likes = next_films(recommender, Profile({"80": 5, "90": 5, "200": 5}), 20)
    dislikes = next_films(recommender, Profile({"80": 1, "90": 1, "200": 1}), 20)
    assert ids(likes) != ids(dislikes)


def test_an_answer_makes_the_vector_as_certain_as_the_posterior_says(recommender):
    """The variance that `posterior` gives is the inverse curvature of the log posterior."""
    [fold_in] = [n for n in recommender.trained.rating.networks if isinstance(n, FoldIn)]
    row, person = recommender.encode(Profile({"80": 5, "90": 2}))
    expected, vector, covariance = fold_in.posterior(row, person)
    codes = fold_in.codes[row.indices].astype(float)

    def log_posterior(v):
        below, above = fold_in._sides(expected[row.indices] + codes @ v, row.data)
        return np.log(below - above).sum() - v @ v / 2

    step, size = 1e-3, len(vector)
    axes = np.eye(size)[:4] * step
    for i, a in enumerate(axes):
        for j, b in enumerate(axes):
            curved = (
                log_posterior(vector + a + b)
                - log_posterior(vector + a - b)
                - log_posterior(vector - a + b)
                + log_posterior(vector - a - b)
            ) / (4 * step**2)
            assert -np.linalg.inv(covariance)[i, j] == pytest.approx(curved, abs=1e-3)
    nothing = fold_in.posterior(*recommender.encode(Profile(), empty=True))[2]
    assert np.trace(covariance) < np.trace(nothing) == pytest.approx(size)


def test_a_model_without_a_network_over_films_still_asks(data):
    recommender = Recommender(train(data, "plain", epochs=1, progress=False))
    first = ids(next_films(recommender, Profile(), 5))
    assert len(first) == 5
    assert not set(first) & set(ids(next_films(recommender, Profile(), 5, first)))
