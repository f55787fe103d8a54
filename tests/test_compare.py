"""Gains and differences are those of the same seed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from saelib import compare
from saelib.compare import family, ladder, paired
from saelib.errors import SaelibError
from saelib.evaluation import bias, ease, evaluate_ranking, evaluate_ratings, global_mean, item_mean
from saelib.network.recipes import BARE, CHOOSING, FAMILY, LADDER, RECIPES


def test_a_gain_on_the_ladder_is_that_of_the_same_seed(data, monkeypatch):
    monkeypatch.setattr(compare, "LADDER", {"plain": ("worse", {}), "mask": ("better", {})})
    learners = {"plain": global_mean, "mask": item_mean}
    monkeypatch.setattr(compare, "autoencoder", lambda name, progress: learners[name])
    rows = list(ladder(data, (3, 5)))
    assert [row["seed"] for row in rows] == [3, 5] * 3
    models = ["bias", "sae-plain", "sae-mask"]
    assert [row["model"] for row in rows[::2]] == [row["model"] for row in rows[1::2]] == models
    for seed, of_seed in ((3, rows[::2]), (5, rows[1::2])):
        climbed = {"bias": bias, "sae-plain": global_mean, "sae-mask": item_mean}
        errors = evaluate_ratings(data, climbed, seed)["rmse"]
        assert [row["rmse"] for row in of_seed] == errors.tolist()
        np.testing.assert_allclose([row["gain"] for row in of_seed], -errors.diff())


def test_each_rung_changes_one_thing():
    for before, name in pairwise(LADDER):
        [old], [new] = RECIPES[before].networks, RECIPES[name].networks
        changed = [field for field, value in vars(new).items() if value != vars(old)[field]]
        assert changed == list(LADDER[name][1]) and len(changed) == 1, name
    rungs = list(LADDER)
    assert (rungs[0], rungs[-1]) == ("plain", "default")


def test_each_member_of_the_family_differs_from_bare_by_what_is_said():
    for name, (_, change) in FAMILY.items():
        [config] = RECIPES[name].networks
        changed = {field for field, value in vars(config).items() if value != vars(BARE)[field]}
        assert changed == set(change), name
    assert not any(RECIPES[name].predicts_stars for name in CHOOSING)
    assert all(RECIPES[name].predicts_stars for name in FAMILY)


LEARNERS = {"weight-decay": item_mean, "sparse": global_mean, "plain": bias}


def test_the_family_is_compared_with_weight_decay_on_the_same_seed(data, monkeypatch):
    monkeypatch.setattr(compare, "autoencoder", lambda name, progress: LEARNERS[name])
    table = pd.DataFrame(family(data, seeds=(3, 5), recipes=LEARNERS))
    assert set(table) == {"dataset", "protocol", "seed", "model", "idea", "seconds", *RMSE}
    assert table["model"].tolist() == [f"sae-{name}" for name in LEARNERS for _ in range(2)]
    assert table.set_index("model").loc["sae-sparse", "idea"].unique() == [FAMILY["sparse"][0]]
    found = paired(table, "rmse")
    assert list(found.index) == [f"sae-{name}" for name in LEARNERS]
    named = {f"sae-{name}": learn for name, learn in LEARNERS.items()}
    errors = [evaluate_ratings(data, named, seed).set_index("model")["rmse"] for seed in (3, 5)]
    wide = pd.DataFrame(errors)
    np.testing.assert_allclose(found["mean"], wide.mean())
    difference = wide["sae-sparse"].to_numpy() - wide["sae-weight-decay"].to_numpy()
    assert found.loc["sae-sparse", "difference"] == pytest.approx(difference.mean())
    error = np.abs(difference[0] - difference[1]) / 2  # of the mean of two
    assert found.loc["sae-sparse", "error"] == pytest.approx(error)
    assert found.loc["sae-weight-decay", ["difference", "error"]].tolist() == [0, 0]
    assert (found["seconds"] > 0).all()
    one = paired(table[table["seed"] == 3], "rmse")
    assert one["error"].isna().all() and one["difference"].notna().all()


RMSE = ["rmse", "rmse_seen"]


def test_the_order_of_films_is_asked_of_all_that_say_which_are_seen(data):
    """Both find more than the mean does, and about what EASE finds."""
    rows = list(family(data, "ranking", recipes=["edlae", "elsa"]))
    assert [row["model"] for row in rows] == ["sae-edlae", "sae-elsa"]
    popular = evaluate_ranking(data, {"mean": global_mean, "ease": ease(False)}, 0)
    assert rows[0]["ndcg@10"] > popular["ndcg@10"][0]
    assert rows[0]["recall@20"] == pytest.approx(popular["recall@20"][1], abs=0.15)


def test_what_is_not_measured_by_a_protocol_is_named(data):
    for name, protocol in (("edlae", "ratings"), ("elsa", "new-users"), ("hide", "ranking")):
        with pytest.raises(SaelibError, match=f"'{name}' is not measured by {protocol}; choose"):
            next(family(data, protocol, recipes=[name]))
    with pytest.raises(SaelibError, match="--split u1 goes with --protocol ratings only"):
        next(family(data, "ranking", split=(None, "u1")))
