"""What is computed for the rated cells alone equals what the whole matrix gives."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array, random_array

from saelib.cells import Add, Cells, Score


def test_cells_are_the_ratings_row_by_row_and_column_by_column():
    """One row and one column have none, and the columns of a row stand in any order."""
    data, columns = np.array([5, 1, 2, 4, 3], np.float32), [3, 0, 0, 1, 3]
    ratings = csr_array((data, columns, [0, 2, 2, 5]), shape=(3, 4))
    cells, dense = Cells(ratings), Cells(torch.from_numpy(ratings.toarray()).double())
    assert cells.shape == dense.shape == (3, 4)
    assert cells.stars.tolist() == data.tolist() and cells.columns.tolist() == columns
    assert (cells.rows.tolist(), cells.ends.tolist()) == ([0, 0, 2, 2, 2], [0, 2, 2, 5])
    assert cells.columns[cells.turn].tolist() == [0, 0, 1, 3, 3]
    assert cells.turned_rows.tolist() == cells.rows[cells.turn].tolist()
    assert cells.turned_starts.tolist() == [0, 2, 3, 3]
    assert cells.sum_by_row(cells.stars).tolist() == [6, 0, 9]
    assert (dense.stars.tolist(), dense.columns.tolist()) == ([1, 5, 2, 4, 3], [0, 3, 0, 1, 3])
    assert dense.stars.dtype == torch.float32, "whatever the ratings are"


@pytest.mark.parametrize("n_ratings", [0, 1, 30])
def test_both_products_and_all_their_gradients_are_those_of_matrices(n_ratings):
    rng = np.random.default_rng(0)
    cells = Cells(random_array((7, 5), density=n_ratings / 35, format="csr", rng=rng))
    torch.manual_seed(0)
    values, codes, vectors = (
        torch.randn(*shape, dtype=torch.float64, requires_grad=wanted)
        for shape, wanted in (((n_ratings,), False), ((7, 4), True), ((5, 4), True))
    )
    dense = torch.zeros(7, 5, dtype=torch.float64)
    dense[cells.rows, cells.columns] = values
    torch.testing.assert_close(cells.by_column(values, codes), dense.T @ codes)
    torch.testing.assert_close(Add.apply(values, vectors, cells), dense @ vectors)
    scores = (codes @ vectors.T)[cells.rows, cells.columns]
    torch.testing.assert_close(Score.apply(codes, vectors, cells), scores)
    assert torch.autograd.gradcheck(lambda v: Add.apply(values, v, cells), vectors)
    assert torch.autograd.gradcheck(lambda c, v: Score.apply(c, v, cells), (codes, vectors))
    told = vectors.detach()  # what is known of columns is not learned
    assert torch.autograd.gradcheck(lambda c: Score.apply(c, told, cells), codes)
