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
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from saelib.data import Scale
from saelib.errors import SaelibError
from saelib.language import _, number
from saelib.recommend.catalogue import Catalogue, label, short
from saelib.recommend.matching import Matcher, squashed
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import check_stars
from saelib.recommend.search import YEAR

MAX_FILE = 20_000_000  # bytes, also of a whole archive; 100,000 films of Letterboxd are 7 million
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
    "tmdb_id": "tmdbid tmdb",
    "movie_id": "movieid",
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
ARCHIVED = ("ratings.csv", "watched.csv", "watchlist.csv")  # what is read of Letterboxd's archive
NOT_READ = {"deleted", "orphaned", "__MACOSX"}
YEAR_OF = r"\b((?:18|19|20)\d\d)\b"
STARS = re.compile(r"(-?\d*\.?\d+)(?:/([1-9]\d*))?")
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
    tables = list[pd.DataFrame]()
    for name, content in files:
        try:
            tables += [_read(*part, own_scale) for part in _unpacked(name, content)]
        except UNREADABLE as error:
            message = _(
                "{file} cannot be read: {problem}. Expected a CSV file of Letterboxd, IMDb, "
                "MovieLens.org or TMDB, or a list with the columns title, year, stars."
            )
            raise SaelibError(message.format(file=name, problem=error)) from error
    profile, matcher = Profile(dataset=catalogue.dataset), Matcher(catalogue)
    seen, to_see, left = dict[str, None](), dict[str, None](), defaultdict[str, dict](dict)
    for row in pd.concat(tables).sort_values("date", kind="stable").to_dict("records"):
        film, why = ("", row["why"]) if row["why"] else matcher.find(row)
        if why:
            left[why][row["shown"]] = None
        elif not np.isnan(row["part"]):
            profile.ratings[film] = check_stars(film, _on(scale, row["part"]), scale)
        else:
            (to_see if row["to_see"] else seen)[film] = None
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
        wanted = [part for part in ARCHIVED if part in tables] or tables
        if sum(archive.getinfo(tables[part]).file_size for part in wanted) > MAX_FILE:
            raise ValueError(_("longer than {n} bytes").format(n=number(MAX_FILE)))
        return [(part, archive.open(tables[part]).read(MAX_FILE + 1)) for part in wanted]


def _read(name: str, content: bytes, own: Scale | None) -> pd.DataFrame:
    """A row for each line of a file: what stands under each of COLUMNS, the year as a number, and

    part: the stars as a part of the highest, NaN where not rated; to_see; shown: the film on one
    line; why: what is wrong with this line, or ''. Raises ValueError.
    """
    header, lines = _lines(_decoded(content))
    columns, there = _columns(header), {squashed(column) for column in header}
    if "userid" in there or not columns.keys() & {"title", "imdb_id", "tmdb_id", "movie_id"}:
        raise ValueError(_("its columns are {columns}").format(columns=short(", ".join(header))))
    _needs, service, scale, unrated_is_seen = next(row for row in SERVICES if row[0] <= there)
    cells = [
        [line[at].strip() if at < len(line) else "" for at in columns.values()]
        for line in lines.values()
    ]
    films = pd.DataFrame(cells, columns=[*columns], dtype=str)
    films = films.reindex(columns=[*COLUMNS], fill_value="")
    if service == LIST:
        scale = _own_scale(header[columns["stars"]] if "stars" in columns else "", films, own)
    elif own is not None:
        of = _("its stars are {service}'s, {scale}")
        raise ValueError(of.format(service=service, scale=scale))
    after_title = films["title"].str.extract(r"(\(\d{4}\))$", expand=False).fillna("")
    films["year"] = (films["year"] + after_title).str.extract(YEAR_OF, expand=False).astype(float)
    films["title"] = films["title"].str.replace(YEAR, "", regex=True)
    parts = {stars: _part(stars, scale) for stars in films["stars"].unique()}
    films["part"] = films["stars"].map(parts).astype(float)
    shelf, rated = films["shelf"].str.casefold(), films["part"].notna()
    films["to_see"] = ~rated & (shelf.str.contains(TO_SEE) | bool(TO_SEE.search(name)))
    seen = rated | films["to_see"] | (shelf.isin(SEEN) & unrated_is_seen)
    wrong = films["stars"].isin([stars for stars, part in parts.items() if part is None])
    where = [_("{file}, line {n}").format(file=name, n=n) for n in lines]
    shown = ["".join(filter(str.isprintable, title[:100])) for title in films["title"]]
    films["shown"] = [label(*film) for film in zip(shown, films["year"].astype("Int64"))]
    films["shown"] = films["shown"].where(films["title"] != "", where)
    films.loc[wrong, "shown"] += ", " + films["stars"].map(short)
    why = {
        _("Lines that cannot be read"): np.array([not line for line in lines.values()], dtype=bool),
        _("Stars that are not {scale}").format(scale=scale): wrong,
        _("Without stars, and not known to be seen"): ~seen,
    }
    return films.assign(why=np.select([*why.values()], [*why], ""))


