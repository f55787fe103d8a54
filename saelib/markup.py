"""The panel's HTML: a film with its reasons, bars, downloads. Every text in it is escaped."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import numpy as np

from saelib.errors import SaelibError
from saelib.profile import label
from saelib.taste import TasteMap, shares

Scale = tuple[float, float, float]  # least stars, most stars, step


def card(rank: int, film: dict, reasons: Sequence[tuple[str, float, float]], scale: Scale) -> str:
    """A film of the list. film: of `Session.recommendations`. reasons: of `Session.why`."""
    name = label(film["title"], film["year"])
    genres = film["genres"].replace("|", ", ")
    given = [
        f"{escape(title)} {_said(star_text(stars), stars)} ({share:.0%})"
        for title, stars, share in reasons
    ]
    because = f"Because of {', '.join(given)}" if given else ""
    expected = _said(f"{film['stars']:.1f} ★", round(film["stars"], 1))
    bars = _bars(film["distribution"], scale) if "distribution" in film else ""
    return (
        f'<div class="saelib-head"><span>{rank}</span>'
        f'<span class="saelib-title">{escape(name)}</span>{expected}{bars}</div>'
        f'<div class="saelib-quiet">{escape(genres)}</div>'
        f'<div class="saelib-quiet">{because}</div>'
    )


def map_picture(taste: TasteMap) -> str:
    """SVG of the map: a dot for each person of the data set, and the genres' names."""
    alt = escape(f"Map of {len(taste.people)} people; genres on it: {', '.join(taste.names)}")
    # One path of dots, each a line of no length with round ends: thousands of people are few bytes.
    dots = "".join(f"M{x} {y}h0" for x, y in np.rint(1000 * shares(taste.people)).astype(int))
    names = "".join(
        f'<text x="{x:.0f}" y="{y:.0f}">{escape(name)}</text>'
        for name, (x, y) in zip(taste.names, 1000 * shares(taste.places))
    )
    picture = f'<svg viewBox="0 0 1000 1000" role="img" aria-label="{alt}">'
    return f'{picture}<path d="{dots}"/>{names}</svg>'


def map_mark(place: tuple[float, float] | None, names: Sequence[str]) -> str:
    """The person's star upon `map_picture`, and in words which genres it is near."""
    if place is None:
        return '<p class="saelib-quiet">Rate a film, and you find yourself on the map.</p>'
    left, top = shares(np.array(place))
    star = f'<span class="saelib-you" style="left:{left:.1%};top:{top:.1%}">★</span>'
    words = f"The nearest names: {escape(' and '.join(names))}."
    words = f"<p>{words}</p>" if names else ""
    return f'<div class="saelib-upon" aria-hidden="true">{star}</div>{words}'


def star_text(stars: float) -> str:
    """2.5 -> '★★½'."""
    return "★" * int(stars) + "½" * (stars % 1 == 0.5)


def star_options(scale: Scale, seen: bool = False) -> tuple[tuple[str, float], ...]:
    """What a slider offers: 'not seen' (or only 'seen') as 0, then each number of stars."""
    return (
        ("seen" if seen else "not seen", 0),
        *((star_text(level), level) for level in _levels(scale)),
    )


def _levels(scale: Scale) -> list[float]:
    low, high, step = scale
    return np.arange(low, high + step / 2, step).tolist()


def _said(text: str, stars: float) -> str:
    """HTML of a text of stars that a screen reader says as a number of stars."""
    return f'<span role="img" aria-label="{_spoken(stars)}">{text}</span>'


def _spoken(stars: float) -> str:
    return f"{stars:g} {'star' if stars == 1 else 'stars'}"


def _bars(distribution: Sequence[float], scale: Scale) -> str:
    """HTML of a small bar for each level of the scale, lowest first."""
    told = ", ".join(f"{_spoken(s)} {p:.0%}" for s, p in zip(_levels(scale), distribution))
    bars = (f'<i style="height:{p / max(distribution):.0%}"></i>' for p in distribution)
    text = f'role="img" aria-label="{told}" title="{told}"'
    return f'<span class="saelib-bars" {text}>{"".join(bars)}</span>'


def link(text: str, file: str, content: str) -> str:
    """HTML of a link that looks like a button and downloads a file, without a server."""
    data = base64.b64encode(content.encode()).decode()
    return (
        f'<a class="jupyter-widgets jupyter-button widget-button" download="{escape(file)}" '
        f'href="data:application/octet-stream;base64,{data}">{escape(text)}</a>'
    )


def one_line(error: Exception | None) -> str:
    """What is shown of an error: one line."""
    if error is None:
        return ""
    unexpected = (
        "" if isinstance(error, SaelibError) else f"Something went wrong: {type(error).__name__}: "
    )
    return " ".join(f"{unexpected}{error}".split())[:500]
