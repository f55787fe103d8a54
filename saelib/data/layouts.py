"""The file formats of the MovieLens releases, each read into the same three tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from csv import QUOTE_NONE
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path

import pandas as pd

from saelib.errors import DataError

RATING_COLUMNS = ["user_id", "movie_id", "rating", "timestamp"]
RATING_TYPES = {"user_id": "int32", "movie_id": "int32", "rating": "float32", "timestamp": "int64"}

ML_100K_GENRES = (
    "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy "
    "Film-Noir Horror Musical Mystery Romance Sci-Fi Thriller War Western"
).split()
GENDERS = ("F", "M")
ML_100K_OCCUPATIONS = (
    "administrator artist doctor educator engineer entertainment executive healthcare homemaker "
    "lawyer librarian marketing none other programmer retired salesman scientist student "
    "technician writer"
).split()
ML_1M_OCCUPATIONS = [
    "other",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
]
# One list for both releases; names that both use stand in it once.
OCCUPATIONS = tuple(dict.fromkeys(ML_100K_OCCUPATIONS + ML_1M_OCCUPATIONS))


# What stands between the separators of a line of ratings; only asked once a line is faulty.
RATING_FIELDS = (r"[0-9]{1,9}", r"[0-9]{1,9}", r"[0-9.]{1,9}", r"-?[0-9]{1,18}")


def fault(path: Path, record: int, problem: str) -> DataError:
    """The error to raise for a faulty record of a text file, naming its line.

    record: counted from 0, a header line included, lines without anything on them left out.
    """
    number, line = next(islice(_filled_lines(path), record, None), (record + 1, ""))
    shown = line if len(line) <= 60 else line[:57] + "..."
    return DataError(f"{path} is damaged: line {number} {problem}; it is {shown!r}.")


def _filled_lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="latin-1") as lines:  # any bytes are latin-1
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, line.rstrip("\n")


def read_ratings(path: Path) -> pd.DataFrame:
    """Read a tab-separated ratings file without a header, as ml-100k has them."""
    return _parse_ratings(
        path, "\t", sep="\t", header=None, names=RATING_COLUMNS, dtype=RATING_TYPES
    )


def _parse_ratings(path: Path, between: str, n_header: int = 0, **csv) -> pd.DataFrame:
    """`_parse` for ratings, where the first faulty line is named. `between`: the separator."""
    try:
        return _parse(path, quoting=QUOTE_NONE, **csv)
    except _DamagedError:
        for record, (_, line) in enumerate(_filled_lines(path)):
            if record >= n_header and not re.fullmatch(between.join(RATING_FIELDS), line):
                problem = f"is not a person, a film, stars and a time with {between!r} between"
                raise fault(path, record, problem) from None
        raise


class _DamagedError(DataError):
    """The file could be read, but does not hold what was expected."""


def _parse(path: Path, **csv) -> pd.DataFrame:
    """`pandas.read_csv` with the C engine, its errors turned into a DataError naming the file."""
    try:
        frame = pd.read_csv(path, engine="c", **csv)
    except UnicodeDecodeError as error:
        raise _DamagedError(f"{path} is not encoded as utf-8: {error}.") from error
    except (ValueError, OverflowError) as error:  # ParserError is a ValueError
        raise _DamagedError(f"{path} is damaged: {str(error).strip()}.") from error
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes a field too many for row labels
        raise _DamagedError(f"{path} is damaged: its lines have more fields than it has columns.")
    return frame


def _read_lines(path: Path, encoding: str) -> list[str]:
    """Lines of a text file. A latin-1 file saved anew as UTF-8 would read as 'CafÃ©': an error."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if encoding == "utf-8":
            raise DataError(f"{path} is not encoded as utf-8: {error}.") from error
        text = raw.decode(encoding)
    else:
        if encoding != "utf-8" and not text.isascii():
            raise DataError(f"{path} is encoded as utf-8; this release's files are {encoding}.")
    return StringIO(text, newline=None).read().split("\n")  # unlike splitlines, at line ends only


def _split(path: Path, encoding: str, separator: str, n_fields: int) -> pd.DataFrame:
    """A small text file as a frame of strings, one column per field."""
    lines = [line for line in _read_lines(path, encoding) if line.strip()]
    rows = [line.split(separator) for line in lines]
    for record, row in enumerate(rows):
        if len(row) != n_fields:
            raise fault(path, record, f"has {len(row)} fields instead of {n_fields}")
    return pd.DataFrame(rows, columns=range(n_fields), dtype=str)


