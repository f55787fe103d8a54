"""MovieLens's releases: where their files are found, and how they become a `Dataset`."""

import csv
import os
import subprocess
import sys
import zipfile
from collections import namedtuple
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pooch

from saelib.data import Dataset, Scale, read_table
from saelib.errors import SaelibError

CLONE = Path(__file__).resolve().parents[1]
PROJECT = CLONE if (CLONE / "pyproject.toml").exists() else Path.cwd()
GROUPLENS = "https://files.grouplens.org/datasets/movielens"
TIMEOUT = 20  # seconds without a byte, then a download has failed
WHEEL = "recbole-1.2.1-py3-none-any.whl"  # a package that has ml-100k in it
WHEEL_CHECKSUM = "sha256:9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
PIP = "-m pip download --quiet --no-deps --only-binary :all: recbole==1.2.1 --dest"


# As published; what changes over time has no numbers. n_films: in the table of films.
Release = namedtuple("Release", "n_ratings n_people n_films checksum", defaults=(0, 0, 0, None))
RELEASES = {
    "ml-100k": Release(100_000, 943, 1_682, "md5:0e33842e24a9c977be4e0107933c0723"),
    "ml-1m": Release(1_000_209, 6_040, 3_883, "md5:c4d9eecfca2ab87c1945afe126590906"),
    "ml-10m": Release(10_000_054, 69_878, 10_681, "md5:ce571fd55effeba0271552578f2648bd"),
    "ml-20m": Release(20_000_263, 138_493, 27_278, "md5:cd245b17a1ae2cc31bb14903e1204af3"),
    "ml-latest-small": Release(),
    "ml-25m": Release(25_000_095, 162_541, 62_423, "md5:6b51fb2759a8657d3bfcbfc42b592ada"),
    "ml-32m": Release(32_000_204, 200_948, 87_585, "md5:d472be332d4daa821edc399621853b57"),
    "ml-latest": Release(),
}
GENRES = (  # of ml-100k, in the order of its columns
    "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy "
    "Film-Noir Horror Musical Mystery Romance Sci-Fi Thriller War Western"
).split()
OCCUPATIONS = (  # of ml-1m, by code; ml-100k has words
    "other,academic/educator,artist,clerical/admin,college/grad student,customer service,"
    "doctor/health care,executive/managerial,farmer,homemaker,K-12 student,lawyer,programmer,"
    "retired,sales/marketing,scientist,self-employed,technician/engineer,tradesman/craftsman,"
    "unemployed,writer"
).split(",")
ARCHIVES = {name: [f"{name}.zip"] for name in RELEASES} | {"ml-100k": ["ml-100k.zip", WHEEL]}
Place = Path | zipfile.Path  # a folder on disk, or one in an archive
# How a release writes ratings, films and people: file, columns, and what pandas has to know.
Layout = list[tuple[str, str, dict[str, Any]]]
CSV: dict[str, Any] = {"sep": ",", "header": 0}
TABS: dict[str, Any] = {"sep": "\t", "quoting": csv.QUOTE_NONE}
BARS, COLONS, HEADED = TABS | {"sep": "|"}, TABS | {"sep": "::"}, TABS | {"header": 0}
RATINGS, MOVIES = "user_id movie_id rating timestamp", "movie_id title genres"
PEOPLE = "user_id age gender occupation zip"
TABLES: Layout = [("ratings.csv", RATINGS, CSV), ("movies.csv", MOVIES, CSV)]
DAT: Layout = [("ratings.dat", RATINGS, COLONS), ("movies.dat", MOVIES, COLONS)]
ML_100K: Layout = [
    ("u.data", RATINGS, TABS),
    ("u.item", " ".join(["movie_id title date video url", *GENRES]), BARS),
    ("u.user", PEOPLE, BARS),
]
RECBOLE: Layout = [
    ("ml-100k.inter", RATINGS, HEADED),
    ("ml-100k.item", "movie_id title year genres", HEADED),
    ("ml-100k.user", PEOPLE, HEADED),
]
LAYOUTS = {name: [TABLES] for name in RELEASES} | {
    "ml-100k": [ML_100K, RECBOLE],
    "ml-1m": [[*DAT, ("users.dat", "user_id gender age occupation zip", COLONS)]],
    "ml-10m": [DAT],
}
TYPES = {"user_id": "int32", "movie_id": "int32", "rating": "float32", "timestamp": "int64"}
TYPES |= {"age": "int32"} | dict.fromkeys("title year genres gender occupation".split(), "str")
YEAR = r"^(.+?)\s*\(([0-9]{4})(?:\s*[-–—]\s*(?:[0-9]{4})?)?\)\s*(?:\([^()]*\))?$"


def load(name: str = "ml-100k") -> Dataset:
    """Read a release, downloaded where it is not on disk. SaelibError: it is not as published."""
    (folder, layout), n_ratings = locate(name) or _download(name), RELEASES[name].n_ratings
    ratings, movies, *people = (_read(folder, name, *table) for table in layout)
    if RELEASES[name].checksum is None:
        print(f"{name} changes over time, so no checksum can verify it.", file=sys.stderr)
    elif len(ratings) != n_ratings:
        raise _another(name, f"{folder} holds {len(ratings):,} ratings, not {n_ratings:,}.")
    if not people:  # the releases that have half stars
        return Dataset(name, ratings, _films(movies), None, Scale(0.5, 5, 0.5))
    words = {str(code): word for code, word in enumerate(OCCUPATIONS)}
    users = people[0][["user_id", "gender", "age", "occupation"]].replace({"occupation": words})
    return Dataset(name, ratings, _films(movies), users, Scale(1, 5))


