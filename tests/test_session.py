"""A sitting: whatever is done in whatever order, the list stays right and nothing is lost."""

import copy

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from saelib.errors import SaelibError
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import STATE, Session

ALL = [str(film) for film in range(10, 401, 10)]
FILMS = st.sampled_from(ALL)


@pytest.fixture
def session(trained) -> Session:
    return Session(Recommender(trained))


def listed(session, n=40, **wishes) -> list[str]:
    return session.recommendations(n, **wishes)["movie_id"].astype(str).tolist()


def state(session) -> list:
    return copy.deepcopy([getattr(session, name) for name in STATE])


def test_a_refused_change_changes_nothing(session):
    assert session.recommendations().empty and session.why_empty().startswith("Tick or rate a film")
    session.rate("Film 7 (1957)", None)  # no change
    session.rate(80, 5)
    before, unknown = state(session), "no such film"
    acts = session.tick, session.saw, session.add, session.reject, session.has_seen
    for act, *told in (
        *((session.rate, 80, stars) for stars in (7, float("nan"), "5")),
        *((act, unknown) for act in acts),
        (session.take, Profile({"80": 5}, dataset="ml-1m")),
        *((session.take, Profile(**{key: [unknown]})) for key in ("seen", "rejected", "watchlist")),
        (session.add_profile, Profile({"10": 1, unknown: 5})),
        (session.tell, "F", 500),
        (session.tell, "F", 50, "wizard"),
    ):
        with pytest.raises(SaelibError):
            act(*told)
        assert state(session) == before
    session.undo()
    with pytest.raises(SaelibError, match="nothing to undo"):
        session.undo()


def test_changes_of_one_film_s_stars_with_nothing_between_are_one(session):
    for film, stars in (("80", 1), ("80", 3), ("90", 1), ("80", 2), ("80", 4)):
        session.rate(film, stars)
        session.ask(4)
    for wanted in ({"80": 4, "90": 1}, {"80": 3, "90": 1}, {"80": 3}):
        assert session.profile.ratings == wanted
        session.undo()
    for stars in (3, 5, None):  # there and back
        session.rate("80", stars)
    assert not session.can_undo


def test_the_table_keeps_what_was_rated_or_added(session):
    session.more(4)
    first = session.table
    assert len(first) == 4 and not session.can_undo, "the first questions are no change"
    session.rate(first[1], 4)
    session.add(first[2])
    session.more(4)
    second = session.table
    assert second[:2] == first[1:3] and len(second) == 6 and not {first[0], first[3]} & {*second}
    session.rate(first[1], None)
    session.ask(7)
    assert len(session.table) == 7 and len(set(session.table)) == 7
    session.take(Profile({"80": 5, "Toy Story (1995)": 3}))
    assert session.table == ["80", "10", first[2]]
    for _ in range(4):
        session.undo()
    assert session.table == first
    asked = [film for _ in range(4) for film in session.questions(6)["movie_id"].astype(str)]
    assert len({*asked, *first}) == 28


def test_films_to_tick(session):
    session.more(4)
    session.offer(6)
    first = session.ticks
    assert len(first) == 6 and not {*first} & {*session.table} and not session.can_undo
    session.tick(first[2])
    assert session.profile.seen == [first[2]] and session.has_seen(first[2])
    assert first[2] not in listed(session)
    session.offer(6)
    assert session.ticks[0] == first[2] and len(session.ticks) == 7
    assert not {*session.ticks[1:]} & {*first}
    session.more(30)
    assert first[2] in session.table, "what was seen is asked about"
    assert not {*session.table} & {*first[:2], *first[3:]}, "and what was not ticked is not"
    session.rate(first[2], 4)
    session.tick(first[2], False)
    assert session.profile == Profile(dataset="ml-100k")


def test_a_recommended_film_that_was_seen_awaits_its_stars(session):
    session.rate(80, 5)
    before, film = state(session), listed(session)[0]
    for _ in range(2):  # the second time it was said before
        session.saw(film)
    assert session.profile.seen == [film] and film in session.ticks
    session.more(4)
    assert film in session.table and film not in listed(session)
    session.undo()
    assert state(session) == before


