"""Two questions and one file: what it holds, what it refuses, and that it knows only stars."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import files_of_at_most
from safetensors.numpy import save as safetensors

from saelib.data import Scale
from saelib.errors import SaelibError
from saelib.evaluation import BASELINES, evaluate_new_users, evaluate_ratings
from saelib.matrix import People, RatingMatrix, split
from saelib.model import Model, autoencoder, like, train
from saelib.recipes import RECIPES


@pytest.fixture(scope="module")
def people(data) -> People:
    return replace(RatingMatrix.from_dataset(data).people, rows=None)


@pytest.fixture(autouse=True)
def quick(monkeypatch, trained):
    """Recipes as quick as a test needs them."""
    for name, config in RECIPES.items():
        narrow = (60, 5)[: len(config.hidden)]
        monkeypatch.setitem(RECIPES, name, replace(config, hidden=narrow, n_batches=4))


def test_liked_is_what_gets_4_stars_or_more_on_any_scale():
    for n_levels, n_liked in {5: 2, 9: 3, 2: 1, 10: 3, 101: 26}.items():
        chances = np.random.default_rng(0).dirichlet(np.ones(n_levels), (2, 3))
        np.testing.assert_allclose(like(chances), chances[..., -n_liked:].sum(-1))


def test_the_list_is_sorted_by_seeing_times_liking(trained, people):
    chances, see = trained.liking.distribution(people), trained.ease.scores(people)
    wanted = see * (chances[..., 3] + chances[..., 4]) ** 0.7
    assert (see > 0).all() and (see <= 1).all()
    np.testing.assert_allclose(trained.scores(people), wanted, rtol=1e-5)


def test_a_model_is_trained_on_nine_tenths_and_knows_what_is_known_of_films(trained, data):
    films = trained.films.set_index("movie_id")
    assert (films["n_ratings"] == data.ratings.groupby("movie_id").size()).all()
    assert films["title"][30] == "Misérables, Les" and films["year"].isna().sum() == 1
    losses = trained.history.validation_loss
    assert len(losses) == 15 and trained.validation_rmse == min(losses) ** 0.5


def test_no_validation_rating_reaches_what_is_trained(data, people):
    """After one epoch, which is then the best one, whatever the others' stars."""
    stars, others = data.ratings["rating"].to_numpy().copy(), split(len(data.ratings), 0)[1]
    stars[others] = 6 - stars[others]
    changed = replace(data, ratings=data.ratings.assign(rating=stars))
    one, other = (train(d, epochs=1, progress=False) for d in (data, changed))
    np.testing.assert_array_equal(one.scores(people), other.scores(people))
    assert one.validation_rmse != other.validation_rmse


def test_films_seen_without_stars_reach_the_list_and_the_fingerprint(data):
    pairs = pd.MultiIndex.from_product([data.users["user_id"], data.movies["movie_id"]])
    unrated = pairs.difference(pd.MultiIndex.from_frame(data.ratings[["user_id", "movie_id"]]))
    seen = unrated.to_frame(index=False, name=["user_id", "movie_id"]).sample(300, random_state=0)
    told = replace(data, seen=seen)
    before, model = (train(d, epochs=1, progress=False) for d in (data, told))
    assert np.abs(before.ease.weights - model.ease.weights).max() > 1e-3
    assert np.abs(before.liking.directions - model.liking.directions).max() > 1e-3


@pytest.mark.parametrize("name", ["default", "plain", "informed"])
@pytest.mark.parametrize(("a", "b"), [(25, -25), (5, -15), (0.2, 0), (0.5, 3)])
def test_other_units_change_the_unit_and_nothing_else(data, people, name, a, b):
    """Of 0 to 100, -10 to 10, .2 to 1 and 3.5 to 5.5: errors in stars, and lists, are the same."""
    ratings = data.ratings.assign(rating=(a * data.ratings["rating"] + b).astype("float32"))
    both = data, replace(data, ratings=ratings, scale=Scale(a + b, 5 * a + b, a))
    learners = BASELINES | {"sae": autoencoder(name, epochs=2, progress=False)}
    for evaluated in (evaluate_ratings, evaluate_new_users):
        errors = [evaluated(each, learners, 0)["rmse"] for each in both]
        np.testing.assert_allclose(errors[1] / a, errors[0], atol=1e-4)
    one, other = (train(each, name, epochs=2, progress=False) for each in both)
    lists = [np.argsort(-model.scores(people), kind="stable")[:, :10] for model in (one, other)]
    assert (lists[0] == lists[1]).mean() > 0.999
    assert other.validation_rmse / a == pytest.approx(one.validation_rmse, abs=1e-4)


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[:-100],
    "a bit of a number": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "a text": lambda content: content.replace(b"Space Odyssey", b"Spice Odyssey"),
    "a number in words": lambda c: c.replace(b'highest\\": 5', b'highest\\": 9'),
    "a type of numbers": lambda content: content.replace(b'"F16"', b'"I16"'),
    "another format": lambda content: content.replace(b"saelib model ", b"saelib modem "),
    "a pickle": lambda content: b"cbuiltins\nexec\n(S'raise SystemExit'\ntR.",
    "others' numbers": lambda content: safetensors({"a": np.ones(2)}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_file_is_refused_and_nothing_in_it_runs(trained, damage, tmp_path):
    path = tmp_path / "model.safetensors"
    trained.save(path)
    content = path.read_bytes()
    path.write_bytes(DAMAGES[damage](content))
    assert path.read_bytes() != content
    for name in (path, tmp_path / "nowhere"):
        with pytest.raises(SaelibError, match=f"{name.stem}.* is no model of this version"):
            Model.load(name)


def test_a_file_is_replaced_whole_or_not_at_all(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_text("an older model")
    with files_of_at_most(1000), pytest.raises(OSError, match="too large"):
        trained.save(path)
    assert path.read_text() == "an older model"
    trained.save(path)
    np.testing.assert_array_equal(Model.load(path).ease.weights, trained.ease.weights)


def test_a_model_with_a_number_that_is_none_is_not_saved(trained, tmp_path):
    weights = trained.ease.weights.copy()
    weights[3, 2] = np.nan
    broken = replace(trained, ease=replace(trained.ease, weights=weights))
    with pytest.raises(SaelibError, match="numbers that are not finite"):
        broken.save(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_model_of_recipe_default_recommends_without_torch(trained, tmp_path):
    trained.save(tmp_path / "model.safetensors")
    script = (
        "import sys; from saelib import Profile, Recommender\n"
        "print(len(Recommender.load(sys.argv[1]).recommend(Profile({'Sabrina (1954)': 5}))))\n"
        "print([name for name in ('torch', 'matplotlib') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script, tmp_path / "model.safetensors"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split() == ["10", "[]"], done.stderr
