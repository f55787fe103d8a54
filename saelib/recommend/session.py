"""One person at the panel: what they told, what they are asked, and the way back."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from saelib.errors import ProfileError
from saelib.language import _
from saelib.recommend.changes import Changes
from saelib.recommend.play import what_if
from saelib.recommend.profile import Profile
from saelib.recommend.questions import likely_seen, next_films
from saelib.recommend.reasons import Reasons, reasons
from saelib.recommend.recommender import Recommender

ABOUT = ("gender", "age", "occupation")
# Seconds: keys pressed one after the other come sooner; who looks at the list in between, later.
PAUSE = 1.0


@dataclass
class _State:
    profile: Profile
    films: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)  # films on the table that nobody had to ask for
    asked: list[str] = field(default_factory=list)  # all that were on the table for their stars
    to_tick: list[str] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)  # all that were there to be ticked


class Session:
    """A sitting with a recommender: tick, rate, tell, reject, undo, save, load. No widgets in it.

    Films are named by movie_id as text, see `Catalogue.name`. Every change is checked before it
    is made: where it is refused with a ProfileError, nothing has changed.
    """

    def __init__(self, recommender: Recommender, clock: Callable[[], float] = time.monotonic):
        """clock: tells the seconds that part one gesture from the next."""
        self.recommender = recommender
        self._clock = clock
        self._state = _State(Profile(dataset=recommender.dataset))
        self._past: list[_State] = []
        self._surprises: list[str] = []  # those drawn so far
        # Which the last change was part of, and when that was.
        self._gesture: tuple[Hashable, float] | None = None

    @property
    def profile(self) -> Profile:
        """What was told; change it through the methods only."""
        return self._state.profile

    @property
    def films(self) -> list[str]:
        """The films on the table, in the order in which they came: the rated and the open ones."""
        return list(self._state.films)

    @property
    def to_tick(self) -> list[str]:
        """The films of which the person can say that they have seen them, ticked or not."""
        return list(self._state.to_tick)

    @property
    def knows_people(self) -> bool:
        """Whether gender, age and occupation make a difference to the model."""
        return self.recommender.knows_people

    @property
    def has_told(self) -> bool:
        """Whether anything was told that the model can go by."""
        profile = self.profile
        about = (profile.gender, profile.age, profile.occupation)
        seen = profile.seen and self.recommender.knows_seen
        return bool(profile.ratings or seen or (self.knows_people and any(about)))

    def has_seen(self, film: str) -> bool:
        """Whether the person has ticked or rated the film."""
        return film in self.profile.seen or film in self.profile.ratings

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._past)

    def rate(self, film: str | int, stars: float | None) -> None:
        """Give a film stars; None takes them back. Raises ProfileError."""
        name = self._id(film)
        if stars is not None:
            stars = self.recommender.check_stars(film, stars)
        if self.profile.ratings.get(name) == stars:
            return
        state = self._change()
        if stars is None:
            del state.profile.ratings[name]
        else:
            state.profile.ratings[name] = _whole(stars)
        if name not in state.films:
            state.films.append(name)

    def tick(self, film: str | int, seen: bool = True) -> None:
        """Say that a film was seen, or that it was not: then its stars go, too. ProfileError."""
        name = self._id(film)
        if self.has_seen(name) != seen:
            state = self._change()
            profile = state.profile
            if seen:
                profile.seen.append(name)
                state.asked = [other for other in state.asked if other != name]  # ask once more
            else:
                profile.seen = [other for other in profile.seen if other != name]
                profile.ratings.pop(name, None)

    def saw(self, film: str | int) -> None:
        """Say that a recommended film was seen: ticked, and on the table for its stars.

        Raises ProfileError.
        """
        name = self._id(film)
        if not self.has_seen(name):
            state = self._change()
            state.profile.seen.append(name)
            for films in (state.films, state.added, state.to_tick):
                if name not in films:
                    films.append(name)

    def offer(self, n: int = 10) -> None:
        """Put the n films that were most likely seen among those to tick, for the others there.

        Ticked films stay where they are. As with `more`, `undo` does not take the first ones back.
        """
        if self._state.offered:
            self._change()
        state = self._state
        closed = {*state.offered, *state.to_tick, *state.films}
        new = self._ids(likely_seen(self.recommender, self.profile, n, closed))
        state.offered += new
        state.to_tick = [film for film in state.to_tick if self.has_seen(film)] + new

    def add(self, film: str | int) -> None:
        """Put a film on the table, to be rated, and to stay there. Raises ProfileError."""
        name = self._id(film)
        if name not in self._state.added:
            state = self._change()
            state.added.append(name)
            if name not in state.films:
                state.films.append(name)

    def more(self, n: int = 5) -> None:
        """Put the next n questions on the table, in the places of those not answered.

        Films that are rated, or were added, stay where they are. The first questions of a sitting,
        and those after a restart or a load, belong to it: `undo` does not take them back alone.
        """
        if self._state.asked:
            self._change()
        new = iter(self._ids(self.questions(n)))
        stay = {*self.profile.ratings, *self._state.added}
        kept = [film if film in stay else next(new, None) for film in self._state.films]
        self._state.films = [film for film in kept if film is not None] + list(new)

    def ask(self, n: int = 5) -> None:
        """Put further questions at the end of the table, until n films there have no stars.

        They belong to the last change: `undo` takes them back with it.
        """
        n_open = len(set(self._state.films).difference(self.profile.ratings))
        if n_open < n:
            self._state.films += self._ids(self.questions(n - n_open))

    def tell(
        self, gender: str | None = None, age: float | None = None, occupation: str | None = None
    ) -> None:
        """Say who you are; None: prefer not to say. Raises ProfileError."""
        self.recommender.bundle.demographics.encode(gender, age, occupation)
        told = {"gender": gender, "age": age, "occupation": occupation}
        if any(getattr(self.profile, key) != value for key, value in told.items()):
            profile = self._change().profile
            profile.gender, profile.age, profile.occupation = gender, age, occupation

    def reject(self, film: str | int, rejected: bool = True) -> None:
        """Never recommend this film, or recommend it again. Raises ProfileError."""
        name = self._id(film)
        if (name in self.profile.rejected) != rejected:
            profile = self._change().profile
            if rejected:
                profile.rejected.append(name)
            else:
                profile.rejected = [other for other in profile.rejected if other != name]

    def undo(self) -> None:
        """Take back the last change, or gesture. Raises ProfileError where there is none."""
        if not self._past:
            raise ProfileError(_("There is nothing to undo."))
        self._state, self._gesture = self._past.pop(), None

    @contextmanager
    def gesture(self, name: Hashable) -> Iterator[None]:
        """All changes within are one for `undo`, and one with those of this name right before.

        `with session.gesture(("stars", "80")): session.rate("80", 4)`, five times while somebody
        presses a key five times, is one change; after PAUSE seconds without one, a new one begins.
        A gesture after which the profile is as before is none. Where one of its changes is
        refused, all of them in this block are.
        """
        n_past, before = len(self._past), self._gesture
        going_on = before is not None and before[0] == name and self._clock() - before[1] < PAUSE
        start = copy.deepcopy(self._state)
        try:
            yield
        except BaseException:
            self._state, self._gesture = start, before
            del self._past[n_past:]
            raise
        if len(self._past) > n_past:
            del self._past[n_past if going_on else n_past + 1 :]
            self._gesture = (name, self._clock())
            if self._past[-1].profile == self._state.profile:
                self._past.pop()
                self._gesture = None

    def restart(self) -> None:
        """Forget everything that was told; `undo` brings it back."""
        self._change()
        self._state = _State(Profile(dataset=self.recommender.dataset))
        self._surprises = []

    def save(self, path: Path) -> None:
        """Write the profile as JSON, as `python -m saelib rate` does. Raises ProfileError."""
        self.profile.save(path)

    def load(self, path: Path) -> None:
        """Take a saved profile in place of what was told. Raises ProfileError."""
        self.take(Profile.load(path))

    def take(self, profile: Profile) -> None:
        """Take a profile in place of what was told; titles become movie_ids. ProfileError.

        Films that were added to the table stay there.
        """
        taken = self._checked(profile)
        table = list(dict.fromkeys([*taken.ratings, *self._state.added]))
        self._change()
        self._state = _State(taken, table, list(table), to_tick=list(taken.seen))

    def add_profile(self, profile: Profile) -> None:
        """Add what a profile tells to what was told; its stars win, one `undo` takes it all back.

        For exports of elsewhere, of which a person may have several. Raises ProfileError.
        """
        told, before = self._checked(profile), self.profile
        rated = {**before.ratings, **told.ratings}
        joined = replace(
            before,
            ratings=rated,
            seen=list(dict.fromkeys([*before.seen, *told.seen])),
            rejected=list(dict.fromkeys([*before.rejected, *told.rejected])),
            **{key: getattr(told, key) or getattr(before, key) for key in ABOUT},
        )
        if joined == before:
            return
        state = self._change()
        state.profile = joined
        state.films = list(dict.fromkeys([*state.films, *told.ratings]))
        state.to_tick = list(dict.fromkeys([*state.to_tick, *told.seen]))

    def _checked(self, profile: Profile) -> Profile:
        """The profile with films by movie_id, once each. Raises ProfileError."""
        self.recommender.encode(profile, empty=True)
        seen, rejected = (
            list(dict.fromkeys(map(self._id, films))) for films in (profile.seen, profile.rejected)
        )
        ratings = {self._id(film): _whole(stars) for film, stars in profile.ratings.items()}
        dataset = self.recommender.dataset
        return replace(profile, ratings=ratings, dataset=dataset, seen=seen, rejected=rejected)

    def questions(self, n: int = 5) -> pd.DataFrame:
        """The next n films to ask about: movie_id, title, year, genres. See `next_films`.

        Who ticks films has not seen the others among which they stood: these are not asked about.
        """
        known = {*self._state.asked, *self._state.films}
        if self.profile.seen:
            known.update(set(self._state.offered).difference(self.profile.seen))
        films = next_films(self.recommender, self.profile, n, known)
        self._state.asked += self._ids(films)
        return films

    def recommendations(self, n: int = 10, **wishes) -> pd.DataFrame:
        """The n best films as `Recommender.recommend` gives them.

        wishes: genres, decades, well_known. Empty where nothing was told yet.
        """
        profile = self.profile
        if not self.has_told:
            return pd.DataFrame(columns=["movie_id", "title", "year", "genres", "stars", "score"])
        return self.recommender.recommend(profile, n, **wishes)

    def reasons(self, films: Collection[str | int], n: int = 3) -> list[Reasons]:
        """For each film, why the person would come across it, and why they would like it."""
        if not (self.profile.ratings or self.profile.seen):
            return [Reasons() for _ in films]
        return reasons(self.recommender, self.profile, films, n)

    def surprise(self) -> pd.DataFrame:
        """One film off the beaten track, each time another one; see `Recommender.surprise`.

        Empty where nothing was told yet, or no film is left.
        """
        if not self.has_told:
            return self.recommendations()
        film = self.recommender.surprise(self.profile, len(self._surprises), self._surprises)
        self._surprises += self._ids(film)
        return film

    def what_if(
        self, film: str | int, stars: float | None = None, n: int = 10, **wishes
    ) -> tuple[pd.DataFrame, pd.DataFrame, Changes]:
        """The list as it is, as it would be if the film had stars, and what changed.

        See `play.what_if`. Raises ProfileError, also where nothing was told yet.
        """
        return what_if(self.recommender, self.profile, film, stars, n=n, **wishes)

    def place(self) -> tuple[float, float] | None:
        """Where the person stands on the map of tastes; None where nothing was rated yet."""
        if not self.profile.ratings:
            return None
        return self.recommender.place(self.profile)

    def _id(self, film: str | int) -> str:
        catalogue = self.recommender.catalogue
        return catalogue.name(catalogue.position(film))

    def _ids(self, films: pd.DataFrame) -> list[str]:
        return [self._id(film) for film in films["movie_id"]]

    def _change(self) -> _State:
        """Remember the state for `undo` and return the one to change."""
        self._past.append(copy.deepcopy(self._state))
        self._gesture = None
        return self._state


def _whole(stars: float) -> float:
    return int(stars) if stars == int(stars) else stars
