"""What every notebook must look like; nbval compares what the cells print.

nbval passes a notebook without outputs without comparing anything, so that each committed notebook
was run in order, from 1, is held here.
"""

from __future__ import annotations

import re
import subprocess
import symtable
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import PRINTED_MINUTES, RunningTimes, too_slow

from saelib.movielens import RELEASES
from saelib.recipes import GROUPS, RECIPES

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
SERIES = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
CLASS = NOTEBOOKS / "one_class.ipynb"  # the series in 90 minutes, under the same checks
SOLUTIONS = sorted((NOTEBOOKS / "solutions").glob("*.ipynb"))
EXERCISES = sorted((NOTEBOOKS / "exercises").glob("[0-9]*.ipynb"))
# What the first words of the sections are, in this order; the notebook's own come between.
OPENING = ["What you will do", "What you will learn", "What you need"]
CLOSING = ["What you have now", "Check yourself", "Exercises", "Further reading", "Next"]

every = pytest.mark.parametrize(
    "path", [*SERIES, CLASS, *SOLUTIONS], ids=lambda p: p.parent.name + "/" + p.stem
)
of_the_series = pytest.mark.parametrize("path", SERIES, ids=lambda p: p.stem)


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
    assert len(glossary.split()) <= 900
    for word in NOT_OURS.split("|"):
        assert word in glossary
    for path in SERIES:
        assert "(glossary.md)" in prose(path), path
        assert not re.findall(NOT_OURS, prose(path), re.IGNORECASE), path


def test_there_are_notebooks_with_solutions_and_exercises():
    names = [path.name for path in SERIES]
    assert names
    assert [name[:2] for name in names] == [f"{i:02}" for i in range(12)]
    assert [p.name for p in SOLUTIONS] == [p.name for p in EXERCISES] == names


@every
def test_it_was_run_in_order_without_errors(path):
    cells = code_cells(path)
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
    assert not [o for c in cells for o in c.outputs if o.output_type == "error"]
    assert read(path).metadata.kernelspec.name == "python3"


@every
def test_it_holds_no_path_of_a_machine_and_is_small(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|Users|tmp|work)/|C:\\\\Users", text)
    assert "iopub.execute_input" not in text, "when it was run is nobody's business"
    assert path.stat().st_size < 2**20


