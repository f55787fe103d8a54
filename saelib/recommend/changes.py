"""What changed between two lists: which film moved up or down, came, or went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from saelib.language import _, ngettext
from saelib.recommend.catalogue import label

SAID = 3  # films of which it is said in words what became of them


@dataclass(frozen=True)
class Change:
    """A film of the list: its place, from 1, and the one that it had before; None: not listed."""

    name: str
    place: int
    before: int | None

    @property
    def moved(self) -> int:
        """By how many places it went up; below 0: down. 0 for a new one."""
        return 0 if self.before is None else self.before - self.place

    @property
    def mark(self) -> str:
        """'▲3', '▼2', 'NEW', or '' where it stayed."""
        if self.before is None:
            return _("NEW")
        return f"{'▲' if self.moved > 0 else '▼'}{abs(self.moved)}" if self.moved else ""

    @property
    def words(self) -> str:
        """'up 3', 'down 2', 'new', or '' where it stayed."""
        if self.before is None:
            return _("new")
        moved = _("up {places}") if self.moved > 0 else _("down {places}")
        return moved.format(places=abs(self.moved)) if self.moved else ""

    @property
    def sentence(self) -> str:
        """'Fargo (1996) up 2 to 1.'; '' where it stayed."""
        if self.before is None:
            said = _("{film} is new at {place}.")
        elif self.moved > 0:
            said = _("{film} up {places} to {place}.")
        else:
            said = _("{film} down {places} to {place}.") if self.moved else ""
        return said.format(film=self.name, places=abs(self.moved), place=self.place)


@dataclass(frozen=True)
class Changes:
    """Of each film of a list, in its order, what changed; and the names of those that went."""

    films: list[Change]
    gone: list[str]

    def __bool__(self) -> bool:
        return bool(self.gone or any(film.mark for film in self.films))

    def in_short(self) -> str:
        """How many films are new, came up and went down: '2 new, 3 up'; '' where none did."""
        new = sum(film.before is None for film in self.films)
        up, down = (sum(sign * film.moved > 0 for film in self.films) for sign in (1, -1))
        said = (
            (new, ngettext("{n} new", "{n} new", new)),
            (up, ngettext("{n} up", "{n} up", up)),
            (down, ngettext("{n} down", "{n} down", down)),
        )
        return ", ".join(words.format(n=n) for n, words in said if n)

    def in_words(self) -> str:
        """A sentence or two, as a screen reader shall say it after a rating.

        'Fargo (1996) is new at 1. Contact (1997) up 2 to 3. Gone: Casablanca (1942).'
        """
        moved = sorted(
            (film for film in self.films if film.mark),
            key=lambda film: (film.before is not None, -abs(film.moved), film.place),
        )
        said = [film.sentence for film in moved[:SAID]]
        if (more := len(moved) - SAID) > 0:
            said.append(
                ngettext("{n} more have moved.", "{n} more have moved.", more).format(n=more)
            )
        more = len(self.gone) - SAID
        if self.gone:
            gone = _("Gone: {films} and {n} more.") if more > 0 else _("Gone: {films}.")
            said.append(gone.format(films=", ".join(self.gone[:SAID]), n=more))
        return " ".join(said) or _("The list is the same as before.")


def changes(before: pd.DataFrame, after: pd.DataFrame) -> Changes:
    """From one list to the next. before, after: as of `Session.recommendations`, best first."""
    places = {film: place for place, film in enumerate(before["movie_id"], start=1)}
    films = [
        Change(name, place, places.get(film))
        for place, (film, name) in enumerate(zip(after["movie_id"], _names(after)), start=1)
    ]
    here = set(after["movie_id"])
    gone = [name for film, name in zip(before["movie_id"], _names(before)) if film not in here]
    return Changes(films, gone)


def _names(films: pd.DataFrame) -> Sequence[str]:
    return [label(title, year) for title, year in zip(films["title"], films["year"])]
