"""The questions at the terminal: typed lines in, a profile out."""

from __future__ import annotations

import re

import pytest

from saelib.language import speaking
from saelib.panel.terminal import TITLES, interview
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender


class Person:
    """Types lines, then the end of input, or what they do instead; remembers all that is said."""

    def __init__(self, *lines: str, then: type[BaseException] = EOFError):
        self.lines, self.then = list(lines), then
        self.read: list[str] = []
        self.kept: list[str] = []

    def ask(self, question: str) -> str:
        self.read.append(question)
        if not self.lines:
            raise self.then
        return self.lines.pop(0)

    def meet(self, recommender: Recommender, n_films: int = 20) -> Profile:
        def keep(profile: Profile) -> None:
            self.kept.append(profile.to_json())

        told = {"keep": keep, "ask": self.ask, "say": self.read.append}
        return interview(recommender, n_films, **told)


WHO = ["female", "24", "writer"]


def film_of(question: str) -> str:
    return re.match(r"(.*), 1 to 5", question)[1]


def test_all_questions_answered(recommender):
    person = Person(*WHO, "1 3, 4", "5", "", "2.0", "4")
    profile = person.meet(recommender, 4)
    assert person.lines == []
    assert (profile.gender, profile.age, profile.occupation) == ("F", 24, "writer")
    assert len(profile.seen) == 3
    assert sorted(profile.ratings.values()) == [2, 4, 5]
    films = [film_of(question) for question in person.read[-4:]]
    assert len({*films}) == 4
    label = recommender.catalogue.label
    assert [label(film) for film in profile.ratings] == [films[0], films[2], films[3]]
    ticked = {label(film) for film in profile.seen}
    assert films[0] in ticked, "who has seen films is asked about them first"
    assert person.kept[-1] == profile.to_json()
    assert len(person.kept) == 8, "after each answer"


@pytest.mark.parametrize("then", [EOFError, KeyboardInterrupt])
def test_whoever_ends_keeps_what_was_told(recommender, then):
    person = Person(*WHO, "", "5", then=then)
    profile = person.meet(recommender)
    assert list(profile.ratings.values()) == [5]
    assert person.kept[-1] == profile.to_json()


@pytest.mark.parametrize("n", range(6))
def test_q_finishes_at_any_question(recommender, n):
    person = Person(*[*WHO, "1", "4", "3"][:n], "Q", "5")
    profile = person.meet(recommender)
    assert person.lines == ["5"]
    assert bool(profile.ratings) == (n > 4)


def test_enter_skips_every_question(recommender):
    assert Person(*24 * [""]).meet(recommender) == Profile(dataset="ml-100k")


def test_b_goes_back_over_ratings_ticks_and_who_one_is(recommender):
    person = Person(*WHO, "1 2", "5", "", "3", *7 * ["b"], "b", "male", "b", "M", "q")
    profile = person.meet(recommender)
    assert profile == Profile(dataset="ml-100k", gender="M")
    assert person.read[-2].startswith("Gender"), "the first one again"


def test_b_asks_the_same_film_again(recommender):
    person = Person("", "", "", "", "5", "b", "2", "q")
    profile = person.meet(recommender)
    asked = [film_of(question) for question in person.read if ", 1 to 5" in question]
    assert asked[0] == asked[2] != asked[1]
    assert list(profile.ratings.values()) == [2]


@pytest.mark.parametrize(
    ("before", "wrong", "said"),
    [
        (0, "x", "x"),
        (1, "old", "Expected a number; got 'old'."),
        (1, "0", "1 to 120"),
        (1, "999", "1 to 120"),
        (1, "nan", "1 to 120"),
        (2, "astronaut", "astronaut"),
        (3, "0", "Expected numbers from 1 to"),
        (3, "1 99", "Expected numbers from 1 to"),
        (3, "one", "got 'one'"),
        (4, "6", "expected 1 to 5"),
        (4, "2.5", "expected 1 to 5"),
        (4, "good", "got 'good'"),
        (4, "inf", "expected 1 to 5"),
        (4, "\x00", "got '\\x00'"),
    ],
)
def test_a_wrong_answer_is_said_and_asked_again(recommender, before, wrong, said):
    person = Person(*before * [""], wrong, "q")
    assert person.meet(recommender) == Profile(dataset="ml-100k")
    *_, first, message, second = person.read
    assert first == second
    assert said in " ".join(message.split())
    assert "Traceback" not in message


def test_numbers_may_have_a_comma_and_titles_are_listed_once(recommender):
    person = Person("", "", "", "2, 1", "4,0", "q")
    profile = person.meet(recommender)
    assert list(profile.ratings.values()) == [4]
    titles = re.findall(r"^ ?\d+  (.*)$", person.read[-3], re.MULTILINE)
    assert len(titles) == len({*titles}) == TITLES
    assert [*map(recommender.catalogue.label, profile.seen)] == [titles[1], titles[0]]


def test_more_questions_than_films_end(recommender):
    profile = Person(*WHO, "", *100 * ["3"]).meet(recommender, 100)
    assert 20 < len(profile.ratings) <= len(recommender.catalogue)


def test_the_questions_are_in_the_language_spoken(recommender):
    with speaking("es"):
        person = Person("q")
        person.meet(recommender)
    assert person.read[-1].startswith(("Género", "Sexo"))
    assert "mujer" in person.read[-1]
