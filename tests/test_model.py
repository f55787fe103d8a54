"""Two questions and one file: what it holds, what it refuses, and that it knows only stars."""

from __future__ import annotations

import os
import pickle
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
from saelib.recipes import FAMILY, RECIPES


@pytest.fixture(scope="module")
def people(data) -> People:
    return replace(RatingMatrix.from_dataset(data).people, rows=None)


def recipe(monkeypatch, name: str, **changes) -> str:
    """A recipe as quick as a test needs it."""
    width = {"hidden": (60, 5)[: len(RECIPES[name].hidden)], "n_batches": 4}
    monkeypatch.setitem(RECIPES, name, replace(RECIPES[name], **width | changes))
    return name


# -- The list ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_levels", "liked"), [(5, 2), (9, 3), (2, 1), (10, 3), (101, 26)])
def test_liked_is_what_gets_4_stars_or_more_on_any_scale(n_levels, liked):
    chances = np.random.default_rng(0).dirichlet(np.ones(n_levels), (2, 3))
    np.testing.assert_allclose(like(chances), chances[..., -liked:].sum(-1))


def test_the_list_is_sorted_by_seeing_times_liking(trained, people):
    chances, see = trained.liking.distribution(people), trained.ease.scores(people)
    wanted = see * (chances[..., 3] + chances[..., 4]) ** 0.7
    assert (see > 0).all() and (see <= 1).all()
    np.testing.assert_allclose(trained.scores(people), wanted, rtol=1e-5)
    some = np.array([7, 0])
    np.testing.assert_allclose(trained.scores(people, some), wanted[:, some], rtol=1e-4)


# -- Training ---------------------------------------------------------------------------------


def test_a_model_is_trained_on_nine_tenths_and_knows_what_is_known_of_films(trained, data):
    films, ratings = trained.films.set_index("movie_id"), data.ratings
    of_film = ratings.groupby("movie_id")["rating"]
    assert (films["n_ratings"] == of_film.size()).all()
    np.testing.assert_allclose(films["spread"], of_film.std(), rtol=1e-5)
    assert films["title"][30] == "Misérables, Les" and films["year"].isna().sum() == 1
    history = trained.history
    assert len(history.validation_loss) == 15 and history.best_epoch > 1
    assert trained.validation_rmse == min(history.validation_loss) ** 0.5
    assert trained.knows_people and trained.groups["gender"] == ["F", "M"]


def test_no_validation_rating_reaches_what_is_trained(data, people, monkeypatch):
    """After one epoch, which is then the best one, whatever the others' stars."""
    name = recipe(monkeypatch, "default")
    _, others = split(len(data.ratings), 0)
    stars = data.ratings["rating"].to_numpy().copy()
    stars[others] = 6 - stars[others]
    changed = replace(data, ratings=data.ratings.assign(rating=stars))
    one, other = (train(d, name, epochs=1, progress=False) for d in (data, changed))
    np.testing.assert_array_equal(one.scores(people), other.scores(people))
    assert one.validation_rmse != other.validation_rmse


def test_films_seen_without_stars_reach_the_list_and_the_fingerprint(data, monkeypatch):
    name = recipe(monkeypatch, "default")
    pairs = pd.MultiIndex.from_product([data.users["user_id"], data.movies["movie_id"]])
    unrated = pairs.difference(pd.MultiIndex.from_frame(data.ratings[["user_id", "movie_id"]]))
    seen = unrated.to_frame(index=False, name=["user_id", "movie_id"]).sample(300, random_state=0)
    told = replace(data, seen=seen)
    models = [train(d, name, epochs=1, progress=False) for d in (data, told)]
    assert np.abs(models[0].ease.weights - models[1].ease.weights).max() > 1e-3
    assert np.abs(models[0].liking.directions - models[1].liking.directions).max() > 1e-3
    matrix = RatingMatrix.from_dataset(told)
    assert matrix.people.seen.nnz == len(data.ratings) + 300
    who_rated = People.who_rated(matrix.csr, matrix.about)
    for score in (models[1].ease.scores, models[1].liking.predict):
        assert np.abs(score(matrix.people) - score(who_rated)).max() > 1e-3


