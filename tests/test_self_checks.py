"""The self-checks of the exercises: they refuse what is wrong, and accept what is right."""

import ast
import re
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest

import saelib

SOLUTIONS = Path(__file__).resolve().parent.parent / "notebooks" / "solutions"
ANSWERS = tomllib.loads((Path(__file__).parent / "answers.toml").read_text(encoding="utf-8"))


def exercises(number: str) -> list[tuple[list[str], list[str], str]]:
    """Of each exercise the code of the solution, its starters, and its self-check."""
    [path] = SOLUTIONS.glob(f"{number}_*.ipynb")
    found: list[tuple[list[str], list[str], str]] = [([], [], "")]  # first: the set-up
    for cell in nbformat.read(path, as_version=4).cells:
        if re.match("## Exercise", cell.source):
            found.append(([], [], ""))
        answers, starters, _ = found[-1]
        if cell.source.startswith("# Self-check: "):
            found[-1] = answers, starters, cell.source
        elif cell.cell_type == "code":
            given = "solution" not in cell.metadata.get("tags", [])
            answers.append(cell.source)
            starters.append(cell.source if given else cell.metadata.get("starter", ""))
    return found


def refusal(check: str, names: dict) -> str:
    """What a self-check says against what the names stand for; empty if it is content."""
    try:
        exec(check, names)
    except Exception as error:
        return str(error) or "no word"
    return ""


def once(train):
    """`saelib.train`, which does not repeat a training of the same data, recipe and options."""
    trained = {}

    def remembers(data, *recipe, **options):
        key = id(data), recipe, *sorted(options.items())
        if key not in trained:
            trained[key] = train(data, *recipe, **options)
        return trained[key]

    return remembers


def test_every_exercise_has_a_check_that_says_why_it_refuses_and_answers_to_try():
    assert [path.name[:2] for path in sorted(SOLUTIONS.glob("*.ipynb"))] == sorted(ANSWERS)
    for number, tried in ANSWERS.items():
        _, *asked = exercises(number)
        assert list(tried) == [str(n) for n in range(1, len(asked) + 1)], number
        for (*_, check), (n, answers) in zip(asked, tried.items(), strict=True):
            asserts = [node for node in ast.walk(ast.parse(check)) if isinstance(node, ast.Assert)]
            assert asserts and all(node.msg for node in asserts), (number, n)
            for kind, least in {"wrong": 2, "invented": 1, "right": 3}.items():
                assert len(answers[kind]) >= least, (number, n, kind)


@pytest.mark.slow
@pytest.mark.parametrize("number", ANSWERS)
def test_a_self_check_refuses_what_is_wrong_and_accepts_what_is_right(number, monkeypatch):
    monkeypatch.setattr(plt, "show", plt.close)
    monkeypatch.chdir(SOLUTIONS)
    monkeypatch.setattr(saelib, "train", once(saelib.train))
    (setup, _, _), *asked = exercises(number)
    names: dict = {"__name__": "__main__"}
    exec("\n".join(setup), names)
    for n, (solution, starters, check) in enumerate(asked, start=1):
        tried, before = ANSWERS[number][str(n)], dict(names)
        exec("\n".join(solution), names)
        for answer in ["", *tried["right"]]:
            exec(answer, known := dict(names))
            said = refusal(check, known)
            assert not said, f"{number}.{n}: {said!r} is said against what is right\n{answer}"
        wrong = [(before, "\n".join(starters))]
        wrong += [(dict(names), answer) for answer in tried["wrong"] + tried["invented"]]
        for known, answer in wrong:
            exec(answer, known)
            assert refusal(check, known), f"{number}.{n}: the check accepts\n{answer}"
