"""One person at the panel: whatever they do is a message, whatever they see is one dictionary.

widget.py shows the dictionary in Jupyter, page.py in a browser; panel.js draws it in both.
"""

import base64
import re
import threading
from bisect import bisect
from pathlib import Path
from typing import Any

from saelib.errors import SaelibError
from saelib.language import ENGLISH, _, ngettext, speaking
from saelib.matrix import AGES
from saelib.recommend import words
from saelib.recommend.elsewhere import read_profile
from saelib.recommend.profile import ABOUT, Profile
from saelib.recommend.reasons import Reason, caution, in_short, mark, moves
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import Session

N_LISTED, N_OPEN, N_TICKS, N_FOUND, N_REPORTED = 10, 5, 10, 20, 100
TEXTS = re.findall(r'\b_\("(.+?)"\)', Path(__file__).with_name("panel.js").read_text("utf-8"))


class Desk:
    """A sitting with a recommender: `hear` what the person does, and get what they are to see."""

    def __init__(self, recommender: Recommender, language: str = ENGLISH):
        """Raises SaelibError for a language that is not spoken."""
        self.session, self.language = Session(recommender), language
        self.scale, self.catalogue = recommender.scale, recommender.catalogue
        self.left_out = False  # of the table of the room
        self._wishes: dict[str, Any] = {"genres": [], "decades": [], "watchlist": False}
        self._found, self._cards = list[int](), list[dict]()
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
            except Exception:  # what a message has of a wrong type ends no sitting
                alert = _("The panel does not know this message.")
            return self._view(said, alert) | {"heard": told.get("n", 0)}

    def _do(self, message: dict) -> str:
        """Do what a message says; return what is to be said, where that is not about the list."""
        session = self.session
        match message:
            case {"do": "look"}:
                pass
            case {"do": "rate", "film": film, "stars": stars}:
                session.rate(film, stars)
                session.ask(N_OPEN)
            case {"do": "tick", "film": film, "seen": seen}:
                session.tick(film, seen)
            case {"do": "saw", "film": film}:
                session.saw(film)
            case {"do": "add", "film": film}:
                session.add(film)
                self._found = []
            case {"do": "reject", "film": film}:
                session.reject(film)
            case {"do": "search", "text": text}:
                self._found = self.catalogue.find(text, N_FOUND)
                return _("Films found: {n}.").format(n=len(self._found)) if text else ""
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
            case {"do": "leave out", "row": bool(row)}:
                self.left_out = row
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
            "table": [*map(self._row, self.session.table)],
            "ticks": [*map(self._row, self.session.ticks)],
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
                "bars": film.get("distribution", []),
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

    def _row(self, film: str) -> dict:
        """Describe a film to rate or to tick. at: where its slider stands, 0 for 'not seen'."""
        position, stars = self.catalogue.position(film), self.session.profile.ratings.get(film)
        at = -1 if stars is None else round((stars - self.scale.lowest) / self.scale.step)
        return {
            "id": film,
            "name": self.catalogue.labels[position],
            "genres": words.genres(self.catalogue.films["genres"][position]),
            "seen": stars is not None or film in self.session.profile.seen,
            "at": 1 + at,
        }

    def _hits(self) -> list[dict]:
        """Describe the films that a search has found, each with the stars to expect."""
        rows = [self._row(self.catalogue.ids[position]) for position in self._found]
        recommender, profile = self.session.recommender, self.session.profile
        if not (rows and recommender.can_use(profile)):
            return rows
        stars = recommender.answers(recommender.encode(profile), self._found).stars[0]
        return [row | {"stars": self._expected(x)} for row, x in zip(rows, stars)]

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
        dataset, levels = self.catalogue.dataset, self.scale.levels.round(6).tolist()
        with speaking(self.language):
            return {
                "levels": [None, *levels],
                "spoken": [_("not seen"), *map(words.stars, levels)],
                "texts": {text: _(text) for text in TEXTS},
                "file": f"profile-{dataset}.json",
                "store": f"saelib {dataset}",
            }


def _choice(key: str, name: str, chosen: object, every: tuple, others: list[tuple]) -> dict:
    return {"id": key, "name": name, "value": chosen, "options": [every, *others]}


def _because(text: str, reasons: list[Reason]) -> str:
    named = [f"{reason.name}\N{NO-BREAK SPACE}· {reason.share:.0%}" for reason in reasons]
    return text.format(films=", ".join(named)) if named else ""
