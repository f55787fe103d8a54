"""Films as rows: folding someone new in, and averaging both orientations."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import expit, log_expit
from threadpoolctl import threadpool_info, threadpool_limits

from saelib.data.features import MOVIELENS
from saelib.data.matrix import RatingMatrix
from saelib.data.people import People
from saelib.model import fold_in as module
from saelib.model.fold_in import FoldIn
from saelib.model.learn import fit_networks
from saelib.model.liking import Liking
from saelib.network.config import Recipe
from saelib.network.recipes import RECIPES
from saelib.network.training import build, fit, orient

SMALL = Recipe(
    tuple(replace(c, hidden=(12,), n_batches=10, epochs=8) for c in RECIPES["both"].networks)
)


@pytest.fixture(scope="module")
def known(data):
    return RatingMatrix.from_dataset(data)


@pytest.fixture(scope="module")
def liking(known) -> Liking:
    return fit_networks(SMALL, known, progress=False)[0]


@pytest.fixture(scope="module")
def fold_in(liking) -> FoldIn:
    [network] = [n for n in liking.models if isinstance(n, FoldIn)]
    return network


@pytest.mark.parametrize("rated", [1, 20, 700, 2300])
@pytest.mark.parametrize("given", ["a taste", "all fives", "all ones"])
def test_fold_in_finds_what_a_general_optimiser_finds(fold_in, rated, given):
    """Few ratings and very many, and answers that pull the vector far away from its prior."""
    rng = np.random.default_rng(rated)
    codes = (
        rng.normal(size=(3000, 31)) * 3 / np.arange(1, 32)
    )  # directions that matter less and less
    wide = replace(
        fold_in, film_codes=codes.astype(np.float32), thresholds=np.array([-2.5, -1, 0.2, 2])
    )
    films = rng.choice(3000, rated, replace=False)
    expected = rng.normal(size=rated)
    scores = expected + codes[films] @ rng.normal(size=31) + rng.logistic(size=rated)
    stars = {"all fives": 5.0, "all ones": 1.0}.get(given) or 0
    stars = np.full(rated, stars) if stars else 1.0 + np.searchsorted(wide.thresholds, scores)
    edges = np.concatenate([[-np.inf], wide.thresholds, [np.inf]])
    level = stars.astype(int) - 1

    def loss(vector):  # minus the log posterior, up to a constant
        scores = expected + wide.film_codes[films].astype(float) @ vector
        p = log_expit(scores - edges[level]) + log_expit(edges[level + 1] - scores)
        return vector @ vector / 2 - p.sum()

    found = wide.vector(films, stars, expected)
    best = minimize(loss, rng.normal(size=31), method="BFGS", options={"gtol": 1e-6})
    assert loss(found) <= best.fun + 1e-7
    np.testing.assert_allclose(found, best.x, atol=2e-3)


def test_a_person_of_the_training_is_predicted_as_the_network_does(known):
    """The folded-in vector replaces the trained one: close to it, on the training ratings."""
    _, films = SMALL.networks
    config = replace(films, epochs=40, weight_decay=0.5, caution=0.0)
    [fold_in] = fit_networks(Recipe((config,)), known, progress=False)[0].models
    stars, rated = known.csr.toarray(), known.csr.toarray() > 0
    error = np.sqrt(np.mean((fold_in.predict(known.people) - stars)[rated] ** 2))
    assert error < 0.6 * stars[rated].std()


def test_who_told_nothing_is_taken_for_the_average_person(fold_in, known):
    nobody = csr_array((1, 40), dtype=np.float32)
    silent = fold_in.predict(People.who_rated(nobody))
    nothing = np.zeros((1, MOVIELENS.width), np.float32)
    np.testing.assert_array_equal(silent, fold_in.predict(People.who_rated(nobody, nothing)))
    usual = fold_in.average + fold_in.by_feature @ fold_in.usual
    expected = 1 + sum(expit(usual - t) for t in fold_in.thresholds)
    np.testing.assert_allclose(silent[0], expected, rtol=1e-5)
    told = fold_in.predict(People.who_rated(nobody, known.about[:1]))
    assert np.abs(told - silent).max() > 1e-6


def test_people_are_independent_of_each_other(liking, known):
    together = liking.predict(known.people[:10])
    alone = np.vstack([liking.predict(known.people[[i]]) for i in range(10)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_people_who_are_alike_are_folded_in_as_if_alone(fold_in, known):
    """With a rating left out each, as the reasons do: they share the curvature of the first."""
    row = known.csr[[int(np.argmax(np.diff(known.csr.indptr)))]]
    rows = csr_array(np.repeat(row.toarray(), 9, axis=0) * (np.arange(40) != row.indices[:9, None]))
    people = People.who_rated(rows)
    together = fold_in.vectors(people)
    alone = np.vstack([fold_in.vectors(people[[i]]) for i in range(9)])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert np.abs(together - together[0]).max() > 1e-3


def test_a_network_is_taken_apart_in_parts_as_in_one_piece(known, monkeypatch):
    config = replace(SMALL.networks[1], epochs=2)
    oriented = orient(config, known)
    network = build(oriented, 0)
    fit(network, oriented, progress=False)
    whole = FoldIn.from_network(network, oriented)
    vectors = np.column_stack([network.outputs.weight.detach(), network.outputs.bias.detach()])
    codes = network.decoder_codes(oriented.ratings, oriented.row_features)
    codes = np.column_stack([codes, np.ones(40)])
    own = whole.film_codes[:, :-1]  # in these coordinates people vary by 1 in each direction
    expected = config.spread**2 * codes @ np.cov(vectors.T) @ codes.T
    np.testing.assert_allclose(own @ own.T, expected, atol=1e-5)
    monkeypatch.setattr(module, "FILMS", 7)
    monkeypatch.setattr(module, "PEOPLE", 9)
    parts = FoldIn.from_network(network, oriented)
    np.testing.assert_allclose(parts.average, whole.average, atol=1e-5)
    np.testing.assert_allclose(parts.by_feature, whole.by_feature, atol=1e-6)
    np.testing.assert_allclose(parts.predict(known.people), whole.predict(known.people), atol=1e-4)


def test_people_folded_in_together_are_as_if_alone(fold_in, monkeypatch):
    """Nobody's ratings, very many, and answers that pull a vector far away; in blocks of few."""
    monkeypatch.setattr(module, "BLOCK", 60_000)
    rng = np.random.default_rng(0)
    codes = (rng.normal(size=(3000, 31)) * 3 / np.arange(1, 32)).astype(np.float32)
    wide = replace(
        fold_in,
        film_codes=codes,
        average=rng.normal(size=3000).astype(np.float32),
        by_feature=rng.normal(size=(3000, len(fold_in.usual))).astype(np.float32) / 10,
        components=np.zeros((3000, fold_in.components.shape[1]), np.float32),
        thresholds=np.array([-2.5, -1, 0.2, 2]),
    )
    counts = [0, 1, 1, 3, 17, 30, 31, 60, 200, 700, 1500, 2300, 0, 45, 45, 45]
    rows = np.zeros((len(counts), 3000), np.float32)
    for row, n in zip(rows, counts):
        films = rng.choice(3000, n, replace=False)
        scores = codes[films] @ rng.normal(size=31) + rng.logistic(size=n)
        row[films] = 1 + np.searchsorted(wide.thresholds, scores)
    rows[7][rows[7] > 0], rows[10][rows[10] > 0] = 5, 1
    people = People.who_rated(csr_array(rows))
    calls = []
    climb = module.climb_together
    monkeypatch.setattr(module, "climb_together", lambda *of: calls.append(of) or climb(*of))
    together = wide.scores(people)
    assert len(calls) > 3 and sum(len(codes) for codes, *_ in calls) == len(counts) - 2
    calls.clear()
    alone = np.vstack([wide.scores(people[[i]]) for i in range(len(counts))])
    assert not calls, "one person alone goes the other way"
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert not wide.vectors(people)[[0, 12]].any()


