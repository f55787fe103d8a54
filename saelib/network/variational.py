"""The variational autoencoder: a row's code is a distribution, not a point."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saelib.network.autoencoder import StackedAutoencoder
from saelib.network.cells import Cells, hide_inputs

ANNEALED = 0.5  # share of the training in which the penalty rises to its full weight


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """(batch,) Kullback-Leibler divergence of N(mean, variance) from N(0, 1), in nats.

    mean, log_variance: (batch, n_code), of independent units (Kingma and Welling 2014,
    'Auto-encoding variational Bayes', appendix B).
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2


class VariationalAutoencoder(StackedAutoencoder):
    """In training, the decoder reads a draw from the code's distribution; afterwards its mean.

    The distribution is to stay near N(0, 1) (Kingma and Welling 2014; for films seen, Liang et al.
    2018, 'Variational autoencoders for collaborative filtering', who anneal that penalty, too).
    The last layer of the encoder gives the mean, without an activation; one beside it gives the
    logarithm of the variance.
    """

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        *_, before, width = self.config.hidden
        self.log_variance = nn.Linear(before, width)

    def loss(
        self, ratings: Tensor | Cells, row_features: Tensor | None = None, done: float = 1.0
    ) -> tuple[Tensor, float]:
        """-log P(ratings | code) + penalty * divergence, both for each rating; and the error.

        With a penalty of 1 that is the bound on -log P(ratings) which gives the family member its
        name. done: share of the training that is over; the penalty is annealed.
        """
        cells = hide_inputs(Cells.of(ratings), self.config.input_dropout)
        row_bias, last = self._before_code(cells, row_features)
        mean, log_variance = self.encoder[-1](last), self.log_variance(last)
        code = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)  # differentiable
        scores = self.decode_cells(self._drop(code), cells, row_bias)
        weight = self.config.penalty * min(done / ANNEALED, 1)
        told = divergence(mean, log_variance).sum() / len(cells.stars)
        loss = self.head.loss(scores, cells.stars) + weight * told
        return loss, self.head.error(scores.detach(), cells.stars)

    def gaussian(
        self, ratings: Tensor | Cells, row_features: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(batch, n_code) each: mean and log variance of the code of ratings (batch, n_columns)."""
        _, last = self._before_code(Cells.of(ratings), row_features)
        return self.encoder[-1](last), self.log_variance(last)

    def inner_layers(self) -> list[nn.Linear]:
        """Those of the stacked autoencoder, and the variance's."""
        return [*super().inner_layers(), self.log_variance]

    def _encode(self, cells: Cells, row_features: Tensor | None) -> tuple[Tensor | None, Tensor]:
        row_bias, last = self._before_code(cells, row_features)
        return row_bias, self.encoder[-1](last)

    def _before_code(
        self, cells: Cells, row_features: Tensor | None
    ) -> tuple[Tensor | None, Tensor]:
        """The rows' biases, and the layer before the code."""
        row_bias, first = self._first_layer(cells, row_features)
        return row_bias, self._through(self.encoder[:-1], first)
