"""A person's profile in, ranked films out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from saelib.errors import SaelibError
from saelib.fold_in import ALL
from saelib.language import _
from saelib.matrix import People
from saelib.model import LIKING, Model, like
from saelib.recommend.catalogue import Catalogue, short
from saelib.recommend.profile import Profile, encode


class Answers(NamedTuple):
    """What a model says of n people and k films.

    stars: (n, k) expected, on the data set's scale. score: (n, k) by which a list is sorted. see,
    like: (n, k) P(see) and P(like), and levels: (n, k, n_levels) the distribution over stars; None
    where the model knows only stars.
    """

    stars: np.ndarray
    score: np.ndarray
    see: np.ndarray | None = None
    like: np.ndarray | None = None
    levels: np.ndarray | None = None


class Recommender:
    """A trained model with its catalogue: from a `Profile` to films the person may like.

    groups: gender, age brackets and occupations that the model knows; empty where it knows none.
    """

    def __init__(self, model: Model):
        self.model = model
        self.dataset, self.scale, self.groups = model.dataset, model.scale, model.groups
        self.catalogue = Catalogue(model.films, model.dataset)

    @classmethod
    def load(cls, path: Path) -> Recommender:
        """Open a saved model. Raises SaelibError."""
        return cls(Model.load(path))

    @property
    def knows_people(self) -> bool:
        """Whether gender, age and occupation make a difference."""
        return self.model.knows_people

    def encode(self, profile: Profile, *, empty: bool = False) -> People:
        """The model's input for one person, see `profile.encode`. Raises SaelibError."""
        return encode(profile, self.catalogue, self.model, empty=empty)

    def answers(self, people: People, films: slice | Sequence[int] = ALL) -> Answers:
        """What the model says of these people and of the films at these positions."""
        at = films if isinstance(films, slice) else np.asarray(films, dtype=int)
        if self.model.ease is None:
            stars = self.scale.clip(self.scale.ratings(self.model.liking.predict(people)[:, at]))
            return Answers(stars, stars)
        levels, see = self.model.liking.distribution(people, at), self.model.ease.scores(people, at)
        liked = like(levels)
        stars = self.scale.clip(levels @ self.scale.levels)
        return Answers(stars, see * liked**LIKING, see, liked, levels)

    def predict(self, profile: Profile) -> np.ndarray:
        """(n_items,) expected stars of every film of the catalogue. Raises SaelibError."""
        return self.answers(self.encode(profile)).stars[0]

    def recommend(
        self,
        profile: Profile,
        n: int = 10,
        *,
        without: Collection[str | int] = (),
        genres: Collection[str] = (),
        decades: Collection[int] = (),
        only: Collection[str | int] | None = None,
    ) -> pd.DataFrame:
        """The n best films, none of them rated, seen or rejected; fewer where fewer are left.

        without: films that the person does not want. genres, decades (1990): only films with one of
        these; none given: all. only: films to choose from, such as a watchlist; None: all.

        Returns movie_id, title, year, genres, name, stars (expected), score (by which they are
        sorted) and, where the model has it, distribution: P(stars) for each level of the scale. A
        film that stands in the release under two ids counts as one. Raises SaelibError.
        """
        if not isinstance(n, (int, np.integer)) or n < 1:
            message = _("The number of recommendations must be at least 1; got {n}.")
            raise SaelibError(message.format(n=short(n)))
        catalogue = self.catalogue
        wanted = catalogue.matching(genres, decades)
        wanted &= catalogue.films["n_ratings"].to_numpy() > 0
        if only is not None:
            wanted &= np.isin(catalogue.labels, [catalogue.label(film) for film in only])
        answers = self.answers(self.encode(profile))
        order = np.argsort(-answers.score[0], kind="stable")
        told = [*profile.ratings, *profile.seen, *profile.rejected, *without]
        best = catalogue.first(order[wanted[order]], n, told)
        films = catalogue.rows(best)
        films = films.assign(stars=answers.stars[0, best], score=answers.score[0, best])
        if answers.levels is not None:
            films["distribution"] = answers.levels[0, best].tolist()
        return films
