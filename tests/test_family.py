"""The members of the autoencoder family, each against something that knows nothing of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn.functional import normalize

from saelib.data.matrix import RatingMatrix
from saelib.errors import SaelibError
from saelib.model.ease import Ease
from saelib.model.elsa import Elsa, directions_apart
from saelib.model.learn import fit_networks
from saelib.network import layers
from saelib.network.autoencoder import StackedAutoencoder
from saelib.network.cells import Cells, draw_shown, hide_inputs
from saelib.network.config import NetworkConfig, Recipe
from saelib.network.contractive import SLOPES, ContractiveAutoencoder
from saelib.network.layers import train_layers
from saelib.network.recipes import BARE, FAMILY, RECIPES
from saelib.network.sparse import SparseAutoencoder, keep_largest, sparsity
from saelib.network.training import _groups, _set_pace, build, member, orient
from saelib.network.variational import VariationalAutoencoder, divergence

N_ITEMS = 40


@pytest.fixture(scope="module")
def matrix(data) -> RatingMatrix:
    return RatingMatrix.from_dataset(data)


def network_of(config: NetworkConfig, matrix: RatingMatrix) -> StackedAutoencoder:
    return build(orient(config, matrix), seed=0)


def dense(matrix: RatingMatrix, n: int = 6) -> Tensor:
    return torch.from_numpy(matrix.csr[:n].toarray())


# -- Linear: principal components ----------------------------------------------------------------


def test_a_linear_autoencoder_finds_the_plane_of_the_leading_singular_vectors():
    """Baldi and Hornik 1989: with every cell known there is one minimum, and it is PCA's."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(50, 2)) @ rng.normal(size=(2, 8)) + 0.05 * rng.normal(size=(50, 8))
    stars = torch.from_numpy(signal.astype(np.float32))
    assert (stars != 0).all(), "0 would be 'not rated'"
    config = NetworkConfig(hidden=(2,), inputs="stars", activation="linear", dropout=0.0)
    torch.manual_seed(0)
    network = StackedAutoencoder(8, config)
    optimizer = torch.optim.LBFGS(
        network.parameters(), max_iter=2000, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        loss, _ = network.loss(stars)
        loss.backward()
        return loss

    optimizer.step(closure)
    centred = stars - stars.mean(dim=0)
    _, values, directions = torch.linalg.svd(centred, full_matrices=False)
    left = values[2:].square().sum() / stars.numel()  # what two components leave
    assert network.loss(stars)[0].item() == pytest.approx(left.item(), rel=1e-3)
    plane, _ = torch.linalg.qr(network.outputs.weight.detach())  # (8, 2), the decoder's
    cosines = torch.linalg.svdvals(plane.T @ directions[:2].T)
    assert cosines.min() > 0.9999
    codes = network.encode(stars).detach()
    codes = codes - codes.mean(dim=0)
    scores = centred @ directions[:2].T
    left_over = scores - codes @ torch.linalg.lstsq(codes, scores).solution
    assert left_over.norm() < 0.01 * scores.norm(), "the codes are the components, turned"


# -- Denoising -----------------------------------------------------------------------------------


def test_hiding_inputs_of_a_linear_autoencoder_is_a_ridge_penalty():
    """Bishop 1995; Steck 2020: averaged over all masks, hiding a share p costs, beside the error of
    the inputs scaled by 1 - p, p (1 - p) times each squared weight times its column's squares."""
    rng = np.random.default_rng(1)
    x, weights, p = rng.normal(size=(5, 4)), rng.normal(size=(4, 4)), 0.3
    average = 0.0
    for mask in product([0, 1], repeat=4):
        chance = np.prod([1 - p if kept else p for kept in mask])
        average += chance * np.square((x * mask) @ weights - x).sum()
    squares = np.square(x).sum(axis=0)
    ridge = p * (1 - p) * (squares[:, None] * np.square(weights)).sum()
    assert average == pytest.approx(np.square((1 - p) * x @ weights - x).sum() + ridge)


# -- Sparse --------------------------------------------------------------------------------------


def test_the_sparsity_penalty_is_the_divergence_of_coins():
    code = torch.rand(200, 5, generator=torch.Generator().manual_seed(0)) ** 2
    found = sparsity(code, 0.05)
    exact = kl_divergence(Bernoulli(0.05 * torch.ones(5)), Bernoulli(code.mean(dim=0)))
    torch.testing.assert_close(found, exact.sum())
    # And by tossing them: the mean of log p / q over draws from p.
    tosses = Bernoulli(torch.full((400_000, 5), 0.05))
    torch.manual_seed(0)
    draws = tosses.sample()
    ratio = tosses.log_prob(draws) - Bernoulli(code.mean(dim=0)).log_prob(draws)
    assert ratio.mean(dim=0).sum().item() == pytest.approx(found.item(), rel=0.01)
    assert sparsity(torch.full((3, 4), 0.05), 0.05).item() == pytest.approx(0, abs=1e-6)


def test_only_the_k_loudest_units_speak_and_only_they_learn():
    code = torch.tensor([[3.0, -5.0, 1.0, 2.0], [-1.0, -2.0, -3.0, -4.0]], requires_grad=True)
    kept = keep_largest(code, 2)
    assert kept.tolist() == [[3, 0, 0, 2], [-1, -2, 0, 0]]
    kept.sum().backward()
    assert code.grad is not None and code.grad.tolist() == [[1, 0, 0, 1], [1, 1, 0, 0]]


def test_a_k_sparse_network_has_k_active_units_in_training_and_after(matrix):
    config = replace(BARE, member="k-sparse", activation="linear", hidden=(12,), k=3)
    network = network_of(config, matrix)
    codes = network.codes(matrix.csr)
    assert (np.count_nonzero(codes, axis=1) == 3).all()
    everything = network_of(replace(config, k=12), matrix)
    plain = network_of(replace(config, member="stacked", k=0), matrix)
    np.testing.assert_array_equal(everything.predict(matrix.csr), plain.predict(matrix.csr))


def test_the_penalty_of_a_sparse_network_makes_its_units_speak_less(matrix):
    def mean_activation(penalty: float) -> float:
        config = replace(
            BARE,
            member="sparse",
            activation="sigmoid",
            hidden=(12,),
            penalty=penalty,
            epochs=30,
            n_batches=6,
            learning_rate=0.01,
        )
        liking, _ = fit_networks(Recipe((config,)), matrix, progress=False)
        return float(liking.codes(matrix.people).mean())

    assert mean_activation(1.0) < 0.2 < mean_activation(0.0)


# -- Contractive ---------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", SLOPES)
@pytest.mark.parametrize("inputs", ["residuals+mask", "residuals", "stars"])
def test_the_contractive_penalty_is_the_norm_of_the_jacobian(matrix, activation, inputs):
    config = NetworkConfig(
        member="contractive", hidden=(7,), activation=activation, inputs=inputs, penalty=0.3
    )
    network = network_of(config, matrix)
    assert isinstance(network, ContractiveAutoencoder)
    weights = torch.cat([bag.weight for bag in network.bags]).detach()

    def first_layer(x: Tensor) -> Tensor:  # of one row's inputs, written out
        return network.activation(x @ weights + network.input_bias)

    inputs_of_rows = torch.randn(6, len(weights), generator=torch.Generator().manual_seed(0))
    codes = torch.stack([first_layer(x) for x in inputs_of_rows])
    norms = [
        torch.autograd.functional.jacobian(first_layer, x).square().sum() for x in inputs_of_rows
    ]
    torch.testing.assert_close(network.penalty(codes), 0.3 * torch.stack(norms).mean())


def test_for_a_linear_encoder_the_contractive_penalty_is_weight_decay(matrix):
    config = replace(BARE, member="contractive", activation="linear", hidden=(7,), penalty=0.5)
    network = network_of(config, matrix)
    total = sum(bag.weight.square().sum() for bag in network.bags)
    torch.testing.assert_close(network.penalty(network.encode(dense(matrix))), 0.5 * total)


# -- Variational ---------------------------------------------------------------------------------


def test_the_divergence_from_the_prior_by_formula_and_by_sampling():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(3, 4), torch.randn(3, 4)
    found = divergence(mean, log_variance)
    codes, prior = Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)
    torch.testing.assert_close(found, kl_divergence(codes, prior).sum(dim=1))
    draws = codes.sample((200_000,))
    sampled = (codes.log_prob(draws) - prior.log_prob(draws)).sum(dim=-1).mean(dim=0)
    torch.testing.assert_close(found, sampled, rtol=0.02, atol=0.02)


