"""A person's ratings in, ranked films out; and which films to ask a person about."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.errors import ProfileError
from saelib.features import encode_person
from saelib.profile import Profile, label
from saelib.trained_model import TrainedModel


class Recommender:
    """A trained model with its catalogue: from a `Profile` to films the person may like."""

    def __init__(self, trained: TrainedModel):
        self.trained = trained
        self.dataset = trained.dataset
        self.scale = trained.scale
        self.occupations = trained.occupations
        self.films = trained.films
        labels = [label(*film) for film in zip(self.films["title"], self.films["year"])]
        self.labels = pd.Series(labels, dtype=str)
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
        """The column of a film named by movie_id or title. Raises ProfileError if not unique."""
        name = str(film).strip()
        if name in self._by_id:
            return self._by_id[name]
        found = self._by_name.get(name.casefold(), [])
        if len(found) == 1:
            return found[0]
        if found:
            options = "; ".join(f"{self.films['movie_id'][i]}: {self.labels[i]}" for i in found)
            raise ProfileError(f"{name!r} names several films; give a movie_id ({options}).")
        near = difflib.get_close_matches(name.casefold(), self._by_name, n=3, cutoff=0.6)
        hint = "; ".join(dict.fromkeys(self.labels[self._by_name[other][0]] for other in near))
        raise ProfileError(
            f"{self.dataset} has no film {name!r}; expected a movie_id or a title as the data set "
            "writes it, such as 'Usual Suspects, The (1995)'."
            + (f" Did you mean: {hint}?" if hint else "")
        )

    def check_stars(self, film: str | int, stars: object) -> float:
        """The stars as a number on the release's scale. Raises ProfileError."""
        low, high, step = self.scale
        number = isinstance(stars, (int, float)) and not isinstance(stars, bool)
        if not number or not (low <= stars <= high) or not math.isclose(stars % step, 0):
            raise ProfileError(
                f"{stars!r} stars for {film!r} are not on the scale of {self.dataset}: expected "
                f"{low:g} to {high:g} in steps of {step:g}."
            )
        return float(stars)

    def encode(self, profile: Profile) -> tuple[csr_array, np.ndarray]:
        """The model's inputs for one person: (1, n_items) stars, (1, n_demographics) one-hot.

        Raises ProfileError: another release's profile, unknown or repeated films, stars off the
        scale, demographics outside their lists, nothing to go by.
        """
        if profile.dataset not in (None, self.dataset):
            raise ProfileError(
                f"The profile is of {profile.dataset}, the model of {self.dataset}; movie_ids "
                f"differ between releases. Use a model trained on {profile.dataset}."
            )
        stars: dict[int, float] = {}
        for film, value in profile.ratings.items():
            position = self.position(film)
            if position in stars:
                raise ProfileError(f"{self.labels[position]} is rated twice (again as {film!r}).")
            stars[position] = self.check_stars(film, value)
        occupation = profile.occupation
        if occupation is not None and self.occupations and occupation not in self.occupations:
            raise ProfileError(
                f"Occupation {occupation!r} is not in {self.dataset}; expected one of "
                f"{', '.join(self.occupations)}."
            )
        person = encode_person(profile.gender, profile.age, occupation)
        if not stars and not (self.trained.rating.uses_demographics and person.any()):
            raise ProfileError(
                "The profile is empty: rate at least one film"
                + (", or tell gender, age or occupation." if self.occupations else ".")
            )
        columns = sorted(stars)
        data = np.array([stars[i] for i in columns], dtype=np.float32)
        row = csr_array((data, columns, [0, len(columns)]), shape=(1, len(self.films)))
        return row, person[None, :]

    def predict(self, profile: Profile) -> np.ndarray:
        """(n_items,) expected stars, clipped to the scale, for every film of the catalogue."""
        return self._score(profile)[0]

    def recommend(self, profile: Profile, n: int = 10) -> pd.DataFrame:
        """The n best films, none of them rated.

        Returns columns movie_id, title, year, genres, stars (expected) and score, by which they
        are sorted: P(see) x P(at least 4 stars), or the stars where the model's recipe knows
        nothing else. A film that stands under two ids in the release counts as one.
        Raises ProfileError, also for n below 1.
        """
        if n < 1:
            raise ProfileError(f"The number of recommendations must be at least 1; got {n}.")
        stars, score = self._score(profile)
        taken = {self.labels[self.position(film)] for film in profile.ratings}
        best = []
        for position in np.argsort(-score, kind="stable"):
            if self.labels[position] not in taken and self.films["n_ratings"][position]:
                taken.add(self.labels[position])
                best.append(position)
                if len(best) == n:
                    break
        chosen = self.films.loc[best, ["movie_id", "title", "year", "genres"]]
        return chosen.assign(stars=stars[best], score=score[best]).reset_index(drop=True)

    def _score(self, profile: Profile) -> tuple[np.ndarray, np.ndarray]:
        """Expected stars and what to sort by, (n_items,) each."""
        row, person = self.encode(profile)
        lists, (low, high, step) = self.trained.lists, self.scale
        if lists is None:
            stars = np.clip(self.trained.rating.predict(row, person)[0], low, high)
            return stars, stars
        distribution = lists.rating.distribution(row, person)
        levels = low + step * np.arange(distribution.shape[-1])
        score = lists.see(row, person) * lists.like(distribution)
        return np.clip(distribution[0] @ levels, low, high), score[0]

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
