"""One person at the panel: whatever they do is a message, whatever they see is one dictionary.

There are no widgets and no sockets here: widget.py shows the dictionary in Jupyter, page.py in a
browser, and panel.js draws it in both.
"""

from __future__ import annotations

import base64
import threading
from inspect import signature
from typing import Any

import numpy as np

from saelib.errors import SaelibError
from saelib.language import ENGLISH, _, ngettext, speaking
from saelib.matrix import AGES
from saelib.panel.texts import FEW, around
from saelib.recommend import words
from saelib.recommend.changes import in_short, mark, moves
from saelib.recommend.elsewhere import read_profile
from saelib.recommend.profile import MAX_BYTES, Profile
from saelib.recommend.reasons import Reason, caution
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import Session

N_LISTED, N_OPEN, N_LEFT, N_TICKS, N_FOUND, N_REPORTED = 10, 5, 3, 10, 20, 100
LONGEST = 200  # letters of what is searched or said


class Desk:
    """A sitting with a recommender: `hear` what the person does, and get what they are to see.

    What a person can do are the methods do_…; a message names one, and its arguments.
    """

    def __init__(self, recommender: Recommender, language: str = ENGLISH):
        """Raises SaelibError for a language that is not spoken."""
        self.session, self.language = Session(recommender), language
        self.scale, self.catalogue = recommender.scale, recommender.catalogue
        self._wishes: dict[str, Any] = {"genres": [], "decades": [], "watchlist": False}
        self._query = self._report = self._moved = self._basis = ""
        self._genres = self.catalogue.films["genres"].tolist()
        self._list = self.session.recommendations()
        self._cards: list[dict] = []
        self._turn = threading.Lock()  # Jupyter delivers messages in threads of their own
        with speaking(language):
            self._begin()

    def hear(self, message: object) -> dict:
        """Do what {"do": "rate", "film": "50", "stars": 4, "n": 7} says, and return the view.

        Nothing is raised. What is wrong with a message, which comes from outside, is the view's
        "alert", and then nothing has changed. The view's "heard" is the message's number n.
        """
        said = alert = ""
        told = dict(message) if isinstance(message, dict) else {}
        act, n = told.pop("do", None), told.pop("n", 0)
        with self._turn, speaking(self.language):
            try:
                said = self._do(act, told) or ""
            except SaelibError as error:
                alert = " ".join(str(error).split())
            except Exception as error:  # what a message has of a wrong type ends no sitting
                alert = f"{type(error).__name__}: {error}"[:LONGEST]
            return self._view(said, alert) | {"heard": n if isinstance(n, int | float) else 0}

    def _do(self, act: object, told: dict) -> str | None:
        """Call the method of an act, if there is one, and it takes what was told."""
        try:
            method = getattr(self, f"do_{act}")
            signature(method).bind(**told)
        except (AttributeError, TypeError):
            raise SaelibError(_("The panel does not know this message.")) from None
        return method(**told)

    # -- What a person does; it returns what is to be said, where that is not about the list ------

    def do_look(self) -> None:
        """Change nothing."""

    def do_rate(self, film: str, stars: float | None) -> None:
        """Give a film stars, or take them back; where few are left to rate, there are others."""
        self.session.rate(film, stars)
        if len({*self.session.table}.difference(self.session.profile.ratings)) < N_LEFT:
            self.session.ask(N_OPEN)

    def do_tick(self, film: str, seen: bool) -> None:
        """Say that a film was seen, or that it was not."""
        self.session.tick(film, seen)

    def do_saw(self, film: str) -> str:
        """Take a film of the list to those to rate."""
        self.session.saw(film)
        said = _("{film} is among the films to rate: give it stars, or leave it as seen.")
        return said.format(film=self.catalogue.label(film))

    def do_add(self, film: str) -> str:
        """Take a film that was found to those to rate."""
        self.session.add(film)
        self._query = ""
        return _("{film} is among the films to rate.").format(film=self.catalogue.label(film))

    def do_reject(self, film: str) -> None:
        """Never list a film again."""
        self.session.reject(film)

    def do_search(self, text: str) -> str:
        """Find films by their titles."""
        self._query = text.strip()[:LONGEST]
        n = len(self._found())
        return ngettext("Found: {n} film.", "Found: {n} films.", n).format(n=n) if text else ""

    def do_tell(self, gender: str, age: str, occupation: str) -> None:
        """Say who one is, or '' rather not. age: the first of a bracket."""
        years, before = int(age) if age else None, self.session.profile.age
        stays = years and before and _bracket(before) == years  # a profile may tell it in years
        self.session.tell(gender or None, before if stays else years, occupation or None)

    def do_wish(self, genre: str, decade: str, films: str = "") -> None:
        """List only some films. A watchlist is a filter as well; its films are not 'seen'."""
        genres, decades = [genre] if genre else [], [int(decade)] if decade else []
        self.catalogue.matching(genres, decades)
        self._wishes = {"genres": genres, "decades": decades, "watchlist": bool(films)}

    def do_more(self) -> None:
        """Ask for the stars of other films."""
        self.session.more(N_OPEN)

    def do_others(self) -> None:
        """Offer other films to tick."""
        self.session.offer(N_TICKS)

    def do_undo(self) -> None:
        """Take back the last change; what a file brought has no report any more."""
        self.session.undo()
        self._report = ""

    def do_load(self, name: str, data: str | None) -> str:
        """Take a profile in place of what was told, or add ratings made elsewhere to it."""
        if data is None or len(data) > MAX_BYTES * 4 / 3 + 4:
            raise SaelibError(_("{file} is too large: more than 5 MB.").format(file=name))
        content = base64.b64decode(data, validate=True)
        found = read_profile(name, content, self.catalogue, self.scale)
        self._report = ""
        if found.of_elsewhere:
            self.session.add_profile(found.profile)
            self._report = found.report(N_REPORTED)
            return f"{name}: {found.summary()}"
        self.session.take(found.profile)
        return self._begin()

    def do_restart(self) -> str:
        """Forget everything that was told."""
        self.session.restart()
        self._query = self._report = ""
        return self._begin()

    def _begin(self) -> str:
        self.session.more(N_OPEN)
        self.session.offer(N_TICKS)
        return ""

    # -- What they see ----------------------------------------------------------------------------

    def _view(self, said: str, alert: str) -> dict:
        """Return everything that changes."""
        session = self.session
        self._follow()
        return {
            "table": self._rows(session.table),
            "ticks": self._rows(session.ticks),
            "found": self._rows(self._found()),
            "list": self._cards,
            "about": self._about(),
            "wishes": self._choices(),
            "caution": caution(self._list, self.scale),
            "status": "" if alert else said or self._stands(),
            "alert": alert,
            "report": self._report,
            "undo": session.can_undo,
            "told": session.profile != Profile(dataset=session.profile.dataset),
            "profile": session.profile.to_json(),
        }

    def _filters(self) -> dict:
        """Return what is wished; the watchlist may be gone by an undo."""
        only = self._wishes["watchlist"] and bool(self.session.profile.watchlist)
        return self._wishes | {"watchlist": only}

    def _follow(self) -> None:
        """Make the list anew, if what was told or wished has changed."""
        filters, before = self._filters(), self._list
        basis = f"{self.session.profile} {filters}"
        if basis == self._basis:
            return
        self._basis, films = basis, self.session.recommendations(N_LISTED, **filters)
        moved = moves(before, films) if len(before) else [0 for _film in films.index]
        why = self.session.reasons(films["movie_id"].tolist(), n=2)
        few = len(self.scale.levels) <= FEW and "distribution" in films
        highest, self._list, self._moved = self.scale.highest, films, in_short([*moved])
        self._cards = [
            {
                "id": str(film["movie_id"]),
                "name": film["name"],
                "genres": words.genres(film["genres"]),
                "stars": f"{film['stars']:.1f} " + ("★" if highest == 5 else f"/ {highest:g}"),
                "bars": film["distribution"] if few else [],
                "moved": mark(move),
                "see": _because(_("Near what you have seen: {films}"), reasons.see),
                "like": _because(_("Fits your stars for {films}"), reasons.like),
            }
            for film, move, reasons in zip(films.to_dict("records"), moved, why)
        ]

    def _stands(self) -> str:
        """Say in a sentence how things stand."""
        profile = self.session.profile
        if self._list.empty:
            return self.session.why_empty(**self._filters())
        n, seen = len(profile.ratings), len(set(profile.seen).difference(profile.ratings))
        stands = ngettext("{n} rated, {seen} more seen.", "{n} rated, {seen} more seen.", n)
        return f"{stands.format(n=n, seen=seen)} {self._moved}".strip()

    def _found(self) -> list[str]:
        found = self.catalogue.find(self._query, N_FOUND) if self._query else []
        return [str(self.catalogue.films["movie_id"].iat[position]) for position in found]

    def _rows(self, films: list[str]) -> list[dict]:
        """Describe films to rate or to tick. at: where a slider stands, 0 for 'not seen'."""
        profile, rows = self.session.profile, []
        seen = {*profile.seen, *profile.ratings}
        for film in films:
            position, stars = self.catalogue.position(film), profile.ratings.get(film)
            nearest = 0 if stars is None else 1 + int(np.abs(self.scale.levels - stars).argmin())
            row = {"id": film, "name": self.catalogue.labels[position], "seen": film in seen}
            rows.append(row | {"genres": words.genres(self._genres[position]), "at": nearest})
        return rows

    def _about(self) -> list[dict]:
        """Offer gender, age and occupation, where they make a difference to the model."""
        recommender, told, untold = self.session.recommender, self.session.profile, _("not told")
        if not recommender.knows_people:
            return []
        groups, age = recommender.groups, str(_bracket(told.age)) if told.age else ""
        ages = [(str(AGES[bracket]), words.age(bracket)) for bracket in groups["age"]]
        genders = [(code, words.gender(code)) for code in groups["gender"]]
        jobs = [(name, words.occupation(name)) for name in groups["occupation"]]
        return [
            _choice("gender", _("Gender"), untold, genders, told.gender),
            _choice("age", _("Age"), untold, ages, age),
            _choice("occupation", _("Occupation"), untold, jobs, told.occupation),
        ]

    def _choices(self) -> list[dict]:
        """Offer genres, decades and, where there is one, the watchlist to choose from."""
        genre, decade = (str(*self._wishes[kind]) for kind in ("genres", "decades"))
        genres = [(name, words.genre(name)) for name in self.catalogue.genres]
        decades = [(str(d), _("{decade}s").format(decade=d)) for d in self.catalogue.decades[::-1]]
        choices = [
            _choice("genre", _("Genre"), _("all genres"), genres, genre),
            _choice("decade", _("Decade"), _("all decades"), decades, decade),
        ]
        if n := len(self.session.profile.watchlist):
            only = [("watchlist", _("only from my watchlist ({n})").format(n=n))]
            chosen = "watchlist" * self._wishes["watchlist"]
            choices.append(_choice("films", _("Films"), _("all films"), only, chosen))
        return choices

    def words(self) -> dict:
        """Return what never changes: the levels of the scale, and the texts around."""
        with speaking(self.language):
            return around(self.session.recommender)


def _bracket(years: float) -> int:
    """Return the lowest age of the bracket that somebody of these years is in."""
    return max((age for age in AGES if age <= years), default=AGES[0])


def _choice(key: str, name: str, none: str, options: list, value: str | None) -> dict:
    return {"id": key, "name": name, "options": [("", none), *options], "value": value or ""}


def _because(text: str, reasons: list[Reason]) -> str:
    named = [f"{reason.name}\N{NO-BREAK SPACE}· {reason.share:.0%}" for reason in reasons]
    return text.format(films=", ".join(named)) if named else ""
