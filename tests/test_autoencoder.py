"""The network against plain loops and linear layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from saelib.data.dataset import encode_demographics
from saelib.data.features import MOVIELENS
from saelib.data.matrix import RatingMatrix
from saelib.network.autoencoder import StackedAutoencoder
from saelib.network.baseline import BiasBaseline
from saelib.network.cells import Cells, hide_inputs
from saelib.network.config import NetworkConfig
from saelib.network.heads import masked_loss
from saelib.network.recipes import RECIPES


@pytest.fixture(scope="module")
def known(data):
    return RatingMatrix.from_dataset(data)


@pytest.fixture(scope="module")
def csr(known):
    return known.csr


def dense_layer(*bags: nn.EmbeddingBag) -> torch.Tensor:
    return torch.cat([bag.weight for bag in bags])


def test_the_plain_network_equals_linear_layers(csr):
    torch.manual_seed(0)
    lessons = RECIPES["plain"].networks[0]
    model = StackedAutoencoder(40, replace(lessons, hidden=(16, 8, 4))).eval()
    ratings = torch.from_numpy(csr.toarray())
    x = torch.relu(ratings @ model.rating_inputs.weight + model.input_bias)
    for layer in [*model.encoder, *model.decoder, model.outputs]:
        x = torch.relu(x @ layer.weight.T + layer.bias)
    torch.testing.assert_close(model(ratings), x, atol=1e-5, rtol=1e-5)
    sizes = [(m.in_features, m.out_features) for m in [*model.encoder, *model.decoder]]
    assert sizes == [(16, 8), (8, 4), (4, 8), (8, 16)]
    assert model.encode(ratings).shape == (60, 4)


def test_the_residual_network_by_hand(csr, data):
    torch.manual_seed(0)
    model = StackedAutoencoder(
        40, NetworkConfig(hidden=(8,)), n_row_features=MOVIELENS.width, row_scale=0.5
    ).eval()
    baseline = BiasBaseline.fit(csr)
    model.set_baseline(baseline)
    people = encode_demographics(data, np.arange(1, 61))
    stars, rated = csr.toarray().astype(float), csr.toarray() > 0
    expected = baseline.predict(csr)
    inputs = np.hstack([np.where(rated, stars - expected, 0), rated])
    inputs *= 3 / np.sqrt(rated.sum(axis=1, keepdims=True))
    weights = {k: v.numpy().astype(float) for k, v in model.state_dict().items()}
    first = np.vstack([weights["rating_inputs.weight"], weights["mask_inputs.weight"]])
    hidden = inputs @ first + 0.5 * people @ weights["row_inputs.weight"].T
    code = np.tanh(hidden + weights["input_bias"])
    output = code @ weights["outputs.weight"].T + weights["outputs.bias"]
    np.testing.assert_allclose(model.predict(csr, people), expected + output, atol=1e-4)


def test_a_deep_decoder_that_is_told_of_its_columns_by_hand(csr):
    torch.manual_seed(0)
    config = NetworkConfig(hidden=(8, 8, 3), inputs="mask", head="multinomial")
    model = StackedAutoencoder(40, config, n_column_features=5).eval()
    for name in ("column_features", "column_map"):
        getattr(model, name).data.normal_()
    code = model.encode(torch.from_numpy(csr[:6].toarray()))
    last = torch.tanh(model.decoder[1](torch.tanh(model.decoder[0](code))))  # 3 -> 8 -> 8
    vectors = model.outputs.weight + model.column_features @ model.column_map
    torch.testing.assert_close(
        model.decode(code), last @ vectors.T + model.outputs.bias, atol=1e-5, rtol=1e-5
    )


def test_a_person_without_ratings_gets_a_finite_prediction():
    for config in (NetworkConfig(hidden=(4,)), RECIPES["plain"].networks[0]):
        assert torch.isfinite(StackedAutoencoder(5, config)(torch.zeros(2, 5))).all()


def test_the_masked_loss_and_its_gradient_against_a_loop():
    rng = np.random.default_rng(0)
    ratings = np.where(rng.random((6, 9)) < 0.4, rng.integers(1, 6, (6, 9)), 0).astype(np.float32)
    predicted = rng.normal(3, 1, (6, 9)).astype(np.float32)
    loss, gradient, n = 0.0, np.zeros((6, 9)), int((ratings > 0).sum())
    for u in range(6):
        for i in range(9):
            if ratings[u, i]:
                loss += (predicted[u, i] - ratings[u, i]) ** 2 / n
                gradient[u, i] = 2 * (predicted[u, i] - ratings[u, i]) / n
    tensor = torch.tensor(predicted, requires_grad=True)
    found = masked_loss(tensor, torch.from_numpy(ratings))
    found.backward()
    assert found.item() == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(tensor.grad, gradient, atol=1e-6)


def test_unobserved_cells_change_nothing(csr):
    torch.manual_seed(0)
    model = StackedAutoencoder(40).eval()
    ratings = torch.from_numpy(csr.toarray())
    loss = masked_loss(model(ratings), ratings)
    disturbed = model(ratings) + 100 * (ratings == 0)
    assert masked_loss(disturbed, ratings) == loss


def test_hidden_inputs_are_the_share_asked_for():
    torch.manual_seed(0)
    ratings = Cells.of(torch.ones(200, 500))
    hidden = hide_inputs(ratings, (0.2, 0.6))
    shares = 1 - hidden.sum_by_row(hidden.shown) / 500
    assert 0.35 < shares.mean() < 0.45
    assert 0.14 < shares.min() < 0.3 < 0.5 < shares.max() < 0.67
    assert torch.equal(hidden.stars, ratings.stars), "hidden from the encoder, not from the loss"
    assert hide_inputs(ratings, (0.0, 0.0)).shown.all()


def test_plain_is_the_network_of_the_lessons():
    [plain] = RECIPES["plain"].networks
    assert StackedAutoencoder(5).config == plain
    assert (plain.hidden, plain.activation, plain.dropout) == ((128, 64), "relu", 0.5)
    assert (plain.inputs, plain.epochs) == ("stars", 70)
