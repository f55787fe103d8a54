"""The films of a model: their names, however they are spelled, and which fit a wish."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import cache, cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process

from saelib.errors import SaelibError
from saelib.language import _

ARTICLES = frozenset(
    "the a an le la les l un une der die das ein eine el los las lo il gli i o os as".split()
)
LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})
YEAR = re.compile(r"\s*\(\d{4}\)\s*$")
BRACKETS = re.compile(r"(?<=\s)\(([^()]{3,})\)")
AKA = re.compile(r"\s*\ba\.?k\.?a\.?\b:?\s*", re.IGNORECASE)
LAST_ARTICLE = re.compile(r"^(.*),\s*([^\W\d]{1,3})['’]?$")
MAX_TEXT = 100  # characters of what is shown in a message
ALIKE = 75  # of 100: below this, what is typed is another title
BONUS = 20  # for a title that begins so, and again for one that is typed in full


def short(value: object) -> str:
    """As `repr`, but no longer than fits in a message."""
    return repr(value)[:MAX_TEXT]


def label(title: str, year: int | None) -> str:
    """How a film is shown: 'Fargo (1996)', or the title alone where the year is not known."""
    return title if pd.isna(year) else f"{title} ({year})"


@lru_cache(maxsize=100_000)
def plain(text: str) -> str:
    """Words without case, accents and punctuation: 'Amélie & I!' becomes 'amelie and i'."""
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).translate(LETTERS)
        text = "".join(c for c in text if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", re.sub(r"['’`´]", "", text).replace("&", " and ")))


def key(words: str) -> str:
    """What two spellings have in common: no first article, no gaps."""
    first, *rest = words.split() or [""]
    return "".join(rest if rest and first in ARTICLES else [first, *rest])


def names(title: str) -> list[str]:
    """Every name in a title, plain, its article in front, the main one first.

    'Crimson Rivers, The (Rivières pourpres, Les)' has 'the crimson rivers' and 'les rivieres
    pourpres'. Other names stand in brackets, some after 'a.k.a.'.
    """
    title = YEAR.sub("", title)
    found = [BRACKETS.sub(" ", title), *BRACKETS.findall(title)]
    forms = [_article_first(part) for name in found for part in AKA.split(name)]
    return [form for form in dict.fromkeys(forms) if form] or [plain(title)]


def _article_first(name: str) -> str:
    found = LAST_ARTICLE.match(name.strip())
    is_article = found and plain(found[2]) in ARTICLES
    return plain(f"{found[2]} {found[1]}" if found and is_article else name)


@cache
def aliases() -> dict[tuple[str, str], list[str]]:
    """Other names of famous films, plain, in Spanish above all: 'el padrino'; see `as_aliased`."""
    table = pd.read_csv(Path(__file__).with_name("aliases.csv"), dtype=str)
    return table["alias"].map(plain).groupby(table["title"].map(as_aliased)).agg(list).to_dict()


def as_aliased(label: str) -> tuple[str, str]:
    """A film in `aliases`: its main name, plain, and its year, however a release writes it."""
    return names(label)[0], label[-6:]


class Catalogue:
    """All films of a model, in the order of its columns.

    films: movie_id, title, year, genres, n_ratings; see `Model`. ids, labels: (n_items,)
    movie_ids as text, and how each film is shown. genres, decades: those that occur.
    """

    def __init__(self, films: pd.DataFrame, dataset: str):
        self.films, self.dataset = films, dataset
        self.ids: list[str] = [str(movie_id) for movie_id in films["movie_id"].tolist()]
        self.labels = np.array([*map(label, films["title"], films["year"])], dtype=object)
        self._position = {movie_id: position for position, movie_id in enumerate(self.ids)}
        self._shown = films[["movie_id", "title", "year", "genres"]].assign(name=self.labels)
        self._genres = [set(text.split("|")) - {""} for text in films["genres"].tolist()]
        self._decades = films["year"].to_numpy(float, na_value=0).astype(int) // 10 * 10
        self.genres = sorted(set().union(*self._genres))
        self.decades = sorted({*self._decades.tolist()} - {0})

    def __len__(self) -> int:
        return len(self.films)

    @cached_property
    def index(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """Positions of films by each spelling, plain, and by the `key` of each name or alias."""
        spelled, named = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
        for position, (title, shown) in enumerate(zip(self.films["title"], self.labels)):
            of_film = [*names(title), *aliases().get(as_aliased(shown), [])]
            for name in {*of_film, plain(title), plain(shown)}:
                spelled[name].append(position)
            for name in {*map(key, of_film)}:
                named[name].append(position)
        return spelled, named

    def position(self, film: str | int) -> int:
        """The column of a film named by movie_id, or else by a title of its, with or without year.

        Raises SaelibError where no film has this name, or several have.
        """
        name = str(film).strip() if isinstance(film, (str, int, np.integer)) else ""
        if name in self._position:
            return self._position[name]
        found = self.index[0].get(plain(name[:MAX_TEXT]), [])
        if len(found) == 1:
            return found[0]
        if found:
            options = "; ".join(f"{self.ids[i]}: {self.labels[i]}" for i in found)
            several = _("{name} names several films; give a movie_id ({options}).")
            raise SaelibError(several.format(name=short(name), options=options))
        unknown = _(
            "{dataset} has no film {name}; expected a movie_id or a title as the data set writes "
            "it, such as 'Usual Suspects, The (1995)'."
        ).format(dataset=self.dataset, name=short(film))
        if near := self.find(name, 3):
            hint = _("Did you mean: {films}?").format(films="; ".join(self.labels[near]))
            unknown = f"{unknown} {hint}"
        raise SaelibError(unknown)

    def movie_id(self, film: str | int) -> str:
        """The movie_id as text of a film named either way. Raises SaelibError."""
        return self.ids[self.position(film)]

    def label(self, film: str | int) -> str:
        """How a film named either way is shown. Raises SaelibError."""
        return self.labels[self.position(film)]

    def find(self, text: str, n: int = 20) -> list[int]:
        """Positions of the n best films that a search finds; of several with one label, one.

        A title typed in full is best, then one that begins so, then whatever is spelled alike;
        among equals, the most rated.
        """
        typed, (spelled, named) = plain(text[:MAX_TEXT]), self.index
        best = dict.fromkeys(named.get(key(typed), []), 100 + 1.5 * BONUS)
        for name, alike, _row in process.extract(
            typed, spelled.keys(), scorer=fuzz.WRatio, score_cutoff=ALIKE, limit=None
        ):
            if 2 * len(name) >= len(typed):  # 'matrix' is not 'M'
                alike += BONUS * name.startswith(typed) + BONUS * (name == typed)
                best |= {film: max(best.get(film, 0), alike) for film in spelled[name]}
        rated = self.films["n_ratings"].to_numpy()
        order = sorted(best, key=lambda film: (-round(best[film] / 4), -rated[film]))
        return self.first(order, n, ())

    def matching(self, genres: Collection[str], decades: Collection[int]) -> np.ndarray:
        """(n_items,) whether a film has one of the genres and is of one of the decades.

        None given: all. Raises SaelibError for one that no film has.
        """
        known = [*self.genres, *self.decades]
        for wanted in [*genres, *decades]:
            if wanted not in known:
                message = _("No film of {dataset} is {unknown}; expected some of {known}.")
                shown = {"unknown": short(wanted), "known": ", ".join(map(str, known))}
                raise SaelibError(message.format(dataset=self.dataset, **shown))
        in_genre = [not genres or not of_film.isdisjoint(genres) for of_film in self._genres]
        return np.array(in_genre) & (np.isin(self._decades, list(decades)) if decades else True)

    def first(self, positions: Iterable[int], n: int, without: Collection[str | int]) -> list[int]:
        """The first n of these positions; of films with one label one, and none of `without`."""
        taken, chosen = {self.label(film) for film in without}, list[int]()
        for position in positions:
            if len(chosen) == n:
                break
            if self.labels[position] not in taken:
                taken.add(self.labels[position])
                chosen.append(int(position))
        return chosen

    def rows(self, positions: Collection[int]) -> pd.DataFrame:
        """movie_id, title, year, genres and name (the label) of the films at these positions."""
        return self._shown.iloc[list(positions)].reset_index(drop=True)
