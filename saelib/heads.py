"""What the last layer's scores mean: stars, a distribution over stars, or a choice of films."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


def masked_loss(predicted: Tensor, ratings: Tensor) -> Tensor:
    """Mean squared error over the observed ratings (AutoRec, Sedhain et al. 2015, equation 2).

    predicted, ratings: (batch, n_columns) stars. A cell where `ratings` is 0 is not observed and
    takes no part in the loss nor in its gradient.
    """
    observed = ratings != 0
    return (predicted[observed] - ratings[observed]).square().mean()


class SquaredError(nn.Module):
    """A score is a number of stars."""

    def __init__(self, scale: tuple[float, float, float]):
        super().__init__()

    def offset(self, mean: Tensor, bias: Tensor) -> Tensor:
        """Scores of the bias baseline: global mean and row bias + column bias, in stars."""
        return mean + bias

    def loss(self, scores: Tensor, ratings: Tensor) -> Tensor:
        """See `masked_loss`."""
        return masked_loss(scores, ratings)

    def error(self, scores: Tensor, ratings: Tensor) -> float:
        """Mean squared error in stars squared, over the observed ratings."""
        return masked_loss(scores, ratings).item()

    def stars(self, scores: Tensor) -> Tensor:
        """Expected stars of scores of any shape."""
        return scores


class OrderedStars(nn.Module):
    """Stars as ordered categories: a score, cut by thresholds, is a distribution over the scale.

    P(stars > level k) = sigmoid(score - threshold k), the thresholds ascending: the cumulative
    link model (McCullagh 1980, 'Regression models for ordinal data'). One score says which stars
    are likely and how sure that is, and the step from 4 to 5 stars may be a larger one than that
    from 3 to 4.

    scale: lowest and highest rating, and the step between.
    """

    def __init__(self, scale: tuple[float, float, float]):
        super().__init__()
        self.low, high, self.step = scale
        self.n_levels = round((high - self.low) / self.step) + 1
        # The gaps are kept as logarithms, so that no step can put the thresholds out of order.
        self.first = nn.Parameter(torch.zeros(()))
        self.log_gaps = nn.Parameter(torch.zeros(self.n_levels - 2))
        # Scores are log-odds; how many of them a star of bias is worth is learned.
        self.slope = nn.Parameter(torch.tensor(1.7))

    @torch.no_grad()
    def start_from(self, stars: np.ndarray) -> None:
        """Set the thresholds so that a score of 0 predicts each level as often as it occurs."""
        levels = np.round((stars - self.low) / self.step).astype(int)
        counts = np.bincount(levels, minlength=self.n_levels) + 1.0
        below = np.cumsum(counts)[:-1] / counts.sum()
        thresholds = np.log(below / (1 - below))
        self.first.fill_(thresholds[0])
        self.log_gaps.copy_(torch.from_numpy(np.log(np.diff(thresholds))))

    def thresholds(self) -> Tensor:
        """(n_levels - 1,) ascending."""
        return self.first + torch.cat([torch.zeros(1), self.log_gaps.exp().cumsum(0)])

    def offset(self, mean: Tensor, bias: Tensor) -> Tensor:
        """Scores of the bias baseline; the thresholds stand in for the global mean."""
        return self.slope * bias

    def loss(self, scores: Tensor, ratings: Tensor) -> Tensor:
        """Mean of -log P(observed stars) over the observed ratings.

        scores, ratings: (batch, n_columns); a rating of 0 is not observed.
        """
        observed = ratings != 0
        score = scores[observed]
        level = ((ratings[observed] - self.low) / self.step).round().long()
        edge = torch.full((1,), torch.inf)
        edges = torch.cat([-edge, self.thresholds(), edge])
        below, above = score - edges[level], score - edges[level + 1]  # below > above
        # log(sigmoid(below) - sigmoid(above)), in a form that never takes the log of a small
        # difference.
        log_p = functional.logsigmoid(below) + functional.logsigmoid(-above)
        gap = (edges[level + 1] - edges[level]).clamp(max=1e4)
        return -(log_p + torch.log1p(-torch.exp(-gap))).mean()

    @torch.no_grad()
    def error(self, scores: Tensor, ratings: Tensor) -> float:
        """Mean squared error of the expected stars, over the observed ratings."""
        observed = ratings != 0
        return masked_loss(self.stars(scores[observed]), ratings[observed]).item()

    def exceeds(self, scores: Tensor) -> Tensor:
        """P(stars > level k) for all levels but the highest: (..., n_levels - 1)."""
        return torch.sigmoid(scores[..., None] - self.thresholds())

    def probabilities(self, scores: Tensor) -> Tensor:
        """P(stars = level k), (..., n_levels), summing to 1."""
        above = self.exceeds(scores)
        one, zero = torch.ones_like(above[..., :1]), torch.zeros_like(above[..., :1])
        return torch.cat([one, above], -1) - torch.cat([above, zero], -1)

    def stars(self, scores: Tensor) -> Tensor:
        """Expected stars: the lowest level, and a step for each level that is exceeded."""
        total = torch.zeros_like(scores)
        for threshold in self.thresholds():  # one level at a time: no array of all levels
            total += torch.sigmoid(scores - threshold)
        return self.low + self.step * total


class Choice(nn.Module):
    """A softmax over all films: which ones were seen, whatever the stars (Liang et al. 2018,
    'Variational autoencoders for collaborative filtering', section 2.2)."""

    def __init__(self, scale: tuple[float, float, float]):
        super().__init__()

    def loss(self, scores: Tensor, ratings: Tensor) -> Tensor:
        """Mean of -log P(film) over the films seen, people weighing as many as they saw."""
        return -functional.log_softmax(scores, dim=1)[ratings != 0].mean()

    def error(self, scores: Tensor, ratings: Tensor) -> float:
        """The loss itself, since nothing is said of stars."""
        return self.loss(scores, ratings).item()

    def stars(self, scores: Tensor) -> Tensor:
        """The scores as they are: they order films and are no stars."""
        return scores


HEADS = {"squared": SquaredError, "ordered": OrderedStars, "choice": Choice}
