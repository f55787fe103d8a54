"""What tries the answers to exercises notices answers that are treated wrongly."""

from pathlib import Path

import pytest
from nbval.plugin import IPyNbFile
from self_checks import Once, accepts, refuses

import saelib

SOLUTIONS = Path(__file__).resolve().parent.parent / "notebooks" / "solutions"
CHECK = "assert answer == 42, 'not the answer'"


@pytest.fixture(autouse=True)
def train(monkeypatch):
    """In place of a training; the true one is put back."""
    monkeypatch.setattr(saelib, "train", lambda seed: [seed])


def test_a_right_answer_that_is_refused_is_noticed():
    accepts({}, CHECK, ["answer = 42"])
    with pytest.raises(AssertionError, match=r"not the answer.* is said against\nanswer = 41"):
        accepts({}, CHECK, ["answer = 42", "answer = 41"])


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (CHECK, "answer = 42"),
        ("assert answer == 42", "answer = 41"),  # not a word
        (CHECK, "mistyped = 41"),  # NameError, not the self-check's own word
    ],
)
def test_a_wrong_answer_that_is_not_refused_in_words_is_noticed(check, answer):
    refuses({}, CHECK, ["answer = 41"])
    refuses({}, CHECK, [""], empty=True)
    with pytest.raises(AssertionError, match="is said against"):
        refuses({}, check, [answer])
    with pytest.raises(NameError):
        refuses({}, check, ["answer = unknown"])


def test_a_training_is_remembered_while_answers_are_tried_and_at_no_other_time():
    names = {"learn": lambda n, start=0: [n + start]}
    names["first"] = names["learn"](1)
    refuses(names, "assert learn(1) is not learn(1), 'the same'", [""])
    accepts(names, "assert learn(1) is not learn(2) and learn(1) is not learn(1, start=0)", [""])
    accepts({"saelib": saelib}, "assert saelib.train(0) is saelib.train(0)", [""])
    assert isinstance(names["learn"], Once) and names["learn"](1) is not names["learn"](1)


def test_the_answers_are_tried_between_the_cells_of_a_solution(request):
    path = next(SOLUTIONS.glob("00_*.ipynb"))
    names = [item.name for item in IPyNbFile.from_parent(request.session, path=path).collect()]
    tried = [name for name in names if not name.startswith("Cell ")]
    kinds = ("Empty answer", "Right answers", "Wrong answers")
    assert tried == [f"{kind} {n}" for n in (1, 2, 3, 4) for kind in kinds]
