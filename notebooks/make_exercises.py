"""Make notebooks/exercises/ from notebooks/solutions/ and one_class.ipynb, with empty answers.

    python notebooks/make_exercises.py          writes them
    python notebooks/make_exercises.py --check  only says which are out of step (exit status 1)

In a solution, a cell tagged `solution` holds the answer; in the exercise a code cell invites one,
below the `starter` of its metadata where it has one, and a text cell is left out. Everything else
is the same, without outputs.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
CLASS = HERE / "one_class.ipynb"  # one folder further up than the solutions


def exercise(solution: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The exercise version of a solution notebook."""
    made = nbformat.from_dict(solution)
    cells = []
    for cell in made.cells:
        answer = "solution" in cell.metadata.get("tags", [])
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            if answer:
                starter = cell.metadata.get("starter")
                cell.source = "\n".join(filter(None, [starter, "# Your code here."]))
        elif answer:
            continue
        cell.metadata = {}
        cells.append(cell)
    made.cells = cells
    made.metadata.pop("widgets", None)  # the state of a panel that an answer has shown
    made.cells[0].source = made.cells[0].source.replace("# Solutions:", "# Exercises:")
    return made


def of_the_class(solution: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The class's version of `CLASS`, with its links and the file it reads one folder up."""
    made = exercise(solution)
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\((?!https?:|#)", "](../", cell.source)
        cell.source = cell.source.replace('"ladder.jsonl"', '"../ladder.jsonl"')
    return made


def main(check: bool) -> None:
    """Write all exercises, or with `check` compare them with what stands there."""
    stale = []
    for path in [*sorted((HERE / "solutions").glob("*.ipynb")), CLASS]:
        make = of_the_class if path == CLASS else exercise
        text = nbformat.writes(make(nbformat.read(path, as_version=4))) + "\n"
        target = HERE / "exercises" / path.name
        if check:
            if not target.exists() or target.read_text(encoding="utf-8") != text:
                stale.append(path.name)
        else:
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")
    if stale:
        sys.exit(f"Out of step with the solutions: {', '.join(stale)}. Run make notebooks.")


if __name__ == "__main__":
    main(check="--check" in sys.argv[1:])
