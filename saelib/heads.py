"""What the last layer's scores mean, and the loss that goes with it."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, pad

from saelib.matrix import level


def masked_loss(predicted: Tensor, ratings: Tensor) -> Tensor:
    """Mean squared error in stars where `ratings` is not 0 (AutoRec, Sedhain et al. 2015)."""
    observed = ratings != 0
    return (predicted[observed] - ratings[observed]).square().mean()


class Squared(nn.Module):
    """A score is a number of stars."""

    def __init__(self, n_levels: int):
        super().__init__()

    def stars(self, scores: Tensor) -> Tensor:
        """Expected stars."""
        return scores

    def loss(self, scores: Tensor, stars: Tensor) -> Tensor:
        """Mean squared error of the scores (n,) of ratings with these stars (n,)."""
        return (scores - stars).square().mean()


class Ordered(nn.Module):
    """P(stars > level k) = sigmoid(score - threshold k): cumulative links (McCullagh 1980)."""

    def __init__(self, n_levels: int):
        super().__init__()
        self.n_levels = n_levels
        # The gaps are kept as logarithms, so that no step can put the thresholds out of order.
        self.first = nn.Parameter(torch.zeros(1))
        self.gaps = nn.Parameter(torch.zeros(n_levels - 2))
        self.slope = nn.Parameter(torch.tensor(1.7))  # what a star of bias is worth

    @torch.no_grad()
    def start_from(self, stars: np.ndarray) -> None:
        """Set the thresholds so that a score of 0 predicts each level as often as it occurs."""
        counts = np.bincount(level(stars, self.n_levels).astype(int), minlength=self.n_levels) + 1.0
        below = np.cumsum(counts)[:-1] / counts.sum()
        thresholds = torch.from_numpy(np.log(below / (1 - below))).float()
        self.first.copy_(thresholds[:1])
        self.gaps.copy_(thresholds.diff().log())

    def thresholds(self) -> Tensor:
        """(n_levels - 1,) ascending."""
        return torch.cat([self.first, self.first + self.gaps.exp().cumsum(0)])

    def stars(self, scores: Tensor) -> Tensor:
        """Expected stars: 1, and an equal share of 4 for each level that is exceeded."""
        exceeded = torch.zeros_like(scores)
        for threshold in self.thresholds():  # one by one, so that no array of all levels is made
            exceeded += torch.sigmoid(scores - threshold)
        return 1 + 4 / (self.n_levels - 1) * exceeded

    def distribution(self, scores: Tensor) -> Tensor:
        """(…, n_levels): how likely each level is."""
        above = torch.sigmoid(scores[..., None] - self.thresholds())
        return pad(above, (1, 0), value=1.0) - pad(above, (0, 1))

    def loss(self, scores: Tensor, stars: Tensor) -> Tensor:
        """Mean of -log P(stars), of the scores (n,) of ratings with these stars (n,)."""
        at = level(stars, self.n_levels).long()
        end = scores.new_full((1,), torch.inf)
        edges = torch.cat([-end, self.thresholds(), end])
        # log(a - b) of two sigmoids is log a + log(1 - b) + log(1 - e^-gap): no small difference.
        log_p = logsigmoid(scores - edges[at]) + logsigmoid(edges[at + 1] - scores)
        gaps = edges.diff().clamp(max=1e4)
        return -(log_p + torch.log1p(-torch.exp(-gaps))[at]).mean()


HEADS = {"squared": Squared, "ordered": Ordered}
