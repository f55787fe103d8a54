"""Metrics against hand-computed examples and scikit-learn; protocols that cannot leak."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import made_up
from sklearn.metrics import ndcg_score, root_mean_squared_error

from saelib import evaluation
from saelib.data import releases
from saelib.data.matrix import RatingMatrix, split_ratings, split_users
from saelib.errors import SaelibError
from saelib.evaluation import (
    N_INPUTS,
    autoencoder,
    bias,
    coverage,
    evaluate,
    evaluate_new_users,
    evaluate_ranking,
    evaluate_ratings,
    global_mean,
    item_mean,
    ndcg,
    popularity,
    recall,
    rmse,
    summary,
)


def test_rmse_by_hand_and_by_scikit_learn():
    assert rmse(np.array([3, 5]), np.array([4, 2])) == pytest.approx(np.sqrt((1 + 9) / 2))
    rng = np.random.default_rng(0)
    predicted, actual = rng.random(100), rng.random(100)
    assert rmse(predicted, actual) == pytest.approx(root_mean_squared_error(actual, predicted))


def test_ndcg_by_hand_and_by_scikit_learn():
    # Hits at ranks 1 and 3 of three relevant films.
    ranked, relevant = np.array([7, 1, 4, 9]), np.array([7, 4, 5])
    expected = (1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3) + 1 / np.log2(4))
    assert ndcg(ranked, relevant, k=10) == pytest.approx(expected)
    assert ndcg(ranked, relevant, k=2) == pytest.approx(1 / (1 + 1 / np.log2(3)))
    assert ndcg(np.array([1, 2]), relevant) == 0
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores, truth = rng.random(50), (rng.random(50) < 0.3).astype(float)
        truth[0] = 1
        ours = ndcg(np.argsort(-scores), np.flatnonzero(truth), k=10)
        assert ours == pytest.approx(ndcg_score([truth], [scores], k=10))


def test_recall_and_coverage_by_hand():
    ranked = np.arange(30)
    assert recall(ranked, np.array([0, 19, 20, 29]), k=20) == 2 / 4
    assert recall(ranked, np.arange(100), k=20) == 1.0
    assert coverage([np.array([1, 2]), np.array([2, 3])], n_items=10) == 0.3


def test_the_simple_models_by_hand(data):
    known = RatingMatrix.from_dataset(data).take(np.arange(50))
    train = known.csr
    new = RatingMatrix.from_dataset(data).people[50:]
    stars = train.toarray()
    rated = stars > 0
    mean = stars[rated].mean()
    of_film = [stars[rated[:, i], i].mean() if rated[:, i].any() else mean for i in range(40)]
    np.testing.assert_allclose(global_mean(known, 0)(new), mean * np.ones((10, 40)))
    np.testing.assert_allclose(item_mean(known, 0)(new), [of_film] * 10, rtol=1e-6)
    np.testing.assert_array_equal(popularity(known, 0)(new)[3], rated.sum(axis=0))
    assert bias(known, 0)(new).shape == (10, 40)


class Recorder:
    """A model that notes what it was given and predicts the same for every film."""

    def __init__(self):
        self.trained_on, self.shown = None, []

    def learn(self, matrix, seed):
        self.trained_on = matrix.csr

        def predict(people):
            self.shown.append(people.stars)
            return np.full(people.stars.shape, 3.0)

        return predict


def test_ratings_protocol_hides_exactly_the_test_tenth(data):
    model = Recorder()
    table = evaluate_ratings(data, {"constant": model.learn}, seed=2)
    train, test = split_ratings(len(data.ratings), 2)
    expected = RatingMatrix.from_dataset(data, data.ratings.iloc[train]).csr
    assert (model.trained_on != expected).nnz == 0
    assert (model.shown[0] != expected).nnz == 0
    stars = data.ratings["rating"].to_numpy()
    assert table["rmse"][0] == pytest.approx(rmse(3.0, stars[test]))
    assert table["rmse_seen"][0] == pytest.approx(rmse(3.0, stars[train]))


def test_predictions_are_clipped_to_the_scale(data):
    def learn(data, seed):
        return lambda people: np.full(people.stars.shape, 99.0)

    table = evaluate_ratings(data, {"wild": learn}, seed=0)
    stars = data.ratings["rating"].to_numpy()[split_ratings(len(data.ratings), 0)[1]]
    assert table["rmse"][0] == pytest.approx(rmse(5.0, stars))


def test_new_users_are_never_trained_on_and_shown_only_inputs(data):
    model = Recorder()
    table = evaluate_new_users(data, {"constant": model.learn}, seed=1)
    matrix = RatingMatrix.from_dataset(data).csr
    known, new = split_users(60, 1)
    assert (model.trained_on != matrix[known]).nnz == 0
    assert table["n_inputs"].tolist() == [0, 5, 10, 20, 40, "all"]
    counts = np.diff(matrix[new].indptr)
    for n, shown in zip(N_INPUTS, model.shown, strict=True):
        half = counts - counts // 2
        np.testing.assert_array_equal(
            np.diff(shown.indptr), half if n is None else np.minimum(n, half)
        )
        assert (shown != matrix[new].multiply(shown > 0)).nnz == 0
    assert np.isnan(table["rmse_seen"][0]), "nobody rated nothing"


@pytest.mark.parametrize("learn", [global_mean, item_mean, bias, autoencoder("both", epochs=1)])
def test_single_cells_make_the_same_error_as_all_of_them(data, learn):
    def all_of_them(matrix, seed):
        predict = learn(matrix, seed)
        return lambda people: predict(people)

    table = evaluate_ratings(data, {"cells": learn, "all": all_of_them}, seed=0)
    for metric in ("rmse", "rmse_seen"):
        cells, every = table[metric]
        assert cells == pytest.approx(every, abs=1e-6)


def test_ranking_of_an_oracle_and_of_its_opposite(data):
    matrix = RatingMatrix.from_dataset(data).csr
    _, new = split_users(60, 0)
    truth = matrix[new].toarray()

    def oracle(sign):
        return lambda matrix, seed: lambda people: sign * truth

    table = evaluate_ranking(data, {"oracle": oracle(1), "opposite": oracle(-1)}, seed=0)
    assert table["ndcg@10"][0] == pytest.approx(1.0)
    assert table["recall@20"][0] == pytest.approx(1.0)
    assert table["ndcg@10"][1] < 0.3
    assert (table["coverage"] <= 1).all()


def test_ranking_never_counts_a_film_that_was_shown(data):
    """A model that puts the films shown first gains nothing by it."""

    def echo(data, seed):
        return lambda people: people.stars.toarray() * 100.0

    def nothing(data, seed):
        return lambda people: np.zeros(people.stars.shape)

    table = evaluate_ranking(data, {"echo": echo, "nothing": nothing}, seed=0)
    assert table["ndcg@10"][0] == table["ndcg@10"][1]


@pytest.mark.parametrize("recipe", ["plain", "default"])
def test_no_test_rating_reaches_the_model(data, recipe):
    """Change every test rating: the predictions stay the same to the bit."""
    learn, seen = autoencoder(recipe, epochs=2), []

    def spy(data, seed):
        predict = learn(data, seed)

        def record(people):
            seen.append(predict(people))
            return seen[-1]

        return record

    _, test = split_ratings(len(data.ratings), 0)
    other = data.ratings.copy()
    stars = other["rating"].to_numpy().copy()
    stars[test] = 6 - stars[test]
    other["rating"] = stars
    for part in (data, replace(data, ratings=other)):
        errors = evaluate_ratings(part, {"spy": spy}, seed=0)
    np.testing.assert_array_equal(seen[0], seen[1])
    assert errors["rmse"][0] != errors["rmse_seen"][0]

    seen.clear()
    matrix = RatingMatrix.from_dataset(data)
    _, new = split_users(60, 0)
    held_out = data.ratings["user_id"].isin(matrix.user_ids[new]).to_numpy()
    stars = np.where(held_out, 6 - data.ratings["rating"], data.ratings["rating"])
    other = data.ratings.assign(rating=stars.astype("float32"))
    for part in (data, replace(data, ratings=other)):
        evaluate_new_users(part, {"spy": spy}, seed=0, n_inputs=(0,))
    np.testing.assert_array_equal(seen[0], seen[1])


def test_evaluate_names_the_models_and_summary_gives_mean_and_spread(data):
    tables = [evaluate(data, "ratings", ["default"], seed, epochs=1) for seed in (0, 1)]
    assert tables[0]["model"].tolist() == ["global-mean", "item-mean", "bias", "sae-default"]
    assert set(tables[0]) == {"dataset", "protocol", "seed", "model", "rmse", "rmse_seen"}
    both = summary(pd.concat(tables))
    values = [t["rmse"][2] for t in tables]
    wanted = f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"
    assert both.loc[("ml-100k", "ratings", "bias"), "rmse"] == wanted
    assert summary(tables[0])["rmse"].iloc[2] == f"{values[0]:.4f}"
    ranking = evaluate(data, "ranking", [], 0)
    assert "popularity" in ranking["model"].tolist()
    json.dumps(ranking.to_dict("records"))


def test_the_future_is_the_last_tenth_by_time_and_known_people_are_told_apart(data):
    """Timestamps in an order of their own; two people with their first ratings at the end."""
    rng = np.random.default_rng(4)
    time = rng.permutation(len(data.ratings))
    late = data.ratings["user_id"].isin([7, 8]).to_numpy()
    shuffled = replace(data, ratings=data.ratings.assign(timestamp=time + late * 10**6))
    model = Recorder()
    table = evaluate(shuffled, "future", [], 0).set_index(["model", "people"])
    direct = evaluation.evaluate_future(shuffled, {"constant": model.learn}, 0)
    order = np.argsort(shuffled.ratings["timestamp"].to_numpy())
    n_test = len(order) // 10
    past, future = (shuffled.ratings.iloc[part] for part in (order[:-n_test], order[-n_test:]))
    assert (model.trained_on != RatingMatrix.from_dataset(shuffled, past).csr).nnz == 0
    new = future["user_id"].isin([7, 8])
    assert set(past["user_id"]) == set(range(1, 61)) - {7, 8}
    expected = {"all": future, "known": future[~new], "new": future[new]}
    for row, (group, ratings) in zip(direct.to_dict("records"), expected.items(), strict=True):
        assert row["people"] == group
        assert row["n_people"] == ratings["user_id"].nunique()
        assert row["rmse"] == pytest.approx(rmse(3.0, ratings["rating"].to_numpy()))
    assert np.isnan(direct["rmse_seen"][2]), "new people have rated nothing before"
    assert set(table.index.get_level_values("model")) == {"global-mean", "item-mean", "bias"}
    assert "new" in summary(table.reset_index()).index.get_level_values("people")
    timeless = replace(data, ratings=data.ratings.drop(columns="timestamp"))
    with pytest.raises(SaelibError, match="no timestamps, so there is no past to learn from"):
        evaluate(timeless, "future", [], 0)


def test_u1_is_for_ml_100k_ratings_only(data, tmp_path):
    with pytest.raises(SaelibError, match="--split u1 goes with --protocol ratings only"):
        evaluate(data, "ranking", [], 0, split=(tmp_path, "u1"))
    with pytest.raises(SaelibError, match="Unknown protocol 'x'"):
        evaluate(data, "x", [], 0)


def test_the_published_split_is_read(data, tmp_path):
    parts = {"u1.base": data.ratings.iloc[100:], "u1.test": data.ratings.iloc[:100]}
    for name, part in parts.items():
        part.astype({"rating": int}).to_csv(tmp_path / name, sep="\t", header=False, index=False)
    table = evaluate_ratings(data, {"mean": global_mean}, 0, split=(tmp_path, "u1"))
    stars = data.ratings["rating"].to_numpy()
    assert table["rmse"][0] == pytest.approx(rmse(stars[100:].mean(), stars[:100]), rel=1e-5)
    (tmp_path / "u1.base").write_text((tmp_path / "u1.base").read_text().rpartition("\n1")[0])
    with pytest.raises(SaelibError, match="together they should be all"):
        evaluate_ratings(data, {"mean": global_mean}, 0, split=(tmp_path, "u1"))


@pytest.mark.slow
def test_default_beats_bias_on_ml_100k(ml_100k):
    """The promise of the README, on one seed and with a tenth of the epochs."""
    table = evaluate_ratings(
        ml_100k, {"bias": bias, "sae": autoencoder("decay", epochs=10)}, seed=0
    ).set_index("model")
    assert table.loc["sae", "rmse"] < table.loc["bias", "rmse"] - 0.02


def test_no_step_makes_a_dense_matrix_of_all_people(monkeypatch):
    """Rows are scored in batches, so memory does not grow with people x films."""
    monkeypatch.setattr(evaluation, "BATCH", 7)
    model = Recorder()
    evaluate_ratings(made_up(), {"constant": model.learn}, seed=0)
    assert max(rows.shape[0] for rows in model.shown) == 7


def test_the_split_of_liang_on_files_of_its_layout(registry, tmp_path, monkeypatch):
    """Likes only, people with five of them, held-out people unknown; measured by other lines."""
    made = made_up(90, 30, seed=3)
    name = registry("csv", counts=None)
    text = made.ratings.set_axis(["userId", "movieId", "rating", "timestamp"], axis=1)
    (tmp_path / "data" / name).mkdir(parents=True)
    text.to_csv(tmp_path / "data" / name / "ratings.csv", index=False)
    genres = made.movies["genres"].replace("", "(no genres listed)")
    films = made.movies.assign(title=made.movies["title"] + " (1999)", genres=genres)
    films = films[["movie_id", "title", "genres"]]
    films.set_axis(["movieId", "title", "genres"], axis=1).to_csv(
        tmp_path / "data" / name / "movies.csv", index=False
    )
    data = releases.load(name)
    with pytest.raises(SaelibError, match="--split liang holds out 20,000 people"):
        evaluate(data, "ranking", [], 0, split=(tmp_path, "liang"))
    monkeypatch.setattr(evaluation, "LIANG_HELD_OUT", 20)
    met: dict = {}

    def oracle(known, seed):  # knows the taste of everybody
        met["known"], liked = known, data.ratings[data.ratings["rating"] >= 4]
        everything = {user: set(of["movie_id"]) for user, of in liked.groupby("user_id")}

        def predict(people):
            rows = people.stars
            met["shown"] = [set(known.item_ids[rows[[i]].indices]) for i in range(20)]
            scores = np.zeros(rows.shape)
            for i, shown in enumerate(met["shown"]):
                wanted = [films for films in everything.values() if shown <= films]
                likes = np.isin(known.item_ids, list(set().union(*wanted)))
                scores[i] = likes
            return scores

        return predict

    table = evaluate_ranking(
        data, {"oracle": oracle, "popular": popularity}, 0, (tmp_path, "liang")
    )
    known, shown = met["known"], met["shown"]
    assert known.csr.data.min() >= 4
    counts = data.ratings.query("rating >= 4")["user_id"].value_counts()
    eligible = counts.index[counts >= 5]
    assert len(known.user_ids) == len(eligible) - 40
    assert set(known.user_ids) <= set(eligible)
    of = data.ratings.query("rating >= 4").groupby("user_id")["movie_id"].agg(set)
    new = [user for user in eligible if user not in known.user_ids]
    inputs = [s for s in shown if any(s < of[user] for user in new)]
    assert len(inputs) == 20, "four fifths of the likes of people who are not known"
    # The same of popularity, by the formulas of the paper.
    popular = known.csr.count_nonzero(axis=0)
    recalls, gains = [], []
    for films in shown:
        [user] = [u for u in new if films < of[u] and len(of[u]) - len(films) == len(of[u]) // 5]
        order = [i for i in np.argsort(-popular, kind="stable")]
        order = [m for m in known.item_ids[order] if m not in films]
        hit = np.array([m in of[user] for m in order])
        left = (of[user] - films) & set(known.item_ids)
        recalls.append(hit[:20].sum() / min(20, len(left)))
        best = (1 / np.log2(np.arange(2, 2 + min(100, len(left))))).sum()
        gains.append((hit[:100] / np.log2(np.arange(2, 2 + len(hit[:100])))).sum() / best)
    row = table.set_index("model").loc["popular"]
    assert row["recall@20"] == pytest.approx(np.mean(recalls))
    assert row["ndcg@100"] == pytest.approx(np.mean(gains))
    assert table.set_index("model").loc["oracle", "ndcg@100"] > row["ndcg@100"]
