"""The table of the room: whose ratings are in it, what is said of them, and what never is."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from saelib.data import from_frame
from saelib.panel.room import N_SHOWN, Room
from saelib.recommend.profile import Profile

TOLD = [{"10": 5, "20": 1, "30": 3}, {"10": 1, "20": 2}, {"10": 3, "40": 5}, {}]


@pytest.fixture
def room(recommender) -> Room:
    room = Room(recommender)
    for visitor, ratings in enumerate(TOLD):
        room.hear(visitor, Profile(ratings))
    return room


def test_gaps_stay_gaps_and_nobody_is_named(room):
    first, *_ = room.view()["films"]
    assert first == {"name": "Toy Story (1995)", "ratings": [5, 1, 3]}
    assert room.view()["films"][1]["ratings"] == [1, 2, None]
    assert len(room.view()["films"]) == 4
    assert room.view()["said"][0] == "Visitors: 3, ratings: 7, films: 4."


def test_who_leaves_takes_the_row_along_and_who_changes_it_keeps_the_place(room):
    room.hear(0, Profile({"10": 2}))
    assert room.view()["films"][0]["ratings"] == [2, 1, 3]
    room.hear(1, None)
    room.hear("somebody who never told anything", None)
    assert room.view()["films"][0]["ratings"] == [2, 3]


def test_biases_and_the_film_that_divides_are_those_of_the_table(room):
    table = pd.DataFrame(TOLD[:3], dtype=float)
    biases = table.mean(axis=1) - table.stack().mean()
    _, said, divides, _ = room.view()["said"]
    assert said == (
        f"The room's mean is {table.stack().mean():.1f}; its people's biases go from "
        f"{biases.min():+.1f} to {biases.max():+.1f}."
    )
    assert divides == "Toy Story (1995) divides the room most: from 1 to 5."


def test_a_rating_is_predicted_from_the_others_alone(room, recommender):
    """Whatever somebody says of the hidden film, seen or rated, the prediction is the same."""
    others = {"20": 1, "30": 5}
    predictions = [
        4 + sign * error
        for sign, stars, seen in [(-1, 5, []), (-1, 5, ["10"])]
        for error in room._errors([Profile({"10": stars, **others}, seen=seen)], "10")
    ]
    [low] = room._errors([Profile({"10": 1, **others})], "10")
    people = recommender.encode(Profile(others))
    expected = recommender.answers(people, [0]).stars[0, 0]
    assert predictions == pytest.approx([expected - 1] * 2)
    assert low == pytest.approx(expected - 1)


def test_little_or_nothing_is_no_trouble(recommender):
    room = Room(recommender)
    assert room.view()["films"] == [] and len(room.view()["said"]) == 1
    assert room.csv().split() == ["user,item,rating,title"]
    room.hear(1, Profile({"10": 4}))
    assert len(room.view()["said"]) == 1, "nothing is said of fewer than three"


def test_no_title_of_ones_own_is_a_formula_in_the_download(recommender, monkeypatch):
    room = Room(recommender)
    room.hear(1, Profile({"10": 4, "20": 3}))
    monkeypatch.setattr(recommender.catalogue, "label", lambda film: {"10": "=1+1"}.get(film, "x"))
    assert [line.split(",")[3] for line in room.csv().split()[1:]] == ["'=1+1", "x"]


def test_a_projector_shows_the_most_rated_films_only(recommender):
    room, films = Room(recommender), recommender.catalogue.films["movie_id"].astype(str)
    room.hear(1, Profile(dict.fromkeys(films, 3)))
    room.hear(2, Profile({films.iat[-1]: 5}))
    shown = room.view()["films"]
    assert len(shown) == N_SHOWN
    assert shown[0]["ratings"] == [3, 5]


def test_the_download_is_a_data_set(room):
    data = from_frame(pd.read_csv(io.StringIO(room.csv())), scale=(1, 5))
    assert data.ratings["rating"].tolist() == [5, 1, 3, 1, 2, 3, 5]
    assert np.unique(data.ratings["user_id"]).tolist() == [1, 2, 3]
