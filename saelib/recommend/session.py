"""One person's sitting: what they told, what they are asked, and the way back."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

import pandas as pd

from saelib.errors import SaelibError
from saelib.language import _
from saelib.recommend.profile import FILMS, Profile
from saelib.recommend.questions import likely_seen, next_films
from saelib.recommend.reasons import Reasons, reasons
from saelib.recommend.recommender import Recommender, check_stars

STATE = ("profile", "table", "ticks", "_asked", "_offered")  # what `undo` brings back


class Session:
    """A sitting with a recommender: tick, rate, tell, reject, undo. No widgets in it.

    Films are named by movie_id or title and come back as movie_id in text. A change that is refused
    with a SaelibError changes nothing. To be read only: profile, what was told; table, the films to
    rate in the order in which they came, the rated and the open ones; ticks, those of which the
    person can say that they have seen them, ticked or not.
    """

    def __init__(self, recommender: Recommender):
        self.recommender = recommender
        self._past: list[list[Any]] = []
        self._last = ""  # the film whose stars were the last change
        self._begin(Profile(dataset=recommender.dataset))

    def _begin(self, profile: Profile, added: Iterable[str] = ()) -> None:
        self.profile, self.ticks = profile, list(profile.seen)
        self.table = _joined(profile.ratings, added)
        # All that came to the table or to the ticks unasked, and is not to come again.
        self._asked, self._offered = list[str](), list[str]()

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._past)

    def has_seen(self, film: str | int) -> bool:
        """Whether the person has ticked or rated the film."""
        return self._id(film) in {*self.profile.seen, *self.profile.ratings}

    def rate(self, film: str | int, stars: float | None) -> None:
        """Give a film stars; None takes them back.

        Changes of one film's stars with nothing between are one for `undo`; where they end as they
        began, they are none.
        """
        name, last = self._id(film), self._last
        ratings = self._ratings_without(name)
        if stars is not None:
            ratings[name] = check_stars(film, stars, self.recommender.scale)
        if self._tell(ratings=ratings):
            self.table, self._last = _joined(self.table, [name]), name
            if last == name:
                self._past.pop()
            if self._past[-1][0] == self.profile:
                self._past.pop()
                self._last = ""

    def tick(self, film: str | int, seen: bool = True) -> None:
        """Say that a film was seen, or that it was not: then its stars go, too."""
        name, before = self._id(film), self.profile.seen
        if not seen:
            self._tell(seen=_without(before, name), ratings=self._ratings_without(name))
        elif not self.has_seen(name):
            self._tell(seen=[*before, name])
            self._asked = _without(self._asked, name)  # it may be asked about once more

    def saw(self, film: str | int) -> None:
        """Say that a recommended film was seen: ticked, and on the table for its stars."""
        name = self._id(film)
        if not self.has_seen(name):
            self.tick(name)
            self.table, self.ticks = _joined(self.table, [name]), _joined(self.ticks, [name])

    def add(self, film: str | int) -> None:
        """Put a film on the table, to be rated, and to stay there."""
        name = self._id(film)
        if name not in self.table or name in self._asked:
            self._change()
            self.table, self._asked = _joined(self.table, [name]), _without(self._asked, name)

    def reject(self, film: str | int) -> None:
        """Never recommend this film."""
        self._tell(rejected=_joined(self.profile.rejected, [self._id(film)]))

    def tell(
        self, gender: str | None = None, age: float | None = None, occupation: str | None = None
    ) -> None:
        """Say who you are; None: prefer not to say."""
        told = replace(self.profile, gender=gender, age=age, occupation=occupation)
        self.recommender.encode(told, empty=True)
        self._tell(**vars(told))

    def take(self, profile: Profile) -> None:
        """Take a profile in place of what was told. Films that were added to the table stay."""
        told = self._checked(profile)
        self._change()
        self._begin(told, [film for film in self.table if film not in self._asked])

    def add_profile(self, profile: Profile) -> None:
        """Add what a profile tells to what was told; its stars win, one `undo` takes it back."""
        told, before = vars(self._checked(profile)), vars(self.profile)
        joined = {key: told[key] or before[key] for key in before}
        joined |= {key: _joined(before[key], told[key]) for key in FILMS}
        if self._tell(**joined | {"ratings": before["ratings"] | told["ratings"]}):
            self.table = _joined(self.table, told["ratings"])
            self.ticks = _joined(self.ticks, told["seen"])

    def restart(self) -> None:
        """Forget everything that was told; `undo` brings it back."""
        self._change()
        self._begin(Profile(dataset=self.recommender.dataset))

    def undo(self) -> None:
        """Take back the last change. Raises SaelibError where there is none."""
        if not self._past:
            raise SaelibError(_("There is nothing to undo."))
        for name, value in zip(STATE, self._past.pop()):
            setattr(self, name, value)
        self._last = ""

    def questions(self, n: int = 5) -> pd.DataFrame:
        """The next n films to ask about, see `next_films`; each is asked about once.

        Who ticks films has not seen the others among which they stood: these are not asked about.
        """
        seen = self.profile.seen
        passed_over = set(self._offered).difference(seen) if seen else ()
        asked = {*self._asked, *self.table, *passed_over}
        films = next_films(self.recommender, self.profile, n, asked)
        self._asked = self._asked + _ids(films)
        return films

    def ask(self, n: int = 5) -> None:
        """Put questions at the end of the table, until n films there have no stars.

        They belong to the last change: `undo` takes them back with it.
        """
        n_open = len(set(self.table).difference(self.profile.ratings))
        if n_open < n:
            self.table = self.table + _ids(self.questions(n - n_open))

    def more(self, n: int = 5) -> None:
        """Put the next n questions on the table; those not answered go, as rated and added do not.

        As with `offer`, the first ones of a sitting, and those after a restart or a load, belong to
        it: `undo` does not take them back alone.
        """
        if self._asked:
            self._change()
        stay = {*self.table}.difference(self._asked).union(self.profile.ratings)
        self.table = [film for film in self.table if film in stay] + _ids(self.questions(n))

    def offer(self, n: int = 10) -> None:
        """Put the n films most likely seen among those to tick; ticked ones stay there."""
        if self._offered:
            self._change()
        known = {*self._offered, *self.ticks, *self.table}
        new = _ids(likely_seen(self.recommender, self.profile, n, known))
        self.ticks = [film for film in self.ticks if self.has_seen(film)] + new
        self._offered = self._offered + new

    def recommendations(
        self, n: int = 10, *, watchlist: bool = False, **wishes: Collection
    ) -> pd.DataFrame:
        """The n best films, see `Recommender.recommend`; none where nothing was told yet.

        watchlist: only films of the profile's. wishes: genres, decades. Raises SaelibError.
        """
        only = self.profile.watchlist if watchlist else None
        if watchlist and not only:
            raise SaelibError(_("There is no watchlist yet: load a file that lists films to see."))
        if not self.recommender.can_use(self.profile):
            return self.recommender.catalogue.rows([]).assign(stars=0.0, score=0.0)
        return self.recommender.recommend(self.profile, n, only=only, **wishes)

    def why_empty(self, watchlist: bool = False, **wishes: Collection) -> str:
        """Why a list of `recommendations` has no film, in a sentence."""
        if not self.recommender.can_use(self.profile):
            return _("Tick or rate a film that you have seen: films to watch next appear.")
        if any(wishes.values()):
            return _("No film is left that fits: choose another genre or decade.")
        if watchlist:
            return _("Nothing is left on your watchlist: you have seen or rejected all of it.")
        return _("No film is left: you have seen or rejected all of them.")

    def reasons(self, films: Collection[str | int], n: int = 3) -> list[Reasons]:
        """For each film, why the person would come across it, and why they would like it."""
        return reasons(self.recommender, self.profile, films, n)

    def _change(self) -> None:
        """Remember what `undo` leads back to."""
        self._past.append([getattr(self, name) for name in STATE])
        self._last = ""

    def _tell(self, **told: Any) -> bool:
        """Change the profile, if it is a change; whether it was one."""
        profile = replace(self.profile, **told)
        if profile == self.profile:
            return False
        self._change()
        self.profile = profile
        return True

    def _checked(self, profile: Profile) -> Profile:
        """The profile with films by movie_id, once each."""
        self.recommender.encode(profile, empty=True)
        told, scale = dict[str, Any](dataset=self.recommender.dataset), self.recommender.scale
        told |= {key: _joined(map(self._id, getattr(profile, key)), ()) for key in FILMS}
        stars = {self._id(film): check_stars(film, x, scale) for film, x in profile.ratings.items()}
        return replace(profile, ratings=stars, **told)

    def _id(self, film: str | int) -> str:
        return self.recommender.catalogue.movie_id(film)

    def _ratings_without(self, film: str) -> dict[str, float]:
        return {other: stars for other, stars in self.profile.ratings.items() if other != film}


def _ids(films: pd.DataFrame) -> list[str]:
    return films["movie_id"].astype(str).tolist()


def _joined(films: Iterable[str], others: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*films, *others]))


def _without(films: Iterable[str], film: str) -> list[str]:
    return [other for other in films if other != film]
