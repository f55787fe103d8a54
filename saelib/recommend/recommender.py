"""A person's profile in, ranked films out."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.data import Scale
from saelib.errors import SaelibError
from saelib.language import _
from saelib.matrix import ALL, People, encode_people
from saelib.model import LIKING, Model, like
from saelib.recommend.catalogue import Catalogue, short
from saelib.recommend.profile import ABOUT, Profile


@lru_cache
def _is_level(stars: float, scale: Scale) -> bool:
    # An integer may be more than a float can hold.
    return scale.lowest <= stars <= scale.highest and bool(scale.contains(stars))


def check_stars(film: str | int, stars: Any, scale: Scale) -> float:
    """The stars as a number. Raises SaelibError where they are not on the data set's scale."""
    is_number = isinstance(stars, (int, float, np.number)) and not isinstance(stars, bool)
    if not (is_number and _is_level(stars, scale)):
        message = _("{stars} stars for {film} are not on the scale: expected {scale}.")
        raise SaelibError(message.format(stars=short(stars), film=short(film), scale=scale))
    return int(stars) if stars == int(stars) else float(stars)  # 4, as people write it, not 4.0


class Answers(NamedTuple):
    """What a model says of n people and k films; the last three may not be known."""

    stars: np.ndarray  # (n, k) expected, on the data set's scale
    score: np.ndarray  # (n, k) by which a list is sorted
    see: np.ndarray | None = None  # (n, k) P(see)
    like: np.ndarray | None = None  # (n, k) P(like)
    levels: np.ndarray | None = None  # (n, k, n_levels) the distribution over stars


class Recommender:
    """A trained model with its catalogue: from a `Profile` to films the person may like.

    groups: gender, age brackets and occupations that the model knows; empty where it knows none.
    knows_people: whether these make a difference.
    """

    def __init__(self, model: Model):
        settings: Any = getattr(model.liking, "config", model.liking)
        self.model, self.knows_people = model, bool(model.groups) and settings.demographics > 0
        self.dataset, self.scale, self.groups = model.dataset, model.scale, model.groups
        self.catalogue = Catalogue(model.films, model.dataset)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Open a saved model. Raises SaelibError."""
        return cls(Model.load(path))

    def can_use(self, profile: Profile) -> bool:
        """Whether a profile tells anything that the model can go by."""
        seen = self.model.ease is not None and profile.seen
        about = self.knows_people and any(getattr(profile, key) is not None for key in ABOUT)
        return bool(profile.ratings or seen or about)

    def encode(self, profile: Profile, *, empty: bool = False) -> People:
        """What the model reads of one person. empty: whether there may be nothing to go by.

        Raises SaelibError: another data set's profile, unknown or repeated films, stars off the
        scale, an age that nobody has, other demographics than `groups`, nothing to go by.
        """
        catalogue, scale = self.catalogue, self.scale
        if profile.dataset not in (None, self.dataset):
            differ = _("The profile is of {other}, the model of {dataset}: their movie_ids differ.")
            raise SaelibError(differ.format(other=short(profile.dataset), dataset=self.dataset))
        stars: dict[int, float] = {}
        for film, given in profile.ratings.items():
            position = catalogue.position(film)
            if position in stars:
                raise SaelibError(_("{film} is rated twice.").format(film=catalogue.label(film)))
            stars[position] = scale.stars(check_stars(film, given, scale))
        seen = {*map(catalogue.position, profile.seen), *stars}
        about = {key: getattr(profile, key) for key in ABOUT}
        if profile.age is not None and not 1 <= profile.age <= 120:
            message = _("Age {age} is out of range; expected years from 1 to 120.")
            raise SaelibError(message.format(age=short(profile.age)))
        for key in ("gender", "occupation") if self.groups else ():
            if about[key] not in (None, *self.groups[key]):
                message, known = _("{value} is not known; expected one of {known}."), self.groups
                shown = {"value": short(about[key]), "known": ", ".join(known[key])}
                raise SaelibError(message.format(**shown))
        if not (empty or self.can_use(profile)):
            raise SaelibError(_("The profile is empty: rate a film."))
        rows = np.zeros((2, len(catalogue)), dtype=np.float32)
        rows[0, list(stars)], rows[1, list(seen)] = list(stars.values()), 1
        told = encode_people(pd.DataFrame([about]), self.groups) if self.groups else None
        return People(csr_array(rows[:1]), csr_array(rows[1:]), told)

    def answers(self, people: People, films: slice | Sequence[int] = ALL) -> Answers:
        """What the model says of these people and of the films at these positions."""
        at = films if isinstance(films, slice) else np.asarray(films, dtype=int)
        if self.model.ease is None:
            stars = self.scale.ratings(self.model.liking.predict(people)[:, at].clip(1, 5))
            return Answers(stars, stars)
        levels, see = self.model.liking.distribution(people, at), self.model.ease.scores(people, at)
        stars, liked = levels @ self.scale.levels, like(levels)
        return Answers(stars, see * liked**LIKING, see, liked, levels)

    def recommend(
        self,
        profile: Profile,
        n: int = 10,
        *,
        genres: Collection[str] = (),
        decades: Collection[int] = (),
        only: Collection[str | int] | None = None,
    ) -> pd.DataFrame:
        """The n best films, none of them rated, seen or rejected; fewer where fewer are left.

        genres, decades (1990): only films with one of these; none given: all. only: films to choose
        from, such as a watchlist; None: all. A film under two ids counts as one.

        Returns movie_id, title, year, genres, name, stars (expected), score (by which they are
        sorted) and, where the model has it, distribution: P(stars) for each level of the scale.
        Raises SaelibError.
        """
        if not isinstance(n, (int, np.integer)) or n < 1:
            message = _("The number of recommendations must be at least 1; got {n}.")
            raise SaelibError(message.format(n=short(n)))
        catalogue = self.catalogue
        wanted = catalogue.matching(genres, decades) & (catalogue.films["n_ratings"] > 0).to_numpy()
        if only is not None:
            wanted &= np.isin(catalogue.labels, [catalogue.label(film) for film in only])
        answers = self.answers(self.encode(profile))
        order = np.argsort(-answers.score[0], kind="stable")
        told = [*profile.ratings, *profile.seen, *profile.rejected]
        best = catalogue.first(order[wanted[order]], n, told)
        found = {"stars": answers.stars[0, best], "score": answers.score[0, best]}
        if answers.levels is not None:
            found["distribution"] = answers.levels[0, best].tolist()
        return catalogue.rows(best).assign(**found)
