"""People and films as numbers, the matrix, and its splits, each against a computation by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import on_scale
from scipy.sparse import csr_array

from saelib.data import Scale
from saelib.errors import SaelibError
from saelib.matrix import (
    AGES,
    DECADES,
    People,
    RatingMatrix,
    encode_films,
    encode_people,
    first,
    groups_of,
    level,
    mask,
    split,
    split_rows,
    unit_masks,
)


@pytest.fixture(scope="module")
def matrix(data):
    return RatingMatrix.from_dataset(data)


# -- People and films as numbers --------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "bracket"),
    [(1, 1), (17, 1), (18, 18), (20, 18), (24, 18), (25, 25), (49, 45), (55, 50), (56, 56)],
)
def test_an_age_belongs_to_the_bracket_of_the_highest_bound_below_it(age, bracket):
    told = pd.DataFrame({"gender": [None], "age": [age], "occupation": [None]})
    [code] = encode_people(told, {"age": list(range(len(AGES)))})
    assert [AGES[i] for i in np.flatnonzero(code)] == [bracket]


def test_a_person_is_a_one_in_each_group_and_zeros_where_nothing_was_told():
    users = pd.DataFrame(
        {"gender": ["M", "F", None], "age": [30, None, 99], "occupation": ["x", None, "a"]}
    )
    groups = groups_of(users)
    assert groups == {"gender": ["F", "M"], "age": list(range(7)), "occupation": ["a", "x"]}
    codes = [np.flatnonzero(code).tolist() for code in encode_people(users, groups)]
    assert codes == [[1, 4, 10], [0], [8, 9]]
    assert groups_of(None) == {}


def test_a_film_is_its_genres_and_its_decade():
    years = pd.array([1995, 1899, pd.NA], dtype="Int64")
    codes = encode_films(pd.DataFrame({"year": years, "genres": ["Comedy|Drama", "Drama", ""]}))
    assert codes[:, :2].tolist() == [[1, 1], [0, 1], [0, 0]]
    assert [[DECADES[i] for i in np.flatnonzero(c)] for c in codes[:, 2:]] == [[1990], [1890], []]


# -- Ratings as a matrix ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "scale", [(1, 5), (0.5, 5, 0.5), (0, 10), (-10, 10, 5), (0.2, 1, 0.2)], ids=str
)
def test_every_rating_of_any_scale_comes_back_and_none_is_taken_for_not_rated(data, scale):
    other = on_scale(data, Scale.of(scale))
    matrix = RatingMatrix.from_dataset(other)
    assert matrix.csr.shape == (len(matrix.user_ids), len(matrix.item_ids)) == (60, 40)
    assert matrix.csr.nnz == len(other.ratings)
    assert (matrix.csr.data.min(), matrix.csr.data.max()) == (1, 5)
    cells = matrix.csr.tocoo()
    back = pd.DataFrame(
        {"user_id": matrix.user_ids[cells.row], "movie_id": matrix.item_ids[cells.col]}
    )
    back["stars"] = other.scale.ratings(cells.data)
    both = other.ratings.merge(back, on=["user_id", "movie_id"])
    assert len(both) == len(back)
    np.testing.assert_allclose(both["stars"], both["rating"], atol=1e-5)


def test_a_part_of_the_ratings_keeps_the_shape_of_the_whole(data):
    part = RatingMatrix.from_dataset(data, data.ratings.iloc[:1])
    assert (part.csr.shape, part.csr.nnz, part.seen.nnz) == ((60, 40), 1, 1)


def test_who_and_what_stand_in_the_rows_of_their_ids_whatever_the_order_of_the_tables(data, matrix):
    mixed = replace(
        data, users=data.users.iloc[::-1], movies=data.movies.sample(frac=1, random_state=1)
    )
    other = RatingMatrix.from_dataset(mixed)
    np.testing.assert_array_equal(other.about, matrix.about)
    np.testing.assert_array_equal(other.facts, matrix.facts)
    who = data.users[data.users["user_id"] == matrix.user_ids[7]]
    np.testing.assert_array_equal(encode_people(who, matrix.groups)[0], matrix.about[7])
    assert RatingMatrix.from_dataset(replace(data, users=None)).about is None


def test_films_seen_without_stars_and_people_who_rated_nothing_are_in_it(data):
    """One film more for somebody, and somebody who has seen two and rated none."""
    users = pd.concat([data.users, data.users.iloc[:1].assign(user_id=99)], ignore_index=True)
    unrated = sorted(
        set(data.movies["movie_id"]) - set(data.ratings.query("user_id == 1")["movie_id"])
    )
    seen = pd.DataFrame({"user_id": [1, 99, 99], "movie_id": [unrated[0], 10, 20]})
    matrix = RatingMatrix.from_dataset(replace(data, users=users, seen=seen))
    rows = dict(zip(matrix.user_ids.tolist(), range(61)))
    extra = (matrix.seen - mask(matrix.csr)).tocoo()
    places = sorted(zip(matrix.user_ids[extra.row], matrix.item_ids[extra.col]))
    assert places == [(1, unrated[0]), (99, 10), (99, 20)]
    assert set(matrix.seen.data) == {1.0}
    assert (matrix.csr[[rows[99]]].nnz, len(rows)) == (0, 61)


def test_rows_can_be_taken_and_a_batch_of_people_be_cut(matrix):
    some = matrix.take(np.array([5, 2]))
    assert (some.csr != matrix.csr[[5, 2]]).nnz == (some.seen != matrix.seen[[5, 2]]).nnz == 0
    np.testing.assert_array_equal(some.user_ids, matrix.user_ids[[5, 2]])
    np.testing.assert_array_equal(some.about, matrix.about[[5, 2]])
    people = matrix.people[3:6]
    assert (len(people), people.rows.tolist()) == (3, [3, 4, 5])
    assert (people.stars != matrix.csr[3:6]).nnz == 0
    new = People.who_rated(matrix.csr[:4])[np.array([1])]
    assert (new.about, new.rows, set(new.seen.data)) == (None, None, {1.0})


def test_masks_say_that_something_is_rated_and_not_how():
    csr = csr_array(np.array([[2.0, 0, 5, 3, 1], [0, 0, 0, 0, 0], [0, 4, 0, 0, 0]]))
    assert mask(csr).toarray().tolist() == [[1, 0, 1, 1, 1], [0] * 5, [0, 1, 0, 0, 0]]
    assert unit_masks(csr).toarray().tolist() == [[0.5, 0, 0.5, 0.5, 0.5], [0] * 5, [0, 1, 0, 0, 0]]
    assert level(np.array([1.0, 1.44, 3.2, 5]), 10).tolist() == [0, 1, 5, 9]


# -- Splits -----------------------------------------------------------------------------------


def test_a_split_is_seeded_disjoint_and_a_tenth_and_too_few_are_refused():
    known, test = split(1005, seed=3)
    assert sorted([*known, *test]) == list(range(1005)) and len(test) == 100
    # As published figures were made.
    assert test[:8].tolist() == [714, 391, 387, 133, 537, 746, 799, 337]
    assert sorted(split(60, seed=3)[1].tolist()) == [0, 2, 3, 22, 37, 38]
    assert not np.array_equal(test, split(1005, seed=4)[1])
    assert len(split(10, 0)[1]) == 1
    with pytest.raises(
        SaelibError, match="There are 9 to split, and a tenth of them would be none"
    ):
        split(9, 0)


def test_each_row_is_split_at_random_without_loss_as_published_figures_were_made():
    numbers = np.arange(60).reshape(3, 20)
    rows = csr_array(((numbers + 1) * (numbers % 4 > 0)).astype(np.float32))
    shown, targets = split_rows(rows, 0.5, seed=7)
    assert ((shown + targets) != rows).nnz == 0
    np.testing.assert_array_equal(np.diff(targets.indptr), [7, 7, 7])
    assert shown.data[:8].tolist() == [11, 7, 18, 20, 4, 8, 14, 16]
    assert targets.data[:7].tolist() == [6, 15, 10, 12, 3, 19, 2]
    assert first(shown, 2).data.tolist() == [11, 7, 26, 32, 43, 50]
    assert first(shown, 0).nnz == 0 and (first(shown, 99) != shown).nnz == 0