def test_single_cells_are_those_of_the_whole_table(liking, known, monkeypatch):
    monkeypatch.setattr(module, "CELLS", 100)
    rng = np.random.default_rng(1)
    rows, columns = rng.integers(0, 60, 500), rng.integers(0, 40, 500)
    every = liking.predict(known.people)
    for part in (np.arange(500), np.argsort(rows), np.arange(0)):
        cells = liking.predict_cells(known.people, rows[part], columns[part])
        np.testing.assert_allclose(cells, every[rows[part], columns[part]], atol=1e-5)


@pytest.mark.parametrize(["n", "way"], [(1, "_climb"), (2, "_together")])
def test_folding_in_asks_one_thread_for_its_small_products(fold_in, known, monkeypatch, n, way):
    threads, climb = set(), getattr(FoldIn, way)

    def watched(*of_these):
        found = [library for library in threadpool_info() if library["user_api"] == "blas"]
        threads.update(library["num_threads"] for library in found)
        return climb(*of_these)

    monkeypatch.setattr(FoldIn, way, watched)
    with threadpool_limits(2, user_api="blas"):
        fold_in.vectors(known.people[:n])
        assert {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"} == {2}
    assert threads == {1}


def test_the_average_of_distributions_has_the_average_stars(liking, known):
    people = known.people[:8]
    p = liking.distribution(people)
    assert p.shape == (8, 40, 5)
    np.testing.assert_allclose(p.sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(p @ np.arange(1, 6), liking.predict(people), atol=1e-4)
    each = [model.predict(people) for model in liking.models]
    np.testing.assert_allclose(sum(each) / 2, liking.predict(people), atol=1e-5)
    assert liking.is_ordered
    assert liking.uses_demographics


def test_a_film_that_nobody_rated_is_told_apart_by_its_genres(data):
    """Its decoder vector then comes from genres and decade alone."""
    movies = data.movies.copy()
    movies.loc[[5, 6], "genres"] = ["Horror", "Musical"]
    movies.loc[[5, 6], "year"] = [1931, 1999]
    horror = data.ratings["movie_id"].isin(data.movies["movie_id"].iloc[10:20]).to_numpy()
    movies.loc[range(10, 20), "genres"] = "Horror"
    liked = np.where(horror, 5, data.ratings["rating"] - 1).clip(1, 5).astype("float32")
    unrated = data.ratings["movie_id"].isin(movies["movie_id"].iloc[[5, 6]]).to_numpy()
    ratings = data.ratings.assign(rating=liked)[~unrated]
    known = RatingMatrix.from_dataset(replace(data, movies=movies), ratings)
    liking = fit_networks(SMALL, known, progress=False)[0]
    stars = liking.predict(known.people).mean(axis=0)
    assert stars[5] > stars[6] + 0.05


def test_without_demographics_and_with_half_stars(data):
    half = replace(
        data,
        users=None,
        scale=(0.5, 5, 0.5),
        ratings=data.ratings.assign(rating=data.ratings["rating"] - 0.5),
    )
    known = RatingMatrix.from_dataset(half)
    liking = fit_networks(SMALL, known, progress=False)[0]
    assert liking.distribution(known.people[:3]).shape == (3, 40, 10)
    assert not liking.uses_demographics
    assert liking.predict(known.people).min() >= 0.5


def test_how_long_it_took_to_find_who_rated_what_is_shown(known, capsys):
    fit_networks(SMALL.with_epochs(1), known, progress=True)
    said = capsys.readouterr().err
    for rows in ("people", "films"):
        assert re.search(rf"{rows}: who rated what, found in \d+ s\n", said)
    fit_networks(SMALL.with_epochs(1), known, progress=False)
    assert not capsys.readouterr().err
