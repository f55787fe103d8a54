"""One set of versions, no data, no path of a machine in the repository."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import house
import pytest
import yaml
from packaging.specifiers import SpecifierSet
from PIL import Image

import saelib

ROOT = Path(__file__).resolve().parent.parent


def test_the_locked_versions_take_the_oldest_python():
    """3.11.0 included: Debian 12 has 3.11.2, and some packages begin with 3.11.5."""
    lock = (ROOT / "constraints.txt").read_text().splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = project["requires-python"].removeprefix(">=")
    checked = set()
    for installed in importlib.metadata.distributions():
        if f"{installed.name}=={installed.version.partition('+')[0]}" in lock:
            wanted = installed.metadata.get("Requires-Python")
            assert wanted is None or oldest in SpecifierSet(wanted), (installed.name, wanted)
            checked.add(installed.name)
    assert "pytest" in checked  # where the oldest versions of the ranges are installed, too


def test_binder_and_the_readme_install_what_is_locked():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *_, packages = environment["dependencies"]
    assert packages == {"pip": ["--constraint constraints.txt", "--editable .[notebooks,test]"]}
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


def test_the_version_is_said_once_and_the_public_names_exist():
    assert importlib.metadata.version("saelib") == saelib.__version__
    for name in saelib.__all__:
        assert getattr(saelib, name).__doc__ or name == "RECIPES"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        saelib.nothing  # noqa: B018


def published(section: str, model: str, column: str) -> float:
    """A mean of models/README.md, from the first table of models in that section."""
    text = (ROOT / "models/README.md").read_text(encoding="utf-8")
    parts = rf"^### {section}, seed.*?^(\| model \|.*?)\n\n"
    [table] = re.findall(parts, text, re.MULTILINE | re.DOTALL)
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    [row] = [row for row in rows if row[0] == model]
    return float(row[rows[0].index(column)].split()[0])


def test_the_figures_of_the_readme_are_means_of_the_published_tables():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    number = r" \**(\d?\.\d{3})\** \|"
    rows = re.findall(r"^\|.*\|" + 3 * number + "$", text, re.MULTILINE)
    columns = {"ratings": "rmse", "new-users": "20", "ranking": "ndcg@10"}
    order = [(f"{data}, {part}", part) for part in columns for data in ("ml-100k", "ml-1m")]
    for (section, part), row in zip(order, rows, strict=True):
        models = ("bias", "sae-plain", "sae-default")
        means = [published(section, model, columns[part]) for model in models]
        assert [float(x) for x in row] == pytest.approx(means, abs=6e-4), section
    headline = [("sae-plain", "rmse_seen"), ("bias", "rmse_seen")]
    headline += [(model, "rmse") for model in ("sae-plain", "bias", "sae-default")]
    means = [published("ml-100k, ratings", *of) for of in headline]
    said = re.findall(r"\d?\.\d{3}", text[: text.index("![")])
    assert [float(x) for x in said] == pytest.approx(means, abs=6e-4)


@pytest.mark.parametrize(
    ("text", "figure"), [("README.md", "overview.png"), ("CONTRIBUTING.md", "house.png")]
)
def test_a_text_describes_its_picture_as_it_was_drawn(text, figure):
    alt = rf"!\[(.*)\]\(notebooks/figures/{figure}\)"
    [told] = re.findall(alt, (ROOT / text).read_text(encoding="utf-8"))
    with Image.open(ROOT / "notebooks/figures" / figure) as picture:
        assert told == picture.text["Description"], "its script prints it"
        assert figure != "house.png" or told == house.WORDS, "python tests/house.py"


def test_each_module_imports_only_from_those_before_it_and_is_described_in_that_order():
    assert sorted(house.modules()) == sorted(house.ORDER)
    for module, path in house.modules().items():
        for used in house.imported(path):
            if used.startswith("saelib."):
                assert used in house.ORDER, f"{module} imports {used}"
                assert house.ORDER.index(used) < house.ORDER.index(module), f"{module}: {used}"
    lines = re.findall(r"^    (\w+(?:, \w+)*)  +\S", saelib.__doc__, re.MULTILINE)
    described = [f"saelib.{name}" for line in lines for name in line.split(", ")]
    assert len(described) > 10
    assert described == [module for module in house.ORDER if module in described]


def test_no_data_nothing_large_and_no_machine_in_the_repository():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("not in a git clone")
    for name in filter(None, done.stdout.split("\0")):
        path, [folder, *inside] = ROOT / name, Path(name).parts
        known = folder in ("notebooks", "saelib", "data", "models", "tests")
        assert known or not inside or folder[0] == ".", name
        assert path.stat().st_size < 2**20, name
        if folder in ("data", "models"):
            assert path.name in ("README.md", ".gitignore"), name
        if path.suffix not in (".png", ".mo") and path != Path(__file__).resolve():
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(?<![\w.])/(root|home/\w+|Users/\w+)/", text), name
            assert not re.search(r"pypi\.org|pythonhosted|download\.pytorch", text), name
