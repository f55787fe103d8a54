"""What changed between two lists, as marks and in words."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saelib.recommend.changes import changes
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import Session


def listed(*films: int) -> pd.DataFrame:
    """A list of films named 'A (1901)', 'B (1902)', …"""
    table = pd.DataFrame({"movie_id": films, "title": [chr(64 + film) for film in films]})
    return table.assign(year=[1900 + film for film in films])


def test_marks_and_words():
    found = changes(listed(1, 2, 3, 4, 5), listed(6, 3, 1, 4))
    assert [film.mark for film in found.films] == ["NEW", "▲1", "▼2", ""]
    assert [film.words for film in found.films] == ["new", "up 1", "down 2", ""]
    assert found.gone == ["B (1902)", "E (1905)"]
    assert found.in_words() == (
        "F (1906) is new at 1. A (1901) down 2 to 3. C (1903) up 1 to 2. Gone: B (1902), E (1905)."
    )


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ([1, 2, 3], [1, 2, 3], ""),
        ([1, 2, 3], [3, 1, 4], "1 new, 1 up, 1 down"),
        ([1, 2, 3], [2, 3, 1], "2 up, 1 down"),
        ([1, 2], [], ""),
        ([], [1, 2], "2 new"),
    ],
)
def test_in_short(before, now, words):
    assert changes(listed(*before), listed(*now)).in_short() == words


def test_a_list_that_stays_says_so():
    found = changes(listed(1, 2), listed(1, 2))
    assert not found
    assert found.in_words() == "The list is the same as before."
    assert not changes(listed(), listed())


def test_of_many_changes_a_few_are_said():
    found = changes(listed(*range(1, 11)), listed(*range(11, 21)))
    said = found.in_words()
    assert said.count("is new") == 3
    assert "7 more have moved." in said
    assert said.endswith("Gone: A (1901), B (1902), C (1903) and 7 more.")


@given(*(st.lists(st.integers(1, 26), unique=True, max_size=10) for _ in range(2)))
def test_marks_lead_from_one_list_to_the_next(before, after):
    found = changes(listed(*before), listed(*after))
    assert [film.place for film in found.films] == list(range(1, len(after) + 1))
    for film_id, film in zip(after, found.films):
        if film_id not in before:
            assert film.mark == "NEW"
        else:
            was = before.index(film_id) + 1
            assert film.place + film.moved == was
            sign = {"▲": 1, "▼": -1}.get(film.mark[:1], 0)
            assert sign * int(film.mark[1:] or 0) == was - film.place
    assert len(found.gone) == len(set(before) - set(after))
    assert bool(found) == (before != after)


def test_what_a_rating_does_to_the_list(bundle):
    session = Session(Recommender(bundle))
    session.rate(80, 5)
    before = session.recommendations()
    rejected = before["movie_id"][2]
    session.reject(rejected)
    found = changes(before, session.recommendations())
    assert [film.mark for film in found.films] == ["", "", *["▲1"] * 7, "NEW"]
    assert found.gone == [session.recommender.catalogue.labels[int(rejected) // 10 - 1]]
