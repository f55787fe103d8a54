"""The stacked autoencoder: from the known ratings of a row to a score for every column.

A row is a person and the columns are films, or the other way round: the same network reads both
orientations of the matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from saelib.data.scale import WHOLE_STARS, Scale
from saelib.network.baseline import BiasBaseline
from saelib.network.cells import Cells, hide_inputs
from saelib.network.config import NetworkConfig
from saelib.network.heads import HEADS, Head, Multinomial
from saelib.network.processes import total
from saelib.network.recipes import PLAIN

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "linear": lambda hidden: hidden,
}
BATCH = 256  # rows predicted at a time


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
    # Of the hidden units, those of this process, and how many all have (see `shares`).
    units: slice | None = None
    all_units: int = 0

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
        self.sizes: dict[str, Any] = {
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
        # the cost (see `Cells`). nn.Linear's initialisation, too.
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

    def like(self, config: NetworkConfig) -> Self:
        """A fresh network for the same rows and columns."""
        return type(self)(config=config, scale=self.head.scale, **self.sizes)

    @property
    def bags(self) -> list[nn.EmbeddingBag]:
        """The first layer's weights, (n_columns, hidden[0]), of each input read of a column."""
        return [part for part in self.children() if isinstance(part, nn.EmbeddingBag)]

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.mean.device

    @property
    def residuals(self) -> bool:
        """Whether it corrects a bias baseline."""
        return "residuals" in self.config.inputs

    def set_baseline(self, baseline: BiasBaseline) -> None:
        """Keep the global mean and the column biases with the weights, as buffers."""
        self.mean.fill_(baseline.mean)
        self.column_bias.copy_(torch.from_numpy(np.asarray(baseline.item_bias)))

    def forward(self, ratings: Tensor | Cells, row_features: Tensor | None = None) -> Tensor:
        """Scores for every column.

        ratings: (batch, n_columns) stars, 0 = not rated, or the rated cells. row_features:
        (batch, n_row_features). Returns (batch, n_columns); `self.head.stars` makes stars of them.
        """
        row_bias, code = self._encode(Cells.of(ratings), row_features)
        return self.decode(self._drop(code), row_bias)

    def encode(self, ratings: Tensor | Cells, row_features: Tensor | None = None) -> Tensor:
        """The latent code, (batch, hidden[-1]), of ratings as in `forward`."""
        return self._encode(Cells.of(ratings), row_features)[1]

    def decode(self, code: Tensor, row_bias: Tensor | None = None) -> Tensor:
        """Scores (batch, n_columns), of codes (batch, hidden[-1]) and the rows' biases (batch,)."""
        code = self.last_code(code)
        output = code @ self.outputs.weight.T
        if self.n_column_features:
            # The columns' vectors are never written out: this is the cheaper order to multiply.
            output = output + code @ self.column_map.T @ self.column_features.T
        output = self._total(output) + self.outputs.bias
        if self.config.inputs == "stars":
            output = self.activation(output)
        if row_bias is None:
            return output
        return self.head.offset(self.mean, row_bias[:, None] + self.column_bias) + output

    def decode_cells(self, code: Tensor, cells: Cells, row_bias: Tensor | None = None) -> Tensor:
        """(n,): of the scores that `decode` gives, those of n cells, at the cost of these.

        A softmax is over all columns, so there the whole is decoded, and log P(column) returned.
        """
        if isinstance(self.head, Multinomial):
            return self.head.log_p(self.decode(code, row_bias))[cells.rows, cells.columns]
        code = self.last_code(code)
        output = cells.score(code, self.outputs.weight)
        if self.n_column_features:
            output = output + cells.score(code @ self.column_map.T, self.column_features)
        output = self._total(output) + self.outputs.bias[cells.columns]
        if self.config.inputs == "stars":
            output = self.activation(output)
        if row_bias is None:
            return output
        bias = row_bias[cells.rows] + self.column_bias[cells.columns]
        return self.head.offset(self.mean, bias) + output

    def loss(
        self, ratings: Tensor | Cells, row_features: Tensor | None = None, done: float = 1.0
    ) -> tuple[Tensor, float]:
        """What a training step minimises, and the error of the same scores, see `Head.error`.

        A part of the inputs is hidden, and all ratings are asked for. done: the share of the
        training that is over.
        """
        cells = hide_inputs(Cells.of(ratings), self.config.input_dropout)
        row_bias, code = self._encode(cells, row_features)
        scores = self.decode_cells(self._drop(code), cells, row_bias)
        loss = self.head.loss(scores, cells.stars) + self.penalty(code)
        return loss, self.head.error(scores.detach(), cells.stars)

    def penalty(self, code: Tensor) -> Tensor | float:
        """What a member of the family adds to the loss, from codes (batch, hidden[-1])."""
        return 0.0

    def _drop(self, code: Tensor) -> Tensor:
        """Dropout; every process draws for all units, so that the draws are those of one alone."""
        if self.units is None:
            return self.dropout(code)
        return code * self.dropout(code.new_ones(len(code), self.all_units))[:, self.units]

    def _total(self, scores: Tensor) -> Tensor:
        """Scores by all hidden units, of which this process may have only some."""
        return scores if self.units is None else total(scores)

    def _encode(self, cells: Cells, row_features: Tensor | None) -> tuple[Tensor | None, Tensor]:
        """The rows' biases (None without residuals), and the latent code."""
        row_bias, first = self._first_layer(cells, row_features)
        return row_bias, self._through(self.encoder, first)

    def _first_layer(
        self, cells: Cells, row_features: Tensor | None
    ) -> tuple[Tensor | None, Tensor]:
        """The rows' biases (None without residuals); the first layer, (batch, hidden[0])."""
        shown = cells.shown
        n_ratings = cells.sum_by_row(shown)
        scale = shown * 3 / n_ratings.clamp(min=1).sqrt()[cells.rows]
        row_bias: Tensor | None = None
        hidden: Tensor = self.input_bias
        if self.config.inputs == "stars":
            hidden = hidden + cells.add_up(shown * cells.stars, self.rating_inputs.weight)
        if self.residuals:
            left = cells.stars - self.mean - self.column_bias[cells.columns]
            row_bias = cells.sum_by_row(shown * left) / (n_ratings + self.config.shrinkage)
            left = (left - row_bias[cells.rows]) * scale
            hidden = hidden + cells.add_up(left, self.rating_inputs.weight)
        if "mask" in self.config.inputs:
            hidden = hidden + cells.add_up(scale, self.mask_inputs.weight)
        if self.n_row_features and row_features is not None:
            hidden = hidden + self.row_scale * self.row_inputs(row_features)
        return row_bias, self.activation(hidden)

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
        return vectors.cpu().numpy().astype(np.float64)

    @torch.no_grad()
    def predict_cells(
        self, rows: csr_array, wanted: csr_array, row_features: np.ndarray | None = None
    ) -> np.ndarray:
        """(n,) float32: of the stars that `predict` expects, those of the n cells of `wanted`.

        rows: (n_rows, n_columns) stars shown. wanted: of the same shape; only which cells are
        stored matters. The cost is that of the cells.
        """

        def score(part: slice, cells: Cells, known: Tensor | None) -> Tensor:
            row_bias, code = self._encode(cells, known)
            asked = Cells.of(wanted[part]).to(self.device)
            return self.head.stars(self.decode_cells(code, asked, row_bias))

        return self._in_batches(score, rows, row_features)

    def apply_to(
        self,
        part: Callable[[Cells, Tensor | None], Tensor],
        rows: csr_array,
        row_features: np.ndarray | None = None,
        meaning: Callable[[Tensor], Tensor] = lambda output: output,
    ) -> np.ndarray:
        """What a part of the network makes of rows, batch by batch, dropout off.

        part: the network itself, or its `encode`. meaning: what is made of each output.
        """
        return self._in_batches(
            lambda _, cells, known: meaning(part(cells, known)), rows, row_features
        )

    @torch.no_grad()
    def _in_batches(
        self,
        work: Callable[[slice, Cells, Tensor | None], Tensor],
        rows: csr_array,
        row_features: np.ndarray | None,
    ) -> np.ndarray:
        was_training = self.training
        self.eval()
        found = []
        for start in range(0, rows.shape[0], BATCH):
            batch = slice(start, start + BATCH)
            known = None
            if row_features is not None:
                known = torch.from_numpy(row_features[batch]).to(self.device)
            cells = Cells.of(rows[batch]).to(self.device)
            found.append(work(batch, cells, known).cpu().numpy())
        self.train(was_training)
        return np.concatenate(found)

    def to_arrays(self) -> tuple[dict[str, np.ndarray], dict]:
        """All weights and buffers by name, and the settings beside them."""
        arrays = {name: value.cpu().numpy() for name, value in self.state_dict().items()}
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
