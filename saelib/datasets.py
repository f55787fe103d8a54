"""MovieLens releases: where they come from, and how each becomes the same three tables.

`load(name)` looks for the files on disk, then asks GroupLens, then (for ml-100k only) takes the
copy that the package `recbole` carries. Nothing is used before its checksum was verified.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pooch
import requests

from saelib.errors import DataError, DownloadError
from saelib.layouts import LAYOUTS, RATING_COLUMNS, read_ratings

GROUPLENS = "https://files.grouplens.org/datasets/movielens"
RECBOLE = "recbole==1.2.1"
RECBOLE_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
RECBOLE_FOLDER = "recbole/dataset_example/ml-100k"
TIMEOUT = 20  # seconds without a byte before a download counts as failed

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class MovieLens:
    """One release in the common schema.

    ratings: user_id, movie_id (int32), rating (float32, stars), timestamp (int64, seconds), in
        the order of the release's file.
    movies: movie_id, title (without the year), year (Int64, <NA> where unknown), genres
        ('Comedy|Drama', '' where none is listed).
    users: user_id, gender ('M' or 'F'), age (years in ml-100k, lower bound of a bracket in
        ml-1m), occupation; None for releases without demographics.
    scale: lowest rating, highest rating, step between two ratings, in stars.
    """

    name: str
    ratings: pd.DataFrame
    movies: pd.DataFrame
    users: pd.DataFrame | None
    scale: tuple[float, float, float]


@dataclass(frozen=True)
class Release:
    """What is known of a release: its files, size, checksum and scale."""

    title: str
    layout: str  # a key of LAYOUTS
    n_ratings: int | None  # None: the release changes over time
    checksum: str | None  # of the zip archive, 'algorithm:digest'
    scale: tuple[float, float, float] = (1, 5, 1)
    archive_folder: str | None = None  # the folder inside the archive, where it is not the name
    licence: str = "research use, no redistribution without permission, no commercial use"


RELEASES: dict[str, Release] = {
    "ml-100k": Release(
        "MovieLens 100K",
        "ml-100k",
        100_000,
        "sha256:50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
    ),
    "ml-1m": Release(
        "MovieLens 1M",
        "ml-1m",
        1_000_209,
        "sha256:a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
    ),
    "ml-latest-small": Release("MovieLens latest (small)", "csv", None, None, (0.5, 5, 0.5)),
    "ml-10m": Release(
        "MovieLens 10M",
        "ml-10m",
        10_000_054,
        "md5:ce571fd55effeba0271552578f2648bd",
        (0.5, 5, 0.5),
        "ml-10M100K",
    ),
    "ml-20m": Release(
        "MovieLens 20M", "csv", 20_000_263, "md5:cd245b17a1ae2cc31bb14903e1204af3", (0.5, 5, 0.5)
    ),
    "ml-25m": Release(
        "MovieLens 25M", "csv", 25_000_095, "md5:6b51fb2759a8657d3bfcbfc42b592ada", (0.5, 5, 0.5)
    ),
    "ml-32m": Release(
        "MovieLens 32M", "csv", 32_000_204, "md5:d472be332d4daa821edc399621853b57", (0.5, 5, 0.5)
    ),
}


def load(name: str = "ml-100k") -> MovieLens:
    """Load a release, fetching it first where it is not on disk.

    Raises DataError (unknown name; files damaged, incomplete or unreadable) or DownloadError.
    """
    return read(fetch(name), name)


def fetch(name: str = "ml-100k") -> Path:
    """Return the folder with the files of a release; download and verify them where needed.

    Looks in $SAELIB_DATA, then in `data/`; then downloads into `data/`, whole or not at all.
    """
    found = locate(name)
    if found is not None:
        return found
    release = _release(name)
    tried = [f"{folder / name}: not there" for folder in _data_folders()]
    target = _data_folders()[-1] / name
    sources: list[tuple[str, Callable[[Path], Path]]] = [
        (f"{GROUPLENS}/{name}.zip", lambda work: _from_grouplens(name, release, work))
    ]
    if name == "ml-100k":
        sources.append((f"the package {RECBOLE}", _from_recbole))

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for left_over in target.parent.glob(f".{name}-*"):  # of a run that was killed
            shutil.rmtree(left_over)
        for number, (source, obtain) in enumerate(sources, start=1):
            _say(f"{name}: fetching from {source} …")
            # Beside the target, so that the last step is a rename: whole or not at all.
            with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=target.parent) as work:
                try:
                    unpacked = obtain(Path(work))
                except DownloadError as error:
                    if number < len(sources):  # the last failure is told by the exception
                        _say(f"{name}: {error}; there is another source")
                    tried.append(f"{source}: {error}")
                else:
                    unpacked.rename(target)
                    _say(f"{name}: verified and unpacked into {target}")
                    return target
    except OSError as error:
        raise DataError(f"Cannot write {name} into {target.parent}: {error}.") from error

    raise DownloadError(
        f"Could not obtain {name}. Tried:\n  - "
        + "\n  - ".join(tried)
        + f"\nYou can also download {GROUPLENS}/{name}.zip in a browser and unpack it so that "
        f"{target} holds its files, or point SAELIB_DATA at a folder that has {name}/."
    )


def locate(name: str) -> Path | None:
    """The folder on disk that holds a release, or None. Raises DataError if it is incomplete."""
    release = _release(name)
    for folder in _data_folders():
        if _layout_of(folder / name, release):
            return folder / name
    return None


def read(folder: Path, name: str) -> MovieLens:
    """Read the files of release `name` from `folder`.

    Raises DataError naming the file and the fault: missing or unreadable file, missing column,
    not a number, wrong encoding, number of ratings that is not the release's.
    """
    folder, release = Path(folder), _release(name)
    layout = _layout_of(folder, release)
    if layout is None:
        raise DataError(f"{folder} holds no files of {name}; expected {release.layout} files.")
    ratings, movies, users = LAYOUTS[layout].read(folder)
    # A release that changes over time has no published count, but some ratings it must have.
    complete = len(ratings) == release.n_ratings if release.n_ratings else len(ratings) > 0
    if not complete:
        published = f"{release.n_ratings:,}" if release.n_ratings else "some"
        raise DataError(
            f"{folder} holds {len(ratings):,} ratings where {name} has {published}: the ratings "
            f"file is truncated or of another release. Delete the folder and run "
            f"`python -m saelib fetch --dataset {name}`."
        )
    low, high, step = release.scale
    stars = ratings["rating"].to_numpy()
    off_scale = (stars < low) | (stars > high) | (stars % step != 0)
    if off_scale.any():
        raise DataError(
            f"{folder} has a rating of {stars[off_scale][0]:g} stars; {name} has {low:g} to "
            f"{high:g} in steps of {step:g}."
        )
    return MovieLens(name, ratings, movies, users, release.scale)


def read_split(folder: Path, part: str) -> pd.DataFrame:
    """Read a published part of ml-100k, such as 'u1.base' or 'u1.test', as a ratings frame."""
    path = Path(folder) / part
    if not path.exists():
        raise DataError(
            f"{path} is not there: the published splits come only with GroupLens's archive of "
            "ml-100k, not with the package's copy. Unpack ml-100k.zip from GroupLens into a folder "
            "and point SAELIB_DATA at the folder above it, or leave --split out."
        )
    return read_ratings(path, sep="\t", header=None, names=RATING_COLUMNS)


# -- Where the files are, and how they get there ---------------------------------------------


def check_name(name: str) -> None:
    """Raise DataError, listing the known releases, if `name` is not one."""
    if name not in RELEASES:
        raise DataError(f"Unknown data set {name!r}; choose one of {', '.join(RELEASES)}.")


def _release(name: str) -> Release:
    check_name(name)
    return RELEASES[name]


def _data_folders() -> list[Path]:
    """$SAELIB_DATA if set, then the project's `data/`."""
    named = os.environ.get("SAELIB_DATA")
    return ([Path(named).expanduser()] if named else []) + [_project() / "data"]


