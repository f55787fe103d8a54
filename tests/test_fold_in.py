"""A new person's vector against a general optimiser, and what is known of them thereby."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import expit, log_expit
from threadpoolctl import threadpool_info, threadpool_limits

from saelib import fold_in as module
from saelib.evaluation import rmse
from saelib.fold_in import BIAS_SPREAD, SPREAD, FoldIn
from saelib.matrix import People
from saelib.recipes import RECIPES
from saelib.training import build, fit

CONFIG = replace(RECIPES["default"], hidden=(12,), n_batches=10, epochs=8)
THRESHOLDS = np.array([-2.5, -1, 0.2, 2])
NOBODY = csr_array((1, 40), dtype=np.float32)


def trained(config, matrix):
    network = build(config, matrix)
    fit(network, matrix, progress=False)
    return network, FoldIn.of(network, matrix)


@pytest.fixture(scope="module")
def both(matrix):
    return trained(CONFIG, matrix)


@pytest.fixture(scope="module")
def fold_in(both) -> FoldIn:
    return both[1]


@pytest.fixture(scope="module")
def wide(fold_in) -> FoldIn:
    """Of 3,000 films, with directions that matter less and less."""
    rng = np.random.default_rng(0)
    return replace(
        fold_in,
        codes=(rng.normal(size=(3000, 31)) * 3 / np.arange(1, 32)).astype(np.float32),
        average=rng.normal(size=3000).astype(np.float32),
        by_feature=rng.normal(size=(3000, len(fold_in.usual))).astype(np.float32) / 10,
        directions=np.zeros((3000, fold_in.directions.shape[1]), np.float32),
        thresholds=THRESHOLDS,
    )


def someone(wide: FoldIn, n: int, seed: int, stars: float = 0) -> np.ndarray:
    """(3000,) stars of a person with n ratings, or the same stars for all of these."""
    rng, row = np.random.default_rng(seed), np.zeros(3000, np.float32)
    films = rng.choice(3000, n, replace=False)
    scores = wide.codes[films] @ rng.normal(size=31) + rng.logistic(size=n)
    row[films] = stars or 1 + np.searchsorted(THRESHOLDS, scores)
    return row


def minus_log_posterior(vector, codes, below, above, expected) -> float:
    """Up to a constant."""
    scores = expected + codes @ vector
    return vector @ vector / 2 - (log_expit(scores - below) + log_expit(above - scores)).sum()


def test_the_most_probable_vectors_are_what_a_general_optimiser_finds(wide, monkeypatch):
    """Of few ratings and of very many, folded in together in several blocks; the last four people
    give the same stars to all, which pulls their vectors far away from the prior."""
    monkeypatch.setattr(module, "BLOCK", 60_000)
    counts = [0, 1, 1, 3, 17, 31, 31, 60, 200, 700, 1500, 2300, 1, 20, 700, 2300]
    rows = [
        someone(wide, n, i, {12: 5, 13: 1, 14: 1, 15: 5}.get(i, 0)) for i, n in enumerate(counts)
    ]
    people = People.who_rated(csr_array(np.array(rows)))
    edges = np.concatenate([[-np.inf], THRESHOLDS, [np.inf]])
    prior = wide.scores(replace(people, stars=csr_array(people.stars.shape)))
    for found, row, expected in zip(wide.vectors(people), rows, prior):
        films, at = row.nonzero()[0], row[row > 0].astype(int)
        told = wide.codes[films].astype(float), edges[at - 1], edges[at], expected[films]
        best = minimize(minus_log_posterior, np.zeros(31), told, "BFGS", options={"gtol": 1e-6})
        assert minus_log_posterior(found, *told) <= best.fun + 1e-5
        np.testing.assert_allclose(found, best.x, atol=5e-3)


def test_folding_in_asks_one_thread_for_its_small_products(fold_in, matrix, monkeypatch):
    threads, climb = set(), module.most_probable

    def blas() -> set[int]:
        return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}

    monkeypatch.setattr(module, "most_probable", lambda *of: threads.update(blas()) or climb(*of))
    with threadpool_limits(2, user_api="blas"):
        fold_in.vectors(matrix.people[:5])
        assert (threads, blas()) == ({1}, {2})


def test_the_prior_is_how_people_of_the_training_vary(both, matrix):
    """In the coordinates of the codes people vary by 1; here films' scores do as in the network."""
    network, fold_in = both
    vectors = np.column_stack([network.outputs.weight.detach(), network.outputs.bias.detach()])
    bias, last = network.last_layers(matrix.csr.T.tocsr(), matrix.facts)
    ends = np.column_stack([last, np.ones(40)])
    own, varied = fold_in.codes[:, :-1], SPREAD**2 * ends @ np.cov(vectors.T) @ ends.T
    np.testing.assert_allclose(own @ own.T, varied, atol=2e-3)
    spread = BIAS_SPREAD * network.head.slope.item() * network.column_bias.numpy().std()
    np.testing.assert_allclose(fold_in.codes[:, -1], spread, rtol=1e-3)
    # Whoever is average in everything has the mean of all people's scores.
    scores, usual = network.score(bias, last).mean(dim=1).detach(), People.who_rated(NOBODY)
    np.testing.assert_allclose(fold_in.scores(usual)[0], scores, atol=2e-3)


