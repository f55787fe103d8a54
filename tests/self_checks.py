"""The self-checks of the exercises refuse what is wrong, and accept what is right.

Where nbval runs the solutions, each exercise's answers of `answers.toml` are tried in the same
kernel, so that nothing is computed twice: before the solution the empty answer, which the
self-check must refuse; after the self-check, in copies of the names, all others. The objects behind
the names are shared: an answer leaves a network in the mode in which it found it, and a cell that
draws sets its seed.
"""

import tomllib
from collections import defaultdict
from pathlib import Path

import saelib

ANSWERS = tomllib.loads((Path(__file__).parent / "answers.toml").read_text(encoding="utf-8"))
# What trains; an answer often repeats what the solution has trained.
TRAININGS = ["train", "train_autoencoder", "train_recipe", "learn"]


def exercises(cells: list) -> list[tuple[str, str]]:
    """Of each exercise what stands in place of the answer, and its self-check."""
    found: list[tuple[str, str]] = []
    for cell in cells:
        if cell.source.startswith("## Exercise"):
            found.append(("", ""))
        elif cell.source.startswith("# Self-check: "):
            found[-1] = found[-1][0], cell.source
        elif is_answer(cell):
            found[-1] = f"{found[-1][0]}\n{cell.metadata.get('starter', '')}", found[-1][1]
    return found


def is_answer(cell) -> bool:
    return cell.cell_type == "code" and "solution" in cell.metadata.get("tags", [])


def install() -> None:
    """Let nbval try the answers between the cells of a solution."""
    import nbformat
    from nbval.plugin import IPyNbCell, IPyNbFile  # not in the kernel, which need not wait for it

    cells_of, here = IPyNbFile.collect, str(Path(__file__).parent)

    def steps(notebook, items):
        """The cells of a solution, and what is called between them."""

        def call(name: str, function: str, *args) -> IPyNbCell:
            source = f"__import__('self_checks').{function}(globals(), *{args!r})"
            cell = nbformat.v4.new_code_cell(f"__import__('sys').path.append({here!r})\n{source}")
            told = {"name": name, "cell_num": -1, "cell": cell, "options": defaultdict(bool)}
            return IPyNbCell.from_parent(notebook, **told)

        asked, n, answered = exercises(notebook.nb.cells), 0, False
        for cell in notebook.nb.cells:
            if cell.source.startswith("## Exercise"):
                answered = False
            if is_answer(cell) and not answered:
                n, (starters, check), answered = n + 1, asked[n], True
                yield call(f"Empty answer {n}", "refuses", check, [starters], True)
            if cell.cell_type == "code":
                yield next(items)
            if cell.source.startswith("# Self-check: "):
                answers = ANSWERS[notebook.path.name[:2]][str(n)]
                yield call(f"Right answers {n}", "accepts", check, answers["right"])
                wrong = answers["wrong"] + answers["invented"]
                yield call(f"Wrong answers {n}", "refuses", check, wrong)

    def collect(notebook):
        items = list(cells_of(notebook))  # it reads the notebook
        solution = notebook.path.parent.name == "solutions"
        return steps(notebook, iter(items)) if solution else items

    IPyNbFile.collect = collect


class Once:
    """A training that is remembered while answers are tried; a notebook's own cells train anew."""

    trying = False

    def __init__(self, train):
        self.train, self.done = train, {}

    def __call__(self, *args, **options):
        given, plain = (*args, *options.values()), (str, int, float, saelib.Config)
        key = (*options, *(a if isinstance(a, plain) else id(a) for a in given))
        if not (Once.trying and key in self.done):
            # What was given is held, so that nothing else takes its id.
            self.done[key] = self.train(*args, **options), given
        return self.done[key][0]


def tried(names: dict, check: str, answer: str) -> Exception | None:
    """What a self-check says against an answer, given in a copy of the names."""
    if not isinstance(saelib.train, Once):
        saelib.train = Once(saelib.train)
    for name in TRAININGS:
        if callable(train := names.get(name)) and not isinstance(train, Once):
            names[name] = Once(train)
    Once.trying = True
    try:
        exec(answer, known := dict(names))
        try:
            exec(check, known)
        except Exception as error:
            return error
    finally:
        Once.trying = False
    return None


def accepts(names: dict, check: str, answers: list[str]) -> None:
    """Raise AssertionError where a self-check refuses a right answer."""
    for answer in answers:
        error = tried(names, check, answer)
        assert error is None, f"{error!r} is said against\n{answer}"


def refuses(names: dict, check: str, answers: list[str], empty: bool = False) -> None:
    """Raise AssertionError where a self-check accepts a wrong answer, or says not a word.

    It must say it itself; an empty answer may lack what the self-check uses.
    """
    for answer in answers:
        error = tried(names, check, answer)
        assert isinstance(error, Exception if empty else AssertionError) and str(error), (
            f"{error!r} is said against\n{answer}"
        )
