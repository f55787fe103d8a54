"""MovieLens's releases: where their files are found, and how they become a `Dataset`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pooch
import requests

from saelib.data import UNREADABLE, Dataset, read_table
from saelib.errors import SaelibError
from saelib.releases import LAYOUTS, OCCUPATIONS, RATINGS, RELEASES, TABS, TYPES, films

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
Place = Path | zipfile.Path  # a folder on disk, or one in an archive


def load(name: str = "ml-100k") -> Dataset:
    """Read a release, downloaded first where it is not on disk.

    Raises SaelibError where it cannot be had, or its tables are not those that were published.
    """
    place, release = fetch(name), RELEASES[name]
    layout, users = _layout(place, name), None
    ratings = _read(place, name, *layout["ratings"])
    movies = films(_read(place, name, *layout["movies"]))
    counts = len(ratings), ratings["user_id"].nunique(), len(movies)
    published = release.n_ratings, release.n_people, release.n_films
    if release.md5 and counts != published:
        raise _another(name, f"{place} holds {counts} ratings, people and films, not {published}.")
    if "users" in layout:
        users = _read(place, name, *layout["users"])[["user_id", "gender", "age", "occupation"]]
        users = users.replace({"occupation": {str(i): word for i, word in enumerate(OCCUPATIONS)}})
    return Dataset(name, ratings, movies, users, release.scale)


def fetch(name: str = "ml-100k") -> Place:
    """Find the files of a release, or download its archive into data/ and verify it.

    Raises SaelibError that lists what was tried.
    """
    place = locate(name) or _download(name)
    if RELEASES[name].md5 is None:
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


def films_at_hand(name: str) -> pd.DataFrame | None:
    """The films of a release, as `Dataset.movies`; None where it is not on disk."""
    place = _at_hand(name)
    return place and films(_read(place, name, *_layout(place, name)["movies"]))


def links_at_hand(name: str) -> pd.DataFrame | None:
    """Which films of IMDb and TMDB a release's films are; None where no file on disk tells.

    Returns movie_id, imdb_id ('tt0114709'), tmdb_id (Int64). All releases but ml-100k number films
    alike, so the links of another one will do.
    """
    for release in (name, *RELEASES) if name in RELEASES and name != "ml-100k" else ():
        place = _at_hand(release)
        if place and (place / "links.csv").exists():
            types = {"movieId": "int32", "imdbId": "str", "tmdbId": "Int64"}
            links = read_table(place / "links.csv", usecols=[*types], dtype=types, na_values=[""])
            links.columns = ["movie_id", "imdb_id", "tmdb_id"]
            return links.assign(imdb_id="tt" + links["imdb_id"].str.zfill(7))
    return None


def read_split(part: str) -> pd.DataFrame:
    """Read a published part of ml-100k, such as 'u1.base' or 'u1.test', as a table of ratings.

    Raises SaelibError where it is not there.
    """
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
    files = ", ".join(file for file, _ in LAYOUTS[RELEASES[name].layout].values())
    return SaelibError(
        f"{problem} Either it is damaged or it is another copy of {name}; expected {files} as in "
        f"{GROUPLENS}/{name}.zip. What you have may stay: put that archive into another folder, "
        "and name this folder in the environment variable SAELIB_DATA."
    )


def _at_hand(name: str) -> Place | None:
    try:
        return locate(name)
    except SaelibError:  # who wants to load this release will be told
        return None


def _layout(place: Place, name: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """The entry of LAYOUTS whose files are in a folder; {} where some are missing."""
    own = RELEASES[name].layout
    for layout in [own, "recbole"] if name == "ml-100k" else [own]:
        if all((place / file).exists() for file, _ in LAYOUTS[layout].values()):
            return LAYOUTS[layout]
    return {}


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
            certificate = isinstance(error, requests.exceptions.SSLError)
            tried.append(f"{error}. {CERTIFICATE}" if certificate else f"{error}.")
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
    path = pooch.retrieve(url, RELEASES[name].checksum, f"{name}.zip", data, downloader=bar)
    try:
        return _open(Path(path), name)
    except SaelibError:  # what came is not the archive
        Path(path).unlink()
        raise


def _from_wheel(name: str, data: Path) -> Place:
    """Download the package that has ml-100k in it, without installing it."""
    print(f"{name}: fetching {WHEEL} …", file=sys.stderr)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
    ]
    with tempfile.TemporaryDirectory(dir=data) as folder:
        command = [*pip, "--dest", folder, "recbole==1.2.1"]
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
