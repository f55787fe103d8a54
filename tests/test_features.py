"""One-hot people, films' genres and decades, and fingerprints of who rated what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from saelib.data.dataset import encode_demographics
from saelib.data.features import (
    AGE_BRACKETS,
    AGE_LABELS,
    DECADES,
    GENDERS,
    MOVIELENS,
    OCCUPATIONS,
    age_bracket,
    encode_films,
    encode_person,
)
from saelib.errors import DataError, ProfileError


@pytest.mark.parametrize(
    ("age", "label"),
    list(
        zip(
            [1, 17, 18, 20, 24, 25, 49, 50, 55, 56, 99],
            ["under 18"] * 2 + ["18-24"] * 3 + ["25-34", "45-49", "50-55", "50-55", "56+", "56+"],
        )
    ),
)
def test_age_brackets_by_their_lower_bounds(age, label):
    assert AGE_LABELS[age_bracket(age)] == label


def test_the_codes_of_ml_1m_are_their_own_brackets():
    assert [age_bracket(code) for code in AGE_BRACKETS] == list(range(7))


def test_one_hot_has_a_one_a_group_and_zeros_for_what_was_not_told():
    code = encode_person("F", 20, "writer")
    groups = np.split(code, [len(GENDERS), len(GENDERS) + len(AGE_BRACKETS)])
    assert [group.argmax() for group in groups] == [0, 1, OCCUPATIONS.index("writer")]
    assert [group.sum() for group in groups] == [1, 1, 1]
    assert encode_person().sum() == 0
    assert encode_person(age=56).sum() == 1


def test_each_user_is_encoded_in_the_row_of_their_id(data):
    ids = np.array([3, 1])
    codes = encode_demographics(data, ids)
    assert codes.shape == (2, MOVIELENS.width)
    for code, user in zip(codes, ids):
        who = data.users.set_index("user_id").loc[user]
        np.testing.assert_array_equal(code, encode_person(who.gender, who.age, who.occupation))
    assert encode_demographics(replace(data, users=None), ids) is None
    with pytest.raises(DataError, match=r"users of ml-100k do not list user 1, who has rated"):
        encode_demographics(replace(data, users=data.users.iloc[1:]), ids)


@pytest.mark.parametrize(
    ("who", "message"),
    [
        ({"gender": "X"}, r"Gender 'X' is not known; expected one of F, M"),
        ({"age": 0}, "Age 0 is out of range; expected years from 1 to 120"),
        ({"age": float("nan")}, "Age nan"),
        ({"occupation": "wizard"}, r"Occupation 'wizard'.*expected one of administrator, artist"),
    ],
)
def test_demographics_outside_their_lists(who, message):
    with pytest.raises(ProfileError, match=message):
        encode_person(**who)


def test_films_are_their_genres_and_their_decade():
    films = pd.DataFrame(
        {
            "year": pd.array([1995, 1899, pd.NA], dtype="Int64"),
            "genres": ["Comedy|Drama", "Drama", ""],
        }
    )
    codes = encode_films(films)
    assert codes.shape == (3, 2 + len(DECADES))
    assert codes[:, :2].tolist() == [[1, 1], [0, 1], [0, 0]]
    decades = [[DECADES[i] for i in np.flatnonzero(code)] for code in codes[:, 2:]]
    assert decades == [[1990], [1890], []]
