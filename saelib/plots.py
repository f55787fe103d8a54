"""The figures of the series: each draws what it is given and returns the matplotlib axes."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from typing import Any

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from saelib.evaluation import History

# Okabe and Ito's colours, told apart by colour-blind readers; mid-tones stand on light and dark.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"

STYLE: dict[Any, Any] = {
    "figure.figsize": (7, 4),
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "font.size": 11,
    "lines.linewidth": 2,
    "legend.frameon": False,
}


def show(alt: str) -> None:
    """Show the current figure in a notebook, with a text for those who do not see it.

    alt: what the picture says; it stands in the notebook as the image's alternative text and as
    its plain text, where `plt.show()` would leave '<Figure size ...>'.
    """
    from IPython.core.pylabtools import print_figure
    from IPython.display import display

    figure = plt.gcf()
    image = print_figure(figure, fmt="png", base64=True)
    plt.close(figure)
    display({"image/png": image, "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)


def plot_history(
    history: History, *, baseline: float | None = None, ax: Axes | None = None
) -> Axes:
    """Training and validation error of each epoch, in stars (RMSE).

    baseline: RMSE of a simple model on the same validation ratings, drawn as a line.
    """
    with plt.rc_context(STYLE):
        ax = ax or plt.subplots(layout="constrained")[1]
        epochs = np.arange(1, len(history.train_loss) + 1)
        ax.plot(epochs, np.sqrt(history.train_loss), color=BLUE, label="training ratings")
        if history.validation_loss:
            errors = np.sqrt(history.validation_loss)
            ax.plot(epochs, errors, color=ORANGE, label="validation ratings")
            best = history.best_epoch
            lowest = f"lowest: {errors[best - 1]:.3f} in epoch {best}"  # a box would hide the curve
            ax.plot(best, errors[best - 1], "o", color=ORANGE, label=lowest)
        if baseline is not None:
            ax.axhline(baseline, color=GREY, linestyle="--", label=f"bias baseline: {baseline:.3f}")
        ax.set(xlabel="epoch", ylabel="RMSE in stars", title="Error while training")
        ax.legend()
    return ax


def plot_errors(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Error of the ratings shown beside that of unseen ratings, one pair of bars a model.

    table: a table of the `ratings` protocol (model, rmse_seen, rmse; stars), one row a model.
    """
    with plt.rc_context(STYLE):
        ax = ax or plt.subplots(layout="constrained")[1]
        place = np.arange(len(table))[::-1]
        for column, shift, colour, name in [
            ("rmse_seen", 0.2, GREY, "ratings shown (flattering)"),
            ("rmse", -0.2, ORANGE, "test ratings (honest)"),
        ]:
            bars = ax.barh(place + shift, table[column], 0.38, color=colour, label=name)
            ax.bar_label(bars, fmt="%.2f", padding=3)
        ax.set_yticks(place, table["model"])
        ax.set(xlabel="RMSE in stars", title="What a model remembers, and what it knows")
        ax.grid(False)
        ax.set_xlim(right=1.15 * table[["rmse", "rmse_seen"]].to_numpy().max())
        ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=2)
    return ax


def plot_cells(
    stars: np.ndarray, shown: np.ndarray, measured: np.ndarray, ax: Axes | None = None
) -> Axes:
    """A small rating matrix, and what is done with each of its ratings.

    stars: (n_people, n_films), 0 where there is no rating. shown: bool, of the same shape, which
    ratings the model is given. measured: bool, which ratings count in the reported error. A cell
    that is both is hatched: its answer was given away.
    """
    looks = {
        (True, False): ("shown to the model", "#BBD9EC", GREY, ""),
        (False, True): ("hidden, and measured", "#F5B78F", ORANGE, ""),
        (True, True): ("shown AND measured", "#BBD9EC", ORANGE, "///"),
    }
    with plt.rc_context(STYLE | {"hatch.linewidth": 1.5}):
        ax = ax or plt.subplots(layout="constrained")[1]
        n_people, n_films = stars.shape
        labelled = set()
        for person, film in np.argwhere(stars > 0):
            look = looks.get((bool(shown[person, film]), bool(measured[person, film])))
            if look is not None:
                name, fill, edge, hatch = look
                place = (film + 0.06, person + 0.06)
                label = None if name in labelled else name
                box = Rectangle(place, 0.88, 0.88, fc=fill, ec=edge, lw=1.5, label=label)
                box.set_hatch(hatch)
                ax.add_patch(box)
                labelled.add(name)
            centre = (film + 0.5, person + 0.5)
            back = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "none"}
            text = f"{stars[person, film]:g}"
            ax.text(*centre, text, ha="center", va="center", color="black", bbox=back)
        ax.set_xticks(np.arange(n_films) + 0.5, [str(n) for n in range(1, n_films + 1)])
        ax.set_yticks(np.arange(n_people) + 0.5, [str(n) for n in range(1, n_people + 1)])
        ax.tick_params(length=0)
        ax.set(xlabel="film", ylabel="person")
        ax.grid(False)
        ax.hlines(range(n_people + 1), 0, n_films, color="#D0D0D0", lw=0.8, zorder=0, clip_on=False)
        ax.vlines(range(n_films + 1), 0, n_people, color="#D0D0D0", lw=0.8, zorder=0, clip_on=False)
        ax.set(xlim=(0, n_films), ylim=(n_people, 0), aspect="equal")
        ax.spines[:].set_visible(False)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), fontsize=10)
    return ax


# -- Figures that follow sliders --------------------------------------------------------------


class Live(widgets.VBox):
    """Sliders, and under them the figure that `draw` makes of their values.

    draw: draws the current matplotlib figure, and returns what it shows in words. It may take
    seconds, such as a training: meanwhile a line says so, and what was drawn once is remembered.
    start: the values at first, by name. choices: for each slider, the values it can have.
    """

    def __init__(self, draw: Callable[..., str], start: dict, **choices: Sequence):
        self.words, self.moving = "", False
        self.picture_of = cache(lambda *values: _picture(draw, dict(zip(choices, values))))
        self.status, self.figure = widgets.HTML(), widgets.HTML()
        self.controls = {
            name: widgets.SelectionSlider(
                options=[(f"{value:g}", value) for value in values],
                value=start[name],
                description=name.replace("_", " "),
                continuous_update=False,
                style={"description_width": "initial"},
            )
            for name, values in choices.items()
        }
        for control in self.controls.values():
            control.observe(lambda change: self.follow(), "value")
        super().__init__([*self.controls.values(), self.status, self.figure])
        self.follow()

    def set(self, **values: float) -> str:
        """Move sliders, all at once, and return what the figure then shows in words."""
        self.moving = True  # nothing is drawn for the values between
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self.moving = False
        self.follow()
        return self.words

    def follow(self) -> None:
        """Draw the figure of the sliders' values, or show it again."""
        if self.moving:
            return
        self.status.value = "One moment …"
        try:
            self.words, self.figure.value = self.picture_of(
                *(c.value for c in self.controls.values())
            )
        except Exception as error:
            self.status.value = escape(f"{type(error).__name__}: {error}")
            raise
        self.status.value = escape(self.words)


def _picture(draw: Callable[..., str], values: dict) -> tuple[str, str]:
    """What `draw` says of its figure, and the figure in HTML."""
    words, image = draw(**values), io.BytesIO()
    plt.gcf().savefig(image, format="png")
    plt.close()
    code = base64.b64encode(image.getvalue()).decode()
    return words, f'<img alt="{escape(words)}" src="data:image/png;base64,{code}">'