def test_a_watchlist_is_a_filter_and_never_seen(session):
    session.rate(80, 5)
    session.add_profile(Profile(watchlist=["80", "90", "Toy Story (1995)"]))
    assert session.profile.watchlist == ["80", "90", "10"] and session.profile.seen == []
    assert set(listed(session, watchlist=True)) == {"90", "10"}
    session.add_profile(Profile(watchlist=["100", "90"]))
    for film in session.profile.watchlist:
        session.tick(film)
    assert session.recommendations(watchlist=True).empty
    assert "watchlist" in session.why_empty(watchlist=True)
    assert "genre or decade" in session.why_empty(genres=["Drama"])
    for film in ALL:
        session.reject(film)
    assert session.recommendations().empty
    assert session.why_empty().startswith("No film is left: you")


def test_what_was_made_elsewhere_is_added_and_one_undo_takes_it_back(session):
    session.rate(80, 5)
    session.tell(gender="F")
    session.reject(400)
    before = session.profile
    made = Profile({"10": 4, "80": 1}, seen=["Sabrina (1954)"], watchlist=["90"], age=30)
    session.add_profile(made)
    assert session.profile == Profile(
        {"80": 1, "10": 4}, "ml-100k", "F", 30, None, ["70"], ["400"], ["90"]
    )
    assert {"80", "10"} <= {*session.table} and "70" in session.ticks
    session.add_profile(made)  # told before
    session.undo()
    assert session.profile == before


class Sitting(RuleBasedStateMachine):
    """Random changes against a plain record of what the session should hold."""

    recommender: Recommender

    @initialize()
    def begin(self):
        self.session, self.last = Session(self.recommender), None
        self.ratings, self.rejected, self.seen, self.past = {}, [], [], []

    def told(self):
        return dict(self.ratings), list(self.rejected), list(self.seen)

    def remember(self):
        self.past.append(self.told())
        self.last = None

    @rule(film=FILMS, stars=st.lists(st.integers(1, 5) | st.none(), min_size=1, max_size=4))
    def press_keys(self, film, stars):
        for given in stars:
            self.session.rate(film, given)
            if self.ratings.get(film) != given:
                if self.last != film:
                    self.remember()
                self.ratings.pop(film, None)
                self.ratings |= {film: given} if given else {}
                self.last = film
                if self.past[-1] == self.told():
                    self.past.pop()
                    self.last = None

    @rule(film=FILMS)
    def reject(self, film):
        if film not in self.rejected:
            self.remember()
            self.rejected.append(film)
        self.session.reject(film)

    @rule(film=FILMS, seen=st.booleans(), recommended=st.booleans())
    def tick(self, film, seen, recommended):
        if (film in {*self.seen, *self.ratings}) != seen:
            self.remember()
            self.seen = [*self.seen, film] if seen else [f for f in self.seen if f != film]
            if not seen:
                self.ratings.pop(film, None)
        self.session.saw(film) if seen and recommended else self.session.tick(film, seen)

    @rule(n=st.integers(1, 8))
    def questions(self, n):
        self.session.ask(n)

    @precondition(lambda self: self.past)
    @rule()
    def undo(self):
        self.session.undo()
        self.ratings, self.rejected, self.seen = self.past.pop()
        self.last = None

    @invariant()
    def all_is_as_it_should_be(self):
        profile = self.session.profile
        assert profile.ratings == self.ratings
        assert (sorted(profile.rejected), profile.seen) == (sorted(self.rejected), self.seen)
        assert self.session.can_undo == bool(self.past)
        films = listed(self.session, 40)
        gone = {*self.ratings, *self.rejected, *self.seen}
        assert set(films) == ({*ALL} - gone if self.ratings or self.seen else set())
        table = self.session.table
        assert len(table) == len(set(table))


def test_any_sitting(trained):
    Sitting.recommender = Recommender(trained)
    machine = Sitting.TestCase
    machine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
    machine().runTest()
