"""What every notebook must look like; nbval compares what the cells print.

nbval passes a notebook without outputs without comparing anything, so that each committed notebook
was run in order, from 1, is held here.
"""

import ast
import re
import symtable
from functools import cache
from pathlib import Path

import make_exercises
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from self_checks import ANSWERS, exercises

from saelib.recipes import GROUPS, RECIPES

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
SERIES = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
CLASS = NOTEBOOKS / "one_class.ipynb"  # the series in 90 minutes, under the same checks
CLASE = NOTEBOOKS / "es" / "una_clase.ipynb"
SOLUTIONS = sorted((NOTEBOOKS / "solutions").glob("*.ipynb"))
EXERCISES = sorted((NOTEBOOKS / "exercises").glob("[0-9]*.ipynb"))
# What the first words of the sections are, in this order; the notebook's own come between.
OPENING = ["What you will do", "What you will learn", "What you need"]
CLOSING = ["What you have now", "Check yourself", "Exercises", "Further reading", "Next"]

every = pytest.mark.parametrize(
    "path", [*SERIES, CLASS, CLASE, *SOLUTIONS], ids=lambda p: f"{p.parent.name}/{p.stem}"
)
of_the_series = pytest.mark.parametrize("path", SERIES, ids=lambda p: p.stem)


@cache
def read(path: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(path: Path) -> list:
    return [c for c in read(path).cells if c.cell_type == "code" and c.source.strip()]


def prose(path: Path) -> str:
    return "\n\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")


NOT_OURS = "held-out|fed in|left over|latent code|latent vector|unseen|stranger"


def test_one_thing_has_one_word_and_each_lesson_leads_to_the_words():
    glossary = (NOTEBOOKS / "glossary.md").read_text(encoding="utf-8")
    assert set(NOT_OURS.split("|")) <= set(re.findall(NOT_OURS, glossary))
    for path in SERIES:
        assert "(glossary.md)" in prose(path), path
        assert not re.findall(NOT_OURS, prose(path), re.IGNORECASE), path


def test_there_are_notebooks_with_solutions_and_exercises():
    names = [path.name for path in SERIES]
    assert [name[:2] for name in names] == [f"{i:02}" for i in range(12)]
    assert [p.name for p in SOLUTIONS] == [p.name for p in EXERCISES] == names
    assert [name[:2] for name in names] == sorted(ANSWERS)


@every
def test_it_was_run_in_order_without_errors_and_is_compared(path):
    cells = code_cells(path)
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
    assert not [o for c in cells for o in c.outputs if o.output_type == "error"]
    assert read(path).metadata.kernelspec.name == "python3"
    tags = [tag for cell in cells for tag in cell.metadata.get("tags", [])]
    assert tags.count("nbval-ignore-output") <= max(1, len(cells) // 10)
    assert not set(tags) & {"nbval-skip", "skip-execution"}
    assert "NBVAL_" not in path.read_text(encoding="utf-8"), "tags, not comments"


@every
def test_it_holds_no_path_of_a_machine_and_is_small(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|Users|tmp|work)/|C:\\\\Users", text)
    assert "iopub.execute_input" not in text, "when it was run is nobody's business"
    assert path.stat().st_size < 2**20


@of_the_series
def test_the_sections_stand_in_the_agreed_order_and_say_how_long_they_take(path):
    number = path.stem[:2]
    assert re.match(rf"# {number} · \w", read(path).cells[0].source)
    sections = re.findall(r"^## (.+)$", prose(path), re.MULTILINE)
    assert sections[:3] == OPENING
    assert sections[-5:] == CLOSING
    assert len(sections) > 8, "and something of its own between"
    assert re.search(r"\d+ minutes? to read, \d+ minutes? to run on two cores", prose(path))


@every
def test_pictures_have_alt_text(path):
    text = prose(path)
    assert not re.search(r"!\[\s*\]\(", text)
    assert all('alt="' in tag for tag in re.findall(r"<img[^>]*>", text))
    for output in (output for cell in code_cells(path) for output in cell.outputs):
        if "image/png" in output.get("data", {}):
            alt = output.metadata.get("image/png", {}).get("alt", "")
            assert len(alt) > 20 and output.data["text/plain"] == alt


@every
def test_links_to_files_resolve(path):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", prose(path)):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", [*SERIES, CLASS], ids=lambda p: p.stem)
def test_cells_are_short(path):
    assert not [c.source for c in code_cells(path) if len(c.source.splitlines()) > 12]


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_what_follows_a_solution_is_part_of_it(path):
    """Between an answer and the next exercise stands nothing that an exercise may not show."""
    answered = False
    for cell in read(path).cells:
        if cell.source.startswith("## Exercise"):
            answered = False
        solution = "solution" in cell.metadata.get("tags", [])
        answered = answered or solution
        check = cell.source.startswith("# Self-check: ")  # stays in the exercise
        assert solution or check or not answered, cell.source


