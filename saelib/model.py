"""The stacked autoencoder: from the known ratings of a row to a score for every column.

A row is a person and the columns are films, or the other way round: the same network reads both
orientations of the matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from saelib.heads import HEADS, OrderedStars
from saelib.preprocessing import BiasBaseline

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}
INPUTS = ("stars", "residuals", "residuals+mask", "mask")
BATCH = 256  # rows predicted at a time


class StackedAutoencoder(nn.Module):
    """Encoder and decoder as stacks of layers, mirrored around the latent code.

    n_columns: length of a row of ratings. hidden: sizes of the encoder's layers, the last is the
    latent code; the decoder runs through them backwards. dropout: on the latent code.

    inputs: what the network reads of a row.
      'stars'           the stars, 0 where nothing is rated (then the last layer has an activation)
      'residuals'       what is left of each rating after the bias baseline
      'residuals+mask'  and beside it which columns are rated at all: so 'not rated' and 'rated as
                        expected' look different
      'mask'            only that
    All but the stars are scaled by 3 / sqrt(number of ratings), so that long and short rows drive
    the network alike. With residuals, the output is a correction of the baseline.

    head: what the scores mean, 'squared' | 'ordered' | 'choice' (see `heads`), on `scale`.
    skips: layers between two of the same width add what they compute to what they were given, and
    start at adding nothing (He et al. 2016, 'Deep residual learning').
    n_row_features: length of a further input, such as who the person is, times row_scale.
    n_column_features: what is known of each column, such as a film's genres. Its decoder vector is
    then a vector of its own plus a linear map of these features.
    """

    def __init__(
        self,
        n_columns: int,
        hidden: Sequence[int] = (128, 64),
        *,
        inputs: str = "stars",
        activation: str = "relu",
        dropout: float = 0.5,
        skips: bool = False,
        head: str = "squared",
        scale: Sequence[float] = (1.0, 5.0, 1.0),
        n_row_features: int = 0,
        row_scale: float = 1.0,
        n_column_features: int = 0,
        shrinkage: float = 5.0,
    ):
        super().__init__()
        self.settings = {
            "n_columns": n_columns,
            "hidden": list(hidden),
            "inputs": inputs,
            "activation": activation,
            "dropout": dropout,
            "skips": skips,
            "head": head,
            "scale": list(scale),
            "n_row_features": n_row_features,
            "row_scale": row_scale,
            "n_column_features": n_column_features,
            "shrinkage": shrinkage,
        }
        if inputs not in INPUTS:
            raise ValueError(f"inputs {inputs!r} is none of {', '.join(INPUTS)}.")
        self.inputs, self.row_scale, self.shrinkage = inputs, row_scale, shrinkage
        self.skips = skips
        self.residuals = "residuals" in inputs
        self.n_row_features = n_row_features
        self.activation = ACTIVATIONS[activation]
        self.head = HEADS[head](tuple(scale))
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("column_bias", torch.zeros(n_columns))

        # A row has few ratings, so the first layer adds up the weight vectors of the columns
        # rated instead of multiplying by mostly zeros: what nn.Linear computes, at a fraction of
        # the cost. nn.Linear's initialisation, too.
        bound = (n_columns * (2 if inputs == "residuals+mask" else 1)) ** -0.5
        bags = {
            "rating_inputs": inputs != "mask",
            "mask_inputs": "mask" in inputs,
        }
        for name, wanted in bags.items():
            if wanted:
                bag = nn.EmbeddingBag(n_columns, hidden[0], mode="sum")
                nn.init.uniform_(bag.weight, -bound, bound)
                self.add_module(name, bag)
        self.input_bias = nn.Parameter(torch.empty(hidden[0]).uniform_(-bound, bound))
        if n_row_features:
            self.row_inputs = nn.Linear(n_row_features, hidden[0], bias=False)
        self.encoder = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(hidden))
        self.dropout = nn.Dropout(dropout)
        self.decoder = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(reversed(hidden)))
        for layer in [*self.encoder, *self.decoder]:
            if self._skips(layer):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)
        self.outputs = nn.Linear(hidden[0], n_columns)
        if n_column_features:
            self.register_buffer("column_features", torch.zeros(n_columns, n_column_features))
            self.column_map = nn.Parameter(torch.zeros(n_column_features, hidden[0]))

    def set_baseline(self, baseline: BiasBaseline) -> None:
        """Keep the global mean and the column biases with the weights, as buffers."""
        self.mean.fill_(baseline.mean)
        self.column_bias.copy_(torch.from_numpy(np.asarray(baseline.item_bias)))

    def forward(self, ratings: Tensor, row_features: Tensor | None = None) -> Tensor:
        """Scores for every column.

        ratings: (batch, n_columns) stars, 0 = not rated. row_features: (batch, n_row_features).
        Returns (batch, n_columns); `self.head.stars` turns them into stars.
        """
        baseline, code = self._encode(ratings, row_features)
        return self.decode(self.dropout(code), baseline)

    def encode(self, ratings: Tensor, row_features: Tensor | None = None) -> Tensor:
        """The latent code, (batch, hidden[-1]), of ratings (batch, n_columns)."""
        return self._encode(ratings, row_features)[1]

    def decode(self, code: Tensor, baseline: Tensor | None = None) -> Tensor:
        """Scores (batch, n_columns) from codes (batch, hidden[-1]) and the baseline's scores."""
        code = self.last_code(code)
        output = self.outputs(code)
        if hasattr(self, "column_map"):
            # The columns' vectors are never written out: this is the cheaper order to multiply.
            output = output + code @ self.column_map.T @ self.column_features.T
        if self.inputs == "stars":
            output = self.activation(output)
        return output if baseline is None else baseline + output

    def _encode(self, ratings: Tensor, row_features: Tensor | None) -> tuple[Tensor | None, Tensor]:
        """The baseline's scores (None without residuals) and the latent code."""
        rows, columns = ratings.nonzero(as_tuple=True)  # (n,) each, for n ratings in the batch
        stars = ratings[rows, columns]
        n_ratings = torch.bincount(rows, minlength=len(ratings))
        starts = n_ratings.cumsum(0) - n_ratings  # where each row's ratings begin
        scale = 3 / n_ratings.clamp(min=1).sqrt()[rows]
        baseline, hidden = None, self.input_bias
        if self.inputs == "stars":
            hidden = hidden + self.rating_inputs(columns, starts, stars)
        if self.residuals:
            left = stars - self.mean - self.column_bias[columns]
            row_bias = torch.zeros(len(ratings)).index_add_(0, rows, left)
            row_bias = row_bias / (n_ratings + self.shrinkage)
            baseline = self.head.offset(self.mean, row_bias[:, None] + self.column_bias)
            left = (left - row_bias[rows]) * scale
            hidden = hidden + self.rating_inputs(columns, starts, left)
        if "mask" in self.inputs:
            hidden = hidden + self.mask_inputs(columns, starts, scale)
        if self.n_row_features and row_features is not None:
            hidden = hidden + self.row_scale * self.row_inputs(row_features)
        return baseline, self._through(self.encoder, self.activation(hidden))

    def last_code(self, code: Tensor) -> Tensor:
        """(batch, hidden[0]): what the last layer multiplies by the columns' vectors."""
        return self._through(self.decoder, code)

    def _through(self, layers: nn.ModuleList, code: Tensor) -> Tensor:
        for layer in layers:
            step = self.activation(layer(code))
            code = code + step if self._skips(layer) else step
        return code

    def _skips(self, layer: nn.Linear) -> bool:
        return self.skips and layer.in_features == layer.out_features

    def predict(self, rows: csr_array, row_features: np.ndarray | None = None) -> np.ndarray:
        """Expected stars for every column, dropout off, not clipped to the scale.

        rows: (n_rows, n_columns) stars shown. row_features: (n_rows, n_row_features).
        Returns (n_rows, n_columns) float32.
        """
        return self._in_batches(self.head.stars, rows, row_features)

    def distribution(
        self,
        rows: csr_array,
        row_features: np.ndarray | None = None,
        columns: Sequence[int] | np.ndarray | slice = slice(None),
    ) -> np.ndarray:
        """(n_rows, n_columns, n_levels): how likely each number of stars is; ordered stars only.

        columns: those wanted, by default all.
        """
        return self._in_batches(
            lambda scores: self.head.probabilities(scores[:, columns]), rows, row_features
        )

    def person_codes(self, rows: csr_array, row_features: np.ndarray | None = None) -> np.ndarray:
        """(n_rows, hidden[-1]) the latent codes of people, where rows are people."""
        return self._in_batches(lambda code: code, rows, row_features, self.encode)

    def decoder_codes(self, rows: csr_array, row_features: np.ndarray | None = None) -> np.ndarray:
        """(n_rows, hidden[0]) float64: what the last layer multiplies by the columns' vectors."""
        codes = self._in_batches(self.last_code, rows, row_features, self.encode)
        return codes.astype(np.float64)

    def column_vectors(self) -> np.ndarray:
        """(n_columns, hidden[0] + 1) float64: the columns' own vectors, the output bias last."""
        with torch.no_grad():
            vectors = torch.hstack([self.outputs.weight, self.outputs.bias[:, None]])
        return vectors.numpy().astype(np.float64)

    @property
    def is_ordered(self) -> bool:
        """Whether it predicts a distribution over stars, not only a number."""
        return isinstance(self.head, OrderedStars)

    @property
    def uses_demographics(self) -> bool:
        """Whether it makes a difference who a person is, where rows are people."""
        return self.n_row_features > 0

    def arrays(self) -> dict[str, np.ndarray]:
        """All weights and buffers by name."""
        return {name: value.numpy() for name, value in self.state_dict().items()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], settings: dict) -> StackedAutoencoder:
        """The network that has these `settings` and `arrays`."""
        network = cls(**settings)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
        return network.eval()

    @torch.no_grad()
    def _in_batches(
        self, meaning, rows: csr_array, row_features: np.ndarray | None, network=None
    ) -> np.ndarray:
        """What `meaning` makes of the network's output, dropout off; network: forward or a part."""
        was_training = self.training
        self.eval()
        found = []
        for start in range(0, rows.shape[0], BATCH):
            batch = slice(start, start + BATCH)
            known = None if row_features is None else torch.from_numpy(row_features[batch])
            output = (network or self)(torch.from_numpy(rows[batch].toarray()), known)
            found.append(meaning(output).numpy())
        self.train(was_training)
        return np.concatenate(found)