def models_folder() -> Path:
    """Where trained models go: the project's `models/`."""
    return _project() / "models"


def _project() -> Path:
    """The clone that this package is part of; the working directory where it is not in a clone."""
    return PROJECT if (PROJECT / "pyproject.toml").exists() else Path.cwd()


def _layout_of(folder: Path, release: Release) -> str | None:
    """Which layout lies in `folder`; None if it does not exist, DataError if it is incomplete."""
    try:
        present = {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise DataError(f"No permission to read {folder}. Change its mode or owner.") from error
    layouts = [release.layout] + (["recbole"] if release.layout == "ml-100k" else [])
    for layout in layouts:
        if present.issuperset(LAYOUTS[layout].files):
            return layout
    missing = [file for file in LAYOUTS[release.layout].files if file not in present]
    raise DataError(
        f"{folder} is incomplete: {', '.join(missing)} missing. Delete the folder, then run "
        f"`python -m saelib fetch --dataset {folder.name}`."
    )


def _from_grouplens(name: str, release: Release, work: Path) -> Path:
    """Download the archive into `work`, verify, unpack; return the folder with the files."""
    pooch.get_logger().setLevel("WARNING")
    if release.checksum is None:
        _say(f"{name}: this release changes over time, so there is no checksum to verify")
    try:
        archive = pooch.retrieve(
            f"{GROUPLENS}/{name}.zip",
            known_hash=release.checksum,
            fname=f"{name}.zip",
            path=work,
            downloader=pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT),
        )
    except requests.exceptions.SSLError as error:
        raise DownloadError(
            f"the server's TLS certificate is not valid ({_reason(error)}). GroupLens has let it "
            "expire before (June 2024, August 2025, August 2026) and renewed it within days: try "
            "again later. The certificate check stays on"
        ) from error
    except requests.exceptions.RequestException as error:
        raise DownloadError(f"download failed ({_reason(error)}); run again to retry") from error
    except ValueError as error:  # how pooch reports a checksum that does not match
        raise DownloadError(
            f"the archive's checksum is not the published one ({release.checksum}): damaged or "
            "tampered with. It was removed and not used; run again to retry"
        ) from error

    try:
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(work / "unpacked")
    except (zipfile.BadZipFile, EOFError) as error:
        raise DownloadError(f"the archive is not a readable zip file ({error})") from error
    folder = work / "unpacked" / (release.archive_folder or name)
    if not _layout_of(folder, release):
        raise DownloadError(f"the archive does not hold the folder {folder.name}/")
    return folder


def _from_recbole(work: Path) -> Path:
    """Take ml-100k out of the wheel of recbole, obtained by pip but never installed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(work)]
    command += ["--only-binary", ":all:", RECBOLE]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise DownloadError(f"pip could not download it ({said})")
    wheel = next(work.glob("*.whl"))
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != RECBOLE_SHA256:
        raise DownloadError("the wheel's checksum is not the expected one; it was not used")
    folder = work / "ml-100k"
    folder.mkdir()
    with zipfile.ZipFile(wheel) as zipped:
        for file in LAYOUTS["recbole"].files:
            (folder / file).write_bytes(zipped.read(f"{RECBOLE_FOLDER}/{file}"))
    return folder


def _reason(error: BaseException) -> str:
    """The innermost cause of a requests error, which wraps it several times."""
    inner: BaseException = error
    while True:
        nested = [arg for arg in inner.args if isinstance(arg, BaseException)]
        cause = getattr(inner, "reason", None)
        if isinstance(inner, ssl.SSLError) or not (nested or isinstance(cause, BaseException)):
            return f"{type(inner).__name__}: {inner}"
        inner = cause if isinstance(cause, BaseException) else nested[-1]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
