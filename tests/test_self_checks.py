"""The self-checks of the exercises: the solution passes, what a reader may get wrong does not."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest
from answers import RIGHT, WRONG

SOLUTIONS = Path(__file__).resolve().parent.parent / "notebooks" / "solutions"


def exercises(number: str) -> list[tuple[list[str], list[str], str | None]]:
    """Of each exercise the code of the solution, its starters, and its self-check."""
    [path] = SOLUTIONS.glob(f"{number}_*.ipynb")
    found: list[tuple[list[str], list[str], str | None]] = [([], [], None)]  # first: the set-up
    for cell in nbformat.read(path, as_version=4).cells:
        if re.match("## Exercise", cell.source):
            found.append(([], [], None))
        answers, starters, _ = found[-1]
        if cell.source.startswith("# Self-check: "):
            found[-1] = answers, starters, cell.source
        elif cell.cell_type == "code":
            answers.append(cell.source)
            starters += filter(None, [cell.metadata.get("starter")])
    return found


def passes(check: str, names: dict) -> bool:
    """Whether a self-check is content with what the names stand for."""
    try:
        exec(check, names)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("number", WRONG)
def test_a_self_check_passes_on_the_solution_only(number, monkeypatch):
    monkeypatch.setattr(plt, "show", plt.close)
    monkeypatch.chdir(SOLUTIONS)
    (setup, _, _), *asked = exercises(number)
    names: dict = {"__name__": "__main__"}
    exec("\n".join(setup), names)
    assert list(WRONG[number]) == list(range(1, len(asked) + 1)), "each exercise has wrong answers"
    for exercise, (answers, starters, check) in enumerate(asked, start=1):
        assert check, f"exercise {exercise} has no self-check"
        before = dict(names)
        exec("\n".join(answers), names)
        exec(check, dict(names))  # says where it fails
        wrong = [({**before}, "\n".join(starters))]
        wrong += [({**names}, answer) for answer in WRONG[number][exercise]]
        for known, answer in wrong:
            exec(answer, known)
            assert not passes(check, known), f"exercise {exercise}: the check lets pass\n{answer}"
        for answer in RIGHT.get(number, {}).get(exercise, []):
            known = dict(names)
            exec(answer, known)
            exec(check, known)  # says where it fails