def locate(name: str) -> tuple[Place, Layout] | None:
    """Find a release in $SAELIB_DATA or data/: its archive, its folder, or one in that; or None.

    Raises SaelibError where other files than expected are there, or one cannot be read.
    """
    if name not in RELEASES:
        raise SaelibError(f"Unknown data set {name!r}; choose one of {', '.join(RELEASES)}.")
    named = Path(os.environ.get("SAELIB_DATA") or PROJECT / "data").expanduser()
    for path in product((named, PROJECT / "data"), (*ARCHIVES[name], name)):
        if found := _open(Path(*path), name):
            return found
    return None


def links_at_hand(name: str) -> pd.DataFrame | None:
    """A release's movie_id, imdb_id, tmdb_id (Int64), if it is on disk and tells them."""
    with suppress(SaelibError):  # who wants to load this release will be told
        if (found := locate(name)) and (found[0] / "links.csv").exists():
            links = read_table(found[0] / "links.csv", ",", dtype="Int64", na_values=[""])
            return links.set_axis(["movie_id", "imdb_id", "tmdb_id"], axis="columns")
    return None


def read_split(part: str) -> pd.DataFrame:
    """Read 'u1.base' or 'u1.test', which GroupLens's ml-100k alone has. Raises SaelibError."""
    folder, _layout = locate("ml-100k") or _download("ml-100k")
    return _read(folder, "ml-100k", part, RATINGS, TABS)


def models_folder() -> Path:
    """Where trained models are kept."""
    return PROJECT / "models"


def _another(name: str, problem: str) -> SaelibError:
    files = ", ".join(file for file, *_ in LAYOUTS[name][0])
    return SaelibError(
        f"{problem} It is damaged or another copy of {name}: expected {files} as in {GROUPLENS}/"
        f"{name}.zip. Put that archive into another folder, and let SAELIB_DATA name this folder."
    )


def _open(path: Path, name: str) -> tuple[Place, Layout] | None:
    """What there is of a release: in this folder, in one in it, or in this archive, verified."""
    place: Place = path
    wheel = path.name == WHEEL
    checksum = WHEEL_CHECKSUM if wheel else RELEASES[name].checksum
    try:
        if path.is_file():
            if not pooch.hashes.hash_matches(str(path), checksum):
                raise ValueError(f"it has not the checksum {checksum}")
            place = zipfile.Path(path, "recbole/dataset_example/" if wheel else "")
        elif not (path.exists() and os.listdir(path)):
            return None
        for folder, layout in product((place, *place.iterdir()), LAYOUTS[name]):
            if all((folder / file).exists() for file, *_ in layout):
                return folder, layout
        holds = ", ".join(sorted(file.name for file in place.iterdir()))
        raise ValueError(f"it holds {holds:.200}")
    except Exception as error:
        raise _another(name, f"{path} cannot be used: {error}.") from error


def _download(name: str) -> tuple[Place, Layout]:
    """Take a release from the first source that has it. Raises SaelibError that lists all tried."""
    data, tried = PROJECT / "data", []
    url = f"{(os.environ.get('SAELIB_MIRROR') or GROUPLENS).rstrip('/')}/{name}.zip"
    pooch.get_logger().setLevel("WARNING")
    bar = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)
    for file in ARCHIVES[name]:
        print(f"{name}: fetching {WHEEL if file == WHEEL else url} …", file=sys.stderr)
        try:
            if file == WHEEL:  # without installing it
                pip = [sys.executable, *PIP.split(), str(data)]
                subprocess.run(pip, check=True, capture_output=True, text=True)
            else:
                pooch.retrieve(url, RELEASES[name].checksum, file, data, downloader=bar)
            if found := _open(data / file, name):
                return found
        except (OSError, ValueError, SaelibError, subprocess.CalledProcessError) as error:
            tried.append(f"{error}. {getattr(error, 'stderr', '')}")
            with suppress(OSError):  # what came is no release
                (data / file).unlink()
    raise SaelibError(
        f"{name} could not be had: {' '.join(tried)} Try again later, let SAELIB_MIRROR name "
        f"another host, or put {name}.zip into {data}."
    )


def _read(folder: Any, name: str, file: str, columns: str, options: dict) -> pd.DataFrame:
    """A table of a release, or SaelibError."""
    try:
        return read_table(folder / file, names=columns.split(), dtype=TYPES, **options)
    except SaelibError as error:
        raise _another(name, str(error)) from error


def _films(movies: pd.DataFrame) -> pd.DataFrame:
    """Part 'Toy Story (1995) (V)' into title and year, of a range the first; drop the note."""
    titles = movies["title"].str.strip()
    if "year" in movies:  # recbole's copy, where 'unknown' is misspelt, and 'V' stands for one year
        dated = titles + " (" + movies["year"] + ")"
        titles = dated.where(movies["year"].str.isdigit(), titles.replace("unkonwn", "unknown"))
    if "genres" not in movies:  # ml-100k has a column of 0 and 1 for each
        genres = movies[GENRES].dot(np.array([f"{genre}|" for genre in GENRES], object))
        movies = movies.assign(genres=genres.str[:-1].astype("str"))
    genres = movies["genres"].replace({"unknown": "", "(no genres listed)": ""})
    genres = genres.str.replace(" ", "|")  # as recbole's copy parts them
    parts = titles.str.extract(YEAR)
    year = pd.to_numeric(parts[1]).astype("Int64")
    films = {"title": parts[0].fillna(titles), "year": year, "genres": genres}
    return movies[["movie_id"]].assign(**films)
