"""Make notebooks/exercises/ from notebooks/solutions/ and one_class.ipynb, with empty answers.

    python notebooks/make_exercises.py          writes them
    python notebooks/make_exercises.py --check  only says which are out of step (exit status 1)

In a solution, a cell tagged `solution` holds the answer; in the exercise a code cell invites one,
in the `starter` of its metadata where it has one, and a text cell is left out. Everything else
is the same, without outputs. In the class, a text tagged `after` would spoil a vote: it is folded,
and so is each answer, at the head of the next text.
"""

import re
import sys
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
CLASS = HERE / "one_class.ipynb"  # one folder further up than the solutions


INVITATION = "# Your code here."


def invited(starter: str) -> str:
    """The starter with an invitation: in a function's body, below its dots, else at the end."""
    inside, n_bodies = re.subn(r"^( +)\.\.\.$", rf"\g<0>\n\1{INVITATION}", starter, flags=re.M)
    return inside if n_bodies else f"{starter}\n{INVITATION}".lstrip()


def exercise(solution: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The exercise version of a solution notebook."""
    made = nbformat.from_dict(solution)
    cells = []
    for cell in made.cells:
        answer = "solution" in cell.metadata.get("tags", [])
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            if answer:
                cell.source = invited(cell.metadata.get("starter", ""))
        elif answer:
            continue
        # A cell whose source is folded, such as that of a picture, stays so.
        cell.metadata = {"jupyter": cell.metadata.jupyter} if "jupyter" in cell.metadata else {}
        cells.append(cell)
    made.cells = cells
    made.metadata.pop("widgets", None)  # the state of a panel that an answer has shown
    made.cells[0].source = made.cells[0].source.replace("# Solutions:", "# Exercises:")
    return made


def of_the_class(solution: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The class's version of `CLASS`, with its links and the files it reads one folder up."""
    made, answer = exercise(solution), ""
    for whole, cell in zip(solution.cells, made.cells, strict=True):
        tags = whole.metadata.get("tags", [])
        if cell.cell_type == "code":
            cell.source = re.sub(r'"(ladder\.jsonl|class)"', r'"../\1"', cell.source)
            if "solution" in tags:
                answer = f"```python\n{whole.source}\n```"
            continue
        cell.source = re.sub(r"\]\((?!https?:|#)", "](../", cell.source)
        if "after" in tags:
            cell.source = folded("After the vote", cell.source)
        if answer:
            cell.source = f"{folded('An answer to go on with', answer)}\n\n{cell.source}"
            answer = ""
    return made


def folded(summary: str, text: str) -> str:
    """A text that opens on click."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


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
