"""Ratings made elsewhere become a profile: of Letterboxd, IMDb, MovieLens.org, TMDB, or a list.

Nothing is guessed: a film that is not found, or could be several, is told and not taken.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saelib.data import Scale
from saelib.errors import SaelibError
from saelib.language import _, number
from saelib.recommend.catalogue import Catalogue, label, short
from saelib.recommend.matching import Matcher, squashed
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import check_stars
from saelib.recommend.search import YEAR

MAX_FILE = 20_000_000  # bytes; 100,000 films of Letterboxd are 7 million
HALF_STARS, TEN = Scale(0.5, 5, 0.5), Scale(1, 10)
LIST = "list"  # of one's own
# Columns that tell a service's file from others; the scale of its stars; whether a film without
# stars was seen. Here and below, names of columns are without case, blanks and signs.
SERVICES = {
    "MovieLens.org": ({"movieid", "imdbid", "tmdbid", "averagerating"}, HALF_STARS, False),
    "TMDB": ({"tmdbid", "imdbid", "name", "yourrating"}, Scale(0.5, 10, 0.5), False),
    "IMDb": ({"const", "title"}, TEN, False),
    "Letterboxd": ({"letterboxduri", "name"}, HALF_STARS, True),
    LIST: (set[str](), HALF_STARS, True),
}
COLUMNS = {  # what each may be called, the surest name first
    "title": "title name film movie filmtitle movietitle",
    "original": "originaltitle",
    "year": "year releaseyear yearpublished releasedate",
    "stars": "yourrating yourated myrating stars rating10 rating",
    "imdb_id": "const imdbid imdb imdburl url",
    "tmdb_id": "tmdbid tmdb",
    "movie_id": "movieid",
    "kind": "titletype type",
    "date": "watcheddate daterated date",
    "shelf": "exclusiveshelf shelf status",
}
LIKE_STARS = re.compile("^(?!.*(average|avg|imdb|tmdb|meta|num|date)).*(rat|score|star|vote|grade)")
SEEN = ("", "read", "watched", "seen", "completed", "finished", "rated")
TO_SEE = re.compile("(watch|wish).?list|to.(read|watch|see)", re.IGNORECASE)
ARCHIVED = ("ratings.csv", "watched.csv", "watchlist.csv")  # what is read of Letterboxd's archive
NOT_READ = {"deleted", "orphaned", "__MACOSX"}
Files = Iterable[tuple[str, bytes]]  # name and content
Row = dict[str, Any]


@dataclass
class Imported:
    """A profile, and what is not in it. of_elsewhere: False for a profile as it was saved. left:
    why films or lines were left out, and which."""

    profile: Profile
    of_elsewhere: bool = True
    left: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def summary(self) -> str:
        """In one line: how much was taken, and how much was not."""
        said = _("Films rated: {rated}, seen: {seen}, to see: {to_see}, left out: {left}.")
        told, left = self.profile, sum(map(len, self.left.values()))
        counts = {"rated": len(told.ratings), "seen": len(told.seen), "to_see": len(told.watchlist)}
        return said.format(**counts, left=left)

    def report(self, most: int | None = None) -> str:
        """The summary and, under each reason, at most so many of the films that were left out."""
        lines = [self.summary()]
        for why, films in self.left.items():
            more = ["…"] if most is not None and len(films) > most else []
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
    one's own. Of a film that is rated several times the latest stars count, or those that stand
    last. Raises SaelibError: what cannot be read as a whole; of single lines, see `Imported.left`.
    """
    profile, rows = Profile(dataset=catalogue.dataset), list[Row]()
    found, matcher = Imported(profile), Matcher(catalogue)
    for name, content in files:
        try:
            for part in _unpacked(name, content):
                rows += _read(*part, own_scale, found)
        # RuntimeError: an encrypted archive, or one that zipfile cannot read.
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as e:
            message = _(
                "{file} cannot be read: {problem}. Expected a CSV file of Letterboxd, IMDb, "
                "MovieLens.org or TMDB, or a list with the columns title, year, stars."
            )
            raise SaelibError(message.format(file=name, problem=e)) from e
    for row in sorted(rows, key=lambda row: row["date"]):
        film, why = matcher.find(row)
        if why:
            found.left[why].append(row["shown"])
        elif row["part"] is not None:
            profile.ratings[film] = check_stars(film, _on(scale, row["part"]), scale)
        else:
            (profile.watchlist if row["to see"] else profile.seen).append(film)
    rated, seen = profile.ratings, dict.fromkeys(profile.seen)
    profile.seen = [film for film in seen if film not in rated]
    to_see = dict.fromkeys(profile.watchlist)
    profile.watchlist = [film for film in to_see if film not in rated and film not in seen]
    found.left = {why: list(dict.fromkeys(films)) for why, films in found.left.items()}
    return found


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
        wanted = [part for part in ARCHIVED if part in tables] or tables
        return [(part, archive.open(tables[part]).read(MAX_FILE + 1)) for part in wanted]


