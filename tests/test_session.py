"""A sitting: whatever is done in whatever order, the list stays right and nothing is lost."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from saelib.errors import ProfileError
from saelib.recommend.profile import Profile
from saelib.recommend.reasons import Reasons
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import PAUSE, Session

FILMS = st.sampled_from([str(i) for i in range(10, 401, 10)])


@pytest.fixture
def session(bundle):
    return Session(Recommender(bundle))


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
        lambda: session.saw("no such film"),
        lambda: session.tick("no such film"),
        lambda: session.take(Profile({"80": 5}, seen=["no such film"])),
        lambda: session.take(Profile({"80": 5}, rejected=["no such film"])),
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
    assert session.profile.rejected == [str(first)]
    session.undo()
    assert session.recommendations()["movie_id"][0] == first


def test_what_was_rejected_stays_so_in_a_file(session, tmp_path):
    session.rate(80, 5)
    first, second, third = session.recommendations()["movie_id"][:3]
    session.reject(first)
    session.reject(second)
    session.save(tmp_path / "me.json")
    other = Session(session.recommender)
    other.load(tmp_path / "me.json")
    assert other.recommendations()["movie_id"][0] == third
    assert other.profile == session.profile
    profile = Profile.load(tmp_path / "me.json")
    assert session.recommender.recommend(profile)["movie_id"][0] == third
    titles = Profile(
        {"80": 5}, rejected=[session.recommender.catalogue.labels[int(first) // 10 - 1]]
    )
    other.take(titles)
    assert other.profile.rejected == [str(first)]
    other.undo()
    assert other.profile == session.profile
    other.restart()
    assert other.profile.rejected == []


def test_a_rejected_film_may_come_back(session):
    session.rate(80, 5)
    first = session.recommendations()["movie_id"][0]
    session.reject(first)
    session.reject(first, False)
    session.reject(first, False)
    assert session.recommendations()["movie_id"][0] == first
    session.undo()
    assert session.profile.rejected == [str(first)]


def test_presses_at_once_are_one_change_and_taps_that_are_apart_two(bundle):
    now = 0.0
    session = Session(Recommender(bundle), clock=lambda: now)
    session.more(4)
    film, other = session.films[:2]
    for apart, stars in ((0, 1), (0.4, 2), (0.9, 3), (PAUSE + 0.1, 5), (0.3, 4), (30, 1)):
        now += apart
        with session.gesture(("stars", film)):
            session.rate(film, stars)
        session.ask(4)
    for left in (4, 3):
        session.undo()
        assert session.profile.ratings == {film: left}
    with session.gesture(("stars", film)):  # at once, but after an undo
        session.rate(film, 2)
    session.undo()
    assert session.profile.ratings == {film: 3}
    session.undo()
    assert session.profile.ratings == {}
    assert not session.can_undo
    for which in (film, other):  # at once, but of two films
        with session.gesture(("stars", which)):
            session.rate(which, 5)
    session.undo()
    assert session.profile.ratings == {film: 5}
    now += 5
    for stars in (3, 5):  # there and back, while another question came
        with session.gesture(("stars", film)):
            session.rate(film, stars)
        session.ask(len(session.films) + 1)
    session.undo()
    assert session.profile.ratings == {}, "there and back is no change to undo"


def test_one_gesture_is_one_undo(session):
    def press(film: str, *stars: float) -> None:
        for given in stars:
            with session.gesture(("stars", film)):
                session.rate(film, given)

    press("80", 1, 2, 3, 4, 5)
    press("90", 5, 4)
    assert session.profile.ratings == {"80": 5, "90": 4}
    session.undo()
    assert session.profile.ratings == {"80": 5}
    press("80", 4)  # after an undo a new gesture begins
    session.undo()
    assert session.profile.ratings == {"80": 5}
    session.undo()
    assert session.profile.ratings == {}
    assert not session.can_undo
    press("80", 3, 2)
    session.reject("100")
    press("80", 1)  # something else was done in between
    session.undo()
    assert session.profile == Profile({"80": 2}, "ml-100k", rejected=["100"])
    session.undo()
    session.add("90")
    press("90", 3)
    press("90", None)
    assert session.profile.ratings == {"80": 2}
    assert "90" in session.films
    session.undo()  # of having added it
    session.undo()
    assert session.profile.ratings == {}, "a gesture that ends where it began is none"
    press("80", 5)
    press("80", 5)
    session.undo()
    assert not session.can_undo


def test_a_gesture_of_several_changes_is_made_whole_or_not_at_all(session):
    session.rate("80", 5)
    before = copy.deepcopy(session.profile)
    with pytest.raises(ProfileError), session.gesture("several"):
        session.tick("90")
        session.rate("90", 4)
        session.rate("90", 9)
    assert session.profile == before
    with session.gesture("several"):
        session.tick("90")
        session.rate("90", 4)
    session.undo()
    assert session.profile == before
    session.undo()
    assert not session.can_undo


@pytest.mark.parametrize("films", ['"50"', "{}", "[5.5]", "[null]", "[true]", "[[]]"])
def test_rejected_films_are_a_list_of_names(films):
    with pytest.raises(ProfileError, match='another "rejected" than a list'):
        Profile.from_json('{"ratings": {}, "rejected": ' + films + "}")


def test_a_profile_without_rejected_films_reads_as_before():
    text = '{"dataset": "ml-100k", "ratings": {"80": 5}}'
    assert Profile.from_json(text) == Profile({"80": 5}, "ml-100k")
    assert "rejected" not in Profile({"80": 5}).to_json()


def test_a_recommended_film_that_was_seen_is_ticked_and_awaits_its_stars(session):
    session.more(4)
    session.offer(6)
    session.rate(session.films[0], 5)
    before = (copy.deepcopy(session.profile), session.films, session.to_tick)
    film = str(session.recommendations()["movie_id"][0])
    session.saw(film)
    assert session.profile.seen == [film]
    assert film in session.films
    assert film in session.to_tick
    assert film not in session.recommendations(40)["movie_id"].astype(str).tolist()
    session.more(4)
    assert film in session.films
    session.undo()
    session.saw(film)  # said before
    session.undo()
    assert (session.profile, session.films, session.to_tick) == before


def test_more_films_and_loading_keep_what_was_added_by_hand(session):
    session.more(4)
    by_hand = session.films[2]
    session.add(by_hand)  # it stood there already, as a question
    other = next(film for film in map(str, range(10, 401, 10)) if film not in session.films)
    session.add(other)
    for _ in range(3):
        session.more(4)
    assert {by_hand, other} <= set(session.films)
    session.take(Profile({"80": 5, "90": 4}))
    session.more(4)
    assert {by_hand, other, "80", "90"} <= set(session.films)
    session.rate(80, None)
    session.more(4)
    assert {by_hand, other, "80", "90"} <= set(session.films)
    session.restart()
    session.more(4)
    assert len(session.films) == 4


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
    for films in ([*second, added], second, second, first):
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


def test_reasons_name_ratings_that_were_given(session):
    session.tell(gender="F")
    films = session.recommendations(3)["movie_id"]
    assert session.reasons(films) == [Reasons()] * 3
    session.rate(80, 5)
    session.rate(90, 2)
    found = session.reasons(session.recommendations(5)["movie_id"])
    named = [reason for of_film in found for reason in (*of_film.see, *of_film.like)]
    assert named
    for reason in named:
        film = str(10 * (int(reason.name.split()[1]) + 1))
        assert reason.stars == session.profile.ratings[film]


@pytest.mark.slow
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

    bundle = None

    @initialize()
    def begin(self):
        self.session = Session(Recommender(self.bundle))
        self.ratings, self.rejected, self.seen, self.past = {}, [], [], []

    def remember(self):
        self.past.append((dict(self.ratings), list(self.rejected), list(self.seen)))

    @rule(film=FILMS, stars=st.integers(1, 5))
    def rate(self, film, stars):
        if self.ratings.get(film) != stars:
            self.remember()
            self.ratings[film] = stars
        self.session.rate(film, stars)

    @rule(film=FILMS, stars=st.lists(st.integers(1, 5) | st.none(), min_size=1, max_size=4))
    def press_keys(self, film, stars):
        """Several in one gesture; another rule, or this one with another film, ends it."""
        before = dict(self.ratings)
        after = {**before, film: stars[-1]} if stars[-1] else dict(before)
        if not stars[-1]:
            after.pop(film, None)
        if after != before:
            self.remember()
        with self.session.gesture(object()):
            for given in stars:
                self.session.rate(film, given)
        self.ratings = after

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

    @rule(film=FILMS)
    def saw(self, film):
        if film not in {*self.seen, *self.ratings}:
            self.remember()
            self.seen.append(film)
        self.session.saw(film)
        assert film in self.ratings or film in self.session.films or film in self.seen

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


def test_any_sequence_of_changes(bundle):
    machine = type("SittingOfThis", (Sitting,), {"bundle": bundle}).TestCase
    machine.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
    machine("runTest").runTest()
