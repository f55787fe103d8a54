"""Adaptive questions: they follow the answers, and their variances are exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from saelib.model.learn import train
from saelib.model.liking import Liking
from saelib.recommend.profile import Profile
from saelib.recommend.questions import likely_seen, next_films
from saelib.recommend.recommender import Recommender


@pytest.fixture(scope="module")
def recommender(bundle):
    return Recommender(bundle)


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


def test_films_seen_are_asked_first_and_then_others(recommender):
    seen = ["80", "90", "200", "210", "220"]
    profile = Profile({"90": 2, "300": 4}, seen=seen)
    films = ids(next_films(recommender, profile, 7, ["220"]))
    assert set(films[:3]) == {"80", "200", "210"}
    assert len(set(films)) == 7
    assert not set(films) & {"90", "300", "220"}
    assert ids(next_films(recommender, profile, 2, ["220"])) == films[:2]


@pytest.mark.parametrize("draw", range(8))
def test_of_the_films_seen_those_come_first_that_leave_least_uncertain(recommender, draw):
    """The first one takes most variance away from those that were seen and not asked about."""
    rng = np.random.default_rng(draw)
    bundle = recommender.bundle
    [fold_in] = bundle.liking.models
    # Films that differ in many directions, as those of a well-trained model do.
    fold_in = replace(
        fold_in, film_codes=rng.normal(size=fold_in.film_codes.shape).astype(np.float32)
    )
    recommender = Recommender(replace(bundle, liking=Liking([fold_in])))
    films = rng.permutation(np.arange(10, 401, 10)).astype(str).tolist()
    rated, asked, seen = dict(zip(films[:3], [5, 1, 4])), films[3:15], films[15:25]
    profile = Profile(rated, seen=[*rated, *asked, *seen])
    posterior = fold_in.posterior(recommender.encode(profile))
    scores, covariance = posterior.scores, posterior.covariance
    codes = fold_in.film_codes.astype(float)
    of_seen = codes[[recommender.catalogue.position(film) for film in seen]]
    left = {}
    for film in seen:
        i = recommender.catalogue.position(film)
        above = 1 / (1 + np.exp(fold_in.thresholds - scores[i]))
        p = -np.diff(above, prepend=1, append=0)
        slopes = np.pad(above * (1 - above), 1)
        curvature = (p * (slopes[:-1] + slopes[1:])).sum()
        precision = np.linalg.inv(covariance) + curvature * np.outer(codes[i], codes[i])
        left[film] = np.trace(of_seen @ np.linalg.inv(precision) @ of_seen.T)
    assert ids(next_films(recommender, profile, 1, asked)) == [min(left, key=left.get)]


@pytest.mark.parametrize("n_seen", [0, 4])
def test_questions_after_the_first_are_chosen_as_if_those_before_were_answered(recommender, n_seen):
    """Against the posterior's covariance, inverted anew after each film; first of those seen."""
    rng = np.random.default_rng(n_seen)
    bundle, catalogue = recommender.bundle, recommender.catalogue
    [fold_in] = bundle.liking.models
    codes = rng.normal(size=fold_in.film_codes.shape)
    fold_in = replace(fold_in, film_codes=codes.astype(np.float32))
    recommender = Recommender(replace(bundle, liking=Liking([fold_in])))
    films = rng.permutation(np.arange(10, 401, 10)).astype(str).tolist()
    profile = Profile(dict(zip(films[:3], [5, 1, 4])), seen=films[10 : 10 + n_seen])
    person = recommender.encode(profile)
    posterior = fold_in.posterior(person)
    codes, covariance = fold_in.film_codes.astype(float), posterior.covariance
    see = np.where(catalogue.films["n_ratings"] == 0, 0, bundle.order.see(person)[0])
    seen = np.isin(np.arange(40), [catalogue.position(film) for film in films[10 : 10 + n_seen]])
    open_ = ~np.isin(np.arange(40), [catalogue.position(film) for film in films[:3]])
    expected = []
    while len(expected) < 8:
        weight = seen & open_ if (seen & open_).any() else see
        worth = np.full(40, -np.inf)
        for i in np.flatnonzero(open_ & (weight > 0)):
            precision = np.linalg.inv(covariance)
            precision += posterior.sharpness[i] * np.outer(codes[i], codes[i])
            gone = codes @ (covariance - np.linalg.inv(precision)) @ codes.T
            total = np.diag(gone) @ (seen if (seen & open_).any() else see)
            worth[i] = weight[i] * total
        best = int(worth.argmax())
        expected.append(best)
        open_[best] = False
        precision = np.linalg.inv(covariance)
        precision += posterior.sharpness[best] * np.outer(codes[best], codes[best])
        covariance = np.linalg.inv(precision)
    found = [catalogue.position(film) for film in next_films(recommender, profile, 8)["movie_id"]]
    assert found == expected


def test_what_was_likely_seen_follows_what_was_told(recommender):
    likely = ids(likely_seen(recommender, Profile(), 8, ["10"]))
    counts = recommender.catalogue.films.set_index("movie_id")["n_ratings"]
    assert counts[[int(film) for film in likely]].mean() > counts.mean()
    profile = Profile({likely[0]: 5}, seen=[likely[1]])
    others = ids(likely_seen(recommender, profile, 40, ["10"]))
    assert len(others) == 37
    assert not set(others) & {"10", *likely[:2]}
    assert others[:6] != likely[2:]


def test_an_answer_makes_the_vector_as_certain_as_the_posterior_says(recommender):
    """The variance that `posterior` gives is the inverse curvature of the log posterior."""
    [fold_in] = recommender.bundle.liking.models
    person = recommender.encode(Profile({"80": 5, "90": 2}))
    row, covariance = person.stars, fold_in.posterior(person).covariance
    codes, vector = fold_in.film_codes.astype(float), fold_in.vectors(person)[0]
    added = fold_in.vectors(person) @ fold_in.film_codes.T
    at_zero = (fold_in.scores(person) - added)[0, row.indices]
    assert (codes[:, -1] == codes[0, -1]).all() and codes[0, -1] > 0, "the bias"

    def log_posterior(v):
        scores = at_zero + codes[row.indices] @ v
        edges = np.concatenate([[-np.inf], fold_in.thresholds, [np.inf]])
        level = row.data.astype(int) - 1
        p = expit(scores - edges[level]) - expit(scores - edges[level + 1])
        return np.log(p).sum() - v @ v / 2

    step, size = 1e-2, len(vector)
    axes = np.eye(size)[-4:] * step
    for i, a in enumerate(axes):
        for j, b in enumerate(axes):
            curved = (
                log_posterior(vector + a + b)
                - log_posterior(vector + a - b)
                - log_posterior(vector - a + b)
                + log_posterior(vector - a - b)
            ) / (4 * step**2)
            assert -np.linalg.inv(covariance)[-4:, -4:][i, j] == pytest.approx(curved, abs=1e-3)
    nothing = fold_in.posterior(recommender.encode(Profile(), empty=True)).covariance
    assert np.trace(covariance) < np.trace(nothing) == pytest.approx(size)


def test_a_model_without_a_network_over_films_still_asks(data):
    recommender = Recommender(train(data, "plain", epochs=1, progress=False))
    first = ids(next_films(recommender, Profile(), 5))
    assert len(first) == 5
    seen = ids(next_films(recommender, Profile({"80": 3}, seen=["80", "20", "30"]), 5))
    assert seen[:2] == ["20", "30"]
    assert len(set(seen)) == 5
    assert len(likely_seen(recommender, Profile(), 5, first)) == 5
    assert not set(first) & set(ids(next_films(recommender, Profile(), 5, first)))
