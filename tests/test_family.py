"""The recipes, and the members of the family, each against something that knows nothing of it."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from saelib import family
from saelib.cells import Cells
from saelib.errors import SaelibError
from saelib.family import MEMBERS
from saelib.recipes import FAMILY, GROUPS, LADDER, RECIPES, Config, find
from saelib.training import build


def narrow(name: str, *hidden: int) -> Config:
    return replace(RECIPES[name], hidden=hidden)


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


def test_a_recipe_is_found_by_its_name_and_an_unknown_one_is_refused():
    assert find("default", 3) == replace(RECIPES["default"], epochs=3)
    with pytest.raises(SaelibError, match="Unknown recipe 'best'; choose one of plain, residuals"):
        find("best")


def test_the_sparsity_penalty_is_the_divergence_of_coins(matrix, monkeypatch):
    monkeypatch.setattr(family.Sparse, "weight", 0.3)
    network, cells = build(narrow("sparse", 20), matrix), Cells(matrix.csr)
    code = torch.rand(200, 5, generator=torch.Generator().manual_seed(0)) ** 2
    exact = kl_divergence(Bernoulli(0.05 * torch.ones(5)), Bernoulli(code.mean(dim=0)))
    torch.testing.assert_close(network.penalty(code, cells), 0.3 * exact.sum())
    rare = network.penalty(torch.full((3, 4), 0.05), cells)
    assert rare.item() == pytest.approx(0, abs=1e-6)


def test_only_the_k_loudest_units_speak_and_only_they_learn(matrix, monkeypatch):
    monkeypatch.setattr(family.KSparse, "k", 2)
    network = build(narrow("k-sparse", 12), matrix)
    code = torch.tensor([[3.0, -5.0, 1.0, 2.0], [-1.0, -2.0, -3.0, -4.0]], requires_grad=True)
    kept = network.code_of(code)
    assert kept.tolist() == [[3, 0, 0, 2], [-1, -2, 0, 0]]
    kept.sum().backward()
    assert code.grad.tolist() == [[1, 0, 0, 1], [1, 1, 0, 0]]
    assert (network.encode(Cells(matrix.csr))[1].count_nonzero(dim=1) == 2).all()


def test_the_contractive_penalty_is_the_norm_of_the_jacobian(matrix, monkeypatch):
    monkeypatch.setattr(family.Contractive, "weight", 0.3)
    network = build(narrow("contractive", 7), matrix)
    weights = torch.cat([network.rating_inputs, network.mask_inputs]).detach()

    def first_layer(x: torch.Tensor) -> torch.Tensor:  # of one row's inputs, written out
        return torch.tanh(x @ weights + network.input_bias)

    rows = torch.randn(6, len(weights), generator=torch.Generator().manual_seed(0))
    norms = [torch.autograd.functional.jacobian(first_layer, x).square().sum() for x in rows]
    codes = torch.stack([first_layer(x) for x in rows])
    found = network.penalty(codes, Cells(matrix.csr))
    torch.testing.assert_close(found, 0.3 * torch.stack(norms).mean())


def test_the_loss_of_a_variational_network_is_its_parts(matrix, monkeypatch):
    monkeypatch.setattr(family.Variational, "weight", 0.5)
    network = build(narrow("variational", 9, 6, 4), matrix)
    cells, noise, hidden = Cells(matrix.csr[:6]), torch.randn(6, 4), []
    monkeypatch.setattr(torch, "randn_like", lambda _: noise)
    network.encoder[0].register_forward_hook(lambda *said: hidden.append(torch.tanh(said[-1])))
    bias, drawn = network.encode(cells)
    mean, log_variance = network.encoder[1](hidden[0]), network.log_variance(hidden[0])
    deviation = log_variance.exp().sqrt()
    code = mean + deviation * noise
    torch.testing.assert_close(drawn, code)
    scores = network.score(bias, network.last_layer(code))[cells.rows, cells.columns]
    expected = network.head.loss(scores, cells.stars)
    exact = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0)).sum()
    expected = expected + 0.5 * exact / len(cells.stars)
    torch.testing.assert_close(network.loss(cells)[0], expected)
    network.eval()
    torch.testing.assert_close(network.encode(cells)[1], mean)
