"""What scores mean: probabilities that are ones, and gradients against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit

from saelib.heads import Ordered, Squared, masked_loss

each_scale = pytest.mark.parametrize("n_levels", [2, 5, 10, 101])


def ordered(n_levels: int) -> Ordered:
    torch.manual_seed(0)
    head = Ordered(n_levels)
    head.first.data, head.gaps.data = torch.tensor([-1.5]), torch.randn(n_levels - 2)
    return head


def slopes(function, at: np.ndarray, width: float = 1e-6) -> np.ndarray:
    """Of a function of an array, by differences."""
    found = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[index], down[index] = at[index] + width, at[index] - width
        found[index] = (function(up) - function(down)) / (2 * width)
    return found


@each_scale
def test_probabilities_sum_to_one_and_their_mean_is_what_is_expected(n_levels):
    head, scores = ordered(n_levels), torch.linspace(-6, 6, 50).reshape(5, 10)
    p = head.distribution(scores).detach()
    assert p.shape == (5, 10, n_levels) and (p >= 0).all()
    torch.testing.assert_close(p.sum(-1), torch.ones(5, 10))
    stars = torch.linspace(1, 5, n_levels)
    torch.testing.assert_close(head.stars(scores), p @ stars, rtol=1e-5, atol=1e-5)
    ends = head.stars(torch.tensor([-1e4, 1e4]))
    torch.testing.assert_close(ends, torch.tensor([1.0, 5.0]))


@each_scale
def test_the_loss_and_its_gradient_are_those_of_the_likelihood_written_out(n_levels):
    """The slopes are differences, without autograd."""
    head, rng = ordered(n_levels).double(), np.random.default_rng(0)
    levels, scores = rng.integers(0, n_levels, 20), rng.normal(0, 2, 20)
    parameters = np.concatenate([head.first.detach(), head.gaps.detach()])

    def loss(scores, parameters):
        gaps = np.concatenate([[0], np.exp(parameters[1:]).cumsum()])
        edges = np.concatenate([[-np.inf], parameters[0] + gaps, [np.inf]])
        p = expit(scores - edges[levels]) - expit(scores - edges[levels + 1])
        return -np.log(p).mean()

    tensor = torch.tensor(scores, requires_grad=True)
    found = head.loss(tensor, torch.tensor(1 + 4 / (n_levels - 1) * levels))
    found.backward()
    assert found.item() == pytest.approx(loss(scores, parameters), rel=1e-6)
    of_scores = slopes(lambda s: loss(s, parameters), scores)
    np.testing.assert_allclose(tensor.grad, of_scores, atol=1e-7)
    of_parameters = slopes(lambda p: loss(scores, p), parameters)
    gradient = np.concatenate([head.first.grad, head.gaps.grad])
    np.testing.assert_allclose(gradient, of_parameters, atol=1e-7)


def test_absurd_scores_and_thresholds_that_meet_keep_the_loss_finite_and_in_order():
    head = ordered(5)
    scores = torch.tensor([-300.0, 300.0, 300.0, -300.0], requires_grad=True)
    loss = head.loss(scores, torch.tensor([5.0, 1.0, 3.0, 3.0]))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(scores.grad).all()
    head.gaps.data -= 12  # whatever a training step does to them
    assert (head.thresholds().diff() >= 0).all()
    assert torch.isfinite(head.loss(scores, torch.tensor([5.0, 1.0, 3.0, 3.0])))


def test_a_score_of_0_predicts_each_level_as_often_as_it_occurs():
    head = Ordered(5)
    head.start_from(np.repeat([1, 2, 3, 4, 5], [60, 110, 270, 340, 220]))
    shares = head.distribution(torch.zeros(())).detach()
    np.testing.assert_allclose(shares, [0.06, 0.11, 0.27, 0.34, 0.22], atol=0.002)
    halves = Ordered(9)
    halves.start_from(np.array([3.5, 3.5, 3.5]))  # levels that never occur
    assert halves.distribution(torch.zeros(())).argmax() == 5
    assert torch.isfinite(halves.thresholds()).all()


def test_what_a_star_of_bias_is_worth_in_scores():
    mean, bias = torch.tensor(3.5), torch.tensor([0.5, -1.0])
    assert Squared(5).offset(mean, bias).tolist() == [4.0, 2.5]
    head = Ordered(5)
    torch.testing.assert_close(head.offset(mean, bias), head.slope * bias)


def test_squared_errors_of_the_rated_cells_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    ratings = np.where(rng.random((6, 9)) < 0.4, rng.integers(1, 6, (6, 9)), 0).astype(np.float32)
    predicted = rng.normal(3, 1, (6, 9)).astype(np.float32)
    loss, gradient, n = 0.0, np.zeros((6, 9)), int((ratings > 0).sum())
    for u, i in zip(*ratings.nonzero()):
        loss += (predicted[u, i] - ratings[u, i]) ** 2 / n
        gradient[u, i] = 2 * (predicted[u, i] - ratings[u, i]) / n
    tensor, ratings = torch.tensor(predicted, requires_grad=True), torch.from_numpy(ratings)
    found = masked_loss(tensor, ratings)
    found.backward()
    assert found.item() == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(tensor.grad, gradient, atol=1e-6)
    assert masked_loss(tensor + 100 * (ratings == 0), ratings) == found
    of_cells = Squared(5).loss(tensor[ratings > 0], ratings[ratings > 0])
    torch.testing.assert_close(of_cells, found)
