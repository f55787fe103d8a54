"""Ratings made elsewhere become a profile: of Letterboxd, IMDb, MovieLens.org, TMDB, or a list.

Nothing is guessed: a film that is not found, or could be several, is told and not taken.
"""

import csv
import io
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd

from saelib.data import Scale
from saelib.errors import SaelibError
from saelib.language import _
from saelib.movielens import links_at_hand
from saelib.recommend.catalogue import YEAR, Catalogue, key, label, names, plain, short
from saelib.recommend.profile import MAX_BYTES, Profile
from saelib.recommend.recommender import check_stars

MAX_LINES = 150_000  # which take some ten seconds
HALF_STARS = Scale(0.5, 5, 0.5)
LIST = "list"  # of one's own
# Columns that tell a service's file from others; the scale of its stars; whether a film without
# stars was seen. Here and below, names of columns are without case, blanks and signs.
SERVICES = (
    ({"movieid", "imdbid", "tmdbid", "averagerating"}, "MovieLens.org", HALF_STARS, False),
    ({"tmdbid", "imdbid", "name", "yourrating"}, "TMDB", Scale(0.5, 10, 0.5), False),
    ({"const", "title"}, "IMDb", Scale(1, 10), False),
    ({"letterboxduri", "name"}, "Letterboxd", HALF_STARS, True),
    ({"rating10"}, "Letterboxd", Scale(1, 10), True),
    (set[str](), LIST, HALF_STARS, True),
)
COLUMNS = {  # what each may be called, the surest name first
    "title": "title name film movie filmtitle movietitle",
    "original": "originaltitle",
    "year": "year releaseyear yearpublished releasedate",
    "stars": "rating10 yourrating yourated myrating stars rating",
    "imdb_id": "const imdbid imdb imdburl url",
    "kind": "titletype type",
    "date": "watcheddate daterated date",
    "shelf": "exclusiveshelf shelf status",
}
# A column that may be of stars, too; its scale is asked for.
LIKE_STARS = re.compile(
    "^(?!.*(average|avg|imdb|tmdb|meta|num|date)).*(rate|rating|score|star(?![rt])|vote|grade)"
)
SEEN = ("", "read", "watched", "seen", "completed", "finished", "rated")
TO_SEE = re.compile("(?:watch|wish).?list|to.(?:read|watch|see)", re.IGNORECASE)
FILM_KINDS = (  # as TMDB says it, and IMDb in several languages
    " movie film tvmovie tvspecial short tvshort video feature featurefilm shortfilm documentary "
    "pelicula peliculadetv cortometraje filme filmeparatv curtametragem fernsehfilm kurzfilm "
    "telefilm courtmetrage filmtv cortometraggio"
).split(" ")
ARCHIVED = {"ratings.csv", "watched.csv", "watchlist.csv"}  # what is read of Letterboxd's archive
NOT_READ = {"deleted", "orphaned", "__MACOSX"}
YEAR_OF = re.compile(r"\b(?:18|19|20)\d\d\b")
IMDB_ID = re.compile(r"\btt0*(\d+)|^0*(\d+)(?:\.0)?$")  # it may stand in a link
# RuntimeError: an encrypted archive, or one that zipfile cannot read.
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)
Files = Iterable[tuple[str, bytes]]  # name and content


@dataclass
class Imported:
    """A profile, and what is not in it."""

    profile: Profile
    left: dict[str, list[str]] = field(default_factory=dict)  # why left out, and which films
    of_elsewhere: bool = True  # False for a profile as it was saved

    def summary(self) -> str:
        """In one line: how much was taken, and how much was not."""
        told, left = self.profile, sum(map(len, self.left.values()))
        rated, seen, to_see = len(told.ratings), len(told.seen), len(told.watchlist)
        said = _("Films rated: {rated}, seen: {seen}, to see: {to_see}, left out: {left}.")
        return said.format(rated=rated, seen=seen, to_see=to_see, left=left)

    def report(self, most: int) -> str:
        """The summary and, under each reason, at most so many of the films that were left out."""
        lines = [self.summary()]
        for why, films in self.left.items():
            more = ["…"] * (len(films) > most)
            lines += [f"{why} ({len(films)})", *(f"  {film}" for film in films[:most] + more)]
        return "\n".join(lines)


def read_profile(name: str, content: bytes, catalogue: Catalogue, scale: Scale) -> Imported:
    """A file that somebody loads: a profile as JSON, or an export. Raises SaelibError."""
    if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        return Imported(Profile.from_json(content, name), of_elsewhere=False)
    return import_files([(name, content)], catalogue, scale)


