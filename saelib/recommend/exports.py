"""What people can download about themselves elsewhere: which film, how many stars.

Files are recognised by their columns, whatever their order, and what else stands in them is not
read. As the services write them (the headers below are of exports that people have published; the
full ones are in the tests):

- Letterboxd (Settings, Data): ratings.csv 'Date, Name, Year, Letterboxd URI, Rating', ½ to 5;
  watched.csv the same without Rating; diary.csv with more; the archive that they come in. The
  columns of watchlist.csv are those of watched.csv, but its films were not seen
  (FuzzyGrim/Yamtrack issue 1279 lists all four).
- IMDb (Your ratings, Export): 'Const, Your Rating, Date Rated, Title, Original Title, URL,
  Title Type, IMDb Rating, Runtime (mins), Year, …', 1 to 10; lists, too, where what was not rated
  has no number (FuzzyGrim/Yamtrack issue 667). Before 2018 'const', 'You rated', 'Title type'
  (damienhaynes/TraktRater issue 71). Types are in the language of the account.
- MovieLens.org: 'movie_id, imdb_id, tmdb_id, rating, average_rating, title', ½ to 5; the title
  ends with the year (StegSchreck/RatS, tests/assetsmovielens.csv).
- TMDB (Settings, Export): 'TMDb ID, IMDb ID, Type, Name, Release Date, Season Number,
  Episode Number, Rating, Your Rating, Date Rated', ½ to 10; Rating is everybody's.
- A list of one's own: title, year (may be missing), stars (or rating, or none: seen).
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from saelib.data.scale import HALF_STARS, Scale
from saelib.errors import ProfileError
from saelib.language import _, ngettext, number
from saelib.recommend.catalogue import label, short

ARCHIVE = b"PK\x03\x04"
OF_LETTERBOXD = ("ratings.csv", "watched.csv")
MAX_FILE = 20_000_000  # bytes; 100,000 films of Letterboxd are 7 million
NO_FILM = re.compile(r"s[eé]rie|episod|épisode|folge|game|juego|spiel|podcast|music|^tv$", re.I)
TEN, TEN_HALVES = Scale(1, 10), Scale(0.5, 10, 0.5)


@dataclass(frozen=True)
class Format:
    """Where an export says what. needs: columns that tell it from others; the others: where a
    film's title, year, stars and so on stand, if anywhere; all in small letters."""

    name: str
    needs: tuple[str, ...]
    scale: Scale
    title: str
    stars: tuple[str, ...] = ()
    year: str = "year"
    original: str = ""
    kind: str = ""
    movie_id: str = ""
    imdb_id: str = ""
    tmdb_id: str = ""
    date: tuple[str, ...] = ()
    unrated_is_seen: bool = False


FORMATS = (
    Format(
        "MovieLens.org",
        ("movie_id", "imdb_id", "tmdb_id", "rating", "title"),
        HALF_STARS,
        "title",
        ("rating",),
        movie_id="movie_id",
        imdb_id="imdb_id",
        tmdb_id="tmdb_id",
    ),
    Format(
        "TMDB",
        ("tmdb id", "imdb id", "type", "name", "your rating"),
        TEN_HALVES,
        "name",
        ("your rating",),
        year="release date",
        kind="type",
        imdb_id="imdb id",
        tmdb_id="tmdb id",
        date=("date rated",),
    ),
    Format(
        "IMDb",
        ("const", "title"),
        TEN,
        "title",
        ("your rating", "you rated"),
        original="original title",
        kind="title type",
        imdb_id="const",
        date=("date rated",),
    ),
    Format(
        "Letterboxd",
        ("name", "year", "letterboxd uri"),
        HALF_STARS,
        "name",
        ("rating",),
        date=("watched date", "date"),
        unrated_is_seen=True,
    ),
    Format("own list", ("title",), HALF_STARS, "title", ("stars", "rating"), unrated_is_seen=True),
)


def expected() -> str:
    """What can be read, as a part of a sentence."""
    return _(
        "expected a file of Letterboxd (Name, Year, Letterboxd URI, Rating), IMDb (Const, Your "
        "Rating, Title), MovieLens.org (movie_id, imdb_id, tmdb_id, rating, title) or TMDB (TMDb "
        "ID, IMDb ID, Type, Name, Your Rating), or a list with the columns title, year, stars"
    )


