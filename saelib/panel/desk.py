"""One person at the panel: whatever they do is a message, whatever they see is one dictionary.

There are no widgets and no sockets here: widget.py shows the dictionary in Jupyter, page.py in a
browser, and panel.js draws it in both.
"""

from __future__ import annotations

import base64
import re
import threading
from bisect import bisect
from pathlib import Path
from typing import Any

import numpy as np

from saelib.errors import SaelibError
from saelib.language import ENGLISH, _, ngettext, number, speaking
from saelib.matrix import AGES
from saelib.recommend import words
from saelib.recommend.changes import in_short, mark, moves
from saelib.recommend.elsewhere import read_profile
from saelib.recommend.profile import ABOUT, MAX_BYTES, Profile
from saelib.recommend.reasons import Reason, caution
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import Session

N_LISTED, N_OPEN, N_LEFT, N_TICKS, N_FOUND, N_REPORTED = 10, 5, 3, 10, 20, 100
LONGEST = 200  # letters of what is searched or said
FEW = 11  # levels of a scale: so many get a mark under the slider and a bar on a card each
TEXTS = re.findall(r'\b_\("(.+?)"\)', Path(__file__).with_name("panel.js").read_text("utf-8"))


class Desk:
    """A sitting with a recommender: `hear` what the person does, and get what they are to see."""

    def __init__(self, recommender: Recommender, language: str = ENGLISH):
        """Raises SaelibError for a language that is not spoken."""
        self.session, self.language = Session(recommender), language
        self.scale, self.catalogue = recommender.scale, recommender.catalogue
        self._few = len(self.scale.levels) <= FEW
        self._wishes: dict[str, Any] = {"genres": [], "decades": [], "watchlist": False}
        self._found, self._cards = list[str](), list[dict]()
        self._report = self._moved = self._basis = ""
        self._list = self.session.recommendations()
        self._turn = threading.Lock()  # Jupyter delivers messages in threads of their own
        with speaking(language):
            self._begin()

    def hear(self, message: object) -> dict:
        """Do what {"do": "rate", "film": "50", "stars": 4, "n": 7} says, and return the view.

        Nothing is raised. What is wrong with a message, which comes from outside, is the view's
        "alert", and then nothing has changed. The view's "heard" is the message's number n.
        """
        said = alert = ""
        told = message if isinstance(message, dict) else {}
        with self._turn, speaking(self.language):
            try:
                said = self._do(told)
            except SaelibError as error:
                alert = " ".join(str(error).split())
            except Exception as error:  # what a message has of a wrong type ends no sitting
                alert = f"{type(error).__name__}: {error}"[:LONGEST]
            return self._view(said, alert) | {"heard": told.get("n", 0)}

    def _do(self, message: dict) -> str:
        """Do what a message says; return what is to be said, where that is not about the list."""
        session, label = self.session, self.catalogue.label
        match message:
            case {"do": "look"}:
                pass
            case {"do": "rate", "film": film, "stars": stars}:
                session.rate(film, stars)
                if len({*session.table}.difference(session.profile.ratings)) < N_LEFT:
                    session.ask(N_OPEN)
            case {"do": "tick", "film": film, "seen": seen}:
                session.tick(film, seen)
            case {"do": "saw", "film": film}:
                session.saw(film)
                said = _("{film} is among the films to rate: give it stars, or leave it as seen.")
                return said.format(film=label(film))
            case {"do": "add", "film": film}:
                session.add(film)
                self._found = []
                return _("{film} is among the films to rate.").format(film=label(film))
            case {"do": "reject", "film": film}:
                session.reject(film)
            case {"do": "search", "text": text}:
                typed, movie_ids = text.strip()[:LONGEST], self.catalogue.films["movie_id"]
                found = self.catalogue.find(typed, N_FOUND) if typed else []
                self._found, n = [str(movie_ids[position]) for position in found], len(found)
                said = ngettext("Found: {n} film.", "Found: {n} films.", n)
                return said.format(n=n) if text else ""
            case {"do": "tell"}:
                told = {key: message.get(key, getattr(session.profile, key)) for key in ABOUT}
                session.tell(**told)
            case {"do": "wish"}:  # a watchlist is a filter as well: its films are not seen
                wishes = {key: message.get(key, value) for key, value in self._wishes.items()}
                self.catalogue.matching(wishes["genres"], wishes["decades"])
                self._wishes = wishes
            case {"do": "more"}:
                session.more(N_OPEN)
            case {"do": "others"}:
                session.offer(N_TICKS)
            case {"do": "undo"}:
                session.undo()
                self._report = ""
            case {"do": "load", "name": name, "data": data}:
                content = base64.b64decode(data, validate=True)
                brought = read_profile(name, content, self.catalogue, self.scale)
                if brought.of_elsewhere:
                    session.add_profile(brought.profile)
                    self._report = brought.report(N_REPORTED)
                    return f"{name}: {brought.summary()}"
                session.take(brought.profile)
                self._report = ""
                self._begin()
            case {"do": "restart"}:
                session.restart()
                self._found, self._report = [], ""
                self._begin()
            case _:
                raise SaelibError(_("The panel does not know this message."))
        return ""

    def _begin(self) -> None:
        self.session.more(N_OPEN)
        self.session.offer(N_TICKS)

    def _view(self, said: str, alert: str) -> dict:
        """Return everything that changes."""
        self._follow()
        return {
            "table": self._rows(self.session.table),
            "ticks": self._rows(self.session.ticks),
            "found": self._hits(),
            "list": self._cards,
            "about": self._about() if self.session.recommender.knows_people else [],
            "wishes": self._choices(),
            "caution": caution(self._list, self.scale),
            "status": "" if alert else said or self._stands(),
            "alert": alert,
            "report": self._report,
            "undo": self.session.can_undo,
            "told": self.session.profile != Profile(dataset=self.catalogue.dataset),
            "profile": self.session.profile.to_json(),
        }

    def _follow(self) -> None:
        """Make the list anew, if what was told or wished has changed."""
        profile, wishes, before = self.session.profile, self._wishes, self._list
        wishes["watchlist"] = bool(wishes["watchlist"] and profile.watchlist)  # an undo may take it
        basis = f"{profile} {wishes}"
        if basis == self._basis:
            return
        self._basis, films = basis, self.session.recommendations(N_LISTED, **wishes)
        moved = moves(before, films) if len(before) else [0] * len(films)
        why = self.session.reasons(films["movie_id"].tolist(), n=2)
        self._list, self._moved = films, in_short([*moved])
        self._cards = [
            {
                "id": str(film["movie_id"]),
                "name": film["name"],
                "genres": words.genres(film["genres"]),
                "stars": self._expected(film["stars"]),
                "bars": film.get("distribution", []) if self._few else [],
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
            return self.session.why_empty(**self._wishes)
        n, seen = len(profile.ratings), len(set(profile.seen).difference(profile.ratings))
        stands = ngettext("{n} rated, {seen} more seen.", "{n} rated, {seen} more seen.", n)
        return f"{stands.format(n=n, seen=seen)} {self._moved}".strip()

    def _rows(self, films: list[str]) -> list[dict]:
        """Describe films to rate or to tick. at: where a slider stands, 0 for 'not seen'."""
        profile, rows = self.session.profile, []
        seen, genres = {*profile.seen, *profile.ratings}, self.catalogue.films["genres"]
        for film in films:
            position, stars = self.catalogue.position(film), profile.ratings.get(film)
            nearest = 0 if stars is None else 1 + int(np.abs(self.scale.levels - stars).argmin())
            row = {"id": film, "name": self.catalogue.labels[position], "seen": film in seen}
            rows.append(row | {"genres": words.genres(genres[position]), "at": nearest})
        return rows

    def _hits(self) -> list[dict]:
        """Describe the films that a search has found, each with the stars to expect."""
        rows, recommender = self._rows(self._found), self.session.recommender
        if not (rows and recommender.can_use(self.session.profile)):
            return [row | {"stars": ""} for row in rows]
        positions = [self.catalogue.position(film) for film in self._found]
        answers = recommender.answers(recommender.encode(self.session.profile), positions)
        return [row | {"stars": self._expected(x)} for row, x in zip(rows, answers.stars[0])]

    def _expected(self, stars: float) -> str:
        highest = self.scale.highest
        return f"{stars:.1f} " + ("★" if highest == 5 else f"/ {highest:g}")

    def _about(self) -> list[dict]:
        """Offer gender, age and occupation, as far as the model knows them."""
        told, groups, untold = self.session.profile, self.session.recommender.groups, _("not told")
        bracket = AGES[bisect(AGES, told.age) - 1] if told.age else None
        genders = [(code, words.gender(code)) for code in groups["gender"]]
        ages = [(AGES[place], words.age(place)) for place in groups["age"]]
        jobs = [(name, words.occupation(name)) for name in groups["occupation"]]
        return [
            _choice("gender", _("Gender"), told.gender, (None, untold), genders),
            _choice("age", _("Age"), bracket, (None, untold), ages),
            _choice("occupation", _("Occupation"), told.occupation, (None, untold), jobs),
        ]

    def _choices(self) -> list[dict]:
        """Offer genres, decades and, where there is one, the watchlist to choose from."""
        genre, decade, watchlist = self._wishes.values()
        genres = [([name], words.genre(name)) for name in self.catalogue.genres]
        decades = [([d], _("{decade}s").format(decade=d)) for d in self.catalogue.decades[::-1]]
        choices = [
            _choice("genres", _("Genre"), genre, ([], _("all genres")), genres),
            _choice("decades", _("Decade"), decade, ([], _("all decades")), decades),
        ]
        if n := len(self.session.profile.watchlist):
            only = [(True, _("only from my watchlist ({n})").format(n=n))]
            every = (False, _("all films"))
            choices.append(_choice("watchlist", _("Films"), watchlist, every, only))
        return choices

    def words(self) -> dict:
        """Return what never changes: the levels of the scale, names, and the texts of panel.js."""
        films, dataset = self.catalogue.films, self.catalogue.dataset
        levels = self.scale.levels.round(6).tolist()
        marks = np.linspace(1, len(levels), len(levels) if self._few else 5)
        with speaking(self.language):
            about = _("From {films} films, by what {ratings} ratings of {dataset} tell.")
            n_films, n_ratings = number(len(films)), number(int(films["n_ratings"].sum()))
            return {
                "levels": [None, *levels],
                "spoken": [_("not seen"), *map(words.stars, levels)],
                "shown": [_("not seen"), *(_drawn(x, self.scale.highest) for x in levels)],
                "marks": marks.round().astype(int).tolist(),
                "about": about.format(films=n_films, ratings=n_ratings, dataset=dataset),
                "texts": {text: _(text) for text in TEXTS},
                "most": MAX_BYTES,
                "file": f"profile-{dataset}.json",
                "store": f"saelib {dataset}",
            }


def _choice(key: str, name: str, chosen: object, every: tuple, others: list[tuple]) -> dict:
    return {"id": key, "name": name, "value": chosen, "options": [every, *others]}


def _because(text: str, reasons: list[Reason]) -> str:
    named = [f"{reason.name}\N{NO-BREAK SPACE}· {reason.share:.0%}" for reason in reasons]
    return text.format(films=", ".join(named)) if named else ""


def _drawn(level: float, highest: float) -> str:
    """Draw a level of the scale as stars, where it is a number of them."""
    of_stars = highest == 5 and level > 0 and level % 1 in (0, 0.5)
    return "★" * int(level) + "½" * (level % 1 > 0) if of_stars else f"{level:g}"
