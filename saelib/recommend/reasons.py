"""Why a film stands in the list, told apart: would you come across it, and would you like it?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from saelib.data.scale import Scale
from saelib.language import _, ngettext
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender, without_each, worth_leaving_out
from saelib.recommend.words import listed

LEAST = 0.05  # of P(see) or P(like): what is due to a film by less is no reason that one believes


@dataclass(frozen=True)
class Reason:
    """A film of the person's own that moved another up. stars: None where it was only ticked.

    share: of P(see) or of P(like), which is lost where this film had not been told. liked: whether
    its stars count as liked.
    """

    name: str
    stars: float | None
    share: float
    liked: bool


@dataclass(frozen=True)
class Reasons:
    """Of one film. see: why the person would come across it; like: why they would like it.

    Where it is expected below `middle` stars, nothing is said of liking.
    """

    see: list[Reason] = field(default_factory=list)
    like: list[Reason] = field(default_factory=list)

    def in_words(self) -> str:
        """'You would come across it: you have seen Fargo (1996) (31%). You would like it, …'

        '' where no film of the person's own counts for LEAST.
        """
        seen = [f"{reason.name} ({reason.share:.0%})" for reason in self.see]
        rated = [
            f"{reason.name} ({_given(reason.stars)}, {reason.share:.0%})" for reason in self.like
        ]
        said = []
        if seen:
            why = _("You would come across it: you have seen {films}.")
            said.append(why.format(films=listed(seen)))
        if rated:
            why = _("You would like it, going by {films}.")
            said.append(why.format(films=listed(rated)))
        return " ".join(said)


def reasons(
    recommender: Recommender, profile: Profile, films: Collection[str | int], n: int = 3
) -> list[Reasons]:
    """For each film, up to n films of the person's own for each of the two questions.

    Each film told, rated or ticked, is left out in turn; what P(see) and P(like) lose by it is what
    it did (of many, those are tried of `worth_leaving_out`). Films that the person
    liked come first, then ticked ones, then the others, each by share; no share is below LEAST.
    Models that know only stars give reasons for these alone. Raises ProfileError.
    """
    catalogue, scale = recommender.catalogue, recommender.scale
    person, order = recommender.encode(profile), recommender.bundle.order
    positions = [catalogue.position(film) for film in films]
    told = np.union1d(person.stars.indices, person.seen.indices if order else []).astype(int)
    if not positions or not len(told):
        return [Reasons() for _ in positions]
    told = worth_leaving_out(order, told, positions, n)
    people = without_each(person, told)
    liking = recommender.bundle.liking
    see, distribution = None, liking.distribution(people, positions)
    if order is None or distribution is None:
        like = liking.predict(people)[:, positions]
        expected = like[-1] - scale.offset
    else:
        see, like = order.see(people, positions), order.like(distribution)
        expected = distribution[-1] @ scale.levels
    given = dict(zip(person.stars.indices.tolist(), person.stars.data.tolist()))

    def best(scores: np.ndarray | None, film: int, ticks: bool) -> list[Reason]:
        if scores is None or (scores is like and expected[film] < middle(scale)):
            return []
        shares = 1 - scores[:-1, film] / scores[-1, film]
        found = []
        for position, share in zip(told.tolist(), shares.tolist()):
            stored = given.get(position)
            stars = None if stored is None else stored - scale.offset
            if share >= LEAST and (ticks or stars is not None):
                liked = stars is not None and stars >= scale.liked
                found.append(Reason(catalogue.labels[position], stars, share, liked))
        return sorted(found, key=lambda r: (not r.liked, r.stars is not None, -r.share))[:n]

    return [
        Reasons(best(see, film, ticks=True), best(like, film, ticks=order is not None))
        for film in range(len(positions))
    ]


def middle(scale: Scale) -> float:
    """The stars below which a film is not recommended without a word: 3 of 1 to 5, or of ½ to 5."""
    return float(scale.levels[scale.levels >= (scale.lowest + scale.highest) / 2 - 1e-9][0])


def caution(films: pd.DataFrame, scale: Scale) -> str:
    """What must be said of a list in which films are expected to please little; '' else.

    films: as of `Recommender.recommend`.
    """
    least, low = middle(scale), (films["stars"] < middle(scale)).sum() if len(films) else 0
    if not low:
        return ""
    if low == len(films):
        return _(
            "You may like none of these: all are expected below {stars:g} stars. Rate some films "
            "that you liked, and the list can follow them."
        ).format(stars=least)
    return ngettext(
        "One of these is expected below {stars:g} stars: likely to be seen rather than liked.",
        "{n} of these are expected below {stars:g} stars: likely to be seen rather than liked.",
        int(low),
    ).format(stars=least, n=low)


def _given(stars: float | None) -> str:
    return _("seen") if stars is None else Scale.spoken(stars)
