"""The file formats of the MovieLens releases, each read into the same three tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from saelib.errors import DataError

RATING_COLUMNS = ["user_id", "movie_id", "rating", "timestamp"]
RATING_TYPES = {"user_id": "int32", "movie_id": "int32", "rating": "float32", "timestamp": "int64"}

ML_100K_GENRES = (
    "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy "
    "Film-Noir Horror Musical Mystery Romance Sci-Fi Thriller War Western"
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


def read_ratings(path: Path, **csv) -> pd.DataFrame:
    """Read a ratings file with pandas' C parser into the columns and types of the schema."""
    return _parse(path, dtype=RATING_TYPES, **csv)[RATING_COLUMNS]


def _parse(path: Path, **csv) -> pd.DataFrame:
    """`pandas.read_csv` with the C engine, its errors turned into a DataError naming the file."""
    try:
        return pd.read_csv(path, engine="c", **csv)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not encoded as {csv.get('encoding', 'utf-8')}: {error}."
        ) from error
    except (ValueError, OverflowError) as error:  # ParserError is a ValueError
        raise DataError(f"{path} is damaged: {str(error).strip()}.") from error
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error


def _read_lines(path: Path, encoding: str) -> list[str]:
    """Lines of a text file. A latin-1 file saved anew as UTF-8 would read as 'CafÃ©': an error."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error
    try:
        utf8 = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if encoding == "utf-8":
            raise DataError(f"{path} is not encoded as utf-8: {error}.") from error
        return raw.decode(encoding).splitlines()
    if encoding != "utf-8" and not utf8.isascii():
        raise DataError(f"{path} is encoded as utf-8; this release's files are {encoding}.")
    return utf8.splitlines()


def _split(path: Path, encoding: str, separator: str, n_fields: int) -> pd.DataFrame:
    """A small text file as a frame of strings, one column per field."""
    rows = [line.split(separator) for line in _read_lines(path, encoding) if line.strip()]
    for number, row in enumerate(rows, start=1):
        if len(row) != n_fields:
            raise DataError(
                f"{path} is damaged: record {number} has {len(row)} fields instead of {n_fields}."
            )
    return pd.DataFrame(rows, columns=range(n_fields), dtype=str)


def _integers(column: pd.Series, path: Path) -> pd.Series:
    try:
        return column.astype("int32")
    except ValueError as error:
        raise DataError(f"{path} is damaged: {error}.") from error


def _movies(ids: pd.Series, titles: pd.Series, genres: pd.Series) -> pd.DataFrame:
    """Split 'Toy Story (1995)' into title and year. A note behind it, such as '(V)', is dropped."""
    parts = titles.str.strip().str.extract(r"^(.*?)\s*\((\d{4})\)\s*(?:\([^()]*\))?$")
    return pd.DataFrame(
        {
            "movie_id": ids,
            "title": parts[0].where(parts[0].notna() & (parts[0] != ""), titles.str.strip()),
            "year": pd.to_numeric(parts[1]).astype("Int64"),
            "genres": genres.replace({"unknown": "", "(no genres listed)": ""}),
        }
    )


def _read_ml_100k(folder: Path):
    ratings = read_ratings(folder / "u.data", sep="\t", header=None, names=RATING_COLUMNS)
    path = folder / "u.item"
    items = _split(path, "latin-1", "|", 5 + len(ML_100K_GENRES))
    flags = items.iloc[:, 5:].to_numpy() == "1"
    genres = ["|".join(g for g, flag in zip(ML_100K_GENRES, row) if flag) for row in flags]
    movies = _movies(_integers(items[0], path), items[1], pd.Series(genres, dtype=str))
    path = folder / "u.user"
    people = _split(path, "latin-1", "|", 5)
    users = pd.DataFrame(
        {
            "user_id": _integers(people[0], path),
            "gender": people[2],
            "age": _integers(people[1], path),
            "occupation": people[3],
        }
    )
    return ratings, movies, users


def _read_recbole(folder: Path):
    """ml-100k as recbole ships it: typed headers; the year in a column of its own."""
    tabs = {"sep": "\t", "quoting": 3, "keep_default_na": False}
    ratings = _renamed(
        _parse(
            folder / "ml-100k.inter",
            sep="\t",
            dtype={
                "user_id:token": "int32",
                "item_id:token": "int32",
                "rating:float": "float32",
                "timestamp:float": "int64",
            },
        ),
        {
            "user_id:token": "user_id",
            "item_id:token": "movie_id",
            "rating:float": "rating",
            "timestamp:float": "timestamp",
        },
        folder / "ml-100k.inter",
    )
    path = folder / "ml-100k.item"
    columns = ["item_id:token", "movie_title:token_seq", "release_year:token", "class:token_seq"]
    items = _renamed(_parse(path, dtype=str, **tabs), dict(zip(columns, range(4))), path)
    # The one film without a year stands there as 'unkonwn', in both columns.
    titles = items[1].replace({"unkonwn": "unknown"})
    has_year = items[2].str.fullmatch(r"\d{4}")
    titles = titles.where(~has_year, titles + " (" + items[2] + ")")
    movies = _movies(_integers(items[0], path), titles, items[3].str.replace(" ", "|"))
    path = folder / "ml-100k.user"
    columns = {
        "user_id:token": "user_id",
        "gender:token": "gender",
        "age:token": "age",
        "occupation:token": "occupation",
    }
    users = _renamed(_parse(path, dtype=str, **tabs), columns, path)
    users = users.assign(
        user_id=_integers(users["user_id"], path), age=_integers(users["age"], path)
    )
    return ratings, movies, users


def read_dat_ratings(path: Path) -> pd.DataFrame:
    """Read a 'user::film::stars::time' file. Split at ':', every other field is empty: C speed."""
    types = dict(zip([0, 2, 4, 6], RATING_TYPES.values()))
    ratings = _parse(path, sep=":", header=None, usecols=list(types), dtype=types)
    return ratings.set_axis(RATING_COLUMNS, axis="columns")


def _read_dat(folder: Path, encoding: str):
    path = folder / "movies.dat"
    items = _split(path, encoding, "::", 3)
    movies = _movies(_integers(items[0], path), items[1], items[2])
    return read_dat_ratings(folder / "ratings.dat"), movies


def _read_ml_10m(folder: Path):
    return *_read_dat(folder, "utf-8"), None


def _read_ml_1m(folder: Path):
    ratings, movies = _read_dat(folder, "latin-1")
    path = folder / "users.dat"
    people = _split(path, "latin-1", "::", 5)
    occupation = _integers(people[3], path)
    if not occupation.between(0, len(ML_1M_OCCUPATIONS) - 1).all():
        raise DataError(f"{path} has an occupation code outside 0 to 20.")
    users = pd.DataFrame(
        {
            "user_id": _integers(people[0], path),
            "gender": people[1],
            "age": _integers(people[2], path),
            "occupation": pd.Series([ML_1M_OCCUPATIONS[code] for code in occupation], dtype=str),
        }
    )
    return ratings, movies, users


def _read_csv(folder: Path):
    """The later releases: CSV with a header line, UTF-8, half stars, no demographics."""
    path = folder / "ratings.csv"
    names = {"userId": "user_id", "movieId": "movie_id", "rating": "rating"}
    names["timestamp"] = "timestamp"
    types = {old: RATING_TYPES[new] for old, new in names.items()}
    ratings = _renamed(_parse(path, dtype=types), names, path)
    path = folder / "movies.csv"
    names = {"movieId": "movie_id", "title": "title", "genres": "genres"}
    items = _renamed(_parse(path, encoding="utf-8", dtype=str, keep_default_na=False), names, path)
    return (
        ratings,
        _movies(_integers(items["movie_id"], path), items["title"], items["genres"]),
        None,
    )


def _renamed(frame: pd.DataFrame, names: dict, path: Path) -> pd.DataFrame:
    missing = [column for column in names if column not in frame]
    if missing:
        raise DataError(
            f"{path} lacks the column {', '.join(missing)}; it has {', '.join(map(str, frame))}."
        )
    return frame[list(names)].rename(columns=names)


@dataclass(frozen=True)
class Layout:
    """The files a layout needs, and the function that reads them into the three frames."""

    files: tuple[str, ...]
    read: Callable[[Path], tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame | None]]


LAYOUTS = {
    "ml-100k": Layout(("u.data", "u.item", "u.user"), _read_ml_100k),
    "recbole": Layout(("ml-100k.inter", "ml-100k.item", "ml-100k.user"), _read_recbole),
    "ml-1m": Layout(("ratings.dat", "movies.dat", "users.dat"), _read_ml_1m),
    "ml-10m": Layout(("ratings.dat", "movies.dat"), _read_ml_10m),
    "csv": Layout(("ratings.csv", "movies.csv"), _read_csv),
}
