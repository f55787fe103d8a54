"""A training that is exact, repeatable, resumable, and ends as it should."""

import math
import os
import pickle
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import files_of_at_most, made_up

from saelib import training
from saelib.autoencoder import StackedAutoencoder, lay_out
from saelib.cli import main
from saelib.errors import SaelibError
from saelib.matrix import RatingMatrix, split
from saelib.model import Model
from saelib.recipes import RECIPES
from saelib.training import build, fit, network_loss

SMALL = replace(RECIPES["informed"], hidden=(8,), n_batches=5, epochs=6, hide=(0.1, 0.5), decay=1.0)
CONSTANT = replace(SMALL, one_cycle=False)
FILMS = replace(SMALL, rows="films", facts=0.5)
KINDS = {"one cycle": SMALL, "constant rate": CONSTANT, "films": FILMS}
each_kind = pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)


@pytest.fixture(scope="module")
def parts(data):
    """Known ratings, and others."""
    tables = (data.ratings.iloc[part] for part in split(len(data.ratings), 0))
    return [RatingMatrix.from_dataset(data, table) for table in tables]


@pytest.fixture(scope="module")
def known(parts):
    return parts[0]


def weights_of(network) -> bytes:
    return b"".join(value.numpy().tobytes() for value in network.state_dict().values())


def fitted(known, config=SMALL, seed=0, **options):
    network = build(config, known, seed)
    return network, fit(network, known, seed=seed, progress=False, **options)


@contextmanager
def ctrl_c(epoch: int):
    """Ctrl-C in the middle of an epoch, counted from 1."""
    steps, loss = count(1), StackedAutoencoder.loss

    def pressed(*of):
        if next(steps) == SMALL.n_batches * (epoch - 1) + 3:
            raise KeyboardInterrupt
        return loss(*of)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StackedAutoencoder, "loss", pressed)
        yield


@each_kind
def test_the_same_seed_gives_the_same_bits_whatever_was_drawn_before(known, config):
    first, history = fitted(known, config)
    state = torch.get_rng_state()
    second, again = fitted(known, config)
    assert torch.equal(torch.get_rng_state(), state), "the caller's numbers are left alone"
    torch.rand(3)
    np.random.rand(7)
    third, _ = fitted(known, config)
    assert (weights_of(first), history) == (weights_of(second), again)
    assert weights_of(third) == weights_of(first) != weights_of(fitted(known, config, seed=1)[0])
    assert (history.best_epoch, history.validation_loss) == (6, []), "without any, the last one"


@pytest.mark.parametrize("best", ["any", "first"])
@each_kind
def test_a_resumed_training_ends_as_an_uninterrupted_one_to_the_bit(
    parts, config, best, tmp_path, monkeypatch
):
    """Also where the best epoch was the first one, and the weights only went away from it."""
    known, others = parts
    if best == "first":
        start = build(config, known).outputs.weight
        monkeypatch.setattr(
            training, "network_loss", lambda now, *_: (now.outputs.weight - start).norm().item()
        )
    options = {"validation": others.csr, "checkpoint": tmp_path / "training"}
    whole, history = fitted(known, config, validation=others.csr)
    assert history.best_epoch == 1 or best == "any"
    with ctrl_c(4), pytest.raises(KeyboardInterrupt):
        fitted(known, config, **options)
    for _ in ("two epochs and a half are left", "nothing is left to do"):
        resumed, continued = fitted(known, config, resume=True, **options)
        assert (weights_of(resumed), continued) == (weights_of(whole), history)
    assert [path.name for path in tmp_path.iterdir()] == ["training"]


@each_kind
def test_the_epoch_with_the_lowest_error_of_validation_ratings_is_kept(parts, config):
    known, others = parts
    config = replace(config, epochs=25, learning_rate=0.03)
    network, history = fitted(known, config, validation=others.csr)
    losses = history.validation_loss
    assert len(losses) == len(history.train_loss) == 25 and min(losses) < 0.9 * losses[0]
    assert history.best_epoch == int(np.argmin(losses)) + 1 and not network.training
    ratings, features = lay_out(config, known)
    asked = others.csr if config.rows == "people" else others.csr.T.tocsr()
    assert network_loss(network, ratings, asked, features) == pytest.approx(min(losses), rel=1e-6)


def test_decay_shrinks_matrices_and_leaves_biases_alone(known):
    loose, tight = (fitted(known, replace(CONSTANT, decay=d))[0] for d in (0.0, 20.0))
    assert tight.outputs.weight.norm() < 0.7 * loose.outputs.weight.norm()
    # 30 steps shrink a weight without gradient to 0.98 ** 30 = 0.55 of itself.
    assert tight.input_bias.norm() > 0.75 * build(CONSTANT, known).input_bias.norm()


