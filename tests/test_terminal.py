"""The questions at the terminal: typed lines in, a profile out."""

from __future__ import annotations

import re

import pytest

from saelib.language import speaking
from saelib.panel.terminal import TITLES, interview
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender

WHO, NOTHING = ["female", "24", "writer"], Profile(dataset="ml-100k")


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

    def films(self) -> list[str]:
        """The films of which they were asked the stars."""
        return re.findall(r"^(.*), 1 to 5", "\n".join(self.read), re.MULTILINE)


def test_all_questions_answered(recommender):
    person = Person(*WHO, "1 3, 4", "5", "", "2,0", "4")
    profile = person.meet(recommender, 4)
    assert person.lines == []
    assert (profile.gender, profile.age, profile.occupation) == ("F", 24, "writer")
    titles = re.findall(r"^ ?\d+  (.*)$", person.read[4], re.MULTILINE)
    assert len({*titles}) == TITLES
    label, films = recommender.catalogue.label, person.films()
    assert [label(film) for film in profile.seen] == [titles[0], titles[2], titles[3]]
    assert films[0] in titles, "who has seen films is asked about them first"
    assert len({*films}) == 4
    assert [label(film) for film in profile.ratings] == [films[0], films[2], films[3]]
    assert [*profile.ratings.values()] == [5, 2, 4]
    assert person.kept[-1] == profile.to_json()
    assert len(person.kept) == 8, "after each answer"


@pytest.mark.parametrize("then", [EOFError, KeyboardInterrupt])
def test_whoever_ends_keeps_what_was_told(recommender, then):
    person = Person(*WHO, "", "5", then=then)
    profile = person.meet(recommender)
    assert list(profile.ratings.values()) == [5]
    assert person.kept[-1] == profile.to_json()


@pytest.mark.parametrize("n", range(6))
def test_q_finishes_at_any_question_and_enter_skips_each(recommender, n):
    person = Person(*[*WHO, "1", "4", "3"][:n], "Q", "5")
    assert bool(person.meet(recommender).ratings) == (n > 4)
    assert person.lines == ["5"]
    assert Person(*n * [""]).meet(recommender) == NOTHING


def test_b_goes_back_over_ratings_ticks_and_who_one_is(recommender):
    person = Person(*WHO, "1 2", "5", "", "3", *7 * ["b"], "b", "male", "b", "M", "q")
    assert person.meet(recommender) == Profile(dataset="ml-100k", gender="M")
    assert person.read[-2].startswith("Gender"), "the first one again"
    person = Person("", "", "", "", "5", "b", "2", "q")
    assert list(person.meet(recommender).ratings.values()) == [2]
    films = person.films()
    assert films[0] == films[2] != films[1]


@pytest.mark.parametrize(
    ("before", "wrong", "said"),
    [
        (0, "x", "x"),
        (1, "old", "Expected a number; got 'old'."),
        *((1, age, "1 to 120") for age in ("0", "999", "nan")),
        (2, "astronaut", "astronaut"),
        *((3, numbers, "Expected numbers from 1 to") for numbers in ("0", "1 99", "one")),
        *((4, stars, "expected 1 to 5") for stars in ("6", "2.5", "inf")),
        (4, "\x00", "got '\\x00'"),
    ],
)
def test_a_wrong_answer_is_said_and_asked_again(recommender, before, wrong, said):
    person = Person(*before * [""], wrong, "q")
    assert person.meet(recommender) == NOTHING
    *_, first, message, second = person.read
    assert first == second
    assert said in " ".join(message.split())


def test_more_questions_than_films_end(recommender):
    profile = Person(*WHO, "", *100 * ["3"]).meet(recommender, 100)
    assert 20 < len(profile.ratings) <= len(recommender.catalogue)


def test_the_questions_are_in_the_language_spoken(recommender):
    with speaking("es"):
        person = Person("q")
        person.meet(recommender)
    assert person.read[-1].startswith(("Género", "Sexo"))
    assert "mujer" in person.read[-1]
