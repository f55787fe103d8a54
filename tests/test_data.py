"""Scales, data sets and tables of one's own: what is read, and what is refused and how."""

import numpy as np
import pandas as pd
import pytest

from saelib.data import MOST_STEPS, Dataset, Scale, from_frame, read_table
from saelib.errors import SaelibError

STARS, HALVES = Scale(1, 5), Scale(0.5, 5, 0.5)
NO_SCALES = [(5, 1), (1, 1), (1, 5, 3), (1, 5, 0), (1, 5, -1), (-10, 10, 0.01), (0, MOST_STEPS + 1)]
NO_SCALES += [(np.nan, 5), (1, np.inf), (1, 5, np.nan)]


@pytest.mark.parametrize(
    ("scale", "levels"),
    [
        (STARS, [1, 2, 3, 4, 5]),
        (HALVES, [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]),
        (Scale(0, MOST_STEPS), range(MOST_STEPS + 1)),
        (Scale(0.2, 1, 0.2), [0.2, 0.4, 0.6, 0.8, 1]),
        (Scale(-10, 10, 2), range(-10, 11, 2)),
    ],
)
def test_the_lowest_rating_of_any_scale_is_1_star_and_the_highest_5(scale, levels):
    np.testing.assert_allclose(scale.levels, levels, atol=1e-12)
    assert scale.n_levels == len(levels)
    assert scale.contains(scale.levels.astype(np.float32)).all()
    assert not scale.contains(scale.levels[:-1] + scale.step / 2).any()
    stars = scale.stars(scale.levels)
    np.testing.assert_allclose(stars, np.linspace(1, 5, len(levels)))
    np.testing.assert_allclose(scale.ratings(stars), levels, atol=1e-12)
    assert scale.ratings(3.0) - scale.ratings(2.0) == pytest.approx(scale.star)


def test_a_scale_knows_what_is_on_it_and_what_is_no_scale_is_refused_with_an_example():
    assert not STARS.contains([0, 6, 3.5, 0.999, 5.001, -1, np.nan, np.inf, 1e300]).any()
    assert Scale.of((1, 10)) == Scale.of([1, 10, 1]) == Scale.of(Scale(1, 10)) == Scale(1, 10)
    assert str(HALVES) == "0.5 to 5 in steps of 0.5"
    for faulty in NO_SCALES:
        say = "no scale of ratings.*such as 1 to 10.*Round finer.*--scale.*Counts.*no ratings"
        with pytest.raises(SaelibError, match=say):
            Scale.of(faulty)
    for faulty in [(1,), (1, 2, 3, 4), 5, ("a", "b")]:
        with pytest.raises(SaelibError, match=r"is no \(lowest, highest\[, step\]\)"):
            Scale.of(faulty)


TINY = pd.DataFrame({"user": ["a", "b", "a"], "item": ["x", "x", "y"], "rating": [3, 10, 1]})


@pytest.mark.parametrize(
    ("ids", "kept"),
    [
        ([3.0, 1.0, 2.0], [3, 1, 2]),
        (["33.0", "1 ", " 2"], [33, 1, 2]),
        (["7", "007", "a"], ["7", "007", "a"]),
        ([7, "7a", 7.5], ["7", "7a", "7.5"]),
        ([str(10**20), "1", "2"], [str(10**20), "1", "2"]),
    ],
)
def test_ids_of_any_kind(ids, kept):
    data = from_frame(pd.DataFrame({"user": ids, "item": ids, "rating": [1, 2, 3]}), (1, 5))
    assert data.ratings["user_id"].tolist() == data.ratings["movie_id"].tolist() == kept
    assert data.movies["movie_id"].tolist() == kept


