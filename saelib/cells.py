"""A first layer's sums and a last layer's scores, at the cost of the rated cells alone."""

import warnings
from functools import partial

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn.functional import embedding_bag

with warnings.catch_warnings(action="ignore"):  # torch says once that these may still change
    torch.zeros(1, 1).to_sparse_csr()
bag = partial(embedding_bag, mode="sum")  # sums over the spans that begin at given places


class Cells:
    """The n rated cells of a batch of rows, row by row, and where they stand column by column.

    stars, rows, columns: (n,). ends: (n_rows + 1,), where rows begin and end. turn: (n,), the cells
    in the order of columns; turned_rows, turned_starts: their rows, and where each column begins.
    """

    def __init__(self, ratings: csr_array | Tensor, device: torch.device | str = "cpu"):
        """Of ratings (n_rows, n_columns), sparse or a dense tensor in which 0 is 'not rated'."""
        if isinstance(ratings, Tensor):
            ratings = csr_array(ratings.cpu().numpy())
        self.shape, ends, columns = ratings.shape, ratings.indptr, ratings.indices
        turned = csr_array((np.arange(len(columns)), columns, ends), self.shape).tocsc()
        whole = partial(torch.as_tensor, dtype=torch.int64, device=device)
        self.stars = torch.as_tensor(ratings.data, dtype=torch.float32, device=device)
        self.rows = whole(np.repeat(np.arange(self.shape[0]), np.diff(ends)))
        self.columns, self.ends, self.turn = whole(columns), whole(ends), whole(turned.data)
        self.turned_rows, self.turned_starts = whole(turned.indices), whole(turned.indptr[:-1])

    def by_row(self, values: Tensor, vectors: Tensor) -> Tensor:
        """(n_rows, width): of each row, the sum of value * vector of the column."""
        return bag(self.columns, vectors, self.ends[:-1], per_sample_weights=values)

    def by_column(self, values: Tensor, vectors: Tensor) -> Tensor:
        """(n_columns, width): of each column, the sum of value * vector of the row."""
        turned, at, starts = values[self.turn], self.turned_rows, self.turned_starts
        return bag(at, vectors, starts, per_sample_weights=turned)

    def sum_by_row(self, values: Tensor) -> Tensor:
        """(n_rows,): of each row, the sum of one value for each cell."""
        return values.new_zeros(self.shape[0]).index_add_(0, self.rows, values)


class Add(torch.autograd.Function):
    """The first layer: of each row, the sum of value * vector of the column."""

    @staticmethod
    def forward(ctx, values: Tensor, vectors: Tensor, cells: Cells) -> Tensor:
        ctx.values, ctx.cells = values, cells
        return cells.by_row(values, vectors)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        return None, ctx.cells.by_column(ctx.values, gradient), None


class Score(torch.autograd.Function):
    """The last layer: of each cell, code of the row . vector of the column; it mirrors `Add`."""

    @staticmethod
    def forward(ctx, codes: Tensor, vectors: Tensor, cells: Cells) -> Tensor:
        ctx.save_for_backward(codes, vectors)
        ctx.cells = cells
        places = cells.ends, cells.columns, codes.new_zeros(len(cells.stars)), cells.shape
        at = torch.sparse_csr_tensor(*places, check_invariants=False)
        return torch.sparse.sampled_addmm(at, codes, vectors.T).values()

    @staticmethod
    def backward(ctx, gradient: Tensor):
        codes, vectors = ctx.saved_tensors
        of_vectors = ctx.cells.by_column(gradient, codes) if ctx.needs_input_grad[1] else None
        return ctx.cells.by_row(gradient, vectors), of_vectors, None
