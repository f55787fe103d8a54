"""One set of versions, no data, no path of a machine in the repository."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import tomllib
from itertools import takewhile
from pathlib import Path

import house
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from PIL import Image

import saelib

ROOT = Path(__file__).resolve().parent.parent


def toml() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def requirements() -> list[Requirement]:
    """What the package, the notebooks, the tests and the book need."""
    extras = toml()["project"]["optional-dependencies"]
    lines = toml()["project"]["dependencies"] + extras["notebooks"] + extras["test"]
    lines += extras["book"]
    return [Requirement(line) for line in lines]


def lock_lines() -> list[str]:
    return (ROOT / "constraints.txt").read_text().splitlines()


def lock() -> dict[str, str]:
    """name -> version; fails on a line that pins nothing."""
    lines = [line for line in lock_lines() if not line.startswith("#")]
    found = [re.fullmatch(r"([A-Za-z0-9._-]+)==([\w.]+)", line).groups() for line in lines]
    return {canonicalize_name(name): version for name, version in found}


def test_the_lock_has_what_pyproject_wants_within_its_ranges():
    for requirement in requirements():
        version = lock()[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


def test_the_locked_versions_take_the_oldest_python():
    """3.11.0 included: Debian 12 has 3.11.2, and some packages begin with 3.11.5."""
    oldest = toml()["project"]["requires-python"].removeprefix(">=")
    checked = set()
    for installed in importlib.metadata.distributions():
        name = canonicalize_name(installed.name)
        if lock().get(name) == installed.version.partition("+")[0]:
            wanted = installed.metadata["Requires-Python"]
            assert wanted is None or oldest in SpecifierSet(wanted), (name, wanted)
            checked.add(name)
    assert "pytest" in checked  # where the oldest versions of the ranges are installed, too


def test_only_the_lock_names_exact_versions():
    assert not any("==" in str(requirement.specifier) for requirement in requirements())
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    [pip] = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    assert pip == ["--constraint constraints.txt", "--editable .[notebooks,test]"]
    [python] = [d for d in environment["dependencies"] if str(d).startswith("python=")]
    assert python.removeprefix("python=") in toml()["project"]["requires-python"]
    assert "--constraint constraints.txt" in (ROOT / "README.md").read_text()


PIP = """#!/bin/sh
case "$2" in
  venv) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  pip) echo "Collecting torch"; echo "  Downloading torch-2.whl (526.6 MB)"; echo "$END" ;;
esac
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(
    ("end", "ready"),
    [("Successfully installed torch-2", True), ("Successfully built torch", False)],
)
def test_setting_up_shows_large_downloads_and_is_done_when_pip_is(tmp_path, end, ready):
    python = tmp_path / "python"  # stands for both, the one that was named and that of the venv
    python.write_text(PIP)
    python.chmod(0o755)
    mark = tmp_path / "venv" / ".ready"
    done = subprocess.run(
        ["make", mark, f"PYTHON={python}", f"VENV={tmp_path / 'venv'}", "UV="],
        cwd=ROOT,
        env=os.environ | {"END": end},
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0, mark.exists()) == (ready, ready)
    assert re.search(r"^== Setting up .* 2 GB", done.stdout, re.MULTILINE)
    assert "Downloading torch-2.whl (526.6 MB)" in done.stdout
    assert end in done.stdout
    assert "Collecting" not in done.stdout


def test_the_version_is_said_once():
    assert importlib.metadata.version("saelib") == saelib.__version__
    assert "version" not in toml()["project"]


def test_the_public_names_exist():
    for name in saelib.__all__:
        assert getattr(saelib, name).__doc__ or name == "RECIPES"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        saelib.nothing  # noqa: B018


def published() -> dict[str, dict[str, dict[str, float]]]:
    """Title of the section -> model -> column -> mean, from the tables of models/README.md.

    Of the tables of new users only the first, the error of ratings that were not shown.
    """
    sections = {}
    for section in (ROOT / "models/README.md").read_text().split("\n### ")[1:]:
        lines = section.splitlines()
        start = next((i for i, line in enumerate(lines) if line.startswith("| model |")), None)
        if start is not None:
            columns = lines[start].strip("| ").split(" | ")[1:]
            rows = {}
            for line in takewhile(lambda line: line.startswith("|"), lines[start + 2 :]):
                model, *cells = line.strip("| ").split(" | ")
                rows[model] = {c: float(x.split()[0]) for c, x in zip(columns, cells) if x.split()}
            sections[lines[0].split(", seed")[0]] = rows
    return sections