@dataclass(frozen=True)
class Row:
    """One film of an export. stars: on the export's scale; None: seen. date: to compare as text."""

    line: int
    title: str
    year: int | None = None
    stars: float | None = None
    original: str = ""
    is_film: bool = True
    movie_id: int | None = None
    imdb_id: int | None = None
    tmdb_id: int | None = None
    date: str = ""

    def __str__(self) -> str:
        return label(printable(self.title), self.year)


@dataclass
class Export:
    """What was read of a file. refused: why a line was not taken, each of them a line of text."""

    source: str
    format: str
    scale: Scale
    rows: list[Row] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def printable(text: str, most: int = 100) -> str:
    """A text of a file as it can be shown on one line: without control characters, not too long."""
    text = "".join(c if c.isprintable() else " " for c in text).strip()
    return text if len(text) <= most else text[: most - 1] + "…"


def read_export(content: bytes, source: str, scale: Scale | None = None) -> Export:
    """Read an export. source: the file's name. scale: of a list of one's own, ½ to 5 if None.

    Raises ProfileError: too large, no text, no columns that are known, a watchlist, a list with
    stars that its scale does not have. A line that cannot be used is told in `Export.refused`.
    """
    if len(content) > MAX_FILE:
        raise ProfileError(
            _("{file} is longer than {size} bytes; {expected}, of one person.").format(
                file=source, size=number(MAX_FILE), expected=expected()
            )
        )
    text, notes = _decode(content, source)
    lines = _lines(text, source)
    header = next(lines, (0, []))[1]
    found = _recognise(header)
    if found is None:
        raise ProfileError(
            _("{file} has the columns {columns}; {expected}.").format(
                file=source,
                columns=short(", ".join(map(printable, header))),
                expected=expected(),
            )
        )
    export = Export(source, found.name, found.scale, notes=notes)
    if found.name == "own list":
        export.scale = scale or HALF_STARS
    elif scale is not None:
        raise ProfileError(
            _("{file} is of {service}, whose scale is {scale}.").format(
                file=source, service=found.name, scale=found.scale
            )
        )
    columns = {name.strip().casefold(): i for i, name in reversed(list(enumerate(header)))}
    has_stars = any(name in columns for name in found.stars)
    if found.unrated_is_seen and not has_stars:
        if "watchlist" in source.casefold():
            raise ProfileError(
                _(
                    "{file} is a watchlist: films to see, which tell nothing of what you liked. "
                    "Letterboxd: import ratings.csv and watched.csv."
                ).format(file=source)
            )
        notes.append(
            _(
                "No column of stars: taken as films that were seen (a watchlist would look the "
                "same)."
            )
        )
    n_unrated = 0
    for line, cells in lines:
        if len(cells) != len(header):
            wrong = _("line {line} has {n} fields instead of {wanted}")
            export.refused.append(wrong.format(line=line, n=len(cells), wanted=len(header)))
            continue
        row = _row(found, line, {name: cells[i].strip() for name, i in columns.items()}, export)
        if row is None:
            continue
        if row.stars is None and not found.unrated_is_seen:
            n_unrated += 1
            continue
        export.rows.append(row)
    if n_unrated:
        left_out = ngettext(
            "Without a rating, so left out: {n} of {service}'s lines.",
            "Without a rating, so left out: {n} of {service}'s lines.",
            n_unrated,
        )
        notes.append(left_out.format(n=n_unrated, service=found.name))
    return export


