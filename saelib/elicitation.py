"""What to ask: the films whose answers tell most about all the others."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.special import expit

from saelib.profile import Profile
from saelib.rating_model import FoldIn
from saelib.recommendation import Recommender

BIAS = 0.65  # standard deviation of people's biases as long as nothing is known, in stars
SHARPNESS = (
    2.0  # 0: any film is as likely to be asked as any other; infinite: only the most telling
)
SEEN = 1.0  # how much it counts that a film is likely to have been seen


def next_films(
    recommender: Recommender,
    profile: Profile,
    n: int = 5,
    asked: Collection[str | int] = (),
) -> pd.DataFrame:
    """n films to ask about next, given the answers so far, without those asked or rated.

    They are drawn, without replacement, with probability proportional to

        P(seen)^SEEN x (what the answer tells, see `_told`)^SHARPNESS

    by adding Gumbel noise to the logarithm and taking the n best (Kool et al. 2019, 'Stochastic
    beams and where to find them'). Always taking the most telling films is worse than random ones:
    the variances are the model's, and it errs most where it is asked only about the films of
    which it believes to learn most. Draws spread over all that people see, as in leverage score
    sampling (Mahoney 2011, 'Randomized algorithms for matrices and data'). The same answers give
    the same questions. Models without a network over films ask `Recommender.films_to_ask`.

    Returns columns movie_id, title, year, genres.
    """
    fold_in = next((m for m in recommender.trained.rating.networks if isinstance(m, FoldIn)), None)
    closed = [recommender.position(film) for film in [*profile.ratings, *asked]]
    if fold_in is None or recommender.trained.lists is None:
        known = [str(recommender.films["movie_id"][i]) for i in set(closed)]
        return recommender.films_to_ask(n, known)
    row, person = recommender.encode(profile, empty=True)
    see = recommender.trained.lists.see(row, person)[0]
    nobody = recommender.trained.lists.see(csr_array(row.shape, dtype=np.float32), person)[0]
    # What people are asked is mostly popular, what they have seen is not: so films that the
    # answers have made likelier count for more.
    worth = SHARPNESS * np.log(_told(fold_in, row, person, see * see / nobody).clip(min=1e-12))
    worth += SEEN * np.log(see)
    worth += np.random.default_rng([len(closed), row.nnz]).gumbel(size=len(worth))
    worth[recommender.films["n_ratings"].to_numpy() == 0] = -np.inf
    taken = {recommender.labels[i] for i in closed}
    chosen: list[int] = []
    for film in np.argsort(-worth, kind="stable"):
        if len(chosen) == n or worth[film] == -np.inf:
            break
        if recommender.labels[film] not in taken:
            taken.add(recommender.labels[film])
            chosen.append(film)
    columns = ["movie_id", "title", "year", "genres"]
    return recommender.films.loc[chosen, columns].reset_index(drop=True)


def _told(fold_in: FoldIn, row: csr_array, person: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(n_items,): how much variance an answer about each film would take from all scores.

    A score is the film's code times the person's vector, plus the person's bias; Gaussians before
    any answer. An answer is an observation of it, as noisy as the curvature of -log P(stars) says.
    Variances are summed over films, weighted by targets (n_items,): the A-optimal design of a
    Bayesian experiment (Chaloner and Verdinelli 1995), which active collaborative filtering
    follows since Boutilier et al. 2003.
    """
    exceeds = expit(fold_in.scores(row, person).T - fold_in.thresholds)
    edges = np.pad(exceeds * (1 - exceeds), ((0, 0), (1, 1)))
    p = -np.diff(exceeds, axis=1, prepend=1, append=0)
    noise = 1 / (p * (edges[:, :-1] + edges[:, 1:])).sum(axis=1)
    bias = np.full((len(fold_in.codes), 1), BIAS * fold_in.slope)
    codes = np.hstack([fold_in.codes, bias]).astype(np.float32)  # (n_items, rank + 1)
    known = codes[row.indices]
    inner = known @ known.T + np.diag(noise[row.indices])
    left = codes - (codes @ known.T) @ np.linalg.solve(inner, known)  # codes x covariance
    weighted = (codes * targets[:, None]).T @ codes
    variance = (left * codes).sum(axis=1)
    return ((left @ weighted) * left).sum(axis=1) / (noise + variance)
