"""Adaptive questions: they follow the answers, and the variances are exact."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from saelib.elicitation import BIAS, _told, next_films
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


def test_what_an_answer_tells_is_the_variance_that_it_takes_away(recommender):
    """The shortcuts of `_told` give what the covariance before and after an answer gives."""
    [fold_in] = [n for n in recommender.trained.rating.networks if isinstance(n, FoldIn)]
    row, person = recommender.encode(Profile({"80": 5, "90": 2}))
    targets = np.linspace(0, 1, 40).astype(np.float32)
    told = _told(fold_in, row, person, targets)
    exceeds = expit(fold_in.scores(row, person)[0][:, None] - fold_in.thresholds)
    levels = -np.diff(exceeds, axis=1, prepend=1, append=0)
    slopes = -np.diff(exceeds * (1 - exceeds), axis=1, prepend=0, append=0)
    precision = (slopes**2 / levels).sum(axis=1)  # Fisher's information of the score
    codes = np.hstack([fold_in.codes, np.full((40, 1), BIAS * fold_in.slope)])

    def total(films) -> float:
        seen = codes[films]
        hessian = np.eye(codes.shape[1]) + (seen.T * precision[films]) @ seen
        return ((codes @ np.linalg.inv(hessian)) * codes).sum(axis=1) @ targets

    known = row.indices.tolist()
    for film in (0, 5, 30):
        assert told[film] == pytest.approx(total(known) - total([*known, film]), rel=1e-2)


def test_the_same_answers_give_the_same_questions(recommender):
    profile = Profile({"80": 5, "90": 2})
    films = [ids(next_films(recommender, profile, 10, ["30"])) for _ in range(2)]
    assert films[0] == films[1]


def test_a_model_without_a_network_over_films_still_asks(data):
    recommender = Recommender(train(data, "plain", epochs=1, progress=False))
    first = ids(next_films(recommender, Profile(), 5))
    assert len(first) == 5
    assert not set(first) & set(ids(next_films(recommender, Profile(), 5, first)))