def _integers(column: pd.Series, path: Path, n_header: int = 0) -> pd.Series:
    """Whole numbers of up to nine digits: no id, age or code of any release is longer."""
    sound = column.str.fullmatch("[0-9]{1,9}")
    if not sound.all():
        record = int(sound.argmin())
        problem = f"has {column[record][:40]!r} where a whole number from 0 to 999999999 belongs"
        raise fault(path, record + n_header, problem)
    return column.astype("int32")


def _people(path: Path, n_header: int = 0, **columns: pd.Series) -> pd.DataFrame:
    """The table of users, of who they are only what the releases know."""
    users = pd.DataFrame(columns)
    for column, sound, expected in (
        ("gender", users["gender"].isin(GENDERS), "F or M"),
        ("age", users["age"].between(1, 120), "1 to 120 years"),
        ("occupation", users["occupation"].isin(OCCUPATIONS), "one of the release's list"),
    ):
        if not sound.all():
            record = int(sound.argmin())
            told = str(users[column][record])[:40]
            raise fault(path, record + n_header, f"has the {column} {told!r}, not {expected}")
    return users


def _movies(ids: pd.Series, titles: pd.Series, genres: pd.Series) -> pd.DataFrame:
    """Split 'Toy Story (1995)' into title and year. A note behind it, such as '(V)', is dropped."""
    parts = titles.str.strip().str.extract(r"^(.*?)\s*\(([0-9]{4})\)\s*(?:\([^()]*\))?$")
    return pd.DataFrame(
        {
            "movie_id": ids,
            "title": parts[0].where(parts[0].notna() & (parts[0] != ""), titles.str.strip()),
            "year": pd.to_numeric(parts[1]).astype("Int64"),
            "genres": genres.replace({"unknown": "", "(no genres listed)": ""}),
        }
    )


def _films_ml_100k(folder: Path) -> pd.DataFrame:
    path = folder / "u.item"
    items = _split(path, "latin-1", "|", 5 + len(ML_100K_GENRES))
    flags = items.iloc[:, 5:].to_numpy() == "1"
    genres = ["|".join(g for g, flag in zip(ML_100K_GENRES, row) if flag) for row in flags]
    return _movies(_integers(items[0], path), items[1], pd.Series(genres, dtype=str))


def _read_ml_100k(folder: Path):
    ratings, movies = read_ratings(folder / "u.data"), _films_ml_100k(folder)
    path = folder / "u.user"
    people = _split(path, "latin-1", "|", 5)
    users = _people(
        path,
        user_id=_integers(people[0], path),
        gender=people[2],
        age=_integers(people[1], path),
        occupation=people[3],
    )
    return ratings, movies, users


TABS = {"sep": "\t", "quoting": QUOTE_NONE, "keep_default_na": False}


def _films_recbole(folder: Path) -> pd.DataFrame:
    path = folder / "ml-100k.item"
    columns = ["item_id:token", "movie_title:token_seq", "release_year:token", "class:token_seq"]
    items = _table(_parse(path, dtype=str, **TABS), dict(zip(columns, range(4))), path)
    # The one film without a year stands there as 'unkonwn', in both columns.
    titles = items[1].replace({"unkonwn": "unknown"})
    has_year = items[2].str.fullmatch("[0-9]{4}")
    titles = titles.where(~has_year, titles + " (" + items[2] + ")")
    return _movies(_integers(items[0], path, 1), titles, items[3].str.replace(" ", "|"))


def _read_recbole(folder: Path):
    """ml-100k as recbole ships it: typed headers; the year in a column of its own."""
    path = folder / "ml-100k.inter"
    headers = ("user_id:token", "item_id:token", "rating:float", "timestamp:float")
    names = dict(zip(headers, RATING_COLUMNS))
    types = {old: RATING_TYPES[new] for old, new in names.items()}
    ratings = _renamed(_parse_ratings(path, "\t", 1, sep="\t", dtype=types), names, path)
    movies = _films_recbole(folder)
    path = folder / "ml-100k.user"
    of_user = {
        "user_id:token": "user_id",
        "gender:token": "gender",
        "age:token": "age",
        "occupation:token": "occupation",
    }
    users = _table(_parse(path, dtype=str, **TABS), of_user, path)
    ids, ages = (_integers(users[column], path, 1) for column in ("user_id", "age"))
    return ratings, movies, _people(path, 1, **users.assign(user_id=ids, age=ages))


