"""What the last layer's scores mean: stars, a distribution over stars, or which films are seen."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from saelib.data.scale import Scale
from saelib.network.link import OrdinalLink


def masked_loss(predicted: Tensor, ratings: Tensor) -> Tensor:
    """Mean squared error over the observed ratings (AutoRec, Sedhain et al. 2015, equation 2).

    predicted, ratings: stars, (batch, n_columns) or of any other shape. A cell where `ratings` is 0
    is not observed and takes no part in the loss nor in its gradient.
    """
    observed = ratings != 0
    return (predicted[observed] - ratings[observed]).square().mean()


class Head(nn.Module):
    """What a network's scores mean. scale: of the ratings.

    Training asks only for the ratings that are observed: scores and stars are those of n ratings.
    """

    is_ordered = False  # whether a score is a distribution over stars

    def __init__(self, scale: Scale):
        super().__init__()
        self.scale = scale

    def start_from(self, stars: np.ndarray) -> None:
        """Prepare for ratings (n,) like these, before any training."""

    def link(self) -> OrdinalLink:
        """What makes a distribution over stars of a score, without torch; ordered stars only."""
        raise NotImplementedError

    def offset(self, mean: Tensor, bias: Tensor) -> Tensor:
        """Scores of the bias baseline: global mean, and row bias + column bias, in stars."""
        return mean + bias

    def loss(self, scores: Tensor, stars: Tensor) -> Tensor:
        """What training minimises, of the scores (n,) of ratings with these stars (n,)."""
        raise NotImplementedError

    def error(self, scores: Tensor, stars: Tensor) -> float:
        """Mean squared error of the expected stars, stars squared; arguments as for `loss`."""
        return (self.stars(scores) - stars).square().mean().item()

    def stars(self, scores: Tensor) -> Tensor:
        """Expected stars of scores of any shape."""
        return scores


class SquaredError(Head):
    """A score is a number of stars."""

    def loss(self, scores: Tensor, stars: Tensor) -> Tensor:
        """Mean squared error."""
        return (scores - stars).square().mean()


class OrderedStars(Head):
    """Stars as ordered categories: a score, cut by thresholds, is a distribution over the scale.

    P(stars > level k) = sigmoid(score - threshold k), the thresholds ascending: the cumulative
    link model (McCullagh 1980, 'Regression models for ordinal data'). One score says which stars
    are likely and how sure that is, and the step from 4 to 5 stars may be a larger one than that
    from 3 to 4.
    """

    is_ordered = True

    def __init__(self, scale: Scale):
        super().__init__(scale)
        # The gaps are kept as logarithms, so that no step can put the thresholds out of order.
        self.first = nn.Parameter(torch.zeros(()))
        self.log_gaps = nn.Parameter(torch.zeros(scale.n_levels - 2))
        # Scores are log-odds; how many of them a star of bias is worth is learned.
        self.slope = nn.Parameter(torch.tensor(1.7))

    @torch.no_grad()
    def start_from(self, stars: np.ndarray) -> None:
        """Set the thresholds so that a score of 0 predicts each level as often as it occurs."""
        counts = np.bincount(self.scale.index(stars), minlength=self.scale.n_levels) + 1.0
        below = np.cumsum(counts)[:-1] / counts.sum()
        thresholds = np.log(below / (1 - below))
        self.first.fill_(thresholds[0])
        self.log_gaps.copy_(torch.from_numpy(np.log(np.diff(thresholds))))

    def thresholds(self) -> Tensor:
        """(n_levels - 1,) ascending."""
        return self.first + torch.cat([self.first.new_zeros(1), self.log_gaps.exp().cumsum(0)])

    def link(self) -> OrdinalLink:
        """The thresholds as they stand."""
        return OrdinalLink(self.thresholds().detach().cpu().numpy(), self.scale)

    def offset(self, mean: Tensor, bias: Tensor) -> Tensor:
        """Scores of the bias baseline; the thresholds stand in for the global mean."""
        return self.slope * bias

    def loss(self, scores: Tensor, stars: Tensor) -> Tensor:
        """Mean of -log P(stars)."""
        level = ((stars - self.scale.lowest) / self.scale.step).round().long()
        edge = scores.new_full((1,), torch.inf)
        edges = torch.cat([-edge, self.thresholds(), edge])
        lower, upper = edges[level], edges[level + 1]
        below, above = scores - lower, scores - upper  # below > above
        # log(sigmoid(below) - sigmoid(above)), in a form that never takes the log of a small
        # difference.
        log_p = functional.logsigmoid(below) + functional.logsigmoid(-above)
        gaps = edges.diff().clamp(max=1e4)
        return -(log_p + torch.log1p(-torch.exp(-gaps))[level]).mean()

    @torch.no_grad()
    def error(self, scores: Tensor, stars: Tensor) -> float:
        """Mean squared error of the expected stars, stars squared."""
        return super().error(scores, stars)

    def stars(self, scores: Tensor) -> Tensor:
        """Expected stars: the lowest level, and a step for each level that is exceeded."""
        total = torch.zeros_like(scores)
        for threshold in self.thresholds():  # one level at a time: no array of all levels
            total += torch.sigmoid(scores - threshold)
        return self.scale.lowest + self.scale.step * total


class Multinomial(Head):
    """A softmax over all films: which ones were seen, whatever the stars (Liang et al. 2018,
    'Variational autoencoders for collaborative filtering', section 2.2)."""

    def log_p(self, scores: Tensor) -> Tensor:
        """log P(column) of the scores of all columns, (batch, n_columns) each."""
        return functional.log_softmax(scores, dim=1)

    def loss(self, scores: Tensor, stars: Tensor) -> Tensor:
        """Mean of -log P(film) over the films seen, people weighing as many as they saw.

        scores: (n,) log P of each film that was seen, see `log_p`. stars: do not matter.
        """
        return -scores.mean()

    def error(self, scores: Tensor, stars: Tensor) -> float:
        """The loss itself, since nothing is said of stars: scores order films."""
        return self.loss(scores, stars).item()


HEADS: dict[str, type[Head]] = {
    "squared": SquaredError,
    "ordered": OrderedStars,
    "multinomial": Multinomial,
}
