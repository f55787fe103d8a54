"""Sparse autoencoders: only few of the code's units speak for a row."""

from __future__ import annotations

import torch
from torch import Tensor

from saelib.network.autoencoder import StackedAutoencoder
from saelib.network.cells import Cells

RARELY = 0.05  # how often a unit should speak, as in Ng's notes


def sparsity(code: Tensor, rarely: float = RARELY) -> Tensor:
    """How far units are from speaking rarely (Ng 2011, 'Sparse autoencoder', CS294A notes).

    code: (batch, n_code), activations in (0, 1). The mean activation of each unit over the batch is
    taken for the probability that it speaks. Returns the sum over the units of the Kullback-Leibler
    divergence of a Bernoulli variable with that probability from one with `rarely`, in nats.
    """
    speaks = code.mean(dim=0).clamp(1e-6, 1 - 1e-6)
    return (
        rarely * torch.log(rarely / speaks) + (1 - rarely) * torch.log((1 - rarely) / (1 - speaks))
    ).sum()


def keep_largest(code: Tensor, k: int) -> Tensor:
    """The k largest activations of each row, 0 elsewhere (Makhzani and Frey 2013, 'k-Sparse
    autoencoders'). code: (batch, n_code)."""
    kept = code.topk(k, dim=1)
    return torch.zeros_like(code).scatter(1, kept.indices, kept.values)


class SparseAutoencoder(StackedAutoencoder):
    """Every unit should speak rarely, so that it says something when it does."""

    def penalty(self, code: Tensor) -> Tensor:
        """See `sparsity`."""
        return self.config.penalty * sparsity(code)


class KSparseAutoencoder(StackedAutoencoder):
    """Of each row, the k loudest units speak and all others are silent."""

    def _encode(self, cells: Cells, row_features: Tensor | None) -> tuple[Tensor | None, Tensor]:
        row_bias, code = super()._encode(cells, row_features)
        return row_bias, keep_largest(code, self.config.k)
