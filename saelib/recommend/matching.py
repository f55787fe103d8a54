"""Which film of a catalogue is it? By its number elsewhere, or by title and year."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from saelib.language import _
from saelib.movielens import links_at_hand
from saelib.recommend.catalogue import Catalogue
from saelib.recommend.search import key, names, parts, plain

FILM_KINDS = (  # as TMDB says it, and IMDb in several languages
    " movie film tvmovie tvspecial short tvshort video feature featurefilm shortfilm documentary "
    "pelicula peliculadetv cortometraje filme filmeparatv curtametragem fernsehfilm kurzfilm "
    "telefilm courtmetrage filmtv cortometraggio"
).split(" ")
ID = re.compile(r"(?:tt|movie/)0*(\d{1,9})|^0*(\d{1,9})(?:\.0)?$")
UNKNOWN = 1.5  # years apart where a year is not known: 0 and 1 are surer


def squashed(text: str) -> str:
    """Without case, blanks and signs: 'Title Type' and 'title_type' are one."""
    return plain(text).replace(" ", "").replace("_", "")


class Matcher:
    """Finds films of other services, told as the columns of `elsewhere.COLUMNS`."""

    def __init__(self, catalogue: Catalogue):
        self._catalogue, films = catalogue, catalogue.films
        self._years = films["year"].to_numpy(float, na_value=np.nan)
        self._n_ratings = films["n_ratings"].to_numpy()
        positions: dict[str | None, int] = {film: i for i, film in enumerate(catalogue.ids)}
        self._at = {"movie_id": positions}
        links = links_at_hand(catalogue.dataset)
        for column in ("imdb_id", "tmdb_id"):
            of_films = () if links is None else links[["movie_id", column]].dropna().to_numpy(str)
            there = ((film, number) for film, number in of_films if film in positions)
            self._at[column] = {_id(number): positions[film] for film, number in there}
        self._imdb = {position: number for number, position in self._at["imdb_id"].items()}

    def find(self, row: dict[str, Any]) -> tuple[str, str]:
        """The movie_id of a film as text, and ''; or '', and why it is not taken."""
        labels = self._catalogue.labels
        fits = list(next(filter(None, self._fitting(row)), set[int]()))
        if len(set(labels[fits])) == 1:  # perhaps under two ids: the one with more ratings
            return self._catalogue.ids[max(fits, key=self._n_ratings.__getitem__)], ""
        if fits:
            return "", _("Could be several: {films}").format(films="; ".join(sorted(labels[fits])))
        if squashed(row["kind"]) not in FILM_KINDS:
            return "", _("Not known to be a film")
        return "", _("Not in {dataset}").format(dataset=self._catalogue.dataset)

    def _fitting(self, row: dict[str, Any]) -> Iterator[set[int]]:
        """The films that it could be, the surest first."""
        ids = {column: _id(row[column]) for column in self._at}
        at = {column: {films.get(ids[column], -1)} - {-1} for column, films in self._at.items()}
        yield at["imdb_id"]
        if squashed(row["kind"]) not in FILM_KINDS:  # TMDB gives series numbers of films, too
            return
        yield at["tmdb_id"]
        titles = [title for title in (row["title"], row["original"]) if title]
        keys = {key(name) for title in titles for name in names(title)}
        imdb, in_parts = ids["imdb_id"], {key(part) for part in parts(row["title"])}
        named = {f for f in self._known("named", keys) if imdb in (None, self._imdb.get(f, imdb))}
        partly = self._known("partly", keys) | self._known("named", in_parts)

        def apart(film: int) -> float:
            years = abs(self._years[film] - row["year"])
            return UNKNOWN if pd.isna(years) else years

        # ml-100k has numbers of its own: those of MovieLens.org are of other films there.
        trusted = not row["title"] or self._catalogue.dataset != "ml-100k"
        yield {f for f in at["movie_id"] if f in named or (trusted and apart(f) <= UNKNOWN)}
        for years in (0, 1, UNKNOWN):
            yield {film for film in named if apart(film) == years}
        yield {film for film in partly if apart(film) == 0}

    def _known(self, kind: str, keys: set[str]) -> set[int]:
        known = self._catalogue.index[kind]
        return {film for name in keys - {""} for film in known.get(name, [])}


def _id(cell: str) -> str | None:
    """An id, which may stand in a link: 'tt0114709', '862.0', '…/movie/862-toy-story'."""
    found = ID.search(cell)
    return found and (found[1] or found[2])
