"""What to ask: which films a person has likely seen, and whose stars tell most about the others."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy.special import expit

from saelib.profile import Profile
from saelib.recommendation import Recommender


def likely_seen(
    recommender: Recommender, profile: Profile, n: int = 10, asked: Collection[str | int] = ()
) -> pd.DataFrame:
    """The n films that the person has most likely seen, without those told of or asked.

    By P(see), given all that was told; by the number of ratings where the model has no P(see).
    Returns columns movie_id, title, year, genres.
    """
    see = recommender.films["n_ratings"].to_numpy(dtype=float)
    if recommender.trained.lists is not None:
        see = recommender.trained.lists.see(*recommender.encode(profile, empty=True))[0]
    closed = [*profile.ratings, *profile.seen, *asked]
    taken = {recommender.labels[recommender.position(film)] for film in closed}
    chosen: list[int] = []
    for position in np.argsort(-see, kind="stable"):
        if len(chosen) < n and recommender.labels[position] not in taken:
            taken.add(recommender.labels[position])
            chosen.append(int(position))
    return _rows(recommender, chosen)


def next_films(
    recommender: Recommender, profile: Profile, n: int = 5, asked: Collection[str | int] = ()
) -> pd.DataFrame:
    """n films to ask stars of next, given what was told, without those asked or rated.

    An answer narrows the distribution of the person's vector and bias (see `FoldIn.posterior`),
    and so the scores of all films. Films are chosen by the variance that their answers would take
    away: the A-optimal design of a Bayesian experiment (Chaloner and Verdinelli 1995), as active
    collaborative filtering does since Boutilier et al. 2003. After each choice the variance is
    brought up to date as if it had been answered, so that the n films tell different things.

    First come films that the person has seen (`profile.seen`), and the variance of their scores
    is what counts: of all films, they are most like those that this person watches. Where none of
    them is left, all films come in question, each worth P(see) x the variance that it takes away;
    and the variance of each counts by P(see), too. Models without a network over films ask what
    `Recommender.films_to_ask` asks, after those seen.

    Returns columns movie_id, title, year, genres.
    """
    closed = {recommender.position(film) for film in [*profile.ratings, *asked]}
    seen = np.zeros(len(recommender.films))
    seen[[recommender.position(film) for film in profile.seen]] = 1
    seen[list(closed)] = 0
    fold_in = recommender.trained.rating.fold_in
    if fold_in is None or recommender.trained.lists is None:
        chosen = np.flatnonzero(seen)[:n].tolist()
        known = recommender.films["movie_id"][[*closed, *chosen]].tolist()
        others = recommender.films_to_ask(n, known)["movie_id"][: n - len(chosen)]
        return _rows(recommender, chosen + [recommender.position(film) for film in others])
    row, person = recommender.encode(profile, empty=True)
    see = recommender.trained.lists.see(row, person)[0]
    scores, covariance = fold_in.posterior(row, person)
    codes = fold_in.codes.astype(np.float64)
    precision = _sharpness(scores, fold_in.thresholds)
    see[recommender.films["n_ratings"] == 0] = 0
    taken = {recommender.labels[i] for i in closed}
    chosen = []
    told = codes @ covariance  # (n_items, rank): how film j's score moves the vector
    variance = (told * codes).sum(axis=1)
    for weight in (seen, see):
        allowed = weight > 0
        allowed[[*closed, *chosen]] = False
        if not allowed.any() or len(chosen) == n:
            continue
        weighted = (codes * weight[:, None]).T @ codes
        total = ((told @ weighted) * told).sum(axis=1)
        while len(chosen) < n and allowed.any():
            worth = weight * total / (1 / precision + variance)
            best = int(np.argmax(np.where(allowed, worth, -np.inf)))
            allowed[best] = False
            if recommender.labels[best] in taken:
                continue
            taken.add(recommender.labels[best])
            chosen.append(best)
            # The answer takes outer(moved, moved) from the covariance: rank one, so nothing is
            # multiplied out again.
            moved = told[best] / np.sqrt(1 / precision[best] + variance[best])
            shared = codes @ moved  # (n_items,)
            pull = weighted @ moved
            total += shared * (shared * (moved @ pull) - 2 * (told @ pull))
            variance -= shared**2
            told -= np.outer(shared, moved)
    return _rows(recommender, chosen)


def _sharpness(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """(n_items,) how sharply stars tell a score: the curvature of -log P(stars), on average."""
    exceeds = expit(scores[:, None] - thresholds)
    edges = exceeds * (1 - exceeds)
    p = -np.diff(exceeds, axis=1, prepend=1, append=0)
    sides = np.pad(edges, ((0, 0), (1, 1)))
    return (p * (sides[:, :-1] + sides[:, 1:])).sum(axis=1)


def _rows(recommender: Recommender, positions: list[int]) -> pd.DataFrame:
    columns = ["movie_id", "title", "year", "genres"]
    return recommender.films.loc[positions, columns].reset_index(drop=True)
