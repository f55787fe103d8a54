"""The most probable vectors of many people at once: truncated Newton steps on blocks of people."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

TOLERANCE = 1e-8  # what one more step could still add to the log posterior
HALVINGS = 30  # of a step, after which rounding is all that is left to gain
MAX_INNER = 200  # products with the curvature in one step


def climb_together(
    codes: np.ndarray, lower: np.ndarray, upper: np.ndarray, expected: np.ndarray
) -> np.ndarray:
    """(b, rank) the vectors of b people: what `FoldIn.vector` finds of each of them.

    The same climb with the same line search for each person, but that a step is found by conjugate
    gradients, which only multiply by the codes and stop at a hundredth of the gradient or less: a
    truncated Newton method (Nocedal and Wright 2006, algorithm 7.1). No curvature is written down.

    codes: (b, n, rank) float32, of the films that each rated. lower, upper: (b, n) the thresholds
    below and above their stars; -inf and inf where somebody has fewer than n. expected: (b, n)
    scores without the vector.
    """
    found = np.zeros((codes.shape[0], codes.shape[2]))
    going, vectors = np.arange(len(found)), np.zeros_like(found)
    scores = expected.astype(np.float64)
    reached = _log_posterior(scores, vectors, lower, upper)
    while len(going):
        least, more = expit(scores - lower), expit(scores - upper)
        gradient = _backward(codes, 1 - least - more) - vectors
        curvature = (least * (1 - least) + more * (1 - more)).astype(np.float32)
        step = _solve(codes, curvature, gradient)
        promise = (gradient * step).sum(axis=1)
        along = _forward(codes, step)
        # The scores move with the step, so that rounding in them does not spoil the comparison.
        length, reached = _halve(scores, along, vectors, step, lower, upper, reached, promise)
        vectors, scores = vectors + length[:, None] * step, scores + length[:, None] * along
        on = (promise >= TOLERANCE) & (length > 0)
        if not on.all():
            found[going[~on]] = vectors[~on]
            going, vectors, scores, reached = going[on], vectors[on], scores[on], reached[on]
            codes, lower, upper = codes[on], lower[on], upper[on]
    return found


def _halve(
    scores, along, vectors, step, lower, upper, reached, promise
) -> tuple[np.ndarray, np.ndarray]:
    """(b,) how much of its step each person takes (Armijo's rule), 0 where none of it helps; and
    (b,) the log posterior there."""
    length, now = np.ones(len(step)), np.array(reached)
    short = np.arange(len(step))
    for _ in range(HALVINGS):
        part = length[short, None]
        now[short] = _log_posterior(
            scores[short] + part * along[short],
            vectors[short] + part * step[short],
            lower[short],
            upper[short],
        )
        # The last step is so small that only rounding could speak against it.
        wanted = np.where(promise >= TOLERANCE, reached + 1e-4 * length * promise, -np.inf)
        short = short[now[short] < wanted[short]]
        if not len(short):
            return length, now
        length[short] /= 2
    length[short], now[short] = 0, reached[short]
    return length, now


def _solve(codes: np.ndarray, curvature: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(b, rank) nearly what solves (I + codes' diag(curvature) codes) x = right, for each."""
    left = direction = right.astype(np.float32)
    found = np.zeros_like(left)
    size = (left * left).sum(axis=1, keepdims=True)
    enough = size * np.minimum(1e-2, np.sqrt(size))
    for _ in range(MAX_INNER):
        turned = direction + _backward(codes, curvature * _forward(codes, direction))
        pace = size / (direction * turned).sum(axis=1, keepdims=True).clip(min=1e-30)
        found, left = found + pace * direction, left - pace * turned
        before, size = size, (left * left).sum(axis=1, keepdims=True)
        if (size <= enough).all():
            break
        direction = left + size / before.clip(min=1e-30) * direction
    return found.astype(np.float64)


def _forward(codes: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """(b, n): the codes times each person's vector."""
    return (codes @ vectors.astype(np.float32)[:, :, None])[:, :, 0]


def _backward(codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(b, rank): the codes added up with each person's weights."""
    return (weights.astype(np.float32)[:, None, :] @ codes)[:, 0]


def _log_posterior(scores, vectors, lower, upper) -> np.ndarray:
    """(b,) of each person, up to a constant."""
    likely = log_expit(scores - lower) + log_expit(upper - scores)
    return likely.sum(axis=1) - (vectors * vectors).sum(axis=1) / 2
