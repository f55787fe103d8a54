"""The figures of the series: each draws what it is given and returns the matplotlib axes."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from html import escape
from typing import Any

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.core.pylabtools import print_figure
from IPython.display import display
from matplotlib.axes import Axes

from saelib.evaluation import History

# Okabe and Ito's colours, told apart by colour-blind readers; mid-tones stand on light and dark.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
STYLE: dict[Any, Any] = {
    "figure.figsize": (7, 4),
    "figure.dpi": 110,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "font.size": 11,
    "lines.linewidth": 2,
    "legend.frameon": False,
}


def show(alt: str) -> None:
    """Show the current figure in a notebook; alt says what it shows to who does not see it."""
    image = print_figure(plt.gcf(), base64=True)
    plt.close()
    display({"image/png": image, "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)


def plot_history(history: History, baseline: float | None = None) -> Axes:
    """RMSE of each epoch in stars. baseline: that of a simple model, of the validation ratings."""
    with plt.rc_context(STYLE):
        ax = plt.subplots(layout="constrained")[1]
        epochs = np.arange(1, len(history.train_loss) + 1)
        errors, best = np.sqrt(history.validation_loss), history.best_epoch
        lowest = f"lowest: {errors[best - 1]:.2f} in epoch {best}"  # a box would hide the curve
        ax.plot(epochs, np.sqrt(history.train_loss), color=BLUE, label="training ratings")
        ax.plot(epochs, errors, color=ORANGE, label="validation ratings")
        ax.plot(best, errors[best - 1], "o", color=ORANGE, label=lowest)
        if baseline is not None:
            ax.axhline(baseline, color=GREY, linestyle="--", label=f"the biases: {baseline:.2f}")
        ax.set(xlabel="epoch", ylabel="RMSE in stars", title="Error while training")
        ax.legend()
    return ax


def plot_cells(stars: np.ndarray, shown: np.ndarray, measured: np.ndarray, ax: Axes) -> Axes:
    """A small rating matrix, and what is done with each of its ratings.

    stars: (n_people, n_films), 0 where there is no rating. shown, measured: bool, same shape, which
    the model is given, and which count in its error. Of what is both, hatched, it had the answer.
    """
    looks: list[tuple[np.ndarray, str, dict[str, Any]]] = [
        (shown & ~measured, "shown to the model", {"fc": "#BBD9EC", "ec": GREY}),
        (measured & ~shown, "test ratings: measured", {"fc": "#F5B78F", "ec": ORANGE}),
        (shown & measured, "shown AND measured", {"fc": "#BBD9EC", "ec": ORANGE, "hatch": "///"}),
    ]
    n_people, n_films = stars.shape
    lines: dict[str, Any] = {"color": "#D0D0D0", "lw": 0.8, "zorder": 0, "clip_on": False}
    back = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "none"}
    with plt.rc_context(STYLE | {"hatch.linewidth": 1.5}):
        for cells, label, look in looks:
            person, film = np.nonzero(cells & (stars > 0))
            if len(film):
                ax.bar(film + 0.5, 0.88, 0.88, person + 0.06, lw=1.5, label=label, **look)
        for person, film in np.argwhere(stars > 0):
            text = f"{stars[person, film]:g}"
            ax.text(film + 0.5, person + 0.5, text, ha="center", va="center", bbox=back)
        ax.hlines(range(n_people + 1), 0, n_films, **lines)
        ax.vlines(range(n_films + 1), 0, n_people, **lines)
        ax.set_xticks(np.arange(n_films) + 0.5, np.arange(n_films) + 1)
        ax.set_yticks(np.arange(n_people) + 0.5, np.arange(n_people) + 1)
        ax.tick_params(length=0)
        ax.grid(False)
        ax.spines[:].set_visible(False)
        ax.set(xlabel="film", ylabel="person", xlim=(0, n_films), ylim=(n_people, 0), aspect=1)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), fontsize=10)
    return ax


class Live(widgets.VBox):
    """Sliders, and under them the figure that `draw` makes of their values.

    draw: draws the current matplotlib figure, and returns what it shows in words; what was drawn
    once is remembered. start: the first values, by name. choices: the values of each slider.
    """

    def __init__(self, draw: Callable[..., str], start: dict, **choices: Sequence):
        self.picture = cache(partial(_picture, draw))
        self.words, self.figure = widgets.HTML(), widgets.HTML()
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
            control.observe(self.follow, "value")
        super().__init__([*self.controls.values(), self.words, self.figure])
        self.follow()

    def follow(self, *_change: object) -> None:
        """Draw the figure of the sliders' values, or show it again."""
        self.words.value = "One moment …"
        values = {name: control.value for name, control in self.controls.items()}
        self.words.value, self.figure.value = self.picture(**values)


def _picture(draw: Callable[..., str], **values: float) -> tuple[str, str]:
    """What `draw` says of its figure, and the figure, in HTML."""
    words = escape(draw(**values))
    code = print_figure(plt.gcf(), bbox_inches=None, base64=True)
    plt.close()
    return words, f'<img alt="{words}" src="data:image/png;base64,{code}">'
