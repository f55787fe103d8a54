"""The contractive autoencoder: a code that hardly moves when its inputs do."""

from __future__ import annotations

import torch
from torch import Tensor

from saelib.network.autoencoder import StackedAutoencoder

# The slope of each activation, from its value.
SLOPES = {
    "relu": lambda code: (code > 0).to(code.dtype),
    "tanh": lambda code: 1 - code.square(),
    "sigmoid": lambda code: code * (1 - code),
    "linear": lambda code: code.new_ones(code.shape),
}


class ContractiveAutoencoder(StackedAutoencoder):
    """The squared Frobenius norm of the encoder's Jacobian is a part of the loss.

    Rifai et al. 2011, 'Contractive auto-encoders: explicit invariance during feature extraction'.
    """

    def penalty(self, code: Tensor) -> Tensor:
        """penalty times the mean over the rows of |J|^2.

        J, (n_code, n_inputs), is of one row's code by all that its first layer multiplies with a
        rating or a mask: J_ji = slope_j W_ij, so |J|^2 = sum over j of slope_j^2 |W_j|^2.
        """
        squares = torch.stack([bag.weight.square().sum(dim=0) for bag in self.bags]).sum(dim=0)
        slopes = SLOPES[self.config.activation](code)  # (batch, n_code)
        return self.config.penalty * (slopes.square() @ squares).mean()
