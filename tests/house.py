"""The files of the package, read from their imports: the order that holds, and a picture of it.

python tests/house.py      draws notebooks/figures/house.png for CONTRIBUTING.md
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "saelib"
FIGURE = ROOT / "notebooks" / "figures" / "house.png"

# Floor by floor: what it is for, and its files. Each file imports only from those before it.
FLOORS = [
    ("what is said, and in which language", "errors language"),
    ("files → tables, on any scale of ratings", "data movielens"),
    ("tables → a sparse matrix of stars; splits", "matrix"),
    ("what is known without a network", "baseline"),
    ("protocols and metrics", "evaluation"),
    (
        "what is chosen, what is computed, how it learns",
        "recipes cells heads autoencoder family training",
    ),
    ("a new person; one file: will you see it, will you like it?", "fold_in model"),
    ("figures", "plots"),
    (
        "a person in, films out",
        "recommend: words catalogue profile recommender elsewhere questions reasons session",
    ),
    ("what people touch", "panel: desk widget sliders terminal room page"),
    ("python -m saelib", "commands cli __main__"),
]
ORDER = [
    ".".join(["saelib", *files.split(": ")[:-1], module])
    for _, files in FLOORS
    for module in files.split(": ")[-1].split()
]
WORDS = "The floors of saelib; each file imports only from those before it. " + "; ".join(
    f"{files} ({purpose})" for purpose, files in FLOORS
)


def modules() -> dict[str, Path]:
    """All modules of the package by name, but for the `__init__`s."""
    found = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in found}


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


def draw() -> None:
    """Draw the floors as boxes, the first at the top."""
    import matplotlib.pyplot as plt

    from saelib.plots import BLUE, GREY, STYLE

    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(8.4, 5.6), layout="constrained")
        for n, (purpose, files) in enumerate(FLOORS):
            ax.add_patch(plt.Rectangle((0, n), 1, 0.86, fc="white", ec=BLUE, lw=1.5))
            ax.text(0.01, n + 0.28, files, va="center", fontsize=7.5, family="monospace")
            ax.text(0.01, n + 0.64, purpose, va="center", fontsize=9, color=GREY)
        ax.set(xlim=(-0.01, 1.01), ylim=(len(FLOORS), -0.1))
        ax.set_axis_off()
        figure.savefig(FIGURE, metadata={"Description": WORDS})


if __name__ == "__main__":
    draw()
    print(WORDS)
