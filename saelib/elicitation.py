"""What to ask: the films whose answers tell most about all the others."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy.special import expit

from saelib.profile import Profile
from saelib.rating_model import FoldIn
from saelib.recommendation import Recommender


def next_films(
    recommender: Recommender,
    profile: Profile,
    n: int = 5,
    asked: Collection[str | int] = (),
) -> pd.DataFrame:
    """n films to ask about next, given the answers so far, without those asked or rated.

    An answer about film j narrows the distribution of the person's vector (see `FoldIn`), and so
    the scores of all films. A film is worth P(seen j) x the variance that its answer would take
    away, summed over all films weighted by P(see): the A-optimal design of a Bayesian experiment
    (Chaloner and Verdinelli 1995), as active collaborative filtering does since Boutilier et al.
    2003. After each choice the variance is brought up to date as if it had been answered, so that
    the n films tell different things. Models without a network over films ask what
    `Recommender.films_to_ask` asks.

    Returns columns movie_id, title, year, genres.
    """
    fold_in = next((m for m in recommender.trained.rating.networks if isinstance(m, FoldIn)), None)
    closed = {recommender.position(film) for film in [*profile.ratings, *asked]}
    if fold_in is None or recommender.trained.lists is None:
        known = [str(recommender.films["movie_id"][i]) for i in closed]
        return recommender.films_to_ask(n, known)
    row, person = recommender.encode(profile, empty=True)
    expected, vector, covariance = fold_in.posterior(row, person)
    codes = fold_in.codes.astype(np.float64)
    exceeds = expit((expected + codes @ vector)[:, None] - fold_in.thresholds)
    # How sharply an answer would tell the score: the curvature of -log P(stars), on average.
    edges = exceeds * (1 - exceeds)
    p = -np.diff(exceeds, axis=1, prepend=1, append=0)
    sides = np.pad(edges, ((0, 0), (1, 1)))
    precision = (p * (sides[:, :-1] + sides[:, 1:])).sum(axis=1)
    see = recommender.trained.lists.see(row, person)[0]
    weighted = (codes * see[:, None]).T @ codes
    allowed = recommender.films["n_ratings"].to_numpy() > 0
    allowed[list(closed)] = False
    taken = {recommender.labels[i] for i in closed}
    chosen: list[int] = []
    told = codes @ covariance  # (n_items, rank): how film j's score moves the vector
    variance = (told * codes).sum(axis=1)
    total = ((told @ weighted) * told).sum(axis=1)
    while len(chosen) < n and allowed.any():
        worth = see * total / (1 / precision + variance)
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
    columns = ["movie_id", "title", "year", "genres"]
    return recommender.films.loc[chosen, columns].reset_index(drop=True)
