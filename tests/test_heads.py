"""What scores mean: probabilities that are ones, and gradients against finite differences."""

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


@each_scale
def test_probabilities_sum_to_one_and_their_mean_is_what_is_expected(n_levels):
    head, scores = ordered(n_levels), torch.linspace(-6, 6, 50).reshape(5, 10)
    p = head.distribution(scores).detach()
    assert p.shape == (5, 10, n_levels) and (p >= 0).all()
    torch.testing.assert_close(p.sum(-1), torch.ones(5, 10))
    stars = torch.linspace(1, 5, n_levels)
    torch.testing.assert_close(head.stars(scores), p @ stars, rtol=1e-5, atol=1e-5)
    assert head.stars(torch.tensor([-1e4, 1e4])).tolist() == pytest.approx([1, 5])


@each_scale
def test_the_loss_and_its_gradient_are_those_of_the_likelihood_written_out(n_levels):
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
    found = np.concatenate([tensor.grad, head.first.grad, head.gaps.grad])
    both, steps = np.concatenate([scores, parameters]), 1e-6 * np.eye(len(found))
    ends = [[loss(at[:20], at[20:]) for at in (both + step, both - step)] for step in steps]
    np.testing.assert_allclose(found, -np.diff(ends)[:, 0] / 2e-6, atol=1e-7)


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
    head, halves = Ordered(5), Ordered(9)
    head.start_from(np.repeat([1, 2, 3, 4, 5], [60, 110, 270, 340, 220]))
    shares = head.distribution(torch.zeros(())).detach()
    np.testing.assert_allclose(shares, [0.06, 0.11, 0.27, 0.34, 0.22], atol=0.002)
    halves.start_from(np.array([3.5, 3.5, 3.5]))  # the other levels never occur
    assert halves.distribution(torch.zeros(())).argmax() == 5
    assert torch.isfinite(halves.thresholds()).all()


def test_squared_errors_and_their_gradient_are_those_of_the_rated_cells():
    rng = np.random.default_rng(0)
    rated, errors = rng.random((6, 9)) < 0.4, rng.normal(0, 1, (6, 9))
    ratings = torch.from_numpy(np.where(rated, rng.integers(1, 6, (6, 9)), 0.0))
    predicted = (ratings + torch.from_numpy(errors)).requires_grad_()
    found = masked_loss(predicted, ratings)
    found.backward()
    assert found.item() == pytest.approx(np.square(errors[rated]).mean())
    np.testing.assert_allclose(predicted.grad, 2 * errors * rated / rated.sum())
    of_cells = Squared(5).loss(predicted[ratings > 0], ratings[ratings > 0])
    torch.testing.assert_close(of_cells, found)
