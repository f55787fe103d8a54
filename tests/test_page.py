"""The page without code: the notebook behind it, and what is refused before it opens."""

from __future__ import annotations

import nbformat
import pytest

from saelib.cli import main
from saelib.page import notebook


def test_the_notebook_behind_the_page_is_one_cell_that_opens_the_model(trained, tmp_path):
    model = tmp_path / "it's a model.safetensors"
    trained.save(model)
    made = notebook(model)
    nbformat.validate(made)
    [cell] = made.cells
    names: dict = {}
    exec(cell.source.replace("RatingPanel(R", "made = RatingPanel(R"), names)
    assert names["made"].session.recommender.dataset == trained.dataset
    names["made"].close()


def test_a_missing_or_damaged_model_is_named_before_the_page_opens(tmp_path, capsys):
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"no model")
    for path in (tmp_path / "nowhere.safetensors", damaged):
        with pytest.raises(SystemExit) as ended:
            main(["panel", "--model", str(path), "--no-browser"])
        assert ended.value.code == 1
        assert path.name in capsys.readouterr().err
