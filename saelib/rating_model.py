"""How will you like it? Networks over both orientations of the matrix, and their average.

A network that reads people needs only a forward pass for someone new. One that reads films learns
a decoder vector for each person; someone new gets theirs from the codes of the films they rated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.special import expit

from saelib.features import DEMOGRAPHIC_GROUPS, Fingerprints, TrainingSet
from saelib.heads import OrderedStars
from saelib.model import BATCH, StackedAutoencoder
from saelib.preprocessing import BiasBaseline
from saelib.recipes import Recipe
from saelib.training import History, Oriented, build, fit, orient

RANK = 200  # directions in which people differ that are kept
SPREAD = 1.4  # the trained vectors, held back by weight decay, vary less than people do
DOUBT = 20  # ratings after which a new person's fingerprint is half trusted
NEWTON_STEPS = 8

Films = Sequence[int] | np.ndarray | slice  # positions in the catalogue
ALL = slice(None)


@dataclass(frozen=True)
class FoldIn:
    """A network over films, ready for people whom it does not know.

    A person's score of a film is (code of the film) . (vector of the person) + what is expected
    of anyone like them. The vectors of the people in training are taken as draws from a Gaussian;
    a new person's is the most probable one, given that prior and their stars. In coordinates in
    which the prior is N(0, I), that is an ordinal regression with a ridge penalty of 1 on the
    codes of the films rated; the log-likelihood is concave, and Newton's method solves it.

    codes: (n_items, RANK), in these coordinates. average: (n_items,), scores of an average
    person. by_feature: (n_items, n_features), what a person's features add. thresholds:
    (n_levels - 1,). film_bias: (n_items,), mean, shrinkage: of the bias baseline, in stars.
    slope: score per star of bias. components: (n_items, …), of the fingerprints. usual:
    (n_features,), of an average person. level: standard deviation of people's biases, as scores.
    raters, demographics: weights of the features. scale: as of the ratings.

    In the rows of ratings, a stored 0 is a film that was seen, without stars: it belongs to the
    fingerprint and to nothing else.
    """

    codes: np.ndarray
    average: np.ndarray
    by_feature: np.ndarray
    thresholds: np.ndarray
    film_bias: np.ndarray
    components: np.ndarray
    usual: np.ndarray
    mean: float
    shrinkage: float
    slope: float
    level: float
    raters: float
    demographics: float
    scale: tuple[float, float, float]

    @classmethod
    @torch.no_grad()
    def from_network(
        cls,
        model: StackedAutoencoder,
        recipe: Recipe,
        data: TrainingSet,
        oriented: Oriented,
        spread: float = SPREAD,
    ) -> FoldIn:
        """From a trained network over films, with what it was trained on.

        spread: factor on the prior's standard deviations, and on that of the biases.
        """
        codes = _decoder_codes(model.eval(), oriented.ratings, oriented.row_features)
        codes = np.hstack([codes, np.ones((len(codes), 1))])  # the last one meets the output bias
        vectors = torch.hstack([model.outputs.weight, model.outputs.bias[:, None]])
        vectors = vectors.numpy().astype(np.float64)  # (n_users, hidden + 1)
        variances, directions = np.linalg.eigh(np.cov(vectors.T))  # ascending
        widths = spread * np.sqrt(variances[-RANK:].clip(min=0))
        people_bias = model.column_bias.numpy().astype(np.float64)
        baseline = BiasBaseline(model.mean.item(), people_bias, model.shrinkage)
        arrays = {
            "codes": codes @ (directions[:, -RANK:] * widths),
            "average": codes @ vectors.mean(axis=0),
            "by_feature": codes[:, :-1] @ model.column_map.numpy().T,
            "thresholds": model.head.thresholds().numpy(),
            "film_bias": baseline.user_bias(oriented.ratings),
            "components": oriented.fingerprints.components,
            "usual": oriented.column_features.mean(axis=0),
        }
        return cls(
            **{name: array.astype(np.float32) for name, array in arrays.items()},
            mean=baseline.mean,
            shrinkage=model.shrinkage,
            slope=model.head.slope.item(),
            level=spread * model.head.slope.item() * float(people_bias.std()),
            raters=recipe.raters,
            demographics=recipe.demographics,
            scale=data.scale,
        )

    def scores(
        self, rows: csr_array, people: np.ndarray | None = None, films: Films = ALL
    ) -> np.ndarray:
        """(n, n_items) scores for n people. rows: (n, n_items) stars; people: demographics.

        films: positions of the films wanted, by default all.
        """
        expected = self._expected(rows, people)
        return expected[:, films] + self._vectors(rows, expected) @ self.codes[films].T

    def vectors(self, rows: csr_array, people: np.ndarray | None = None) -> np.ndarray:
        """(n, RANK) the most probable vectors of n people. rows: (n, n_items); people: as above."""
        return self._vectors(rows, self._expected(rows, people))

    def _vectors(self, rows: csr_array, expected: np.ndarray) -> np.ndarray:
        rows = _with_stars(rows)
        vectors = np.zeros((rows.shape[0], self.codes.shape[1]))
        for row, (start, stop) in enumerate(pairwise(rows.indptr)):
            rated = rows.indices[start:stop]
            vectors[row] = self.vector(rated, rows.data[start:stop], expected[row, rated])
        return vectors

    def vector(self, films: np.ndarray, stars: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """The most probable vector (RANK,) of a person, given stars of films and the prior.

        films: (n,) positions. stars: (n,). expected: (n,) scores without the vector.
        """
        codes = self.codes[films].astype(np.float64)
        vector = np.zeros(codes.shape[1])
        for _ in range(NEWTON_STEPS):
            below, above = self._sides(expected + codes @ vector, stars)
            gradient = codes.T @ (1 - below - above) - vector
            curvature = (below * (1 - below) + above * (1 - above)).clip(min=1e-9)
            step = _ridge_solve(codes, curvature, gradient)
            vector += step
            if np.abs(step).max() < 1e-4:
                break
        return vector

    def posterior(
        self, row: csr_array, person: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is known of one person, and how surely: row (1, n_items) of stars.

        The person's bias is one more coordinate, so that its uncertainty counts, too: its column
        of the codes is `level` for every film. Returns the scores (n_items,), the codes with that
        column (n_items, RANK + 1), and the covariance of the vector and the bias (RANK + 1,
        RANK + 1), by Laplace's approximation.
        """
        expected = self._expected(row, person)[0]
        row = _with_stars(row)
        vector = self.vector(row.indices, row.data, expected[row.indices])
        scores = expected + self.codes @ vector
        below, above = self._sides(scores[row.indices], row.data)
        curvature = below * (1 - below) + above * (1 - above)
        codes = np.hstack([self.codes, np.full((len(self.codes), 1), self.level)], dtype=np.float64)
        rated = codes[row.indices]
        return scores, codes, np.linalg.inv(np.eye(codes.shape[1]) + (rated.T * curvature) @ rated)

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

    def _expected(self, rows: csr_array, people: np.ndarray | None) -> np.ndarray:
        """(n, n_items): scores of people like these, before their vectors are known."""
        baseline = BiasBaseline(self.mean, self.film_bias, self.shrinkage)
        bias = baseline.predict(_with_stars(rows)) - self.mean
        features = self._features(rows, people)
        return self.slope * bias + self.average + features @ self.by_feature.T

    def _sides(self, scores: np.ndarray, stars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) each: P(at least the observed stars) and P(more than these)."""
        level = np.round((stars - self.scale[0]) / self.scale[2]).astype(int)
        edges = np.concatenate([[-np.inf], self.thresholds, [np.inf]])
        return expit(scores - edges[level]), expit(scores - edges[level + 1])

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
        if people is not None and features.shape[1] > width:
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


def _ridge_solve(rows: np.ndarray, weights: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve (I + rows' diag(weights) rows) x = right, in the smaller of the two dimensions.

    rows: (n, rank). With few ratings it is a system of n equations (Woodbury's identity).
    """
    n, rank = rows.shape
    if n >= rank:
        return np.linalg.solve((rows.T * weights) @ rows + np.eye(rank), right)
    inner = rows @ rows.T + np.diag(1 / weights)
    return right - rows.T @ np.linalg.solve(inner, rows @ right)