def test_the_schedule_written_out_in_notebook_07_is_that_of_the_training():
    [cell] = [c for c in code_cells(SERIES[7]) if "rise =" in c.source]
    names = {"np": np, "pd": pd}
    exec(cell.source, names)
    config = RECIPES["decay"]
    optimizer = torch.optim.AdamW([torch.ones(1, requires_grad=True)])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.epochs * config.n_batches, pct_start=0.1
    )
    assert len(names["rate"]) == schedule.total_steps
    for rate in names["rate"]:
        assert schedule.get_last_lr() == pytest.approx([rate], abs=1e-8)
        optimizer.step()
        schedule.step()


@of_the_series
def test_three_questions_open_their_answers_on_click(path):
    [check] = [c.source for c in read(path).cells if c.source.startswith("## Check yourself")]
    folded = r"<details><summary>[^<]+\?</summary>\n\n[^<]+\n\n</details>"
    assert len(re.findall(folded, check)) == 3 == check.count("<details>")


def test_the_measurements_that_notebooks_07_and_10_read_are_whole():
    """Each model once for each of five seeds: a gap would silently be a mean of fewer."""
    ladder = pd.read_json(NOTEBOOKS / "ladder.jsonl", lines=True)
    rungs = ["bias", *(f"sae-{name}" for name in GROUPS["ladder"])]
    assert ladder["model"][ladder["model"].isin(rungs)].drop_duplicates().tolist() == rungs
    without = [name for name in ladder["model"].unique() if "default-without-" in name]
    assert len(without) >= 15
    rows = pd.read_json(NOTEBOOKS / "family.jsonl", lines=True)
    rows["shown"] = rows["n_inputs"].fillna("").astype(str).str.removesuffix(".0")
    parts = dict(list(rows[rows["split"].isna()].groupby(["protocol", "shown"])))
    parts |= {("ladder", ""): ladder, ("u1", ""): rows[rows["split"] == "u1"]}
    some = ["bias", "sae-plain", "sae-default"]
    wanted = {("ladder", ""): [*rungs, *without, "mf", "autorec"], ("u1", ""): some}
    wanted["ranking", ""] = ["popularity", "ease", "sae-weight-decay", *some]
    members = [f"sae-{name}" for name in GROUPS["family"]]
    wanted["ratings", ""] = members
    wanted |= {("new-users", n): members for n in ("0", "5", "10", "20", "40", "all")}
    for part, models in wanted.items():
        found = parts[part][parts[part]["model"].isin(models)]
        table = found.pivot(index="seed", columns="model", values="seconds")
        assert table.shape == (5, len(models)) and table.notna().all(axis=None), part