VARIATIONAL = replace(BARE, member="variational", hidden=(9, 4), n_batches=6)


def test_the_loss_of_a_variational_network_is_its_parts(matrix):
    network = network_of(replace(VARIATIONAL, penalty=0.5), matrix)
    assert isinstance(network, VariationalAutoencoder)
    ratings = dense(matrix)
    row_bias, first = network._first_layer(Cells.of(ratings), None)
    mean = network.encoder[0](first)
    log_variance = network.log_variance(first)
    torch.manual_seed(5)
    noise = torch.randn_like(mean)
    for done, weight in ((0.0, 0.0), (0.25, 0.25), (0.5, 0.5), (1.0, 0.5)):
        code = mean + log_variance.exp().sqrt() * noise
        scores = network.decode(code, row_bias)
        expected = network.head.loss(scores[ratings > 0], ratings[ratings > 0])
        expected = expected + weight * divergence(mean, log_variance).sum() / (ratings > 0).sum()
        torch.manual_seed(5)
        # hide_inputs draws before the code does, even where nothing is hidden.
        network.config = replace(network.config, input_dropout=(0.0, 0.0))
        found = _loss_with_noise(network, ratings, done, noise)
        torch.testing.assert_close(found, expected)
    np.testing.assert_allclose(network.codes(matrix.csr[:6]), mean.detach(), rtol=1e-5, atol=1e-6)


