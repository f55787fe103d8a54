"""The rated cells of some rows, and two products that cost as much as there are of them.

A network over people and films would have a score for every cell of the matrix, but only the rated
ones are known, few in a hundred. Everything here is done for these alone.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import embedding_bag

SAMPLED = ("cpu", "cuda")  # devices that have a product sampled at the cells of a sparse matrix

# torch says once that its sparse tensors may still change; a reader of a notebook need not know.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch.zeros(1, 1).to_sparse_csr()


@dataclass(frozen=True)
class Cells:
    """The n rated cells of a batch of rows, row by row.

    starts: (n_rows,), where each row's cells begin. rows, columns: (n,), of each cell. stars: (n,).
    by_column: (n,), the cells' positions sorted by column. column_rows: (n,), their rows in that
    order. column_starts: (n_columns,), where each column's cells begin in it. shown: (n,), 1 where
    the encoder sees the stars, 0 where they are hidden from it and only asked for.
    """

    starts: Tensor
    rows: Tensor
    columns: Tensor
    stars: Tensor
    by_column: Tensor
    column_rows: Tensor
    column_starts: Tensor
    shown: Tensor

    @classmethod
    def of(cls, ratings: Cells | csr_array | Tensor) -> Cells:
        """Of the ratings of a batch: sparse, or a dense tensor (n_rows, n_columns), 0 = not rated.

        A dense one may be on any device, and may want a gradient.
        """
        if isinstance(ratings, Cells):
            return ratings
        if isinstance(ratings, Tensor):
            rows, columns = ratings.nonzero(as_tuple=True)
            ends = np.searchsorted(rows.cpu().numpy(), np.arange(len(ratings) + 1))
            places = (np.ones(len(rows)), columns.cpu().numpy(), ends)
            cells = cls.of(csr_array(places, shape=tuple(ratings.shape))).to(ratings.device)
            return replace(cells, stars=ratings[rows, columns])
        n_ratings = np.diff(ratings.indptr)
        order = csr_array((np.arange(ratings.nnz), ratings.indices, ratings.indptr), ratings.shape)
        order = order.tocsc()
        whole = {
            "starts": ratings.indptr[:-1],
            "rows": np.repeat(np.arange(len(n_ratings)), n_ratings),
            "columns": ratings.indices,
            "by_column": order.data,
            "column_rows": order.indices,
            "column_starts": order.indptr[:-1],
        }
        stars = torch.from_numpy(ratings.data)
        tensors = {name: torch.from_numpy(part.astype(np.int64)) for name, part in whole.items()}
        return cls(**tensors, stars=stars, shown=torch.ones(len(stars)))

    def to(self, device: torch.device | str) -> Cells:
        """The same on another device."""
        return Cells(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.starts)

    def dense(self) -> Tensor:
        """(n_rows, n_columns) stars, 0 = not rated; for small catalogues."""
        ratings = self.stars.new_zeros(len(self), len(self.column_starts))
        ratings[self.rows, self.columns] = self.stars
        return ratings

    def sum_by_row(self, values: Tensor) -> Tensor:
        """(n_rows,): the sums of one value for each cell, (n,)."""
        return values.new_zeros(len(self)).index_add_(0, self.rows, values)

    def add_up(self, values: Tensor, vectors: Tensor) -> Tensor:
        """(n_rows, width): of each row, the sum over its cells of value * vector of the column.

        values: (n,). vectors: (n_columns, width). This is the matrix of the values times the
        vectors, as a first layer computes it.
        """
        return _Sums.apply(values, vectors, self)

    def score(self, codes: Tensor, vectors: Tensor) -> Tensor:
        """(n,): of each cell, code of the row . vector of the column, as a last layer computes it.

        codes: (n_rows, width). vectors: (n_columns, width).
        """
        return _Scores.apply(codes, vectors, self)


def hide_inputs(cells: Cells, input_dropout: tuple[float, float]) -> Cells:
    """Hide a random share, drawn for each row from U(low, high), of the ratings."""
    return replace(cells, shown=draw_shown(len(cells), cells.rows, input_dropout))


def draw_shown(n_rows: int, rows: Tensor, input_dropout: tuple[float, float]) -> Tensor:
    """1, or 0 for a random share of each row, drawn from U(low, high). rows: of each input."""
    share = torch.empty(n_rows, device=rows.device).uniform_(*input_dropout)
    return (torch.rand(rows.shape, device=rows.device) >= share[rows]).float()


# -- Adding up and scoring are each other's derivatives. torch's own embedding_bag writes a whole
# -- dense gradient cell by cell; in the order of the columns, each column's part is one more sum.


def _sum(values: Tensor, vectors: Tensor, index: Tensor, starts: Tensor) -> Tensor:
    return embedding_bag(index, vectors, starts, mode="sum", per_sample_weights=values)


def _sum_by_column(values: Tensor, codes: Tensor, cells: Cells) -> Tensor:
    return _sum(values[cells.by_column], codes, cells.column_rows, cells.column_starts)


def _score(codes: Tensor, vectors: Tensor, cells: Cells) -> Tensor:
    if codes.device.type in SAMPLED:
        ends = torch.cat([cells.starts, cells.starts.new_tensor([len(cells.rows)])])
        values, shape = codes.new_zeros(len(cells.rows)), (len(codes), len(vectors))
        at = torch.sparse_csr_tensor(ends, cells.columns, values, shape, check_invariants=False)
        return torch.sparse.sampled_addmm(at, codes, vectors.T).values()
    # Other devices lack that, but know how codes . sum changes with each value: by code . vector.
    with torch.enable_grad():
        values = torch.ones_like(cells.columns, dtype=codes.dtype).requires_grad_()
        sums = _sum(values, vectors.detach(), cells.columns, cells.starts)
        return torch.autograd.grad(sums, values, codes.detach())[0]


class _Sums(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: Tensor, vectors: Tensor, cells: Cells) -> Tensor:
        ctx.save_for_backward(values, vectors)
        ctx.cells = cells
        return _sum(values, vectors, cells.columns, cells.starts)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        values, vectors = ctx.saved_tensors
        of_values, of_vectors, _ = ctx.needs_input_grad
        return (
            _score(gradient, vectors, ctx.cells) if of_values else None,
            _sum_by_column(values, gradient, ctx.cells) if of_vectors else None,
            None,
        )


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(ctx, codes: Tensor, vectors: Tensor, cells: Cells) -> Tensor:
        ctx.save_for_backward(codes, vectors)
        ctx.cells = cells
        return _score(codes, vectors, cells)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        codes, vectors = ctx.saved_tensors
        cells = ctx.cells
        of_codes, of_vectors, _ = ctx.needs_input_grad
        return (
            _sum(gradient, vectors, cells.columns, cells.starts) if of_codes else None,
            _sum_by_column(gradient, codes, cells) if of_vectors else None,
            None,
        )