def _decoder_codes(
    model: StackedAutoencoder, rows: csr_array, row_features: np.ndarray | None
) -> np.ndarray:
    """(n_rows, hidden[0]) float64: what the last layer multiplies by the columns' vectors."""
    found = []
    for start in range(0, rows.shape[0], BATCH):
        part = slice(start, start + BATCH)
        known = None if row_features is None else torch.from_numpy(row_features[part])
        code = model.encode(torch.from_numpy(rows[part].toarray()), known)
        found.append(model.last_code(code).numpy())
    return np.concatenate(found).astype(np.float64)


@dataclass(frozen=True)
class RatingModel:
    """How will you like it? The average of one or several networks.

    Averaging the distributions of several networks averages their expected stars, too.
    """

    networks: list[StackedAutoencoder | FoldIn]

    def predict(self, rows: csr_array, people: np.ndarray | None = None) -> np.ndarray:
        """(n, n_items) expected stars. rows: (n, n_items) stars shown; people: demographics."""
        return self._average("predict", rows, people)

    def distribution(
        self, rows: csr_array, people: np.ndarray | None = None, films: Films = ALL
    ) -> np.ndarray:
        """(n, n_items, n_levels): how likely each number of stars is; see `is_ordered`.

        films: positions of the films wanted, by default all; few are quicker.
        """
        return self._average("distribution", rows, people, films)

    @property
    def is_ordered(self) -> bool:
        """Whether the networks predict distributions over stars, not only a number."""
        return all(
            isinstance(network, FoldIn) or isinstance(network.head, OrderedStars)
            for network in self.networks
        )

    @property
    def uses_demographics(self) -> bool:
        """Whether it makes a difference who the person is."""
        return any(
            len(network.usual) > network.components.shape[1]
            if isinstance(network, FoldIn)
            else network.n_row_features > 0
            for network in self.networks
        )

    def _average(self, method: str, *inputs) -> np.ndarray:
        total = 0
        for network in self.networks:
            total = total + getattr(network, method)(*inputs)
        return total / len(self.networks)


