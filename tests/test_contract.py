"""What every model of stars keeps to, whatever its rows, its head, the scale and what it is told.

A new member of the family, or a new setting, is one more line in KINDS.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.sparse import csr_array

from saelib.data.matrix import RatingMatrix, split_ratings
from saelib.data.people import People, mask
from saelib.data.scale import HALF_STARS, WHOLE_STARS, Scale
from saelib.errors import SaelibError
from saelib.model.bundle import Bundle
from saelib.model.learn import fit_networks, train
from saelib.model.liking import BY_ROWS, Liking
from saelib.model.seeing import fit_seeing, see
from saelib.model.star_model import StarModel
from saelib.network import config as settings_of
from saelib.network.config import NetworkConfig, Recipe
from saelib.network.recipes import RECIPES
from saelib.network.storage import read_tensors, write_tensors

N_ITEMS = 40
SMALL = NetworkConfig(hidden=(9, 6), n_batches=8, epochs=2, rank=5, facts=0.5)
KINDS = {
    "people, squared": replace(SMALL, head="squared"),
    "people, ordered": replace(SMALL, head="ordered"),
    "people, multinomial": replace(SMALL, head="multinomial", inputs="mask"),
    "films, ordered": replace(SMALL, head="ordered", rows="films"),
    "films, ordered, no mask": replace(SMALL, head="ordered", rows="films", inputs="residuals"),
    "people, sparse": replace(
        SMALL, head="ordered", member="sparse", activation="sigmoid", penalty=0.1
    ),
    "people, k-sparse": replace(SMALL, head="ordered", member="k-sparse", k=3),
    "people, contractive": replace(
        SMALL, head="ordered", member="contractive", hidden=(6,), penalty=0.1
    ),
    "people, variational": replace(SMALL, head="ordered", member="variational", penalty=0.5),
    "films, variational": replace(
        SMALL, head="ordered", member="variational", penalty=0.5, rows="films"
    ),
    "people, layer by layer": replace(SMALL, head="ordered", layer_epochs=2, inner_rate=0.1),
}
SCALES = [WHOLE_STARS, HALF_STARS, Scale(1, 10), Scale(0, 10)]
# What is known of people: told to the network, known but not told, not known at all.
ABOUT = ["told", "not told", "unknown"]
CASES = [
    pytest.param(*case, id="-".join(map(str, case)).replace(" in steps of ", " by "))
    for case in product(KINDS, SCALES, ["raters", "no raters"], ABOUT)
]


def on(scale: Scale, data, about: str):
    """The same tastes on another scale, every level of which is given."""
    stars = data.ratings["rating"].to_numpy()
    rng = np.random.default_rng(0)
    share = ((stars - 1 + rng.uniform(0, 0.999, len(stars))) / 5).clip(0, 1)
    given = scale.levels[(share * scale.n_levels).astype(int)]
    ratings = data.ratings.assign(rating=given.astype(np.float32))
    users = None if about == "unknown" else data.users
    return replace(data, ratings=ratings, scale=scale, users=users)


def config_of(kind: str, raters: str, about: str) -> NetworkConfig:
    return replace(
        KINDS[kind],
        raters=1.0 * (raters == "raters"),
        demographics=0.5 * (about != "not told"),
    )


def row(values: dict[int, float]) -> csr_array:
    dense = np.zeros((1, N_ITEMS), dtype=np.float32)
    for item, value in values.items():
        dense[0, item] = value
    return csr_array(dense)


def visitors(scale: Scale, width: int) -> dict[str, People]:
    """Who may come: each as one row. scale: as stored."""
    few = row({3: scale.lowest, 17: scale.highest, 30: scale.levels[1]})
    nothing, seen = row({}), row({3: 1, 8: 1, 39: 1})
    told = np.zeros((1, width), dtype=np.float32)
    told[0, [0, 4]] = 1
    return {
        "new": People.who_rated(few, told),
        "new, nothing told": People.who_rated(few),
        "new, all groups left out": People.who_rated(few, 0 * told),
        "rated and seen": People(few, mask(csr_array(few + seen)), told),
        "all rated alike": People.who_rated(row(dict.fromkeys(range(N_ITEMS), scale.highest))),
        "nobody": People.who_rated(nothing),
        "only who they are": People.who_rated(nothing, told),
        "only films seen": People(nothing, seen),
    }


def check_model(model: StarModel | Liking, people: People, scale: Scale) -> None:
    """What holds for any people. scale: as stored."""
    n = len(people)
    stars = model.predict(people)
    assert stars.shape == (n, N_ITEMS) and np.isfinite(stars).all()
    codes = model.codes(people)
    assert codes.ndim == 2 and len(codes) == n and np.isfinite(codes).all()
    distribution = model.distribution(people)
    assert (distribution is not None) == model.is_ordered
    if distribution is not None:
        assert distribution.shape == (n, N_ITEMS, scale.n_levels)
        assert distribution.min() >= 0
        np.testing.assert_allclose(distribution.sum(axis=-1), 1, atol=1e-5)
        np.testing.assert_allclose(distribution @ scale.levels, stars, atol=1e-4)
        some = model.distribution(people, [7, 0])
        np.testing.assert_allclose(some, distribution[:, [7, 0]], atol=1e-5)


def check_posterior(model: StarModel | Liking, person: People, scale: Scale) -> np.ndarray | None:
    """None, or of shapes that fit; returns the variances of the scores."""
    posterior = model.posterior(person)
    if posterior is None:
        return None
    codes, covariance = posterior.film_codes, posterior.covariance
    assert posterior.scores.shape == posterior.sharpness.shape == (N_ITEMS,)
    assert codes.shape == (N_ITEMS, len(covariance))
    np.testing.assert_allclose(covariance, covariance.T, atol=1e-9)
    values = np.linalg.eigvalsh(covariance)
    assert values.min() > 0 and values.max() < 1 + 1e-6, "no wider than the prior"
    assert (posterior.sharpness > 0).all()
    # The most probable scores are those by which the stars are predicted.
    order = np.argsort(posterior.scores)
    assert (np.diff(model.predict(person)[0, order]) > -1e-5).all()
    return np.einsum("ij,jk,ik->i", codes, covariance, codes)


def assert_same(one, other, person: People) -> None:
    """Two models, to the last bit."""
    np.testing.assert_array_equal(one.predict(person), other.predict(person))
    np.testing.assert_array_equal(one.codes(person), other.codes(person))
    if one.is_ordered:
        np.testing.assert_array_equal(one.distribution(person), other.distribution(person))
    before, after = one.posterior(person), other.posterior(person)
    assert (before is None) == (after is None)
    if before is not None:
        for name, value in vars(before).items():
            np.testing.assert_array_equal(getattr(after, name), value, err_msg=name)


@pytest.mark.parametrize(("kind", "scale", "raters", "about"), CASES)
def test_every_network_answers_what_every_other_does(data, kind, scale, raters, about, tmp_path):
    config = config_of(kind, raters, about)
    matrix = RatingMatrix.from_dataset(on(scale, data, about))
    stored = scale.stored
    assert matrix.scale == stored and matrix.csr.nnz == len(data.ratings)
    liking, [history] = fit_networks(Recipe((config,)), matrix, progress=False)
    assert np.isfinite(history.train_loss).all() and len(history.train_loss) == 2
    [model] = liking.models
    assert model.is_ordered == (config.head == "ordered")
    assert model.uses_demographics == (about == "told")

    arrays, settings = model.to_arrays()
    write_tensors(tmp_path / "model", arrays, {"format": "test", "settings": json.dumps(settings)})
    tensors, metadata = read_tensors(tmp_path / "model", "test")
    again = BY_ROWS[config.rows].from_arrays(tensors, json.loads(metadata["settings"]))
    assert (again.is_ordered, again.uses_demographics) == (
        model.is_ordered,
        model.uses_demographics,
    )

    check_model(model, matrix.people, stored)
    assert_same(model, again, matrix.people[:1])
    variances = {}
    for name, person in visitors(stored, matrix.demographics.width).items():
        check_model(model, person, stored)
        variances[name] = check_posterior(model, person, stored)
        assert_same(model, again, person)
    assert (variances["new"] is not None) == (config.rows == "films")
    if config.rows == "films":
        assert (variances["new"] < variances["nobody"]).all(), "who has told more is known better"
        assert (variances["all rated alike"] < variances["new"]).mean() > 0.9

    # All groups of demographics left out are as good as no demographics at all.
    new = visitors(stored, matrix.demographics.width)
    np.testing.assert_allclose(
        model.predict(new["new, nothing told"]),
        model.predict(new["new, all groups left out"]),
        atol=1e-6,
    )
    differs = np.abs(model.predict(new["new"]) - model.predict(new["new, nothing told"])).max()
    assert (differs > 1e-6) == model.uses_demographics


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "multinomial" not in kind])
@pytest.mark.parametrize("scale", SCALES, ids=str)
@pytest.mark.parametrize("about", ABOUT)
def test_a_bundle_of_any_network_is_saved_whole(data, kind, scale, about, tmp_path, monkeypatch):
    monkeypatch.setitem(RECIPES, "mine", Recipe((config_of(kind, "raters", about),)))
    bundle = train(on(scale, data, about), "mine", progress=False)
    assert (bundle.offered is None) == (about == "unknown")
    bundle.save(tmp_path / "model.safetensors")
    again = Bundle.load(tmp_path / "model.safetensors")
    assert (again.scale, again.offered, again.recipe) == (scale, bundle.offered, "mine")
    assert np.isfinite(bundle.held_out_rmse) and again.held_out_rmse == bundle.held_out_rmse
    assert (again.order is None) == (bundle.order is None) == (not bundle.liking.is_ordered)
    for person in visitors(scale.stored, bundle.demographics.width).values():
        check_model(again.liking, person, scale.stored)
        assert_same(bundle.liking, again.liking, person)
        place = bundle.taste.place(bundle.liking, person)
        assert np.isfinite(place).all() and again.taste.place(again.liking, person) == place
        if bundle.order is not None:
            found = again.order.scores(person)
            assert found.shape == (1, N_ITEMS) and (found > 0).all() and np.isfinite(found).all()
            np.testing.assert_array_equal(found, bundle.order.scores(person))


def test_two_networks_of_different_rows_are_one_model(data):
    """What holds for each model of stars holds for the average of several."""
    networks = tuple(config_of(kind, "raters", "told") for kind in KINDS if "ordered" in kind)
    matrix = RatingMatrix.from_dataset(data)
    liking, _ = fit_networks(Recipe(networks), matrix, progress=False)
    assert len(liking.models) == 3
    for person in visitors(WHOLE_STARS, matrix.demographics.width).values():
        check_model(liking, person, WHOLE_STARS)
        assert liking.posterior(person) is not None


@pytest.mark.parametrize("recipe", [name for name in RECIPES if RECIPES[name].networks])
def test_every_shipped_recipe_keeps_the_contract(data, recipe):
    matrix = RatingMatrix.from_dataset(data)
    liking, _ = fit_networks(RECIPES[recipe].with_epochs(1), matrix, progress=False)
    check_model(liking, matrix.people, WHOLE_STARS)
    for person in visitors(WHOLE_STARS, matrix.demographics.width).values():
        check_model(liking, person, WHOLE_STARS)


@pytest.mark.parametrize("recipe", [name for name in RECIPES if not RECIPES[name].networks])
@pytest.mark.parametrize("about", ABOUT)
def test_what_only_says_which_films_are_seen_answers_for_anybody(data, recipe, about):
    matrix = RatingMatrix.from_dataset(on(WHOLE_STARS, data, about))
    chosen = RECIPES[recipe].with_epochs(2)
    linear = fit_seeing(matrix, chosen, seed=3)
    again = type(linear).from_arrays(*linear.to_arrays())
    other = fit_seeing(matrix, chosen, seed=4)
    same = np.array_equal(see(linear, matrix.people), see(other, matrix.people))
    assert same == (chosen.seeing == "ease"), "a closed form needs no seed"
    for person in visitors(WHOLE_STARS, matrix.demographics.width).values():
        found = see(linear, person)
        assert found.shape == (1, N_ITEMS) and np.isfinite(found).all()
        np.testing.assert_array_equal(found, see(again, person))
        np.testing.assert_allclose(see(linear, person, [7, 0]), found[:, [7, 0]], atol=1e-5)


def test_a_list_may_go_by_elsa(data, tmp_path, monkeypatch):
    config = replace(KINDS["films, ordered"], epochs=1)
    monkeypatch.setitem(RECIPES, "mine", Recipe((config,), seeing="elsa", elsa_width=7))
    bundle = train(data, "mine", seed=2, progress=False)
    bundle.save(tmp_path / "model.safetensors")
    again = Bundle.load(tmp_path / "model.safetensors")
    training, _ = split_ratings(len(data.ratings), 2)
    known = RatingMatrix.from_dataset(data, data.ratings.iloc[training])
    alone = fit_seeing(known, RECIPES["mine"], seed=2)
    np.testing.assert_array_equal(again.order.linear.vectors, alone.vectors)
    assert again.order.linear.vectors.shape == (N_ITEMS + 1 + bundle.demographics.width, 7)
    for person in visitors(WHOLE_STARS, bundle.demographics.width).values():
        np.testing.assert_array_equal(again.order.scores(person), bundle.order.scores(person))


# -- What does not go together is refused when the recipe is made -------------------------------


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("member", tuple(settings_of.MEMBERS)),
        ("rows", ("people", "films")),
        ("inputs", ("stars", "residuals", "residuals+mask", "mask")),
        ("activation", ("relu", "tanh", "sigmoid", "linear")),
        ("head", ("squared", "ordered", "multinomial")),
    ],
)
@pytest.mark.parametrize("wrong", ["", "typo", "People", "choice"])
def test_a_typing_error_is_told_with_the_valid_names(setting, names, wrong):
    with pytest.raises(SaelibError) as error:
        NetworkConfig(**{setting: wrong})
    assert setting in str(error.value) and repr(wrong) in str(error.value)
    assert str(error.value).endswith(f"expected one of {', '.join(names)}.")
    with pytest.raises(SaelibError):  # nor can a recipe be bent into it
        replace(RECIPES["default"].networks[0], **{setting: wrong})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rows": "films", "head": "squared"}, "expected head 'ordered'.*got 'squared'"),
        ({"rows": "films", "head": "multinomial", "inputs": "mask"}, "head 'ordered'.*'mask'"),
        ({"rows": "films", "head": "ordered", "inputs": "stars"}, "with residuals.*'stars'"),
        ({"rows": "films"}, "expected head 'ordered'"),
        ({"head": "multinomial"}, "goes with the inputs 'mask'.*'residuals\\+mask'"),
        ({"inputs": "mask"}, "goes with the inputs 'mask'.*'squared'"),
        ({"hidden": ()}, "number of hidden"),
        ({"hidden": (0,)}, "number of hidden"),
        ({"hidden": (8.5,)}, "number of hidden"),
        ({"epochs": 0}, "number of epochs"),
        ({"rank": 0}, "number of rank"),
        ({"n_batches": -1}, "number of n_batches"),
        ({"weight_decay": -1}, "weight_decay is -1; expected a number of at least 0"),
        ({"raters": float("nan")}, "raters is nan"),
        ({"learning_rate": 0}, "learning_rate is 0; expected a number above 0"),
        ({"doubt": 0}, "doubt is 0"),
        ({"spread": float("inf")}, "spread is inf"),
        ({"dropout": 1}, "dropout.*below 1"),
        ({"input_dropout": (0.5, 0.2)}, r"input_dropout \(0.5, 0.2\) is not \(low, high\)"),
        ({"input_dropout": (0.5,)}, r"is not \(low, high\)"),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_training(settings, message):
    with pytest.raises(SaelibError, match=message):
        NetworkConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ridge": 0}, "ridge is 0; expected a number above 0"),
        ({"ease_dropout": 1}, "ease_dropout is 1; expected a number of at least 0 and below 1"),
        ({"tempering": -0.5}, "tempering is -0.5"),
        ({"liking_weight": -1}, "liking_weight is -1; expected a number of at least 0"),
    ],
)
def test_settings_of_the_list_are_checked_too(settings, message):
    with pytest.raises(SaelibError, match=message):
        replace(RECIPES["default"], **settings)
