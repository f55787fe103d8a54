"""How will you like it, where the network reads films? A person's vector is found from their stars.

A network over films learns one decoder vector a person. Someone new gets theirs from the codes of
the films that they rated. numpy alone: recommending needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array
from scipy.special import expit, log_expit
from threadpoolctl import threadpool_limits

from saelib.data.people import People, mask
from saelib.data.scale import Scale
from saelib.model.newton import TOLERANCE, climb_together
from saelib.model.star_model import ALL, Films, Posterior
from saelib.network.baseline import BiasBaseline
from saelib.network.fingerprints import Fingerprints
from saelib.network.link import OrdinalLink
from saelib.network.storage import InArrays

if TYPE_CHECKING:
    from saelib.network.autoencoder import StackedAutoencoder
    from saelib.network.heads import OrderedStars
    from saelib.network.training import Oriented

BLOCK = 2**20  # numbers in the codes of people who are folded in together: they fit in a cache
CELLS = 2**16  # scored at a time
FILMS, PEOPLE = 4096, 16384  # whose codes and vectors are in double precision at a time
ALIKE = 0.9  # share of films that two rows have in common from which on they are near each other


@dataclass(frozen=True)
class FoldIn(InArrays):
    """A network over films, ready for people whom it does not know; a `StarModel`.

    A person's score of a film is (code of the film) . (vector of the person) + what is expected
    of anyone like them. The last coordinate of the vector is the person's bias: its column of the
    codes is the same for every film. The vectors and biases of the people in training are taken
    as draws from Gaussians; a new person's are the most probable ones, given these priors and
    their stars. In coordinates in which the prior is N(0, I), that is an ordinal regression with
    a ridge penalty of 1 on the codes of the films rated.

    film_codes: (n_items, rank + 1), in these coordinates. average: (n_items,), scores of an
    average person. by_feature: (n_items, n_features), what a person's features add. thresholds:
    (n_levels - 1,). components: (n_items, …), of the fingerprints. usual: (n_features,), of an
    average person. groups: (2, n_groups), where each group of demographics begins and ends; empty
    where the network is not told them. raters, demographics: weights of the features. doubt:
    ratings after which a new person's fingerprint is half trusted. scale: as of the ratings.

    Films that were seen without stars belong to the fingerprint and to nothing else.
    """

    film_codes: np.ndarray
    average: np.ndarray
    by_feature: np.ndarray
    thresholds: np.ndarray
    components: np.ndarray
    usual: np.ndarray
    groups: np.ndarray
    raters: float
    demographics: float
    doubt: float
    scale: Scale

    rows: ClassVar[str] = "films"
    is_ordered: ClassVar[bool] = True

    @classmethod
    def from_network(cls, network: StackedAutoencoder, oriented: Oriented) -> FoldIn:
        """From a trained network over films, with what it was trained on."""
        config, matrix = oriented.config, oriented.matrix
        usual, covariance = _moments(network)
        variances, directions = np.linalg.eigh(covariance)  # ascending
        widths = config.spread * np.sqrt(variances[-config.rank :].clip(min=0))
        basis = directions[:, -config.rank :] * widths
        slope = cast("OrderedStars", network.head).slope.item()  # as the config has checked
        people_bias = network.column_bias.numpy().astype(np.float64)
        baseline = BiasBaseline(network.mean.item(), people_bias, config.shrinkage)
        film_bias = baseline.user_bias(oriented.ratings)
        level = config.bias_spread * slope * people_bias.std()
        n_items, n_features = len(film_bias), oriented.column_features.shape[1]
        film_codes = np.full((n_items, basis.shape[1] + 1), level, dtype=np.float32)
        average, by_feature = np.zeros(n_items), np.zeros((n_items, n_features), dtype=np.float32)
        for start in range(0, n_items, FILMS):  # a code is wide, and many of them are large
            part = slice(start, start + FILMS)
            features = None if oriented.row_features is None else oriented.row_features[part]
            codes = network.decoder_codes(oriented.ratings[part], features)
            film_codes[part, :-1] = codes @ basis[:-1] + basis[-1]  # the bias is the last
            average[part] = codes @ usual[:-1] + usual[-1]
            if n_features:
                by_feature[part] = codes @ network.column_map.detach().numpy().T
        components = np.zeros((n_items, 0))
        if oriented.fingerprints is not None:
            components = oriented.fingerprints.components
        told = matrix.about is not None and config.demographics > 0
        groups = [(g.start, g.stop) for g in matrix.demographics.groups] if told else []
        arrays = {
            "film_codes": film_codes,
            "average": average + slope * (film_bias + people_bias.mean()),
            "by_feature": by_feature,
            "thresholds": network.head.link().thresholds,
            "components": components,
            "usual": oriented.column_features.mean(axis=0),
        }
        return cls(
            **{name: array.astype(np.float32, copy=False) for name, array in arrays.items()},
            groups=np.array(groups, dtype=np.int64).reshape(-1, 2).T,
            raters=config.raters,
            demographics=config.demographics,
            doubt=config.doubt,
            scale=oriented.scale,
        )

    @property
    def uses_demographics(self) -> bool:
        """Whether it makes a difference who the person is."""
        return self.groups.size > 0

    def predict(self, people: People) -> np.ndarray:
        """(n, n_items) expected stars."""
        return self._link.stars(self.scores(people))

    def predict_cells(self, people: People, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(n_cells,) expected stars of people at `rows` for films at `columns`, no others."""
        features = self._features(people)
        vectors = self._vectors(people, features).astype(np.float32)
        scores = np.empty(len(rows))
        for start in range(0, len(rows), CELLS):
            part = slice(start, start + CELLS)
            who, films = rows[part], columns[part]
            alike = (features[who] * self.by_feature[films]).sum(axis=1)
            own = (vectors[who] * self.film_codes[films]).sum(axis=1)
            scores[part] = self.average[films] + alike + own
        return self._link.stars(scores)

    def distribution(self, people: People, films: Films = ALL) -> np.ndarray:
        """(n, n_items, n_levels): how likely each number of stars is. films: see `scores`."""
        return self._link.probabilities(self.scores(people, films))

    def codes(self, people: People) -> np.ndarray:
        """(n, rank) the vectors of n people without the bias: what they like, not how much."""
        return self.vectors(people)[:, :-1]

    def posterior(self, person: People) -> Posterior:
        """What is known of one person, by Laplace's approximation."""
        scores = self.scores(person)[0]
        lower, upper = self._link.edges(person.stars.data)
        at = scores[person.stars.indices]
        least, more = expit(at - lower), expit(at - upper)
        curvature = least * (1 - least) + more * (1 - more)
        rated = self.film_codes[person.stars.indices].astype(np.float64)
        covariance = np.linalg.inv(np.eye(rated.shape[1]) + (rated.T * curvature) @ rated)
        return Posterior(scores, covariance, self.film_codes, self._link.sharpness(scores))

    def expected(self, people: People, films: Films = ALL) -> np.ndarray:
        """(n, n_items): scores of people like these, before their vectors are known."""
        return self.average[films] + self._features(people) @ self.by_feature[films].T

    def scores(self, people: People, films: Films = ALL) -> np.ndarray:
        """(n, n_items) scores for n people. films: positions of those wanted, by default all."""
        features = self._features(people)
        vectors = self._vectors(people, features)
        # What is expected of people like these, and what their vectors add.
        expected = self.average[films] + features @ self.by_feature[films].T
        # As the codes are: else a copy of all of them would be made, in double precision.
        own = vectors.astype(np.float32) @ self.film_codes[films].T
        return (expected + own).astype(np.float64)

    def vectors(self, people: People) -> np.ndarray:
        """(n, rank + 1) the vectors of n people, their bias last."""
        return self._vectors(people, self._features(people))

    @property
    def _link(self) -> OrdinalLink:
        return OrdinalLink(self.thresholds, self.scale)

    def _vectors(self, people: People, features: np.ndarray) -> np.ndarray:
        rows = people.stars
        vectors = np.zeros((len(people), self.film_codes.shape[1]))
        after = _like_the_one_before(rows)
        alone = ~(after | np.append(after[1:], False)) & (people.n_rated > 0)
        together = np.flatnonzero(alone) if alone.sum() > 1 else np.array([], dtype=int)
        near = None
        # Many small products, on which threads only wait for one another: beside a busy core, the
        # people of ml-100k take two threads 59 s, and one 0.6 s.
        with threadpool_limits(1, user_api="blas"):
            for block in self._blocks(people.n_rated, together):
                vectors[block] = self._together(rows, block, features[block])
            for row in np.setdiff1d(np.arange(len(people)), together):
                span = slice(rows.indptr[row], rows.indptr[row + 1])
                films = rows.indices[span]
                expected = self.average[films] + self.by_feature[films] @ features[row]
                near = near if after[row] else None
                near = self._climb(films, rows.data[span], expected, near)
                vectors[row] = near[0]
        return vectors

    def _blocks(self, n_rated: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
        """The rows of people with about as many ratings each, as many as make up a BLOCK."""
        rows = rows[np.argsort(n_rated[rows], kind="stable")]
        while len(rows):
            numbers = n_rated[rows[:BLOCK]] * self.film_codes.shape[1]
            fit = np.searchsorted(numbers * np.arange(1, len(numbers) + 1), BLOCK, side="right")
            yield rows[: max(fit, 1)]
            rows = rows[max(fit, 1) :]

    def _together(self, rows: csr_array, block: np.ndarray, features: np.ndarray) -> np.ndarray:
        """The vectors of the people in a block. features: (b, n_features), of them."""
        starts, ends = rows.indptr[block, None], rows.indptr[block + 1, None]
        at = starts + np.arange((ends - starts).max())
        there = at < ends
        at = np.where(there, at, starts)
        films = rows.indices[at]
        # What is not there could be any number of stars, and so says nothing.
        lower, upper = self._link.edges(rows.data[at])
        lower, upper = np.where(there, lower, -np.inf), np.where(there, upper, np.inf)
        alike = (self.by_feature[films] @ features[:, :, None])[:, :, 0]
        return climb_together(self.film_codes[films], lower, upper, self.average[films] + alike)

    def vector(self, films: np.ndarray, stars: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """The most probable vector (rank + 1,) of a person, given stars of films and the prior.

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
        codes = self.film_codes[films].astype(np.float64)
        lower, upper = self._link.edges(stars)

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
                return vector + step, solve
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

    def _features(self, people: People) -> np.ndarray:
        """(n, n_features): what is known of people beside their stars.

        The fewer films somebody has seen, the more their fingerprint is taken to be the usual
        one; who does not tell their gender, age or occupation is taken for the average person.
        """
        features = np.tile(self.usual, (len(people), 1))
        width = self.components.shape[1]
        n = people.n_seen[:, None]
        found = self.raters * Fingerprints(self.components).of(people.seen)
        features[:, :width] += n / (n + self.doubt) * (found - features[:, :width])
        if people.about is not None:
            for start, stop in self.groups.T:
                told = people.about[:, start:stop].any(axis=1)
                features[told, width + start : width + stop] = (
                    self.demographics * people.about[told, start:stop]
                )
        return features


def _moments(network: StackedAutoencoder) -> tuple[np.ndarray, np.ndarray]:
    """The mean (hidden + 1,) of the vectors of the people in training, their output bias last, and
    the covariance (hidden + 1, hidden + 1). In parts: in double precision, all would be large."""
    weights, biases = (part.detach().numpy() for part in network.outputs.parameters())
    mean = np.append(weights.mean(axis=0, dtype=np.float64), biases.mean(dtype=np.float64))
    covariance = np.zeros((len(mean), len(mean)))
    for start in range(0, len(weights), PEOPLE):
        part = slice(start, start + PEOPLE)
        left = np.column_stack([weights[part], biases[part]]) - mean
        covariance += left.T @ left
    return mean, covariance / max(len(weights) - 1, 1)


def _like_the_one_before(rows: csr_array) -> np.ndarray:
    """(n,) whether nearly the same films are rated in a row as in the one before it."""
    rated, n = mask(rows), np.diff(rows.indptr)
    shared = rated[1:].multiply(rated[:-1]).sum(axis=1)
    most = np.maximum(n[1:], n[:-1])
    return np.append(False, (shared >= ALIKE * most) & (most > 0))[: len(n)]


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
