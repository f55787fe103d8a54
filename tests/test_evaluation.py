"""Metrics against hand-computed examples and scikit-learn; protocols that cannot leak."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import ndcg_score, root_mean_squared_error

from saelib import evaluation as of
from saelib import training
from saelib.errors import SaelibError
from saelib.fold_in import FoldIn
from saelib.matrix import RatingMatrix, mask, split
from saelib.model import autoencoder, models
from saelib.recipes import RECIPES


def test_metrics_are_what_a_hand_and_scikit_learn_compute():
    # Hits at ranks 1 and 3 of three relevant films.
    expected = (1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3) + 1 / np.log2(4))
    assert of.ndcg(np.array([7, 1, 4, 9]), np.array([7, 4, 5])) == pytest.approx(expected)
    assert of.recall(np.arange(30), np.array([0, 19, 20, 29]), k=20) == 2 / 4
    assert of.recall(np.arange(30), np.arange(100), k=20) == 1.0
    rng = np.random.default_rng(0)
    for k in range(1, 20):
        scores, truth = rng.random(50), (rng.random(50) < 0.3).astype(float)
        assert of.rmse(scores, truth) == pytest.approx(root_mean_squared_error(truth, scores))
        ours = of.ndcg(np.argsort(-scores), np.flatnonzero(truth), k)
        assert ours == pytest.approx(ndcg_score([truth], [scores], k=k))


def test_the_simple_models_are_what_pandas_computes(data):
    ratings = data.ratings.query("movie_id != 40")  # which nobody rates
    known, mean = RatingMatrix.from_dataset(data, ratings), ratings["rating"].mean()
    films = ratings.groupby("movie_id")["rating"].agg(["mean", "size"]).reindex(known.item_ids)
    found = [model(known, 0)(known.people)[9] for model in (of.global_mean, of.item_mean)]
    np.testing.assert_allclose(found, [[mean] * 40, films["mean"].fillna(mean)], rtol=1e-6)
    assert (of.popularity(known, 0)(known.people)[9] == films["size"].fillna(0)).all()


class Recorder(list):
    """A model, and the people that it was asked of; it predicts more than anybody can give."""

    def learn(self, matrix, seed):
        self.known = matrix
        assert (matrix.seen != mask(matrix.csr)).nnz == 0

        def predict(people):
            self.append(people)
            assert (people.seen != mask(people.stars)).nnz == 0, "nothing is told of other films"
            return np.full(people.stars.shape, 99.0)

        return predict


@pytest.mark.parametrize("parts", [None, 5], ids=["seeded", "published"])
def test_the_protocol_ratings_hides_one_part_and_scores_people_in_batches(data, parts, monkeypatch):
    monkeypatch.setattr(of, "BATCH", 7)
    model, cut = Recorder(), split(len(data.ratings), parts or 2)
    shown, hidden = (data.ratings.iloc[part] for part in cut)
    table = of.evaluate_ratings(data, {"wild": model.learn}, 2, parts and (shown, hidden))
    expected = RatingMatrix.from_dataset(data, shown).csr
    assert (model.known.csr != expected).nnz == (model[0].stars != expected[:7]).nnz == 0
    assert [len(people) for people in model] == [7] * 8 + [4]
    for name, part in {"rmse_seen": shown, "rmse": hidden}.items():
        assert table[name][0] == pytest.approx(of.rmse(5.0, part["rating"].to_numpy())), "clipped"


def test_new_people_are_never_trained_on_and_show_only_inputs(data):
    """Of half of their ratings, so many as is said; of four fifths, where films are ranked."""
    model, matrix = Recorder(), RatingMatrix.from_dataset(data)
    table = of.evaluate_new_users(data, {"wild": model.learn}, seed=1)
    of.evaluate_ranking(data, {"wild": model.learn}, seed=1)
    known, new = map(np.sort, split(60, 1))
    assert (model.known.csr != matrix.csr[known]).nnz == 0
    assert table["n_inputs"].tolist() == [0, 5, 10, 20, 40, "all"]
    counts = np.diff(matrix.csr[new].indptr)
    wanted = [np.minimum(n, counts - counts // 2) for n in (0, 5, 10, 20, 40, 99)]
    wanted.append(counts - counts // 5)
    for n_shown, people in zip(wanted, model, strict=True):
        np.testing.assert_array_equal(np.diff(people.stars.indptr), n_shown)
        assert (people.stars != matrix.csr[new].multiply(people.stars > 0)).nnz == 0
    assert np.isnan(table["rmse_seen"][0]), "nobody rated nothing"


def test_the_future_is_the_last_tenth_by_time_and_new_people_are_told_apart(data):
    """Timestamps in an order of their own; two people with their first ratings at the end."""
    late = 10**6 * data.ratings["user_id"].isin([7, 8])
    time = np.random.default_rng(4).permutation(len(data.ratings)) + late
    shuffled, model = replace(data, ratings=data.ratings.assign(timestamp=time)), Recorder()
    table = of.evaluate_future(shuffled, {"wild": model.learn}, 0)
    ordered, n = shuffled.ratings.sort_values("timestamp"), len(late) // 10
    past, future = ordered[:-n], ordered[-n:]
    assert (model.known.csr != RatingMatrix.from_dataset(shuffled, past).csr).nnz == 0
    new = future["user_id"].isin([7, 8])
    for row, group in zip(table.itertuples(), (future, future[~new], future[new]), strict=True):
        assert row.n_people == group["user_id"].nunique()
        assert row.rmse == pytest.approx(of.rmse(5.0, group["rating"].to_numpy()))
    assert table["people"].tolist() == ["all", "known", "new"]
    assert np.isnan(table["rmse_seen"][2]), "new people have rated nothing before"
    assert [people.rows for people in model] == [None] * 3


def test_a_future_of_new_people_alone_is_measured_too(data):
    last = data.ratings["user_id"] == 60
    few = pd.concat([data.ratings[~last].head(9 * last.sum()), data.ratings[last]])
    few = replace(data, ratings=few.assign(timestamp=np.arange(len(few))))
    learners = models("future", ["plain", "default"], epochs=1, progress=False)
    for _, table in of.evaluate_future(few, learners, 0).groupby("model"):
        assert table["n_people"].tolist() == [1, 0, 1] and table["rmse"].isna().sum() == 1
        assert table["rmse"].iloc[2] == table["rmse"].iloc[0] > 0


@pytest.mark.parametrize("recipe", ["plain", "default"])
@pytest.mark.parametrize("protocol", of.PROTOCOLS)
def test_no_test_rating_reaches_a_model(data, protocol, recipe, monkeypatch):
    """Give other stars to every rating that is measured: predictions are the same to the bit."""
    monkeypatch.setitem(RECIPES, recipe, replace(RECIPES[recipe], hidden=(8,), n_batches=4))
    recorder, met, shown = Recorder(), [], np.zeros((60, 40), bool)
    of.evaluate(data, protocol, {"wild": recorder.learn}, 0)
    known = recorder.known.user_ids - 1
    shown[known] = recorder.known.csr.toarray() > 0
    new = np.setdiff1d(np.arange(60), known)  # people who show something, too
    shown[new] = recorder[-1].stars[: len(new)].toarray() > 0
    hidden = ~shown[data.ratings["user_id"] - 1, data.ratings["movie_id"] // 10 - 1]
    stars = data.ratings["rating"]
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
    learners = {
        "echo": lambda *_: lambda people: people.stars.toarray() * 100.0,
        "nothing": lambda *_: lambda people: np.zeros(people.stars.shape),
        "oracle": lambda *_: lambda people: truth,
        "opposite": lambda *_: lambda people: -truth,
    }
    table = of.evaluate_ranking(data, learners, seed=0)
    echo, nothing, oracle, opposite = table["ndcg@10"]
    assert echo == nothing and oracle == pytest.approx(1) and opposite < 0.3
    assert table["recall@20"][2] == 1 and (table["coverage"] <= 1).all()


# Of these data and seed 1, by the package as it was when figures were first published.
@pytest.mark.parametrize(
    ("protocol", "model", "where", "figures"),
    [
        ("ratings", "bias", {}, {"rmse": 1.14030834, "rmse_seen": 1.09037631}),
        ("new-users", "bias", {"n_inputs": 0}, {"rmse": 1.27986113}),
        ("new-users", "bias", {"n_inputs": 5}, {"rmse": 1.33438229, "rmse_seen": 1.35960834}),
        ("new-users", "bias", {"n_inputs": "all"}, {"rmse": 1.35122939, "rmse_seen": 1.25537851}),
        ("ranking", "bias", {}, {"ndcg@10": 0.58966437, "recall@20": 1.0, "coverage": 0.575}),
        ("ranking", "ease", {}, {"ndcg@10": 0.45086732, "recall@20": 1.0, "coverage": 0.8}),
    ],
)
def test_a_protocol_measures_what_it_has_always_measured(data, protocol, model, where, figures):
    table = of.evaluate(data, protocol, {"bias": of.bias, "ease": of.ease}, seed=1)
    wanted = {"dataset": "ml-100k", "protocol": protocol, "seed": 1, "model": model} | where
    [row] = table[(table[list(wanted)] == list(wanted.values())).all(axis=1)].to_dict("records")
    assert {key: row[key] for key in figures} == pytest.approx(figures, abs=1e-6)


def test_known_people_have_the_mean_of_both_predictions_and_new_ones_fold_in(data, monkeypatch):
    known = RatingMatrix.from_dataset(data)
    small = replace(RECIPES["default"], hidden=(8,), epochs=3)
    monkeypatch.setitem(RECIPES, "small", small)
    predict = autoencoder("small", progress=False)(known, 0)
    network = training.build(small, known, 0)
    training.fit(network, known, progress=False)
    folded = FoldIn.of(network, known).predict(known.people)
    of_films = network(known.csr.T.tocsr(), torch.from_numpy(known.facts))
    learned = network.head.stars(of_films).T.detach().numpy()
    assert np.abs(folded - learned).max() > 0.05
    np.testing.assert_allclose(predict(known.people), (folded + learned) / 2, atol=1e-5)
    np.testing.assert_array_equal(predict(replace(known.people, rows=None)), folded)


def test_what_cannot_be_measured_is_refused(data):
    same = data.ratings.assign(rating=np.float32(4))
    for ratings, protocol, message in [
        (data.ratings.drop(columns="timestamp"), "future", "no timestamps, so there is no past to"),
        (data.ratings.iloc[:9], "future", "There are 9 to split"),
        (same, "future", "all ratings are the same. Use the ranking protocol."),
    ]:
        with pytest.raises(SaelibError, match=message):
            of.evaluate(replace(data, ratings=ratings), protocol, of.BASELINES, 0)
    same = replace(data, ratings=same)
    assert of.evaluate(same, "ranking", of.RANKERS, 0)["recall@20"].notna().all()


def test_several_seeds_are_summed_up_as_means_spreads_and_paired_differences(data):
    table = pd.concat([of.evaluate(data, "ratings", of.BASELINES, seed) for seed in (3, 5)])
    wide = table.pivot(index="seed", columns="model", values="rmse")
    several, one = of.summary(table)["rmse"], of.summary(table[table["seed"] == 3])["rmse"]
    assert several["bias"] == f"{wide['bias'].mean():.4f} ± {wide['bias'].std():.4f}"
    assert one["bias"] == f"{wide['bias'][3]:.4f}"
    found, apart = of.paired(table, "rmse", "bias"), wide["item-mean"] - wide["bias"]
    assert found.loc["item-mean", "difference"] == pytest.approx(apart.mean())
    assert found.loc["item-mean", "error"] == pytest.approx(abs(apart[3] - apart[5]) / 2)
    assert found.loc["bias", ["difference", "error"]].tolist() == [0, 0]
