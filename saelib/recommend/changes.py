"""What changed between two lists: which film moved up or down, came, or went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

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
            return "NEW"
        return f"{'▲' if self.moved > 0 else '▼'}{abs(self.moved)}" if self.moved else ""

    @property
    def words(self) -> str:
        """'up 3', 'down 2', 'new', or '' where it stayed."""
        if self.before is None:
            return "new"
        return f"{'up' if self.moved > 0 else 'down'} {abs(self.moved)}" if self.moved else ""


@dataclass(frozen=True)
class Changes:
    """Of each film of a list, in its order, what changed; and the names of those that went."""

    films: list[Change]
    gone: list[str]

    def __bool__(self) -> bool:
        return bool(self.gone or any(film.mark for film in self.films))

    def in_short(self) -> str:
        """How many films are new, came up and went down: '2 new, 3 up'; '' where none did."""
        words = [film.words.split()[0] for film in self.films if film.words]
        return ", ".join(f"{words.count(w)} {w}" for w in ("new", "up", "down") if w in words)

    def in_words(self) -> str:
        """A sentence or two, as a screen reader shall say it after a rating.

        'Fargo (1996) is new at 1. Contact (1997) up 2 to 3. Gone: Casablanca (1942).'
        """
        moved = sorted(
            (film for film in self.films if film.mark),
            key=lambda film: (film.before is not None, -abs(film.moved), film.place),
        )
        said = [
            f"{film.name} is new at {film.place}."
            if film.before is None
            else f"{film.name} {film.words} to {film.place}."
            for film in moved[:SAID]
        ]
        if len(moved) > SAID:
            said.append(f"{len(moved) - SAID} more have moved.")
        if self.gone:
            more = f" and {len(self.gone) - SAID} more" if len(self.gone) > SAID else ""
            said.append(f"Gone: {', '.join(self.gone[:SAID])}{more}.")
        return " ".join(said) or "The list is the same as before."


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
