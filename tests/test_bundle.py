"""The saved model: it comes back whole, and what is no such file is refused."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import fields, replace
from operator import attrgetter

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import files_of_at_most
from safetensors.torch import save_file

from saelib.data.matrix import RatingMatrix
from saelib.errors import CheckpointError
from saelib.model.bundle import Bundle
from saelib.model.fold_in import FoldIn
from saelib.network.storage import write_tensors


def test_a_saved_model_comes_back_whole(bundle, data, tmp_path):
    path = tmp_path / "folder" / "model.safetensors"
    bundle = replace(bundle, order=replace(bundle.order, liking_weight=0.3))  # not the recipe's
    bundle.save(path)
    loaded = Bundle.load(path)
    for ours, theirs in zip(loaded.liking.models, bundle.liking.models, strict=True):
        for field in fields(FoldIn):
            assert np.array_equal(getattr(ours, field.name), getattr(theirs, field.name))
    pd.testing.assert_frame_equal(loaded.films, bundle.films, check_dtype=False)
    np.testing.assert_array_equal(loaded.user_ids, bundle.user_ids)
    arrays = {"liking", "order", "taste", "films", "user_ids"}
    for key in {field.name for field in fields(Bundle)} - arrays:
        assert getattr(loaded, key) == getattr(bundle, key), key
    people = RatingMatrix.from_dataset(data).people
    for told in (people, replace(people, about=None)):
        for model in ("liking.predict", "liking.distribution", "order.scores"):
            before, after = (attrgetter(model)(one)(told) for one in (bundle, loaded))
            np.testing.assert_array_equal(before, after)
    assert [p.name for p in path.parent.iterdir()] == ["model.safetensors"]


class Evil:
    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged or not a safetensors file"),
        (b"\x80" * 1000, "damaged or not a safetensors file"),
        (pickle.dumps(Evil()), "damaged or not a safetensors file"),
    ],
)
def test_a_foreign_file_is_refused_and_nothing_in_it_runs(content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        Bundle.load(path)
    assert not (tmp_path / "executed").exists()


def test_a_truncated_model_and_others_safetensors_are_refused(bundle, tmp_path):
    path = tmp_path / "model.safetensors"
    bundle.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        Bundle.load(path)
    save_file({"a": torch.ones(2)}, path)
    with pytest.raises(CheckpointError, match=r"'saelib model 7'.*it says None"):
        Bundle.load(path)
    about = {"scale": {"lowest": 1, "highest": 5}, "models": [{"rows": "people", "layers": 2}]}
    metadata = {"format": "saelib model 7", "about": json.dumps(about)}
    write_tensors(path, {"a": np.ones(2)}, metadata)
    with pytest.raises(CheckpointError, match="does not fit this version"):
        Bundle.load(path)
    with pytest.raises(CheckpointError, match=r"nowhere\.safetensors is not there"):
        Bundle.load(tmp_path / "nowhere.safetensors")


def test_the_old_model_survives_a_full_disk(bundle, tmp_path):
    path = tmp_path / "model.safetensors"
    bundle.save(path)
    before = path.read_bytes()
    with files_of_at_most(1000), pytest.raises(CheckpointError, match="File too large"):
        bundle.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_model_that_is_no_numbers_is_not_saved(bundle, tmp_path):
    spread = bundle.films["spread"].copy()
    spread[3] = np.nan
    broken = replace(bundle, films=bundle.films.assign(spread=spread))
    with pytest.raises(CheckpointError, match=r"films\.spread holds numbers that are not finite"):
        broken.save(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())
