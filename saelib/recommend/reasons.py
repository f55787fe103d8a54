"""What is said of a list: why each film is in it, which may please little, and what moved."""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.data import Scale
from saelib.language import _, ngettext
from saelib.matrix import LIKED, People
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender

LEAST = 0.05  # of P(see) or P(like): what is due to a film by less is no reason that one believes
LEFT_OUT = 40  # films at most, one at a time, to see what each of them does


@dataclass(frozen=True)
class Reason:
    """A film of the person's own that moved another up."""

    name: str
    stars: float | None  # None where it was only ticked
    share: float  # of P(see) or of P(like), lost where this film had not been told
    liked: bool  # whether its stars count as liked


@dataclass(frozen=True)
class Reasons:
    """Of one film."""

    see: list[Reason] = field(default_factory=list)  # why the person would come across it
    like: list[Reason] = field(default_factory=list)  # why they would like it


def reasons(
    recommender: Recommender, profile: Profile, films: Collection[str | int], n: int = 3
) -> list[Reasons]:
    """For each film, up to n films of the person's own for each of the two questions.

    Each film told, rated or ticked, is left out in turn; what P(see) and P(like) lose by it is what
    it did (of more than LEFT_OUT, those are tried that pull most at P(see)). Films that the person
    liked come first, then ticked ones, then the others, each by share; no share is below LEAST.
    Where a film is expected below `middle` stars, nothing is said of liking. Models that know only
    stars give reasons for these alone. Raises SaelibError.
    """
    catalogue, scale, ease = recommender.catalogue, recommender.scale, recommender.model.ease
    person = recommender.encode(profile, empty=True)
    positions = [catalogue.position(film) for film in films]
    told = (person.stars if ease is None else person.seen).indices
    if not positions or not len(told):
        return [Reasons() for _film in positions]
    if ease is not None and len(told) > LEFT_OUT:
        pull = ease.pull(told, np.array(positions))  # (n_told, n_films)
        of_each = np.argsort(-pull, axis=0, kind="stable")[: max(LEFT_OUT // len(positions), n)]
        told = told[np.unique(of_each)]
    answers = recommender.answers(_without_each(person, told), positions)
    given = {catalogue.position(film): stars for film, stars in profile.ratings.items()}
    liked = {film for film, stars in given.items() if scale.stars(stars) > LIKED - 1e-9}

    def best(chances: np.ndarray | None, film: int) -> list[Reason]:
        shares = [] if chances is None else 1 - chances[:-1, film] / chances[-1, film]
        found = [
            Reason(catalogue.labels[i], given.get(i), share, i in liked)
            for i, share in zip(told.tolist(), map(float, shares))
            if share >= LEAST
        ]
        return sorted(found, key=lambda r: (not r.liked, r.stars is not None, -r.share))[:n]

    like = answers.stars if answers.like is None else answers.like
    pleases = answers.stars[-1] >= middle(scale)
    return [
        Reasons(best(answers.see, film), best(like if pleases[film] else None, film))
        for film in range(len(positions))
    ]


def _without_each(person: People, films: np.ndarray) -> People:
    """The person once without each of the films, neither rated nor seen; last, as they are."""
    n = len(films)

    def rows(row: csr_array) -> csr_array:
        gone = csr_array((row.toarray()[0, films], (np.arange(n), films)), (n + 1, row.shape[1]))
        copies = np.tile(row.data, n + 1), np.tile(row.indices, n + 1), np.arange(n + 2) * row.nnz
        return csr_array(copies, shape=gone.shape) - gone

    about = None if person.about is None else np.repeat(person.about, n + 1, axis=0)
    return People(rows(person.stars), rows(person.seen), about)


def middle(scale: Scale) -> float:
    """The stars below which a film is not recommended without a word: 3 of 1 to 5, or of ½ to 5."""
    return float(scale.levels[scale.levels >= (scale.lowest + scale.highest) / 2 - 1e-9][0])


def caution(films: pd.DataFrame, scale: Scale) -> str:
    """What must be said of a list in which films are expected to please little; '' else."""
    low = int((films["stars"] < middle(scale)).sum())
    said = ngettext(
        "One of these is expected below {stars:g} stars: likely to be seen rather than liked.",
        "{n} of these are expected below {stars:g} stars: likely to be seen rather than liked.",
        low,
    )
    return said.format(stars=middle(scale), n=low) if low else ""


def moves(before: pd.DataFrame, after: pd.DataFrame) -> list[int | None]:
    """Of each film of a list, by how many places it went up; below 0: down; None: it is new."""
    places = {film: place for place, film in enumerate(before["movie_id"])}
    films = enumerate(after["movie_id"])
    return [places[film] - place if film in places else None for place, film in films]


def mark(move: int | None) -> str:
    """'▲3', '▼2', 'NEW', or '' where it stayed."""
    if move is None:
        return _("NEW")
    return f"{'▲' if move > 0 else '▼'}{abs(move)}" if move else ""


def in_short(moved: list[int | None]) -> str:
    """How many films are new, went up and went down: '2 new, 3 up'; '' where none did."""
    new, n_up = moved.count(None), sum((move or 0) > 0 for move in moved)
    n_down = len(moved) - moved.count(0) - new - n_up
    said = (
        (new, ngettext("{n} new", "{n} new", new)),
        (n_up, ngettext("{n} up", "{n} up", n_up)),
        (n_down, ngettext("{n} down", "{n} down", n_down)),
    )
    return ", ".join(words.format(n=n) for n, words in said if n)
