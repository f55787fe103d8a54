"""What moved between two lists: up, down, or new."""

from __future__ import annotations

import pandas as pd

from saelib.language import _, ngettext


def moves(before: pd.DataFrame, after: pd.DataFrame) -> list[int | None]:
    """Of each film of `after`, by how many places it went up; below 0: down; None: it is new.

    before, after: lists as of `Session.recommendations`, best first.
    """
    places = {film: place for place, film in enumerate(before["movie_id"])}
    films = enumerate(after["movie_id"])
    return [places[film] - place if film in places else None for place, film in films]


def mark(move: int | None) -> str:
    """'▲3', '▼2', 'NEW', or '' where it stayed."""
    if move is None:
        return _("NEW")
    return f"{'▲' if move > 0 else '▼'}{abs(move)}" if move else ""


def in_short(moved: list[int | None]) -> str:
    """How many films are new, went up and went down: '2 new, 3 up'; '' where none did."""
    new, n_up = moved.count(None), sum((move or 0) > 0 for move in moved)
    n_down = len(moved) - moved.count(0) - new - n_up
    said = (
        (new, ngettext("{n} new", "{n} new", new)),
        (n_up, ngettext("{n} up", "{n} up", n_up)),
        (n_down, ngettext("{n} down", "{n} down", n_down)),
    )
    return ", ".join(words.format(n=n) for n, words in said if n)
