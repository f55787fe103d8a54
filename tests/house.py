"""The files of the package, read from their imports: the order that holds, and a picture of it.

python tests/house.py      draws notebooks/figures/house.png for CONTRIBUTING.md
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "saelib"
FIGURE = ROOT / "notebooks" / "figures" / "house.png"

# Each file imports only from those before it. Those at the top level stand in the order of the
# docstring of saelib/__init__.py, here in the rooms of the picture; recommend and panel are
# folders.
ROOMS = {
    "errors": "errors language",
    "data": "data movielens",
    "matrix": "matrix",
    "baseline": "baseline",
    "evaluation": "evaluation",
    "network": "recipes cells heads autoencoder family training",
    "model": "fold_in model",
    "plots": "plots",
    "recommend": "words search catalogue profile recommender matching elsewhere questions reasons "
    "changes session",
    "panel": "texts desk widget sliders terminal page",
    "commands": "commands cli __main__",
}
ORDER = [
    f"saelib.{room}.{module}" if (PACKAGE / room).is_dir() else f"saelib.{module}"
    for room, modules in ROOMS.items()
    for module in modules.split()
]
SAYS = {
    "data": "files → tables, on any scale of ratings",
    "matrix": "tables → a sparse matrix of stars; splits",
    "baseline": "what is known without a network",
    "evaluation": "protocols and metrics",
    "network": "what is chosen, what is computed, how it learns",
    "model": "a new person; one file: will you see it, will you like it?",
    "plots": "figures",
    "recommend": "a person in, films out",
    "panel": "what people touch",
    "commands": "python -m saelib",
}


def modules() -> dict[str, Path]:
    """All modules of the package by name, but for the `__init__`s."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name != "__init__.py":
            found[".".join(path.relative_to(ROOT).with_suffix("").parts)] = path
    return found


def imported(path: Path) -> Iterator[str]:
    """Every module that a file names in an import, wherever it stands in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written out"
            for alias in node.names:  # a name in a module, or a module in a package
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in ORDER else str(node.module)


def described() -> list[str]:
    """The files that the docstring of saelib/__init__.py describes, in its order."""
    text = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")))
    lines = re.findall(r"^    (\w+(?:, \w+)*)  +\S", text or "", re.MULTILINE)
    return [f"saelib.{name}" for line in lines for name in line.split(", ")]


def room_of(module: str) -> str:
    """The room of a module."""
    inside = module.split(".")[1:]
    return next(room for room, names in ROOMS.items() if inside[-1] in names.split())


def needed() -> list[tuple[str, str]]:
    """(room, room that it imports from), without what ways over other rooms say already."""
    every = {
        (room_of(module), room_of(other))
        for module, path in modules().items()
        for other in imported(path)
        if other in ORDER and room_of(other) not in ("errors", room_of(module))
    }

    def reaches(a: str, b: str) -> bool:
        return (a, b) in every or any(reaches(c, b) for x, c in every if x == a)

    between = {(a, b): [c for x, c in every if x == a and c != b] for a, b in every}
    return sorted(
        (a, b) for (a, b), others in between.items() if not any(reaches(c, b) for c in others)
    )


def in_words() -> str:
    """What the picture shows; it stands in the picture, too."""
    parts = [
        f"{room} knows {' and '.join(b for a, b in needed() if a == room)}" for room in [*SAYS][1:]
    ]
    return f"The rooms of saelib from top to bottom, the first of them data: {'; '.join(parts)}."


def draw() -> None:
    """Rooms as boxes, the first at the top; arrows to what each imports from."""
    import matplotlib.pyplot as plt

    from saelib.plots import BLUE, GREY, STYLE

    narrow, whole, floor = 2.0, 2.4, 0.72
    floors = [room for room in SAYS if room != "plots"]
    beside = floors[floors.index("evaluation") + 1 : floors.index("commands")]  # plots
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(8, 8), layout="constrained")
        for n, room in enumerate(floors):
            width, files = narrow if room in beside else whole, ROOMS[room].split()
            ax.add_patch(plt.Rectangle((0, n), width, floor, fc="white", ec=BLUE, lw=1.5))
            ax.text(0.05, n + floor / 2, room, va="center", weight="bold")
            half = len(files) if len(files) < 7 else (len(files) + 1) // 2
            lines = [" ".join(files[:half]), " ".join(files[half:])]
            lines = [line for line in lines if line and line != room]
            for at, line in enumerate([*lines, SAYS[room]], start=1):
                look = {"color": GREY} if line == SAYS[room] else {"family": "monospace"}
                y = n + floor * at / (len(lines) + 2)
                ax.text(0.5, y, line, va="center", fontsize=9, **look)
        top, end = floors.index(beside[0]), floors.index(beside[-1]) + floor
        left, middle = narrow + 0.08, (narrow + 0.08 + whole) / 2
        box = plt.Rectangle((left, top), whole - left, end - top, fc="white", ec=BLUE, lw=1.5)
        ax.add_patch(box)
        ax.text(middle, (top + end) / 2, "plots", ha="center", weight="bold")
        ax.text(middle, (top + end) / 2 + 0.25, SAYS["plots"], ha="center", fontsize=9, color=GREY)
        for a, b in needed():
            x = middle if "plots" in (a, b) else 1.0
            start = top if a == "plots" else floors.index(a)
            stop = end if b == "plots" else floors.index(b) + floor
            look = {"arrowstyle": "->", "color": GREY, "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", (x, stop), (x, start), arrowprops=look)
        ax.set(xlim=(-0.02, whole + 0.02), ylim=(len(floors) - 0.2, -0.08), xticks=[], yticks=[])
        ax.grid(False)
        ax.spines[:].set_visible(False)
        figure.savefig(FIGURE, metadata={"Description": in_words()})


if __name__ == "__main__":
    draw()
    print(in_words())
