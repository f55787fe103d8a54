"""The figures of the series. Each draws what it is given and returns the matplotlib axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from saelib.model.taste import EDGE, TasteMap
from saelib.network.history import History

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

    baseline: RMSE of a simple model on the same held-out ratings, drawn as a line.
    """
    with plt.rc_context(STYLE):
        ax = ax or plt.subplots(layout="constrained")[1]
        epochs = np.arange(1, len(history.train_loss) + 1)
        ax.plot(epochs, np.sqrt(history.train_loss), color=BLUE, label="training ratings")
        if history.validation_loss:
            errors = np.sqrt(history.validation_loss)
            ax.plot(epochs, errors, color=ORANGE, label="held-out ratings")
            best = history.best_epoch
            lowest = f"lowest: {errors[best - 1]:.3f} in epoch {best}"  # a box would hide the curve
            ax.plot(best, errors[best - 1], "o", color=ORANGE, label=lowest)
        if baseline is not None:
            ax.axhline(baseline, color=GREY, linestyle="--", label=f"bias baseline: {baseline:.3f}")
        ax.set(xlabel="epoch", ylabel="RMSE in stars", title="Error while training")
        ax.legend()
    return ax


def plot_histories(histories: Sequence[History], *, baseline: float | None = None) -> Figure:
    """`plot_history` of several networks, side by side."""
    with plt.rc_context(STYLE):
        size = (6 * len(histories), 4)
        figure, axes = plt.subplots(
            1, len(histories), figsize=size, sharey=True, squeeze=False, layout="constrained"
        )
        for number, (history, ax) in enumerate(zip(histories, axes[0]), start=1):
            plot_history(history, baseline=baseline, ax=ax)
            if len(histories) > 1:
                ax.set_title(f"Error while training network {number} of {len(histories)}")
    return figure


def plot_errors(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Error of the ratings shown beside that of unseen ratings, one pair of bars a model.

    table: a table of the `ratings` protocol (model, rmse_seen, rmse; stars), one row a model.
    """
    with plt.rc_context(STYLE):
        ax = ax or plt.subplots(layout="constrained")[1]
        place = np.arange(len(table))[::-1]
        for column, shift, colour, name in [
            ("rmse_seen", 0.2, GREY, "ratings it was fed (flattering)"),
            ("rmse", -0.2, ORANGE, "unseen ratings (honest)"),
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


def plot_taste(
    taste_map: TasteMap, place: tuple[float, float] | None = None, ax: Axes | None = None
) -> Axes:
    """The people of a `TasteMap`, the genres liked here and there, and one more person's place."""
    with plt.rc_context(STYLE):
        ax = ax or plt.subplots(figsize=(7, 6), layout="constrained")[1]
        dots = taste_map.people.clip(-EDGE, EDGE)
        size = 6 + 3000 / max(len(dots), 200)
        ax.scatter(
            dots[:, 0], dots[:, 1], s=size, color=BLUE, alpha=0.4, linewidths=0, label="a person"
        )
        for name, (x, y) in zip(taste_map.names, taste_map.places):
            back = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.8}
            ax.text(x, y, name, ha="center", va="center", color="black", weight="bold", bbox=back)
        if place is not None:
            x, y = np.clip(place, -EDGE, EDGE)
            ax.scatter(
                x, y, s=320, color=ORANGE, marker="*", edgecolors="black", zorder=4, label="you"
            )
        edge = EDGE + 0.1
        ax.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal")
        ax.set(xticks=[], yticks=[], title="People of similar taste stand close together")
        ax.set(xlabel="first axis of the code layer", ylabel="second axis")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=2)
    return ax
