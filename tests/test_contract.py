"""What every model keeps to, over pairs of a scale, people and a protocol."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import made_up, on_scale
from scipy.sparse import csr_array

from saelib.data import Scale
from saelib.evaluation import PROTOCOLS, evaluate
from saelib.matrix import ALL, People
from saelib.model import Model, models, train
from saelib.recipes import RECIPES
from saelib.recommend.recommender import Recommender

N_FILMS = 20
SCALES = [Scale(1, 5), Scale(0.5, 5, 0.5), Scale(0, 10), Scale(-10, 10, 5), Scale(0, 1)]
PEOPLE = ["known", "anonymous", "have seen more"]
CASES = [(r, SCALES[i % 5], PEOPLE[i // 5 % 3], i % 4) for i, r in enumerate(RECIPES)]


def visitors(width: int | None) -> dict[str, People]:
    """Who may come, each as one row."""
    few, seen = np.zeros((2, 1, N_FILMS), np.float32)
    few[0, [3, 11, 17]], seen[0, [3, 8, 11, 17, 19]] = [1, 5, 2], 1
    few, seen, nothing = map(csr_array, (few, seen, 0 * seen))
    about = None if width is None else np.eye(1, width, 0, dtype=np.float32)
    return {
        "new": People.who_rated(few, about),
        "new, nothing told": People.who_rated(few),
        "rated and seen": People(few, seen, about),
        "all rated alike": People.who_rated(csr_array(np.full((1, N_FILMS), 5, np.float32))),
        "nobody": People.who_rated(nothing),
        "only who they are": People.who_rated(nothing, about),
        "only films seen": People(nothing, seen),
    }


@pytest.mark.parametrize(("recipe", "scale", "people", "nth"), CASES, ids=str)
def test_every_model_answers_as_others_do(recipe, scale, people, nth, monkeypatch, tmp_path):
    config, protocol = RECIPES[recipe], list(PROTOCOLS)[nth]
    wide = (60, 6)[: len(config.hidden)]
    monkeypatch.setitem(RECIPES, recipe, replace(config, hidden=wide, n_batches=6, epochs=2))
    data = on_scale(made_up(40, N_FILMS), scale)
    if people == "anonymous":
        data = replace(data, users=None)
    elif people == "have seen more":  # a tenth of the ratings are films that were only seen
        data = replace(data, ratings=data.ratings.iloc[40:], seen=data.ratings.iloc[:40, :2])
    table = evaluate(data, protocol, models(protocol, [recipe], progress=False), 0)
    figures = table[table["model"] == f"sae-{recipe}"]
    error = figures.get("rmse", figures.get("ndcg@10")).dropna()
    assert len(error) and error.between(0, scale.highest - scale.lowest).all()
    model = train(data, recipe, progress=False)
    model.save(tmp_path / "model.safetensors")
    again = Model.load(tmp_path / "model.safetensors")
    same = ("scale", "groups", "dataset", "recipe", "seed", "history", "validation_rmse")
    assert [getattr(again, name) for name in same] == [getattr(model, name) for name in same]
    pd.testing.assert_frame_equal(again.films, model.films, check_dtype=False)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    width = sum(map(len, model.groups.values())) or None
    assert Recommender(model).knows_people == (config.demographics > 0 and people != "anonymous")
    found = {}
    for name, person in visitors(width).items():
        found[name] = stars = model.liking.predict(person)
        scores = model.scores(person)
        assert stars.shape == scores.shape == (1, N_FILMS)
        assert np.isfinite(stars).all() and np.isfinite(scores).all()
        np.testing.assert_array_equal(again.liking.predict(person), stars)
        np.testing.assert_array_equal(again.scores(person), scores)
        if config.head == "ordered":
            p, few = (model.liking.distribution(person, f) for f in (ALL, np.array([7, 0])))
            np.testing.assert_allclose(few, p[:, [7, 0]], atol=1e-5)
            assert p.shape == (1, N_FILMS, scale.n_levels) and (p >= 0).all()
            np.testing.assert_allclose(p.sum(-1), 1, atol=1e-5)
            np.testing.assert_allclose(p @ np.linspace(1, 5, scale.n_levels), stars, atol=1e-4)
    told = np.abs(found["new"] - found["new, nothing told"]).max() > 1e-6
    assert told == Recommender(model).knows_people
    seen = np.abs(found["nobody"] - found["only films seen"]).max() > 1e-6
    assert seen == (config.rows == "films"), "a fingerprint tells, stars of a network do not"