def unpacked(content: bytes, source: str) -> list[tuple[str, bytes]]:
    """(name, content) of a file; of Letterboxd's archive, of those of its files that tell of taste.

    Raises ProfileError for another archive (spreadsheets are such, too), or a damaged one.
    """
    if not content.startswith(ARCHIVE):
        return [(source, content)]
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = [name for name in OF_LETTERBOXD if name in archive.namelist()]
            found = [(name, archive.open(name).read(MAX_FILE + 1)) for name in inside]
    # RuntimeError: encrypted; NotImplementedError, a kind of it: what zipfile cannot read.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise ProfileError(
            _("{file} is an archive that cannot be read ({error}).").format(
                file=source, error=error
            )
        ) from error
    if not found:
        raise ProfileError(
            _(
                "{file} is an archive or a spreadsheet without {ratings} and {watched}, as "
                "Letterboxd's has them; choose a CSV file in it, or save it as CSV."
            ).format(file=source, ratings=OF_LETTERBOXD[0], watched=OF_LETTERBOXD[1])
        )
    return found


def _recognise(header: list[str]) -> Format | None:
    names = {name.strip().casefold() for name in header}
    return next((known for known in FORMATS if names.issuperset(known.needs)), None)


def _decode(content: bytes, source: str) -> tuple[str, list[str]]:
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            return content.decode("utf-16"), []
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            raise ProfileError(
                _("{file} is not encoded as UTF-8 ({error}); save it as 'CSV UTF-8'.").format(
                    file=source, error=error
                )
            ) from error
    note = _(
        "Not encoded as UTF-8: read as Windows-1252. If titles look odd, save it as 'CSV UTF-8'."
    )
    return text, [note]


def _lines(text: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """(number, fields) of each line with something in it, the header first.

    Separated by whichever of , ; and tab makes known columns of the first line.
    """
    if text.casefold().startswith("sep="):  # spreadsheets write it for themselves
        text = text.partition("\n")[2]
    first = text.lstrip().splitlines()[:1]
    headers = {by: [name.strip('"') for line in first for name in line.split(by)] for by in ",;\t"}
    between = next((by for by, header in headers.items() if _recognise(header)), ",")
    reader = csv.reader(io.StringIO(text.lstrip(), newline=""), delimiter=between, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise ProfileError(
            _("{file} is no table: line {line} cannot be read ({error}).").format(
                file=source, line=reader.line_num, error=error
            )
        ) from error


def _row(found: Format, line: int, cells: dict[str, str], export: Export) -> Row | None:
    """One film; None where the line cannot be used, which is then told in `export.refused`."""
    title = cells.get(found.title, "")
    year = re.search(r"\b(1[89]|20)\d\d\b", cells.get(found.year, ""))
    if not year:
        year = re.search(r"(?<=\()(1[89]|20)\d\d(?=\)\s*$)", title)
    title = re.sub(r"\s*\(\d{4}\)\s*$", "", title)
    row = Row(
        line,
        title,
        int(year[0]) if year else None,
        original=cells.get(found.original, ""),
        is_film=not NO_FILM.search(cells.get(found.kind, "")),
        movie_id=_number(cells.get(found.movie_id, "")),
        imdb_id=_number(cells.get(found.imdb_id, "")),
        tmdb_id=_number(cells.get(found.tmdb_id, "")),
        date=next((cells[name] for name in found.date if cells.get(name)), ""),
    )
    if not title and not any((row.movie_id, row.imdb_id, row.tmdb_id)):
        export.refused.append(_("line {line} names no film").format(line=line))
        return None
    told = next((cells[name] for name in found.stars if cells.get(name)), "")
    if not told:
        return row
    try:
        stars = float(told.replace(",", "."))
    except ValueError:
        stars = float("nan")
    if not export.scale.contains(stars):
        wrong = {"line": line, "stars": short(printable(told, 20)), "film": row}
        wrong |= {"scale": export.scale, "file": export.source}
        if found.name == "own list":
            raise ProfileError(
                _(
                    "{file}, line {line}: {stars} stars for {film} are not on the scale {scale}. "
                    "Mend it, or say what the scale of the list is: python -m saelib import "
                    "--scale 1 10 …"
                ).format(**wrong)
            )
        problem = _("line {line}: {stars} stars for {film} are not on the scale {scale}")
        export.refused.append(problem.format(**wrong))
        return None
    return replace(row, stars=stars)


def _number(text: str) -> int | None:
    """'tt0114709' and '0114709' -> 114709; None where there is no such number."""
    found = re.fullmatch(r"(?:tt)?0*(\d{1,12})", text.strip())
    return int(found[1]) if found else None
