"""One set of versions, no data, no path of a machine in the repository."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import saelib

ROOT = Path(__file__).resolve().parent.parent


def pins(lines) -> dict[str, str]:
    """name -> version; fails on a line that pins nothing."""
    found = {}
    for line in lines:
        name, version = re.fullmatch(r"([A-Za-z0-9._-]+)==([\w.]+)", line).groups()
        found[name.lower().replace("_", "-")] = version
    return found


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def wanted() -> dict[str, str]:
    extras = project()["optional-dependencies"]
    return pins(project()["dependencies"] + extras["notebooks"] + extras["test"])


def test_the_constraints_pin_what_pyproject_wants():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    constraints = pins(line for line in lines if not line.startswith("#"))
    assert wanted().items() <= constraints.items()


def test_conda_gets_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    [pip] = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    assert pins(line for line in pip if not line.startswith("--")) == wanted()
    assert "--constraint constraints.txt" in pip
    [python] = [d for d in environment["dependencies"] if str(d).startswith("python=")]
    assert python.removeprefix("python=") in project()["requires-python"]


def test_the_public_names_exist():
    for name in saelib.__all__:
        assert getattr(saelib, name).__doc__ or name == "RECIPES"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        saelib.nothing  # noqa: B018


def test_each_module_imports_only_from_those_before_it():
    order = (
        "errors layouts download datasets preprocessing features heads model storage recipes "
        "history training fold_in rating_model choice taste trained_model learn evaluation profile "
        "recommendation elicitation session plots markup widgets page checks interview cli __main__"
    ).split()
    assert {path.stem for path in (ROOT / "saelib").glob("*.py")} == {*order, "__init__"}
    for path in (ROOT / "saelib").glob("*.py"):
        for used in re.findall(r"from saelib\.(\w+) import", path.read_text()):
            assert order.index(used) < order.index(path.stem), f"{path.stem} imports {used}"


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
        if path.suffix not in (".png",) and path != Path(__file__).resolve():
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(?<![\w.])/(root|home/\w+|Users/\w+)/", text), path
            assert not re.search(r"pypi\.org|pythonhosted|download\.pytorch", text), path