def _loss_with_noise(network, ratings, done, noise) -> Tensor:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "randn_like", lambda _: noise)
        return network.loss(ratings, None, done)[0]


def test_training_tells_how_much_of_it_is_over(matrix, monkeypatch):
    """So that the penalty is annealed."""
    told, loss = [], VariationalAutoencoder.loss
    monkeypatch.setattr(
        VariationalAutoencoder,
        "loss",
        lambda self, ratings, known, done: told.append(done) or loss(self, ratings, known, done),
    )
    fit_networks(Recipe((replace(VARIATIONAL, epochs=3),)), matrix, progress=False)
    np.testing.assert_allclose(told, np.arange(18) / 18)


def test_a_strong_penalty_makes_every_code_the_prior(matrix):
    def information(penalty: float) -> float:
        liking, _ = fit_networks(
            Recipe((replace(VARIATIONAL, penalty=penalty, epochs=60, learning_rate=0.01),)),
            matrix,
            progress=False,
        )
        return float(np.abs(liking.codes(matrix.people)).mean())

    assert information(20.0) < 0.05 < information(0.01)


# -- Layer by layer ------------------------------------------------------------------------------


def test_layers_trained_one_by_one_repeat_the_code_below(matrix):
    config = replace(BARE, hidden=(16, 8, 4), layer_epochs=40, learning_rate=0.01, n_batches=6)
    oriented = orient(config, matrix)
    network = build(oriented, seed=0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    train_layers(network, oriented, seed=0)
    for name, value in network.state_dict().items():
        if "weight" in name:
            assert not torch.equal(value, before[name]), f"{name} was not trained"
    _, first = network._first_layer(Cells.of(dense(matrix, 60)), None)
    for depth in (1, 2):
        code = network._through(network.encoder[:depth], first)
        again = network._through(network.decoder[-depth:], code)
        unexplained = (again - first).square().mean() / (first - first.mean(dim=0)).square().mean()
        assert unexplained < 0.5, f"{depth} layers repeat nothing of the first"
    # The first layer is that of a shallow network, trained alone.
    alone = replace(config, hidden=(16,), epochs=40, layer_epochs=0)
    shallow, _ = fit_networks(Recipe((alone,)), matrix, progress=False)
    its = shallow.models[0].network.rating_inputs.weight
    assert torch.equal(its, network.rating_inputs.weight)


def test_each_layer_is_denoising(matrix, monkeypatch):
    shares = []
    monkeypatch.setattr(
        layers,
        "draw_shown",
        lambda n, rows, share: shares.append(share) or draw_shown(n, rows, share),
    )
    config = replace(BARE, hidden=(8, 4, 3), layer_epochs=2, n_batches=6, input_dropout=(0.1, 0.4))
    oriented = orient(config, matrix)
    train_layers(build(oriented, seed=0), oriented, seed=0)
    assert shares == [(0.1, 0.4)] * 2 * 2 * 6, "in each batch of two epochs of two layers"


def test_inner_layers_learn_at_their_own_rate(matrix):
    """One step of Adam moves each element by its learning rate."""
    network = network_of(replace(BARE, hidden=(8, 4), inner_rate=0.01), matrix)
    before = {name: value.clone() for name, value in network.named_parameters()}
    optimizer = torch.optim.AdamW(_groups(network), lr=1e-3, fused=True)
    network.loss(dense(matrix))[0].backward()
    optimizer.step()
    for name, value in network.named_parameters():
        moved = (value - before[name]).abs().max().item()
        inner = name.startswith(("encoder", "decoder"))
        assert moved == pytest.approx(1e-5 if inner else 1e-3, rel=0.15), name
    n_grouped = sum(len(group["params"]) for group in _groups(network))
    assert n_grouped == len(list(network.parameters()))
    # The schedule keeps the shares, and nothing else changes them.
    _set_pace(optimizer, 1e-3, 0.5)
    rates = {group["lr"] for group in optimizer.param_groups}
    assert max(rates) == pytest.approx(100 * min(rates)) and len(rates) == 2


@pytest.mark.parametrize(("inner_decay", "wanted"), [(None, 3.0), (0.0, 0.0), (7.0, 7.0)])
def test_inner_layers_decay_as_the_others_unless_told_otherwise(matrix, inner_decay, wanted):
    config = replace(BARE, hidden=(8, 4), weight_decay=3.0, inner_decay=inner_decay)
    network = network_of(config, matrix)
    decays = {
        id(parameter): group["weight_decay"]
        for group in _groups(network)
        for parameter in group["params"]
    }
    for name, value in network.named_parameters():
        inner = name.startswith(("encoder", "decoder"))
        expected = 0.0 if value.ndim < 2 else wanted if inner else 3.0
        assert decays[id(value)] == expected, name


def test_a_network_is_trained_layer_by_layer_before_all_of_it(matrix, tmp_path):
    """Also the second one of a recipe, where a training goes on that was stopped in the first."""
    config = replace(BARE, hidden=(8, 4), layer_epochs=2, epochs=1, n_batches=6)
    recipe = Recipe((config, config))
    file = tmp_path / "training"
    whole, _ = fit_networks(recipe, matrix, checkpoint=file, progress=False)
    without = tuple(replace(config, layer_epochs=0) for _ in range(2))
    at_once, _ = fit_networks(Recipe(without), matrix, progress=False)
    (tmp_path / "training1").unlink()
    resumed, _ = fit_networks(recipe, matrix, checkpoint=file, resume=True, progress=False)
    for number in range(2):
        stars = [
            liking.models[number].predict(matrix.people) for liking in (whole, resumed, at_once)
        ]
        np.testing.assert_array_equal(stars[0], stars[1])
        assert np.abs(stars[0] - stars[2]).max() > 0.01


# -- Choosing: EDLAE and ELSA --------------------------------------------------------------------


def test_edlae_is_the_best_prediction_of_hidden_films_over_all_that_can_be_hidden():
    """Steck 2020: only what is hidden is asked for, averaged over all masks, by brute force."""
    rng = np.random.default_rng(0)
    x, p, ridge = (rng.random((12, 4)) < 0.5).astype(float), 0.4, 0.7
    weights = np.zeros((4, 4))
    masks = [np.array(mask) for mask in product([0, 1], repeat=4)]
    for j in range(4):
        gram, right = np.zeros((4, 4)), np.zeros(4)
        for mask in masks:
            if mask[j] == 0:  # film j is hidden, and asked for
                chance = np.prod(np.where(mask, 1 - p, p)) / p
                shown = x * mask
                gram += chance * shown.T @ shown
                right += chance * shown.T @ x[:, j]
        # Steck's ridge is on weights that read inputs scaled by 1 - p.
        others = [i for i in range(4) if i != j]
        gram = gram[np.ix_(others, others)] + (1 - p) ** 2 * ridge * np.eye(3)
        weights[others, j] = np.linalg.solve(gram, right[others])
    fitted = Ease.fit(csr_array(x), ridge=ridge, dropout=p)
    np.testing.assert_allclose(fitted.weights, (1 - p) * weights, atol=1e-5)


def test_elsa_by_its_formula(matrix):
    told = np.random.default_rng(0).random((60, 2)).astype(np.float32)
    model = Elsa.fit(matrix.csr, told, width=5, epochs=2)
    np.testing.assert_allclose(np.linalg.norm(model.vectors, axis=1), 1, rtol=1e-5)
    seen = (matrix.csr[:4].toarray() > 0).astype(float)
    inputs = np.hstack([seen, told[:4]])
    matrix_of = model.vectors @ model.vectors.T - np.eye(42)
    expected = (inputs @ matrix_of)[:, :N_ITEMS]
    scores = model.scores(matrix.csr[:4], told[:4])
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    some = model.scores(matrix.csr[:4], told[:4], [7, 0])
    np.testing.assert_allclose(some, scores[:, [7, 0]], atol=1e-5)
    pull = model.pull(np.array([3, 9]), np.array([5]))
    np.testing.assert_allclose(pull, matrix_of[[3, 9]][:, [5]], atol=1e-5)
    again = Elsa.from_arrays(*model.to_arrays())
    np.testing.assert_array_equal(again.scores(matrix.csr[:4], told[:4]), scores)


@pytest.mark.parametrize("n_told", [0, 3])
def test_what_elsa_minimises_is_the_same_without_the_scores_written_out(n_told):
    rng = np.random.default_rng(n_told)
    seen = (rng.random((50, 30)) < 0.3).astype(np.float32)
    told = rng.random((50, n_told)).astype(np.float32)
    made = torch.from_numpy(rng.normal(size=(30 + n_told, 4)).astype(np.float32))
    losses, gradients = [], []
    for sparse in (False, True):
        vectors = normalize(made).requires_grad_()
        x, inputs = torch.from_numpy(seen), torch.from_numpy(np.hstack([seen, told]))
        scores = inputs @ vectors @ vectors[:30].T - x
        loss = (normalize(scores) - normalize(x)).square().sum(dim=1).mean()
        if sparse:  # the stars do not matter
            loss = directions_apart(vectors[:30], vectors[30:], csr_array(4 * seen), told)
        loss.backward()
        losses.append(loss.item())
        gradients.append(vectors.grad)
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-6, rtol=1e-4)


