"""The autoencoder family: each member adds one thing to the code or to the loss."""

import torch
from torch import Tensor, nn

from saelib.autoencoder import StackedAutoencoder
from saelib.cells import Cells


class Sparse(StackedAutoencoder):
    """Penalty: the divergence, in nats, of mean activations in 0 … 1 from `rarely` (Ng 2011)."""

    weight, rarely = 1e-4, 0.05

    def penalty(self, code: Tensor, cells: Cells) -> Tensor:
        p, q = self.rarely, code.mean(dim=0).clamp(1e-6, 1 - 1e-6)
        return self.weight * (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).sum()


class KSparse(StackedAutoencoder):
    """Of each row, the k loudest units speak; all others are silent (Makhzani and Frey 2013)."""

    k = 50

    def code_of(self, hidden: Tensor) -> Tensor:
        code = super().code_of(hidden)
        kept = code.topk(self.k, dim=1)
        return torch.zeros_like(code).scatter(1, kept.indices, kept.values)


class Contractive(StackedAutoencoder):
    """Penalty: the mean squared norm of a tanh layer's Jacobian (Rifai et al. 2011)."""

    weight = 1e-4

    def penalty(self, code: Tensor, cells: Cells) -> Tensor:
        squares = self.rating_inputs.square().sum(dim=0) + self.mask_inputs.square().sum(dim=0)
        return self.weight * ((1 - code.square()).square() @ squares).mean()


class Variational(StackedAutoencoder):
    """In training the decoder reads a draw from the code's distribution; afterwards its mean.

    The divergence from N(0, 1), in nats (Kingma and Welling 2014), is weighed for each rating, so
    that a weight of 1 bounds -log P(ratings).
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
        of_units = mean.square() + log_variance.exp() - 1 - log_variance
        self.divergence = (of_units.sum(dim=1) / 2).sum()
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
