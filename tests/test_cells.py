"""What is computed for the rated cells alone equals what the whole matrix gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import random_array

from saelib.network import cells as cells_module
from saelib.network.autoencoder import StackedAutoencoder
from saelib.network.cells import Cells
from saelib.network.config import NetworkConfig
from saelib.network.recipes import RECIPES
from saelib.network.training import member

N_ROWS, N_COLUMNS = 12, 9


@pytest.fixture
def ratings():
    """One row and one column without any."""
    rng = np.random.default_rng(3)
    stars = np.where(rng.random((N_ROWS, N_COLUMNS)) < 0.4, rng.integers(1, 6, (N_ROWS, 9)), 0)
    stars[4], stars[:, 2] = 0, 0
    return torch.from_numpy(stars.astype(np.float32))


def test_cells_are_the_ratings(ratings):
    cells = Cells.of(ratings)
    assert torch.equal(cells.dense(), ratings)
    assert len(cells) == N_ROWS
    assert torch.equal(cells.columns[cells.by_column], cells.columns.sort().values)
    assert torch.equal(cells.sum_by_row(cells.stars), ratings.sum(dim=1))
    assert Cells.of(cells) is cells


@pytest.mark.parametrize("n_ratings", [0, 1, 30])
def test_both_products_and_all_their_gradients_are_those_of_matrices(n_ratings):
    rng = np.random.default_rng(0)
    matrix = random_array((7, 5), density=n_ratings / 35, format="csr", rng=rng)
    cells = Cells.of(matrix)
    torch.manual_seed(0)
    values, codes, vectors = (
        torch.randn(*shape, dtype=torch.float64, requires_grad=True)
        for shape in ((n_ratings,), (7, 4), (5, 4))
    )
    for product, arguments in ((cells.add_up, (values, vectors)), (cells.score, (codes, vectors))):
        assert torch.autograd.gradcheck(product, arguments)
    dense = torch.zeros(7, 5, dtype=torch.float64)
    dense[cells.rows, cells.columns] = values.detach()
    torch.testing.assert_close(cells.add_up(values, vectors), dense @ vectors)
    scores = (codes @ vectors.T)[cells.rows, cells.columns]
    torch.testing.assert_close(cells.score(codes, vectors), scores)


def test_devices_without_a_sampled_product_score_alike(ratings, monkeypatch):
    """By the derivative of a sum, as on a Mac's graphics card."""
    cells = Cells.of(ratings)
    torch.manual_seed(0)
    codes, vectors = torch.randn(N_ROWS, 5), torch.randn(N_COLUMNS, 5)
    expected = cells.score(codes, vectors)
    monkeypatch.delattr(torch.sparse, "sampled_addmm")
    monkeypatch.setattr(cells_module, "SAMPLED", ())
    torch.testing.assert_close(cells.score(codes, vectors), expected)


def networks() -> Iterator[NetworkConfig]:
    for inputs in ("stars", "residuals", "residuals+mask"):
        for head in ("squared", "ordered"):
            yield NetworkConfig(hidden=(6, 4), inputs=inputs, head=head, activation="sigmoid")
    yield replace(RECIPES["k-sparse"].networks[0], hidden=(6,), k=2)
    yield replace(RECIPES["sparse"].networks[0], hidden=(6,))
    yield replace(RECIPES["contractive"].networks[0], hidden=(6,))
    yield NetworkConfig(hidden=(6,), inputs="mask", head="multinomial")


each_network = pytest.mark.parametrize(
    "config", list(networks()), ids=lambda c: f"{c.member}-{c.inputs}-{c.head}"
)


@pytest.mark.parametrize(
    "config", list(networks()), ids=lambda c: f"{c.member}-{c.inputs}-{c.head}"
)
def test_the_loss_of_the_cells_is_that_of_the_whole_matrix(ratings, config):
    """And so is its gradient, for every weight."""
    config = replace(config, dropout=0.0, input_dropout=(0.0, 0.0), shrinkage=2.0)
    torch.manual_seed(0)
    network = member(config.member)(
        N_COLUMNS, config, n_row_features=3, row_scale=0.5, n_column_features=2
    )
    network.mean.fill_(3.5)
    for name in ("column_bias", "column_features", "column_map"):
        getattr(network, name).data.normal_()
    about = torch.randn(N_ROWS, 3)
    names, weights = zip(*network.named_parameters())

    def slopes(loss: torch.Tensor) -> dict[str, torch.Tensor]:
        found = torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)
        return dict(zip(names, found))

    scores, seen = network(ratings, about), ratings > 0
    if config.head == "multinomial":
        scores = torch.log_softmax(scores, dim=1)
    whole = network.head.loss(scores[seen], ratings[seen])
    whole = whole + network.penalty(network.encode(ratings, about))
    loss, error = network.loss(ratings, about)
    torch.testing.assert_close(loss, whole)
    assert error == pytest.approx(network.head.error(scores[seen].detach(), ratings[seen]))
    torch.testing.assert_close(slopes(loss), slopes(whole))


def test_hidden_ratings_are_asked_for_and_not_shown(ratings):
    """The encoder, the row's bias and the number of ratings know only what is shown."""
    torch.manual_seed(0)
    network = StackedAutoencoder(N_COLUMNS, NetworkConfig(hidden=(4,), head="ordered")).eval()
    network.mean.fill_(3.5)
    cells = Cells.of(ratings)
    torch.manual_seed(1)
    hidden = replace(cells, shown=(torch.rand(len(cells.stars)) < 0.5).float())
    shown = torch.where(replace(hidden, stars=hidden.shown).dense() > 0, ratings, 0)
    torch.testing.assert_close(network.encode(hidden), network.encode(shown))
    torch.testing.assert_close(network(hidden), network(shown))


def test_predicted_cells_are_those_of_the_whole_prediction(known_network):
    network, csr, wanted = known_network
    whole = network.predict(csr)
    coordinates = wanted.tocoo()
    np.testing.assert_allclose(
        network.predict_cells(csr, wanted), whole[coordinates.row, coordinates.col], atol=1e-5
    )


@pytest.fixture
def known_network():
    rng = np.random.default_rng(1)
    csr, wanted = (
        random_array((600, N_COLUMNS), density=density, format="csr", rng=rng, dtype=np.float32)
        for density in (0.3, 0.1)
    )
    csr.data[:] = rng.integers(1, 6, csr.nnz)
    torch.manual_seed(0)
    network = StackedAutoencoder(N_COLUMNS, NetworkConfig(hidden=(4,), head="ordered"))
    return network, csr, wanted


@pytest.mark.parametrize(
    "config", list(networks()), ids=lambda c: f"{c.member}-{c.inputs}-{c.head}"
)
def test_no_tensor_is_made_on_a_device_by_accident(ratings, config):
    """On `meta`, where tensors have shapes but no numbers, any other device is an error."""
    config = replace(config, input_dropout=(0.1, 0.5))
    network = member(config.member)(N_COLUMNS, config, n_row_features=3, n_column_features=2).to(
        "meta"
    )
    cells, about = Cells.of(ratings).to("meta"), torch.randn(N_ROWS, 3, device="meta")
    network.head.error = lambda scores, stars: 0.0  # a number, which a tensor on meta has not
    loss, _ = network.loss(cells, about)
    loss.backward()
    assert loss.device.type == "meta"
    assert all(weight.grad.device.type == "meta" for weight in network.outputs.parameters())
