"""People and films as numbers, the matrix, and its splits, each against a computation by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import on_scale
from scipy.sparse import csr_array

from saelib import matrix as of
from saelib.data import Scale
from saelib.errors import SaelibError
from saelib.matrix import People, RatingMatrix

SCALES = [(1, 5), (0.5, 5, 0.5), (0, 10), (-10, 10, 5), (0.2, 1, 0.2)]
BRACKETS = {1: 1, 17: 1, 18: 18, 20: 18, 24: 18, 25: 25, 49: 45, 55: 50, 56: 56, 99: 56}


def test_people_and_films_are_a_one_for_each_fact_and_zeros_for_what_is_not_known():
    told = {"gender": ["M", "F", None], "age": [30, None, 99], "occupation": ["x", None, "a"]}
    groups = {"gender": ["F", "M"], "age": list(range(7)), "occupation": ["a", "x"]}
    codes = [np.flatnonzero(c).tolist() for c in of.encode_people(pd.DataFrame(told), groups)]
    assert codes == [[1, 4, 10], [0], [8, 9]]
    ages = pd.DataFrame({"gender": None, "age": list(BRACKETS), "occupation": None})
    brackets = of.encode_people(ages, groups).argmax(axis=1) - 2
    assert [of.AGES[i] for i in brackets] == list(BRACKETS.values())
    years = pd.array([1995, 1899, pd.NA], dtype="Int64")
    codes = of.encode_films(pd.DataFrame({"year": years, "genres": ["Comedy|Drama", "Drama", ""]}))
    assert codes[:, :2].tolist() == [[1, 1], [0, 1], [0, 0]]
    assert [np.array(of.DECADES)[c > 0].tolist() for c in codes[:, 2:]] == [[1990], [1890], []]


@pytest.mark.parametrize("scale", SCALES, ids=str)
def test_every_rating_of_any_scale_comes_back_and_none_is_taken_for_not_rated(data, scale):
    other = on_scale(data, Scale.of(scale))
    matrix = RatingMatrix.from_dataset(other)
    cells = matrix.csr.tocoo()
    assert (cells.data.min(), cells.data.max(), cells.nnz) == (1, 5, len(other.ratings))
    ids = {"user_id": matrix.user_ids[cells.row], "movie_id": matrix.item_ids[cells.col]}
    both = other.ratings.merge(pd.DataFrame(ids | {"found": other.scale.ratings(cells.data)}))
    assert len(both) == cells.nnz
    np.testing.assert_allclose(both["found"], both["rating"], atol=1e-5)
    assert RatingMatrix.from_dataset(other, other.ratings.iloc[:1]).csr.shape == (60, 40)


def test_who_and_what_stand_in_the_rows_of_their_ids_whatever_the_order_of_tables(data, matrix):
    turned = replace(data, users=data.users.iloc[::-1], movies=data.movies.iloc[::-1])
    other = RatingMatrix.from_dataset(turned)
    assert (other.about == matrix.about).all() and (other.facts == matrix.facts).all()
    who = data.users.query(f"user_id == {matrix.user_ids[7]}")
    np.testing.assert_array_equal(of.encode_people(who, matrix.groups)[0], matrix.about[7])
    assert [*matrix.groups.values()] == [["F", "M"], [*range(7)], ["artist", "other", "writer"]]
    nobody = RatingMatrix.from_dataset(replace(data, users=None))
    assert (nobody.about, nobody.groups) == (None, {})


def test_films_seen_without_stars_and_people_who_rated_nothing_are_in_it(data):
    """One film more for somebody, and somebody who has seen two and rated none."""
    users = pd.concat([data.users, data.users.iloc[:1].assign(user_id=99)], ignore_index=True)
    ratings = data.ratings.query("user_id != 1 or movie_id != 30")
    seen = pd.DataFrame({"user_id": [1, 99, 99], "movie_id": [30, 10, 20]})
    matrix = RatingMatrix.from_dataset(replace(data, users=users, ratings=ratings, seen=seen))
    extra = (matrix.seen - of.mask(matrix.csr)).tocoo()
    places = sorted(zip(matrix.user_ids[extra.row], matrix.item_ids[extra.col]))
    assert places == [(1, 30), (99, 10), (99, 20)]
    assert set(matrix.seen.data) == {1} and matrix.csr[[60]].nnz == 0


def test_rows_can_be_taken_and_a_batch_of_people_be_cut(matrix):
    some, people = matrix.take(np.array([5, 2])), matrix.people[3:6]
    assert (some.csr != matrix.csr[[5, 2]]).nnz == (some.seen != matrix.seen[[5, 2]]).nnz == 0
    assert some.user_ids.tolist() == [6, 3] and (some.about == matrix.about[[5, 2]]).all()
    assert (people.stars != matrix.csr[3:6]).nnz == 0 and people.rows.tolist() == [3, 4, 5]
    assert len(People.who_rated(matrix.csr[:4])[np.array([1])]) == 1


def test_splits_are_as_published_figures_were_made():
    known, test = of.split(1005, seed=3)
    assert sorted([*known, *test]) == list(range(1005)) and len(test) == 100
    assert test[:8].tolist() == [714, 391, 387, 133, 537, 746, 799, 337]
    with pytest.raises(SaelibError, match="There are 9 to split, and a tenth of them would be"):
        of.split(9, 0)
    numbers = np.arange(60).reshape(3, 20)
    rows = csr_array(((numbers + 1) * (numbers % 4 > 0)).astype(np.float32))
    shown, targets = of.split_rows(rows, 0.5, seed=7)
    assert ((shown + targets) != rows).nnz == 0, "nothing is lost"
    assert np.diff(targets.indptr).tolist() == [7, 7, 7]
    assert shown.data[:8].tolist() == [11, 7, 18, 20, 4, 8, 14, 16]
    assert targets.data[:7].tolist() == [6, 15, 10, 12, 3, 19, 2]
    assert of.first(shown, 2).data.tolist() == [11, 7, 26, 32, 43, 50]
    assert of.first(shown, 0).nnz == 0 and (of.first(shown, 99) != shown).nnz == 0
