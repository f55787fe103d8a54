"""The films of a model: their names, how they are found, and which fit a wish."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Collection
from functools import cached_property

import numpy as np
import pandas as pd

from saelib.errors import ProfileError
from saelib.language import _
from saelib.recommend.search import TitleSearch

MAX_TEXT = 100  # characters of what is shown in a message
ID = "id:"  # before a movie_id that is also a title


def short(value: object) -> str:
    """As `repr`, but no longer than fits in a message."""
    shown = reprlib.Repr()
    shown.maxstring = shown.maxlong = shown.maxother = MAX_TEXT
    return shown.repr(value)


def label(title: str, year: int | None) -> str:
    """How a film is shown: 'Fargo (1996)', or the title alone where the year is not known."""
    return title if pd.isna(year) else f"{title} ({year})"


class Catalogue:
    """All films of a data set, in the order of the columns of its ratings.

    films: movie_id, title, year, genres, n_ratings, spread; see `Bundle`. labels: (n_items,) how
    each is shown. genres, decades: those that occur.
    """

    def __init__(self, films: pd.DataFrame, dataset: str):
        self.films, self.dataset = films, dataset
        titles = films["title"].tolist()
        labels = [label(*film) for film in zip(titles, films["year"].tolist())]
        self.labels = np.array(labels, dtype=object)
        self._genres = [set(text.split("|")) - {""} for text in films["genres"].tolist()]
        self._decades = films["year"].to_numpy(float, na_value=0).astype(int) // 10 * 10
        self.genres = sorted(set().union(*self._genres))
        self.decades = sorted({int(decade) for decade in self._decades if decade})
        self._by_id = {str(movie_id): i for i, movie_id in enumerate(films["movie_id"].tolist())}
        self._by_name: dict[str, list[int]] = {}
        for position, (full, title) in enumerate(zip(labels, titles)):
            for name in {full.casefold(), title.casefold()}:
                self._by_name.setdefault(name, []).append(position)

    def __len__(self) -> int:
        return len(self.films)

    def position(self, film: str | int) -> int:
        """The column of a film named by movie_id or title, see `Profile`.

        Raises ProfileError where no film has this name, or several have.
        """
        name = str(film).strip()
        is_id = not isinstance(film, str) or name.startswith(ID)
        found = set() if is_id else set(self._by_name.get(name.casefold(), []))
        if (by_id := self._by_id.get(name.removeprefix(ID))) is not None:
            found.add(by_id)
        if len(found) == 1:
            return found.pop()
        if found:
            options = "; ".join(f"{self.name(i)}: {self.labels[i]}" for i in sorted(found))
            raise ProfileError(
                _("{name!r} names several films; give a movie_id ({options}).").format(
                    name=name, options=options
                )
            )
        near = difflib.get_close_matches(name.casefold()[:MAX_TEXT], self._by_name, 3, 0.6)
        hint = "; ".join(dict.fromkeys(self.labels[self._by_name[other][0]] for other in near))
        unknown = _(
            "{dataset} has no film {name}; expected a movie_id or a title as the data set writes "
            "it, such as 'Usual Suspects, The (1995)'."
        ).format(dataset=self.dataset, name=short(name))
        nearest = _("Did you mean: {films}?").format(films=hint)
        raise ProfileError(f"{unknown} {nearest}" if hint else unknown)

    def name(self, position: int) -> str:
        """The movie_id of a film as text: '50'; 'id:300' where '300' is also another's title."""
        name = str(self.films["movie_id"][position])
        return name if set(self._by_name.get(name, [])) <= {position} else ID + name

    def find(self, text: str) -> list[int]:
        """The positions of all films that a search finds, best first; see `TitleSearch.find`."""
        return self._titles.find(text)

    def search(self, text: str, n: int = 20) -> pd.DataFrame:
        """The n best films of `find`: movie_id, title, year, genres.

        'les miserables' finds 'Misérables, Les (1995)', '12 monkeys' 'Twelve Monkeys', 'shawshenk'
        'Shawshank Redemption, The', 'se7en' 'Seven (a.k.a. Se7en)'.
        """
        return self.rows(self.find(text)[:n])

    @cached_property
    def _titles(self) -> TitleSearch:
        n_ratings = self.films["n_ratings"].to_numpy()
        return TitleSearch(self.films["title"].tolist(), self.labels.tolist(), n_ratings)

    def matching(self, genres: Collection[str], decades: Collection[int]) -> np.ndarray:
        """(n_items,) whether a film has one of the genres and is of one of the decades."""
        asked: tuple[tuple[str, Collection, Collection], ...] = (
            (
                _("No film of {dataset} has the genre {unknown!r}; expected some of {known}."),
                genres,
                self.genres,
            ),
            (
                _("No film of {dataset} has the decade {unknown!r}; expected some of {known}."),
                decades,
                self.decades,
            ),
        )
        for problem, some, known in asked:
            unknown = sorted(set(some) - set(known))
            if unknown:
                raise ProfileError(
                    problem.format(
                        dataset=self.dataset,
                        unknown=unknown[0],
                        known=", ".join(map(str, known)),
                    )
                )
        wanted = set(genres)
        in_genre = np.array([not wanted or bool(names & wanted) for names in self._genres])
        return in_genre & (np.isin(self._decades, list(decades)) if decades else True)

    def rows(self, positions: Collection[int]) -> pd.DataFrame:
        """movie_id, title, year and genres of the films at these positions."""
        columns = ["movie_id", "title", "year", "genres"]
        return self.films.loc[list(positions), columns].reset_index(drop=True)
