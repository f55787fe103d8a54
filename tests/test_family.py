"""The recipes, and the members of the family, each against something that knows nothing of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from saelib import family
from saelib.autoencoder import ACTIVATIONS, StackedAutoencoder
from saelib.cells import Cells
from saelib.errors import SaelibError
from saelib.family import MEMBERS, divergence, keep_largest, sparsity
from saelib.matrix import RatingMatrix
from saelib.recipes import FAMILY, GROUPS, LADDER, RECIPES, Config, find
from saelib.training import build, fit


@pytest.fixture(scope="module")
def matrix(data) -> RatingMatrix:
    return RatingMatrix.from_dataset(data)


def small(name: str, **changes) -> Config:
    """A recipe of the family with a narrow code, as many steps as it takes, and no hurry."""
    narrow = {"hidden": (20, 10)[: len(RECIPES[name].hidden)], "n_batches": 10, "epochs": 30}
    return replace(RECIPES[name], **narrow | changes)


def codes_of(network: StackedAutoencoder, matrix: RatingMatrix) -> np.ndarray:
    return network.apply_to(lambda *row: network.encode(*row)[1], matrix.csr)


# -- Recipes ----------------------------------------------------------------------------------


def changed(new: Config, old: Config) -> dict:
    return {key: value for key, value in vars(new).items() if value != vars(old)[key]}


def test_each_rung_of_the_ladder_changes_one_thing_and_it_is_what_is_said():
    for before, name in pairwise(LADDER):
        found = changed(RECIPES[name], RECIPES[before])
        assert found == LADDER[name][1] and len(found) == 1, name
    assert (RECIPES["plain"], list(LADDER)[-1]) == (Config(), "default")
    assert GROUPS == {"ladder": list(LADDER), "family": ["plain", *FAMILY, "default"]}
    assert RECIPES["large"] == replace(RECIPES["default"], hidden=(500,))


def test_each_member_of_the_family_differs_from_the_same_network_by_what_is_said():
    base = replace(RECIPES["mask"], head="ordered", dropout=0.0)
    for name, (_, change) in FAMILY.items():
        assert changed(RECIPES[name], base) == change, name
    assert {RECIPES[name].member for name in FAMILY} == set(MEMBERS)


def test_a_recipe_is_more_cautious_where_ratings_are_few(matrix):
    """Twice as much decay, facts and shrinkage at a sixteenth of a million; half as much raters."""
    config = Config(decay=3.5, facts=1.0, raters=0.8, shrinkage=5.0, caution=0.25)
    few = config.for_ratings(62_500)
    assert (few.decay, few.facts, few.raters, few.shrinkage) == (7.0, 2.0, 0.4, 10.0)
    assert few.for_ratings(62_500) == few, "once"
    assert config.for_ratings(1_000_000) == replace(config, caution=0.0)
    network = build(replace(config, hidden=(4,)), matrix)
    assert network.config == replace(config, hidden=(4,)).for_ratings(matrix.csr.nnz)


@pytest.mark.parametrize(
    ("name", "epochs", "message"),
    [
        ("best", None, "Unknown recipe 'best'; choose one of plain, residuals"),
        ("plain", 0, "There must be at least 1 epoch; got 0"),
    ],
)
def test_an_unknown_recipe_and_an_impossible_number_of_epochs_are_refused(name, epochs, message):
    assert find("default", 3) == replace(RECIPES["default"], epochs=3)
    with pytest.raises(SaelibError, match=message):
        find(name, epochs)


# -- Members ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILY)
def test_each_member_learns_what_it_is_shown(matrix, name, monkeypatch):
    monkeypatch.setattr(family.KSparse, "k", 10)
    network = build(small(name, learning_rate=0.01, decay=0.0, epochs=12), matrix)
    history = fit(network, matrix, progress=False)
    assert history.train_loss[-1] < 0.9 * history.train_loss[0]


def test_a_linear_autoencoder_finds_the_plane_of_the_leading_singular_vectors():
    """Baldi and Hornik 1989: with every cell known there is one minimum, and it is PCA's."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(50, 2)) @ rng.normal(size=(2, 8)) + 0.05 * rng.normal(size=(50, 8))
    stars = torch.from_numpy(signal.astype(np.float32))
    assert (stars != 0).all(), "0 would be 'not rated'"
    torch.manual_seed(0)
    network = StackedAutoencoder(Config(hidden=(2,), activation="linear", dropout=0.0), 8)
    cells, parameters = Cells(stars), network.parameters()
    optimizer = torch.optim.LBFGS(parameters, max_iter=2000, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = network.loss(cells)[0]
        loss.backward()
        return loss

    optimizer.step(closure)
    centred = stars - stars.mean(dim=0)
    _, values, directions = torch.linalg.svd(centred, full_matrices=False)
    left = values[2:].square().sum() / stars.numel()  # what two components leave
    assert network.loss(cells)[0].item() == pytest.approx(left.item(), rel=1e-3)
    plane, _ = torch.linalg.qr(network.outputs.weight.detach())  # (8, 2), the decoder's
    assert torch.linalg.svdvals(plane.T @ directions[:2].T).min() > 0.9999


def test_the_sparsity_penalty_is_the_divergence_of_coins():
    code = torch.rand(200, 5, generator=torch.Generator().manual_seed(0)) ** 2
    exact = kl_divergence(Bernoulli(0.05 * torch.ones(5)), Bernoulli(code.mean(dim=0)))
    torch.testing.assert_close(sparsity(code, 0.05), exact.sum())
    torch.testing.assert_close(ACTIVATIONS["sigmoid"](code), 1 / (1 + torch.exp(-code)))
    assert sparsity(torch.full((3, 4), 0.05), 0.05).item() == pytest.approx(0, abs=1e-6)


def test_only_the_k_loudest_units_speak_and_only_they_learn(matrix, monkeypatch):
    code = torch.tensor([[3.0, -5.0, 1.0, 2.0], [-1.0, -2.0, -3.0, -4.0]], requires_grad=True)
    kept = keep_largest(code, 2)
    assert kept.tolist() == [[3, 0, 0, 2], [-1, -2, 0, 0]]
    kept.sum().backward()
    assert code.grad.tolist() == [[1, 0, 0, 1], [1, 1, 0, 0]]
    for k in (3, 12):
        monkeypatch.setattr(family.KSparse, "k", k)
        network = build(small("k-sparse", hidden=(12,)), matrix)
        assert (np.count_nonzero(codes_of(network, matrix), axis=1) == k).all()
    plain = build(small("linear", hidden=(12,)), matrix)
    np.testing.assert_array_equal(network.predict(matrix.people), plain.predict(matrix.people))


def test_the_contractive_penalty_is_the_norm_of_the_jacobian(matrix, monkeypatch):
    monkeypatch.setattr(family.Contractive, "weight", 0.3)
    network = build(small("contractive", hidden=(7,)), matrix)
    weights = torch.cat([network.rating_inputs, network.mask_inputs]).detach()

    def first_layer(x: torch.Tensor) -> torch.Tensor:  # of one row's inputs, written out
        return torch.tanh(x @ weights + network.input_bias)

    rows = torch.randn(6, len(weights), generator=torch.Generator().manual_seed(0))
    norms = [torch.autograd.functional.jacobian(first_layer, x).square().sum() for x in rows]
    codes = torch.stack([first_layer(x) for x in rows])
    found = network.penalty(codes, Cells(matrix.csr))
    torch.testing.assert_close(found, 0.3 * torch.stack(norms).mean())


def test_the_divergence_from_the_prior_is_that_of_the_formula_and_of_sampling():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(3, 4), torch.randn(3, 4)
    found = divergence(mean, log_variance)
    codes, prior = Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)
    torch.testing.assert_close(found, kl_divergence(codes, prior).sum(dim=1))
    draws = codes.sample((200_000,))
    sampled = (codes.log_prob(draws) - prior.log_prob(draws)).sum(dim=-1).mean(dim=0)
    torch.testing.assert_close(found, sampled, rtol=0.02, atol=0.02)


