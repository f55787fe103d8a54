"""The recipes, and the members of the family, each against something that knows nothing of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from saelib import family
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


def changed(new: Config, old: Config) -> dict:
    return {key: value for key, value in vars(new).items() if value != vars(old)[key]}


def test_each_recipe_changes_what_is_said_of_the_one_before_or_of_its_base():
    for before, name in pairwise(LADDER):
        found = changed(RECIPES[name], RECIPES[before])
        assert found == LADDER[name][1] and len(found) == 1, name
    base = replace(RECIPES["mask"], head="ordered", dropout=0.0)
    for name, (_, change) in FAMILY.items():
        assert changed(RECIPES[name], base) == change, name
    assert (RECIPES["plain"], list(LADDER)[-1]) == (Config(), "default")
    assert GROUPS == {"ladder": list(LADDER), "family": ["plain", *FAMILY, "default"]}
    assert RECIPES["large"] == replace(RECIPES["default"], hidden=(500,))
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


def test_an_unknown_recipe_and_an_impossible_number_of_epochs_are_refused():
    assert find("default", 3) == replace(RECIPES["default"], epochs=3)
    with pytest.raises(SaelibError, match="Unknown recipe 'best'; choose one of plain, residuals"):
        find("best")
    with pytest.raises(SaelibError, match="There must be at least 1 epoch; got 0"):
        find("plain", 0)


@pytest.mark.parametrize("name", FAMILY)
def test_each_member_learns_what_it_is_shown(matrix, name, monkeypatch):
    monkeypatch.setattr(family.KSparse, "k", 10)
    network = build(small(name, learning_rate=0.01, decay=0.0, epochs=12), matrix)
    history = fit(network, matrix, progress=False)
    assert history.train_loss[-1] < 0.9 * history.train_loss[0]


def test_the_sparsity_penalty_is_the_divergence_of_coins():
    code = torch.rand(200, 5, generator=torch.Generator().manual_seed(0)) ** 2
    exact = kl_divergence(Bernoulli(0.05 * torch.ones(5)), Bernoulli(code.mean(dim=0)))
    torch.testing.assert_close(sparsity(code, 0.05), exact.sum())
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
        assert (network.encode(Cells(matrix.csr))[1].count_nonzero(dim=1) == k).all()


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


def test_the_divergence_from_the_prior_is_that_of_the_formula():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(3, 4), torch.randn(3, 4)
    exact = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(divergence(mean, log_variance), exact)


def test_the_loss_of_a_variational_network_is_its_parts(matrix, monkeypatch):
    monkeypatch.setattr(family.Variational, "weight", 0.5)
    network = build(small("variational", hidden=(9, 6, 4)), matrix)
    cells, noise, hidden = Cells(matrix.csr[:6]), torch.randn(6, 4), []
    monkeypatch.setattr(torch, "randn_like", lambda _: noise)
    network.encoder[0].register_forward_hook(lambda *said: hidden.append(torch.tanh(said[-1])))
    bias, drawn = network.encode(cells)
    mean, log_variance = network.encoder[1](hidden[0]), network.log_variance(hidden[0])
    code = mean + log_variance.exp().sqrt() * noise
    torch.testing.assert_close(drawn, code)
    scores = network.score(bias, network.last_layer(code))[cells.rows, cells.columns]
    expected = network.head.loss(scores, cells.stars)
    expected = expected + 0.5 * divergence(mean, log_variance).sum() / len(cells.stars)
    torch.testing.assert_close(network.loss(cells)[0], expected)
    network.eval()
    torch.testing.assert_close(network.encode(cells)[1], mean)