def read_dat_ratings(path: Path) -> pd.DataFrame:
    """Read a 'user::film::stars::time' file. Split at ':', every other field is empty: C speed."""
    types = dict(zip([0, 2, 4, 6], RATING_TYPES.values()))
    fields = list(types)
    ratings = _parse_ratings(path, "::", sep=":", header=None, usecols=fields, dtype=types)
    return ratings.set_axis(RATING_COLUMNS, axis="columns")


def _films_dat(folder: Path, encoding: str) -> pd.DataFrame:
    path = folder / "movies.dat"
    items = _split(path, encoding, "::", 3)
    return _movies(_integers(items[0], path), items[1], items[2])


def _films_ml_10m(folder: Path) -> pd.DataFrame:
    return _films_dat(folder, "utf-8")


def _read_ml_10m(folder: Path):
    return read_dat_ratings(folder / "ratings.dat"), _films_ml_10m(folder), None


def _films_ml_1m(folder: Path) -> pd.DataFrame:
    return _films_dat(folder, "latin-1")


def _read_ml_1m(folder: Path):
    ratings, movies = read_dat_ratings(folder / "ratings.dat"), _films_ml_1m(folder)
    path = folder / "users.dat"
    people = _split(path, "latin-1", "::", 5)
    occupation = _integers(people[3], path)
    known = occupation < len(ML_1M_OCCUPATIONS)
    if not known.all():
        raise fault(path, int(known.argmin()), "has an occupation code outside 0 to 20")
    users = _people(
        path,
        user_id=_integers(people[0], path),
        gender=people[1],
        age=_integers(people[2], path),
        occupation=pd.Series([ML_1M_OCCUPATIONS[code] for code in occupation], dtype=str),
    )
    return ratings, movies, users


def _films_csv(folder: Path) -> pd.DataFrame:
    path = folder / "movies.csv"
    names = {"movieId": "movie_id", "title": "title", "genres": "genres"}
    items = _table(_parse(path, dtype=str, keep_default_na=False), names, path)
    return _movies(_integers(items["movie_id"], path, 1), items["title"], items["genres"])


def _read_csv(folder: Path):
    """The later releases: CSV with a header line, UTF-8, half stars, no demographics."""
    path = folder / "ratings.csv"
    names = {"userId": "user_id", "movieId": "movie_id", "rating": "rating"}
    names["timestamp"] = "timestamp"
    types = {old: RATING_TYPES[new] for old, new in names.items()}
    ratings = _renamed(_parse_ratings(path, ",", 1, dtype=types), names, path)
    return ratings, _films_csv(folder), None


def _renamed(frame: pd.DataFrame, names: dict, path: Path) -> pd.DataFrame:
    missing = [column for column in names if column not in frame]
    if missing:
        raise DataError(
            f"{path} lacks the column {', '.join(missing)}; it has {', '.join(map(str, frame))}."
        )
    return frame[list(names)].rename(columns=names)


def _table(frame: pd.DataFrame, names: dict, path: Path) -> pd.DataFrame:
    """`_renamed` for texts below one header line: each field is there and stands on one line."""
    table = _renamed(frame, names, path)
    torn = table.eq("").any(axis=1)
    for column in table:
        torn |= table[column].str.contains("\n", na=False)
    if torn.any():
        raise fault(path, int(torn.argmax()) + 1, "lacks a field or goes on in the next line")
    return table


@dataclass(frozen=True)
class Layout:
    """The files a layout needs, and the functions that read them.

    files: of ratings, of films and, where there is one, of users. read_films: only the films.
    read: the three frames. n_header: lines before the first record of each.
    """

    files: tuple[str, ...]
    read_films: Callable[[Path], pd.DataFrame]
    read: Callable[[Path], tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame | None]]
    n_header: int = 0


LAYOUTS = {
    "ml-100k": Layout(("u.data", "u.item", "u.user"), _films_ml_100k, _read_ml_100k),
    "recbole": Layout(
        ("ml-100k.inter", "ml-100k.item", "ml-100k.user"), _films_recbole, _read_recbole, 1
    ),
    "ml-1m": Layout(("ratings.dat", "movies.dat", "users.dat"), _films_ml_1m, _read_ml_1m),
    "ml-10m": Layout(("ratings.dat", "movies.dat"), _films_ml_10m, _read_ml_10m),
    "csv": Layout(("ratings.csv", "movies.csv"), _films_csv, _read_csv, 1),
}
