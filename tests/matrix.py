"""`make matrix`: the fast tests in a fresh environment of each Python on this machine.

The versions are those of the lock; in one more environment, of the oldest Python here, they are
the oldest that pyproject.toml allows. Nothing is set up yet, so only the standard library is used.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
ASK = "import os, sys; print(*sys.version_info[:3], os.path.realpath(sys.executable))"


def canonical(name: str) -> str:
    """The name of a package as all of its spellings have it."""
    return re.sub("[-_.]+", "-", name).lower()


def oldest_versions(requirements: Sequence[str], lock: Sequence[str]) -> list[str]:
    """`name==version` of each requirement: where it says `>=`, that version, else the lock's.

    What these packages need themselves is left to pip: the lock's versions are too new for them.
    """
    pins = [line.split("==") for line in lock if not line.startswith("#")]
    locked = {canonical(name): version for name, version in pins}
    lines = []
    for requirement in requirements:
        name, lowest = re.match(r"([\w.-]+)(?:>=([\w.]+))?", requirement).groups()
        lines.append(f"{name}=={lowest or locked[canonical(name)]}")
    return lines


def pythons() -> list[tuple[tuple[int, ...], str]]:
    """(version, path) of each Python here that is new enough, oldest first, each once."""
    names = ["python3", *(f"python3.{minor}" for minor in range(OLDEST[1], 30))]
    folders = os.environ["PATH"].split(os.pathsep)
    paths = [Path(sys.executable), *(Path(folder, name) for folder in folders for name in names)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    paths += pyenv.glob("versions/*/bin/python")
    found = set()
    for path in filter(Path.is_file, paths):
        done = subprocess.run([path, "-c", ASK], capture_output=True, text=True)
        if done.returncode == 0:  # a shim of pyenv may stand for a Python that is not chosen
            *version, real = done.stdout.split(maxsplit=3)
            found.add((tuple(map(int, version)), real.strip()))
    return sorted(python for python in found if python[0] >= OLDEST)


def fast_tests(python: str, constraints: Path) -> subprocess.CompletedProcess:
    """Set up an environment in a temporary folder and run the fast tests in it."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["make", "fast", f"PYTHON={python}", f"VENV={folder}/venv"]
        command.append(f"CONSTRAINTS={constraints}")
        return subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


def main() -> None:
    lock = ROOT / "constraints.txt"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + extras["notebooks"] + extras["test"]
    found = pythons()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        oldest = Path(folder) / "oldest.txt"
        oldest.write_text("\n".join(oldest_versions(wanted, lock.read_text().splitlines())))
        tries = [(*python, "locked", lock) for python in found]
        tries.append((*found[0], "oldest", oldest))
        print(f"{len(tries)} environments, each set up anew, 5 to 20 minutes each", flush=True)
        for version, path, versions, constraints in tries:
            done = fast_tests(path, constraints)
            if done.returncode != 0:
                failed = True
                print(*done.stdout.splitlines()[-40:], sep="\n")
            word = "ok    " if done.returncode == 0 else "FAILED"
            print(word, ".".join(map(str, version)), f"{versions} versions", path, flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
