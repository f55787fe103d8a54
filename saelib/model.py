"""The stacked autoencoder: from the ratings a person gave to a prediction for every film."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from saelib.preprocessing import BiasBaseline

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


class StackedAutoencoder(nn.Module):
    """Encoder and decoder as stacks of layers, mirrored around the latent code.

    The plain network (`residuals=False`) reads stars, 0 where a film is not rated, and writes
    stars through a last ReLU. With `residuals=True` it reads what is left of each rating after
    the bias baseline, and beside it the mask of what was rated, both scaled by 3 / sqrt(number of
    ratings); it writes a correction to the baseline. So 'not rated' and 'rated as expected' look
    different to it, and the network's only task is what the biases cannot tell.

    n_items: number of films. hidden: sizes of the encoder's layers, the last is the latent code;
    the decoder runs through them backwards. dropout: on the latent code. n_demographics: length
    of an optional further input, 0 for none.
    """

    def __init__(
        self,
        n_items: int,
        hidden: Sequence[int] = (128, 64),
        *,
        activation: str = "relu",
        dropout: float = 0.5,
        residuals: bool = False,
        n_demographics: int = 0,
        demographics_scale: float = 1.0,
        shrinkage: float = 5.0,
    ):
        super().__init__()
        self.settings = {
            "n_items": n_items,
            "hidden": list(hidden),
            "activation": activation,
            "dropout": dropout,
            "residuals": residuals,
            "n_demographics": n_demographics,
            "demographics_scale": demographics_scale,
            "shrinkage": shrinkage,
        }
        self.n_items, self.residuals = n_items, residuals
        self.n_demographics, self.demographics_scale = n_demographics, demographics_scale
        self.activation = ACTIVATIONS[activation]
        self.shrinkage = shrinkage
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("item_bias", torch.zeros(n_items))

        # A row has few ratings, so the first layer adds up the weight vectors of the films rated
        # instead of multiplying by mostly zeros: what nn.Linear computes, at a fraction of the
        # cost. nn.Linear's initialisation, too.
        n_inputs = n_items * (2 if residuals else 1)
        bound = n_inputs**-0.5
        self.rating_inputs = nn.EmbeddingBag(n_items, hidden[0], mode="sum")
        nn.init.uniform_(self.rating_inputs.weight, -bound, bound)
        if residuals:
            self.mask_inputs = nn.EmbeddingBag(n_items, hidden[0], mode="sum")
            nn.init.uniform_(self.mask_inputs.weight, -bound, bound)
        self.input_bias = nn.Parameter(torch.empty(hidden[0]).uniform_(-bound, bound))
        if n_demographics:
            self.person_inputs = nn.Linear(n_demographics, hidden[0], bias=False)
        self.encoder = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(hidden))
        self.dropout = nn.Dropout(dropout)
        self.decoder = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(reversed(hidden)))
        self.film_outputs = nn.Linear(hidden[0], n_items)

    def set_baseline(self, baseline: BiasBaseline) -> None:
        """Keep the global mean and the item biases with the weights, as buffers."""
        self.mean.fill_(baseline.mean)
        self.item_bias.copy_(torch.from_numpy(np.asarray(baseline.item_bias)))

    def forward(self, ratings: Tensor, demographics: Tensor | None = None) -> Tensor:
        """Predict stars for every film.

        ratings: (batch, n_items) stars, 0 = not rated. demographics: (batch, n_demographics).
        Returns (batch, n_items) stars, not clipped to the scale.
        """
        baseline, code = self._encode(ratings, demographics)
        return self.decode(self.dropout(code), baseline)

    def encode(self, ratings: Tensor, demographics: Tensor | None = None) -> Tensor:
        """The latent code, (batch, hidden[-1]), of ratings (batch, n_items)."""
        return self._encode(ratings, demographics)[1]

    def decode(self, code: Tensor, baseline: Tensor | None) -> Tensor:
        """Stars (batch, n_items) from codes (batch, hidden[-1]) and the baseline's stars."""
        for layer in self.decoder:
            code = self.activation(layer(code))
        output = self.film_outputs(code)
        return baseline + output if self.residuals else self.activation(output)

    def _encode(self, ratings: Tensor, demographics: Tensor | None) -> tuple[Tensor | None, Tensor]:
        """The baseline's stars (None in a plain network) and the latent code."""
        rows, films = ratings.nonzero(as_tuple=True)  # (n,) each, for n ratings in the batch
        stars = ratings[rows, films]
        n_ratings = torch.bincount(rows, minlength=len(ratings))
        starts = n_ratings.cumsum(0) - n_ratings  # where each person's ratings begin
        if self.residuals:
            left = stars - self.mean - self.item_bias[films]
            user_bias = torch.zeros(len(ratings)).index_add_(0, rows, left)
            user_bias = user_bias / (n_ratings + self.shrinkage)
            baseline = self.mean + user_bias[:, None] + self.item_bias
            scale = 3 / n_ratings.clamp(min=1).sqrt()[rows]
            hidden = self.rating_inputs(films, starts, (left - user_bias[rows]) * scale)
            hidden = hidden + self.mask_inputs(films, starts, scale)
        else:
            baseline = None
            hidden = self.rating_inputs(films, starts, stars)
        if self.n_demographics and demographics is not None:
            hidden = hidden + self.demographics_scale * self.person_inputs(demographics)
        code = self.activation(hidden + self.input_bias)
        for layer in self.encoder:
            code = self.activation(layer(code))
        return baseline, code

    @torch.no_grad()
    def predict(self, rows: csr_array, demographics: np.ndarray | None = None) -> np.ndarray:
        """Predict stars for every film, dropout off, not clipped to the scale.

        rows: (n_rows, n_items) stars shown. demographics: (n_rows, n_demographics).
        Returns (n_rows, n_items) float32.
        """
        was_training = self.training
        self.eval()
        output = np.empty(rows.shape, dtype=np.float32)
        for start in range(0, rows.shape[0], 256):
            batch = slice(start, start + 256)
            people = None if demographics is None else torch.from_numpy(demographics[batch])
            output[batch] = self(torch.from_numpy(rows[batch].toarray()), people).numpy()
        self.train(was_training)
        return output
