"""What if, film night, taste card, surprises: each against what it says it is."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saelib.errors import ProfileError
from saelib.model.learn import train
from saelib.recommend.play import POOL, film_night, taste_card, what_if
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import Session


@pytest.fixture(scope="module")
def recommender(bundle):
    return Recommender(bundle)


ANN = Profile({"80": 5, "90": 4, "100": 1})
BOB = Profile({"110": 5, "120": 1}, seen=["130"], rejected=["140"])
CLEO = Profile(gender="F", age=30)


# -- What if I had loved …? ----------------------------------------------------------------------


def test_what_if_is_the_list_of_a_profile_that_has_it(recommender):
    before, after, changed = what_if(recommender, ANN, "Film 11 (1961)", n=8)
    assert before.equals(recommender.recommend(ANN, 8))
    assert after.equals(recommender.recommend(Profile({**ANN.ratings, "120": 5}), 8))
    assert [film.place for film in changed.films] == list(range(1, 9))
    assert changed
    _, worse, _ = what_if(recommender, ANN, 120, 1, n=8)
    assert worse.equals(recommender.recommend(Profile({**ANN.ratings, "120": 1}), 8))
    _, same, none = what_if(recommender, ANN, 80, 5, n=8)
    assert same.equals(before)
    assert not none
    by_title = Profile({"Film 7 (1957)": 1})
    _, mended, _ = what_if(recommender, by_title, 80)
    assert mended.equals(recommender.recommend(Profile({"80": 5})))
    for film, stars in (("no such film", None), (80, 7)):
        with pytest.raises(ProfileError):
            what_if(recommender, ANN, film, stars)


def test_what_if_changes_nothing_in_a_sitting(bundle):
    session = Session(Recommender(bundle))
    session.take(ANN)
    before = session.recommendations()
    session.what_if(200, genres=["Drama"])
    assert session.recommendations().equals(before)
    assert set(session.profile.ratings) == set(ANN.ratings)


# -- Film night ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "first"), [("least misery", np.min), ("average", np.mean)])
def test_a_film_night_is_sorted_by_its_rule(recommender, how, first):
    people = {"Ann": ANN, "Bob": BOB, "Cleo": CLEO}
    films = film_night(recommender, people, n=40, how=how)
    told = {80, 90, 100, 110, 120, 130, 140}
    assert not set(films["movie_id"]) & told
    assert len(films) == 40 - len(told)  # POOL holds all of the small catalogue
    at = [recommender.catalogue.position(film) for film in films["movie_id"].tolist()]
    for name, profile in people.items():
        np.testing.assert_allclose(films[name], recommender.predict(profile)[at])
    of_all = films[list(people)].to_numpy()
    np.testing.assert_allclose(films["stars"], first(of_all, axis=1))
    assert films["stars"].is_monotonic_decreasing
    assert film_night(recommender, people, n=3, how=how).equals(films[:3])


def test_the_two_rules_differ_where_somebody_would_suffer(recommender):
    people = {
        "a": Profile({"80": 5, "90": 1, "110": 5}),
        "b": Profile({"80": 1, "90": 5, "110": 1}),
    }
    misery = film_night(recommender, people, 20)
    average = film_night(recommender, people, 20, how="average")
    assert misery["movie_id"].tolist() != average["movie_id"].tolist()
    worst = [films[["a", "b"]].min(axis=1)[:5].mean() for films in (misery, average)]
    mean = [films[["a", "b"]].mean(axis=1)[:5].mean() for films in (misery, average)]
    assert worst[0] >= worst[1]
    assert mean[0] <= mean[1]


def test_a_film_night_chooses_among_what_each_would_be_recommended(data):
    from conftest import made_up

    recommender = Recommender(train(made_up(40, 200), "default", epochs=1, progress=False))
    people = {"a": Profile({"10": 5, "20": 1}), "b": Profile({"30": 5}, seen=["40"])}
    films = film_night(recommender, people, n=500)
    own = [
        set(recommender.recommend(told, POOL, without=["10", "20", "30", "40"])["movie_id"])
        for told in people.values()
    ]
    assert set(films["movie_id"]) == own[0] | own[1]


@pytest.mark.parametrize(
    ("people", "how", "message"),
    [
        ({"a": ANN}, "average", "takes two profiles or more; got 1"),
        ({"a": ANN, "b": BOB}, "dictator", "'dictator' is no way to choose; expected one of least"),
        ({"a": ANN, "stars": BOB}, "average", "cannot be called 'stars' here"),
        ({"a": ANN, "b": Profile()}, "average", "The profile is empty"),
        ({"a": ANN, "b": Profile({"1": 5}, "ml-1m")}, "average", "profile is of 'ml-1m'"),
    ],
)
def test_a_film_night_that_cannot_be_is_explained(recommender, people, how, message):
    with pytest.raises(ProfileError, match=message):
        film_night(recommender, people, how=how)


# -- Taste card ----------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([str(i) for i in range(10, 401, 10)]),
        st.integers(1, 5),
        min_size=1,
        max_size=30,
    )
)
def test_a_card_says_what_was_told(bundle, ratings):
    recommender = Recommender(bundle)
    card = taste_card(recommender, Profile(ratings, seen=["10", "20"]))
    labels, position = recommender.catalogue.labels, recommender.catalogue.position
    given = {labels[position(film)]: stars for film, stars in ratings.items()}
    assert card.n_rated == len(ratings)
    assert card.n_seen == len({"10", "20"} - set(ratings))
    assert card.mean == pytest.approx(np.mean(list(ratings.values())))
    most = sorted(given.values(), reverse=True)[:3]
    assert [given[film] for film in card.favourites] == most
    counts = Counter(
        genre
        for film in ratings
        for genre in recommender.catalogue.films["genres"][position(film)].split("|")
    )
    assert all(counts[genre] >= 3 and more >= 0.05 for genre, more in card.genres)
    usual = dict(zip(labels, recommender.predict_anybody()))
    distance = {film: abs(stars - usual[film]) for film, stars in given.items()}
    if card.apart:
        film, stars, expected = card.apart
        assert (stars, expected) == (given[film], usual[film])
        assert distance[film] == max(distance.values()) >= 1
    else:
        assert max(distance.values()) < 1
    assert card.next == labels[
        [position(film) for film in recommender.recommend(
            Profile(ratings, seen=["10", "20"]), 3)["movie_id"].tolist()]
    ].tolist()  # fmt: skip
    text = card.text()
    assert all(film in text for film in (*card.favourites, *card.next))


def test_a_genre_that_is_loved_is_on_the_card(recommender):
    films = recommender.catalogue.films
    usual = recommender.predict_anybody()
    dramas = films["genres"] == "Drama"
    best = {str(film): 5 for film in films["movie_id"][dramas][:6]}
    worst = {str(film): 1 for film in films["movie_id"][films["genres"] == "Sci-Fi"][:6]}
    card = taste_card(recommender, Profile(best | worst))
    assert card.genres[0][0] == "Drama"
    assert "Sci-Fi" not in dict(card.genres)
    assert 1 < usual.mean() < 5
    assert "Liked more than by others: Drama (+" in card.text()
    assert "and 1 more seen" in taste_card(recommender, Profile(best, seen=["400"])).text()


def test_a_card_takes_ratings(recommender):
    with pytest.raises(ProfileError, match="give stars to at least one film"):
        taste_card(recommender, Profile(seen=["10"]))


# -- Surprise me ---------------------------------------------------------------------------------


def test_each_surprise_is_another_film_of_the_adventurous_end(bundle):
    session = Session(Recommender(bundle))
    assert session.surprise().empty
    session.take(Profile({"80": 5, "90": 4, "110": 4}, seen=["130"], rejected=["140"]))
    drawn = []
    while not (film := session.surprise()).empty:
        assert len(film) == 1
        drawn += film["movie_id"].tolist()
    assert len(drawn) == len(set(drawn)) == 40 - 5
    again = Session(session.recommender)
    again.take(session.profile)
    assert [again.surprise()["movie_id"][0] for _ in range(5)] == drawn[:5], "by its seed"
    adventurous = session.recommender.recommend(session.profile, 30, well_known=0)
    assert drawn[0] in adventurous["movie_id"].tolist()


def test_a_surprise_is_a_film_that_the_person_should_like(recommender):
    films = recommender.recommend(ANN, 30, well_known=0).set_index("movie_id")
    likely = set(films.index[films["stars"] >= 3.5])
    assert 0 < len(likely) < len(films)
    drawn = Counter(recommender.surprise(ANN, seed)["movie_id"][0] for seed in range(300))
    assert set(drawn) <= likely
    assert len(drawn) > min(5, len(likely) - 1), "not always the same"
    best = [film for film in films.index if film in likely]
    assert drawn[best[0]] > drawn[best[-1]], "the best are drawn most often"
