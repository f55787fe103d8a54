"""A person's profile in, ranked films out, and why each of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, vstack

from saelib.data.people import People
from saelib.errors import ProfileError
from saelib.language import _
from saelib.model.bundle import Bundle
from saelib.model.seeing import ListOrder
from saelib.recommend.catalogue import Catalogue
from saelib.recommend.profile import Profile, check_stars, encode

# At the adventurous end: powers of how known a film is and of P(like), and the ratings that every
# film is taken to have beyond its own, so that one rated by two is no find.
FAR_KNOWN, FAR_LIKE, BEYOND = 1.75, 2.3, 20.0
SURPRISES = 30
LEFT_OUT = 40  # ratings, one at a time, to see what each of them does


class Recommender:
    """A trained model with its catalogue: from a `Profile` to films the person may like."""

    def __init__(self, bundle: Bundle):
        self.bundle = bundle
        self.dataset, self.scale, self.offered = bundle.dataset, bundle.scale, bundle.offered
        self.catalogue = Catalogue(bundle.films, bundle.dataset)

    @classmethod
    def load(cls, path: Path) -> Recommender:
        """Open a saved model. Raises CheckpointError."""
        return cls(Bundle.load(path))

    @property
    def knows_people(self) -> bool:
        """Whether gender, age and occupation make a difference."""
        return self.bundle.liking.uses_demographics

    @property
    def knows_seen(self) -> bool:
        """Whether a film that was seen makes a difference even without stars."""
        return self.bundle.order is not None

    def check_stars(self, film: str | int, stars: object) -> float:
        """The stars as a number on the data set's scale. Raises ProfileError."""
        return check_stars(film, stars, self.scale, self.dataset)

    def encode(self, profile: Profile, *, empty: bool = False) -> People:
        """The model's input for one person, see `profile.encode`. Raises ProfileError."""
        return encode(profile, self.catalogue, self.bundle, empty=empty)

    def see(self, profile: Profile) -> np.ndarray:
        """(n_items,) P(see); the number of ratings where the model has no such probability."""
        if self.bundle.order is None:
            return self.catalogue.films["n_ratings"].to_numpy(dtype=float)
        return self.bundle.order.see(self.encode(profile, empty=True))[0]

    def place(self, profile: Profile) -> tuple[float, float]:
        """Where the person stands on the map of tastes. Raises ProfileError."""
        return self.bundle.taste.place(self.bundle.liking, self.encode(profile))

    def predict(self, profile: Profile) -> np.ndarray:
        """(n_items,) expected stars, clipped to the scale, for every film of the catalogue."""
        return self._stars(self.encode(profile))[0]

    def predict_anybody(self) -> np.ndarray:
        """(n_items,) expected stars of somebody who has told nothing."""
        return self._stars(self.encode(Profile(dataset=self.dataset), empty=True))[0]

    def surprise(
        self, profile: Profile, seed: int = 0, without: Collection[str | int] = ()
    ) -> pd.DataFrame:
        """One film off the beaten track, as a list of one; another seed, another film.

        Drawn from the SURPRISES best of the adventurous end of `recommend`, of those which the
        person is expected to like, if there are any; each with a chance that falls with its place.
        Empty where no film is left. Raises ProfileError.
        """
        films = self.recommend(profile, SURPRISES, without=without, well_known=0)
        liked = films[films["stars"] >= self.scale.liked - self.scale.step / 2]
        films = (liked if len(liked) else films).reset_index(drop=True)
        if films.empty:
            return films
        chances = 1 / np.arange(1, len(films) + 1)
        drawn = np.random.default_rng(seed).choice(len(films), p=chances / chances.sum())
        return films.iloc[[drawn]].reset_index(drop=True)

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
        of these; none given: all. well_known: from 1, what the person is likely to come across, to
        0, what few know and is near to what this person watches and likes; see `adventure`. The
        score is P(see) x P(like)^liking_weight x `adventure`, or the stars where the model's recipe
        knows nothing else.

        Returns columns movie_id, title, year, genres, stars (expected), score (by which they are
        sorted), and distribution, P(stars) for each level of the scale, if the recipe has one. A
        film that stands under two ids in the release counts as one.
        Raises ProfileError, also for n below 1, for well_known off its range, and for genres or
        decades that no film has.
        """
        if n < 1:
            raise ProfileError(
                _("The number of recommendations must be at least 1; got {n}.").format(n=n)
            )
        if not 0 <= well_known <= 1:
            raise ProfileError(
                _("well_known goes from 0 to 1; got {value:g}.").format(value=well_known)
            )
        catalogue, order = self.catalogue, self.bundle.order
        wanted = catalogue.matching(genres, decades)
        wanted &= catalogue.films["n_ratings"].to_numpy() > 0
        person = self.encode(profile)
        stars, distribution = self._stars(person)
        score = stars
        if order is not None and distribution is not None:
            like, n_ratings = order.like(distribution), catalogue.films["n_ratings"].to_numpy()
            score = order.score(order.see(person)[0], distribution)
            score = score * adventure(like, n_ratings, well_known)
        unwanted = [*profile.ratings, *profile.seen, *profile.rejected, *without]
        taken = {catalogue.labels[catalogue.position(film)] for film in unwanted}
        best = []
        for position in np.argsort(-score, kind="stable"):
            if wanted[position] and catalogue.labels[position] not in taken:
                taken.add(catalogue.labels[position])
                best.append(position)
                if len(best) == n:
                    break
        chosen = catalogue.rows(best).assign(stars=stars[best], score=score[best])
        if distribution is not None:
            chosen["distribution"] = distribution[best].tolist()
        return chosen

    def why(
        self, profile: Profile, films: Collection[str | int], n: int = 3
    ) -> list[list[tuple[str, float]]]:
        """For each film, the person's own ratings that moved it up most.

        Each rating is left out in turn; what the score of the list loses by it, as a share (.1: a
        tenth of it is due to this rating), is what that rating did. Of more than LEFT_OUT ratings,
        those are tried that have the greatest part in P(see). Returns up to n pairs (label, share)
        a film, largest first, only shares above 0. Raises ProfileError.
        """
        person, order = self.encode(profile), self.bundle.order
        positions = [self.catalogue.position(film) for film in films]
        rated = worth_leaving_out(order, person.stars.indices, positions, n)
        people = without_each(person, rated)
        if order is None:
            scores = self.bundle.liking.predict(people)[:, positions]
        else:
            scores = order.scores(people, positions)
        shares = 1 - scores[:-1] / scores[-1]  # (n_ratings, n_films)
        reasons = []
        for of_film in shares.T:
            largest = np.argsort(-of_film, kind="stable")[:n]
            names = self.catalogue.labels[rated[largest]]
            reasons.append([(w, float(s)) for w, s in zip(names, of_film[largest]) if s > 0])
        return reasons

    def _stars(self, person: People) -> tuple[np.ndarray, np.ndarray | None]:
        """Expected stars (n_items,) and their distribution (n_items, n_levels) or None."""
        distribution = self.bundle.liking.distribution(person)
        if distribution is None:
            expected = self.bundle.liking.predict(person)[0] - self.scale.offset
            return self.scale.clip(expected), None
        return self.scale.clip(distribution[0] @ self.scale.levels), distribution[0]


def adventure(like: np.ndarray, n_ratings: np.ndarray, well_known: float) -> np.ndarray:
    """By what the score of each film is multiplied, well_known from 1 (by nothing) to 0.

    There, P(see) is divided by how known a film is: what is left is how much likelier this person
    is to come across it than others. And P(like) counts more, for fewer have tried these films.
    Chosen on people of the training part (models/README.md, *Adventurous*). like: (n, n_items) or
    (n_items,) P(like). n_ratings: (n_items,).
    """
    return (like**FAR_LIKE / (n_ratings + BEYOND) ** FAR_KNOWN) ** (1 - well_known)


def worth_leaving_out(
    order: ListOrder | None, told: np.ndarray, films: Sequence[int], n: int
) -> np.ndarray:
    """Of more than LEFT_OUT films that were told, those that pull most at P(see) of some films.

    told, films: positions. n: how many reasons are wanted of each film.
    """
    if len(told) <= LEFT_OUT or order is None or not len(films):
        return told
    pull = order.pull(told, np.array(films))
    of_each = np.argsort(-pull, axis=0, kind="stable")[: max(LEFT_OUT // len(films), n)]
    return told[np.unique(of_each)]


def without_each(person: People, films: np.ndarray) -> People:
    """The person once without each of the films, neither rated nor seen; last, as they are."""

    def rows(row: csr_array) -> csr_array:
        every = csr_array(vstack([row] * (len(films) + 1)))
        at = np.repeat(np.arange(len(films) + 1), row.nnz)
        kept = every.indices != np.append(films, -1)[at]
        ends = np.bincount(at[kept], minlength=len(films) + 1).cumsum()
        entries = (every.data[kept], every.indices[kept], np.append(0, ends))
        return csr_array(entries, shape=every.shape)

    about = None if person.about is None else np.repeat(person.about, len(films) + 1, axis=0)
    return People(rows(person.stars), rows(person.seen), about)