def _decoded(content: bytes) -> str:
    """The text of a file, without the line that spreadsheets write for themselves."""
    if len(content) > MAX_FILE:
        raise ValueError(_("longer than {n} bytes").format(n=number(MAX_FILE)))
    try:
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = content.decode("utf-16" if wide else "utf-8-sig").lstrip()
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace").lstrip()
    if text.startswith(("[", "{")):
        raise ValueError(_("JSON; such services also export CSV"))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.count("\n") > MAX_LINES:
        raise ValueError(_("longer than {n} lines").format(n=number(MAX_LINES)))
    return text.partition("\n")[2] if text[:4].casefold() == "sep=" else text


def _lines(text: str) -> tuple[list[str], dict[int, list[str]]]:
    """The fields of the first line and, by number, of the others that are not blank.

    There are none where a line cannot be read. A field in quotes may go over several lines; one
    whose quotes never end spoils its line alone.
    """
    lines, at, found = text.split("\n"), 0, dict[int, list[str]]()
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


def _columns(header: list[str]) -> dict[str, int]:
    """Where each of COLUMNS stands, of those that there are."""
    there = [squashed(column) for column in header]
    known = {role: [name for name in of.split() if name in there] for role, of in COLUMNS.items()}
    known["stars"] = known["stars"] or [*filter(LIKE_STARS.search, there)]
    return {role: there.index(found[0]) for role, found in known.items() if found}


def _own_scale(column: str, films: pd.DataFrame, own: Scale | None) -> Scale:
    """The scale of a list of one's own. column: the name of its stars. Raises ValueError."""
    if own is not None and not column:
        raise ValueError(_("a scale was given, but there is no column of stars"))
    numbers = pd.to_numeric(films["stars"].str.replace(",", "."), errors="coerce")
    many = (numbers > HALF_STARS.highest).sum() > max(1, numbers.count() / 4)
    if own is None and (many or squashed(column) not in ["", *COLUMNS["stars"].split()]):
        message = _("say of which scale {column} is, as in python -m saelib import --scale 0 100")
        raise ValueError(message.format(column=short(column)))
    return own or HALF_STARS


def _part(text: str, scale: Scale) -> float | None:
    """Stars as a part of the highest: '4', '4,5', '★★★★½', '8/10', '80%'.

    NaN: not rated. None: no number, or off the scale.
    """
    text = text.replace(",", ".").replace("½", ".5").replace("%", "/100").replace(" ", "")
    text = re.sub(r"^([★⭐]+)(\.5)?$", lambda found: f"{len(found[1])}{found[2] or ''}/5", text)
    found = STARS.fullmatch(text)
    if not text or (found and float(found[1]) == 0 < scale.lowest):
        return np.nan
    lowest, highest = (0, int(found[2])) if found and found[2] else (scale.lowest, scale.highest)
    if not (found and lowest <= float(found[1]) <= highest):
        return None
    zero = min(lowest, 0)
    return (float(found[1]) - zero) / (highest - zero)


def _on(scale: Scale, part: float) -> float:
    """A part of the highest stars at the nearest level of a scale; halfway, at the higher one."""
    zero = min(scale.lowest, 0)
    steps = (zero + part * (scale.highest - zero) - scale.lowest) / scale.step
    return float(scale.levels[max(0, int(steps + 0.5 + 1e-9))])