def test_33_and_33_0_are_one_film_in_all_tables():
    ids, stars = ["33", "33.0", "4 "], ["1", "2.0", "3,0"]
    ratings = pd.DataFrame({"user": [1, 2, 3], "item": ids, "rating": stars})
    items = pd.DataFrame({"item": [33.0, 4.0], "title": ["Heat", "Fargo"]})
    data = from_frame(ratings, (1, 5), items, pd.DataFrame({"user": ["1", "2", "3", "guest"]}))
    assert data.ratings[["movie_id", "rating"]].to_numpy().tolist() == [[33, 1], [33, 2], [4, 3]]
    assert data.ratings["user_id"].tolist() == ["1", "2", "3"], "one name makes names of all"


def test_what_is_not_told_may_be_left_out_or_empty():
    bare = from_frame(TINY, (1, 10))
    assert bare.users is None and bare.seen is None and "timestamp" not in bare.ratings
    assert bare.movies["title"].tolist() == ["x", "y"], "named by their ids"
    assert bare.movies["year"].isna().all() and (bare.movies["genres"] == "").all()
    items = {"item": ["y", "x", "z"], "title": ["Why", None, "Z"], "year": [1999, None, "2001"]}
    items |= {"genres": [None, "Noir|☂", ""], "shelf": [1, 2, 3]}
    people = {"user": ["b", "a", "c"], "gender": ["☂", None, ""], "age": [20, None, "71.5"]}
    told = from_frame(TINY, (1, 10), pd.DataFrame(items), pd.DataFrame(people), name="shop")
    movies, users = told.movies.set_index("movie_id"), told.users.set_index("user_id")
    assert movies.loc[["x", "y", "z"], "title"].tolist() == ["x", "Why", "Z"]
    assert movies["year"].isna()["x"] and movies.loc["z", "year"] == 2001
    assert movies.loc[["x", "y"], "genres"].tolist() == ["Noir|☂", ""]
    assert told.name == "shop" and "shelf" not in told.movies
    assert users["gender"].isna().tolist() == [False, True, True]
    assert users["age"].tolist()[::2] == [20, 71.5] and users["occupation"].isna().all()
    assert TINY.columns.tolist() == ["user", "item", "rating"], "the caller's table is untouched"


def test_other_names_of_the_same_columns():
    usual = ["userId movieId rating", "User Item Rating", "USER_ID item_id Stars", "uid film score"]
    for names in usual:
        other = TINY.set_axis(names.split(), axis="columns").assign(title="of no interest")
        assert from_frame(other, (1, 10)).ratings.equals(from_frame(TINY, (1, 10)).ratings)


@pytest.mark.parametrize("empty", ["", None, np.nan, -1, "-1.0"])
def test_who_has_seen_a_film_without_rating_it(empty):
    table = pd.concat([TINY, pd.DataFrame({"user": ["b"], "item": ["z"], "rating": [empty]})])
    data = from_frame(table, (1, 10), not_rated=-1)
    assert data.seen.to_dict("list") == {"user_id": ["b"], "movie_id": ["z"]}
    assert data.ratings["rating"].tolist() == [3, 10, 1]
    assert data.movies["movie_id"].tolist() == ["x", "y", "z"]


def test_times_are_read_as_seconds():
    times = ["2005-04-02 23:53:47", "1112486027.5", "2005-04-02T23:53:48Z"]
    found = from_frame(TINY.assign(time=times), (1, 10)).ratings["timestamp"]
    assert found.tolist() == [1112486027, 1112486027, 1112486028] and found.dtype == "int64"
    assert from_frame(TINY.assign(time=[2005, 7, -1]), (1, 10)).ratings["timestamp"][0] == 2005


def test_of_a_pair_rated_twice_the_last_is_kept_where_that_is_wanted():
    twice = pd.concat([TINY, TINY.assign(rating=7)[:1]])
    kept = from_frame(twice, (1, 10), keep_last=True).ratings
    assert kept[["movie_id", "rating"]].to_numpy().tolist() == [["x", 10], ["y", 1], ["x", 7]]
    with pytest.raises(SaelibError, match=r"7 by user a of film x is the second.*--keep-last"):
        from_frame(twice, (1, 10))


OFF = r"is not on the scale of 1 to 10 in steps of 1\. Correct it, or the scale; round"


