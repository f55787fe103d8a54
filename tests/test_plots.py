"""Figures show the numbers they are given, and those with sliders follow these."""

import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Rectangle

from saelib.evaluation import History
from saelib.plots import Live, plot_cells, plot_history, show

matplotlib.use("agg")
HISTORY = History(train_loss=[4.0, 1.0, 0.25], validation_loss=[4.0, 1.0, 2.25], best_epoch=2)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_a_history_is_drawn_in_stars_with_its_best_epoch_and_the_baseline():
    lines = {x.get_label(): list(x.get_ydata()) for x in plot_history(HISTORY, baseline=0.9).lines}
    assert lines == {
        "training ratings": [2, 1, 0.5],
        "validation ratings": [2, 1, 1.5],
        "lowest: 1.00 in epoch 2": [1],
        "the biases: 0.90": [0.9, 0.9],
    }


def test_a_cell_that_is_shown_and_measured_is_hatched():
    stars = np.array([[5, 0, 3], [0, 2, 1]])
    shown = np.array([[True, False, True], [False, False, False]])
    measured = np.array([[False, False, True], [False, True, False]])
    ax = plot_cells(stars, shown, measured, plt.subplots()[1])
    boxes = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert len(boxes) == 3, "the rating that is neither shown nor measured has no colour"
    assert [int(box.get_x()) for box in boxes if box.get_hatch()] == [2]
    assert sorted(text.get_text() for text in ax.texts) == ["1", "2", "3", "5"]


def test_a_picture_comes_with_its_text(monkeypatch):
    outputs = []
    monkeypatch.setattr("saelib.plots.display", lambda *a, **k: outputs.append((a, k)))
    plot_history(HISTORY)
    show("Errors that fall")
    [((data,), options)] = outputs
    assert data["text/plain"] == options["metadata"]["image/png"]["alt"] == "Errors that fall"
    assert data["image/png"].startswith("iVBOR")
    assert not plt.get_fignums(), "it is not shown a second time"


def test_what_is_shown_follows_the_sliders_and_is_remembered():
    """The picture has the words as its text, and nothing of them is markup."""
    drawn = []

    def draw(width, share_hidden):
        drawn.append((width, share_hidden))
        plt.plot([0, width])
        return f"width {width}, <{share_hidden:.0%}> hidden"

    live = Live(draw, {"width": 5, "share_hidden": 0.5}, width=[1, 5], share_hidden=[0.0, 0.5])
    first, form = live.figure.value, r'<img alt="(.*)" src="data:image/png;base64,(.{1000,})">'
    assert live.words.value == re.fullmatch(form, first)[1] == "width 5, &lt;50%&gt; hidden"
    width, share = live.controls.values()
    assert (width.description, share.description) == ("width", "share hidden")
    assert live.children == (width, share, live.words, live.figure)
    width.value = 1
    assert live.words.value == "width 1, &lt;50%&gt; hidden" and live.figure.value != first
    width.value = 5
    assert live.figure.value == first and drawn == [(5, 0.5), (1, 0.5)], "nothing twice"
    assert not plt.get_fignums()
