"""Reasons are what leaving a film out does; questions are those that leave least uncertain."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from saelib.data import Scale
from saelib.model import train
from saelib.recommend import reasons as module
from saelib.recommend.profile import Profile
from saelib.recommend.questions import likely_seen, next_films
from saelib.recommend.reasons import LEAST, Reasons, caution, middle, reasons
from saelib.recommend.recommender import Recommender

TOLD = Profile({"80": 5, "90": 4, "100": 1, "110": 5, "200": 2}, seen=["80", "130", "140"])


@pytest.fixture(scope="module")
def of_stars_alone(data) -> Recommender:
    return Recommender(train(data, "plain", epochs=3, progress=False))


def ids(films) -> list[str]:
    return films["movie_id"].astype(str).tolist()


def test_shares_are_what_leaving_a_film_out_does(recommender):
    films, model = ids(recommender.recommend(TOLD, n=8)), recommender.model
    at = [recommender.catalogue.position(film) for film in films]

    def without(film: str | None) -> dict[str, np.ndarray]:
        ratings = {other: stars for other, stars in TOLD.ratings.items() if other != film}
        told = Profile(ratings, seen=[other for other in TOLD.seen if other != film])
        person = recommender.encode(told)
        like = model.liking.distribution(person)[0, at][:, 3:].sum(axis=1)
        return {"see": model.ease.scores(person)[0, at], "like": like}

    whole, less = without(None), {film: without(film) for film in {*TOLD.ratings, *TOLD.seen}}
    stars = recommender.answers(recommender.encode(TOLD), at).stars[0]
    n = {"see": 0, "like": 0}
    every, few = (reasons(recommender, TOLD, films, n) for n in (9, 2))
    for i, question in itertools.product(range(8), n):
        wanted = {}
        for film, answers in less.items():
            share = 1 - answers[question][i] / whole[question][i]
            if share >= LEAST and (question == "see" or stars[i] >= 3):
                wanted[recommender.catalogue.label(film)] = share
        found = getattr(every[i], question)
        assert {reason.name: reason.share for reason in found} == pytest.approx(wanted, abs=1e-4)
        assert all(reason.liked == ((reason.stars or 0) >= 4) for reason in found)
        kinds = [0 if reason.liked else 1 if reason.stars is None else 2 for reason in found]
        assert kinds == sorted(kinds), "liked films lead, then those ticked"
        assert getattr(few[i], question) == found[:2]
        n[question] += len(found)
    assert min(n.values()) > 5


def test_of_many_films_told_the_weightiest_are_left_out(recommender, monkeypatch):
    told = Profile({str(film): 1 + film // 10 % 5 for film in range(10, 260, 10)})
    films = ids(recommender.recommend(told, n=4))
    every = reasons(recommender, told, films, n=30)
    monkeypatch.setattr(module, "LEFT_OUT", 8)
    for found, of_all in zip(reasons(recommender, told, films, n=2), every):
        assert {reason.name for reason in found.see} <= {reason.name for reason in of_all.see}


def test_models_of_stars_alone_give_reasons_of_liking(of_stars_alone, recommender):
    told = Profile({"80": 5, "90": 1, "110": 5}, seen=["120"])
    listed = of_stars_alone.recommend(told)
    assert "distribution" not in listed and listed["score"].equals(listed["stars"])
    found = reasons(of_stars_alone, told, ids(listed))
    assert not any(of_film.see for of_film in found)
    assert not any("Film 11" in r.name for of_film in found for r in of_film.like)
    assert reasons(recommender, told, []) == []
    assert reasons(recommender, Profile(), [10, 20]) == [Reasons(), Reasons()]


def test_films_that_are_expected_to_please_little_are_told():
    scales = (Scale(1, 5), Scale(0.5, 5, 0.5), Scale(1, 10), Scale(0, 1))
    assert [middle(scale) for scale in scales] == [3, 3, 6, 1]
    said = [
        caution(pd.DataFrame({"stars": stars}), Scale(1, 5))
        for stars in ([], [3, 4.2], [2.9, 4, 4], [2.9, 2])
    ]
    assert said[:2] == ["", ""]
    assert said[2].startswith("One of these is expected below 3 stars")
    assert said[3].startswith("2 of these are expected below 3 stars")


def test_no_film_is_asked_twice_and_none_that_was_rated(recommender, of_stars_alone):
    for asking in (recommender, of_stars_alone):
        profile, asked = Profile(), []
        while films := ids(next_films(asking, profile, 7, asked)):
            assert not {*films} & {*asked, *profile.ratings}
            profile.ratings[films[0]] = 4
            asked += films
        assert len(asked) == len(set(asked)) == 40


def test_films_seen_are_asked_first_and_then_others(recommender, of_stars_alone):
    profile = Profile({"90": 2, "300": 4}, seen=["80", "90", "200", "210", "220"])
    for asking in (recommender, of_stars_alone):
        films = ids(next_films(asking, profile, 7, ["220"]))
        assert {*films[:3]} == {"80", "200", "210"} and len({*films}) == 7
        assert not {*films} & {"90", "300", "220"}
    likes = next_films(recommender, Profile({"80": 5, "90": 5, "200": 5}), 20)
    dislikes = next_films(recommender, Profile({"80": 1, "90": 1, "200": 1}), 20)
    assert ids(likes) != ids(dislikes)


def test_what_was_likely_seen_follows_what_was_told(recommender, of_stars_alone):
    for asking in (recommender, of_stars_alone):
        likely = ids(likely_seen(asking, Profile(), 8, ["10"]))
        counts = asking.catalogue.films.set_index("movie_id")["n_ratings"]
        assert counts[[int(film) for film in likely]].mean() > counts.mean()
        told = Profile({likely[0]: 5}, seen=[likely[1]])
        others = ids(likely_seen(asking, told, 40, ["10"]))
        assert len(others) == 37 and not {*others} & {"10", *likely[:2]}


@pytest.mark.parametrize("n_seen", [0, 4])
@pytest.mark.parametrize("draw", range(3))
def test_each_question_takes_most_uncertainty_away(recommender, n_seen, draw):
    """Against the posterior's covariance, inverted anew after each film; first of those seen."""
    rng, model = np.random.default_rng(draw), recommender.model
    # Films that differ in many directions, as those of a well-trained model do.
    codes = rng.normal(size=model.liking.codes.shape)
    fold_in = replace(model.liking, codes=codes.astype(np.float32))
    asking = Recommender(replace(model, liking=fold_in))
    films = rng.permutation(np.arange(10, 401, 10)).astype(str).tolist()
    profile = Profile(dict(zip(films[:3], [5, 1, 4])), seen=films[10 : 10 + n_seen])
    person = asking.encode(profile)
    codes, (covariance, sharpness) = fold_in.codes.astype(float), fold_in.posterior(person)
    see = np.where(asking.catalogue.films["n_ratings"] == 0, 0, model.ease.scores(person)[0])
    at = [asking.catalogue.position(film) for film in films]
    seen, open_ = np.isin(np.arange(40), at[10 : 10 + n_seen]), ~np.isin(np.arange(40), at[:3])

    def after(i: int) -> np.ndarray:
        told = sharpness[i] * np.outer(codes[i], codes[i])
        return np.linalg.inv(np.linalg.inv(covariance) + told)

    expected = []
    while len(expected) < 8:
        weight = seen & open_ if (seen & open_).any() else see
        of = seen if (seen & open_).any() else see
        worth = np.full(40, -np.inf)
        for i in np.flatnonzero(open_ & (weight > 0)):
            gone = np.diag(codes @ (covariance - after(i)) @ codes.T)
            worth[i] = weight[i] * (gone @ of)
        best = int(worth.argmax())
        expected.append(best)
        open_[best], covariance = False, after(best)
    found = [asking.catalogue.position(film) for film in next_films(asking, profile, 8)["movie_id"]]
    assert found == expected
