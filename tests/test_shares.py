"""Several processes train the network that one would have trained."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from saelib import cli
from saelib.data.matrix import RatingMatrix
from saelib.errors import SaelibError
from saelib.network import processes, shares
from saelib.network.recipes import RECIPES
from saelib.network.training import build, orient
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender

# Sums are added up in another order; over an epoch that grows to some millionths.
TOLERANCE = 1e-5
DATA = ["--ratings", "mine.csv", "--scale", "1", "5", "--epochs", "3"]
# What one of two processes does: it ends in the second epoch, as if it had been killed.
ENDS = """
import os, runpy, sys
from itertools import count
from saelib.network import autoencoder
steps, hide = count(), autoencoder.hide_inputs
def end(*arguments):
    if os.environ["RANK"] == "1" and next(steps) == 60:
        os._exit(9)
    return hide(*arguments)
autoencoder.hide_inputs = end
sys.argv = ["saelib", *sys.argv[1:]]
runpy.run_module("saelib", run_name="__main__")
"""


def train(folder: Path, output: str, *options: str, n: int = 2, start=("-m", "saelib")):
    """`train` in n processes, on ratings of one's own; what torchrun gives back."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*torchrun, "--nproc-per-node", str(n), *start, "train", *DATA]
    return subprocess.run(
        [*command, "--output", f"{output}.safetensors", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(processes.__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def folder(data, tmp_path_factory):
    """With ratings, and the model that one process makes of them."""
    folder = tmp_path_factory.mktemp("shares")
    columns = {"user_id": "user", "movie_id": "item"}
    data.ratings.rename(columns=columns).to_csv(folder / "mine.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        cli.main(["train", *DATA, "--output", "one.safetensors"])
    return folder


def assert_alike(folder: Path, output: str) -> None:
    one, other = (Recommender.load(folder / f"{name}.safetensors") for name in ("one", output))
    for ours, theirs in zip(one.bundle.histories, other.bundle.histories, strict=True):
        assert ours.best_epoch == theirs.best_epoch
        for losses in ("train_loss", "validation_loss"):
            np.testing.assert_allclose(
                getattr(ours, losses), getattr(theirs, losses), rtol=TOLERANCE
            )
    for ratings in ({"10": 5, "20": 2}, {"30": 1, "50": 4, "90": 4}, {"150": 3}):
        lists = [model.recommend(Profile(ratings)) for model in (one, other)]
        assert lists[0]["movie_id"].tolist() == lists[1]["movie_id"].tolist()
        np.testing.assert_allclose(lists[0]["stars"], lists[1]["stars"], atol=TOLERANCE)


@pytest.mark.slow
def test_two_processes_make_the_model_of_one(folder):
    """Hidden inputs and dropout included: both draw what one process would have drawn."""
    done = train(folder, "two")
    assert done.returncode == 0, done.stderr
    assert len(re.findall("Films as rows", done.stdout)) == 1, "only the first one speaks"
    assert_alike(folder, "two")
    assert not (folder / "two.checkpoint0").exists()


@pytest.mark.slow
def test_where_one_ends_the_other_says_so_and_another_number_goes_on(folder):
    (folder / "ends.py").write_text(ENDS)
    done = train(folder, "ended", start=("ends.py",))
    assert done.returncode != 0
    assert "Error: Another process of this training has ended" in done.stderr
    assert (folder / "ended.checkpoint0").exists()
    assert not (folder / "ended.safetensors").exists()
    done = train(folder, "ended", "--resume", n=1)
    assert done.returncode == 0, done.stderr
    assert_alike(folder, "ended")


def shared(config, data, monkeypatch):
    monkeypatch.setattr(shares, "size", lambda: 4)
    monkeypatch.setattr(shares, "rank", lambda: 1)
    oriented = orient(config, RatingMatrix.from_dataset(data))
    network = build(oriented, 0)
    return network, shares.share_of(network)


def test_each_process_has_its_units_and_all_else(data, monkeypatch):
    config = replace(RECIPES["informed"].networks[0], hidden=(10,))
    network, part = shared(config, data, monkeypatch)
    assert part.units == slice(2, 5), "of ten units, four processes have 2, 3, 2 and 3"
    whole, own = network.state_dict(), part.state_dict()
    for name, weight in whole.items():
        dimension = shares.UNITS.get(name)
        expected = weight
        if dimension is not None:
            expected = weight.index_select(dimension, weight.new_tensor([2, 3, 4]).long())
        assert own[name].equal(expected), name
    wide = {name for name, weight in whole.items() if 10 in weight.shape}
    assert wide == set(shares.UNITS), "every weight that has the units among its dimensions"


@pytest.mark.parametrize(
    ("recipe", "changes", "reason"),
    [
        ("plain", {}, r"one hidden layer.* among 4 processes; got hidden \(128, 64\)"),
        ("k-sparse", {}, "whose units do not compete.* of the member 'k-sparse'"),
        ("informed", {"hidden": (3,)}, "4 processes cannot share 3 hidden units"),
    ],
)
def test_networks_that_cannot_be_shared_are_refused(data, monkeypatch, recipe, changes, reason):
    config = replace(RECIPES[recipe].networks[0], **changes)
    with pytest.raises(SaelibError, match=reason):
        shared(config, data, monkeypatch)


def test_processes_that_do_not_meet_are_told_what_to_try(monkeypatch):
    def alone(*arguments, **settings):
        raise RuntimeError("[../gloo/transport/tcp/pair.cc:144] no error\nand a trace")

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(processes.dist, "init_process_group", alone)
    with pytest.raises(SaelibError, match=r"pair.cc:144\] no error\).*GLOO_SOCKET_IFNAME=lo"):
        processes.start(processes.torch.device("cpu"))
