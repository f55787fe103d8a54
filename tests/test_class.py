"""The class of 90 minutes: what a teacher prints, what the blanks accept, and that it goes on."""

import re
from pathlib import Path

import blanks
import make_class
import make_exercises
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"

WHOLE = nbformat.read(NOTEBOOKS / "one_class.ipynb", as_version=4).cells
GAPS = nbformat.read(NOTEBOOKS / "exercises" / "one_class.ipynb", as_version=4).cells
TRIES = {  # what is written into a blank, and a part of what its check says
    "share_filled": {
        "return round(n_ratings / n_people / n_films, 2)": "right.",
        "return 100 * n_ratings / (n_people * n_films)": "a percentage",
        "return '6%'": "Expected a number",
    },
    "Autoencoder": {
        "return self.decoder(self.encoder(residuals).tanh())": "right.",
        "return self.encoder(residuals)": "returns the code",
        "return self.decoder(self.encoder(residuals))": "tanh is missing",
        "return self.decoder(torch.tanh(self.encoder(residuals)))[0]": "(1682,) of (5, 1682)",
        "return self.decoder(torch.tanh(self.encoder(residuals))).detach()": "cannot learn",
        "return decoder(torch.tanh(encoder(residuals)))": "self. before",
        "return self.decoder * torch.tanh(self.encoder)": "like a function",
    },
    "masked_loss": {
        "return (rated * (predicted - residuals) ** 2).sum() / rated.sum()": "right.",
        "return nn.functional.mse_loss(predicted[rated > 0], residuals[rated > 0])": "right.",
        "return (rated * predicted - residuals).square().sum() / (rated.sum() + 1e-8)": "right.",
        "return (predicted - residuals).square().sum() / rated.sum()": "empty cells",
        "return (rated * (predicted - residuals).square()).mean()": "all cells",
        "return rated * (predicted - residuals).square()": "54 numbers",
        "return np.sum(rated * (predicted - residuals) ** 2)": "in place of np.sum",
        "return m * (predicted - residuals) ** 2": "names are",
    },
    "two_widths": {
        "return 200, 10": "right.",
        "return 10, 5000": "100 to 300",
    },
}


@pytest.mark.parametrize("name", TRIES)
def test_a_blank_accepts_what_is_right_and_says_what_is_wrong(name, capsys):
    [starter] = [c.source for c in GAPS if re.match(rf"(def|class) {name}\b", c.source)]
    for body, part in {**TRIES[name], "...": "nothing", "1 / 0": "ZeroDivisionError"}.items():
        names = {"nn": nn, "np": np, "torch": torch, "n_films": 1682}
        exec(starter.replace("...", body), names)
        blanks.check(name, names)
        assert part in (said := capsys.readouterr().out) and said.count("\n") == 1
        assert (names[name].__class__.__name__ == "partial") == ("given answer" in said)
    blanks.check(name, names)  # the given answer is not taken for a try
    assert capsys.readouterr().out == said


@pytest.mark.slow
@pytest.mark.parametrize("filled", ["...", "return [[1, 2, 3]]", "1 / 0"])
def test_the_notebook_goes_on_whatever_a_blank_is_filled_with(filled, capsys, monkeypatch):
    monkeypatch.chdir(NOTEBOOKS / "exercises")
    names, late = {}, False
    for cell in GAPS:
        if cell.cell_type == "markdown":
            late = "*Skip if late" in cell.source
        elif not late:  # one epoch in place of sixteen
            exec(cell.source.replace("...", filled).replace("range(16)", "[1]"), names)
    assert capsys.readouterr().out.count("goes on with a given answer") == 4
    assert names["found"].shape == (2, 7) and names["found"].notna().all(axis=None)


def test_plan_slides_and_notebook_have_the_same_minutes():
    parts = re.findall(r"^## (\d+–\d+) · (.+)$", "\n".join(c.source for c in WHOLE), re.MULTILINE)
    plan = make_class.source("README.md")
    assert all(f"| {minutes} | {title} |" in plan for minutes, title in parts)
    english, spanish = map(make_class.source, ("class/slides.md", "es/diapositivas.md"))
    for text, word in ((english, "Minutes"), (spanish, "Minutos")):
        told = re.findall(rf"\n{word} (\S+–\d+)", text)
        assert told == [minutes for minutes, _ in parts]
    assert spanish.count("\n---\n") == english.count("\n---\n"), "slide by slide"


def test_what_would_spoil_a_vote_is_folded_and_each_blank_has_an_answer():
    for cell, given in zip(WHOLE, GAPS, strict=True):
        if "after" in cell.metadata.get("tags", []):
            assert make_exercises.folded("After the vote", cell.source) in given.source
        if "solution" in cell.metadata.get("tags", []):
            assert re.search(r"^( +)\.\.\.\n\1# Your code here\.$", given.source, re.MULTILINE)
            assert f"```python\n{cell.source}\n```" in "".join(c.source for c in GAPS)


def test_what_a_teacher_prints_asks_nothing_of_another_host(tmp_path):
    make_class.main(tmp_path)
    for name in ("assignment", "quiz", "sheet", "slides", "hoja", "diapositivas"):
        text = (tmp_path / f"{name}.html").read_text("utf-8")
        assert not re.search(r"(?:src|href)=.(?!data:)|url\(|@import|<link", text), name
    clear = [nbformat.read(p, as_version=4) for p in (tmp_path / "clear").glob("*.ipynb")]
    assert len(clear) == 12
    assert not any(cell.get("outputs") for notebook in clear for cell in notebook.cells)


def test_forty_questions_have_one_right_answer_each_and_are_escaped():
    found = make_class.questions((make_class.HERE / "quiz.md").read_text("utf-8"))
    assert len({number for number, *_ in found}) == 40
    assert all(sum(right for right, *_ in answers) == 1 for *_, answers in found)
    odd = make_class.gift([("1", "a: {b}?", [(True, "c = #1", "~"), (False, "\\", "d")])])
    assert odd.splitlines()[:3] == ["::1::a\\: \\{b\\}? {", r"  =c \= \#1#\~", r"  ~\\#d"]


def test_the_code_of_the_assignment_runs_on_text_ids(tmp_path, monkeypatch):
    rows = [(f"Ana {n}", film, 1 + n % 4, "A, b") for n in range(9) for film in "abcde"]
    room = pd.DataFrame(rows, columns=["user", "item", "rating", "title"])
    room.to_csv(tmp_path / "room.csv", index=False)
    monkeypatch.chdir(tmp_path)
    text = (make_class.HERE / "assignment.md").read_text("utf-8")
    exec("".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)), names := {})
    assert list(names["errors"].mean().sort_values().index[:2]) == ["the person", "both"]