@pytest.mark.parametrize(
    ("kind", "table", "message"),
    [
        ("ratings", {"user": ["a", None, "a"]}, "Row 2 of the ratings has no user_id. Name it, or"),
        ("ratings", {"rating": [3, 10, 0]}, f"0 by user a .*{OFF}.*--not-rated -1.*Counts, such"),
        ("ratings", {"rating": [3, "good", 1]}, "Row 2: the rating is 'good'. Expected a number"),
        ("ratings", {"rating": [0, 99, 0]}, "Rows like that: 3"),
        ("ratings", {"time": [1, None, 3]}, "Row 2: the timestamp is 'missing'. Expected sec"),
        ("ratings", {"time": [1, 2, "noon"]}, "Row 3: the timestamp is 'noon'. .* such as 2005-"),
        ("ratings", {"User": 1}, "ratings has the columns user, item, rating, User.*Expected one"),
        ("ratings", TINY[:0], "people who rated: 0, films rated: 0. Expected two or more of both"),
        ("ratings", TINY[::2], "people who rated: 1, films rated: 2.*saelib import"),
        ("ratings", TINY.drop(columns="item"), "has the columns user, rating.*for the movie_id"),
        ("items", {"item": ["x"]}, "1 by user a of film y has a movie_id that its table does not"),
        ("items", {"item": ["x", "y", "x"]}, "movie_id x is listed twice. Keep one row"),
        ("items", {"item": ["x", None]}, "Row 2 of the items has no movie_id"),
        ("items", {"item": ["x", "y"], "year": [1999, "old"]}, "Row 2: the year is 'old'"),
        ("people", {"user": ["a"]}, "by user b of film x has a user_id that its table does not"),
        ("people", {"gender": ["f", "m"]}, "table of people has the columns gender"),
        ("people", {"user": ["a", "b"], "age": [30, 0]}, "Row 2: the age is '0'. Expected 1 to"),
    ],
)
def test_what_is_wrong_in_a_table_is_named(kind, table, message):
    if kind == "ratings" and isinstance(table, dict):
        table = TINY.assign(**table)
    tables = {"ratings": TINY} | {kind: pd.DataFrame(table)}
    with pytest.raises(SaelibError, match=message):
        from_frame(scale=(1, 10), **tables)


def test_a_film_that_was_seen_is_listed_and_not_rated_as_well(data):
    pair = data.ratings[["user_id", "movie_id"]][:1]
    for seen, message in ((pair, "second one of this pair"), (pair.assign(movie_id=7), "list")):
        with pytest.raises(SaelibError, match=message):
            Dataset("x", data.ratings, data.movies, data.users, data.scale, seen)


@pytest.mark.parametrize("separator", [",", ";", "\t", "::"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_file_is_read_whatever_stands_between_its_cells(separator, encoding, ends, tmp_path):
    """As texts: 007 and 7 are two people, and None is a title."""
    lines = ["user,item,rating,title", "007,33.0,4.5,Amélie", "7, 33,,None"]
    text = ends.join(lines).replace(",", separator)
    (tmp_path / "shop.csv").write_bytes(text.encode(encoding))
    table = read_table(tmp_path / "shop.csv", dtype=str, skipinitialspace=True)
    assert table.to_numpy().tolist() == [["007", "33.0", "4.5", "Amélie"], ["7", "33", "", "None"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "agents.csv cannot be read: .*No such file"),
        (b"", "agents.csv cannot be read: No columns"),
        (b"user,item,rating\n1,1,5\n1,2,3,4\n", "agents.csv cannot be read.*saw 4"),
        (b"user,item,rating\n1,2,3,4\n1,3,3,5\n", "more cells than there are columns"),
    ],
)
def test_a_file_that_holds_no_table_is_refused(content, message, tmp_path):
    if content is not None:
        (tmp_path / "agents.csv").write_bytes(content)
    with pytest.raises(SaelibError, match=message):
        read_table(tmp_path / "agents.csv")
