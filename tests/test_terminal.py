"""The questions at the terminal: typed lines in, a profile out."""

import re

import pytest

from saelib.language import speaking
from saelib.panel.terminal import interview
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender


class Person:
    """Types lines, then the end of input, or what they do instead; remembers all that is said."""

    def __init__(self, *lines: str, then: type[BaseException] = EOFError):
        self.lines, self.then = list(lines), then
        self.read, self.kept = list[str](), list[str]()

    def ask(self, question: str) -> str:
        self.read.append(question)
        if not self.lines:
            raise self.then
        return self.lines.pop(0)

    def meet(self, recommender: Recommender, n_films: int = 20) -> list[float]:
        """The stars that they told, in the order of the questions."""

        def keep(profile: Profile) -> None:
            self.kept.append(profile.to_json())

        self.read, self.kept = [], []
        profile = interview(recommender, n_films, keep=keep, ask=self.ask, say=self.read.append)
        assert profile.to_json() == (self.kept or [Profile(dataset="ml-100k").to_json()])[-1]
        films = re.findall(r"^(.*), 1 to 5", "\n".join(self.read), re.MULTILINE)
        self.films = [*dict.fromkeys(films)]
        labels = [recommender.catalogue.label(film) for film in profile.ratings]
        assert {*labels} <= {*self.films}
        return [*profile.ratings.values()]


@pytest.mark.parametrize("then", [EOFError, KeyboardInterrupt])
@pytest.mark.parametrize(
    ("lines", "stars", "n_kept", "n_asked"),
    [
        (["5", "", "2,0", "4"], [5, 2, 4], 4, 4),
        (["5"], [5], 1, 2),
        (["5", "Q", "4"], [5], 1, 2),
        (["3", "1", "b", "2"], [3, 2], 3, 3),
        (["3", "1", "b", "b", "b", "", "q"], [1], 3, 3),
        ([], [], 0, 1),
    ],
)
def test_each_film_is_asked_once_and_each_answer_is_kept(
    recommender, then, lines, stars, n_kept, n_asked
):
    person = Person(*lines, then=then)
    assert person.meet(recommender, 4) == stars
    assert len(person.kept) == n_kept
    assert len(person.films) == n_asked
    assert "b goes back" in person.read[0]


@pytest.mark.parametrize("wrong", ["6", "2.5", "inf", "nan", "five", "\x00"])
def test_a_wrong_answer_is_said_and_asked_again(recommender, wrong):
    person = Person(wrong, "q")
    assert person.meet(recommender) == []
    _, first, message, second = person.read
    assert first == second
    said = " ".join(message.split())
    assert "expected 1 to 5" in said or said == f"Expected a number; got {wrong!r}."


def test_more_questions_than_films_end(recommender):
    assert 20 < len(Person(*100 * ["3"]).meet(recommender, 100)) <= len(recommender.catalogue)


def test_the_questions_are_in_the_language_spoken(recommender):
    with speaking("es"):
        person = Person("x")
        person.meet(recommender)
    assert person.read[2].startswith("Se esperaba")
