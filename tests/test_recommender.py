"""A person's profile in, films out; every wrong profile explained."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import files_of_at_most, fuzz, made_up
from hypothesis import given, settings
from hypothesis import strategies as st

from saelib.errors import ProfileError
from saelib.model import fold_in
from saelib.model.learn import train
from saelib.model.seeing import ListOrder, told_of
from saelib.recommend import recommender as recommending
from saelib.recommend.catalogue import label
from saelib.recommend.profile import Profile
from saelib.recommend.questions import films_to_ask
from saelib.recommend.recommender import BEYOND, FAR_KNOWN, FAR_LIKE, Recommender
from saelib.recommend.session import Session


@pytest.fixture(scope="module")
def recommender(bundle):
    return Recommender(bundle)


RATINGS = {"80": 5, "90": 4, "100": 1}


def test_recommendations_are_sorted_unseen_and_what_the_model_predicts(recommender):
    films = recommender.recommend(Profile(RATINGS), n=10)
    columns = ["movie_id", "title", "year", "genres", "stars", "score", "distribution"]
    assert list(films) == columns
    assert len(films) == 10
    assert films["score"].is_monotonic_decreasing
    assert not set(films["movie_id"]) & {80, 90, 100}
    person = recommender.encode(Profile(RATINGS))
    scores = recommender.bundle.order.scores(person)[0]
    ids = recommender.catalogue.films["movie_id"]
    best = [i for i in np.argsort(-scores) if ids[i] not in (80, 90, 100)][:10]
    assert films["movie_id"].tolist() == ids[best].tolist()
    np.testing.assert_allclose(films["stars"], recommender.predict(Profile(RATINGS))[best])


def test_the_distribution_says_how_sure_the_stars_are(recommender):
    films = recommender.recommend(Profile(RATINGS), n=5)
    p = np.array(films["distribution"].tolist())
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(p @ np.arange(1, 6), films["stars"], atol=1e-5)


def test_filters_keep_to_what_was_asked(recommender):
    everything = recommender.recommend(Profile(RATINGS), n=40)
    comedies = recommender.recommend(Profile(RATINGS), n=40, genres=["Comedy"])
    is_comedy = everything["genres"].str.split("|").map(lambda names: "Comedy" in names)
    assert comedies["movie_id"].tolist() == everything["movie_id"][is_comedy].tolist()
    of_decade = recommender.recommend(Profile(RATINGS), n=40, decades=[1960, 1970])
    years = everything["year"].fillna(0).between(1960, 1979)
    assert of_decade["movie_id"].tolist() == everything["movie_id"][years].tolist()
    first = everything["movie_id"][0]
    rest = recommender.recommend(Profile(RATINGS), n=40, without=[first])
    assert rest["movie_id"].tolist() == everything["movie_id"][1:].tolist()
    with pytest.raises(ProfileError, match=r"No film of ml-100k has the genre 'Western'; expected"):
        recommender.recommend(Profile(RATINGS), genres=["Western"])
    with pytest.raises(ProfileError, match=r"has the decade 1890"):
        recommender.recommend(Profile(RATINGS), decades=[1890])


def test_adventurous_lists_go_from_what_all_know_to_what_is_near_to_this_person(recommender):
    order, films = recommender.bundle.order, recommender.catalogue.films
    person = recommender.encode(Profile(RATINGS))
    like = order.like(order.liking.distribution(person))[0]
    base = order.see(person)[0] * like**order.liking_weight
    further = like**FAR_LIKE / (films["n_ratings"].to_numpy() + BEYOND) ** FAR_KNOWN
    sums = []
    for well_known in (1, 0.75, 0.5, 0.25, 0):
        found = recommender.recommend(Profile(RATINGS), n=8, well_known=well_known)
        at = [recommender.catalogue.position(film) for film in found["movie_id"]]
        np.testing.assert_allclose(found["score"], (base * further ** (1 - well_known))[at])
        assert found["score"].is_monotonic_decreasing
        sums.append(np.log(further[at]).sum())
    # Of log base + t log further, the second part of the best ones grows with t, whatever they are.
    assert sums == sorted(sums)
    assert sums[0] < sums[-1]
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(ProfileError, match="well_known goes from 0 to 1; got"):
            recommender.recommend(Profile(RATINGS), well_known=wrong)


def test_why_is_what_leaving_a_rating_out_does(recommender):
    seen = ["130", "140"]
    profile = Profile({"80": 5, "90": 4, "100": 1, "110": 2, "120": 5}, seen=seen)
    films = recommender.recommend(profile, n=4)["movie_id"].tolist()
    reasons = recommender.why(profile, films, n=5)
    order = recommender.bundle.order

    def score(told: Profile, film) -> float:
        return order.scores(recommender.encode(told))[0, recommender.catalogue.position(film)]

    for film, found in zip(films, reasons):
        whole = score(profile, film)
        expected = {}
        for left_out in profile.ratings:
            rest = {k: v for k, v in profile.ratings.items() if k != left_out}
            share = 1 - score(Profile(rest, seen=seen), film) / whole
            if share > 0:
                expected[recommender.catalogue.labels[recommender.catalogue.position(left_out)]] = (
                    share
                )
        assert dict(found) == pytest.approx(expected, abs=1e-5)
        assert [s for _, s in found] == sorted((s for _, s in found), reverse=True)


def test_of_many_ratings_only_the_weightiest_are_left_out(recommender, monkeypatch):
    told = {str(film): 1 + film // 10 % 5 for film in range(10, 260, 10)}
    films = recommender.recommend(Profile(told), n=4)["movie_id"].tolist()
    every = [dict(found) for found in recommender.why(Profile(told), films, n=25)]
    monkeypatch.setattr(recommending, "LEFT_OUT", 8)
    counts, scores = [], ListOrder.scores

    def counted(self, people, *others):
        counts.append(len(people))
        return scores(self, people, *others)

    monkeypatch.setattr(ListOrder, "scores", counted)
    some = recommender.why(Profile(told), films, n=2)
    assert len(counts) == 1
    assert 2 < counts[0] <= 8 + 1
    for found, of_all in zip(some, every):
        assert found
        assert all(share == pytest.approx(of_all[name], abs=1e-5) for name, share in found)
    ease = recommender.bundle.order.linear
    pull = ease.pull(np.array([0, 1, 7]), np.array([3, 9]))
    assert pull.tolist() == ease.weights[np.ix_([0, 1, 7], [3, 9])].tolist()
    person, see = recommender.encode(Profile(told)), recommender.bundle.order.see
    assert np.array_equal(see(person, [3, 9]), see(person)[:, [3, 9]])


def test_the_reasons_of_somebody_with_a_thousand_ratings_are_little_work(monkeypatch):
    """The curvature, the costly part of a fold-in, is not made anew for each rating left out."""
    data = made_up(60, 1100)
    recommender = Recommender(train(data, "default", epochs=1, progress=False))
    told = Profile({int(film): 1 + film // 10 % 5 for film in data.movies["movie_id"][:1000]})
    films, made = recommender.recommend(told)["movie_id"].tolist(), []
    solver = fold_in._ridge_solver
    monkeypatch.setattr(fold_in, "_ridge_solver", lambda *a: made.append(1) or solver(*a))
    assert any(recommender.why(told, films))
    assert len(made) < 12, "of 41 people, each of whom would take several alone"


def test_a_text_that_is_an_id_and_a_title_names_neither(tmp_path):
    data = made_up()
    movies = data.movies.copy()
    movies.loc[4, ["title", "year"]] = ["300", 2007]  # movie_id 50
    recommender = Recommender(train(replace(data, movies=movies), epochs=1, progress=False))
    with pytest.raises(ProfileError, match=r"'300' names several.*50: 300 \(2007\); id:300: Film"):
        recommender.recommend(Profile({"300": 5}))
    assert recommender.catalogue.position("id:300") == recommender.catalogue.position(300) == 29
    assert recommender.catalogue.position("300 (2007)") == recommender.catalogue.position("50") == 4
    assert [recommender.catalogue.name(i) for i in (4, 29, 30)] == ["50", "id:300", "310"]
    with pytest.raises(ProfileError, match="has no film 'id:5'"):
        recommender.catalogue.position("id:5")
    session = Session(recommender)
    session.rate(300, 5)
    session.tick(50)
    session.save(tmp_path / "me.json")
    before = session.profile
    assert (before.ratings, before.seen) == ({"id:300": 5}, ["50"])
    session.load(tmp_path / "me.json")
    assert session.profile == before
    assert len(session.reasons([10])) == 1


def test_a_film_beyond_those_that_ease_knows_pulls_nothing(recommender):
    ease = replace(recommender.bundle.order.linear, films=np.arange(1, 40))
    ease = replace(ease, weights=ease.weights[1:, 1:])
    assert ease.pull(np.array([0, 5]), np.array([0, 7])).tolist() == [
        [0, 0],
        [0, ease.weights[4, 6]],
    ]
    person = recommender.encode(Profile(RATINGS))
    told, seen = told_of(person, True), person.seen
    assert ease.scores(seen, told, [0, 3]).tolist() == ease.scores(seen, told)[:, [0, 3]].tolist()


def test_a_film_seen_without_stars_counts_for_choosing_and_not_as_a_rating(recommender, data):
    plain, told = Profile(RATINGS), Profile(RATINGS, seen=["110", "120", "80"])
    after, before = recommender.encode(told), recommender.encode(plain)
    assert dict(zip(after.stars.indices, after.stars.data)) == {7: 5, 8: 4, 9: 1}
    assert after.seen.indices.tolist() == [7, 8, 9, 10, 11]
    assert not set(recommender.recommend(told, 40)["movie_id"]) & {110, 120, 80, 90, 100}
    [fold_in] = recommender.bundle.liking.models
    see = recommender.bundle.order.see
    assert not np.allclose(see(before), see(after))
    # Of the network over films, only the fingerprint knows of them; one over people, nothing.
    assert not np.allclose(fold_in.scores(before), fold_in.scores(after))
    blind = replace(fold_in, by_feature=np.zeros_like(fold_in.by_feature))
    assert np.array_equal(blind.scores(before), blind.scores(after))
    for name in ("scores", "covariance"):
        ours, theirs = (getattr(blind.posterior(person), name) for person in (before, after))
        assert np.array_equal(ours, theirs)
    people = train(data, "informed", epochs=1, progress=False).liking
    assert np.array_equal(people.predict(before), people.predict(after))


def test_films_seen_are_enough_for_a_list_where_the_model_knows_what_people_choose(
    recommender, data
):
    films = recommender.recommend(Profile(seen=["80", "90"]))
    assert len(films) == 10
    assert recommender.why(Profile(seen=["80"]), films["movie_id"]) == [[]] * 10
    with pytest.raises(ProfileError, match="no film 'nonsense'"):
        recommender.recommend(Profile(seen=["nonsense"]))
    plain = Recommender(train(data, "plain", epochs=1, progress=False))
    with pytest.raises(ProfileError, match="profile is empty"):
        plain.recommend(Profile(seen=["80"]))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("les miserables", "Misérables, Les"),
        ("MISÉRABLES", "Misérables, Les"),
        ("space odyssey", "2001: A Space Odyssey"),
        ("the toy story", "Toy Story"),
        ("odys", "2001: A Space Odyssey"),
        ("sabrina 1954", "Sabrina"),
    ],
)
def test_search_forgives(recommender, text, first):
    assert recommender.catalogue.search(text)["title"][0] == first


def test_search_for_nothing_finds_nothing(recommender):
    assert recommender.catalogue.search("  ").empty
    assert recommender.catalogue.search("no such film").empty
    assert len(recommender.catalogue.search("film", n=7)) == 7
    assert set(recommender.catalogue.search("sabrina")["year"]) == {1954, 1995}
    assert recommender.catalogue.search("!").empty


def test_without_a_distribution_the_stars_make_the_order(data):
    recommender = Recommender(train(data, "plain", epochs=2, progress=False))
    films = recommender.recommend(Profile(RATINGS), n=10)
    assert films["stars"].is_monotonic_decreasing
    assert (films["score"] == films["stars"]).all()


def test_taste_changes_the_list(recommender):
    liked = recommender.recommend(Profile({"80": 5, "90": 1, "110": 5}), n=20)
    disliked = recommender.recommend(Profile({"80": 1, "90": 5, "110": 1}), n=20)
    assert liked["movie_id"].tolist() != disliked["movie_id"].tolist()


def test_films_are_named_by_id_or_unique_title(recommender):
    by_id = recommender.recommend(Profile({"10": 5, "20": 2}))
    by_title = recommender.recommend(Profile({"Toy Story (1995)": 5, "2001: a space odyssey": 2}))
    assert by_id.equals(by_title)
    assert recommender.catalogue.position("Sabrina (1954)") == recommender.catalogue.position("70")
    assert recommender.catalogue.position(70) == recommender.catalogue.position("70")


def test_a_film_under_two_ids_is_recommended_once_and_not_when_rated():
    data = made_up()
    movies = data.movies.copy()
    movies.loc[20, ["title", "year"]] = movies.loc[21, ["title", "year"]] = ["Twin", 1990]
    recommender = Recommender(train(replace(data, movies=movies), epochs=1, progress=False))
    everything = recommender.recommend(Profile(RATINGS), n=100)
    assert (everything["title"] == "Twin").sum() == 1
    rated = recommender.recommend(Profile({**RATINGS, "210": 5}), n=100)
    assert "Twin" not in rated["title"].tolist()


def test_demographics_alone_are_enough(recommender):
    assert len(recommender.recommend(Profile(gender="F", age=20))) == 10


def test_more_films_than_there_are_gives_all(recommender):
    assert len(recommender.recommend(Profile(RATINGS), n=1000)) == 37


BAD = [
    ({}, {}, "profile is empty: rate at least one film, or tell gender"),
    (
        {"80": 6},
        {},
        r"6 stars for '80' are not on the scale of ml-100k: expected 1 to 5 in steps of 1",
    ),
    ({"80": 0}, {}, "0 stars for '80'"),
    ({"80": 3.5}, {}, "3.5 stars"),
    ({"80": float("nan")}, {}, "nan stars"),
    ({"80": "5"}, {}, "'5' stars"),
    ({"80": True}, {}, "True stars"),
    ({"80": None}, {}, "None stars"),
    ({"9999": 5}, {}, r"ml-100k has no film '9999'; expected a movie_id or a title"),
    ({"Toy Storry (1995)": 5}, {}, r"Did you mean: Toy Story \(1995\)"),
    (
        {"Sabrina": 5},
        {},
        r"'Sabrina' names several films; give a movie_id \(60: .*1995.*70: .*1954",
    ),
    ({"10": 5, "Toy Story": 5}, {}, r"Toy Story \(1995\) is rated twice"),
    ({"80": 5}, {"dataset": "ml-1m"}, "profile is of 'ml-1m', the model of ml-100k"),
    ({"80": 5}, {"gender": "x"}, "Gender 'x' is not known; expected one of F, M"),
    ({"80": 5}, {"age": 500}, "Age 500 is out of range"),
    (
        {"80": 5},
        {"occupation": "pirate"},
        "'pirate' is not in ml-100k; expected one of artist, other",
    ),
]


@pytest.mark.parametrize(("ratings", "who", "message"), BAD)
def test_a_wrong_profile_is_explained(ratings, who, message, recommender):
    with pytest.raises(ProfileError, match=message):
        recommender.recommend(Profile(ratings, **who))


def test_no_recommendations_asked_for(recommender):
    with pytest.raises(ProfileError, match="must be at least 1; got 0"):
        recommender.recommend(Profile(RATINGS), n=0)


def test_half_stars_where_the_release_has_them():
    data = replace(made_up(), scale=(0.5, 5, 0.5), users=None, name="ml-latest-small")
    recommender = Recommender(train(data, epochs=1, progress=False))
    assert len(recommender.recommend(Profile({"80": 4.5}))) == 10
    with pytest.raises(ProfileError, match=r"4.7 stars.*0.5 to 5 in steps of 0.5"):
        recommender.recommend(Profile({"80": 4.7}))
    with pytest.raises(ProfileError, match=r"empty: rate at least one film\.$"):
        recommender.recommend(Profile(gender="F"))


def test_a_profile_file_goes_out_and_comes_back(tmp_path):
    path = tmp_path / "me.json"
    profile = Profile({"80": 5, "90": 3}, "ml-100k", "F", 30, "writer", ["100", "110"])
    profile.save(path)
    assert Profile.load(path) == profile
    Profile({"80": 5}).save(path)
    assert json.loads(path.read_text()) == {"ratings": {"80": 5}}
    with pytest.raises(ProfileError, match="Cannot write the profile"):
        profile.save(tmp_path / "no" / "me.json")
    with pytest.raises(ProfileError, match="Cannot read the profile"):
        Profile.load(tmp_path / "nobody.json")
    path.write_bytes(b'{"ratings": {"Caf\xe9": 5}}')
    with pytest.raises(ProfileError, match="Cannot read the profile"):
        Profile.load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("{'ratings': {}}", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[1, 2]", "another shape than a profile; expected"),
        ('{"ratings": [["80", 5]]}', "another shape"),
        ('{"ratings": {"80": 5, "80": 4}}', "is ambiguous: '80' stands in it 2 times"),
        ('{"rating": {"80": 5}}', "unknown entry 'rating'"),
        ('{"ratings": {}, "age": "old"}', "the age 'old'; expected years as a number"),
        ('{"seen": "80"}', 'another "seen" than a list'),
        ('{"seen": [80, 5.5]}', 'another "seen" than a list'),
        ('{"ratings": {}, "gender": 1}', "the gender 1; expected a short text or null"),
        ('{"gender": "' + "F" * 1000 + '"}', "the gender 'FFF.*; expected a short text or null"),
        ('{"' + "a" * 5_000_000 + '": 1}', "longer than 5,000,000 bytes; expected"),
    ],
)
def test_a_file_that_is_no_profile(text, message, tmp_path):
    path = tmp_path / "me.json"
    path.write_text(text)
    with pytest.raises(ProfileError, match=message) as caught:
        Profile.load(path)
    assert str(path) in str(caught.value)


def test_a_mark_before_utf_8_is_no_part_of_a_profile(tmp_path):
    path = tmp_path / "me.json"
    path.write_bytes(b'\xef\xbb\xbf{"ratings": {"80": 5}}')
    assert Profile.load(path) == Profile.from_json(path.read_bytes()) == Profile({"80": 5})


@pytest.mark.parametrize(
    "told", [{"age": 10**308}, {"ratings": {"a" * 10**6: 5}}, {"ratings": {"80": 10**4000}}]
)
def test_the_message_of_a_long_entry_is_short(recommender, told):
    with pytest.raises(ProfileError) as caught:
        recommender.recommend(Profile.from_json(json.dumps(told)))
    assert len(str(caught.value)) < 400


def test_a_profile_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "me.json"
    Profile({"80": 5}).save(path)
    with files_of_at_most(20), pytest.raises(ProfileError, match="Cannot write the profile"):
        Profile({"80": 1, "90": 1}).save(path)
    assert Profile.load(path) == Profile({"80": 5})
    assert list(tmp_path.iterdir()) == [path]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda parts: st.lists(parts, max_size=2) | st.dictionaries(st.text(max_size=3), parts),
    max_leaves=3,
)
NAMES = st.sampled_from(["80", "90", "Toy Story", "Sabrina", "id:80", "nobody"]) | st.text()
ENTRIES = {
    "dataset": st.sampled_from(["ml-100k", "ml-1m", None]),
    "ratings": st.dictionaries(NAMES, st.integers(0, 6) | VALUES, max_size=4),
    "seen": st.lists(NAMES | st.integers(0, 100), max_size=4),
    "gender": st.sampled_from(["F", "M", "x"]),
    "age": st.integers(-1, 200) | st.just(10**400),
    "occupation": st.sampled_from(["writer", "pirate"]),
}
PROFILES = st.fixed_dictionaries({}, optional={k: v | VALUES for k, v in ENTRIES.items()})


@fuzz
@given(st.binary() | st.text().map(str.encode) | (PROFILES | VALUES).map(json.dumps))
def test_anything_is_a_profile_or_a_profile_error(recommender, content):
    try:
        profile = Profile.from_json(content)
        assert Profile.from_json(profile.to_json()) == profile or "NaN" in profile.to_json()
        recommender.recommend(profile, n=3)
    except ProfileError as error:
        assert len(str(error)) < 1000


def test_films_to_ask_are_known_telling_diverse_and_new(recommender):
    films = films_to_ask(recommender, 10)
    assert len(films) == films["movie_id"].nunique() == 10
    others = films_to_ask(recommender, 10, known=films["movie_id"].tolist())
    assert not set(films["movie_id"]) & set(others["movie_id"])
    worth = recommender.catalogue.films["n_ratings"] * recommender.catalogue.films["spread"] ** 2
    of = dict(zip(recommender.catalogue.films["movie_id"], worth))
    assert max(of.values()) == of[films["movie_id"][0]]
    assert films["genres"].nunique() >= 3
    assert len(films_to_ask(recommender, 1000)) == 40


def test_films_to_ask_on_real_ratings_are_not_obscure(ml_100k):
    recommender = Recommender(train(ml_100k, "plain", epochs=1, progress=False))
    asked = films_to_ask(recommender, 20)["movie_id"]
    counts = ml_100k.ratings["movie_id"].value_counts()
    assert counts[asked].min() > 3 * counts.median()
    genres = {g for text in films_to_ask(recommender, 20)["genres"] for g in text.split("|")}
    assert len(genres) >= 12


def test_a_label_has_a_year_where_there_is_one(recommender):
    assert label("Fargo", 1996) == "Fargo (1996)"
    assert recommender.catalogue.labels[3] == "unknown"


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([str(i) for i in range(10, 401, 10)]), st.integers(1, 5), min_size=1
    )
)
def test_any_valid_profile_gets_unseen_films_in_order(bundle, ratings):
    recommender = Recommender(bundle)
    films = recommender.recommend(Profile(ratings), n=40)
    assert films["score"].is_monotonic_decreasing
    assert films["stars"].between(1, 5).all()
    assert not set(films["movie_id"].astype(str)) & set(ratings)
    assert len(films) == 40 - len(ratings)
