"""Files written whole or not at all, and read as they were written or not at all."""

from __future__ import annotations

import os

import numpy as np
import pytest

from saelib.errors import CheckpointError
from saelib.network.storage import read_tensors, write_tensors


def test_what_a_killed_writer_left_is_cleared_and_what_another_one_writes_is_not(tmp_path):
    old, new = tmp_path / ".saelib-1.part", tmp_path / ".saelib-2.part"
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    write_tensors(tmp_path / "model.safetensors", {"a": np.ones(2)}, {})
    assert {p.name for p in tmp_path.iterdir()} == {".saelib-2.part", "model.safetensors"}


@pytest.mark.parametrize("kind", ["a weight", "a text", "the name of an array"])
def test_a_file_that_is_not_as_it_was_written_is_refused(kind, tmp_path):
    path = tmp_path / "file"
    written = {"weights": np.ones((2, 3), dtype=np.float32), "n": np.array(3)}
    write_tensors(path, written, {"format": "a kind", "title": "Fargo"})
    read, metadata = read_tensors(path, "a kind")
    assert {name: array.tolist() for name, array in read.items()} == {
        "weights": [[1, 1, 1], [1, 1, 1]],
        "n": 3,
    }
    assert metadata == {"format": "a kind", "title": "Fargo"}
    content = path.read_bytes()
    path.write_bytes(
        {
            "a weight": content[:-1] + bytes([content[-1] ^ 1]),
            "a text": content.replace(b"Fargo", b"Cargo"),
            "the name of an array": content.replace(b"weights", b"heights"),
        }[kind]
    )
    with pytest.raises(CheckpointError, match="damaged: it is not as it was written"):
        read_tensors(path, "a kind")
