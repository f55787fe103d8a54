"""Which film of a data set is it? By its number elsewhere, or by title and year."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from saelib.data.links import OWN_NUMBERS
from saelib.data.releases import RELEASES
from saelib.recommend.exports import Row
from saelib.recommend.titles import key, names, parts, plain

BY_NUMBER = ("movie_id", "imdbId", "tmdbId")
SURE = (*BY_NUMBER, "title and year")  # ways to find a film that need no second look


@dataclass(frozen=True)
class Found:
    """What came of one film: its column, or several that it could be; and how it was found."""

    position: int | None
    options: tuple[int, ...] = ()
    how: str = ""


class Matcher:
    """Finds films of other services in a data set, by number, or by title and year."""

    def __init__(self, films: pd.DataFrame, dataset: str, known: pd.DataFrame | None = None):
        """films: movie_id, title, year, as `Dataset.movies`. known: of `links`, or None."""
        self.titles = films["title"].tolist()
        self.years = [None if pd.isna(year) else int(year) for year in films["year"]]
        self._n_ratings = films.get("n_ratings", films["movie_id"] * 0).tolist()
        self._ids = {movie_id: i for i, movie_id in enumerate(films["movie_id"])}
        self._numbered = dataset in RELEASES and dataset not in OWN_NUMBERS
        self._of: dict[str, dict[int, int]] = {"imdb_id": {}, "tmdb_id": {}}
        self._imdb: dict[int, int] = {}  # position -> imdb_id
        if known is not None:
            for column, positions in self._of.items():
                for movie_id, number in (
                    known[["movie_id", column]].dropna().itertuples(index=False)
                ):
                    if movie_id in self._ids:
                        positions.setdefault(int(number), self._ids[movie_id])
            self._imdb = {position: number for number, position in self._of["imdb_id"].items()}
        self._named: dict[str, list[int]] = defaultdict(list)
        self._partly: dict[str, list[int]] = defaultdict(list)
        self._names = [names(title) for title in self.titles]
        for position, title in enumerate(self.titles):
            for name in {key(name) for name in self._names[position]}:
                self._named[name].append(position)
            for part in {key(part) for part in parts(title)}:
                self._partly[part].append(position)

    def find(self, row: Row) -> Found:
        """The film of a row of an export."""
        if (by_number := self._by_number(row)) is not None:
            return by_number
        asked = [name for title in (row.title, row.original) if title for name in names(title)]
        same = self._named_so(row, asked)
        exact = [i for i in same if set(self._names[i]) & set(asked)]
        whole = [i for i in exact if plain(self.titles[i]) == plain(row.title)]
        for apart, how in ((0, "title and year"), (1, "title, one year apart")):
            for some in (whole, exact, same):
                if fits := [i for i in some if self._apart(row, i) == apart]:
                    return self._one_of(fits, how)
        if unsure := [i for i in whole or exact or same if self._apart(row, i) is None]:
            return self._one_of(unsure, "title, no year")
        candidates = {i for name in asked for i in self._partly.get(key(name), [])}
        candidates |= {i for part in parts(row.title) for i in self._named.get(key(part), [])}
        if fits := [i for i in self._allowed(row, candidates) if self._apart(row, i) == 0]:
            return self._one_of(fits, "a part of the title, and year")
        return Found(None, tuple(same), "another year" if same else "")

    def _by_number(self, row: Row) -> Found | None:
        if self._numbered and row.movie_id in self._ids:
            position = self._ids[row.movie_id]
            alike = {*names(row.title)} & {*self._names[position]}
            if alike or self._apart(row, position) in (0, 1, None):
                return Found(position, how="movie_id")
        for column, positions in self._of.items():
            if (found := positions.get(getattr(row, column))) is not None:
                return Found(found, how=column.replace("_id", "Id"))
        return None

    def _named_so(self, row: Row, asked: list[str]) -> list[int]:
        return self._allowed(row, {i for name in asked for i in self._named.get(key(name), [])})

    def _allowed(self, row: Row, positions: Iterable[int]) -> list[int]:
        """Without films that links.csv knows to be another one of IMDb."""
        wanted = row.imdb_id
        return [i for i in sorted(positions) if not wanted or self._imdb.get(i, wanted) == wanted]

    def _apart(self, row: Row, position: int) -> int | None:
        """Years between; None where one of them is not known."""
        year = self.years[position]
        return None if year is None or row.year is None else abs(year - row.year)

    def _one_of(self, fits: list[int], how: str) -> Found:
        """The film, where all that fit are the same one: some stand in a release under two ids.

        Of these, the one with most ratings.
        """
        if len({(self.titles[i], self.years[i]) for i in fits}) == 1:
            return Found(max(fits, key=lambda i: self._n_ratings[i]), how=how)
        return Found(None, tuple(fits), "several")