def test_the_rate_of_one_cycle_rises_for_a_tenth_of_the_steps_and_falls_to_0(known, monkeypatch):
    """Smith and Topin 2018: where the rate is highest, momentum is lowest."""
    met, step = [], torch.optim.AdamW.step

    def watched(optimizer, *of):
        met.append([optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"][0]])
        return step(optimizer, *of)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    fitted(known, CONSTANT)
    assert met == [[1e-3, 0.9]] * 30
    met.clear()
    fitted(known, replace(SMALL, n_batches=10, epochs=10))
    assert len(met) == 100 and abs(np.argmax(met, axis=0)[0] - 9) <= 1
    wanted = [[4e-5, 0.95], [1e-3, 0.85], [0, 0.95]]
    np.testing.assert_allclose([met[0], max(met), met[-1]], wanted, atol=1e-4)
    assert len(fitted(known, replace(SMALL, n_batches=10, epochs=1))[1].train_loss) == 1


def test_a_full_disk_is_one_message_and_the_last_checkpoint_stays(known, tmp_path):
    path = tmp_path / "training"
    fitted(known, checkpoint=path)
    before = path.read_bytes()
    with files_of_at_most(1000), pytest.raises(SaelibError, match="training cannot be written"):
        fitted(known, seed=1, checkpoint=path)
    assert path.read_bytes() == before


class Evil:
    def __reduce__(self):
        return os.system, ("touch executed",)


def as_many_ratings(known):
    csr = known.csr.copy()
    csr.data[0] = 5 if csr.data[0] < 5 else 4
    return replace(known, csr=csr)


@pytest.mark.parametrize(
    ("damage", "other", "message"),
    [
        (lambda path: path.unlink(), {}, "no checkpoint to go on from"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), {}, "no checkpoint to go on"),
        (lambda path: torch.save({"weights": torch.ones(3)}, path), {}, "no checkpoint to go on"),
        (lambda path: path.write_bytes(pickle.dumps(Evil(), 2)), {}, "no checkpoint to go on"),
        (None, {"seed": lambda _: 1}, "is of another training"),
        (None, {"config": lambda _: replace(SMALL, dropout=0.1)}, "is of another training"),
        (None, {"known": as_many_ratings}, "is of another training"),
    ],
    ids="missing cut foreign pickle seed config ratings".split(),
)
def test_a_checkpoint_of_nothing_or_of_another_training_is_refused_and_nothing_in_it_runs(
    known, damage, other, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "training"
    fitted(known, checkpoint=path)
    if damage:
        damage(path)
    changed = {"known": known} | {name: change(known) for name, change in other.items()}
    with pytest.raises(SaelibError, match=rf"(?s){message}.*start afresh"):
        fitted(**changed, checkpoint=path, resume=True)
    assert not (tmp_path / "executed").exists()


def test_an_error_that_is_no_number_ends_the_training(parts, monkeypatch, tmp_path):
    known, others = parts
    with pytest.raises(SaelibError, match=r"no number after epoch 1: .*Lower the learning rate"):
        fitted(known, replace(RECIPES["plain"], learning_rate=1e30, epochs=2))
    monkeypatch.setattr(training, "network_loss", lambda *_: math.nan)
    with pytest.raises(SaelibError, match="no number after epoch 1"):
        fitted(known, validation=others.csr, checkpoint=tmp_path / "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "tables", "columns"),
    [({}, 3, 40), ({"rows": "films"}, 3, 60), ({"inputs": "residuals"}, 2, 40)],
)
def test_what_does_not_fit_into_memory_is_refused(known, monkeypatch, changes, tables, columns):
    """Weights, gradients, two moments and the best epoch's weights; and 40 bytes a rating."""
    free = SimpleNamespace(available=5 * 4 * tables * columns * 8 + 40 * known.csr.nnz)
    monkeypatch.setattr(training.psutil, "virtual_memory", lambda: free)
    build(replace(SMALL, **changes), known)
    free.available -= 1
    with pytest.raises(SaelibError, match=r"0\.0 GiB of memory.* Take the recipe `large`"):
        build(replace(SMALL, **changes), known)


TRAIN = "train --ratings mine.csv --scale 1 5 --recipe bare --epochs 2 --output"


def one_of_two(rank: int, port: int) -> None:
    """A process with the variables that torchrun sets; the second ends in its second epoch."""
    torch.set_num_threads(1)  # others do not survive a fork
    of_torchrun = {"MASTER_ADDR": "localhost", "MASTER_PORT": port, "WORLD_SIZE": 2, "RANK": rank}
    os.environ |= {key: str(value) for key, value in of_torchrun.items()}
    steps, loss = count(), StackedAutoencoder.loss
    if rank == 1:
        StackedAutoencoder.loss = lambda *of: loss(*of) if next(steps) < 75 else os._exit(9)
    sys.stdout = sys.stderr = open(f"said by {rank}", "w")
    main([*TRAIN.split(), "ended.safetensors"])


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder with ratings of people enough for the batches of two processes."""
    monkeypatch.chdir(tmp_path)
    made_up(130, 40).ratings.to_csv("mine.csv", index=False)


@pytest.mark.slow
def test_two_processes_end_where_one_does(mine):
    """The recipe draws nothing, so that both ways differ by rounding alone."""
    start = "-m torch.distributed.run --standalone --nproc-per-node 2 -m saelib"
    command = [sys.executable, *start.split(), *TRAIN.split(), "two.safetensors"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("RMSE of validation ratings") == 1, "only the first one speaks"
    main([*TRAIN.split(), "one.safetensors"])
    alone, shared = (Model.load(Path(f"{name}.safetensors")) for name in ("one", "two"))
    assert shared.validation_rmse == pytest.approx(alone.validation_rmse, abs=1e-4)


@pytest.mark.slow
def test_a_process_that_ends_takes_the_other_one_along(mine, tmp_path):
    """Without torchrun, which would kill the other one, perhaps before it has said its line."""
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    new = get_context("fork").Process
    both = [new(target=one_of_two, args=(rank, port), daemon=True) for rank in (0, 1)]
    for process in both:
        process.start()
    for process in both:
        process.join(300)
    said = [Path(f"said by {rank}").read_text() for rank in (0, 1)]
    assert [process.exitcode for process in both] == [1, 9], said
    assert said[0].count("Error: Another process has ended, so this one ends, too.") == 1
    assert [path.name for path in tmp_path.glob("ended.*")] == ["ended.checkpoint"]
