"""The figures of the series. Each draws what it is given and returns the matplotlib axes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from saelib.training import History

# Okabe and Ito's colours, told apart by colour-blind readers; mid-tones stand on light and dark.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"

STYLE = {
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
            ax.plot(best, errors[best - 1], "o", color=ORANGE)
            ax.annotate(
                f"{errors[best - 1]:.3f} (epoch {best})",
                (best, errors[best - 1]),
                xytext=(0, 10),
                textcoords="offset points",
                ha="right" if best > len(epochs) / 2 else "left",
            )
        if baseline is not None:
            ax.axhline(baseline, color=GREY, linestyle="--", label=f"bias baseline: {baseline:.3f}")
        ax.set(xlabel="epoch", ylabel="RMSE in stars", title="Error while training")
        ax.legend()
    return ax
