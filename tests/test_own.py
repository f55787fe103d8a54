"""Ratings of one's own: ids, scales and columns of every kind, and what is refused and how."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from saelib.data.matrix import RatingMatrix
from saelib.data.own import from_csv, from_frame
from saelib.data.scale import HALF_STARS, Scale
from saelib.errors import DataError, SaelibError
from saelib.evaluation import evaluate
from saelib.model.bundle import Bundle
from saelib.model.learn import train
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender

TINY = pd.DataFrame({"user": ["a", "b", "a"], "item": ["x", "x", "y"], "rating": [3, 10, 1]})

# What stands for the stars 1 to 5 of the made-up tastes on each scale.
TASTES = {
    (1, 10): [2, 4, 6, 8, 10],
    (0, 10): [0, 3, 5, 8, 10],
    (0.5, 5, 0.5): [0.5, 2, 3, 4.5, 5],
    (-2, 2): [-2, -1, 0, 1, 2],
}


def mixed(number: int) -> object:
    """Whole numbers, broken ones and texts beside each other."""
    return [number, number + 0.5, f"no. {number}"][number % 3]


def table(data, scale, user=int, item=int, **columns) -> pd.DataFrame:
    """The ratings of the made-up data set with other ids, on another scale."""
    old = data.ratings
    return pd.DataFrame(
        {
            "user": pd.Series([user(i) for i in old["user_id"]]),
            "item": pd.Series([item(i) for i in old["movie_id"]]),
            "rating": np.array(TASTES[scale])[old["rating"].astype(int) - 1],
            **columns,
        }
    )


def films(data, item, **columns) -> pd.DataFrame:
    """The films of the made-up data set."""
    return pd.DataFrame({"item": [item(i) for i in data.movies["movie_id"]], **columns})


def people(data, user) -> pd.DataFrame:
    """The people of the made-up data set, in words of their own; some tell nothing."""
    n = len(data.users)
    return pd.DataFrame(
        {
            "user": [user(i) for i in data.users["user_id"]],
            "gender": pd.Series(["féminin", "☂", None, "divers"] * n, dtype=object)[:n],
            "age": [20.0, np.nan, 71.5] * (n // 3),
            "occupation": pd.Series(["beekeeper", None] * n, dtype=object)[:n],
        }
    )


def large(number: int) -> int:
    return 10**10 + 10**9 * number


def negative(number: int) -> int:
    return -number


def text(number: int) -> str:
    return f"item {number}, 'ü'"


KINDS = {
    "texts, 1-10, nothing else": lambda d: from_frame(table(d, (1, 10), text, text), (1, 10)),
    "10^10, 0-10, titles": lambda d: from_frame(
        table(d, (0, 10), large, large),
        (0, 10),
        films(d, large, title=d.movies["title"]),
    ),
    "negative, halves, genres, people": lambda d: from_frame(
        table(d, (0.5, 5, 0.5), negative, negative),
        HALF_STARS,
        films(d, negative, genres=d.movies["genres"], year=d.movies["year"]),
        people(d, negative),
    ),
    "mixed, 0-10, timestamps, people": lambda d: from_frame(
        table(d, (0, 10), mixed, mixed, timestamp=d.ratings["timestamp"]),
        Scale(0, 10),
        people=people(d, mixed),
    ),
    "numbers, -2 to 2, everything": lambda d: from_frame(
        table(d, (-2, 2), timestamp=d.ratings["timestamp"]),
        (-2, 2),
        films(d, int, title=d.movies["title"], genres=d.movies["genres"], year=d.movies["year"]),
        people(d, int),
    ),
}


@pytest.fixture(scope="module", params=KINDS)
def own(request, data):
    return KINDS[request.param](data)


@pytest.fixture(scope="module")
def bundle(own):
    return train(own, "default", epochs=2, progress=False)


def test_no_rating_is_lost_and_each_stands_where_it_belongs(own, data):
    """The zeros of a scale that begins there are ratings, too."""
    matrix = RatingMatrix.from_dataset(own)
    assert matrix.csr.nnz == len(data.ratings) == len(own.ratings)
    assert matrix.csr.shape == (60, 40) and matrix.csr.data.min() > 0
    assert matrix.scale.contains(matrix.csr.data).all()
    rows = {user: row for row, user in enumerate(matrix.user_ids)}
    columns = {item: column for column, item in enumerate(matrix.item_ids)}
    dense = matrix.csr.toarray()
    for user, item, stars in own.ratings[["user_id", "movie_id", "rating"]].itertuples(index=False):
        assert dense[rows[user], columns[item]] == stars + own.scale.offset


def test_train_save_load_recommend(own, bundle, tmp_path):
    bundle.save(tmp_path / "model.safetensors")
    again = Bundle.load(tmp_path / "model.safetensors")
    assert again.scale == own.scale and list(again.user_ids) == list(bundle.user_ids)
    pd.testing.assert_frame_equal(again.films, bundle.films, check_dtype=False)
    recommender, before = Recommender(again), Recommender(bundle)
    catalogue = recommender.catalogue
    names = [catalogue.name(position) for position in range(40)]
    assert [catalogue.position(name) for name in names] == list(range(40))
    told = Profile(
        {names[2]: own.scale.highest, names[9]: own.scale.lowest}, seen=[names[5]], dataset="own"
    )
    person = recommender.encode(told)
    assert person.stars.nnz == 2, "the lowest rating is one, be it 0"
    assert person.seen.nnz == 3
    found = recommender.recommend(told, 40)
    n = len(set(catalogue.labels)) - 3  # who has no year cannot be told from a namesake
    assert len(found) == n and not set(found["movie_id"].map(str)) & {names[2], names[9], names[5]}
    assert found["stars"].between(own.scale.lowest, own.scale.highest).all()
    shares = np.array(found["distribution"].tolist())
    assert shares.shape == (n, own.scale.n_levels)
    np.testing.assert_allclose(shares @ own.scale.levels, found["stars"], atol=1e-4)
    pd.testing.assert_frame_equal(found, before.recommend(told, 40), check_dtype=False)
    np.testing.assert_allclose(recommender.predict(told), before.predict(told))
    assert Profile.from_json(told.to_json()) == told


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["ratings", "new-users", "ranking"])
def test_every_protocol_measures_it(own, protocol):
    found = evaluate(own, protocol, ["default"], 0, epochs=2)
    assert "sae-default" in set(found["model"]) and set(found["dataset"]) == {"own"}
    measured = found.drop(columns=["dataset", "protocol", "model", "n_inputs"], errors="ignore")
    if protocol == "new-users":
        measured.loc[found["n_inputs"] == 0, "rmse_seen"] = 0  # nobody has shown anything
    assert np.isfinite(measured.to_numpy(float)).all()
    if protocol == "ratings":
        width = own.scale.highest - own.scale.lowest
        assert found["rmse"].between(0.05 * width, 0.5 * width).all()


def test_the_future_is_measured_where_there_are_timestamps(own):
    if "timestamp" in own.ratings:
        found = evaluate(own, "future", [], 0)
        assert np.isfinite(found.loc[found["people"] == "all", "rmse"]).all()
    else:
        with pytest.raises(SaelibError, match="own has no timestamps"):
            evaluate(own, "future", [], 0)


def test_who_people_are_is_known_where_it_is_told(own, bundle):
    recommender = Recommender(bundle)
    if own.users is None:
        assert bundle.offered is None and not recommender.knows_people
        return
    assert bundle.offered.genders == ("divers", "féminin", "☂")
    assert bundle.offered.occupations == ("beekeeper",)
    assert recommender.knows_people
    told = recommender.predict(Profile(gender="☂", age=33, occupation="beekeeper"))
    assert np.abs(told - recommender.predict(Profile(gender="divers"))).max() > 1e-6
    about = RatingMatrix.from_dataset(own).about
    assert about.sum() == own.users[["gender", "age", "occupation"]].notna().sum().sum()


@pytest.mark.slow
def test_doubled_tastes_are_liked_as_much_on_the_doubled_scale(data):
    """P(like) is a matter of taste, not of the number that stands for it."""
    likings = []
    for scale, factor in (((1, 5), 1), ((1, 10), 2)):
        ratings = pd.DataFrame(
            {
                "user": data.ratings["user_id"],
                "item": data.ratings["movie_id"],
                "rating": factor * data.ratings["rating"],
            }
        )
        bundle = train(from_frame(ratings, scale), "default", epochs=15, progress=False)
        people = RatingMatrix.from_dataset(from_frame(ratings, scale)).people
        likings.append(bundle.order.like(bundle.liking.distribution(people)))
    one, two = likings
    assert 0.3 < one.mean() < 0.7 and one.std() > 0.05
    assert two.mean() == pytest.approx(one.mean(), abs=0.03)
    assert np.abs(one - two).mean() < 0.05


@pytest.mark.parametrize(
    ("ids", "kept"),
    [
        ([3, 1, 2], [1, 2, 3]),
        ([3.0, 1.0, 2.0], [1, 2, 3]),
        (["3", "1", "2"], [1, 2, 3]),
        ([10**10, -5, 0], [-5, 0, 10**10]),
        ([10**17, 1, 2], [1, 2, 10**17]),
        (["7", "007", "a"], ["007", "7", "a"]),
        ([7, "7a", 7.5], ["7", "7.5", "7a"]),
        ([str(10**20), "1", "2"], ["1", str(10**20), "2"]),
        (["Ä", "a b", "☂"], ["a b", "Ä", "☂"]),
    ],
)
def test_ids_of_any_kind(ids, kept):
    ratings = pd.DataFrame({"user": pd.Series(ids), "item": pd.Series(ids), "rating": [1, 2, 3]})
    matrix = RatingMatrix.from_dataset(from_frame(ratings, (1, 5)))
    assert matrix.user_ids.tolist() == matrix.item_ids.tolist() == kept
    assert matrix.csr.nnz == 3 and matrix.csr.shape == (3, 3)


def test_optional_columns_may_be_left_out_or_empty():
    bare = from_frame(TINY, (1, 10))
    assert bare.users is None and "timestamp" not in bare.ratings
    assert bare.movies["title"].tolist() == ["x", "y"], "named by their ids"
    assert bare.movies["year"].isna().all() and (bare.movies["genres"] == "").all()
    items = pd.DataFrame(
        {
            "item": ["y", "x", "z"],
            "title": ["Why", None, "Z"],
            "year": [1999, None, "2001"],
            "genres": [None, "Noir|☂", ""],
            "shelf": [1, 2, 3],
        }
    )
    told = from_frame(TINY, (1, 10), items, pd.DataFrame({"user": ["b", "a", "c"]}), name="shop")
    movies = told.movies.set_index("movie_id")
    assert movies.loc[["x", "y", "z"], "title"].tolist() == ["x", "Why", "Z"]
    assert movies["year"].isna()["x"] and movies.loc["z", "year"] == 2001
    assert movies.loc[["x", "y"], "genres"].tolist() == ["Noir|☂", ""]
    assert told.name == "shop" and "shelf" not in told.movies
    assert told.users[["gender", "age", "occupation"]].isna().all(axis=None)
    assert TINY.columns.tolist() == ["user", "item", "rating"], "the caller's table is untouched"


def changed(**cells: tuple[int, object]) -> pd.DataFrame:
    """TINY with another value in some (row) of some column."""
    other = TINY.astype(object)
    for column, (row, value) in cells.items():
        other.loc[row, column] = value
    return other


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        (changed(user=(1, None)), "Row 2 of the ratings: the user is missing"),
        (changed(item=(2, np.nan)), "Row 3 of the ratings: the item is missing"),
        (changed(item=(2, "  ")), "Row 3 of the ratings: the item is missing"),
        (changed(rating=(1, 11)), "Row 2 .*11 by user b of item x, is not on the scale of 1 to 10"),
        (changed(rating=(0, 3.5)), "Row 1 .*3.5 by user a of item x, is not on the scale"),
        (changed(rating=(2, 0)), "Row 3 .*0 by user a of item y, is not on the scale"),
        (changed(rating=(2, None)), "Row 3 .*by user a of item y, is not on the scale"),
        (changed(rating=(2, np.inf)), "Row 3 .*inf by user a of item y, is not on the scale"),
        (changed(rating=(1, "good")), "Row 2 .*good by user b of item x, is not on the scale"),
        (TINY.assign(rating=0), r"Row 1 .*\(3 rows are like that\)"),
        (changed(item=(2, "x")), "Row 3 .*second rating of this user and item; keep one of them"),
        (
            TINY.assign(timestamp=[1, None, 3]),
            r"Row 2: the timestamp is nan; expected a whole number",
        ),
        (
            TINY.assign(timestamp=[1, 2, "noon"]),
            "Row 3: the timestamp is noon; expected a whole number",
        ),
        (TINY[:0], "no ratings.*expected the columns user, item and rating"),
        (TINY.rename(columns={"item": "movie"}), "lacks the column item.*Rename what you have"),
    ],
)
def test_a_faulty_rating_is_named_by_its_row(ratings, message):
    with pytest.raises(DataError, match=message):
        from_frame(ratings, (1, 10))


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"item": ["x"]}, "does not list item y, of which there are ratings. Add it, or leave"),
        ({"item": ["x", "y", "x"]}, "items lists item x twice; once is enough"),
        ({"item": ["x", None]}, "Row 2 of the items: the item is missing"),
        ({"title": ["x", "y"]}, "table of items lacks the column item"),
        (
            {"item": ["x", "y"], "year": [1999, "old"]},
            "Row 2: the year is old; expected a whole number",
        ),
    ],
)
def test_a_faulty_table_of_items(items, message):
    with pytest.raises(DataError, match=message):
        from_frame(TINY, (1, 10), pd.DataFrame(items))


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"user": ["a"]}, "does not list user b, of which there are ratings. Add it, or leave"),
        ({"user": ["a", "b", "a"]}, "lists user a twice; once is enough"),
        ({"user": ["a", ""]}, "Row 2 of the people: the user is missing"),
        ({"gender": ["f", "m"]}, "table of people lacks the column user"),
        ({"user": ["a", "b"], "age": [30, 0]}, "Row 2 of the people: age 0 is not 1 to 120"),
        (
            {"user": ["a", "b"], "age": ["old", 3]},
            "Row 1: the age is old; expected a number of years",
        ),
    ],
)
def test_a_faulty_table_of_people(about, message):
    with pytest.raises(DataError, match=message):
        from_frame(TINY, (1, 10), people=pd.DataFrame(about))


def test_a_scale_that_is_none_is_refused():
    with pytest.raises(DataError, match="no scale"):
        from_frame(TINY, (10, 1))


def test_a_csv_file_is_read_as_the_table(data, tmp_path):
    expected = KINDS["negative, halves, genres, people"](data)
    paths = [tmp_path / f"{name}.csv" for name in ("shop", "items", "people")]
    table(data, (0.5, 5, 0.5), negative, negative).to_csv(paths[0], index=False)
    items = films(data, negative, genres=data.movies["genres"], year=data.movies["year"])
    items.to_csv(paths[1], index=False, encoding="utf-8-sig")
    people(data, negative).to_csv(paths[2], index=False)
    found = from_csv(paths[0], (0.5, 5, 0.5), *paths[1:])
    assert found.name == "shop"
    one, other = (RatingMatrix.from_dataset(d) for d in (found, expected))
    assert (one.csr != other.csr).nnz == 0
    for name in ("user_ids", "item_ids", "about", "facts"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.demographics == other.demographics


def test_in_a_csv_file_7_and_007_are_two_people(tmp_path):
    path = tmp_path / "agents.csv"
    path.write_text("user,item,rating\n007,1,5\n7, 1,3\n7,2,4\n")
    found = from_csv(path, (1, 5))
    matrix = RatingMatrix.from_dataset(found)
    assert matrix.user_ids.tolist() == ["007", "7"]
    assert matrix.item_ids.tolist() == [1, 2], "a space after a comma is none of the id"
    np.testing.assert_array_equal(matrix.csr.toarray(), [[5, 0], [3, 4]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "Cannot read .*agents.csv.*Expected a CSV file in UTF-8"),
        (b"", "Cannot read .*agents.csv.*columns with commas"),
        (b"user,item,rating\n\xff\xfe,1,5\n", "Cannot read .*agents.csv"),
        (b"user,item,rating\n1,1,5\n1,2,3,4\n", "Cannot read .*agents.csv.*saw 4"),
        (b"user;item;rating\n1;1;5\n", "lacks the column user, item, rating; it has user;item;rat"),
        (b"user,item,rating\n1,1,5\n1,,4\n", "Row 2 of the ratings: the item is missing"),
        (b"user,item,rating\n1,1,5\n1,2,5 stars\n", "Row 2 .*5 stars by user 1 of item 2"),
        (b"user,item,rating\n", "no ratings in the table"),
    ],
)
def test_a_csv_file_that_is_none_is_refused(content, message, tmp_path):
    path = tmp_path / "agents.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        from_csv(path, (1, 5))


def test_a_person_that_the_list_adds_may_have_an_id_of_another_kind():
    """The ids of all tables are of one kind: numbers only where all of them are."""
    ratings = TINY.assign(user=[1, 2, 1])
    about = pd.DataFrame({"user": [1, 2, "guest"], "gender": ["f", "m", "f"]})
    items = pd.DataFrame({"item": ["x", "y", 5]})
    found = from_frame(ratings, (1, 10), items, about)
    assert len(found.users) == 3 and RatingMatrix.from_dataset(found).about.sum() == 2


def test_a_line_of_more_columns_than_the_header_has_is_refused(tmp_path):
    path = tmp_path / "agents.csv"
    path.write_text("user,item,rating\n1,2,3,4\n1,3,3,5\n")
    with pytest.raises(DataError, match=r"agents\.csv"):
        from_csv(path, (1, 5))
