"""A damaged file: what was written comes back, or an error of ours says what is wrong."""

from __future__ import annotations

import json
from copy import deepcopy

import numpy as np
import pytest
from conftest import EXAMPLES, fuzz, made_up
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saelib.errors import CheckpointError, ProfileError
from saelib.model.bundle import FORMAT
from saelib.model.learn import train
from saelib.network.storage import read_tensors, write_tensors
from saelib.recommend.profile import Profile
from saelib.recommend.questions import films_to_ask
from saelib.recommend.recommender import Recommender

TOLD = Profile({"10": 5, "30": 1}, gender="F")
PLACE = st.floats(0, 1, exclude_max=True)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The file of a very small model, as it was written."""
    path = tmp_path_factory.mktemp("saved") / "whole.safetensors"
    train(made_up(12, 8), epochs=1, progress=False).save(path)
    return path


def damaged(content: bytes, kind: str, start: float, length: float, bit: int) -> bytes:
    """Cut behind a place, flip a bit, or double, delete or empty a stretch of bytes."""
    first = int(start * len(content))
    last = first + 1 + int(length * (len(content) - first))
    part = content[first:last]
    if kind == "flip":
        return content[:first] + bytes([content[first] ^ 1 << bit]) + content[first + 1 :]
    instead = {"cut": b"", "delete": b"", "double": 2 * part, "empty": bytes(len(part))}[kind]
    return content[:first] + instead + (b"" if kind == "cut" else content[last:])


DAMAGES = st.tuples(
    st.sampled_from(["flip", "cut", "double", "delete", "empty"]), PLACE, PLACE, st.integers(0, 7)
)


@fuzz
@given(st.lists(DAMAGES, min_size=1, max_size=2), st.booleans())
def test_a_damaged_model_recommends_the_same_or_is_refused(saved, damages, in_header):
    content, path = saved.read_bytes(), saved.with_name("damaged.safetensors")
    end = 8 + int.from_bytes(content[:8], "little") if in_header else len(content)
    damaged_part = content[:end]
    for damage in damages:
        damaged_part = damaged(damaged_part or b"-", *damage)
    path.write_bytes(damaged_part + content[end:])
    try:
        films = Recommender.load(path).recommend(TOLD)
    except CheckpointError:
        return
    assert films.equals(Recommender.load(saved).recommend(TOLD))


def places(value, path=()):
    """The paths to all that stands in lists and dictionaries."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in items:
        yield (*path, key)
        if isinstance(part, (dict, list)):
            yield from places(part, (*path, key))


NONSENSE = st.sampled_from([None, -1, 0, 10**9, "", "pirate", [], {}, [1, 2], 0.5, True])
CHANGES = st.tuples(
    st.sampled_from(["short", "double", "delete", "flat", "deep", "int", "text"]), PLACE, NONSENSE
)


@pytest.mark.fuzz
@settings(
    max_examples=EXAMPLES // 5,  # each writes and reads a whole model
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(CHANGES, min_size=1, max_size=2))
def test_a_model_of_another_shape_is_refused_or_recommends(saved, changes):
    """Its digest is right: another program has written it."""
    arrays, metadata = read_tensors(saved, FORMAT)
    about = json.loads(metadata["about"])
    for kind, place, value in changes:
        name = sorted(arrays)[int(place * len(arrays))]
        array = arrays[name]
        if kind == "delete":
            del arrays[name]
        elif kind == "text":
            everywhere = list(places(about))
            *path_to, last = everywhere[int(place * len(everywhere))]
            inside = about
            for key in path_to:
                inside = inside[key]
            inside[last] = deepcopy(value)
        else:
            arrays[name] = {
                "short": array[:-1] if array.ndim else array,
                "double": np.concatenate([array, array]) if array.ndim else array,
                "flat": array.reshape(-1),
                "deep": array[None],
                "int": array.astype(np.int64),
            }[kind]
    path = saved.with_name("another.safetensors")
    write_tensors(path, arrays, {"format": FORMAT, "about": json.dumps(about)})
    try:
        recommender = Recommender.load(path)
    except CheckpointError:
        return
    try:
        films = recommender.recommend(TOLD)
    except ProfileError:
        return
    assert films["stars"].between(recommender.scale.lowest, recommender.scale.highest).all()
    recommender.why(TOLD, films["movie_id"])
    films_to_ask(recommender)
