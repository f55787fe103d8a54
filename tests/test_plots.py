"""The figures show the numbers they are given."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from saelib.network.history import History
from saelib.plots import plot_cells, plot_errors, plot_histories, plot_history, show

matplotlib.use("agg")
HISTORY = History(train_loss=[4.0, 1.0, 0.25], validation_loss=[4.0, 1.0, 2.25], best_epoch=2)


def test_a_history_is_drawn_in_stars_with_its_best_epoch_and_the_baseline():
    ax = plot_history(HISTORY, baseline=0.9)
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert list(lines["training ratings"]) == [2, 1, 0.5]
    assert list(lines["held-out ratings"]) == [2, 1, 1.5]
    assert set(lines["bias baseline: 0.900"]) == {0.9}
    assert list(lines["lowest: 1.000 in epoch 2"]) == [1] and not ax.texts
    assert len(plot_histories([HISTORY, HISTORY]).axes) == 2


def test_each_model_has_a_flattering_and_an_honest_bar():
    table = pd.DataFrame({"model": ["a", "b"], "rmse_seen": [0.5, 0.75], "rmse": [1.0, 0.8]})
    ax = plot_errors(table)
    assert [bar.get_width() for bar in ax.patches] == [0.5, 0.75, 1.0, 0.8]
    assert {label.get_text() for label in ax.get_yticklabels()} == {"a", "b"}


def test_a_cell_that_is_shown_and_measured_is_hatched():
    stars = np.array([[5, 0, 3], [0, 2, 1]])
    shown = np.array([[True, False, True], [False, False, False]])
    measured = np.array([[False, False, True], [False, True, False]])
    ax = plot_cells(stars, shown, measured)
    boxes = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    hatched = [box for box in boxes if box.get_hatch()]
    assert len(boxes) == 3, "the rating that is neither shown nor measured has no colour"
    assert [int(box.get_x()) for box in hatched] == [2]
    assert sorted(text.get_text() for text in ax.texts) == ["1", "2", "3", "5"]


def test_a_picture_comes_with_its_text(monkeypatch):
    outputs = []
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: outputs.append((a, k)))
    plot_history(HISTORY)
    show("Errors that fall")
    [((data,), options)] = outputs
    assert data["text/plain"] == "Errors that fall"
    assert options["metadata"]["image/png"]["alt"] == "Errors that fall"
    assert data["image/png"].startswith("iVBOR")
    assert not matplotlib.pyplot.get_fignums(), "it is not shown a second time"


@pytest.fixture(autouse=True)
def _close():
    yield
    matplotlib.pyplot.close("all")