def test_who_has_seen_nothing_teaches_elsa_nothing():
    vectors = normalize(torch.ones(6, 2)).requires_grad_()
    nothing = csr_array((3, 5), dtype=np.float32)
    directions_apart(vectors[:5], vectors[5:], nothing, np.ones((3, 1))).backward()
    assert not vectors.grad.any()


def test_at_full_rank_elsa_finds_the_weights_of_ease_where_theory_says_so():
    """Where all people and films are alike up to a rotation, EASE's weights are symmetric, and any
    small multiple of them is A A' - I for some A with rows of length 1; ELSA's loss, which looks at
    directions alone, is then least where EASE's without a ridge is."""
    pattern = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 1])
    x = np.array([np.roll(pattern, shift) for shift in range(11)], dtype=np.float32)
    ease = Ease.fit(csr_array(x), ridge=1e-6).weights
    np.testing.assert_allclose(ease, ease.T, atol=1e-4)
    vectors = Elsa.fit(csr_array(x), width=11, epochs=400).vectors
    elsa = vectors @ vectors.T - np.eye(11)
    others = ~np.eye(11, dtype=bool)
    assert np.ptp(ease[others]) > 0.1, "not all weights are alike"
    assert np.corrcoef(elsa[others], ease[others])[0, 1] > 0.999
    narrow = Elsa.fit(csr_array(x), width=2, epochs=400).vectors
    worse = narrow @ narrow.T - np.eye(11)
    assert np.corrcoef(worse[others], ease[others])[0, 1] < 0.99


