"""The autoencoder family: each member adds one thing to the code or to the loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saelib.autoencoder import StackedAutoencoder
from saelib.cells import Cells


def sparsity(code: Tensor, rarely: float = 0.05) -> Tensor:
    """How far units are from speaking rarely (Ng 2011, 'Sparse autoencoder', CS294A notes).

    code: (batch, n_code), activations in 0 … 1, whose means are taken for how likely units speak.
    Returns the Kullback-Leibler divergences of these from `rarely`, summed, in nats.
    """
    q = code.mean(dim=0).clamp(1e-6, 1 - 1e-6)
    return (rarely * (rarely / q).log() + (1 - rarely) * ((1 - rarely) / (1 - q)).log()).sum()


def keep_largest(code: Tensor, k: int) -> Tensor:
    """The k largest activations of each row, 0 elsewhere (Makhzani and Frey 2013)."""
    kept = code.topk(k, dim=1)
    return torch.zeros_like(code).scatter(1, kept.indices, kept.values)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """(batch,) divergence of N(mean, variance) from N(0, 1), in nats (Kingma and Welling 2014)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2


class Sparse(StackedAutoencoder):
    """Every unit should speak rarely, so that it says something when it does."""

    weight = 1e-4

    def penalty(self, code: Tensor, cells: Cells) -> Tensor:
        return self.weight * sparsity(code)


class KSparse(StackedAutoencoder):
    """Of each row, the k loudest units speak and all others are silent."""

    k = 50

    def code_of(self, hidden: Tensor) -> Tensor:
        return keep_largest(super().code_of(hidden), self.k)


class Contractive(StackedAutoencoder):
    """A code that hardly moves when its inputs do (Rifai et al. 2011).

    The penalty is the squared norm of a tanh layer's Jacobian, the mean over the rows: of each
    unit, slope² times the sum of its squared weights.
    """

    weight = 1e-4

    def penalty(self, code: Tensor, cells: Cells) -> Tensor:
        squares = self.rating_inputs.square().sum(dim=0) + self.mask_inputs.square().sum(dim=0)
        return self.weight * ((1 - code.square()).square() @ squares).mean()


class Variational(StackedAutoencoder):
    """In training the decoder reads a draw from the code's distribution; afterwards its mean.

    The divergence is weighed for each rating, so that a weight of 1 bounds -log P(ratings).
    """

    weight = 0.2

    def __init__(self, *sizes):
        super().__init__(*sizes)
        before, width = self.config.hidden[-2:]
        self.log_variance = nn.Linear(before, width)

    def code_of(self, hidden: Tensor) -> Tensor:
        *layers, last = self.encoder
        for layer in layers:
            hidden = self.activation(layer(hidden))
        mean, log_variance = last(hidden), self.log_variance(hidden)
        self.divergence = divergence(mean, log_variance).sum()
        noise = torch.randn_like(mean) if self.training else 0
        return mean + (log_variance / 2).exp() * noise

    def penalty(self, code: Tensor, cells: Cells) -> Tensor:
        return self.weight * self.divergence / len(cells.stars)


MEMBERS: dict[str, type[StackedAutoencoder]] = {
    "plain": StackedAutoencoder,
    "sparse": Sparse,
    "k-sparse": KSparse,
    "contractive": Contractive,
    "variational": Variational,
}
