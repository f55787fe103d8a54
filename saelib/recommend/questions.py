"""What to ask: which films a person has likely seen, and whose stars tell most about the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np
import pandas as pd

from saelib.recommend.catalogue import Catalogue
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender


def likely_seen(
    recommender: Recommender, profile: Profile, n: int = 10, asked: Collection[str | int] = ()
) -> pd.DataFrame:
    """The n films that the person has most likely seen, without those told of or asked.

    By P(see), given all that was told; by the number of ratings where the model has no P(see).
    Returns columns movie_id, title, year, genres.
    """
    catalogue = recommender.catalogue
    closed = [*profile.ratings, *profile.seen, *asked]
    taken = {catalogue.labels[catalogue.position(film)] for film in closed}
    chosen: list[int] = []
    for position in np.argsort(-recommender.see(profile), kind="stable"):
        if len(chosen) < n and catalogue.labels[position] not in taken:
            taken.add(catalogue.labels[position])
            chosen.append(int(position))
    return catalogue.rows(chosen)


def next_films(
    recommender: Recommender, profile: Profile, n: int = 5, asked: Collection[str | int] = ()
) -> pd.DataFrame:
    """n films to ask stars of next, given what was told, without those asked or rated.

    An answer narrows the distribution of the person's vector and bias (see `StarModel.posterior`),
    and so the scores of all films. Films are chosen by the variance that their answers would take
    away: the A-optimal design of a Bayesian experiment (Chaloner and Verdinelli 1995), as active
    collaborative filtering does since Boutilier et al. 2003. After each choice the variance is
    brought up to date as if it had been answered, so that the n films tell different things.

    First come films that the person has seen (`profile.seen`), and the variance of their scores
    is what counts: of all films, they are most like those that this person watches. Where none of
    them is left, all films come in question, each worth P(see) x the variance that it takes away;
    and the variance of each counts by P(see), too. Models that do not say how sure they are ask
    what `films_to_ask` asks, after those seen.

    Returns columns movie_id, title, year, genres.
    """
    catalogue, bundle = recommender.catalogue, recommender.bundle
    closed = {catalogue.position(film) for film in [*profile.ratings, *asked]}
    seen = np.zeros(len(catalogue))
    seen[[catalogue.position(film) for film in profile.seen]] = 1
    seen[list(closed)] = 0
    person = recommender.encode(profile, empty=True)
    posterior = bundle.liking.posterior(person)
    if posterior is None or bundle.order is None:
        chosen = np.flatnonzero(seen)[:n].tolist()
        others = _telling(catalogue, n - len(chosen), {*closed, *chosen})
        return catalogue.rows(chosen + others)
    see = bundle.order.see(person)[0]
    see[catalogue.films["n_ratings"] == 0] = 0
    codes, precision = posterior.film_codes.astype(np.float64), posterior.sharpness
    taken = {catalogue.labels[i] for i in closed}
    chosen = []
    told = codes @ posterior.covariance  # (n_items, rank): how film j's score moves the vector
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
            if catalogue.labels[best] in taken:
                continue
            taken.add(catalogue.labels[best])
            chosen.append(best)
            # The answer takes outer(moved, moved) from the covariance: rank one, so nothing is
            # multiplied out again.
            moved = told[best] / np.sqrt(1 / precision[best] + variance[best])
            shared = codes @ moved  # (n_items,)
            pull = weighted @ moved
            total += shared * (shared * (moved @ pull) - 2 * (told @ pull))
            variance -= shared**2
            told -= np.outer(shared, moved)
    return catalogue.rows(chosen)


def films_to_ask(
    recommender: Recommender, n: int = 20, known: Collection[str | int] = ()
) -> pd.DataFrame:
    """n films worth asking anybody about, most telling first, without the `known` ones.

    A film is worth (how many rated it: the chance that the person has seen it) x (variance of its
    ratings: how much the answer tells); each film chosen makes others of its genres worth less, so
    that the answers span the catalogue. After 'popularity x entropy' of Rashid et al. 2002,
    'Getting to know you'. Returns columns movie_id, title, year, genres.
    """
    catalogue = recommender.catalogue
    return catalogue.rows(_telling(catalogue, n, {catalogue.position(film) for film in known}))


def _telling(catalogue: Catalogue, n: int, known: Collection[int]) -> list[int]:
    """Positions of `films_to_ask`."""
    films = catalogue.films
    worth = (films["n_ratings"] * films["spread"] ** 2).to_numpy(float).copy()
    worth[list(known)] = -1
    # Only the best by worth are ever asked: enough to choose from, and quick.
    candidates = list(np.argsort(-worth, kind="stable")[: 10 * n])
    genres = {i: films["genres"][i].split("|") for i in candidates}
    asked: Counter[str] = Counter()
    chosen: list[int] = []

    def value(i: int) -> float:
        return worth[i] / (1 + sum(asked[g] for g in genres[i]) / len(genres[i]))

    while candidates and len(chosen) < n:
        best = max(candidates, key=value)
        candidates.remove(best)
        if worth[best] > 0 and catalogue.labels[best] not in set(catalogue.labels[chosen]):
            chosen.append(int(best))
            asked.update(genres[best])
    return chosen