def test_a_person_of_the_training_is_predicted_about_as_the_network_does(matrix):
    """Also where the code is one unit wide; the narrow one knows less."""
    stars, errors = matrix.csr.tocoo(), []
    for width in (12, 1):
        config = replace(CONFIG, epochs=40, decay=0.5, caution=0.0, hidden=(width,))
        _, found = trained(config, matrix)
        errors.append(rmse(found.predict(matrix.people)[stars.coords], stars.data))
        assert len(found.posterior(matrix.people[:1])[0]) == found.codes.shape[1]
    assert errors[0] < 0.7 * stars.data.std() and errors[0] < errors[1] < stars.data.std()


def test_what_is_not_told_is_average_and_what_is_told_or_seen_makes_a_difference(fold_in, matrix):
    width, first = matrix.about.shape[1], fold_in.directions.shape[1]
    seen, silent = np.eye(1, 40, 5, dtype=np.float32), fold_in.predict(People.who_rated(NOBODY))
    nothing = People.who_rated(NOBODY, np.zeros((1, width), np.float32))
    np.testing.assert_array_equal(fold_in.predict(nothing), silent)
    women = People.who_rated(NOBODY, np.eye(1, width, 0, dtype=np.float32))
    features = fold_in._features(women)[0]
    np.testing.assert_allclose(features[first : first + 2], [fold_in.demographics, 0])
    np.testing.assert_array_equal(features[first + 2 :], fold_in.usual[first + 2 :])
    for other in (women, People(NOBODY, csr_array(seen))):
        assert np.abs(fold_in.predict(other) - silent).max() > 1e-4


def test_the_posterior_is_the_curvature_at_the_most_probable_vector(fold_in, matrix):
    """Of minus the log posterior, by differences; and so is how sharply stars tell a score."""
    person = matrix.people[3:4]
    (covariance, sharpness), vector = fold_in.posterior(person), fold_in.vectors(person)[0]
    films, stars = person.stars.indices, person.stars.data.astype(int)
    edges = np.concatenate([[-np.inf], fold_in.thresholds, [np.inf]]).astype(float)
    codes, prior = fold_in.codes.astype(float), fold_in.scores(replace(person, stars=NOBODY))[0]

    def slope(v):
        at = prior[films] + codes[films] @ v
        return v - (1 - expit(at - edges[stars - 1]) - expit(at - edges[stars])) @ codes[films]

    assert np.abs(slope(vector)).max() < 0.02, "it is the top of the hill"
    steps = 1e-4 * np.eye(len(vector))
    curvature = np.array([(slope(vector + s) - slope(vector - s)) / 2e-4 for s in steps])
    np.testing.assert_allclose(covariance @ curvature, np.eye(len(vector)), atol=1e-3)
    scores = prior + codes @ vector

    def log_p(shift):
        return np.log(-np.diff(expit(scores[:, None] + shift - edges), axis=1))

    curved = (2 * log_p(0) - log_p(1e-3) - log_p(-1e-3)) / 1e-6
    np.testing.assert_allclose(sharpness, (np.exp(log_p(0)) * curved).sum(axis=1), rtol=1e-3)
    of_nobody, _ = fold_in.posterior(People.who_rated(NOBODY))
    np.testing.assert_allclose(of_nobody, np.eye(len(vector)), atol=1e-6)
    assert np.linalg.eigvalsh(covariance).max() < 1, "who has told more is known better"
