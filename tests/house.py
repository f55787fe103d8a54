"""The rooms of the package, read from its imports: the order that holds, and a picture of it.

python tests/house.py      draws notebooks/figures/house.png for CONTRIBUTING.md
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "saelib"
FIGURE = ROOT / "notebooks" / "figures" / "house.png"

# Each imports only from those before it; so do the modules of a room.
ROOMS = {
    "errors": "errors language",
    "data": "scale people layouts download features dataset releases links own matrix",
    "network": "config recipes link heads baseline fingerprints history storage devices processes "
    "memory cells autoencoder sparse contractive variational shares checkpoint training layers",
    "model": "star_model encoded newton fold_in liking ease elsa seeing taste bundle learn",
    "evaluation": "evaluation compare",
    "plots": "plots live",
    "checks": "checks",
    "recommend": "titles search words catalogue profile exports matching imports recommender "
    "reasons questions changes play session",
    "panel": "markup parts controls search about files rate watch picture game night play widgets "
    "terminal kernels ready door page",
    "cli": "cli __main__",
}
ORDER = [
    f"saelib.{room}.{module}" if (PACKAGE / room).is_dir() else f"saelib.{module}"
    for room, modules in ROOMS.items()
    for module in modules.split()
]


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


def room_of(module: str) -> str:
    """The room of a module."""
    inside = module.split(".")[1:]
    return next(room for room, names in ROOMS.items() if inside[0] in (room, *names.split()))


def arrows() -> Counter[tuple[str, str]]:
    """(room, room that it imports from) -> by how many imports."""
    found: Counter[tuple[str, str]] = Counter()
    for module, path in modules().items():
        for other in imported(path):
            if other in ORDER and room_of(other) != room_of(module):
                found[room_of(module), room_of(other)] += 1
    return found


def needed() -> list[tuple[str, str]]:
    """The arrows that no way over other rooms stands for; who knows model knows data, too."""
    every = {(a, b) for a, b in arrows() if b != "errors"}

    def reaches(a: str, b: str) -> bool:
        return (a, b) in every or any(reaches(c, b) for x, c in every if x == a)

    between = {(a, b): [c for x, c in every if x == a and c != b] for a, b in every}
    return sorted(
        (a, b) for (a, b), others in between.items() if not any(reaches(c, b) for c in others)
    )


def in_words() -> str:
    """What the picture shows; it stands in the picture, too."""
    parts = [f"{room} knows {' and '.join(b for a, b in needed() if a == room)}" for room in SAYS]
    return f"The rooms of saelib: {'; '.join(parts[1:])}."


# What stands in a box, and where: left what measures and draws, right the way to the person.
SAYS = {
    "data": ((1, 0), "files, tables,\nthe matrix of ratings"),
    "network": ((1, 1), "baseline, autoencoder,\nrecipes, training"),
    "model": ((1, 2), "will you see it?\nhow will you like it?"),
    "checks": ((0, 1), "is this machine ready?"),
    "evaluation": ((0, 3), "protocols, metrics"),
    "plots": ((1, 3), "figures"),
    "recommend": ((2, 3), "a person in, films out"),
    "panel": ((2, 4), "sliders, page, terminal"),
    "cli": ((1, 5), "the command line"),
}


def draw() -> None:
    """Rooms as boxes, the first at the bottom; arrows to what each imports from."""
    import matplotlib.pyplot as plt

    from saelib.plots import BLUE, GREY, STYLE

    width, height = 0.8, 0.56
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(7, 7), layout="constrained")
        for a, b in needed():
            (x, y), (to_x, to_y) = SAYS[a][0], SAYS[b][0]
            look = {"arrowstyle": "->", "color": GREY, "lw": 1.5}
            start, end = (x, y - height / 2), (to_x, to_y + height / 2)
            ax.annotate("", end, start, arrowprops=look, zorder=0)
        for room, ((x, y), says) in SAYS.items():
            corner = (x - width / 2, y - height / 2)
            ax.add_patch(plt.Rectangle(corner, width, height, fc="white", ec=BLUE, lw=1.5))
            ax.text(x, y + 0.14, room, ha="center", va="center", weight="bold")
            ax.text(x, y - 0.09, says, ha="center", va="center", fontsize=9)
        ax.set(xlim=(-0.5, 2.5), ylim=(-0.4, 5.4), xticks=[], yticks=[])
        ax.grid(False)
        ax.spines[:].set_visible(False)
        figure.savefig(FIGURE, metadata={"Description": in_words()})


if __name__ == "__main__":
    draw()
    print(in_words())