def test_the_loss_of_a_variational_network_is_its_parts(matrix, monkeypatch):
    monkeypatch.setattr(family.Variational, "weight", 0.5)
    network = build(small("variational", hidden=(9, 6, 4)), matrix)
    cells, noise = Cells(matrix.csr[:6]), torch.randn(6, 4)
    monkeypatch.setattr(torch, "randn_like", lambda _: noise)
    bias, _ = network.encode(cells)
    rated = torch.from_numpy(matrix.csr[:6].toarray() > 0)
    residuals = torch.from_numpy(matrix.csr[:6].toarray()) - network.mean - network.column_bias
    size = rated * 3 / rated.sum(dim=1, keepdim=True).sqrt()
    first = size * (residuals - bias[:, None]) @ network.rating_inputs
    first = torch.tanh(first + size @ network.mask_inputs + network.input_bias)
    second = torch.tanh(network.encoder[0](first))
    mean, log_variance = network.encoder[1](second), network.log_variance(second)
    code = mean + log_variance.exp().sqrt() * noise
    scores = network.score(bias, network.last_layer(code))[rated]
    expected = network.head.loss(scores, torch.from_numpy(matrix.csr[:6].toarray())[rated])
    expected = expected + 0.5 * divergence(mean, log_variance).sum() / rated.sum()
    torch.testing.assert_close(network.loss(cells)[0], expected)
    network.eval()
    torch.testing.assert_close(network.encode(cells)[1], mean)
