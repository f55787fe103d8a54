"""A person's ratings in, ranked films out; and which films to ask a person about."""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.choice import LIKING
from saelib.errors import ProfileError
from saelib.features import encode_person
from saelib.profile import MAX_TEXT, Profile, label, short
from saelib.trained_model import TrainedModel

LEFT_OUT = 40  # ratings, one at a time, to see what each of them does
ID = "id:"  # before a movie_id that is also a title
ARTICLES = {"the", "a", "an", "le", "la", "les", "l", "der", "die", "das", "el", "il", "un", "une"}


def _words(text: str) -> set[str]:
    """The words of a title or a search, without case, accents, punctuation and articles."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c)).replace("'", "")
    words = set(re.findall(r"\w+", plain))
    return words - ARTICLES or words


class Recommender:
    """A trained model with its catalogue: from a `Profile` to films the person may like."""

    def __init__(self, trained: TrainedModel):
        self.trained = trained
        self.dataset = trained.dataset
        self.scale = trained.scale
        self.occupations = trained.occupations
        self.films = trained.films
        labels = [label(*film) for film in zip(self.films["title"], self.films["year"])]
        self.labels = np.array(labels, dtype=object)
        self._genres = [set(text.split("|")) - {""} for text in self.films["genres"]]
        self._decades = self.films["year"].to_numpy(float, na_value=0).astype(int) // 10 * 10
        self.genres = sorted(set().union(*self._genres))
        self.decades = sorted({int(decade) for decade in self._decades if decade})
        self._searchable = [_words(name) for name in labels]
        self._by_id = {str(movie_id): i for i, movie_id in enumerate(self.films["movie_id"])}
        self._by_name: dict[str, list[int]] = {}
        for position, (full, title) in enumerate(zip(labels, self.films["title"])):
            for name in {full.casefold(), title.casefold()}:
                self._by_name.setdefault(name, []).append(position)

    @classmethod
    def load(cls, path: Path) -> Recommender:
        """Open a saved model. Raises CheckpointError."""
        return cls(TrainedModel.load(path))

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
            raise ProfileError(f"{name!r} names several films; give a movie_id ({options}).")
        near = difflib.get_close_matches(name.casefold()[:MAX_TEXT], self._by_name, 3, 0.6)
        hint = "; ".join(dict.fromkeys(self.labels[self._by_name[other][0]] for other in near))
        raise ProfileError(
            f"{self.dataset} has no film {short(name)}; expected a movie_id or a title as the data "
            "set writes it, such as 'Usual Suspects, The (1995)'."
            + (f" Did you mean: {hint}?" if hint else "")
        )

    def name(self, position: int) -> str:
        """The movie_id of a film as text: '50'; 'id:300' where '300' is also another's title."""
        name = str(self.films["movie_id"][position])
        return name if set(self._by_name.get(name, [])) <= {position} else ID + name

    def check_stars(self, film: str | int, stars: object) -> float:
        """The stars as a number on the release's scale. Raises ProfileError."""
        low, high, step = self.scale
        number = isinstance(stars, (int, float)) and not isinstance(stars, bool)
        if not number or not (low <= stars <= high) or not math.isclose(stars % step, 0):
            raise ProfileError(
                f"{short(stars)} stars for {short(film)} are not on the scale of {self.dataset}: "
                f"expected {low:g} to {high:g} in steps of {step:g}."
            )
        return float(stars)

    def encode(self, profile: Profile, *, empty: bool = False) -> tuple[csr_array, np.ndarray]:
        """The model's inputs for one person: (1, n_items) stars, (1, n_demographics) one-hot.

        A film seen, but not rated, is a stored 0 among the stars: EASE and the fingerprint of
        `FoldIn` take it in, networks over people do not. empty: whether a profile with nothing to
        go by is allowed.
        Raises ProfileError: another release's profile, unknown or repeated films, stars off the
        scale, demographics outside their lists, nothing to go by.
        """
        if profile.dataset not in (None, self.dataset):
            raise ProfileError(
                f"The profile is of {short(profile.dataset)}, the model of {self.dataset}; "
                "movie_ids differ between releases. Use a model trained on the profile's."
            )
        stars: dict[int, float] = {}
        for film, value in profile.ratings.items():
            position = self.position(film)
            if position in stars:
                raise ProfileError(
                    f"{self.labels[position]} is rated twice (again as {short(film)})."
                )
            stars[position] = self.check_stars(film, value)
        seen = {self.position(film) for film in profile.seen} - set(stars)
        occupation = profile.occupation
        if occupation is not None and self.occupations and occupation not in self.occupations:
            raise ProfileError(
                f"Occupation {occupation!r} is not in {self.dataset}; expected one of "
                f"{', '.join(self.occupations)}."
            )
        person = encode_person(profile.gender, profile.age, occupation)
        told = self.trained.rating.uses_demographics and person.any()
        told = told or stars or (self.trained.lists is not None and seen)
        if not empty and not told:
            raise ProfileError(
                "The profile is empty: rate at least one film"
                + (", or tell gender, age or occupation." if self.occupations else ".")
            )
        columns = sorted(seen.union(stars))
        data = np.array([stars.get(i, 0) for i in columns], dtype=np.float32)
        row = csr_array((data, columns, [0, len(columns)]), shape=(1, len(self.films)))
        return row, person[None, :]

    def predict(self, profile: Profile) -> np.ndarray:
        """(n_items,) expected stars, clipped to the scale, for every film of the catalogue."""
        return self._stars(*self.encode(profile))[0]

    def recommend(
        self,
        profile: Profile,
        n: int = 10,
        *,
        without: Collection[str | int] = (),
        genres: Collection[str] = (),
        decades: Collection[int] = (),
        well_known: float = 1.0,
    ) -> pd.DataFrame:
        """The n best films, none of them rated or seen.

        without: films that the person does not want. genres, decades (1990): only films with one
        of these; none given: all. well_known: how much it counts that the person is likely to
        come across a film; the score is P(see)^well_known x P(at least 4 stars)^LIKING, or the
        stars where the model's recipe knows nothing else.

        Returns columns movie_id, title, year, genres, stars (expected), score (by which they are
        sorted), and distribution, P(stars) for each level of the scale, if the recipe has one. A
        film that stands under two ids in the release counts as one.
        Raises ProfileError, also for n below 1 and for genres or decades that no film has.
        """
        if n < 1:
            raise ProfileError(f"The number of recommendations must be at least 1; got {n}.")
        wanted = self._matching(genres, decades) & (self.films["n_ratings"].to_numpy() > 0)
        row, person = self.encode(profile)
        stars, distribution = self._stars(row, person)
        score = stars
        if distribution is not None:
            see = self.trained.lists.see(row, person)[0]
            score = see**well_known * self.trained.lists.like(distribution) ** LIKING
        unwanted = [*profile.ratings, *profile.seen, *profile.rejected, *without]
        taken = {self.labels[self.position(film)] for film in unwanted}
        best = []
        for position in np.argsort(-score, kind="stable"):
            if wanted[position] and self.labels[position] not in taken:
                taken.add(self.labels[position])
                best.append(position)
                if len(best) == n:
                    break
        chosen = self.films.loc[best, ["movie_id", "title", "year", "genres"]]
        chosen = chosen.assign(stars=stars[best], score=score[best])
        if distribution is not None:
            chosen["distribution"] = distribution[best].tolist()
        return chosen.reset_index(drop=True)

    def why(
        self, profile: Profile, films: Collection[str | int], n: int = 3
    ) -> list[list[tuple[str, float]]]:
        """For each film, the person's own ratings that moved it up most.

        Each rating is left out in turn; what the score of the list loses by it, as a share (.1: a
        tenth of it is due to this rating), is what that rating did. Of more than LEFT_OUT ratings,
        those are tried that have the greatest part in P(see). Returns up to n pairs (label, share)
        a film, largest first, only shares above 0. Raises ProfileError.
        """
        row, person = self.encode(profile)
        positions = [self.position(film) for film in films]
        rated = np.flatnonzero(row.data)
        if len(rated) > LEFT_OUT and self.trained.lists is not None and positions:
            pull = self.trained.lists.choice.pull(row.indices[rated], np.array(positions))
            of_each = np.argsort(-pull, axis=0, kind="stable")[: max(LEFT_OUT // len(films), n)]
            rated = rated[np.unique(of_each)]
        kept = np.ones((len(rated) + 1, row.nnz), dtype=bool)  # the last row keeps everything
        kept[np.arange(len(rated)), rated] = False
        stored, ends = np.nonzero(kept)[1], kept.sum(axis=1).cumsum()
        rows = (row.data[stored], row.indices[stored], [0, *ends])
        rows = csr_array(rows, shape=(len(kept), row.shape[1]))
        people = np.repeat(person, len(kept), axis=0)
        if self.trained.lists is None:
            scores = self.trained.rating.predict(rows, people)[:, positions]
        else:
            scores = self.trained.lists.scores(rows, people, positions)
        shares = 1 - scores[:-1] / scores[-1]  # (n_ratings, n_films)
        reasons = []
        for of_film in shares.T:
            order = np.argsort(-of_film, kind="stable")[:n]
            names = self.labels[row.indices[rated[order]]]
            reasons.append([(w, float(s)) for w, s in zip(names, of_film[order]) if s > 0])
        return reasons

    def search(self, text: str, n: int = 20) -> pd.DataFrame:
        """Films with all words of `text` in their title, the most rated first.

        Case, accents, articles and punctuation do not matter: 'les miserables' finds
        'Misérables, Les (1995)'. Returns columns movie_id, title, year, genres.
        """
        words = _words(text)
        found = [i for i, name in enumerate(self._searchable) if words and words <= name]
        if not found:  # a word may not be complete yet
            found = [
                i
                for i, name in enumerate(self._searchable)
                if words and all(any(part.startswith(w) for part in name) for w in words)
            ]
        best = self.films.loc[found].sort_values("n_ratings", ascending=False, kind="stable")
        return best[["movie_id", "title", "year", "genres"]].head(n).reset_index(drop=True)

    def _stars(self, row: csr_array, person: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Expected stars (n_items,) and their distribution (n_items, n_levels) or None."""
        low, high, step = self.scale
        if not self.trained.rating.is_ordered:
            return np.clip(self.trained.rating.predict(row, person)[0], low, high), None
        distribution = self.trained.rating.distribution(row, person)[0]
        levels = low + step * np.arange(distribution.shape[-1])
        return np.clip(distribution @ levels, low, high), distribution

    def _matching(self, genres: Collection[str], decades: Collection[int]) -> np.ndarray:
        """(n_items,) whether a film has one of the genres and is of one of the decades."""
        for kind, wanted, known in (
            ("genre", genres, self.genres),
            ("decade", decades, self.decades),
        ):
            unknown = set(wanted) - set(known)
            if unknown:
                raise ProfileError(
                    f"No film of {self.dataset} has the {kind} {sorted(unknown)[0]!r}; expected "
                    f"some of {', '.join(map(str, known))}."
                )
        wanted = set(genres)
        in_genre = np.array([not wanted or bool(names & wanted) for names in self._genres])
        return in_genre & (np.isin(self._decades, list(decades)) if decades else True)

    def films_to_ask(self, n: int = 20, known: Collection[str | int] = ()) -> pd.DataFrame:
        """n films worth asking about, most telling first, without the `known` ones.

        A film is worth (how many rated it: the chance that the person has seen it) x (variance
        of its ratings: how much the answer tells); each film chosen makes others of its genres
        worth less, so that the answers span the catalogue. After 'popularity x entropy' of Rashid
        et al. 2002, 'Getting to know you'. Returns columns movie_id, title, year, genres.
        """
        worth = (self.films["n_ratings"] * self.films["spread"] ** 2).to_numpy(float).copy()
        worth[[self.position(film) for film in known]] = -1
        # Only the best by worth are ever asked: enough to choose from, and quick.
        candidates = list(np.argsort(-worth, kind="stable")[: 10 * n])
        genres = {i: self.films["genres"][i].split("|") for i in candidates}
        asked: Counter[str] = Counter()
        chosen: list[int] = []
        while candidates and len(chosen) < n:
            best = max(
                candidates,
                key=lambda i: worth[i] / (1 + sum(asked[g] for g in genres[i]) / len(genres[i])),
            )
            candidates.remove(best)
            if worth[best] > 0 and self.labels[best] not in set(self.labels[chosen]):
                chosen.append(int(best))
                asked.update(genres[best])
        return self.films.loc[chosen, ["movie_id", "title", "year", "genres"]].reset_index(
            drop=True
        )
