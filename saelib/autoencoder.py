"""The stacked autoencoder: from the known ratings of a row, a person or a film, to all scores."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from saelib.cells import Add, Cells, Score
from saelib.heads import HEADS
from saelib.matrix import ALL, Films, People, RatingMatrix
from saelib.recipes import Config

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "linear": lambda hidden: hidden,
}
BATCH = 512  # rows that are predicted at a time
Features = np.ndarray | None  # (n_rows, n): what is known of rows beside their ratings


def lay_out(config: Config, matrix: RatingMatrix) -> tuple[csr_array, Features]:
    """The ratings (n_rows, n_columns) as the network reads them, and what is known of rows."""
    if config.rows == "people":
        return matrix.csr, matrix.about
    return csr_array(matrix.csr.T), matrix.facts


class StackedAutoencoder(nn.Module):
    """Encoder and decoder as stacks of layers, mirrored around the code.

    Row features are a further input, such as who the person is; a column's vector in the decoder
    is one of its own plus a linear map of the column's features. n_levels: of the scale.
    """

    head: Any  # one of HEADS
    directions: np.ndarray  # of the fingerprints, which are the first of the column features

    def __init__(
        self,
        config: Config,
        n_columns: int,
        n_levels: int = 5,
        n_row_features: int = 0,
        n_column_features: int = 0,
    ):
        super().__init__()
        self.config, width = config, config.hidden[0]
        self.sizes = (n_columns, n_levels, n_row_features, n_column_features)
        self.activation = ACTIVATIONS[config.activation]
        self.head = HEADS[config.head](n_levels)
        self.mean, self.column_bias = nn.Buffer(torch.zeros(())), nn.Buffer(torch.zeros(n_columns))
        n_inputs = 2 if config.inputs == "residuals+mask" else 1
        bound = (n_columns * n_inputs) ** -0.5  # as nn.Linear begins

        def weights(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))

        self.rating_inputs, self.input_bias = weights(n_columns, width), weights(width)
        if n_inputs == 2:
            self.mask_inputs = weights(n_columns, width)
        if n_row_features:
            self.row_inputs = nn.Linear(n_row_features, width, bias=False)
            self.row_weight = config.demographics if config.rows == "people" else config.facts
        self.encoder = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(config.hidden))
        self.decoder = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(config.hidden[::-1]))
        self.dropout = nn.Dropout(config.dropout)
        self.outputs = nn.Linear(width, n_columns)
        if n_column_features:
            self.column_features = nn.Buffer(torch.zeros(n_columns, n_column_features))
            self.column_map = nn.Parameter(torch.zeros(n_column_features, width))

    def read(self, ratings: csr_array, features: Features, rows: Films) -> tuple:
        """Some rows of ratings, and of what is known of rows, as `encode` and `loss` take them."""
        device = self.mean.device
        known = None if features is None else torch.from_numpy(features[rows]).to(device)
        return Cells(ratings[rows], device), known

    def encode(
        self, cells: Cells, row_features: Tensor | None = None, shown: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The rows' biases (n_rows,) and codes (n_rows, hidden[-1]).

        shown: (n,) 1 for a cell that the encoder sees, 0 for a hidden one; by default it sees all.
        """
        shown = torch.ones_like(cells.stars) if shown is None else shown
        n = cells.sum_by_row(shown)
        residuals = cells.stars - self.mean - self.column_bias[cells.columns]
        bias = cells.sum_by_row(shown * residuals) / (n + self.config.shrinkage)
        # Divided by the root of their number, few and many ratings drive the network alike.
        size = shown * 3 / n.clamp(min=1).sqrt()[cells.rows]
        read = shown * cells.stars
        if self.config.inputs != "stars":
            read = (residuals - bias[cells.rows]) * size
        first = self.input_bias + Add.apply(read, self.rating_inputs, cells)
        if self.config.inputs == "residuals+mask":
            first = first + Add.apply(size, self.mask_inputs, cells)
        if row_features is not None and hasattr(self, "row_inputs"):
            first = first + self.row_weight * self.row_inputs(row_features)
        return bias, self.code_of(self.activation(first))

    def code_of(self, hidden: Tensor) -> Tensor:
        """(n_rows, hidden[-1]): the code, of the first layer (n_rows, hidden[0])."""
        for layer in self.encoder:
            hidden = self.activation(layer(hidden))
        return hidden

    def last_layer(self, code: Tensor) -> Tensor:
        """(n_rows, hidden[0]): what the columns' vectors are multiplied by."""
        for layer in self.decoder:
            code = self.activation(layer(code))
        return code

    def score(self, bias: Tensor, last: Tensor, columns: Films = ALL) -> Tensor:
        """(n_rows, n) scores of these columns, from the rows' biases and their last layer."""
        scores = last @ self.outputs.weight[columns].T + self.outputs.bias[columns]
        if hasattr(self, "column_map"):
            # The columns' vectors are never written out: this is the cheaper order to multiply.
            scores = scores + last @ self.column_map.T @ self.column_features[columns].T
        return self._corrected(scores, bias[:, None] + self.column_bias[columns])

    def score_cells(self, bias: Tensor, last: Tensor, cells: Cells) -> Tensor:
        """(n,) the scores of these cells, at the cost of these."""
        scores = Score.apply(last, self.outputs.weight, cells) + self.outputs.bias[cells.columns]
        if hasattr(self, "column_map"):
            scores = scores + Score.apply(last @ self.column_map.T, self.column_features, cells)
        return self._corrected(scores, bias[cells.rows] + self.column_bias[cells.columns])

    def _corrected(self, scores: Tensor, biases: Tensor) -> Tensor:
        """A network that reads residuals corrects the bias baseline; one of stars says it all."""
        if self.config.inputs == "stars":
            return self.activation(scores)
        if self.config.head == "ordered":
            return scores + self.head.slope * biases  # the thresholds stand in for the mean
        return scores + (self.mean + biases)

    def forward(self, ratings: Tensor, row_features: Tensor | None = None) -> Tensor:
        """(n_rows, n_columns) scores, of ratings in which 0 is 'not rated'; see `head.stars`."""
        bias, code = self.encode(Cells(ratings, self.mean.device), row_features)
        return self.score(bias, self.last_layer(self.dropout(code)))

    def loss(self, cells: Cells, row_features: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What a step minimises, some cells hidden and all asked for; and all scores (n,)."""
        share = cells.stars.new_empty(cells.shape[0]).uniform_(*self.config.hide)
        shown = torch.rand_like(cells.stars) >= share[cells.rows]
        bias, code = self.encode(cells, row_features, shown.float())
        scores = self.score_cells(bias, self.last_layer(self.dropout(code)), cells)
        return self.head.loss(scores, cells.stars) + self.penalty(code, cells), scores.detach()

    def penalty(self, code: Tensor, cells: Cells) -> Tensor | float:
        """What a member of the family adds to the loss."""
        return 0.0

    @torch.no_grad()
    def last_layers(self, ratings: csr_array, features: Features = None) -> tuple[Tensor, Tensor]:
        """Of all rows the biases (n_rows,) and the last layers (n_rows, hidden[0]), for `score`."""
        self.eval()
        starts = range(0, max(ratings.shape[0], 1), BATCH)  # also of nobody
        batches = (self.read(ratings, features, slice(start, start + BATCH)) for start in starts)
        biases, codes = zip(*(self.encode(*batch) for batch in batches))
        return torch.cat(biases), torch.cat([self.last_layer(code) for code in codes])

    @torch.no_grad()
    def predict(self, people: People) -> np.ndarray:
        """(n, n_items) expected stars, of a network over people."""
        return self.head.stars(self.score(*self.last_layers(people.stars, people.about))).numpy()

    @torch.no_grad()
    def distribution(self, people: People, films: Films = ALL) -> np.ndarray:
        """(n, n_films, n_levels): how likely each level is; of an 'ordered' network over people."""
        scores = self.score(*self.last_layers(people.stars, people.about), films)
        return self.head.distribution(scores).numpy()
