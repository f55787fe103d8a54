"""The stacked autoencoder: from the known ratings of a row to a score for every column.

A row is a person and the columns are films, or the other way round: the same network reads both
orientations of the matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from saelib.data.scale import WHOLE_STARS, Scale
from saelib.network.baseline import BiasBaseline
from saelib.network.config import NetworkConfig
from saelib.network.heads import HEADS, Head
from saelib.network.recipes import PLAIN

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "linear": lambda hidden: hidden,
}
BATCH = 256  # rows predicted at a time


def hide_inputs(ratings: Tensor, input_dropout: tuple[float, float]) -> Tensor:
    """Set a random share, drawn for each row from U(low, high), of the ratings to 'not rated'."""
    share = torch.empty(len(ratings), 1).uniform_(*input_dropout)
    return ratings * (torch.rand_like(ratings) >= share)


class StackedAutoencoder(nn.Module):
    """Encoder and decoder as stacks of layers, mirrored around the latent code.

    n_columns: length of a row of ratings. config: what the network is, see `NetworkConfig`; by
    default that of the lessons. scale: of the ratings, all above 0.
    n_row_features: length of a further input, such as who the person is, times row_scale.
    n_column_features: what is known of each column, such as a film's genres. Its decoder vector is
    then a vector of its own plus a linear map of these features.
    """

    head: Head
    mean: Tensor
    column_bias: Tensor
    column_features: Tensor

    def __init__(
        self,
        n_columns: int,
        config: NetworkConfig = PLAIN,
        *,
        scale: Scale = WHOLE_STARS,
        n_row_features: int = 0,
        row_scale: float = 1.0,
        n_column_features: int = 0,
    ):
        super().__init__()
        self.config = config
        self.sizes = {
            "n_columns": n_columns,
            "n_row_features": n_row_features,
            "row_scale": row_scale,
            "n_column_features": n_column_features,
        }
        self.row_scale, self.n_row_features = row_scale, n_row_features
        self.n_column_features = n_column_features
        self.activation = ACTIVATIONS[config.activation]
        self.head = HEADS[config.head](scale)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("column_bias", torch.zeros(n_columns))

        # A row has few ratings, so the first layer adds up the weight vectors of the columns
        # rated instead of multiplying by mostly zeros: what nn.Linear computes, at a fraction of
        # the cost. nn.Linear's initialisation, too.
        hidden = config.hidden
        bound = (n_columns * (2 if config.inputs == "residuals+mask" else 1)) ** -0.5

        def bag() -> nn.EmbeddingBag:
            made = nn.EmbeddingBag(n_columns, hidden[0], mode="sum")
            nn.init.uniform_(made.weight, -bound, bound)
            return made

        if config.inputs != "mask":
            self.rating_inputs = bag()
        if "mask" in config.inputs:
            self.mask_inputs = bag()
        self.input_bias = nn.Parameter(torch.empty(hidden[0]).uniform_(-bound, bound))
        if n_row_features:
            self.row_inputs = nn.Linear(n_row_features, hidden[0], bias=False)
        self.encoder = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(hidden))
        self.dropout = nn.Dropout(config.dropout)
        self.decoder = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(reversed(hidden)))
        self.outputs = nn.Linear(hidden[0], n_columns)
        if n_column_features:
            self.register_buffer("column_features", torch.zeros(n_columns, n_column_features))
            self.column_map = nn.Parameter(torch.zeros(n_column_features, hidden[0]))

    @property
    def bags(self) -> list[nn.EmbeddingBag]:
        """The first layer's weights, (n_columns, hidden[0]), of each input read of a column."""
        return [part for part in self.children() if isinstance(part, nn.EmbeddingBag)]

    @property
    def residuals(self) -> bool:
        """Whether it corrects a bias baseline."""
        return "residuals" in self.config.inputs

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
        if self.n_column_features:
            # The columns' vectors are never written out: this is the cheaper order to multiply.
            output = output + code @ self.column_map.T @ self.column_features.T
        if self.config.inputs == "stars":
            output = self.activation(output)
        return output if baseline is None else baseline + output

    def loss(
        self, ratings: Tensor, row_features: Tensor | None = None, done: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """What a training step minimises, and the scores (batch, n_columns).

        A part of the inputs is hidden, and all ratings are asked for. done: the share of the
        training that is over.
        """
        shown = hide_inputs(ratings, self.config.input_dropout)
        baseline, code = self._encode(shown, row_features)
        scores = self.decode(self.dropout(code), baseline)
        return self.head.loss(scores, ratings) + self.penalty(code), scores

    def penalty(self, code: Tensor) -> Tensor | float:
        """What a member of the family adds to the loss, from codes (batch, hidden[-1])."""
        return 0.0

    def _encode(self, ratings: Tensor, row_features: Tensor | None) -> tuple[Tensor | None, Tensor]:
        """The baseline's scores (None without residuals) and the latent code."""
        baseline, first = self._first_layer(ratings, row_features)
        return baseline, self._through(self.encoder, first)

    def _first_layer(
        self, ratings: Tensor, row_features: Tensor | None
    ) -> tuple[Tensor | None, Tensor]:
        """The baseline's scores (None without residuals); the first layer, (batch, hidden[0])."""
        rows, columns = ratings.nonzero(as_tuple=True)  # (n,) each, for n ratings in the batch
        stars = ratings[rows, columns]
        n_ratings = torch.bincount(rows, minlength=len(ratings))
        starts = n_ratings.cumsum(0) - n_ratings  # where each row's ratings begin
        scale = 3 / n_ratings.clamp(min=1).sqrt()[rows]
        baseline, hidden = None, self.input_bias
        if self.config.inputs == "stars":
            hidden = hidden + self.rating_inputs(columns, starts, stars)
        if self.residuals:
            left = stars - self.mean - self.column_bias[columns]
            row_bias = torch.zeros(len(ratings)).index_add_(0, rows, left)
            row_bias = row_bias / (n_ratings + self.config.shrinkage)
            baseline = self.head.offset(self.mean, row_bias[:, None] + self.column_bias)
            left = (left - row_bias[rows]) * scale
            hidden = hidden + self.rating_inputs(columns, starts, left)
        if "mask" in self.config.inputs:
            hidden = hidden + self.mask_inputs(columns, starts, scale)
        if self.n_row_features and row_features is not None:
            hidden = hidden + self.row_scale * self.row_inputs(row_features)
        return baseline, self.activation(hidden)

    def last_code(self, code: Tensor) -> Tensor:
        """(batch, hidden[0]): what the last layer multiplies by the columns' vectors."""
        return self._through(self.decoder, code)

    def inner_layers(self) -> list[nn.Linear]:
        """The layers between two hidden ones, whose matrices are dense; see `inner_rate`."""
        return [*self.encoder, *self.decoder]

    def _through(self, layers: Iterable[nn.Module], code: Tensor) -> Tensor:
        for layer in layers:
            code = self.activation(layer(code))
        return code

    def predict(self, rows: csr_array, row_features: np.ndarray | None = None) -> np.ndarray:
        """Expected stars for every column, dropout off, not clipped to the scale.

        rows: (n_rows, n_columns) stars shown. row_features: (n_rows, n_row_features).
        Returns (n_rows, n_columns) float32.
        """
        return self.apply_to(self, rows, row_features, self.head.stars)

    def codes(self, rows: csr_array, row_features: np.ndarray | None = None) -> np.ndarray:
        """(n_rows, hidden[-1]): the latent codes of rows."""
        return self.apply_to(self.encode, rows, row_features)

    def decoder_codes(self, rows: csr_array, row_features: np.ndarray | None = None) -> np.ndarray:
        """(n_rows, hidden[0]) float64: what the last layer multiplies by the columns' vectors."""
        codes = self.apply_to(self.encode, rows, row_features, self.last_code)
        return codes.astype(np.float64)

    def column_vectors(self) -> np.ndarray:
        """(n_columns, hidden[0] + 1) float64: the columns' own vectors, the output bias last."""
        with torch.no_grad():
            vectors = torch.hstack([self.outputs.weight, self.outputs.bias[:, None]])
        return vectors.numpy().astype(np.float64)

    @torch.no_grad()
    def apply_to(
        self,
        part: Callable[[Tensor, Tensor | None], Tensor],
        rows: csr_array,
        row_features: np.ndarray | None = None,
        meaning: Callable[[Tensor], Tensor] = lambda output: output,
    ) -> np.ndarray:
        """What a part of the network makes of rows, batch by batch, dropout off.

        part: the network itself, or its `encode`. meaning: what is made of each output.
        """
        was_training = self.training
        self.eval()
        found = []
        for start in range(0, rows.shape[0], BATCH):
            batch = slice(start, start + BATCH)
            known = None if row_features is None else torch.from_numpy(row_features[batch])
            output = part(torch.from_numpy(rows[batch].toarray()), known)
            found.append(meaning(output).numpy())
        self.train(was_training)
        return np.concatenate(found)

    def to_arrays(self) -> tuple[dict[str, np.ndarray], dict]:
        """All weights and buffers by name, and the settings beside them."""
        arrays = {name: value.numpy() for name, value in self.state_dict().items()}
        return arrays, {
            "config": asdict(self.config),
            "scale": asdict(self.head.scale),
            **self.sizes,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], settings: dict) -> StackedAutoencoder:
        """The network that `to_arrays` took apart."""
        settings = settings | {
            "config": NetworkConfig(**settings["config"]),
            "scale": Scale(**settings["scale"]),
        }
        network = cls(**settings)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
        return network.eval()
