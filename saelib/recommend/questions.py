"""What to ask: which films a person has likely seen, and whose stars tell most about the others."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from saelib.fold_in import FoldIn
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender


def likely_seen(
    recommender: Recommender, profile: Profile, n: int = 10, asked: Collection[str | int] = ()
) -> pd.DataFrame:
    """The n films that the person has most likely seen, without those told of or asked.

    By P(see), given all that was told; by the number of ratings where the model has no P(see).
    Returns movie_id, title, year, genres, name. Raises SaelibError.
    """
    catalogue, ease = recommender.catalogue, recommender.model.ease
    if ease is None:
        see = catalogue.films["n_ratings"].to_numpy()
    else:
        see = ease.scores(recommender.encode(profile, empty=True))[0]
    known = [*profile.ratings, *profile.seen, *asked]
    return catalogue.rows(catalogue.first(np.argsort(-see, kind="stable"), n, known))


def next_films(
    recommender: Recommender, profile: Profile, n: int = 5, asked: Collection[str | int] = ()
) -> pd.DataFrame:
    """n films to ask stars of next, given what was told, without those asked or rated.

    An answer narrows the distribution of the person's vector (see `FoldIn.posterior`), and so the
    scores of all films. Films are chosen by the variance that their answers would take away: the
    A-optimal design of a Bayesian experiment (Chaloner and Verdinelli 1995). After each choice the
    variance is brought up to date as if it had been answered, so that the n films tell different
    things.

    First come films that the person has seen, and the variance of their scores is what counts: they
    are most like those that this person watches. Then each film is worth P(see) x the variance that
    it takes away, and the variance of each counts by P(see), too. A model that does not say how
    sure it is asks about films seen, then about those that most have rated.

    Returns movie_id, title, year, genres, name. Raises SaelibError.
    """
    catalogue, model, closed = recommender.catalogue, recommender.model, [*profile.ratings, *asked]
    n_ratings, seen = catalogue.films["n_ratings"].to_numpy(), np.zeros(len(catalogue))
    seen[[catalogue.position(film) for film in profile.seen]] = 1
    if model.ease is None or not isinstance(model.liking, FoldIn):
        order = np.lexsort([-n_ratings, -seen])
        return catalogue.rows(catalogue.first(order, n, closed))
    person = recommender.encode(profile, empty=True)
    see = np.where(n_ratings > 0, model.ease.scores(person)[0], 0)
    told_of = {catalogue.label(film) for film in closed}
    open_ = np.array([label not in told_of for label in catalogue.labels])
    covariance, sharpness = model.liking.posterior(person)
    codes, noise = model.liking.codes.astype(np.float64), 1 / sharpness
    told = codes @ covariance  # (n_items, rank): how film j's score moves the vector
    variance = (told * codes).sum(axis=1)
    chosen: list[int] = []
    for weight in (seen * open_, see):
        if len(chosen) == n or not (weight * open_).any():
            continue
        weighted = (codes * weight[:, None]).T @ codes
        total = ((told @ weighted) * told).sum(axis=1)
        while len(chosen) < n and (weight * open_).any():
            worth = weight * total / (noise + variance)
            best = int(np.argmax(np.where(open_ & (weight > 0), worth, -np.inf)))
            chosen.append(best)
            open_ &= catalogue.labels != catalogue.labels[best]
            # The answer takes outer(moved, moved) from the covariance: rank one, so nothing is
            # multiplied out again.
            moved = told[best] / np.sqrt(noise[best] + variance[best])
            shared = codes @ moved  # (n_items,)
            pull = weighted @ moved
            total += shared * (shared * (moved @ pull) - 2 * (told @ pull))
            variance -= shared**2
            told -= np.outer(shared, moved)
    return catalogue.rows(chosen)
