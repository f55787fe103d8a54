"""The cumulative link: from one score to a distribution over ordered stars. numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from saelib.data.scale import Scale


@dataclass(frozen=True)
class OrdinalLink:
    """P(stars > level k) = sigmoid(score - threshold k), see `heads.OrderedStars`.

    thresholds: (n_levels - 1,) ascending. scale: of the stars.
    """

    thresholds: np.ndarray
    scale: Scale

    def stars(self, scores: np.ndarray) -> np.ndarray:
        """Expected stars, of any shape: the lowest, and a step for each level exceeded."""
        low, step = self.scale.lowest, self.scale.step
        return low + step * sum(expit(scores - threshold) for threshold in self.thresholds)

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """(..., n_levels): how likely each number of stars is; they sum to 1."""
        above = expit(scores[..., None] - self.thresholds)
        return -np.diff(above, axis=-1, prepend=1, append=0)

    def edges(self, stars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) each: the thresholds below and above n observed stars."""
        level = self.scale.index(stars)
        edges = np.concatenate([[-np.inf], self.thresholds.astype(np.float64), [np.inf]])
        return edges[level], edges[level + 1]

    def sharpness(self, scores: np.ndarray) -> np.ndarray:
        """(n,) how sharply stars tell a score: the curvature of -log P(stars), on average."""
        exceeds = expit(scores[:, None] - self.thresholds)
        slopes = np.pad(exceeds * (1 - exceeds), ((0, 0), (1, 1)))
        return (self.probabilities(scores) * (slopes[:, :-1] + slopes[:, 1:])).sum(axis=1)
