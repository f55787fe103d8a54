"""The table of the room: what the visitors of a class have rated, film by film, nobody named."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from saelib.language import _
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender

N_SHOWN = 20  # films on a projector
FEWEST = 3  # ratings of a film, from which on something is said of it


class Room:
    """The ratings of all who let them be shown, as long as their page is open.

    Visitors have no names here: they are columns, in the order in which they came.
    """

    def __init__(self, recommender: Recommender):
        self.recommender, self.catalogue = recommender, recommender.catalogue
        self._profiles: dict[object, Profile] = {}
        self._turn = threading.Lock()  # visitors are answered in several threads

    def hear(self, visitor: object, profile: Profile | None) -> None:
        """Put a profile in place of what this visitor told before; None: take it away."""
        with self._turn:
            if profile is None:
                self._profiles.pop(visitor, None)
            else:
                self._profiles[visitor] = profile

    def told(self) -> list[Profile]:
        """Return the profiles of those who have rated a film and are here."""
        with self._turn:
            return [profile for profile in self._profiles.values() if profile.ratings]

    def table(self, told: list[Profile]) -> pd.DataFrame:
        """Return ratings (films x visitors), NaN where there is none, the most rated film first."""
        table = pd.DataFrame({n: p.ratings for n, p in enumerate(told, start=1)}, dtype=float)
        order = table.count(axis=1).sort_values(ascending=False, kind="stable")
        return table.loc[order.index]

    def csv(self) -> str:
        """Return lines of user, item, rating, title: a table for `from_frame`."""
        ratings = self.table(self.told()).T.stack().dropna().rename_axis(["user", "item"])
        lines = ratings.rename("rating").reset_index()
        titles = lines["item"].map(self.catalogue.label).astype(str)
        formulas = titles.str.match(r"[=+@\t-]")  # a spreadsheet would execute them
        return lines.assign(title=titles.mask(formulas, "'" + titles)).to_csv(index=False)

    def view(self) -> dict:
        """Return what the projector shows: films, their ratings, and what can be said of them."""
        told = self.told()
        table = self.table(told)
        films = [
            {"name": self.catalogue.label(film), "ratings": [None if x != x else x for x in row]}
            for film, row in zip(table.index[:N_SHOWN], table.to_numpy())
        ]
        counts = _("Visitors: {visitors}, ratings: {ratings}, films: {films}.").format(
            visitors=len(told), ratings=int(table.count().sum()), films=len(table)
        )
        ends = [self.recommender.scale.lowest, self.recommender.scale.highest]
        return {"films": films, "ends": ends, "said": [counts, *self._said(told, table)]}

    def _said(self, told: list[Profile], table: pd.DataFrame) -> Iterator[str]:
        """Say what the room's biases are, which film divides it, and how a film is predicted."""
        known = table[table.count(axis=1) >= FEWEST]
        if known.empty:
            return
        mean = table.stack().mean()
        biases = table.mean() - mean
        said = _(
            "The room's mean is {mean:.1f}; its people's biases go from {low:+.1f} to {high:+.1f}."
        )
        yield said.format(mean=mean, low=biases.min(), high=biases.max())
        film = known.std(axis=1).idxmax()
        said = _("{film} divides the room most: from {low:g} to {high:g}.")
        ends = {"low": known.loc[film].min(), "high": known.loc[film].max()}
        yield said.format(film=self.catalogue.label(film), **ends)
        film = table.index[0]
        errors = list(self._errors(told, film))
        near = sum(error <= self.recommender.scale.star for error in errors)
        said = _(
            "{film}, hidden from the model and predicted from each one's other ratings: "
            "{near} of {n} predictions are within a star."
        )
        yield said.format(film=self.catalogue.label(film), near=near, n=len(errors))

    def _errors(self, profiles: list[Profile], film: str) -> Iterator[float]:
        """Predict each rating of a film from what the same person told of others."""
        for profile in profiles:
            if film in profile.ratings:
                others = {other: x for other, x in profile.ratings.items() if other != film}
                seen = [other for other in profile.seen if other != film]
                told = replace(profile, ratings=others, seen=seen)
                people = self.recommender.encode(told, empty=True)
                stars = self.recommender.answers(people, [self.catalogue.position(film)]).stars
                yield abs(stars[0, 0] - profile.ratings[film])
