"""A training that is exact, repeatable and resumable."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from saelib.data.matrix import RatingMatrix, split_ratings
from saelib.errors import CheckpointError, SaelibError
from saelib.model.learn import fit_networks, train
from saelib.network import autoencoder, training
from saelib.network.autoencoder import StackedAutoencoder
from saelib.network.cells import hide_inputs
from saelib.network.config import NetworkConfig, Recipe
from saelib.network.recipes import RECIPES
from saelib.network.training import _set_pace, build, fit, network_loss, orient

SMALL = NetworkConfig(hidden=(8,), one_cycle=False, n_batches=5, epochs=6)


@pytest.fixture(scope="module")
def known(data):
    return RatingMatrix.from_dataset(data)


def weights_of(model) -> bytes:
    return b"".join(v.numpy().tobytes() for v in model.state_dict().values())


def fresh(known, seed=0, config=SMALL):
    return build(orient(config, known), seed)


def fitted(known, seed=0, config=SMALL, **options):
    network = fresh(known, seed, config)
    history = fit(network, orient(config, known), seed=seed, progress=False, **options)
    return network, history


@pytest.mark.parametrize(
    "config", [SMALL, replace(SMALL, input_dropout=(0.1, 0.9), weight_decay=2.0, one_cycle=True)]
)
def test_the_same_seed_gives_the_same_bits_whatever_was_drawn_before(known, config):
    first, history = fitted(known, config=config)
    torch.rand(7)
    np.random.rand(7)
    second, again = fitted(known, config=config)
    assert weights_of(first) == weights_of(second)
    assert history == again
    assert weights_of(first) != weights_of(fitted(known, seed=1, config=config)[0])


def test_training_leaves_the_callers_random_numbers_alone(known):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fitted(known)
    assert torch.equal(torch.rand(3), expected)


def test_the_loss_of_held_out_ratings_falls_and_the_best_epoch_is_kept(data):
    bundle = train(data, "decay", epochs=30, progress=False)
    [history] = bundle.histories
    losses = history.validation_loss
    assert len(losses) == len(history.train_loss) == 30
    assert min(losses) < 0.75 * losses[0]
    assert history.best_epoch == int(np.argmin(losses)) + 1
    shown, hidden = (
        RatingMatrix.from_dataset(data, data.ratings.iloc[part])
        for part in split_ratings(len(data.ratings), 0)
    )
    kept = bundle.liking.loss(shown.people, hidden.csr)
    assert kept == pytest.approx(min(losses), rel=1e-6)
    assert bundle.held_out_rmse == pytest.approx(min(losses) ** 0.5, rel=1e-6)


def test_strong_decay_shrinks_the_weights_but_not_the_biases(known):
    loose, _ = fitted(known)
    tight, _ = fitted(known, config=replace(SMALL, weight_decay=20.0))
    assert tight.outputs.weight.norm() < 0.7 * loose.outputs.weight.norm()
    untrained = fresh(known)
    # 30 steps shrink a weight without gradient to 0.98 ** 30 = 0.55 of itself.
    assert tight.input_bias.norm() > 0.75 * untrained.input_bias.norm()


def test_without_validation_the_last_epoch_is_kept(known):
    model, history = fitted(known)
    assert history.best_epoch == SMALL.epochs
    assert history.validation_loss == []
    assert not model.training


class _Interrupt:
    """Raise KeyboardInterrupt in the middle of the given epoch."""

    def __init__(self, monkeypatch, epoch: int):
        self.calls = 0

        def hide(ratings, share):
            self.calls += 1
            if self.calls == SMALL.n_batches * (epoch - 1) + 3:
                raise KeyboardInterrupt
            return hide_inputs(ratings, share)

        monkeypatch.setattr(autoencoder, "hide_inputs", hide)


def test_ctrl_c_keeps_the_best_epoch_so_far(known, data, monkeypatch):
    with monkeypatch.context() as patch:
        _Interrupt(patch, epoch=4)
        model, history = fitted(known)
    assert history.interrupted
    assert history.best_epoch == len(history.train_loss) == 3
    stopped = fresh(known)
    # The one-cycle pace is off in SMALL, so three epochs of six are three epochs of three.
    fit(stopped, orient(replace(SMALL, epochs=3), known), progress=False)
    assert weights_of(model) == weights_of(stopped)


def test_ctrl_c_before_the_first_epoch_is_done_is_passed_on(known, monkeypatch):
    _Interrupt(monkeypatch, epoch=1)
    with pytest.raises(KeyboardInterrupt):
        fitted(known)


@pytest.mark.parametrize("one_cycle", [False, True])
def test_a_resumed_training_ends_as_an_uninterrupted_one(known, tmp_path, monkeypatch, one_cycle):
    config = replace(SMALL, one_cycle=one_cycle, input_dropout=(0.1, 0.5), weight_decay=1.0)
    checkpoint = tmp_path / "training.checkpoint"
    whole, history = fitted(known, config=config, validation=known.csr)
    with monkeypatch.context() as patch:
        _Interrupt(patch, epoch=4)
        _, stopped = fitted(known, config=config, validation=known.csr, checkpoint=checkpoint)
    assert stopped.interrupted
    resumed, continued = fitted(
        known, config=config, validation=known.csr, checkpoint=checkpoint, resume=True
    )
    assert weights_of(resumed) == weights_of(whole)
    assert continued == history


def test_a_resumed_training_remembers_the_best_epoch_before_it(known, tmp_path, monkeypatch):
    """Here that is the first one: from then on, held-out ratings are said to be further off."""

    def rise(first: float) -> None:
        losses = count(first)
        monkeypatch.setattr(training, "network_loss", lambda *_: next(losses))

    checkpoint = tmp_path / "training.checkpoint"
    rise(1.0)
    whole, history = fitted(known, validation=known.csr)
    assert history.best_epoch == 1
    rise(1.0)
    with monkeypatch.context() as patch:
        _Interrupt(patch, epoch=4)
        fitted(known, validation=known.csr, checkpoint=checkpoint)
    rise(4.0)
    resumed, continued = fitted(known, validation=known.csr, checkpoint=checkpoint, resume=True)
    assert continued == history
    assert weights_of(resumed) == weights_of(whole)


def test_another_trainings_checkpoint_is_refused(known, tmp_path):
    checkpoint = tmp_path / "training.checkpoint"
    fitted(known, checkpoint=checkpoint)
    for seed, config, ratings, word in [
        (1, SMALL, known, "seed"),
        (0, replace(SMALL, dropout=0.1), known, "settings"),
        (0, SMALL, known.take(np.arange(60)[::-1]), "ratings"),
    ]:
        with pytest.raises(CheckpointError, match=f"of a training with another {word}"):
            fitted(ratings, seed, config, checkpoint=checkpoint, resume=True)
    with pytest.raises(CheckpointError, match=r"nothing to resume: .*other is not there"):
        fitted(known, checkpoint=tmp_path / "other", resume=True)


def test_a_training_that_diverges_says_so(known):
    with pytest.raises(SaelibError, match=r"diverged. Lower the learning rate"):
        fitted(known, config=replace(SMALL, inputs="stars", activation="relu", learning_rate=1e30))


def test_a_held_out_loss_that_is_no_number_ends_it(known, monkeypatch, tmp_path):
    """The losses of training may still be numbers; no epoch would ever be the best."""
    monkeypatch.setattr(training, "network_loss", lambda *_: math.nan)
    with pytest.raises(SaelibError, match=r"The loss is nan after epoch 1: .* diverged"):
        fitted(known, validation=known.csr, checkpoint=tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_too_few_ratings_are_called_so(known, data):
    row = known.take(np.zeros(20, dtype=int)).csr.copy()
    row.data[row.indptr[1] :] = 0
    row.eliminate_zeros()
    one_person = replace(known, csr=row)
    network = fresh(one_person)
    with pytest.raises(SaelibError, match=r"too few ratings to train on: \d+ in 20 rows, so that"):
        fit(network, orient(SMALL, one_person), progress=False)
    few = replace(data, ratings=data.ratings.iloc[:4])
    with pytest.raises(SaelibError, match=r"too few"):
        train(few, "plain", epochs=1, progress=False)
    with pytest.raises(SaelibError, match="No ratings are held out to measure on"):
        network_loss(network, orient(SMALL, known), csr_array(known.csr.shape))


def test_unknown_recipe_and_impossible_epochs(data):
    with pytest.raises(SaelibError, match="Unknown recipe 'best'; choose one of plain, residuals"):
        train(data, "best")
    with pytest.raises(
        SaelibError, match="0 is not a number of epochs; expected whole numbers of at least 1"
    ):
        train(data, epochs=0)


def test_a_recipe_is_more_cautious_where_ratings_are_few():
    """Twice as much decay, facts and shrinkage at a sixteenth of a million; half as much raters."""
    recipe = NetworkConfig(weight_decay=3.5, facts=1.0, raters=0.8, shrinkage=5.0, caution=0.25)
    few = recipe.for_ratings(62_500)
    assert (few.weight_decay, few.facts, few.raters, few.shrinkage) == (7.0, 2.0, 0.4, 10.0)
    assert few.for_ratings(62_500) == few, "once"
    assert recipe.for_ratings(1_000_000) == replace(recipe, caution=0.0)


def test_the_network_of_few_ratings_is_made_by_the_cautious_recipe(known):
    recipe = replace(RECIPES["default"].networks[0], hidden=(4,))
    oriented = orient(recipe, known)
    assert oriented.config == recipe.for_ratings(known.csr.nnz) != recipe
    network = build(oriented, 0)
    assert network.config.shrinkage == oriented.config.shrinkage
    assert network.row_scale == oriented.config.facts


def test_the_one_cycle_turns_learning_rate_and_momentum_against_each_other():
    """Smith and Topin 2018: where the rate is highest, momentum is lowest."""
    optimizer = torch.optim.AdamW([{"params": [torch.ones(1, requires_grad=True)], "rate": 1.0}])
    found = {}
    for done in (0.0, 0.1, 0.55, 1.0):
        _set_pace(optimizer, 0.01, done)
        found[done] = (optimizer.param_groups[0]["lr"], *optimizer.param_groups[0]["betas"])
    expected = {0.0: (0.0004, 0.95, 0.999), 0.1: (0.01, 0.85, 0.999)}
    expected |= {0.55: (0.005, 0.90, 0.999), 1.0: (0.0, 0.95, 0.999)}
    for done, values in expected.items():
        assert found[done] == pytest.approx(values, abs=1e-9), done


def test_the_pace_is_set_at_every_step_of_a_one_cycle_training(known, monkeypatch):
    paces = []
    monkeypatch.setattr(training, "_set_pace", lambda optimizer, rate, done: paces.append(done))
    fitted(known, config=replace(SMALL, one_cycle=True))
    steps = SMALL.epochs * SMALL.n_batches
    np.testing.assert_allclose(paces, np.arange(steps) / steps)


def test_a_trained_network_can_be_trained_again(known):
    """A second training moves it once a step, and afterwards its gradients are the caller's."""
    network, _ = fitted(known)
    again, _ = fitted(known)
    for part in (network, again):
        fit(part, orient(replace(SMALL, epochs=2), known), seed=3, progress=False)
    assert weights_of(network) == weights_of(again)
    fresh_optimizer_moves = weights_of(again)
    again.loss(torch.from_numpy(known.csr.toarray()))[0].backward()
    assert again.outputs.weight.grad is not None
    assert weights_of(again) == fresh_optimizer_moves


def test_the_networks_of_a_recipe_start_from_seeds_of_their_own(known):
    """Two networks with the same settings would else be twice the same one."""
    twice = Recipe((SMALL, SMALL))
    first, second = fit_networks(twice, known, progress=False)[0].models
    assert weights_of(first.network) == weights_of(fitted(known)[0])
    assert weights_of(second.network) == weights_of(fitted(known, seed=1000)[0])


def test_a_network_may_want_more_in_its_loss(known, monkeypatch):
    """As a member of the family does: the training loop asks the network, and nothing else."""

    class Bound(StackedAutoencoder):
        def loss(self, ratings, row_features=None, done=1.0):
            loss, error = super().loss(ratings, row_features, done)
            return loss + 10 * self.encode(ratings, row_features).square().mean(), error

    free, _ = fitted(known)
    monkeypatch.setattr(training, "member", lambda name: Bound)
    bound, _ = fitted(known)
    codes = [network.codes(known.csr) for network in (free, bound)]
    assert np.square(codes[1]).mean() < 0.5 * np.square(codes[0]).mean()
