"""Which film of a catalogue is it? By its number elsewhere, or by title and year."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from saelib.language import _
from saelib.movielens import links_at_hand
from saelib.recommend.catalogue import Catalogue
from saelib.recommend.search import key, names, parts, plain

FILM_KINDS = (  # as TMDB says it, and IMDb in several languages
    " movie film tvmovie tvspecial short tvshort video feature featurefilm shortfilm documentary "
    "pelicula peliculadetv cortometraje filme filmeparatv curtametragem fernsehfilm kurzfilm "
    "telefilm courtmetrage filmtv cortometraggio"
).split(" ")


def squashed(text: str) -> str:
    """Without case, blanks and signs: 'Title Type' and 'title_type' are one."""
    return plain(text).replace(" ", "").replace("_", "")


def _number(cell: str) -> int | None:
    """An id, which may stand in a link: 'tt0114709', '862.0', '…/movie/862-toy-story'."""
    found = re.search(r"(?:tt|movie/)0*(\d{1,9})|^0*(\d{1,9})(?:\.0)?$", cell)
    return int(found[1] or found[2]) if found else None


class Matcher:
    """Finds films of other services, told as the columns of `elsewhere.COLUMNS`."""

    def __init__(self, catalogue: Catalogue):
        self._catalogue, films = catalogue, catalogue.films
        self._years = films["year"].to_numpy(float, na_value=np.nan)
        ids = {movie_id: position for position, movie_id in enumerate(films["movie_id"].tolist())}
        self._at: dict[str, dict[int | None, int]] = {"movie_id": ids, "imdb_id": {}, "tmdb_id": {}}
        links = links_at_hand(catalogue.dataset)
        if links is not None:
            links = links[links["movie_id"].isin(ids)]
            for column in ("imdb_id", "tmdb_id"):
                there = links.dropna(subset=column)
                numbers = there[column].astype(str).map(_number)
                self._at[column] = dict(zip(numbers, there["movie_id"].map(ids)))
        self._imdb = {position: number for number, position in self._at["imdb_id"].items()}

    def find(self, row: dict[str, Any]) -> tuple[str, str]:
        """The movie_id of a film as text, and ''; or '', and why it is not taken."""
        films, labels = self._catalogue.films, self._catalogue.labels
        fits = list(next(filter(None, self._fitting(row)), set[int]()))
        if len(set(labels[fits])) == 1:  # perhaps under two ids: the one with more ratings
            return str(films["movie_id"][max(fits, key=lambda film: films["n_ratings"][film])]), ""
        if fits:
            return "", _("Could be several: {films}").format(films="; ".join(sorted(labels[fits])))
        if squashed(row["kind"]) not in FILM_KINDS:
            return "", _("Not known to be a film")
        return "", _("Not in {dataset}").format(dataset=self._catalogue.dataset)

    def _fitting(self, row: dict[str, Any]) -> Iterator[set[int]]:
        """The films that it could be, the surest first."""
        numbers = {column: _number(row[column]) for column in self._at}
        at = {c: {self._at[c][n]} if n in self._at[c] else set[int]() for c, n in numbers.items()}
        yield at["imdb_id"]
        if squashed(row["kind"]) not in FILM_KINDS:  # TMDB gives series numbers of films, too
            return
        yield at["tmdb_id"]
        keys = {key(name) for title in (row["title"], row["original"]) for name in names(title)}
        index, imdb = self._catalogue.index, numbers["imdb_id"]
        named = {film for name in keys - {""} for film in index["named"].get(name, [])}
        named = {film for film in named if imdb is None or self._imdb.get(film, imdb) == imdb}
        partly = {film for name in keys - {""} for film in index["partly"].get(name, [])}
        partly |= {
            film for part in parts(row["title"]) for film in index["named"].get(key(part), [])
        }
        there = row["year"] or np.nan
        apart = {film: abs(self._years[film] - there) for film in named | partly | at["movie_id"]}
        # ml-100k has numbers of its own: those of MovieLens.org are of other films there.
        trusted = not row["title"] or self._catalogue.dataset != "ml-100k"
        yield {f for f in at["movie_id"] if f in named or (trusted and not apart[f] > 1)}
        yield {film for film in named if apart[film] == 0}
        yield {film for film in named if apart[film] == 1}
        yield {film for film in named if np.isnan(apart[film])}
        yield {film for film in partly if apart[film] == 0}
