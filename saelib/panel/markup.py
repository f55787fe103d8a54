"""What the panel shows, as HTML: the templates with what stands in them. They escape every text."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from saelib.data.scale import Scale
from saelib.errors import SaelibError
from saelib.language import _, number
from saelib.model.taste import TasteMap, shares
from saelib.recommend.catalogue import label
from saelib.recommend.changes import Change
from saelib.recommend.reasons import Reasons
from saelib.recommend.words import genre, genres, listed

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    keep_trailing_newline=False,
)
_TEMPLATES.globals.update(_=_, number=number, listed=listed)


def _render(template: str, **values: object) -> Markup:
    return Markup(_TEMPLATES.get_template(template).render(percent=_percent, **values))


def _percent(share: float, digits: int = 0) -> str:
    return f"{share:.{digits}%}"


def card(
    rank: int | None,
    film: dict,
    change: Change | None,
    reasons: Reasons,
    scale: Scale,
) -> Markup:
    """A film of the list. rank: its place; None where it stands alone.

    film: of `Session.recommendations`. change: what changed; None in a first list. reasons: of
    `Session.reasons`.
    """
    return _render(
        "card.html",
        rank=rank,
        name=label(film["title"], film["year"]),
        change=change,
        moved=_moved,
        genres=genres(film["genres"]),
        stars=film["stars"],
        distribution=film.get("distribution"),
        reasons=reasons,
        scale=scale,
        star_text=star_text,
    )


def _moved(change: Change | None) -> Markup:
    return _render("moved.html", change=change)


def top(films: Sequence[dict], changes: Sequence[Change | None]) -> Markup:
    """The first films of the list, a line each. changes: see `card`."""
    lines = [(label(f["title"], f["year"]), f["stars"], c) for f, c in zip(films, changes)]
    return _render("top.html", films=lines, moved=_moved)


def heading(release: str, years: Sequence[float], n_films: int, n_people: int) -> Markup:
    """What the page is, and of which films. years: of the films, as far as they are known."""
    to = int(max(years)) if len(years) else None
    return _render("heading.html", release=release, to=to, n_films=n_films, n_people=n_people)


def licence(release: str, terms: str | None) -> Markup:
    """Whose data it is. terms: None where it is nobody's but the reader's."""
    return _render("licence.html", release=release, licence=_(terms) if terms else None)


def map_picture(taste: TasteMap) -> Markup:
    """SVG of the map: a dot for each person of the data set, and the genres' names."""
    places = np.rint(1000 * shares(taste.places)).astype(int).tolist()
    return _render(
        "map.html",
        dots=np.rint(1000 * shares(taste.people)).astype(int).tolist(),
        genres=list(zip(map(genre, taste.names), places)),
    )


def map_mark(place: tuple[float, float] | None, names: Sequence[str]) -> Markup:
    """The person's star upon `map_picture`, and in words which genres it is near."""
    on_picture = None if place is None else shares(np.array(place)).tolist()
    return _render("mark.html", place=on_picture, names=list(map(genre, names)))


def section(heading: str, text: str, more: Markup | str = "") -> Markup:
    """A heading, a paragraph below it, and what else belongs there."""
    return _render("section.html", heading=heading, text=text, more=more)


@dataclass(frozen=True)
class Line:
    """A film in one of several lists. change: see `card`. goes: whether it is in no other list."""

    name: str
    stars: float
    change: Change | None = None
    goes: bool = False
    more: str = ""


def lists(of: Sequence[tuple[str, Sequence[Line]]]) -> Markup:
    """Lists beside each other: (heading, films), best first."""
    return _render("lists.html", lists=of, moved=_moved, spoken=Scale.spoken)


def picture_with_words(png: bytes, words: str, file: str) -> Markup:
    """A picture that can be downloaded, and what it says."""
    return _render("picture.html", data=base64.b64encode(png).decode(), words=words, file=file)


def report(summary: str, text: str) -> Markup:
    """A summary that unfolds to many lines."""
    return _render("report.html", summary=summary, text=text)


def download(text: str, file: str, content: str) -> Markup:
    """A link that looks like a button and downloads a file, without a server."""
    data = base64.b64encode(content.encode()).decode()
    return _render("download.html", text=text, file=file, data=data)


def line(text: str | None) -> Markup:
    """A text that may hold anything, such as a film's title."""
    return escape(text or "")


def trouble(text: str) -> Markup:
    """A line of what has gone wrong."""
    return Markup('<span class="saelib-trouble">{}</span>').format(text)


def star_text(stars: float) -> str:
    """2.5 -> '★★½'; as a number where stars would be too many, or none."""
    if not 0 < stars <= 10 or stars % 0.5:
        return f"{stars:g}"
    return "★" * int(stars) + "½" * (stars % 1 == 0.5)


def not_rated(scale: Scale) -> float:
    """What a slider holds where there are no stars: one step below the lowest; 0 of 1 to 5."""
    return scale.lowest - scale.step


def star_options(scale: Scale, seen: bool = False) -> tuple[tuple[str, float], ...]:
    """What a slider offers: 'not seen' (or only 'seen'), then each number of stars."""
    return (
        (_("seen") if seen else _("not seen"), not_rated(scale)),
        *((star_text(level), level) for level in scale.levels.tolist()),
    )


def marks(scale: Scale) -> list[str]:
    """What stands below each step of a slider: '–' for not seen, and the whole stars."""
    return ["–", *(f"{level:g}" if level % 1 == 0 else "" for level in scale.levels.tolist())]


def one_line(error: Exception | None) -> str:
    """What is shown of an error: one line."""
    if error is None:
        return ""
    said = str(error)
    if not isinstance(error, SaelibError):
        said = _("Something went wrong: {kind}: {error}").format(
            kind=type(error).__name__, error=error
        )
    return " ".join(said.split())[:500]