# -- A model knows only stars -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["default", "plain", "informed"])
@pytest.mark.parametrize(("a", "b"), [(25, -25), (5, -15), (0.2, 0), (0.5, 3)])
def test_other_units_change_the_unit_and_nothing_else(data, name, a, b, monkeypatch):
    """Of 0 to 100, -10 to 10, .2 to 1 and 3.5 to 5.5: errors in stars, and lists, are the same."""
    recipe(monkeypatch, name)
    ratings = data.ratings.assign(rating=(a * data.ratings["rating"] + b).astype("float32"))
    both = data, replace(data, ratings=ratings, scale=Scale(a + b, 5 * a + b, a))
    learners = BASELINES | {"sae": autoencoder(name, epochs=2, progress=False)}
    for evaluated in (evaluate_ratings, evaluate_new_users):
        errors = [evaluated(each, learners, 0)["rmse"] for each in both]
        np.testing.assert_allclose(errors[1] / a, errors[0], atol=1e-4)
    models = [train(each, name, epochs=2, progress=False) for each in both]
    people = RatingMatrix.from_dataset(both[1]).people
    lists = [np.argsort(-model.scores(people), kind="stable")[:, :10] for model in models]
    assert (lists[0] == lists[1]).mean() > 0.999
    assert models[1].validation_rmse / a == pytest.approx(models[0].validation_rmse, abs=1e-4)


# -- One file ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["default", "plain", *FAMILY])
def test_a_saved_model_comes_back_to_the_bit(data, people, trained, name, monkeypatch, tmp_path):
    model, path = trained, tmp_path / "folder" / "model.safetensors"
    if name != "default":
        model = train(data, recipe(monkeypatch, name), epochs=1, progress=False)
    model.save(path)
    again = Model.load(path)
    for who in (people, replace(people, about=None)):
        np.testing.assert_array_equal(again.scores(who), model.scores(who))
        np.testing.assert_array_equal(again.liking.predict(who), model.liking.predict(who))
    for field in ("scale", "groups", "dataset", "recipe", "seed", "history", "validation_rmse"):
        assert getattr(again, field) == getattr(model, field), field
    pd.testing.assert_frame_equal(again.films, model.films, check_dtype=False)
    assert [p.name for p in path.parent.iterdir()] == ["model.safetensors"]


class Evil:
    def __reduce__(self):
        return os.system, ("touch executed",)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[:-100],
    "longer": lambda content: content + b"0",
    "a bit of a number": lambda content: flipped(content, len(content) - 9),
    "a bit of the first number": lambda c: flipped(c, 8 + int.from_bytes(c[:8], "little")),
    "a text": lambda content: content.replace(b"Space Odyssey", b"Spice Odyssey"),
    "a setting": lambda content: content.replace(b"liking.raters", b"liking.ratexs"),
    "a number in words": lambda c: c.replace(b'highest\\": 5', b'highest\\": 9'),
    "another format": lambda content: content.replace(b"saelib model ", b"saelib modem "),
    "a pickle": lambda content: pickle.dumps(Evil()),
    "others' numbers": lambda content: safetensors({"a": np.ones(2)}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_file_is_refused_and_nothing_in_it_runs(
    trained, damage, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.safetensors"
    trained.save(path)
    content = path.read_bytes()
    path.write_bytes(DAMAGES[damage](content))
    assert path.read_bytes() != content
    for name in (path, tmp_path / "nowhere"):
        with pytest.raises(SaelibError, match=f"{name.stem}.* is no model of this version"):
            Model.load(name)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(("part", "number"), [("liking", np.nan), ("ease", np.inf)])
def test_a_model_with_a_number_that_is_none_is_not_saved(trained, part, number, tmp_path):
    name = "codes" if part == "liking" else "weights"
    of, array = getattr(trained, part), getattr(getattr(trained, part), name).copy()
    array[3, 2] = number
    broken = replace(trained, **{part: replace(of, **{name: array})})
    with pytest.raises(SaelibError, match="numbers that are not finite"):
        broken.save(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


def test_the_old_model_survives_a_full_disk(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    trained.save(path)
    before = path.read_bytes()
    with files_of_at_most(1000), pytest.raises(SaelibError, match="File too large"):
        trained.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_model_of_recipe_default_recommends_without_torch(trained, people, tmp_path):
    trained.save(tmp_path / "model.safetensors")
    script = (
        "import sys, numpy as np; from scipy.sparse import csr_array\n"
        "from saelib import Model, People\n"
        "model = Model.load(sys.argv[1])\n"
        "people = People.who_rated(csr_array(np.eye(1, 40, 3, np.float32) * 5))\n"
        "print(model.scores(people).argmax())\n"
        "print([name for name in ('torch', 'matplotlib') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "model.safetensors")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.splitlines()[1:] == ["[]"], done.stderr