def import_files(
    files: Files, catalogue: Catalogue, scale: Scale, *, own_scale: Scale | None = None
) -> Imported:
    """Exports of one person, or archives of them, as one profile.

    catalogue, scale: of the data set that the profile is for. own_scale: of the stars in a list of
    one's own. Of a film that is rated several times the latest stars count, or the last ones.
    Raises SaelibError: what cannot be read as a whole; of single lines, see `Imported.left`.
    """
    lines = list[dict[str, Any]]()
    for name, content in files:
        try:
            for part in _unpacked(name, content):
                lines += _read(*part, own_scale, scale)
        except UNREADABLE as error:
            message = _(
                "{file} cannot be read: {problem}. Expected a CSV file of Letterboxd, IMDb, "
                "MovieLens.org or TMDB, or a list with the columns title, year, stars."
            )
            raise SaelibError(message.format(file=name, problem=error)) from error
    profile, matcher = Profile(dataset=catalogue.dataset), Matcher(catalogue)
    seen, to_see, left = dict[str, None](), dict[str, None](), defaultdict[str, dict](dict)
    for line in sorted(lines, key=itemgetter("date")):
        film, why = ("", line["why"]) if line["why"] else matcher.find(line)
        if why:
            left[why][line["shown"]] = None
        elif line["stars"] is not None:
            profile.ratings[film] = check_stars(film, line["stars"], scale)
        else:
            (to_see if line["to_see"] else seen)[film] = None
    profile.seen = [film for film in seen if film not in profile.ratings]
    profile.watchlist = [film for film in to_see if film not in profile.ratings | seen]
    return Imported(profile, {why: [*films] for why, films in left.items()})


def _unpacked(name: str, content: bytes) -> Files:
    """A file as it is; of an archive the tables in it, or in the one folder that is in it."""
    if not content.startswith(b"PK\x03\x04"):
        return [(name, content)]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        paths = [path for path in archive.namelist() if NOT_READ.isdisjoint(path.split("/"))]
        paths = [path for path in paths if path.endswith(".csv") and path.count("/") < 2]
        tables = {path.split("/")[-1]: path for path in paths}
        if not tables:
            raise ValueError(_("an archive or a spreadsheet without a CSV file"))
        wanted = ARCHIVED & tables.keys() or tables
        if sum(archive.getinfo(tables[part]).file_size for part in wanted) > MAX_BYTES:
            raise ValueError(_("longer than {n} bytes").format(n=f"{MAX_BYTES:,}"))
        return [(part, archive.read(tables[part])) for part in wanted]


def _read(name: str, content: bytes, own: Scale | None, wanted: Scale) -> Iterator[dict[str, Any]]:
    """Of each line of a file what stands under each of COLUMNS, and what follows from it:

    stars: on the wanted scale, or None; year: a number, or None; to_see; shown: the film on one
    line; why: what is wrong, or ''. Raises ValueError.
    """
    header, lines = _lines(content)
    columns, there = _columns(header), {*map(squashed, header)}
    if columns.keys().isdisjoint(("title", "imdb_id")):
        raise ValueError(_("its columns are {columns}").format(columns=short(", ".join(header))))
    _needs, service, scale, unrated_is_seen = next(row for row in SERVICES if row[0] <= there)
    films: list[dict[str, Any]] = [
        {column: cells[at].strip() for column, at in columns.items() if at < len(cells)}
        for cells in lines.values()
    ]
    texts = pd.Series([film.get("stars", "") for film in films], dtype=str)
    numbers = pd.to_numeric(texts.str.replace(",", "."), errors="coerce")
    if service == LIST:
        scale = _own_scale(header[columns["stars"]] if "stars" in columns else "", numbers, own)
    elif own is not None:
        of = _("its stars are {service}'s, {scale}")
        raise ValueError(of.format(service=service, scale=scale))
    for n, told, text, stars in zip(lines, films, texts, numbers):
        film = dict.fromkeys(COLUMNS, "") | told
        year = YEAR_OF.search(film["year"] + "".join(YEAR.findall(film["title"])))
        film |= {"title": YEAR.sub("", film["title"]), "year": int(year[0]) if year else None}
        shelf, where = film["shelf"].casefold(), _("{file}, line {n}").format(file=name, n=n)
        shown = "".join(filter(str.isprintable, film["title"][:100]))
        shown = label(shown, film["year"]) if shown else where
        to_see = bool(TO_SEE.search(f"{name} {shelf}"))
        rated = text != "" and not (stars == 0 < scale.lowest)
        on_scale, why = scale.lowest <= stars <= scale.highest, ""
        if not told:
            why = _("Lines that cannot be read")
        elif rated and not on_scale:
            why = _("Stars that are not {scale}").format(scale=scale)
            shown += f", {short(text)}"
        elif not (rated or to_see or (unrated_is_seen and shelf in SEEN)):
            why = _("Without stars, and not known to be seen")
        film["stars"] = _converted(stars, scale, wanted) if rated and on_scale else None
        yield film | {"to_see": to_see, "shown": shown, "why": why}


