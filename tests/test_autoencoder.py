"""The network against matrices, linear layers and loops."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from saelib import autoencoder, training
from saelib.autoencoder import ACTIVATIONS, StackedAutoencoder, lay_out
from saelib.baseline import BiasBaseline, fingerprints
from saelib.cells import Cells
from saelib.family import MEMBERS
from saelib.matrix import unit_masks
from saelib.recipes import RECIPES, Config
from saelib.training import build, network_loss

FILMS = replace(RECIPES["default"], hidden=(8,), caution=0.0)


@pytest.fixture(scope="module")
def stars(matrix):
    return torch.from_numpy(matrix.csr.toarray())


def test_the_plain_network_is_a_stack_of_linear_layers(stars):
    torch.manual_seed(0)
    network = StackedAutoencoder(replace(Config(), hidden=(16, 8, 4)), 40).eval()
    x = torch.relu(stars @ network.rating_inputs + network.input_bias)
    for layer in [*network.encoder, *network.decoder, network.outputs]:
        x = torch.relu(x @ layer.weight.T + layer.bias)
    torch.testing.assert_close(network(stars), x, atol=1e-5, rtol=1e-5)
    assert network.encode(Cells(stars))[1].shape == (60, 4)


@pytest.mark.parametrize("rows", ["people", "films"])
@pytest.mark.parametrize("head", ["squared", "ordered"])
def test_the_network_of_residuals_is_what_stands_on_the_board(matrix, rows, head):
    """Also with what is known of rows and columns, and from one side as from the other."""
    config = replace(FILMS, rows=rows, head=head, hidden=(7, 3), facts=0.5, demographics=0.3)
    network = build(config, matrix, seed=0).eval()
    network.column_map.data.normal_()
    ratings, of_rows = lay_out(config, matrix)
    stars, rated = ratings.toarray().astype(float), ratings.toarray() > 0
    fitted = BiasBaseline.fit(ratings)
    inputs = np.hstack([np.where(rated, stars - fitted.predict(ratings), 0), rated])
    inputs *= 3 / np.sqrt(rated.sum(axis=1, keepdims=True).clip(1))
    weights = {name: value.numpy().astype(float) for name, value in network.state_dict().items()}
    first = np.vstack([weights["rating_inputs"], weights["mask_inputs"]])
    told, weight = (matrix.about, 0.3) if rows == "people" else (matrix.facts, 0.5)
    hidden = inputs @ first + weight * told @ weights["row_inputs.weight"].T
    hidden = np.tanh(hidden + weights["input_bias"])
    for layer in ("encoder.0", "decoder.0"):
        hidden = np.tanh(hidden @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"])
    known = 0.5 * matrix.facts if rows == "people" else 0.3 * matrix.about
    features = np.hstack([unit_masks(ratings.T.tocsr()) @ fingerprints(ratings), known])
    vectors = weights["outputs.weight"] + features @ weights["column_map"]
    scores = hidden @ vectors.T + weights["outputs.bias"] + fitted.predict(ratings)
    if head == "ordered":
        scores += 0.7 * fitted.predict(ratings) - 1.7 * fitted.mean
    with torch.no_grad():
        found = network(ratings, torch.from_numpy(of_rows))
        np.testing.assert_allclose(found, scores, atol=1e-4)
        some = network.score(*network.last_layers(ratings, of_rows), np.array([5, 2]))
        np.testing.assert_allclose(some, found[:, [5, 2]], atol=1e-5)


SMALL = [replace(RECIPES[name], hidden=(60,)) for name in ("sparse", "k-sparse", "contractive")]
SMALL += [
    Config(hidden=(6, 4), inputs=inputs, activation=activation, head=head)
    for inputs, activation in zip(("stars", "residuals", "residuals+mask"), ACTIVATIONS)
    for head in ("squared", "ordered")
]


@pytest.mark.parametrize("config", SMALL, ids=lambda c: f"{c.member}-{c.inputs}-{c.head}")
def test_the_loss_of_the_cells_and_all_its_slopes_are_those_of_the_whole_matrix(stars, config):
    config = replace(config, dropout=0.0, facts=0.5, demographics=0.5)
    torch.manual_seed(0)
    network = MEMBERS[config.member](config, 40, 5, 3, 2)
    network.mean.fill_(3.5)
    for name in ("column_bias", "column_features", "column_map"):
        getattr(network, name).data.normal_()
    about, rated, weights = torch.randn(60, 3), stars > 0, list(network.parameters())
    slopes = partial(torch.autograd.grad, inputs=weights, allow_unused=True, materialize_grads=True)
    scores, cells = network(stars, about), Cells(stars)
    whole = network.head.loss(scores[rated], stars[rated])
    whole = whole + network.penalty(network.encode(cells, about)[1], cells)
    loss, of_cells = network.loss(cells, about)
    torch.testing.assert_close((loss, of_cells), (whole, scores[rated]))
    torch.testing.assert_close(slopes(loss), slopes(whole), atol=1e-5, rtol=1e-4)


def test_what_is_hidden_is_asked_for_and_the_encoder_knows_nothing_of_it():
    """Neither its stars, nor that it is rated, nor that there is one rating more."""
    torch.manual_seed(0)
    config, met = replace(FILMS, rows="people", hide=(0.2, 0.6)), []
    network, stars = StackedAutoencoder(config, 500), torch.randint(1, 6, (200, 500)).float()
    network.mean.fill_(3.5)
    cells, encode = Cells(stars), network.encode
    network.encode = lambda cells, known, shown: met.append(shown) or encode(cells, known, shown)
    assert len(network.loss(cells)[1]) == 200 * 500
    shown = met[0].reshape(200, 500)
    torch.testing.assert_close(encode(cells, shown=met[0]), encode(Cells(shown * stars)))
    shares = 1 - shown.mean(dim=1)
    assert set(met[0].unique().tolist()) == {0.0, 1.0} and 0.35 < shares.mean() < 0.45
    assert 0.14 < shares.min() < 0.3 < 0.5 < shares.max() < 0.67


def test_batches_are_scored_as_all_rows_at_once_and_without_dropout(matrix, monkeypatch):
    network = build(replace(RECIPES["informed"], hidden=(8,), facts=0.5), matrix)
    whole, chances = network.predict(matrix.people), network.distribution(matrix.people)
    np.testing.assert_allclose(chances @ np.arange(1, 6), whole, atol=1e-4)
    some = network.distribution(matrix.people, np.array([9, 1]))
    np.testing.assert_allclose(some, chances[:, [9, 1]], atol=1e-6)
    few = csr_array(matrix.csr.multiply((np.arange(60) > 40)[:, None]))
    few.eliminate_zeros()  # most batches are asked for nothing
    for batch in (autoencoder.BATCH, 7):
        monkeypatch.setattr(autoencoder, "BATCH", batch)
        monkeypatch.setattr(training, "BATCH", batch)
        np.testing.assert_allclose(network.predict(matrix.people), whole, atol=1e-5)
        for asked in (matrix.csr, few):
            error = whole[asked.toarray() > 0] - asked.data
            found = network_loss(network, matrix.csr, asked, matrix.about)
            assert found == pytest.approx(np.square(error).mean(), rel=1e-5)


@pytest.mark.parametrize("member", MEMBERS)
def test_no_tensor_is_made_on_a_device_by_accident(stars, member, monkeypatch):
    """On `meta`, where tensors have shapes but no numbers, any other device is an error."""

    def shapes(at, codes, vectors):  # meta has no product of some cells
        return SimpleNamespace(values=lambda: (codes @ vectors).new_empty(at.values().shape))

    monkeypatch.setattr(torch.sparse, "sampled_addmm", shapes)
    config = replace(FILMS, member=member, hidden=(60, 4) if member == "variational" else (60,))
    network = MEMBERS[member](config, 40, 5, 3, 2).to("meta")
    cells = Cells(stars)
    for name, value in vars(cells).items():
        if isinstance(value, torch.Tensor):
            setattr(cells, name, value.to("meta"))
    loss, _ = network.loss(cells, torch.randn(60, 3, device="meta"))
    loss.backward()
    assert loss.device.type == "meta"
    assert all(weight.grad.device.type == "meta" for weight in network.outputs.parameters())
