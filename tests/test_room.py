"""The table of the room: whose ratings are in it, what is said of them, and what never is."""

import io

import pandas as pd
import pytest

from saelib.data import from_frame
from saelib.panel.room import N_SHOWN, hidden, room_view
from saelib.recommend.profile import Profile

TOLD = [{"10": 5, "20": 1, "30": 3}, {}, {"10": 1, "20": 2}, {"10": 3, "40": 5}]


@pytest.fixture
def shown(recommender) -> dict:
    return room_view(recommender, [Profile(ratings) for ratings in TOLD])


def test_gaps_stay_gaps_and_the_most_rated_films_come_first(shown, recommender):
    assert shown["films"][0] == {"name": "Toy Story (1995)", "ratings": [5, 1, 3]}
    assert shown["films"][1]["ratings"] == [1, 2, None]
    assert len(shown["films"]) == 4
    assert shown["said"][0] == "Visitors: 3, ratings: 7, films: 4, the most rated ones below."
    films = recommender.catalogue.ids
    many = room_view(recommender, [Profile(dict.fromkeys(films, 3)), Profile({films[-1]: 5})])[
        "films"
    ]
    assert len(many) == N_SHOWN
    assert many[0]["ratings"] == [3, 5]


def test_biases_and_the_film_that_divides_are_those_of_the_table(shown):
    table = pd.DataFrame(filter(None, TOLD), dtype=float)
    biases = table.mean(axis=1) - table.stack().mean()
    _, said, divides, _ = shown["said"]
    assert said == (
        f"The room's mean is {table.stack().mean():.1f}; its people's biases go from "
        f"{biases.min():+.1f} to {biases.max():+.1f}."
    )
    assert divides == "Toy Story (1995) divides the room most: from 1 to 5."


def test_a_rating_is_predicted_from_the_others_alone(shown, recommender):
    """Whatever somebody says of the hidden film, seen or rated, the prediction is the same."""
    others = {"20": 1, "30": 5}
    told = [Profile({"10": x, **others}, seen=seen) for x in (5, 1) for seen in ([], ["10"])]
    predictions = [p.ratings["10"] + e for p, e in zip(told, hidden(recommender, told, "10"))]
    expected = recommender.answers(recommender.encode(Profile(others)), [0]).stars[0, 0]
    assert predictions == pytest.approx([expected] * 4)
    errors = [*hidden(recommender, [Profile(ratings) for ratings in TOLD], "10")]
    near = sum(abs(error) <= 1 for error in errors)
    assert f" {near} of 3 predictions are within a star; " in shown["said"][-1]
    mean = pd.DataFrame(TOLD).stack().mean()
    assert shown["said"][-1].endswith(
        f"for everybody: {sum(abs(mean - x) <= 1 for x in (5, 1, 3))}."
    )


def test_little_or_nothing_is_no_trouble(recommender):
    empty = room_view(recommender, [Profile()])
    assert empty["films"] == [] and len(empty["said"]) == 1
    assert empty["csv"].split() == ["user,item,rating,title"]
    said = room_view(recommender, [Profile({"10": 4})])["said"]
    assert len(said) == 1, "nothing is said of fewer than three"


def test_the_download_is_a_data_set(shown):
    data = from_frame(pd.read_csv(io.StringIO(shown["csv"])), scale=(1, 5))
    assert data.ratings["rating"].tolist() == [5, 1, 3, 1, 2, 3, 5]
    assert {*data.ratings["user_id"]} == {1, 2, 3}