def _lines(content: bytes) -> tuple[list[str], dict[int, list[str]]]:
    """The fields of the first line and, by number, of the others that are not blank.

    There are none where a line cannot be read. A field in quotes may go over several lines; one
    whose quotes never end spoils its line alone. Raises ValueError.
    """
    try:
        text = content.decode("utf-8-sig").lstrip()
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace").lstrip()
    if text.startswith(("[", "{")):
        raise ValueError(_("JSON; such services also export CSV"))
    lines, at, found = text.splitlines() or [""], 0, dict[int, list[str]]()
    if len(lines) > MAX_LINES:
        raise ValueError(_("longer than {n} lines").format(n=f"{MAX_LINES:,}"))
    between = max(",;\t|", key=lambda sign: len(_columns(lines[0].split(sign))))
    while at < len(lines):
        reader = csv.reader(lines[at : at + 50], delimiter=between, strict=True)
        try:
            cells, n = next(reader), reader.line_num
        except csv.Error:
            cells, n = [], 1
        if lines[at].strip(between + ' "'):
            found[at + 1] = cells
        at += n
    header = found.pop(1, [])
    return header, {n: [] if any(cells[len(header) :]) else cells for n, cells in found.items()}


def squashed(text: str) -> str:
    """Without case, blanks and signs: 'Title Type' and 'title_type' are one."""
    return plain(text).replace(" ", "").replace("_", "")


def _columns(header: list[str]) -> dict[str, int]:
    """Where each of COLUMNS stands, of those that there are."""
    there = [squashed(column) for column in header]
    known = {role: [name for name in of.split() if name in there] for role, of in COLUMNS.items()}
    known["stars"] = known["stars"] or [*filter(LIKE_STARS.search, there)]
    return {role: there.index(found[0]) for role, found in known.items() if found}


def _own_scale(column: str, stars: pd.Series, own: Scale | None) -> Scale:
    """The scale of a list of one's own. column: the name of its stars. Raises ValueError."""
    if own is not None and not column:
        raise ValueError(_("a scale was given, but there is no column of stars"))
    known = squashed(column) in ["", *COLUMNS["stars"].split()]
    if own is None and not (known and (stars.dropna() <= HALF_STARS.highest).all()):
        message = _("say of which scale {column} is, as in python -m saelib import --scale 0 100")
        raise ValueError(message.format(column=short(column)))
    return own or HALF_STARS


def _converted(stars: float, told: Scale, wanted: Scale) -> float:
    """The level nearest to stars of another scale, the lowest being the lowest; halfway, up."""
    steps = (wanted.ratings(told.stars(stars)) - wanted.lowest) / wanted.step
    return float(wanted.levels[int(steps + 0.5 + 1e-9)])


class Matcher:
    """Which film of a catalogue is it? By its number at IMDb, or else by title and year."""

    def __init__(self, catalogue: Catalogue):
        self._catalogue, films = catalogue, catalogue.films
        self._years = films["year"].to_numpy(float, na_value=np.nan)
        self._n_ratings = films["n_ratings"].to_numpy()
        positions = {film: position for position, film in enumerate(catalogue.ids)}
        links = links_at_hand(catalogue.dataset)
        numbers = () if links is None else links[["imdb_id", "movie_id"]].to_numpy(str)
        self._at = {number: [positions[film]] for number, film in numbers if film in positions}

    def find(self, line: dict[str, Any]) -> tuple[str, str]:
        """The movie_id of a film as text, and ''; or '', and why it is not taken."""
        number, is_film = IMDB_ID.search(line["imdb_id"]), squashed(line["kind"]) in FILM_KINDS
        if number and self._at:  # links have the number of every film
            fits = self._at.get(number[1] or number[2], [])
        else:
            fits = self._named(line) if is_film else []
        labels = sorted({*self._catalogue.labels[fits]})
        if len(labels) == 1:  # perhaps under two ids: the one with more ratings
            return self._catalogue.ids[max(fits, key=self._n_ratings.__getitem__)], ""
        if labels:
            return "", _("Could be several: {films}").format(films="; ".join(labels))
        if not is_film:
            return "", _("Not known to be a film")
        return "", _("Not in {dataset}").format(dataset=self._catalogue.dataset)

    def _named(self, line: dict[str, Any]) -> list[int]:
        """Positions of films of this title: of the year, or else of one apart, or of none known."""
        titles = [title for title in (line["title"], line["original"]) if title]
        keys = {key(name) for title in titles for name in names(title)} - {""}
        index = self._catalogue.index[1]
        films = np.array([*{film for name in keys for film in index.get(name, [])}], dtype=int)
        apart = abs(self._years[films] - (line["year"] or np.nan))
        for near in (apart == 0, apart == 1, np.isnan(apart)):
            if near.any():
                return films[near].tolist()
        return []
