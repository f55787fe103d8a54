"""MovieLens releases: where they come from, and how each becomes the same three tables.

`load(name)` looks for the files on disk, then asks GroupLens, then (for ml-100k only) takes the
copy that the package `recbole` carries. What a release is known to hold is counted, what was
unpacked here is compared with its digests.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from saelib.data.dataset import Dataset
from saelib.data.download import check_digests, grouplens, place, recbole
from saelib.data.layouts import LAYOUTS, Layout, fault, read_ratings
from saelib.data.scale import HALF_STARS, WHOLE_STARS, Scale
from saelib.errors import DataError
from saelib.language import later

PROJECT = Path(__file__).resolve().parents[2]


class Counts(NamedTuple):
    """How many ratings there are, people who rated, and films in the table of films."""

    ratings: int
    people: int
    films: int


ON_REQUEST = later("research use; no redistribution and no commercial use without permission")
SAME_TERMS = later(
    "research use; may be redistributed, also transformed, under the same terms; no commercial use "
    "without permission"
)


@dataclass(frozen=True)
class Release:
    """What is known of a release: its files, size, checksum, scale and licence."""

    title: str
    layout: str  # a key of LAYOUTS
    counts: Counts | None  # None: the release changes over time
    checksum: str | None  # of the zip archive, 'algorithm:digest'
    scale: Scale = HALF_STARS
    archive_folder: str | None = None  # the folder inside the archive, where it is not the name
    licence: str = ON_REQUEST


RELEASES: dict[str, Release] = {
    "ml-100k": Release(
        "MovieLens 100K",
        "ml-100k",
        Counts(100_000, 943, 1_682),
        "sha256:50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
        scale=WHOLE_STARS,
    ),
    "ml-1m": Release(
        "MovieLens 1M",
        "ml-1m",
        Counts(1_000_209, 6_040, 3_883),
        "sha256:a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
        scale=WHOLE_STARS,
    ),
    "ml-latest-small": Release("MovieLens latest (small)", "csv", None, None, licence=SAME_TERMS),
    "ml-10m": Release(
        "MovieLens 10M",
        "ml-10m",
        Counts(10_000_054, 69_878, 10_681),
        "md5:ce571fd55effeba0271552578f2648bd",
        archive_folder="ml-10M100K",
    ),
    "ml-20m": Release(
        "MovieLens 20M",
        "csv",
        Counts(20_000_263, 138_493, 27_278),
        "md5:cd245b17a1ae2cc31bb14903e1204af3",
    ),
    "ml-25m": Release(
        "MovieLens 25M",
        "csv",
        Counts(25_000_095, 162_541, 62_423),
        "md5:6b51fb2759a8657d3bfcbfc42b592ada",
    ),
    "ml-32m": Release(
        "MovieLens 32M",
        "csv",
        Counts(32_000_204, 200_948, 87_585),
        "md5:d472be332d4daa821edc399621853b57",
        licence=SAME_TERMS,
    ),
}

# The last year of which a release has ratings, as its README says; films do not reach further.
LAST_YEAR = {
    "ml-100k": 1998,
    "ml-1m": 2000,
    "ml-10m": 2009,
    "ml-20m": 2015,
    "ml-latest-small": 2018,
    "ml-25m": 2019,
    "ml-32m": 2023,
}


def load(name: str = "ml-100k") -> Dataset:
    """Load a release, fetching it first where it is not on disk.

    Raises DataError (unknown name; files damaged, incomplete or unreadable) or DownloadError.
    """
    return read(fetch(name), name)


def fetch(name: str = "ml-100k") -> Path:
    """Return the folder with the files of a release; download and verify them where needed.

    Looks in $SAELIB_DATA, then in `data/`; then downloads into `data/`, whole or not at all.
    Raises DataError or DownloadError.
    """
    found = locate(name)
    if found is not None:
        return found
    release = _release(name)
    folder, files = release.archive_folder or name, LAYOUTS[release.layout].files
    sources = [grouplens(name, release.checksum, folder, files)]
    if name == "ml-100k":
        sources.append(recbole(LAYOUTS["recbole"].files))
    target = _data_folders()[-1] / name
    place(target, sources, tried=[f"{folder / name}: not there" for folder in _data_folders()])
    return target


def locate(name: str) -> Path | None:
    """The folder on disk that holds a release, or None. Raises DataError if it is incomplete."""
    release = _release(name)
    for folder in _data_folders():
        if _layout_of(folder / name, release):
            return folder / name
    return None


def read(folder: Path, name: str) -> Dataset:
    """Read the files of release `name` from `folder`.

    Raises DataError naming the file, and where it can the line, of the fault: missing or unreadable
    file, missing column, not a number, wrong encoding, a line doubled, a person or film missing
    from its table, other counts than the release's, other bytes than were unpacked.
    """
    folder, release = Path(folder), _release(name)
    found = _layout_of(folder, release)
    if found is None:
        raise DataError(f"{folder} holds no files of {name}; expected {release.layout} files.")
    layout = LAYOUTS[found]
    check_digests(folder, layout.files)
    data = Dataset(name, *layout.read(folder), release.scale)
    _check(data, layout, [folder / file for file in layout.files])
    return data


def read_films(name: str) -> pd.DataFrame | None:
    """Only the films of a release on disk, as `Dataset.movies`; None where it is not there.

    Raises DataError.
    """
    folder, release = locate(name), _release(name)
    if folder is None:
        return None
    found = _layout_of(folder, release)
    assert found is not None
    return LAYOUTS[found].read_films(folder)


def _check(data: Dataset, layout: Layout, files: list[Path]) -> None:
    """Raise DataError if the tables are not complete, on the scale, and of one another."""
    ratings, movies, users = data.ratings, data.movies, data.users
    films = files[1]

    def refuse(path: Path, faulty: np.ndarray | pd.Series, problem: str) -> None:
        if faulty.any():
            raise fault(path, int(np.argmax(faulty)) + layout.n_header, problem)

    for path, table in zip(files, (ratings, movies, users)):
        for column in table.columns.intersection(["user_id", "movie_id"]):
            refuse(path, table[column] < 1, f"has a {column} below 1")
    stars = ratings["rating"].to_numpy()
    on_scale = data.scale.contains(stars)
    if not on_scale.all():
        problem = f"has {stars[~on_scale][0]:g} stars; {data.name} has {data.scale}"
        refuse(files[0], ~on_scale, problem)
    pairs = ratings["user_id"].to_numpy(np.int64) << 32 | ratings["movie_id"].to_numpy()
    pairs.sort()
    if (pairs[1:] == pairs[:-1]).any():
        again = ratings.duplicated(["user_id", "movie_id"])
        refuse(files[0], again, "rates a film that the same person has rated before")
    refuse(films, movies["movie_id"].duplicated(), "lists a film that is listed before")
    unlisted = ~ratings["movie_id"].isin(movies["movie_id"])
    refuse(files[0], unlisted, f"rates a film that {films.name} does not list")
    if users is not None:
        people = files[2]
        refuse(people, users["user_id"].duplicated(), "lists a person who is listed before")
        unlisted = ~ratings["user_id"].isin(users["user_id"])
        refuse(files[0], unlisted, f"is of a person whom {people.name} does not list")
    holds = Counts(len(ratings), ratings["user_id"].nunique(), len(movies))
    published = RELEASES[data.name].counts
    for path, what, n, expected in zip(
        (files[0], files[0], films), Counts._fields, holds, published or holds
    ):
        if n != expected or n == 0:
            right = f"{expected:,}" if published else "some"
            raise DataError(
                f"{path} holds {n:,} {what} where {data.name} has {right}: it is truncated or of "
                f"another release. Delete the folder {path.parent} and run "
                f"`python -m saelib fetch --dataset {data.name}`."
            )


def read_split(folder: Path, part: str) -> pd.DataFrame:
    """Read a published part of ml-100k, such as 'u1.base' or 'u1.test', as a ratings frame."""
    path = Path(folder) / part
    if not path.exists():
        raise DataError(
            f"{path} is not there: the published splits come only with GroupLens's archive of "
            "ml-100k, not with the package's copy. Unpack ml-100k.zip from GroupLens into a folder "
            "and point SAELIB_DATA at the folder above it, or leave --split out."
        )
    check_digests(path.parent, (part,))
    return read_ratings(path)


# -- Where the files are ----------------------------------------------------------------------


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
    try:
        return ([Path(named).expanduser()] if named else []) + [_project() / "data"]
    except RuntimeError as error:
        raise DataError(
            f"SAELIB_DATA is {named!r}, but there is no such user's home folder. Name the folder "
            "that holds ml-1m/ and so on, or unset it."
        ) from error


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
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise DataError(
            f"{folder} cannot be read: it, or what should hold it, is a file, not a folder. Move "
            "that away, or name another folder in SAELIB_DATA."
        ) from error
    except OSError as error:
        raise DataError(
            f"Cannot read {folder}: {error.strerror or error}. Change its mode or owner, or name "
            "another folder in SAELIB_DATA."
        ) from error
    layouts = [release.layout] + (["recbole"] if release.layout == "ml-100k" else [])
    for layout in layouts:
        if present.issuperset(LAYOUTS[layout].files):
            return layout
    missing = [file for file in LAYOUTS[release.layout].files if file not in present]
    raise DataError(
        f"{folder} is incomplete: {', '.join(missing)} missing. Delete the folder, then run "
        f"`python -m saelib fetch --dataset {folder.name}`."
    )
