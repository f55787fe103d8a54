"""A person's profile in, films out; every wrong profile explained in one line."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import fuzz
from hypothesis import given
from hypothesis import strategies as st

from saelib.data import Scale
from saelib.errors import SaelibError
from saelib.matrix import People
from saelib.model import train
from saelib.recommend.profile import Profile
from saelib.recommend.reasons import in_short, mark, moves
from saelib.recommend.recommender import Recommender

RATINGS = {"80": 5, "90": 4, "100": 1}


def ids(films) -> list[int]:
    return films["movie_id"].tolist()


def test_a_list_is_sorted_unseen_and_what_the_model_says(recommender):
    films = recommender.recommend(Profile(RATINGS, seen=["110"], rejected=["120"]), n=10)
    columns = "movie_id title year genres name stars score distribution".split()
    assert list(films) == columns and len(films) == 10
    person = recommender.encode(Profile(RATINGS, seen=["110"]))
    scores, all_ids = recommender.model.scores(person)[0], recommender.catalogue.films["movie_id"]
    best = [i for i in np.argsort(-scores) if all_ids[i] not in (80, 90, 100, 110, 120)][:10]
    assert ids(films) == all_ids[best].tolist()
    np.testing.assert_allclose(films["score"], scores[best], rtol=1e-5)
    chances = np.array(films["distribution"].tolist())
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(chances @ np.arange(1, 6), films["stars"], atol=1e-5)


def test_filters_keep_to_what_was_asked(recommender):
    def best(**wishes):
        return ids(recommender.recommend(Profile(RATINGS), n=40, **wishes))

    everything = recommender.recommend(Profile(RATINGS), n=1000)
    assert len(everything) == 37
    comedy = everything["genres"].str.split("|").map(lambda names: "Comedy" in names)
    assert best(genres=["Comedy"]) == ids(everything[comedy])
    years = everything["year"].fillna(0).between(1960, 1979)
    assert best(decades=[1960, 1970]) == ids(everything[years])
    watchlist = ["80", "200", "Toy Story (1995)"]
    assert best(only=watchlist) == [film for film in ids(everything) if film in (200, 10)]
    assert best(only=[]) == best(only=["80"]) == []
    assert list(recommender.recommend(Profile(RATINGS), only=[])) == list(everything)


WISHES = [
    ({"n": 0}, "must be at least 1; got 0"),
    ({"n": "3"}, "must be at least 1; got '3'"),
    ({"genres": ["Western"]}, "No film of ml-100k is 'Western'; expected some of Comedy"),
    ({"decades": [1890]}, "No film of ml-100k is 1890; expected some of Comedy, .*1950"),
    ({"decades": [[]]}, r"is \[\]"),
    ({"only": ["nothing"]}, "has no film 'nothing'"),
    ({"only": [None]}, "has no film None"),
]
PROFILES = [
    (Profile(), "profile is empty: rate a film"),
    (Profile({"80": 6}), r"6 stars for '80' are not on the scale: expected 1 to 5 in steps of 1"),
    *((Profile({"80": x}), "stars for '80'") for x in (3.5, float("nan"), "5", True, 10**400)),
    (Profile({"9999": 5}), "ml-100k has no film '9999'"),
    (Profile({"80": 5}, seen=["x"]), "has no film 'x'"),
    (Profile({"80": 5}, rejected=[5.5]), "has no film 5.5"),
    (Profile({"10": 5, "Toy Story": 5}), r"Toy Story \(1995\) is rated twice"),
    (Profile({"80": 5}, "ml-1m"), "profile is of 'ml-1m', the model of ml-100k"),
    (Profile({"80": 5}, gender="x"), "'x' is not known; expected one of F, M"),
    *((Profile({"80": 5}, age=x), f"Age {x} is out of range") for x in (0, 500, float("nan"))),
    (Profile({"80": 5}, occupation="pirate"), "'pirate' is not known; expected one of artist"),
]
WRONG = [(Profile(RATINGS), *row) for row in WISHES] + [(who, {}, said) for who, said in PROFILES]


@pytest.mark.parametrize(("profile", "wishes", "message"), WRONG)
def test_what_cannot_be_is_explained(recommender, profile, wishes, message):
    with pytest.raises(SaelibError, match=message) as refused:
        recommender.recommend(profile, **wishes)
    assert len(str(refused.value)) < 400


def test_a_film_under_two_ids_counts_as_one(data):
    movies = data.movies.copy()
    movies.loc[[20, 21], ["title", "year"]] = ["Twin", 1990]
    recommender = Recommender(train(replace(data, movies=movies), epochs=1, progress=False))
    assert recommender.recommend(Profile(RATINGS), n=100)["title"].tolist().count("Twin") == 1
    for told in (Profile(RATINGS | {"210": 5}), Profile(RATINGS, rejected=["220"])):
        assert "Twin" not in recommender.recommend(told, n=100)["title"].tolist()


@pytest.mark.parametrize("scale", [Scale(0.5, 5, 0.5), Scale(0, 100, 25), Scale(-2, 2)])
def test_stars_are_told_and_shown_on_the_data_set_s_scale(data, scale):
    ratings = data.ratings.assign(rating=scale.ratings(data.ratings["rating"].to_numpy(float)))
    if scale.step == 0.5:
        ratings["rating"] = ratings["rating"].mul(2).round() / 2
    own = replace(data, ratings=ratings, users=None, scale=scale, name="own")
    recommender = Recommender(train(own, epochs=1, progress=False))
    films = recommender.recommend(Profile({"80": scale.highest, "90": scale.lowest}))
    assert films["stars"].between(scale.lowest, scale.highest).all()
    person: People = recommender.encode(Profile({"80": scale.highest, "90": scale.lowest}))
    assert person.stars.data.tolist() == [5, 1]
    with pytest.raises(SaelibError, match=f"expected {scale}"):
        recommender.recommend(Profile({"80": scale.highest - 0.3}))
    with pytest.raises(SaelibError, match=r"empty: rate a film\.$"):
        recommender.recommend(Profile(gender="F"))


def test_a_profile_goes_out_and_comes_back(tmp_path):
    path = tmp_path / "me.json"
    profile = Profile({"80": 5}, "ml-100k", "F", 30, "writer", ["100"], ["110"], ["120"])
    profile.save(path)
    assert Profile.load(path) == profile
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert Profile.load(path) == profile
    assert json.loads(Profile({"80": 5}).to_json()) == {"ratings": {"80": 5}}
    with pytest.raises(OSError):
        Profile.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "Expecting value"),
        (b"{'ratings': {}}", "Expecting property name"),
        (b"[" * 100_000, "recursion|Stack overflow"),
        (b'{"ratings": {"Caf\xe9": 5}}', "utf-8"),
        (b"[1, 2]", "it has 'profile': \\[1, 2\\]"),
        (b'{"rating": {"80": 5}}', "it has 'rating': {'80': 5}"),
        (b'{"ratings": [["80", 5]]}', "it has 'ratings'"),
        (b'{"age": "old"}', "it has 'age': 'old'"),
        (b'{"seen": "80"}', "it has 'seen': '80'"),
        (b'{"gender": 1}', "it has 'gender': 1"),
        (b'{"' + b"a" * 5_000 + b'": 1}', "it has 'aaa"),
    ],
)
def test_a_file_that_is_no_profile_is_refused_in_one_line(text, problem, tmp_path):
    (tmp_path / "me.json").write_bytes(text)
    with pytest.raises(SaelibError, match=problem) as refused:
        Profile.load(tmp_path / "me.json")
    said = str(refused.value)
    assert "me.json is no profile: " in said and 'expected JSON such as {"dataset"' in said
    assert "\n" not in said and len(said) < 500


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
NAMES = st.sampled_from(["80", "90", "Toy Story", "Sabrina"]) | VALUES
TOLD = st.fixed_dictionaries(
    {},
    optional={
        "ratings": st.dictionaries(st.sampled_from(["80", "Sabrina"]), st.integers(0, 6) | VALUES),
        "seen": st.lists(NAMES, max_size=4) | VALUES,
        "gender": st.sampled_from(["F", "x"]) | VALUES,
        "age": st.integers(-1, 200) | st.just(10**400) | VALUES,
    },
)


@fuzz
@given(st.binary() | (TOLD | VALUES).map(json.dumps))
def test_anything_is_a_profile_or_an_error_of_one_line(recommender, content):
    try:
        profile = Profile.from_json(content)
        assert Profile.from_json(profile.to_json()) == profile or "NaN" in profile.to_json()
        assert len(recommender.recommend(profile, n=3)) == 3
    except SaelibError as error:
        assert len(str(error)) < 1000 and "\n" not in str(error)


def test_what_moved_between_two_lists():
    rows = pd.DataFrame
    before, after = rows({"movie_id": [1, 2, 3, 4]}), rows({"movie_id": [3, 1, 2, 9]})
    moved = moves(before, after)
    assert moved == [2, -1, -1, None]
    assert [*map(mark, moved), mark(0)] == ["▲2", "▼1", "▼1", "NEW", ""]
    assert in_short(moved) == "1 new, 1 up, 2 down" and in_short([0, 0]) == ""
