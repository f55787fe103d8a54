"""The rating panel as a page without code, for visitors who have never seen a notebook."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nbformat
from voila.app import Voila


def notebook(model: Path) -> nbformat.NotebookNode:
    """The notebook behind the page: one cell, the panel over a saved model."""
    code = (
        "from saelib import RatingPanel, Recommender\n\n"
        f"RatingPanel(Recommender.load({str(model.resolve())!r}))"
    )
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    made.metadata["title"] = "Rate films, get recommendations"
    return made


def serve(model: Path, port: int, *, open_browser: bool = True, dark: bool = False) -> None:
    """Serve the panel on this machine with Voilà until it is stopped (Ctrl-C).

    Each visitor has a kernel of their own: nobody sees what another one told, and all of it is
    forgotten when the page is closed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rate-films.ipynb"
        nbformat.write(notebook(model), path)
        options = [f"--port={port}", f"--theme={'dark' if dark else 'light'}"]
        if not open_browser:
            options.append("--no-browser")
        Voila.launch_instance([str(path), *options])
