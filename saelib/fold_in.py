"""A network over films, ready for people whom it does not know; numpy alone.

Such a network learns one decoder vector a person. Somebody new gets theirs from their stars: the
most probable one, if vectors are draws from a Gaussian like that of the people in training.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.special import expit, log_expit

from saelib.baseline import BLAS, BiasBaseline, half
from saelib.matrix import ALL, Films, People, RatingMatrix, level, unit_masks

if TYPE_CHECKING:
    from saelib.autoencoder import StackedAutoencoder

RANK = 200  # directions in which people differ that are kept
SPREAD, BIAS_SPREAD = 1.5, 1.1  # trained vectors and biases, held back by decay, vary too little
DOUBT = 20  # films seen after which a new person's fingerprint is half trusted
BLOCK = 2**20  # numbers in the codes of people who are folded in together: they fit in a cache


@dataclass(frozen=True)
class FoldIn:
    """score = what is expected of anyone like this person + code of the film . their vector."""

    codes: np.ndarray  # (n_items, rank + 1), for vectors that are draws from N(0, I); bias last
    average: np.ndarray  # (n_items,) scores of an average person
    by_feature: np.ndarray  # (n_items, n_features): what a fingerprint, and who one is, add
    thresholds: np.ndarray  # (n_levels - 1,)
    directions: np.ndarray  # (n_items, n) of the fingerprints
    usual: np.ndarray  # (n_features,) of an average person
    groups: np.ndarray  # where each group of demographics begins, and the end
    raters: float  # weight of the fingerprint
    demographics: float  # weight of who one is

    @classmethod
    def of(cls, network: "StackedAutoencoder", matrix: RatingMatrix) -> Self:
        """From a network over films with ordered stars, and what it was trained on."""
        from saelib.autoencoder import lay_out  # torch, which only a training needs

        config = network.config
        weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
        vectors = np.hstack([weights["outputs.weight"], weights["outputs.bias"][:, None]])
        usual = vectors.mean(axis=0, dtype=np.float64)
        vectors -= usual.astype(np.float32)
        covariance = vectors.T @ vectors / max(len(vectors) - 1, 1)
        variances, directions = np.linalg.eigh(covariance.astype(np.float64))  # ascending
        basis = directions[:, -RANK:] * SPREAD * np.sqrt(variances[-RANK:].clip(min=0))
        basis = basis.astype(np.float32)
        ratings, facts = lay_out(config, matrix)
        last = network.last_layers(ratings, facts)[1].numpy()
        slope, people = weights["head.slope"], weights["column_bias"].astype(np.float64)
        film = BiasBaseline(float(weights["mean"]), people, config.shrinkage).row_bias(ratings)
        bias = np.full((len(last), 1), BIAS_SPREAD * slope * people.std())
        column_map = weights.get("column_map", np.zeros((0, last.shape[1]), "f4"))
        groups = matrix.groups.values() if config.demographics else []
        return cls(
            codes=half(np.hstack([last @ basis[:-1] + basis[-1], bias])),
            average=(last @ usual[:-1] + usual[-1] + slope * (film + people.mean())).astype("f4"),
            by_feature=half(last @ column_map.T),
            thresholds=network.head.thresholds().detach().numpy(),
            directions=half(network.directions),
            usual=weights.get("column_features", np.zeros((1, 0), "f4")).mean(axis=0),
            groups=np.cumsum([0, *map(len, groups)]),
            raters=config.raters,
            demographics=config.demographics,
        )

    def _features(self, people: People) -> np.ndarray:
        """(n, n_features): their fingerprints, of few films near the usual one; who they are."""
        width, n = self.directions.shape[1], np.diff(people.seen.indptr)[:, None]
        features = np.tile(self.usual, (len(people), 1))
        found = self.raters * (unit_masks(people.seen) @ self.directions)
        features[:, :width] += n / (n + DOUBT) * (found - features[:, :width])
        if people.about is not None:
            for start, stop in pairwise(self.groups):
                told = people.about[:, start:stop].any(axis=1)
                group = self.demographics * people.about[told, start:stop]
                features[told, width + start : width + stop] = group
        return features

    def _edges(self, stars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The thresholds between -inf and inf, and which of them is below each number of stars."""
        edges = np.concatenate([[-np.inf], self.thresholds, [np.inf]])
        return edges, level(stars, len(self.thresholds) + 1).astype(int)

    @BLAS.wrap(limits=1, user_api="blas")
    def vectors(self, people: People) -> np.ndarray:
        """(n, rank + 1) the most probable vectors of people, their biases last."""
        n, stars, features = np.diff(people.stars.indptr), people.stars, self._features(people)
        edges, levels = self._edges(stars.data)
        below, above = np.append(edges[levels], -np.inf), np.append(edges[levels + 1], np.inf)
        vectors = np.zeros((len(n), self.codes.shape[1]))
        rows = np.argsort(n, kind="stable")[(n == 0).sum() :]
        while len(rows):  # people with about as many ratings each, as many as fill a block
            size = n[rows[:BLOCK]] * np.arange(1, len(rows[:BLOCK]) + 1) * vectors.shape[1]
            block, rows = np.split(rows, [max(int(np.searchsorted(size, BLOCK, "right")), 1)])
            at = stars.indptr[block, None] + np.arange(n[block[-1]])
            at[at >= stars.indptr[block + 1, None]] = -1  # what is not there says nothing
            films = stars.indices[at]
            alike = (self.by_feature[films] @ features[block][:, :, None])[..., 0]
            expected = self.average[films] + alike
            vectors[block] = most_probable(self.codes[films], below[at], above[at], expected)
        return vectors

    def scores(self, people: People, films: Films = ALL) -> np.ndarray:
        """(n, n_films) scores of films at these positions, by default of all."""
        expected = self.average[films] + self._features(people) @ self.by_feature[films].T
        return expected + self.vectors(people).astype(np.float32) @ self.codes[films].T

    def distribution(self, people: People, films: Films = ALL) -> np.ndarray:
        """(n, n_films, n_levels): how likely each level is."""
        above = expit(self.scores(people, films)[..., None] - self.thresholds)
        return -np.diff(above, axis=-1, prepend=1, append=0)

    def predict(self, people: People) -> np.ndarray:
        """(n, n_items) expected stars."""
        scores = self.scores(people)
        exceeded = sum(expit(scores - threshold) for threshold in self.thresholds)
        return 1 + 4 / len(self.thresholds) * exceeded

    def posterior(self, person: People) -> tuple[np.ndarray, np.ndarray]:
        """The covariance (rank + 1, rank + 1) of one person's vector, by Laplace's approximation,
        and (n_items,) how sharply the stars of each film would tell its score."""
        scores, rated = self.scores(person)[0].astype(np.float64), person.stars.indices
        edges, levels = self._edges(person.stars.data)
        above = expit(scores[:, None] - edges)  # (n_items, n_levels + 1), from 1 down to 0
        slopes = above * (1 - above)
        sharp = slopes[:, :-1] + slopes[:, 1:]  # (n_items, n_levels): how each would tell the score
        codes = self.codes[rated].astype(np.float64)
        precision = np.eye(codes.shape[1]) + (codes.T * sharp[rated, levels]) @ codes
        return np.linalg.inv(precision), (-np.diff(above, axis=1) * sharp).sum(axis=1)


