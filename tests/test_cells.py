"""What is computed for the rated cells alone equals what the whole matrix gives."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array, random_array

from saelib.cells import Add, Cells, Score


def test_cells_are_the_ratings_row_by_row_and_column_by_column():
    """One row and one column have none, and the columns of a row stand in any order."""
    data, indices = [5.0, 1.0, 2.0, 4.0, 3.0], [3, 0, 0, 1, 3]
    ratings = csr_array((np.array(data, np.float32), indices, [0, 2, 2, 5]), shape=(3, 4))
    cells = Cells(ratings)
    assert cells.shape == (3, 4)
    assert cells.stars.tolist() == data and cells.columns.tolist() == indices
    assert (cells.rows.tolist(), cells.ends.tolist()) == ([0, 0, 2, 2, 2], [0, 2, 2, 5])
    assert cells.columns[cells.turn].tolist() == [0, 0, 1, 3, 3]
    assert cells.turned_rows.tolist() == cells.rows[cells.turn].tolist()
    assert cells.turned_starts.tolist() == [0, 2, 3, 3]
    assert cells.sum_by_row(cells.stars).tolist() == [6, 0, 9]
    dense = Cells(torch.from_numpy(ratings.toarray()))
    assert sorted(zip(dense.rows.tolist(), dense.columns.tolist(), dense.stars.tolist())) == sorted(
        zip(cells.rows.tolist(), cells.columns.tolist(), data)
    )


@pytest.mark.parametrize("n_ratings", [0, 1, 30])
def test_both_products_and_all_their_gradients_are_those_of_matrices(n_ratings):
    matrix = random_array(
        (7, 5), density=n_ratings / 35, format="csr", rng=np.random.default_rng(0)
    )
    cells = Cells(matrix)
    torch.manual_seed(0)
    values, codes, vectors = (
        torch.randn(*shape, dtype=torch.float64, requires_grad=True)
        for shape in ((n_ratings,), (7, 4), (5, 4))
    )
    dense = torch.zeros(7, 5, dtype=torch.float64)
    dense[cells.rows, cells.columns] = values.detach()
    torch.testing.assert_close(cells.by_row(values, vectors), dense @ vectors)
    torch.testing.assert_close(cells.by_column(values, codes), dense.T @ codes)
    torch.testing.assert_close(Add.apply(values, vectors, cells), dense @ vectors)
    found = Score.apply(codes, vectors, cells)
    torch.testing.assert_close(found, (codes @ vectors.T)[cells.rows, cells.columns])
    fixed = values.detach()  # ratings are given; no gradient of theirs is asked for
    assert torch.autograd.gradcheck(lambda v: Add.apply(fixed, v, cells), vectors)
    assert torch.autograd.gradcheck(lambda c, v: Score.apply(c, v, cells), (codes, vectors))
    told = vectors.detach()  # what is known of columns is given, too
    assert torch.autograd.gradcheck(lambda c: Score.apply(c, told, cells), codes)


def test_torch_does_not_warn_of_its_sparse_tensors():
    script = (
        "import numpy as np, torch; from scipy.sparse import csr_array\n"
        "from saelib.cells import Cells, Score\n"
        "cells = Cells(csr_array(np.eye(3, dtype=np.float32)))\n"
        "print(Score.apply(torch.ones(3, 2), torch.ones(3, 2), cells).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[2.0, 2.0, 2.0]\n", "")
