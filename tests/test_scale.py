"""Scales of ratings: their levels, what is on them, what is liked, how they are stored."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import fuzz
from hypothesis import given
from hypothesis import strategies as st

from saelib.data.scale import HALF_STARS, MAX_LEVELS, WHOLE_STARS, Scale
from saelib.errors import DataError

TEN, FROM_ZERO = Scale(1, 10), Scale(0, 10)
BELOW_ZERO = Scale(-3, 3, 0.5)
ALL = [WHOLE_STARS, HALF_STARS, TEN, FROM_ZERO, BELOW_ZERO]


@pytest.mark.parametrize(
    ("scale", "levels"),
    [
        (WHOLE_STARS, [1, 2, 3, 4, 5]),
        (HALF_STARS, [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]),
        (TEN, range(1, 11)),
        (FROM_ZERO, range(11)),
        (Scale(0, 1), [0, 1]),
        (Scale(0.1, 0.5, 0.1), [0.1, 0.2, 0.3, 0.4, 0.5]),
    ],
)
def test_the_levels_and_where_each_stands(scale, levels):
    assert scale.n_levels == len(levels)
    np.testing.assert_allclose(scale.levels, levels, atol=1e-12)
    np.testing.assert_array_equal(scale.index(scale.levels), np.arange(len(levels)))
    square = scale.levels[[[1, 0], [0, 1]]].astype(np.float32)  # as a matrix has them
    np.testing.assert_array_equal(scale.index(square), [[1, 0], [0, 1]])
    assert scale.contains(scale.levels).all()
    assert scale.contains(scale.levels.astype(np.float32)).all()


@pytest.mark.parametrize(
    ("scale", "liked"), [(WHOLE_STARS, 4), (HALF_STARS, 4), (TEN, 8), (FROM_ZERO, 8)]
)
def test_liked_is_three_quarters_of_the_way_up(scale, liked):
    assert scale.liked == liked
    assert scale.stored.liked == liked + scale.offset, "the same films are liked as stored"


@pytest.mark.parametrize(
    ("scale", "off"),
    [
        (WHOLE_STARS, [0, 6, 3.5, 0.999, 5.001, -1, np.nan, np.inf, -np.inf, 1e300]),
        (HALF_STARS, [0, 5.5, 0.25, 4.75, 3.1]),
        (FROM_ZERO, [-1, 11, 0.5, -1e-3]),
    ],
)
def test_what_is_no_level_is_not_on_the_scale(scale, off):
    assert not scale.contains(off).any()
    assert [bool(scale.contains(stars)) for stars in off] == [False] * len(off)
    assert scale.contains([off[0], scale.lowest, off[1]]).tolist() == [False, True, False]


@pytest.mark.parametrize("scale", ALL)
def test_what_is_stored_is_above_zero_and_its_levels_stay_in_order(scale):
    stored = scale.stored
    assert stored.lowest > 0
    assert (stored.step, stored.n_levels) == (scale.step, scale.n_levels)
    np.testing.assert_allclose(stored.levels, scale.levels + scale.offset)
    np.testing.assert_array_equal(
        stored.index(scale.levels + scale.offset), scale.index(scale.levels)
    )
    assert stored.offset == 0 and stored.stored == stored


def test_only_a_scale_that_reaches_zero_is_moved():
    offsets = {scale: scale.offset for scale in ALL}
    assert offsets == {WHOLE_STARS: 0, HALF_STARS: 0, TEN: 0, FROM_ZERO: 1, BELOW_ZERO: 3.5}


def test_a_scale_is_made_of_a_tuple_and_told_in_words():
    assert Scale.of((1, 10)) == Scale.of([1, 10, 1]) == Scale.of(TEN) == TEN
    assert Scale.of((0.5, 5, 0.5)) == HALF_STARS
    assert str(HALF_STARS) == "0.5 to 5 in steps of 0.5"
    assert [Scale.spoken(stars) for stars in (1, 4.5, 0, 10)] == [
        "1 star",
        "4.5 stars",
        "0 stars",
        "10 stars",
    ]
    np.testing.assert_array_equal(TEN.clip(np.array([-2, 0.5, 3.3, 99])), [1, 1, 3.3, 10])


@pytest.mark.parametrize(
    "faulty",
    [
        (5, 1),
        (1, 1),
        (1, 5, 0),
        (1, 5, -1),
        (1, 5, 3),
        (0, 1, 0.3),
        (np.nan, 5),
        (1, np.inf),
        (1, 5, np.nan),
        (1, MAX_LEVELS + 1),
    ],
)
def test_what_is_no_scale_is_refused_with_an_example(faulty):
    with pytest.raises(DataError, match=r"is no scale of ratings.*such as 1 to 10 in steps of 1"):
        Scale(*faulty)
    with pytest.raises(DataError, match="is no scale of ratings"):
        Scale.of(faulty)


@pytest.mark.parametrize("faulty", [(), (1,), (1, 2, 3, 4)])
def test_a_tuple_of_another_length_is_refused(faulty):
    with pytest.raises(DataError, match=r"expected \(lowest, highest, step\)"):
        Scale.of(faulty)


def test_a_scale_may_have_up_to_max_levels():
    assert Scale(1, MAX_LEVELS).n_levels == MAX_LEVELS


@fuzz
@given(
    lowest=st.integers(-50, 50),
    n_steps=st.integers(1, MAX_LEVELS - 1),
    step=st.sampled_from([0.1, 0.25, 0.5, 1, 2, 10]),
)
def test_every_scale_knows_its_own_levels_and_nothing_between(lowest, n_steps, step):
    scale = Scale(lowest, lowest + n_steps * step, step)
    assert scale.n_levels == n_steps + 1
    assert scale.contains(scale.levels).all()
    between = scale.levels[:-1] + step / 2
    assert not scale.contains(between).any()
    np.testing.assert_array_equal(scale.index(scale.levels), np.arange(n_steps + 1))
    assert scale.contains(scale.liked)
    share = (scale.liked - scale.lowest) / (scale.highest - scale.lowest)
    assert 0.75 - 1e-6 <= share < 0.75 + 1 / n_steps
