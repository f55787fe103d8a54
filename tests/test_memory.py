"""What a training takes is said before it starts."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from saelib.data.matrix import RatingMatrix
from saelib.errors import SaelibError
from saelib.model.learn import train
from saelib.network import memory
from saelib.network.config import NetworkConfig
from saelib.network.memory import check_memory, training_bytes
from saelib.network.recipes import RECIPES


def test_the_estimate_counts_the_vectors_of_the_columns():
    """By hand: two inputs and the decoder, four copies, a gradient of one, and the ratings."""
    config = NetworkConfig(hidden=(500,), inputs="residuals+mask")
    assert training_bytes(config, 87_585, 200_948, 32_000_204) == (
        (3 * 4 + 1) * 4 * 500 * 200_948 + 40 * 32_000_204
    )
    stars = replace(config, inputs="stars")
    assert training_bytes(stars, 10, 100, 0) == (2 * 4 + 1) * 4 * 500 * 100


def test_of_several_processes_the_first_one_holds_the_whole_once_more(monkeypatch):
    """While it writes a checkpoint: half of all copies and of the gradient, and four whole."""
    monkeypatch.setattr(memory, "size", lambda: 2)
    config = NetworkConfig(hidden=(500,), inputs="stars")
    assert training_bytes(config, 10, 100, 0) == (2 * 4 + 1) * 4 * 500 * 50 + 2 * 4 * 4 * 500 * 100


def test_a_training_that_does_not_fit_is_refused_with_what_would(data, monkeypatch, tmp_path):
    matrix, default = RatingMatrix.from_dataset(data), RECIPES["default"].networks[0]
    needed = training_bytes(default, 40, 60, matrix.csr.nnz)
    fixed = training_bytes(default, 40, 0, matrix.csr.nnz)

    def with_free(free: float) -> None:
        free_memory = SimpleNamespace(available=int(free))
        monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: free_memory)

    with_free(needed)
    check_memory(default, matrix)
    with_free(fixed + (needed - fixed) / 4 + 1)
    with pytest.raises(SaelibError, match=r"1000 hidden units on 40 films .* layer of 250 would"):
        check_memory(default, matrix)
    with_free(0)
    with pytest.raises(SaelibError, match="None would fit here"):
        train(data, "default", progress=False, checkpoint=tmp_path / "x")
    assert not list(tmp_path.iterdir())
