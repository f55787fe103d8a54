"""Metrics against hand-computed examples and scikit-learn; protocols that cannot leak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import ndcg_score, root_mean_squared_error

from saelib import evaluation as of
from saelib import training
from saelib.errors import SaelibError
from saelib.fold_in import FoldIn
from saelib.matrix import RatingMatrix, mask, split
from saelib.model import autoencoder, models, ranker
from saelib.recipes import RECIPES


def test_metrics_are_what_a_hand_and_scikit_learn_compute():
    assert of.rmse(np.array([3, 5]), np.array([4, 2])) == pytest.approx(np.sqrt((1 + 9) / 2))
    assert np.isnan(of.rmse(np.array([]), np.array([])))
    # Hits at ranks 1 and 3 of three relevant films.
    ranked, relevant = np.array([7, 1, 4, 9]), np.array([7, 4, 5])
    expected = (1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3) + 1 / np.log2(4))
    assert of.ndcg(ranked, relevant, k=10) == pytest.approx(expected)
    assert of.ndcg(ranked, relevant, k=2) == pytest.approx(1 / (1 + 1 / np.log2(3)))
    assert of.recall(np.arange(30), np.array([0, 19, 20, 29]), k=20) == 2 / 4
    assert of.recall(np.arange(30), np.arange(100), k=20) == 1.0
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores, truth = rng.random(50), (rng.random(50) < 0.3).astype(float)
        assert of.rmse(scores, truth) == pytest.approx(root_mean_squared_error(truth, scores))
        ours = of.ndcg(np.argsort(-scores), np.flatnonzero(truth), k=10)
        assert ours == pytest.approx(ndcg_score([truth], [scores], k=10))


def test_the_simple_models_are_what_a_loop_computes(data):
    """One film is rated by nobody."""
    known = RatingMatrix.from_dataset(data, data.ratings.query("movie_id != 40"))
    stars, new = known.csr.toarray(), known.people[50:]
    rated, mean = stars > 0, stars[stars > 0].mean()
    of_film = [stars[rated[:, i], i].mean() if rated[:, i].any() else mean for i in range(40)]
    found = of.global_mean(known, 0)(new), of.item_mean(known, 0)(new)
    np.testing.assert_allclose(found, [np.full((10, 40), mean), [of_film] * 10], rtol=1e-6)
    np.testing.assert_array_equal(of.popularity(known, 0)(new)[3], rated.sum(axis=0))


# -- Nothing that is measured is shown --------------------------------------------------------


class Recorder:
    """A model that notes what it was given, all at once, and predicts the same for every film."""

    def __init__(self):
        self.people = []

    def learn(self, matrix, seed):
        self.known = matrix
        assert (matrix.seen != mask(matrix.csr)).nnz == 0

        def predict(people):
            self.people.append(people)
            assert (people.seen != mask(people.stars)).nnz == 0, "nothing is told of other films"
            return np.full(people.stars.shape, 3.0)

        return predict


def test_the_protocol_ratings_hides_exactly_the_test_tenth(data):
    model = Recorder()
    table = of.evaluate_ratings(data, {"constant": model.learn}, seed=2)
    train, test = split(len(data.ratings), 2)
    expected = RatingMatrix.from_dataset(data, data.ratings.iloc[train]).csr
    assert (model.known.csr != expected).nnz == (model.people[0].stars != expected).nnz == 0
    stars = data.ratings["rating"].to_numpy()
    assert table["rmse"][0] == pytest.approx(of.rmse(3.0, stars[test]))
    assert table["rmse_seen"][0] == pytest.approx(of.rmse(3.0, stars[train]))


def test_new_people_are_never_trained_on_and_show_only_inputs(data):
    """Of half of their ratings, so many as is said; of four fifths, where films are ranked."""
    model, matrix = Recorder(), RatingMatrix.from_dataset(data)
    table = of.evaluate_new_users(data, {"constant": model.learn}, seed=1)
    of.evaluate_ranking(data, {"constant": model.learn}, seed=1)
    known, new = map(np.sort, split(60, 1))
    assert (model.known.csr != matrix.csr[known]).nnz == 0
    assert table["n_inputs"].tolist() == [0, 5, 10, 20, 40, "all"]
    counts = np.diff(matrix.csr[new].indptr)
    half, most = counts - counts // 2, counts - counts // 5
    wanted = [*(np.minimum(n, half) for n in (0, 5, 10, 20, 40)), half, most]
    for n_shown, people in zip(wanted, model.people, strict=True):
        np.testing.assert_array_equal(np.diff(people.stars.indptr), n_shown)
        assert (people.stars != matrix.csr[new].multiply(people.stars > 0)).nnz == 0
        assert people.rows is None
    assert np.isnan(table["rmse_seen"][0]), "nobody rated nothing"


def test_the_future_is_the_last_tenth_by_time_and_new_people_are_told_apart(data):
    """Timestamps in an order of their own; two people with their first ratings at the end."""
    late = 10**6 * data.ratings["user_id"].isin([7, 8])
    time = np.random.default_rng(4).permutation(len(data.ratings)) + late
    shuffled, model = replace(data, ratings=data.ratings.assign(timestamp=time)), Recorder()
    table = of.evaluate_future(shuffled, {"constant": model.learn}, 0)
    ordered = shuffled.ratings.sort_values("timestamp")
    past, future = ordered.iloc[: -(len(late) // 10)], ordered.iloc[-(len(late) // 10) :]
    assert (model.known.csr != RatingMatrix.from_dataset(shuffled, past).csr).nnz == 0
    new = future["user_id"].isin([7, 8])
    assert not past["user_id"].isin([7, 8]).any()
    for row, group in zip(table.itertuples(), (future, future[~new], future[new]), strict=True):
        assert row.n_people == group["user_id"].nunique()
        assert row.rmse == pytest.approx(of.rmse(3.0, group["rating"].to_numpy()))
    assert table["people"].tolist() == ["all", "known", "new"]
    assert np.isnan(table["rmse_seen"][2]), "new people have rated nothing before"
    assert [people.rows for people in model.people] == [None] * 3


@pytest.mark.parametrize("recipe", ["plain", "default"])
def test_a_future_of_new_people_alone_is_measured_too(data, recipe):
    last = data.ratings["user_id"] == 60
    few = pd.concat([data.ratings[~last].head(9 * last.sum()), data.ratings[last]])
    few = few.assign(timestamp=np.arange(len(few)))
    learn = models("future", [recipe], epochs=1, progress=False)[f"sae-{recipe}"]
    table = of.evaluate_future(replace(data, ratings=few), {"sae": learn}, 0)
    assert table["n_people"].tolist() == [1, 0, 1] and np.isnan(table["rmse"][1])
    assert table["rmse"][2] == table["rmse"][0] > 0


@pytest.mark.parametrize("recipe", ["plain", "default"])
@pytest.mark.parametrize("protocol", of.PROTOCOLS)
def test_no_test_rating_reaches_a_model(data, protocol, recipe, monkeypatch):
    """Give other stars to every rating that is measured: predictions are the same to the bit."""
    monkeypatch.setitem(RECIPES, recipe, replace(RECIPES[recipe], hidden=(8,), n_batches=4))
    recorder, met = Recorder(), []
    of.evaluate(data, protocol, {"constant": recorder.learn}, 0)
    known, shown = recorder.known, set()
    new = np.setdiff1d(np.arange(1, 61), known.user_ids)
    for users, rows in ((known.user_ids, known.csr), (new, recorder.people[-1].stars[: len(new)])):
        cells = rows.tocoo()  # new people show something, too
        shown |= set(zip(users[cells.row].tolist(), known.item_ids[cells.col].tolist()))
    pairs = data.ratings[["user_id", "movie_id"]].itertuples(index=False, name=None)
    hidden, stars = np.array([pair not in shown for pair in pairs]), data.ratings["rating"]
    assert 0 < hidden.sum() < 0.2 * len(hidden)
    other = replace(data, ratings=data.ratings.assign(rating=stars.where(~hidden, 6 - stars)))
    learn = models(protocol, [recipe], epochs=2, progress=False)[f"sae-{recipe}"]

    def spy(matrix, seed):
        predict = learn(matrix, seed)
        return lambda people: met.append(predict(people)) or met[-1]

    tables = [of.evaluate(each, protocol, {"spy": spy}, 0) for each in (data, other)]
    for before, after in zip(met[: len(met) // 2], met[len(met) // 2 :], strict=True):
        np.testing.assert_array_equal(before, after)
    assert not tables[0].equals(tables[1])


def test_a_film_that_was_shown_is_never_found(data):
    """Putting films shown first gains nothing; an oracle finds all, its opposite little."""
    truth = RatingMatrix.from_dataset(data).csr[np.sort(split(60, 0)[1])].toarray()
    scores = {
        "echo": lambda people: people.stars.toarray() * 100.0,
        "nothing": lambda people: np.zeros(people.stars.shape),
        "oracle": lambda people: truth,
        "opposite": lambda people: -truth,
    }
    learners = {name: lambda matrix, seed, one=one: one for name, one in scores.items()}
    table = of.evaluate_ranking(data, learners, seed=0).set_index("model")
    assert table.loc["echo", "ndcg@10"] == table.loc["nothing", "ndcg@10"]
    assert table.loc["oracle", ["ndcg@10", "recall@20"]].tolist() == pytest.approx([1, 1])
    assert table.loc["opposite", "ndcg@10"] < 0.3 and (table["coverage"] <= 1).all()


# -- Figures ----------------------------------------------------------------------------------

# Of these data and seed 1, by the package as it was when figures were first published.
FIGURES = [
    ("ratings", "bias", {}, {"rmse": 1.14030834, "rmse_seen": 1.09037631}),
    ("new-users", "bias", {"n_inputs": 0}, {"rmse": 1.27986113}),
    ("new-users", "bias", {"n_inputs": 5}, {"rmse": 1.33438229, "rmse_seen": 1.35960834}),
    ("new-users", "bias", {"n_inputs": "all"}, {"rmse": 1.35122939, "rmse_seen": 1.25537851}),
    ("ranking", "bias", {}, {"ndcg@10": 0.58966437, "recall@20": 1.0, "coverage": 0.575}),
    ("ranking", "ease", {}, {"ndcg@10": 0.45086732, "recall@20": 1.0, "coverage": 0.8}),
    ("future", "bias", {"people": "all"}, {"rmse": 1.19875597, "rmse_seen": 1.09472226}),
]


@pytest.mark.parametrize(("protocol", "model", "where", "figures"), FIGURES)
def test_a_protocol_measures_what_it_has_always_measured(data, protocol, model, where, figures):
    table = of.evaluate(data, protocol, {"bias": of.bias, "ease": of.ease}, seed=1)
    rows = table[(table[["model", *where]] == [model, *where.values()]).all(axis=1)]
    [row] = rows.to_dict("records")
    assert {key: row[key] for key in figures} == pytest.approx(figures, abs=1e-6)
    assert [row[key] for key in ("dataset", "protocol", "seed")] == ["ml-100k", protocol, 1]


def test_a_published_split_takes_the_place_of_the_seeded_one(data):
    parts = data.ratings.iloc[100:], data.ratings.iloc[:100]
    table = of.evaluate(data, "ratings", {"mean": of.global_mean}, 0, parts=parts)
    known, test = (part["rating"].to_numpy() for part in parts)
    assert table["rmse"][0] == pytest.approx(of.rmse(known.mean(), test), rel=1e-5)


def test_predictions_are_clipped_and_rows_are_scored_in_batches(data, monkeypatch):
    """So memory does not grow with people times films."""
    monkeypatch.setattr(of, "BATCH", 7)
    sizes, stars = [], data.ratings["rating"].to_numpy()

    def wild(matrix, seed):
        return lambda people: sizes.append(len(people)) or np.full(people.stars.shape, 99.0)

    error = of.evaluate_ratings(data, {"wild": wild}, 0)["rmse"][0]
    assert error == pytest.approx(of.rmse(5.0, stars[split(len(stars), 0)[1]]))
    assert (max(sizes), sum(sizes)) == (7, 60)


def test_known_people_have_the_mean_of_both_predictions_and_new_ones_fold_in(data, monkeypatch):
    config = replace(RECIPES["default"], hidden=(8,), epochs=3)
    monkeypatch.setitem(RECIPES, "small", config)
    known = RatingMatrix.from_dataset(data)
    predict = autoencoder("small", progress=False)(known, 0)
    network = training.build(config, known, 0)
    training.fit(network, known, progress=False)
    folded = FoldIn.of(network, known).predict(known.people)
    learned = training.known_stars(network, known)(np.arange(60))
    assert np.abs(folded - learned).max() > 0.05
    np.testing.assert_allclose(predict(known.people), (folded + learned) / 2, atol=1e-5)
    np.testing.assert_array_equal(predict(replace(known.people, rows=None)), folded)


@pytest.mark.parametrize("learn", [autoencoder, ranker])
def test_an_interrupted_training_is_no_measurement(data, learn, monkeypatch):
    steps, build = iter(range(100)), training._squared_error

    def interrupted(*of):
        if next(steps) == 90:  # in the second epoch
            raise KeyboardInterrupt
        return build(*of)

    monkeypatch.setattr(training, "_squared_error", interrupted)
    with pytest.raises(KeyboardInterrupt):
        of.evaluate_ratings(data, {"sae": learn("plain", 3, progress=False)}, 0)


def test_what_cannot_be_measured_is_refused(data):
    timeless = replace(data, ratings=data.ratings.drop(columns="timestamp"))
    same = replace(data, ratings=data.ratings.assign(rating=np.float32(4)))
    few = replace(data, ratings=data.ratings.iloc[:9])
    for each, protocol, message in [
        (data, "x", "Unknown protocol 'x'; choose one of ratings, new-users, ranking, future"),
        (timeless, "future", "no timestamps, so there is no past to learn from"),
        (few, "future", "There are 9 to split"),
        (few, "ratings", "There are 9 to split"),
        (same, "ratings", "all ratings are the same, so there is none to predict"),
        (same, "future", "all ratings are the same, so there is none to predict"),
    ]:
        with pytest.raises(SaelibError, match=message):
            of.evaluate(each, protocol, of.BASELINES, 0)
    assert of.evaluate(same, "ranking", of.RANKERS, 0)["recall@20"].notna().all()


def test_several_seeds_are_summed_up_as_means_spreads_and_paired_differences(data):
    assert list(models("ratings", ["plain"])) == [*of.BASELINES, "sae-plain"]
    assert list(models("ranking", [])) == list(of.RANKERS)
    table = pd.concat([of.evaluate(data, "ratings", of.BASELINES, seed) for seed in (3, 5)])
    wide = table.pivot(index="seed", columns="model", values="rmse")
    text = of.summary(table).loc["bias", "rmse"]
    assert text == f"{wide['bias'].mean():.4f} ± {wide['bias'].std():.4f}"
    assert of.summary(table[table["seed"] == 3]).loc["bias", "rmse"] == f"{wide['bias'][3]:.4f}"
    found = of.paired(table, "rmse", "bias")
    apart = (wide["item-mean"] - wide["bias"]).to_numpy()
    assert found.loc["item-mean", "difference"] == pytest.approx(apart.mean())
    assert found.loc["item-mean", "error"] == pytest.approx(abs(apart[0] - apart[1]) / 2)
    assert found.loc["bias", ["difference", "error"]].tolist() == [0, 0]


@pytest.mark.slow
def test_the_network_beats_the_biases_on_ml_100k(ml_100k):
    """The promise of the README, on one seed and with half of the epochs."""
    learners = {"bias": of.bias, "sae": autoencoder("decay", epochs=10, progress=False)}
    errors = of.evaluate_ratings(ml_100k, learners, seed=0).set_index("model")["rmse"]
    assert errors["sae"] < errors["bias"] - 0.02
