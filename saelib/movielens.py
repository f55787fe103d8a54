"""MovieLens's releases: where their files are found, and how they become a `Dataset`."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pooch
from requests.exceptions import SSLError

from saelib.data import UNREADABLE, Dataset, Scale, read_table
from saelib.errors import SaelibError

CLONE = Path(__file__).resolve().parents[1]
PROJECT = CLONE if (CLONE / "pyproject.toml").exists() else Path.cwd()
GROUPLENS = "https://files.grouplens.org/datasets/movielens"
CERTIFICATE = (
    "GroupLens let its certificate expire in June 2024, August 2025 and August 2026 and renewed it "
    "within days; one that is not valid is never accepted."
)
TIMEOUT = 20  # seconds without a byte, then a download has failed
WHEEL = "recbole-1.2.1-py3-none-any.whl"  # a package that has ml-100k in it
WHEEL_CHECKSUM = "sha256:9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
ON_REQUEST = "research use; no redistribution and no commercial use without permission"
SHARED = (
    "research use; may be redistributed, also transformed, under the same terms; no commercial use "
    "without permission"
)
Place = Path | zipfile.Path  # a folder on disk, or one in an archive


class Release(NamedTuple):
    """A release as it was published; where it changes over time, without counts and checksum."""

    n_ratings: int
    n_people: int  # who have rated
    n_films: int  # in the table of films
    last_year: int  # of its ratings; no film is newer
    checksum: str | None = None  # of its archive, as `pooch` takes it
    licence: str = ON_REQUEST  # the terms of use in short, as its README has them


# name, then the fields of Release
PUBLISHED: list[tuple[Any, ...]] = [
    ("ml-100k", 100_000, 943, 1_682, 1998, "md5:0e33842e24a9c977be4e0107933c0723"),
    ("ml-1m", 1_000_209, 6_040, 3_883, 2000, "md5:c4d9eecfca2ab87c1945afe126590906"),
    ("ml-latest-small", 0, 0, 0, 2018, None, SHARED),
    ("ml-10m", 10_000_054, 69_878, 10_681, 2009, "md5:ce571fd55effeba0271552578f2648bd"),
    ("ml-20m", 20_000_263, 138_493, 27_278, 2015, "md5:cd245b17a1ae2cc31bb14903e1204af3"),
    ("ml-25m", 25_000_095, 162_541, 62_423, 2019, "md5:6b51fb2759a8657d3bfcbfc42b592ada"),
    ("ml-32m", 32_000_204, 200_948, 87_585, 2023, "md5:d472be332d4daa821edc399621853b57", SHARED),
    ("ml-latest", 0, 0, 0, 2023, None, SHARED),
]
RELEASES = {name: Release(*fields) for name, *fields in PUBLISHED}

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
# How a release writes ratings, films and people: the file, and what pandas.read_csv has to know.
Layout = list[tuple[str, dict[str, Any]]]
TABS: dict[str, Any] = {"sep": "\t", "quoting": csv.QUOTE_NONE}
BARS, HEADED = TABS | {"sep": "|"}, TABS | {"header": 0}
COLONS = TABS | {"sep": "::", "engine": "python"}
RATINGS, MOVIES = ["user_id", "movie_id", "rating", "timestamp"], ["movie_id", "title", "genres"]
USERS = ["user_id", "gender", "age", "occupation"]
PEOPLE = ["user_id", "age", "gender", "occupation", "zip"]
# Of ratings '::' is read as ':' with an empty cell between: pandas's fast reader takes one sign.
WITH_GAPS = ["user_id", "gap", "movie_id", "gap 2", "rating", "gap 3", "timestamp"]
CSV: Layout = [
    ("ratings.csv", {"header": 0, "names": RATINGS}),
    ("movies.csv", {"header": 0, "names": MOVIES}),
]
DAT: Layout = [
    ("ratings.dat", TABS | {"sep": ":", "names": WITH_GAPS, "usecols": RATINGS}),
    ("movies.dat", COLONS | {"names": MOVIES}),
]
ML_1M: Layout = [*DAT, ("users.dat", COLONS | {"names": [*USERS, "zip"]})]
ML_100K: Layout = [
    ("u.data", TABS | {"names": RATINGS}),
    ("u.item", BARS | {"names": ["movie_id", "title", *"dvu", *GENRES]}),
    ("u.user", BARS | {"names": PEOPLE}),
]
RECBOLE: Layout = [
    ("ml-100k.inter", HEADED | {"names": RATINGS}),
    ("ml-100k.item", HEADED | {"names": ["movie_id", "title", "year", "genres"]}),
    ("ml-100k.user", HEADED | {"names": PEOPLE}),
]
LAYOUTS = {name: [CSV] for name in RELEASES}
LAYOUTS |= {"ml-100k": [ML_100K, RECBOLE], "ml-1m": [ML_1M], "ml-10m": [DAT]}
TYPES = {"user_id": "int32", "movie_id": "int32", "rating": "float32", "timestamp": "int64"}
TYPES |= {"age": "int32"} | dict.fromkeys("title year genres gender occupation".split(), "str")
YEAR = r"^(.*?)\s*\(([0-9]{4})(?:\s*[-–—]\s*(?:[0-9]{4})?)?\)\s*(?:\([^()]*\))?$"


def load(name: str = "ml-100k") -> Dataset:
    """Read a release, downloaded first where it is not on disk.

    Raises SaelibError where it cannot be had, or its tables are not those that were published.
    """
    place, published = fetch(name), RELEASES[name][:3]
    ratings, movies, *people = (_read(place, name, *table) for table in _layout(place, name))
    counts = len(ratings), ratings["user_id"].nunique(), len(movies)
    if RELEASES[name].checksum and counts != published:
        raise _another(name, f"{place} holds {counts} ratings, people and films, not {published}.")
    if not people:  # the releases that have half stars
        return Dataset(name, ratings, films(movies), None, Scale(0.5, 5, 0.5))
    words = {str(code): word for code, word in enumerate(OCCUPATIONS)}
    users = people[0][USERS].replace({"occupation": words})
    return Dataset(name, ratings, films(movies), users, Scale(1, 5))


def films(movies: pd.DataFrame) -> pd.DataFrame:
    """Part 'Toy Story (1995) (V)' into title and year, of a range the first; drop the note."""
    titles, genres = movies["title"].str.strip(), movies.get("genres")
    if genres is None:  # ml-100k has a column of 0 and 1 for each
        genres = movies[GENRES].dot(np.array([f"{genre}|" for genre in GENRES], object)).str[:-1]
    if "year" in movies:  # recbole's copy, where the film 'unknown' is misspelt
        dated = movies["year"].str.fullmatch(r"\d{4}")
        titles = titles.where(~dated, titles + " (" + movies["year"] + ")")
        titles, genres = titles.replace("unkonwn", "unknown"), genres.str.replace(" ", "|")
    parts = titles.str.extract(YEAR)
    genres = genres.replace({"unknown": "", "(no genres listed)": ""}).astype("str")
    found = {"movie_id": movies["movie_id"], "title": parts[0].replace("", pd.NA).fillna(titles)}
    found |= {"year": pd.to_numeric(parts[1]).astype("Int64"), "genres": genres}
    return pd.DataFrame(found)


def fetch(name: str = "ml-100k") -> Place:
    """Find the files of a release, or download and verify its archive. Raises SaelibError."""
    place = locate(name) or _download(name)
    if RELEASES[name].checksum is None:
        print(f"{name} changes over time, so no checksum can verify it.", file=sys.stderr)
    return place


def locate(name: str) -> Place | None:
    """Find the files of a release in $SAELIB_DATA or in data/; None where they are in neither.

    They may be in a folder, in one inside it, or in the archive. Raises SaelibError where other
    files than expected are there, or one cannot be read.
    """
    if name not in RELEASES:
        raise SaelibError(f"Unknown data set {name!r}; choose one of {', '.join(RELEASES)}.")
    named = os.path.expanduser(os.environ.get("SAELIB_DATA", ""))
    archives = [f"{name}.zip", WHEEL] if name == "ml-100k" else [f"{name}.zip"]
    try:
        for data in [Path(named), PROJECT / "data"] if named else [PROJECT / "data"]:
            if place := _complete(data / name, name):
                return place
            for archive in archives:
                if (data / archive).exists():
                    return _open(data / archive, name)
            if (data / name).is_dir() and (files := os.listdir(data / name)):
                raise _another(name, f"{data / name} holds {', '.join(sorted(files)):.200}.")
    except OSError as error:
        raise SaelibError(f"{error}. Let SAELIB_DATA name a folder that can be read.") from error
    return None


def links_at_hand(name: str) -> pd.DataFrame | None:
    """Which films of IMDb and TMDB a release's films are; None where no file on disk tells.

    Returns movie_id, imdb_id ('tt0114709'), tmdb_id (Int64). All releases but ml-100k number films
    alike, so the links of another one will do.
    """
    for release in (name, *RELEASES) if name in RELEASES and name != "ml-100k" else ():
        place = None
        with suppress(SaelibError):  # who wants to load this release will be told
            place = locate(release)
        if place and (place / "links.csv").exists():
            types = {"movieId": "int32", "imdbId": "str", "tmdbId": "Int64"}
            links = read_table(place / "links.csv", usecols=[*types], dtype=types, na_values=[""])
            links.columns = ["movie_id", "imdb_id", "tmdb_id"]
            return links.assign(imdb_id="tt" + links["imdb_id"].str.zfill(7))
    return None


def read_split(part: str) -> pd.DataFrame:
    """Read a published part of ml-100k, such as 'u1.base' or 'u1.test'. Raises SaelibError."""
    place = fetch("ml-100k")
    if not (place / part).exists():
        raise SaelibError(
            f"{place / part} is not there: the published splits are in GroupLens's archive alone. "
            f"Put {GROUPLENS}/ml-100k.zip into {PROJECT / 'data'}, or leave --split out."
        )
    return _read(place, "ml-100k", part, TABS | {"names": RATINGS})


def models_folder() -> Path:
    """Where trained models are kept."""
    return PROJECT / "models"


def _another(name: str, problem: str) -> SaelibError:
    files = ", ".join(file for file, _ in LAYOUTS[name][0])
    return SaelibError(
        f"{problem} Either it is damaged or it is another copy of {name}; expected {files} as in "
        f"{GROUPLENS}/{name}.zip. What you have may stay: put that archive into another folder, "
        "and name this folder in the environment variable SAELIB_DATA."
    )


def _layout(place: Place, name: str) -> Layout:
    """The layout of a release whose files are in a folder; [] where some are missing."""
    for layout in LAYOUTS[name]:
        if all((place / file).exists() for file, _ in layout):
            return layout
    return []


def _complete(folder: Place, name: str) -> Place | None:
    """The folder that has the files of a release: this one, or one in it."""
    inside = [folder, *folder.iterdir()] if folder.is_dir() else []
    return next((place for place in inside if place.is_dir() and _layout(place, name)), None)


def _open(archive: Path, name: str) -> Place:
    """The folder in an archive that has the files of a release, once the archive is verified."""
    wheel = archive.name == WHEEL
    checksum = WHEEL_CHECKSUM if wheel else RELEASES[name].checksum
    if not pooch.hashes.hash_matches(str(archive), checksum):
        raise _another(name, f"{archive} has not the checksum {checksum}.")
    try:
        root = zipfile.Path(archive, "recbole/dataset_example/" if wheel else "")
        if place := _complete(root, name):
            return place
    except UNREADABLE as error:
        raise _another(name, f"{archive} cannot be read: {error}.") from error
    raise _another(name, f"{archive} lacks files.")


def _download(name: str) -> Place:
    """Take a release from the first source that has it. Raises SaelibError that lists all tried."""
    tried = []
    for source in [_from_host, _from_wheel] if name == "ml-100k" else [_from_host]:
        try:
            return source(name, PROJECT / "data")
        except (OSError, ValueError, SaelibError) as error:
            tried.append(f"{error}. {CERTIFICATE}" if isinstance(error, SSLError) else f"{error}.")
    raise SaelibError(
        f"{name} could not be had: {' '.join(tried)} Try again later, let SAELIB_MIRROR name "
        f"another host, or put {name}.zip into {PROJECT / 'data'}."
    )


def _from_host(name: str, data: Path) -> Place:
    """Download an archive from GroupLens or from $SAELIB_MIRROR; the checksum is the same."""
    url = f"{(os.environ.get('SAELIB_MIRROR') or GROUPLENS).rstrip('/')}/{name}.zip"
    print(f"{name}: fetching {url} …", file=sys.stderr)
    pooch.get_logger().setLevel("WARNING")
    bar = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)
    path = Path(pooch.retrieve(url, RELEASES[name].checksum, f"{name}.zip", data, downloader=bar))
    try:
        return _open(path, name)
    except SaelibError:  # what came is not the archive
        path.unlink()
        raise


def _from_wheel(name: str, data: Path) -> Place:
    """Download the package that has ml-100k in it, without installing it."""
    print(f"{name}: fetching {WHEEL} …", file=sys.stderr)
    pip = "-m pip download --quiet --no-deps --only-binary :all: recbole==1.2.1 --dest"
    with tempfile.TemporaryDirectory(dir=data) as folder:
        command = [sys.executable, *pip.split(), folder]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SaelibError(f"pip could not download {WHEEL} ({done.stderr.strip()[-200:]})")
        _open(Path(folder) / WHEEL, name)
        os.replace(Path(folder) / WHEEL, data / WHEEL)
    return _open(data / WHEEL, name)


def _read(place: Place, name: str, file: str, options: dict[str, Any]) -> pd.DataFrame:
    """A table of a release, or SaelibError."""
    try:
        return read_table(place / file, dtype=TYPES, **options)
    except SaelibError as error:
        raise _another(name, str(error)) from error
