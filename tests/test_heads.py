"""What scores mean: probabilities that are ones, and gradients against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit

from saelib.data.scale import HALF_STARS, WHOLE_STARS, Scale
from saelib.network.heads import Multinomial, OrderedStars

SCALES = [WHOLE_STARS, HALF_STARS, Scale(1, 10)]


def head_of(scale) -> OrderedStars:
    torch.manual_seed(0)
    head = OrderedStars(scale)
    head.log_gaps.data = torch.randn(head.scale.n_levels - 2)
    head.first.data = torch.tensor(-1.5)
    return head


@pytest.mark.parametrize("scale", SCALES)
def test_probabilities_sum_to_one_and_thresholds_ascend(scale):
    head = head_of(scale)
    scores = torch.linspace(-8, 8, 50).reshape(5, 10)
    p = head.link().probabilities(scores.numpy())
    assert p.shape == (5, 10, head.scale.n_levels)
    assert (p > 0).all()
    np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-6)
    assert (head.thresholds().diff() > 0).all()
    head.log_gaps.data -= 50  # whatever a training step does to the parameters
    assert (head.thresholds().diff() >= 0).all()


@pytest.mark.parametrize("scale", SCALES)
def test_expected_stars_are_the_mean_of_the_distribution(scale):
    head = head_of(scale)
    scores, link = torch.linspace(-6, 6, 30), head.link()
    stars = head.stars(scores).detach().numpy()
    np.testing.assert_allclose(stars, link.probabilities(scores.numpy()) @ scale.levels, rtol=1e-5)
    np.testing.assert_allclose(stars, link.stars(scores.numpy()), rtol=1e-6)
    assert head.stars(torch.tensor(-60.0)) == scale.lowest
    assert head.stars(torch.tensor(60.0)) == scale.highest


@pytest.mark.parametrize("scale", SCALES)
def test_how_sharply_stars_tell_a_score_is_the_mean_curvature(scale):
    """By differences of log P(stars), weighted by how likely each number of stars is."""
    link, scores, step = head_of(scale).link(), np.linspace(-3, 3, 7), 1e-3
    curved = sum(np.log(link.probabilities(scores + s)) for s in (-step, step))
    curved = (2 * np.log(link.probabilities(scores)) - curved) / step**2
    expected = (link.probabilities(scores) * curved).sum(axis=1)
    np.testing.assert_allclose(link.sharpness(scores), expected, rtol=1e-3)


@pytest.mark.parametrize("scale", SCALES)
def test_the_loss_by_hand_and_its_gradient_by_finite_differences(scale):
    """The likelihood is written out in numpy; its slopes are differences, without autograd."""
    head = head_of(scale).double()
    rng = np.random.default_rng(0)
    low, step = scale.lowest, scale.step
    levels = rng.integers(0, head.scale.n_levels, (4, 7))
    observed = rng.random((4, 7)) < 0.5
    ratings = np.where(observed, low + step * levels, 0.0)
    scores = rng.normal(0, 2, (4, 7))
    parameters = np.concatenate([[head.first.item()], head.log_gaps.detach().numpy()])

    def loss(scores, parameters):
        gaps = np.concatenate([[0], np.exp(parameters[1:]).cumsum()])
        edges = np.concatenate([[-np.inf], parameters[0] + gaps, [np.inf]])
        p = expit(scores - edges[levels]) - expit(scores - edges[levels + 1])
        return -np.log(p[observed]).mean()

    def slopes(function, at):
        found, width = np.zeros_like(at), 1e-6
        for index in np.ndindex(at.shape):
            up, down = at.copy(), at.copy()
            up[index] += width
            down[index] -= width
            found[index] = (function(up) - function(down)) / (2 * width)
        return found

    tensor = torch.tensor(scores, requires_grad=True)
    found = head.loss(tensor[observed], torch.tensor(ratings[observed]))
    found.backward()
    assert found.item() == pytest.approx(loss(scores, parameters), rel=1e-6)
    np.testing.assert_allclose(
        tensor.grad, slopes(lambda s: loss(s, parameters), scores), atol=1e-7
    )
    of_parameters = slopes(lambda p: loss(scores, p), parameters)
    np.testing.assert_allclose(head.first.grad, of_parameters[0], atol=1e-7)
    np.testing.assert_allclose(head.log_gaps.grad, of_parameters[1:], atol=1e-7)


def test_the_loss_stays_finite_for_absurd_scores():
    head = head_of(WHOLE_STARS)
    scores = torch.tensor([[-300.0, 300.0, 300.0, -300.0]], requires_grad=True)
    loss = head.loss(scores, torch.tensor([[5.0, 1.0, 3.0, 3.0]]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(scores.grad).all()


def test_it_starts_at_the_shares_of_the_stars():
    head = OrderedStars(WHOLE_STARS)
    stars = np.repeat([1, 2, 3, 4, 5], [60, 110, 270, 340, 220])
    head.start_from(stars)
    shares = head.link().probabilities(np.array(0.0))
    np.testing.assert_allclose(shares, [0.06, 0.11, 0.27, 0.34, 0.22], atol=0.002)
    rare = OrderedStars(WHOLE_STARS)
    rare.start_from(np.array([3, 3, 3]))  # levels that never occur
    assert torch.isfinite(rare.thresholds()).all()


def test_the_choice_of_films_by_hand():
    scores = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    ratings = torch.tensor([[5.0, 0.0, 1.0], [0.0, 3.0, 0.0]])
    total = np.exp([1, 2, 0]).sum()
    expected = -(np.log(np.exp(1) / total) + np.log(1 / total) + np.log(1 / 3)) / 3
    head, seen = Multinomial(WHOLE_STARS), ratings > 0
    loss = head.loss(head.log_p(scores)[seen], ratings[seen])
    assert loss.item() == pytest.approx(expected)
