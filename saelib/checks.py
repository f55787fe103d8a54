"""Is this machine ready? One table of what the series needs and what was found."""

from __future__ import annotations

import importlib.metadata
import os
import sys

import pandas as pd
from packaging.requirements import Requirement

from saelib.data.releases import check_name, locate, models_folder, read
from saelib.errors import DataError


def check_setup(dataset: str = "ml-100k") -> pd.DataFrame:
    """Compare this machine with what the series needs.

    Returns one row per need: need, found, ok, and what to do where it is not ok ('' otherwise).
    """
    found_python = ".".join(map(str, sys.version_info[:2]))
    rows = [
        (
            "Python 3.11 or newer",
            found_python,
            sys.version_info >= (3, 11),
            "install a newer Python",
        )
    ]
    for line in importlib.metadata.requires("saelib") or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": "notebooks"}):
            continue
        try:
            found = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            found = "missing"
        ok = found != "missing" and wanted.specifier.contains(found, prereleases=True)
        rows.append((f"{wanted.name} {wanted.specifier}", found, ok, "run the set-up again"))
    check_name(dataset)
    todo = f"python -m saelib fetch --dataset {dataset}"
    try:
        folder = locate(dataset)
        if folder is not None:
            read(folder, dataset)  # that files are there does not mean that they are whole
        found = "on disk" if folder else "not on disk"
    except DataError as error:
        found, todo = "damaged", str(error)
    rows.append((f"data set {dataset}", found, found == "on disk", todo))
    folder = models_folder()
    writable = os.access(folder if folder.exists() else folder.parent, os.W_OK)
    rows.append(
        (
            "a folder for models",
            "writable" if writable else "read-only",
            writable,
            f"chmod {folder}",
        )
    )
    table = pd.DataFrame(rows, columns=["need", "found", "ok", "what to do"])
    return table.assign(**{"what to do": table["what to do"].where(~table["ok"], "")})