def fit_networks(
    recipes: Sequence[Recipe],
    data: TrainingSet,
    *,
    validation: csr_array | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> tuple[RatingModel, list[History]]:
    """Train the networks of a recipe, one after the other, and make them one model.

    validation: held-out ratings (n_users, n_items). checkpoint, resume, and Ctrl-C: see `fit`;
    each network has a file of its own, with its number at the end of the name. After Ctrl-C, the
    model consists of the networks so far.
    """
    networks, histories = [], []
    for number, recipe in enumerate(recipes):
        oriented = orient(recipe, data)
        by_people = recipe.rows == "people"
        its_seed = seed + 1000 * number
        model = build(recipe, data, oriented, its_seed)
        held_out = validation if by_people or validation is None else csr_array(validation.T)
        file = None if checkpoint is None else checkpoint.with_name(f"{checkpoint.name}{number}")
        history = fit(
            model,
            oriented.ratings,
            recipe,
            row_features=oriented.row_features,
            validation=held_out,
            seed=its_seed,
            checkpoint=file,
            resume=resume and (number == 0 or file.exists()),
            progress=progress,
        )
        networks.append(model if by_people else FoldIn.from_network(model, recipe, data, oriented))
        histories.append(history)
        if history.interrupted:
            break
    return RatingModel(networks), histories
