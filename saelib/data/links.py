"""links.csv of the later releases: which film of IMDb and of TMDB a film of MovieLens is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from saelib.data.releases import RELEASES, locate
from saelib.errors import DataError
from saelib.language import _

# In the other releases a film has the number that it has at movielens.org; ml-100k is older. Of the
# 3,883 films of ml-1m 2,949 are in ml-latest-small under the same number: 2,631 of them with the
# same text for a title, the others with another spelling, year or name of the same film.
OWN_NUMBERS = ("ml-100k",)


def read_links(path: Path) -> pd.DataFrame:
    """movie_id, imdb_id, tmdb_id (Int64, <NA> where unknown) of a links.csv. Raises DataError."""
    try:
        table = pd.read_csv(path, dtype="Int64")
        table = table.rename(
            columns={"movieId": "movie_id", "imdbId": "imdb_id", "tmdbId": "tmdb_id"}
        )
        return table[["movie_id", "imdb_id", "tmdb_id"]]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            _("{path} cannot be read as a links.csv: {error}.").format(
                path=path, error=str(error).strip()
            )
        ) from error


def links(name: str) -> pd.DataFrame | None:
    """The links of a release: its own, or those of another one that numbers films alike.

    As of `read_links`; None where no links.csv is on disk. Nothing is downloaded. Raises DataError.
    """
    if name not in RELEASES or name in OWN_NUMBERS:
        return None
    for folder in (at_hand().get(release) for release in (name, *RELEASES)):
        if folder is not None and (folder / "links.csv").exists():
            return read_links(folder / "links.csv")
    return None


def at_hand() -> dict[str, Path]:
    """The releases on disk and their folders, without those whose files are incomplete."""
    found = {}
    for name in RELEASES:
        try:
            folder = locate(name)
        except DataError:  # whoever wants this release will be told
            continue
        if folder is not None:
            found[name] = folder
    return found