def test_the_winner_on_one_page_is_one_page_without_the_package():
    *winner, _ = (c.source for c in code_cells(SERIES[7]) if c.id.startswith("page"))
    lines = [line for source in winner for line in source.splitlines() if line.strip()]
    assert len(winner) == 8 and 50 < len(lines) <= 70
    assert set(re.findall(r"saelib\.?\w*", str(lines))) == {"saelib", "saelib.load", "saelib.split"}
    split = lines.index("train, test = saelib.split(len(data.ratings), seed=0)")
    assert "test" not in str(lines[split + 1 :])


def test_notebook_08_goes_on_from_that_page_and_takes_nothing_out_of_the_package():
    page = {c.source for c in code_cells(SERIES[7]) if c.id.startswith("page")}
    program = [c.source for c in code_cells(SERIES[8])]
    assert len(page.intersection(program)) >= 6, "word for word"
    taken = re.findall(r"saelib(?:\.\w+)*(?: import .+)?", "\n".join(program))
    ours = r"saelib(\.(load|split|split_rows))?|saelib\.(plots|evaluation) import [\w, ]+"
    assert not [name for name in taken if not re.fullmatch(ours, name)]


def names_read(function: symtable.SymbolTable) -> set[str]:
    """The names outside of a function that it reads, and that the functions in it read."""
    inside = [names_read(child) for child in function.get_children()]
    return {s.get_name() for s in function.get_symbols() if s.is_global()}.union(*inside)


@pytest.mark.parametrize("path", [SERIES[3], SERIES[6], SERIES[7]], ids=lambda p: p.stem)
def test_a_slider_moves_after_the_last_cell_since_no_later_one_binds_its_names(path):
    sources = [cell.source for cell in code_cells(path)]
    tables = [symtable.symtable(source, path.stem, "exec") for source in sources]
    [live] = [n for n, source in enumerate(sources) if re.search(r"\bLive\(", source)]
    functions = [f for table in tables[: live + 1] for f in table.get_children()]
    needed = {f.get_name() for f in functions}.union(*map(names_read, functions))
    for table in tables[live + 1 :]:
        assert not needed & {s.get_name() for s in table.get_symbols() if s.is_assigned()}


def test_the_exercises_are_made_from_the_solutions():
    make_exercises.main(check=True)


@pytest.mark.parametrize("path", EXERCISES, ids=lambda p: p.stem)
def test_an_exercise_has_a_hint_and_invites_an_answer_that_it_does_not_show(path):
    asked = [c.source for c in read(path).cells if c.source.startswith("## Exercise")]
    assert len(asked) >= 3
    for source in asked:  # the hint opens on click
        assert re.search(r"\n\n<details><summary>Hint</summary>\n\n[^<]+\n\n</details>$", source)
    [paper] = [c.source for c in read(path).cells if c.source.startswith("## On paper\n\n")]
    assert re.search(r"\n\n<details><summary>Answer</summary>\n\n[^<]+\n\n</details>$", paper)
    exercise = "\n".join(cell.source for cell in read(path).cells)
    assert "# Your code here." in exercise
    assert "widgets" not in read(path).metadata
    assert not [output for cell in code_cells(path) for output in cell.outputs]
    for cell in read(NOTEBOOKS / "solutions" / path.name).cells:
        if "solution" in cell.metadata.get("tags", []):
            assert cell.source not in exercise


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_every_exercise_has_a_check_that_says_why_it_refuses_and_answers_to_try(path):
    tried = ANSWERS[path.name[:2]]
    asked = exercises(read(path).cells)
    assert list(tried) == [str(n) for n in range(1, len(asked) + 1)]
    assert all(set(answers) == {"wrong", "invented", "right"} for answers in tried.values())
    for (_, check), answers in zip(asked, tried.values(), strict=True):
        asserts = [node for node in ast.walk(ast.parse(check)) if isinstance(node, ast.Assert)]
        assert asserts and all(node.msg for node in asserts)
        assert len(answers["wrong"]) >= 2 and answers["invented"] and len(answers["right"]) >= 3
