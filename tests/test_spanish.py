"""The class in Spanish says in other words what the class says, and computes the same."""

import ast
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from tolerance import NUMBER

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
SPANISH = NOTEBOOKS / "es"
CLASS = nbformat.read(NOTEBOOKS / "one_class.ipynb", as_version=4).cells
CLASE = nbformat.read(SPANISH / "una_clase.ipynb", as_version=4).cells
TEXT = "\n".join(cell.source for cell in CLASE if cell.cell_type == "markdown")
PAGES = {path.name: path.read_text("utf-8") for path in SPANISH.glob("*.md")}


def without_strings(source: str) -> str:
    """The syntax tree of a cell, its strings left blank."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def test_both_classes_have_the_same_code_and_no_text_is_left_in_english():
    for ours, theirs in zip(CLASS, CLASE, strict=True):
        assert ours.cell_type == theirs.cell_type
        assert ours.metadata.get("tags") == theirs.metadata.get("tags")
        if ours.cell_type == "markdown":
            assert ours.source != theirs.source
        else:
            assert without_strings(ours.source) == without_strings(theirs.source)
            starters = [without_strings(c.metadata.get("starter", "")) for c in (ours, theirs)]
            assert starters[0] == starters[1]


def said(cell) -> str:
    """What a cell printed."""
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def numbers(cell) -> list[str]:
    """What a cell printed and returned, without its words."""
    tables = [o.data["text/plain"] for o in cell.outputs if o.output_type == "execute_result"]
    return sorted(NUMBER.findall("\n".join([said(cell), *tables])))


@pytest.mark.slow
def test_the_class_in_spanish_runs_and_found_the_same_numbers(monkeypatch, capsys):
    """nbval compares those of the class in English; here one epoch shows that each cell runs."""
    monkeypatch.chdir(SPANISH)
    names: dict = {}
    for ours, theirs in zip(CLASS, CLASE, strict=True):
        if theirs.cell_type == "code":
            assert numbers(ours) == numbers(theirs), theirs.source
            kinds = [[o.output_type for o in cell.outputs] for cell in (ours, theirs)]
            assert kinds[0] == kinds[1], theirs.source
            exec(theirs.source.replace("range(16)", "[1]"), names)
            heard, stored = capsys.readouterr().out, said(theirs)
            pictures = [o for o in theirs.outputs if o.output_type == "display_data"]
            if not pictures:
                assert NUMBER.sub("", heard) == NUMBER.sub("", stored), theirs.source
            assert all(picture.data["text/plain"] in heard for picture in pictures)
    assert names["found"].shape == (2, 7) and names["found"].notna().all(axis=None)


def test_the_glossary_has_forty_terms_and_links_resolve():
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+\.) \|$", PAGES["glosario.md"], re.MULTILINE)
    assert len({english for english, *_ in rows}) == len({spanish for _, spanish, _ in rows}) == 40
    for text in (TEXT, *PAGES.values()):
        for target in re.findall(r"\]\((?!https?:|#)([^)#\"]+)\)", text):
            assert (SPANISH / target).exists(), target


def test_the_guide_has_the_plan_and_makes_the_copy_with_blanks(tmp_path, monkeypatch):
    for minutes, title in re.findall(r"^## (\d+–\d+) · (.+)$", TEXT, re.MULTILINE):
        assert f"| {minutes} | {title} |" in PAGES["guia.md"]
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SPANISH, "es")
    exec("".join(re.findall(r"```python\n(.*?)```", PAGES["guia.md"], re.DOTALL)), {})
    made = nbformat.read("es/clase_con_huecos.ipynb", as_version=4).cells
    counts = {"# Your code here.": 4, "Después de votar</summary>": 7, "](guia.md)": 1}
    for part, n in counts.items():
        assert sum(part in cell.source for cell in made) == n, part