@every
def test_at_most_one_cell_in_ten_is_not_compared(path):
    cells = code_cells(path)
    ignored = [c for c in cells if set(c.metadata.get("tags", [])) & {"nbval-ignore-output"}]
    skipped = [
        c for c in cells if set(c.metadata.get("tags", [])) & {"nbval-skip", "skip-execution"}
    ]
    assert len(ignored) <= max(1, len(cells) // 10)
    assert not skipped
    assert "NBVAL_" not in path.read_text(encoding="utf-8"), "tags, not comments"


@of_the_series
def test_the_sections_stand_in_the_agreed_order(path):
    number = path.stem[:2]
    assert re.match(rf"# {number} · \w", read(path).cells[0].source)
    sections = re.findall(r"^## (.+)$", prose(path), re.MULTILINE)
    assert sections[:3] == OPENING
    assert sections[-5:] == CLOSING
    assert len(sections) > 8, "and something of its own between"


@of_the_series
def test_it_says_how_long_it_takes(path):
    assert re.search(r"\d+ minutes? to read, " + PRINTED_MINUTES, prose(path))


def test_a_notebook_that_takes_longer_than_it_says_is_named():
    slow = {"notebooks/01_prepare_the_ratings.ipynb": 200.0, "notebooks/solutions/x.ipynb": 900.0}
    [line] = too_slow(slow)
    assert line.startswith("01_prepare_the_ratings.ipynb says 1 minute") and "200 s" in line
    assert not too_slow({name: 60.0 for name in slow})


def test_the_running_times_are_counted_and_can_fail_the_run(pytestconfig):
    assert any(isinstance(p, RunningTimes) for p in pytestconfig.pluginmanager.get_plugins())
    times, session = RunningTimes(), SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    for cell in (0, 1):
        name = f"notebooks/01_prepare_the_ratings.ipynb::Cell {cell}"
        times.pytest_runtest_logreport(SimpleNamespace(nodeid=name, duration=100.0))
        times.pytest_sessionfinish(session)
        assert session.exitstatus == (pytest.ExitCode.TESTS_FAILED if cell else 0)


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
    long = [c.source for c in code_cells(path) if len(c.source.splitlines()) > 12]
    assert not long


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


@pytest.mark.parametrize("path", EXERCISES, ids=lambda p: p.stem)
def test_hints_and_the_answer_to_the_exercise_on_paper_open_on_click(path):
    asked = [c.source for c in read(path).cells if c.source.startswith("## Exercise")]
    assert len(asked) >= 3
    for source in asked:
        assert re.search(r"\n\n<details><summary>Hint</summary>\n\n[^<]+\n\n</details>$", source)
    [paper] = [c.source for c in read(path).cells if c.source.startswith("## On paper\n\n")]
    assert re.search(r"\n\n<details><summary>Answer</summary>\n\n[^<]+\n\n</details>$", paper)


def test_the_schedule_written_out_in_notebook_07_is_that_of_the_training():
    [cell] = [
        c for c in code_cells(NOTEBOOKS / "07_climb_the_ladder.ipynb") if "rise =" in c.source
    ]
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
        if schedule.last_epoch + 1 < schedule.total_steps:
            schedule.step()


@of_the_series
def test_three_questions_open_their_answers_on_click(path):
    [check] = [c.source for c in read(path).cells if c.source.startswith("## Check yourself")]
    folded = r"<details><summary>[^<]+\?</summary>\n\n[^<]+\n\n</details>"
    assert len(re.findall(folded, check)) == 3 == check.count("<details>")


def whole(rows: pd.DataFrame, models: list[str], seeds: list[int]) -> bool:
    """Whether each of these models stands there once for each of these seeds, without gaps."""
    table = rows[rows["model"].isin(models)].pivot(index="seed", columns="model", values="seconds")
    return (
        table.index.tolist() == seeds and set(table) == set(models) and table.notna().all(axis=None)
    )


def test_the_ladder_that_notebook_07_reads_is_whole():
    rungs = pd.read_json(NOTEBOOKS / "ladder.jsonl", lines=True)
    models = ["bias", *(f"sae-{name}" for name in GROUPS["ladder"])]
    assert rungs["model"][rungs["model"].isin(models)].drop_duplicates().tolist() == models
    without = rungs["model"][rungs["model"].str.contains("default-without-")].unique()
    assert len(without) >= 15
    assert whole(rungs, [*models, *without, "mf", "autorec"], [0, 1, 2, 3, 4])
    assert rungs["rmse"].between(0.8, 1.2).all()


def test_the_family_that_notebook_10_reads_is_whole():
    rows = pd.read_json(NOTEBOOKS / "family.jsonl", lines=True)
    rows["shown"] = rows["n_inputs"].fillna("").astype(str).str.removesuffix(".0")
    members = [f"sae-{name}" for name in GROUPS["family"]]
    some = ["bias", "sae-plain", "sae-default"]
    parts = dict(list(rows[rows["split"].isna()].groupby(["protocol", "shown"])))
    parts["u1", ""] = rows[rows["split"] == "u1"]
    wanted = {("ratings", ""): members, ("u1", ""): some}
    wanted |= {("new-users", n): members for n in ("0", "5", "10", "20", "40", "all")}
    wanted["ranking", ""] = ["popularity", "ease", "sae-weight-decay", *some]
    for part, models in wanted.items():
        assert whole(parts[part], models, [0, 1, 2, 3, 4]), part


def test_the_measurements_that_notebook_11_reads_are_whole():
    rows = pd.read_json(NOTEBOOKS / "scale.jsonl", lines=True).set_index("shape")
    assert rows.index.tolist() == ["ml-1m", "ml-10m", "ml-32m"]
    assert not rows[["peak_gib", "model_mb"]].isna().any(axis=None)
    timed = rows.dropna()
    assert {"ml-1m", "ml-10m"} <= set(timed.index)
    n_ratings = pd.Series({shape: RELEASES[shape].n_ratings for shape in timed.index})
    assert np.allclose(timed["rating_ns"], 1e9 * timed["epoch_s"] / n_ratings, rtol=0.01)


def test_the_winner_on_one_page_is_one_page_without_the_package():
    cells = read(NOTEBOOKS / "07_climb_the_ladder.ipynb").cells
    headings = [n for n, c in enumerate(cells) if re.match("## ", c.source)]
    first = next(n for n in headings if cells[n].source.startswith("## The winner on one page"))
    after = next(n for n in headings if n > first)
    page = [c.source for c in cells[first:after] if c.cell_type == "code"]
    *winner, _ = page  # the last cell compares it with the ladder
    lines = [line for source in winner for line in source.splitlines() if line.strip()]
    assert len(winner) == 8 and 50 < len(lines) <= 70
    names = set(re.findall(r"saelib\.?\w*", "\n".join(lines)))
    assert names == {"saelib", "saelib.load", "saelib.split"}
    assert "test" not in "\n".join(
        lines[lines.index("train, test = saelib.split(len(data.ratings), seed=0)") + 1 :]
    )


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
    functions = {f.get_name(): names_read(f) for table in tables for f in table.get_children()}
    needed, todo = set(), functions.keys() & set(tables[live].get_identifiers())
    assert todo, "what draws is a function"
    while todo:
        name = todo.pop()
        needed.add(name)
        todo |= functions.get(name, set()) - needed
    for table in tables[live + 1 :]:
        later = {s.get_name() for s in table.get_symbols() if s.is_assigned()}
        assert not later & needed


def test_only_the_lessons_that_need_one_have_a_slider():
    assert [p.stem[:2] for p in SERIES if re.search(r"\bLive\(", p.read_text())] == [
        "03",
        "06",
        "07",
    ]


def test_the_exercises_are_made_from_the_solutions():
    command = [sys.executable, str(NOTEBOOKS / "make_exercises.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for path in EXERCISES:
        exercise = path.read_text(encoding="utf-8")
        assert "# Your code here." in exercise
        assert "widgets" not in read(path).metadata, "nor what an answer has shown"
        assert not [output for cell in code_cells(path) for output in cell.outputs]
        for cell in read(NOTEBOOKS / "solutions" / path.name).cells:
            if "solution" in cell.metadata.get("tags", []):
                assert cell.source not in "\n".join(c.source for c in read(path).cells)
