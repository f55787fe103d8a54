"""The matrix and its splits, each against a computation by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from saelib.data.matrix import RatingMatrix, first_inputs, split_ratings, split_rows, split_users
from saelib.errors import DataError


def test_the_matrix_and_its_maps_give_back_every_rating(data):
    matrix = RatingMatrix.from_dataset(data)
    assert matrix.csr.shape == (len(matrix.user_ids), len(matrix.item_ids)) == (60, 40)
    cells = matrix.csr.tocoo()
    back = zip(matrix.user_ids[cells.row], matrix.item_ids[cells.col], cells.data)
    given = data.ratings[["user_id", "movie_id", "rating"]].itertuples(index=False, name=None)
    assert sorted(back) == sorted(given)


def test_a_part_of_the_ratings_keeps_the_shape_of_the_whole(data):
    part = RatingMatrix.from_dataset(data, data.ratings.iloc[:1])
    assert part.csr.shape == (60, 40)
    assert part.csr.nnz == 1


def test_a_pair_rated_twice_and_a_film_not_listed_are_errors(data):
    twice = data.ratings.iloc[[0, 1, 0]]
    with pytest.raises(DataError, match="1 ratings are of a user and film rated before"):
        RatingMatrix.from_dataset(data, twice)
    missing = data.ratings["movie_id"].iloc[0]
    movies = data.movies[data.movies["movie_id"] != missing]
    with pytest.raises(DataError, match=f"names movie {missing}, which"):
        RatingMatrix.from_dataset(replace(data, movies=movies))
    movies = data.movies.iloc[[*range(len(data.movies)), 3]]
    with pytest.raises(DataError, match=r"films of ml-100k list movie 40 twice"):
        RatingMatrix.from_dataset(replace(data, movies=movies))


def test_splits_are_seeded_disjoint_and_a_tenth():
    train, test = split_ratings(1005, seed=3)
    assert len(test) == 100
    assert sorted([*train, *test]) == list(range(1005))
    assert test.tolist() == np.random.default_rng(3).permutation(1005)[:100].tolist()
    assert not np.array_equal(test, split_ratings(1005, seed=4)[1])
    known, new = split_users(60, seed=3)
    assert len(new) == 6
    assert sorted([*known, *new]) == list(range(60))


def test_rows_split_into_inputs_and_targets_without_loss(data):
    rows = RatingMatrix.from_dataset(data).csr
    inputs, targets = split_rows(rows, 0.2, seed=1)
    assert ((inputs + targets) != rows).nnz == 0
    assert (inputs.multiply(targets)).nnz == 0
    counts = np.diff(rows.indptr)
    np.testing.assert_array_equal(np.diff(targets.indptr), counts // 5)
    five = first_inputs(inputs, 5)
    np.testing.assert_array_equal(np.diff(five.indptr), np.minimum(5, np.diff(inputs.indptr)))
    assert (five != inputs.multiply(five > 0)).nnz == 0
    assert first_inputs(inputs, 0).nnz == 0
    # Random choices, not the films with the lowest ids.
    assert not all(
        np.array_equal(np.sort(r), r) for r in np.split(inputs.indices, inputs.indptr[1:-1])
    )


def test_a_matrix_can_be_cut_to_some_people(data):
    everyone = RatingMatrix.from_dataset(data)
    some = everyone.take(np.array([5, 2]))
    assert (some.csr != everyone.csr[[5, 2]]).nnz == 0
    np.testing.assert_array_equal(some.user_ids, everyone.user_ids[[5, 2]])
    np.testing.assert_array_equal(some.about, everyone.about[[5, 2]])
    assert RatingMatrix.from_dataset(replace(data, users=None)).take(np.array([1])).about is None