def most_probable(
    codes: np.ndarray, below: np.ndarray, above: np.ndarray, expected: np.ndarray
) -> np.ndarray:
    """(b, rank): of b people the v that maximise log P(stars | expected + codes v) - |v|² / 2.

    Newton's method climbs for all people at once; each step solves curvature . step = gradient by
    conjugate gradients, and no curvature is written down (Nocedal and Wright 2006, algorithm 7.1).
    codes: (b, n, rank). below, above: (b, n), the thresholds around each rating. expected: (b, n).
    """

    def forward(v: np.ndarray) -> np.ndarray:
        return (codes @ v.astype(np.float32)[..., None])[..., 0]

    def backward(w: np.ndarray) -> np.ndarray:
        return (w.astype(np.float32)[:, None] @ codes)[:, 0]

    def posterior(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = expected + forward(v)
        log_p = log_expit(scores - below) + log_expit(above - scores)
        return log_p.sum(axis=1) - (v * v).sum(axis=1) / 2, scores

    v = np.zeros((codes.shape[0], codes.shape[2]))
    reached, scores = posterior(v)
    for _ in range(30):
        least, more = expit(scores - below), expit(scores - above)
        gradient = backward(1 - least - more) - v
        weight = least * (1 - least) + more * (1 - more)
        step, rest, size = np.zeros_like(v), gradient, (gradient**2).sum(axis=1, keepdims=True)
        way, enough = rest, size * np.minimum(1e-2, np.sqrt(size))
        while (size > enough).any():
            turned = way + backward(weight * forward(way))
            pace = size / (way * turned).sum(axis=1, keepdims=True).clip(1e-30)
            step, rest, before = step + pace * way, rest - pace * turned, size
            size = (rest**2).sum(axis=1, keepdims=True)
            way = rest + size / before.clip(1e-30) * way
        length = np.ones((len(v), 1))
        for _ in range(30):  # a step that overshoots is halved
            now, scores = posterior(v + length * step)
            worse = now < reached - 1e-6
            if not worse.any():
                break
            length[worse] /= 2
        v, reached = v + length * step, now
        if (gradient * step).sum(axis=1).max() < 1e-6:
            break
    return v