def _read(name: str, content: bytes, own: Scale | None, found: Imported) -> Iterator[Row]:
    """The films of a file: what stands under each of COLUMNS, the year as a number, and

    part: the stars as a part of the highest, None where not rated; to see; shown: the film on one
    line. What is wrong with single lines goes to `found`. Raises ValueError.
    """
    if len(content) > MAX_FILE:
        raise ValueError(_("longer than {n} bytes").format(n=number(MAX_FILE)))
    text = _decoded(content)
    if text.startswith(("[", "{")):
        raise ValueError(_("JSON; such services also export CSV"))
    first = text.partition("\n")[0]
    between = max(",;\t|", key=lambda sign: len(_columns(first.split(sign))))
    (_n, header), *lines = list(_lines(text, between)) or [(1, [])]
    columns, there = _columns(header), {squashed(column) for column in header}
    if "userid" in there or not columns.keys() & {"title", "imdb_id", "tmdb_id", "movie_id"}:
        raise ValueError(_("its columns are {columns}").format(columns=short(", ".join(header))))
    service = next(name for name, (needs, *_of) in SERVICES.items() if needs <= there)
    scale, unrated_is_seen = SERVICES[service][1:]
    if service == LIST:
        scale = _own_scale(header, columns, [cells for _n, cells in lines], own)
    elif own is not None:
        of = _("its stars are {service}'s, {scale}")
        raise ValueError(of.format(service=service, scale=scale))
    for n, cells in lines:
        where = _("{file}, line {n}").format(file=name, n=n)
        if not cells or any(cells[len(header) :]):
            found.left[_("Lines that cannot be read")].append(where)
            continue
        row: Row = dict.fromkeys(COLUMNS, "")
        row |= {role: cells[at].strip() for role, at in columns.items() if at < len(cells)}
        year = re.search(r"\b(1[89]|20)\d\d\b", row["year"])
        year = year or re.search(r"(?<=\()(1[89]|20)\d\d(?=\)$)", row["title"])
        row |= {"year": int(year[0]) if year else None, "title": YEAR.sub("", row["title"])}
        printable = "".join(c if c.isprintable() else " " for c in row["title"])
        row["shown"] = label(printable[:100] or where, row["year"])
        try:
            row["part"] = _part(row["stars"], scale)
        except ValueError:
            told = f"{where}: {row['shown']}, {short(row['stars'])}"
            found.left[_("Stars that are not {scale}").format(scale=scale)].append(told)
            continue
        rated = row["part"] is not None
        row["to see"] = not rated and bool(TO_SEE.search(f"{name} {row['shelf']}"))
        if rated or row["to see"] or (unrated_is_seen and row["shelf"].casefold() in SEEN):
            yield row
        else:
            found.left[_("Without stars, and not known to be seen")].append(row["shown"])


def _decoded(content: bytes) -> str:
    """The text of a file, without the line that spreadsheets write for themselves."""
    try:
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    text = text.lstrip().replace("\r\n", "\n").replace("\r", "\n")
    return text.partition("\n")[2] if text[:4].casefold() == "sep=" else text


def _lines(text: str, between: str) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each line with something in it; no fields where it cannot be read.

    A field in quotes may go over several lines; one whose quotes never end spoils its line alone.
    """
    lines, at = text.split("\n"), 0
    while at < len(lines):
        reader = csv.reader(lines[at : at + 50], delimiter=between, strict=True)
        try:
            cells, n = next(reader), reader.line_num
        except csv.Error:
            cells, n = [], 1
        if lines[at].strip(between + ' "'):
            yield at + 1, cells
        at += n


def _columns(header: list[str]) -> dict[str, int]:
    """Where each of COLUMNS stands, of those that there are."""
    there = [squashed(column) for column in header]
    known = {role: [name for name in of.split() if name in there] for role, of in COLUMNS.items()}
    return {role: there.index(found[0]) for role, found in known.items() if found}


def _own_scale(
    header: list[str], columns: dict[str, int], rows: list[list[str]], own: Scale | None
) -> Scale:
    """The scale of a list of one's own; its stars become one of `columns`. Raises ValueError."""

    def numbers(at: int) -> list[float]:
        cells = [cells[at].strip().replace(",", ".") for cells in rows if at < len(cells)]
        return [float(cell) for cell in cells if re.fullmatch(r"\d+(\.\d+)?", cell)]

    alike = [at for at, column in enumerate(header) if LIKE_STARS.search(squashed(column))]
    at = columns.get("stars", next(filter(numbers, alike), None))
    if at is None and own is not None:
        raise ValueError(_("a scale was given, but there is no column of stars"))
    if at is None:
        return HALF_STARS
    above = [stars > HALF_STARS.highest for stars in numbers(at)]
    is_ten = squashed(header[at]) == "rating10"
    unsure = "stars" not in columns or (sum(above) > max(1, len(above) / 4) and not is_ten)
    if own is None and unsure:
        message = _("say of which scale {column} is, as in python -m saelib import --scale 0 100")
        raise ValueError(message.format(column=short(header[at])))
    columns["stars"] = at
    return own or (TEN if is_ten else HALF_STARS)


def _part(text: str, scale: Scale) -> float | None:
    """Stars as a part of the highest: '4', '4,5', '★★★★½', '8/10', '80%'; None: not rated.

    Raises ValueError where they are no number, or off the scale.
    """
    text = text.replace(",", ".").replace("\ufe0f", "").strip()
    if text and not text.strip("★⭐☆½* "):
        return (sum(map(text.count, "★⭐*")) + text.count("½") / 2) / 5
    text = re.sub(r"\s*½", ".5", text.removesuffix("★")).replace("%", "/100")
    given, slash, of = text.partition("/")
    if not text or (float(given) == 0 and scale.lowest > 0):
        return None
    lowest, highest = (0.0, float(of)) if slash else (scale.lowest, scale.highest)
    if not lowest <= float(given) <= highest:
        raise ValueError
    return (float(given) - min(lowest, 0)) / (highest - min(lowest, 0))


def _on(scale: Scale, part: float) -> float:
    """A part of the highest stars at the nearest level of a scale; halfway, at the higher one."""
    zero = min(scale.lowest, 0)
    stars = zero + part * (scale.highest - zero)
    steps = np.floor((stars - scale.lowest) / scale.step + 0.5 + 1e-9)
    return float(scale.clip(scale.lowest + scale.step * steps))
