"""How will you like it, for people whom the network never met? Find their vector from their stars.

A network over films learns one decoder vector a person. Someone new gets theirs from the codes of
the films that they rated. numpy alone: recommending needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array
from scipy.special import expit, log_expit

from saelib.features import DEMOGRAPHIC_GROUPS, Fingerprints
from saelib.preprocessing import BiasBaseline

if TYPE_CHECKING:
    from saelib.model import StackedAutoencoder
    from saelib.training import Oriented

RANK = 200  # directions in which people differ that are kept
SPREAD = 1.4  # the trained vectors, held back by weight decay, vary less than people do
BIAS_SPREAD = 1.1  # and so do their biases, held back by shrinkage
DOUBT = 20  # ratings after which a new person's fingerprint is half trusted
TOLERANCE = 1e-8  # what one more step could still add to the log posterior
ALIKE = 0.9  # share of films that two rows have in common from which on they are near each other

Films = Sequence[int] | np.ndarray | slice  # positions in the catalogue
ALL = slice(None)


@dataclass(frozen=True)
class FoldIn:
    """A network over films, ready for people whom it does not know.

    A person's score of a film is (code of the film) . (vector of the person) + what is expected
    of anyone like them. The last coordinate of the vector is the person's bias: its column of the
    codes is the same for every film. The vectors and biases of the people in training are taken
    as draws from Gaussians; a new person's are the most probable ones, given these priors and
    their stars. In coordinates in which the prior is N(0, I), that is an ordinal regression with
    a ridge penalty of 1 on the codes of the films rated.

    codes: (n_items, RANK + 1), in these coordinates. average: (n_items,), scores of an average
    person. by_feature: (n_items, n_features), what a person's features add. thresholds:
    (n_levels - 1,). components: (n_items, …), of the fingerprints. usual: (n_features,), of an
    average person. raters, demographics: weights of the features. scale: as of the ratings.

    In the rows of ratings, a stored 0 is a film that was seen, without stars: it belongs to the
    fingerprint and to nothing else.
    """

    codes: np.ndarray
    average: np.ndarray
    by_feature: np.ndarray
    thresholds: np.ndarray
    components: np.ndarray
    usual: np.ndarray
    raters: float
    demographics: float
    scale: tuple[float, float, float]

    is_ordered = True

    @classmethod
    def from_network(
        cls,
        network: StackedAutoencoder,
        oriented: Oriented,
        spread: float = SPREAD,
        bias_spread: float = BIAS_SPREAD,
    ) -> FoldIn:
        """From a trained network over films, with what it was trained on.

        spread, bias_spread: factors on the standard deviations of the two priors.
        """
        codes = network.decoder_codes(oriented.ratings, oriented.row_features)
        codes = np.hstack([codes, np.ones((len(codes), 1))])  # the last one meets the output bias
        vectors = network.column_vectors()  # (n_users, hidden + 1)
        variances, directions = np.linalg.eigh(np.cov(vectors.T))  # ascending
        widths = spread * np.sqrt(variances[-RANK:].clip(min=0))
        slope = network.head.slope.item()
        people_bias = network.column_bias.numpy().astype(np.float64)
        baseline = BiasBaseline(network.mean.item(), people_bias, network.shrinkage)
        film_bias = baseline.user_bias(oriented.ratings)
        level = np.full((len(codes), 1), bias_spread * slope * people_bias.std())
        arrays = {
            "codes": np.hstack([codes @ (directions[:, -RANK:] * widths), level]),
            "average": codes @ vectors.mean(axis=0) + slope * (film_bias + people_bias.mean()),
            "by_feature": codes[:, :-1] @ network.column_map.detach().numpy().T,
            "thresholds": network.head.thresholds().detach().numpy(),
            "components": oriented.fingerprints.components,
            "usual": oriented.column_features.mean(axis=0),
        }
        return cls(
            **{name: array.astype(np.float32) for name, array in arrays.items()},
            raters=oriented.recipe.raters,
            demographics=oriented.recipe.demographics,
            scale=tuple(network.settings["scale"]),
        )

    @property
    def uses_demographics(self) -> bool:
        """Whether it makes a difference who the person is."""
        return len(self.usual) > self.components.shape[1]

    def expected(self, rows: csr_array, people: np.ndarray | None = None) -> np.ndarray:
        """(n, n_items): scores of people like these, before their vectors are known."""
        return self.average + self._features(rows, people) @ self.by_feature.T

    def scores(
        self, rows: csr_array, people: np.ndarray | None = None, films: Films = ALL
    ) -> np.ndarray:
        """(n, n_items) scores for n people. rows: (n, n_items) stars; people: demographics.

        films: positions of the films wanted, by default all.
        """
        expected = self.expected(rows, people)
        return expected[:, films] + self._vectors(rows, expected) @ self.codes[films].T

    def vectors(self, rows: csr_array, people: np.ndarray | None = None) -> np.ndarray:
        """(n, RANK + 1) the vectors of n people, their bias last. rows, people: see `scores`."""
        return self._vectors(rows, self.expected(rows, people))

    def person_codes(self, rows: csr_array, people: np.ndarray | None = None) -> np.ndarray:
        """(n, RANK) the vectors of n people without the bias: what they like, not how much."""
        return self.vectors(rows, people)[:, :-1]

    def _vectors(self, rows: csr_array, expected: np.ndarray) -> np.ndarray:
        rows = _with_stars(rows)
        vectors = np.zeros((rows.shape[0], self.codes.shape[1]))
        films, near = rows.indices[:0], None
        for row, (start, stop) in enumerate(pairwise(rows.indptr)):
            rated = rows.indices[start:stop]
            if np.isin(rated, films).sum() < ALIKE * max(len(rated), len(films)):
                near = None
            near = self._climb(rated, rows.data[start:stop], expected[row, rated], near)
            vectors[row], films = near[0], rated
        return vectors

    def vector(self, films: np.ndarray, stars: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """The most probable vector (RANK + 1,) of a person, given stars of films and the prior.

        The log posterior is concave. Newton's method with a line search climbs it from anywhere: a
        step is halved until it brings a part of what its slope promises (Armijo's rule; Boyd and
        Vandenberghe 2004, algorithm 9.5). Whole steps alone would overshoot where somebody has
        hundreds of ratings.

        films: (n,) positions. stars: (n,). expected: (n,) scores without the vector.
        """
        return self._climb(films, stars, expected, None)[0]

    def _climb(self, films, stars, expected, near: tuple | None) -> tuple[np.ndarray, Callable]:
        """The vector, and what solves for a step there; near: the same of nearly the same ratings.

        Of many ratings the curvature is the costly part; that of a place near by is good enough as
        long as a step brings what it promises.
        """
        codes = self.codes[films].astype(np.float64)
        lower, upper = self._edges(stars)

        def log_posterior(vector: np.ndarray) -> float:  # up to a constant
            scores = expected + codes @ vector
            likely = log_expit(scores - lower) + log_expit(upper - scores)
            return likely.sum() - vector @ vector / 2

        vector, solve = near or (np.zeros(codes.shape[1]), None)
        reached = log_posterior(vector)
        while True:
            scores = expected + codes @ vector
            least, more = expit(scores - lower), expit(scores - upper)
            gradient = codes.T @ (1 - least - more) - vector
            borrowed = solve is not None
            if not borrowed:
                curvature = (least * (1 - least) + more * (1 - more)).clip(min=1e-9)
                solve = _ridge_solver(codes, curvature)
            step = solve(gradient)
            promise = gradient @ step
            if promise < TOLERANCE:
                return vector, solve
            now = log_posterior(vector + step)
            if borrowed and now < reached + promise / 4:
                solve = None
                continue
            while now < reached + 1e-4 * promise:
                step, promise = step / 2, promise / 2
                now = log_posterior(vector + step)
            vector, reached = vector + step, now
            if near is None:
                solve = None

    def posterior(
        self, row: csr_array, person: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """What is known of one person, and how surely: row (1, n_items) of stars.

        Returns the scores (n_items,) and the covariance of the vector (RANK + 1, RANK + 1), by
        Laplace's approximation.
        """
        scores = self.scores(row, person)[0]
        row = _with_stars(row)
        lower, upper = self._edges(row.data)
        at = scores[row.indices]
        least, more = expit(at - lower), expit(at - upper)
        curvature = least * (1 - least) + more * (1 - more)
        rated = self.codes[row.indices].astype(np.float64)
        return scores, np.linalg.inv(np.eye(rated.shape[1]) + (rated.T * curvature) @ rated)

    def predict(self, rows: csr_array, people: np.ndarray | None = None) -> np.ndarray:
        """(n, n_items) expected stars."""
        low, _, step = self.scale
        scores = self.scores(rows, people)
        return low + step * sum(expit(scores - threshold) for threshold in self.thresholds)

    def distribution(
        self, rows: csr_array, people: np.ndarray | None = None, films: Films = ALL
    ) -> np.ndarray:
        """(n, n_items, n_levels): how likely each number of stars is. films: see `scores`."""
        above = expit(self.scores(rows, people, films)[..., None] - self.thresholds)
        return -np.diff(above, axis=-1, prepend=1, append=0)

    def _edges(self, stars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) each: the thresholds below and above the observed stars."""
        level = np.round((stars - self.scale[0]) / self.scale[2]).astype(int)
        edges = np.concatenate([[-np.inf], self.thresholds.astype(np.float64), [np.inf]])
        return edges[level], edges[level + 1]

    def _features(self, rows: csr_array, people: np.ndarray | None) -> np.ndarray:
        """(n, n_features): what is known of people beside their stars.

        The fewer films somebody has seen, the more their fingerprint is taken to be the usual
        one; who does not tell their gender, age or occupation is taken for the average person.
        """
        features = np.tile(self.usual, (rows.shape[0], 1))
        width = self.components.shape[1]
        n = np.diff(rows.indptr)[:, None]
        found = self.raters * Fingerprints(self.components).of(rows)
        features[:, :width] += n / (n + DOUBT) * (found - features[:, :width])
        if people is not None and self.uses_demographics:
            for group in DEMOGRAPHIC_GROUPS:
                told = people[:, group].any(axis=1)
                features[np.ix_(told, np.arange(width, features.shape[1])[group])] = (
                    self.demographics * people[told, group]
                )
        return features


def _with_stars(rows: csr_array) -> csr_array:
    """The rows without the stored zeros of films that were seen only."""
    rows = rows.copy()
    rows.eliminate_zeros()
    return rows


def _ridge_solver(rows: np.ndarray, weights: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """What solves (I + rows' diag(weights) rows) x = right, in the smaller of the two dimensions.

    rows: (n, rank). With few ratings it is a system of n equations (Woodbury's identity).
    """
    n, rank = rows.shape
    if n >= rank:
        factor = cho_factor((rows.T * weights) @ rows + np.eye(rank))
        return lambda right: cho_solve(factor, right)
    factor = cho_factor(rows @ rows.T + np.diag(1 / weights))
    return lambda right: right - rows.T @ cho_solve(factor, rows @ right)