def test_the_figures_of_the_readme_are_means_of_the_published_tables():
    text, tables = (ROOT / "README.md").read_text(), published()
    order = [
        ("ml-100k, ratings", "rmse"),
        ("ml-1m, ratings", "rmse"),
        ("ml-100k, new-users", "20"),
        ("ml-1m, new-users", "20"),
        ("ml-100k, ranking", "ndcg@10"),
        ("ml-1m, ranking", "ndcg@10"),
    ]
    number = r" \**(\d?\.\d{3})\** \|"
    rows = re.findall(r"^\|.*\|" + 3 * number + "$", text, re.MULTILINE)
    assert len(rows) == len(order)
    for (section, column), row in zip(order, rows):
        means = [tables[section][model][column] for model in ("bias", "sae-plain", "sae-default")]
        assert [float(x) for x in row] == pytest.approx(means, abs=6e-4), section
    known = tables["ml-100k, ratings"]
    headline = [known[model]["rmse_seen"] for model in ("sae-plain", "bias")]
    headline += [known[model]["rmse"] for model in ("sae-plain", "bias", "sae-default")]
    said = re.findall(r"\d?\.\d{3}", text[: text.index("![")])
    assert [float(x) for x in said] == pytest.approx(headline, abs=6e-4)


def test_the_readme_describes_the_picture_as_it_was_drawn():
    [alt] = re.findall(
        r"!\[(.*)\]\(notebooks/figures/overview\.png\)", (ROOT / "README.md").read_text()
    )
    with Image.open(ROOT / "notebooks/figures/overview.png") as picture:
        assert alt == picture.text["Description"], "python notebooks/figures/overview.py prints it"


def test_each_module_imports_only_from_those_before_it():
    assert sorted(house.modules()) == sorted(house.ORDER)
    for module, path in house.modules().items():
        for used in house.imported(path):
            if used.startswith("saelib."):
                assert used in house.ORDER, f"{module} imports {used}"
                assert house.ORDER.index(used) < house.ORDER.index(module), f"{module}: {used}"


def test_the_package_describes_its_files_in_that_order():
    lines = re.findall(r"^    (\w+(?:, \w+)*)  +\S", saelib.__doc__, re.MULTILINE)
    described = [f"saelib.{name}" for line in lines for name in line.split(", ")]
    assert len(described) > 10
    assert described == [module for module in house.ORDER if module in described]


def test_the_order_is_read_from_any_import(tmp_path):
    """Also from one in a function, or of a module by its package's name."""
    path = tmp_path / "x.py"
    path.write_text("def f():\n    from saelib.recommend import words\n    import saelib.cli\n")
    assert list(house.imported(path)) == ["saelib.recommend.words", "saelib.cli"]


def test_only_what_trains_needs_torch():
    with_torch = {
        module
        for module, path in house.modules().items()
        if any(used.split(".")[0] == "torch" for used in house.imported(path))
    }
    trains = {f"saelib.{name}" for name in "cells heads autoencoder family training".split()}
    assert with_torch == trains | {"saelib.model"}  # where a network over people is loaded


def test_what_people_touch_asks_a_recommender_and_not_the_model_behind_it():
    for module, path in house.modules().items():
        if module.startswith(("saelib.panel.", "saelib.commands")):
            tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            reached = {node.attr for node in tree if isinstance(node, ast.Attribute)}
            assert not reached & {"liking", "ease", "vectors", "posterior"}, module


def test_the_picture_of_the_house_is_that_of_today():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    with Image.open(house.FIGURE) as picture:
        assert picture.text["Description"] == house.WORDS, "python tests/house.py"
    assert f"![{house.WORDS}](notebooks/figures/house.png)" in text


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("not in a git clone")
    return [ROOT / name for name in done.stdout.split("\0") if name]


def test_no_data_nothing_large_and_no_machine_in_the_repository():
    allowed = {"notebooks", "saelib", "data", "models", "tests"}
    for path in tracked():
        inside = path.relative_to(ROOT)
        assert len(inside.parts) == 1 or inside.parts[0] in allowed or inside.parts[0][0] == "."
        if not path.exists():
            continue
        assert path.stat().st_size < 2**20, path
        if inside.parts[0] in ("data", "models"):
            assert inside.name in ("README.md", ".gitignore"), path
        if path.suffix not in (".png", ".mo") and path != Path(__file__).resolve():
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(?<![\w.])/(root|home/\w+|Users/\w+)/", text), path
            assert not re.search(r"pypi\.org|pythonhosted|download\.pytorch", text), path