# -- All of them ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILY)
def test_each_member_learns(data, name):
    """What it was trained on it repeats better than the untrained network does."""
    matrix = RatingMatrix.from_dataset(data)
    [config] = RECIPES[name].networks
    small = tuple(min(width, 20) for width in config.hidden)
    config = replace(config, hidden=small, k=min(config.k, 10), epochs=30, n_batches=10)
    _, [history] = fit_networks(Recipe((config,)), matrix, progress=False)
    assert history.train_loss[-1] < 0.9 * history.train_loss[0]


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "linear"])
def test_activations(activation):
    config = NetworkConfig(hidden=(3,), inputs="stars", activation=activation)
    network = StackedAutoencoder(5, config)
    x = torch.linspace(-2, 2, 9)
    known = {"relu": x.clamp(min=0), "tanh": x.tanh(), "sigmoid": 1 / (1 + (-x).exp()), "linear": x}
    torch.testing.assert_close(network.activation(x), known[activation])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"member": "k-sparse"}, "k is 0; a k-sparse code of width 500 takes from 1 to 500"),
        ({"member": "k-sparse", "k": 501}, "k is 501.*from 1 to 500"),
        ({"member": "k-sparse", "k": 2.5}, "k is 2.5"),
        ({"k": 3}, "only the member 'k-sparse' has one"),
        ({"penalty": 1.0}, "'stacked' has none; expected one of sparse, contractive, variational"),
        ({"member": "sparse", "activation": "sigmoid", "penalty": -1}, "penalty is -1; expected"),
        ({"member": "sparse"}, "expected activation 'sigmoid', got 'tanh'"),
        ({"member": "contractive", "hidden": (5, 3)}, r"one hidden layer; got hidden \(5, 3\)"),
        ({"member": "variational"}, r"at least two layers.*got \(500,\)"),
        ({"layer_epochs": 3}, r"layer_epochs needs at least two layers.*got \(500,\)"),
        ({"hidden": (5, 3), "layer_epochs": 2.5}, "layer_epochs is 2.5; expected a whole number"),
        (
            {"member": "variational", "hidden": (5, 3), "layer_epochs": 2},
            "Only the member 'stacked' is trained layer by layer; got 'variational'",
        ),
        ({"inner_rate": 0}, "inner_rate is 0; expected a number above 0"),
        ({"inner_decay": -1.0}, "inner_decay is -1.0; expected a number of at least 0"),
        ({"input_dropout": (0.2, 1.0)}, "below 1"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1; expected a number of at least 0"),
    ],
)
def test_a_member_that_lacks_what_it_needs_is_refused(settings, message):
    with pytest.raises(SaelibError, match=message):
        NetworkConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeing": "als"}, "seeing 'als' does not exist; expected one of ease, elsa"),
        ({"elsa_width": 0}, "elsa_width is 0; expected a whole number of at least 1"),
        ({"elsa_epochs": 1.5}, "elsa_epochs is 1.5"),
    ],
)
def test_a_recipe_of_films_seen_is_checked(settings, message):
    with pytest.raises(SaelibError, match=message):
        Recipe((), **settings)


@pytest.mark.parametrize("name", ["choice", "choice-variational", "edlae", "elsa"])
def test_what_predicts_no_stars_says_so(name):
    from saelib.network.recipes import find_recipe

    assert find_recipe(name)
    with pytest.raises(SaelibError, match=f"{name}' predicts no stars"):
        find_recipe(name, stars=True)


def test_hiding_leaves_the_rest_as_it_is():
    torch.manual_seed(0)
    shown = hide_inputs(Cells.of(torch.ones(2000, 30)), (0.2, 0.2)).shown
    assert set(shown.unique().tolist()) == {0.0, 1.0}
    assert (shown == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)


def test_members_by_name():
    assert member("sparse") is SparseAutoencoder
