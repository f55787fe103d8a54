"""A sitting: whatever is done in whatever order, the list stays right and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from saelib.errors import ProfileError
from saelib.profile import Profile
from saelib.recommendation import Recommender
from saelib.session import Session

FILMS = st.sampled_from([str(i) for i in range(10, 401, 10)])


@pytest.fixture
def session(trained):
    return Session(Recommender(trained))


def test_rating_changes_the_list_and_undo_brings_it_back(session):
    assert session.recommendations().empty
    assert not session.can_undo
    session.rate(80, 5)
    before = session.recommendations()
    session.rate("90", 1)
    after = session.recommendations()
    assert before["movie_id"].tolist() != after["movie_id"].tolist()
    session.undo()
    assert session.recommendations().equals(before)
    session.rate(80, None)
    assert session.profile.ratings == {}


def test_a_refused_change_changes_nothing(session):
    session.rate(80, 5)
    before = (session.profile, session.recommendations())
    for refused in (
        lambda: session.rate(80, 7),
        lambda: session.rate(80, float("nan")),
        lambda: session.rate("no such film", 5),
        lambda: session.reject("no such film"),
        lambda: session.tick("no such film"),
        lambda: session.take(Profile({"80": 5}, seen=["no such film"])),
        lambda: session.tell(occupation="wizard"),
        lambda: session.tell(age=500),
        lambda: session.take(Profile({"80": 5}, dataset="ml-1m")),
        lambda: session.load(Path("nowhere.json")),
    ):
        with pytest.raises(ProfileError):
            refused()
    assert session.profile == before[0]
    assert session.recommendations().equals(before[1])
    session.undo()
    with pytest.raises(ProfileError, match="nothing to undo"):
        session.undo()


def test_a_rejected_film_goes_and_another_moves_up(session):
    session.tell(gender="F", age=30)
    first, second = session.recommendations()["movie_id"][:2]
    session.reject(first)
    assert session.recommendations()["movie_id"][0] == second
    assert session.rejected == [str(first)]


def test_questions_are_new_ones_each_time(session):
    asked = [film for _ in range(4) for film in session.questions(6)["movie_id"]]
    assert len(set(asked)) == 24


def test_films_on_the_table(session):
    session.more(4)
    first = session.films
    assert not session.can_undo  # the first questions are no change
    session.rate(first[1], 4)
    session.more(4)
    second = session.films
    assert second[1] == first[1]
    assert len(set(second)) == 5
    assert set(first) & set(second) == {first[1]}
    session.add(second[0])
    added = next(film for film in map(str, range(10, 401, 10)) if film not in {*first, *second})
    session.add(added)
    session.rate(first[0], 2)
    assert session.films == [*second, added, first[0]]
    for films in ([*second, added], second, first):
        session.undo()
        assert session.films == films
    session.take(Profile({"80": 5, "Toy Story (1995)": 3}))
    session.more(2)
    assert session.films[:2] == list(session.profile.ratings)
    assert len(session.films) == 4
    session.undo()
    assert session.films == first


def test_films_to_tick(session):
    session.more(4)
    session.offer(6)
    first = session.to_tick
    assert not session.can_undo  # the first ones are no change
    assert len(first) == 6
    assert not set(first) & set(session.films)
    session.tick(first[2])
    assert session.has_seen(first[2])
    assert session.profile.seen == [first[2]]
    assert len(session.recommendations()) == 10
    session.offer(6)
    second = session.to_tick
    assert second[0] == first[2]
    assert len(second) == 7
    assert not set(second[1:]) & {*first, *session.films}
    session.tick(second[3])
    session.more(4)
    assert set(session.films[:2]) == {first[2], second[3]}, "those seen come first"
    session.rate(second[3], 4)
    session.tick(second[3], False)
    assert (session.profile.ratings, session.profile.seen) == ({}, [first[2]])
    session.undo()
    assert session.profile == Profile({second[3]: 4}, "ml-100k", seen=[first[2], second[3]])
    for films in (second, second, second, second, first):
        assert session.to_tick == films
        session.undo()
    assert session.profile == Profile(dataset="ml-100k")


def test_a_film_that_was_asked_in_vain_is_asked_again_once_it_was_ticked(session):
    session.more(4)
    film = session.films[0]
    session.more(4)
    session.tick(film)
    session.more(1)
    assert session.films == [film]
    session.more(1)
    assert session.films != [film], "but once only"


def test_who_ticks_is_not_asked_about_what_they_have_not_ticked(session):
    session.more(4)
    session.offer(6)
    ticked, *others = session.to_tick
    asked = set(session.questions(30)["movie_id"].astype(str))
    assert asked & set(others)
    session.tick(ticked)
    session.more(30)
    assert ticked in session.films
    assert not set(session.films) & set(others)


def test_why_names_ratings_that_were_given(session):
    session.tell(gender="F")
    films = session.recommendations(3)["movie_id"]
    assert session.why(films) == [[], [], []]
    session.rate(80, 5)
    session.rate(90, 2)
    for reasons in session.why(session.recommendations(5)["movie_id"]):
        for name, stars, share in reasons:
            assert stars == session.profile.ratings[str(10 * (int(name.split()[1]) + 1))]
            assert share > 0


def test_hostile_profiles_are_refused_in_one_line(session, tmp_path):
    path = tmp_path / "profile.json"
    for text in (
        '{"ratings": {"80": NaN}}',
        json.dumps({"ratings": {str(i): 5 for i in range(1_000_000)}}),
        json.dumps({"dataset": "ml-1m", "ratings": {"80": 5}}),
        '{"ratings": {"80": "<script>"}}',
    ):
        path.write_text(text)
        with pytest.raises(ProfileError) as refused:
            session.load(path)
        assert len(str(refused.value)) < 500
        assert "\n" not in str(refused.value)
    assert not session.can_undo


class Sitting(RuleBasedStateMachine):
    """Random changes against a plain dict of what the session should hold."""

    trained = None

    @initialize()
    def begin(self):
        self.session = Session(Recommender(self.trained))
        self.ratings, self.rejected, self.seen, self.past = {}, [], [], []

    def remember(self):
        self.past.append((dict(self.ratings), list(self.rejected), list(self.seen)))

    @rule(film=FILMS, stars=st.integers(1, 5))
    def rate(self, film, stars):
        if self.ratings.get(film) != stars:
            self.remember()
            self.ratings[film] = stars
        self.session.rate(film, stars)

    @rule(film=FILMS)
    def take_back(self, film):
        if film in self.ratings:
            self.remember()
            del self.ratings[film]
        self.session.rate(film, None)

    @rule(film=FILMS)
    def reject(self, film):
        if film not in self.rejected:
            self.remember()
            self.rejected.append(film)
        self.session.reject(film)

    @rule(film=FILMS, seen=st.booleans())
    def tick(self, film, seen):
        if (film in {*self.seen, *self.ratings}) != seen:
            self.remember()
            if seen:
                self.seen.append(film)
            else:
                self.ratings.pop(film, None)
                self.seen = [other for other in self.seen if other != film]
        self.session.tick(film, seen)

    @precondition(lambda self: self.past)
    @rule()
    def undo(self):
        self.ratings, self.rejected, self.seen = self.past.pop()
        self.session.undo()

    @rule()
    def save_and_load(self):
        before = self.session.recommendations(40)
        with TemporaryDirectory() as folder:
            self.session.save(Path(folder) / "me.json")
            other = Session(self.session.recommender)
            other.load(Path(folder) / "me.json")
        for film in self.rejected:
            other.reject(film)
        assert other.recommendations(40).equals(before)

    @invariant()
    def the_list_is_right(self):
        assert self.session.profile.ratings == self.ratings
        films = self.session.recommendations(40)
        assert self.session.profile.seen == self.seen
        unwanted = {*self.ratings, *self.rejected, *self.seen}
        assert not set(films["movie_id"].astype(str)) & unwanted
        assert films["score"].is_monotonic_decreasing
        assert len(films) == (40 - len(unwanted) if self.ratings or self.seen else 0)


def test_any_sequence_of_changes(trained):
    machine = type("SittingOfThis", (Sitting,), {"trained": trained}).TestCase
    machine.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
    machine("runTest").runTest()
