"""The map of taste: where people stand, what the neighbourhoods are called, and its file."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from saelib.data.matrix import RatingMatrix, split_ratings
from saelib.model import taste as module
from saelib.model.bundle import Bundle
from saelib.model.learn import train
from saelib.model.liking import Liking
from saelib.model.taste import APART, TasteMap, shares
from saelib.panel.markup import map_picture
from saelib.plots import plot_taste
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def camps(data):
    """The first half of the people likes Action and not Romance, the other half the reverse."""
    action = data.movies.index % 2 == 0
    movies = data.movies.assign(genres=np.where(action, "Action", "Romance"))
    likes_action = data.ratings["user_id"] <= 30
    is_action = data.ratings["movie_id"].isin(movies.loc[action, "movie_id"])
    noise = np.random.default_rng(0).integers(0, 2, len(data.ratings))
    stars = np.where(likes_action == is_action, 4, 1) + noise
    return replace(data, movies=movies, ratings=data.ratings.assign(rating=stars.astype("float32")))


def known(data) -> RatingMatrix:
    """What `train` with seed 0 learns from."""
    training, _ = split_ratings(len(data.ratings), 0)
    return RatingMatrix.from_dataset(data, data.ratings.iloc[training])


@pytest.mark.parametrize("recipe", ["plain", "informed", "both", "default"])
def test_a_person_of_the_training_set_stands_on_their_own_dot(data, recipe):
    bundle = train(data, recipe, epochs=2, progress=False)
    taste, people = bundle.taste, known(data).people
    assert taste.people.shape == (60, 2)
    assert taste.people.std(axis=0) == pytest.approx(1, abs=1e-3)
    for user in (0, 17, 59):
        place = taste.place(bundle.liking, people[[user]])
        assert place == pytest.approx(tuple(taste.people[user]), abs=1e-3)


def test_the_axes_do_not_tell_how_many_films_people_have_rated(bundle, data):
    lengths = np.log(np.diff(known(data).csr.indptr))
    assert np.corrcoef(bundle.taste.people.T, lengths)[2, :2] == pytest.approx([0, 0], abs=1e-3)


def test_of_many_people_a_sample_is_on_the_map(bundle, data, monkeypatch):
    monkeypatch.setattr(module, "MAX_PEOPLE", 25)
    matrix, genres = known(data), bundle.films["genres"]
    coded = []
    codes = Liking.codes
    monkeypatch.setattr(Liking, "codes", lambda *of: coded.append(len(of[1])) or codes(*of))
    taste = TasteMap.fit(bundle.liking, matrix, genres, seed=3)
    assert taste.people.shape == (25, 2) and coded == [25]
    again = TasteMap.fit(bundle.liking, matrix, genres, seed=3)
    np.testing.assert_array_equal(taste.people, again.people)
    other = TasteMap.fit(bundle.liking, matrix, genres, seed=4)
    assert np.abs(other.people - taste.people).max() > 0.1
    drawn = np.sort(np.random.default_rng(3).permutation(60)[:25])
    for dot, user in enumerate(drawn[:3]):
        place = taste.place(bundle.liking, matrix.people[[user]])
        assert place == pytest.approx(tuple(taste.people[dot]), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["informed", "default"])
def test_neighbourhoods_are_named_by_what_is_liked_there(camps, recipe):
    taste = train(camps, recipe, epochs=20, progress=False).taste
    middle = {"Action": taste.people[:30].mean(axis=0), "Romance": taste.people[30:].mean(axis=0)}
    assert set(taste.names) == set(middle)
    for name, place in zip(taste.names, taste.places):
        [other] = set(middle) - {name}
        assert np.linalg.norm(place - middle[name]) < np.linalg.norm(place - middle[other]) / 2


def test_names_keep_their_distance(bundle):
    places = bundle.taste.places
    for i, place in enumerate(places):
        assert (np.abs(places[:i] - place) > APART).any(axis=1).all()


@pytest.mark.parametrize("recipe", ["both", "default"])
def test_a_saved_map_is_the_same(data, recipe, tmp_path):
    bundle = train(data, recipe, epochs=2, progress=False)
    bundle.save(tmp_path / "model.safetensors")
    again = Bundle.load(tmp_path / "model.safetensors")
    assert again.taste.names == bundle.taste.names
    for name in ("people", "places"):
        assert np.array_equal(getattr(again.taste, name), getattr(bundle.taste, name))
    told = Profile({"80": 5, "90": 2}, gender="F")
    assert Recommender(again).place(told) == Recommender(bundle).place(told)


def test_films_seen_without_stars_do_not_move_a_person_in_a_network_over_people(data):
    """Nor do they make the row longer; to a `FoldIn` they tell something, by their fingerprint."""
    recommender = Recommender(train(data, "informed", epochs=2, progress=False))
    rated = {str(film): 1 + film % 3 for film in range(10, 201, 10)}
    places = [
        recommender.place(Profile(rated, seen=seen))
        for seen in ([], [str(film) for film in range(210, 401, 10)])
    ]
    assert places[0] == places[1]


def test_someone_who_told_little_or_nothing_has_a_place_too(bundle):
    recommender = Recommender(bundle)
    for profile in (Profile(), Profile({"80": 5}), Profile(age=30)):
        person = recommender.encode(profile, empty=True)
        assert np.isfinite(bundle.taste.place(bundle.liking, person)).all()


def test_the_nearest_genres_come_first(bundle):
    taste = bundle.taste
    for name, place in zip(taste.names, taste.places):
        assert taste.near(place, 1) == [name]


def test_the_picture_has_all_people_and_names_where_they_stand(bundle):
    picture = ElementTree.fromstring(map_picture(bundle.taste))
    [path] = picture.iter("path")
    dots = [tuple(map(int, dot.split())) for dot in re.findall(r"M(\d+ \d+)h0", path.get("d"))]
    assert dots == [tuple(p) for p in np.rint(1000 * shares(bundle.taste.people)).astype(int)]
    texts = {text.text: text for text in picture.iter("text")}
    assert list(texts) == bundle.taste.names
    for name, place in zip(bundle.taste.names, bundle.taste.places):
        assert float(texts[name].get("x")) == pytest.approx(1000 * shares(place)[0], abs=1)
        assert name in picture.get("aria-label")
    assert shares(np.zeros(2)).tolist() == [0.5, 0.5]
    assert shares(np.array([-100, 100])) == pytest.approx([0.5 - 2.8 / 5.8] * 2)


def test_the_plot_shows_people_names_and_the_person(bundle):
    ax = plot_taste(bundle.taste, (0.5, 99))
    people, person = ax.collections
    assert len(people.get_offsets()) == 60
    [(x, y)] = person.get_offsets()
    assert x == 0.5 and y <= ax.get_ylim()[1]  # at the edge, not outside the picture
    assert [text.get_text() for text in ax.texts] == bundle.taste.names
    assert len(plot_taste(bundle.taste).collections) == 1
