"""Draw the picture of the README: python notebooks/figures/overview.py

Trains on five splits, which takes some minutes, and prints the text that stands for the picture in
the README; the picture carries it, too.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from saelib.data.releases import load
from saelib.evaluation import evaluate
from saelib.model.learn import train
from saelib.network.recipes import find_recipe
from saelib.plots import STYLE, plot_errors, plot_history

data = load("ml-100k")
tables = pd.concat(evaluate(data, "ratings", ["plain", "default"], seed) for seed in range(5))
errors = tables.groupby("model", sort=False)[["rmse_seen", "rmse"]].mean()
history = train(data, "default", seed=0, progress=False).histories[0]
baseline = tables.query("model == 'bias' and seed == 0")["rmse"].item()
epochs, rows = len(history.train_loss), find_recipe("default").networks[0].rows

with plt.rc_context(STYLE):
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
plot_history(history, baseline=baseline, ax=left)
left.set_title(f"Training sae-default, {rows} as rows: {epochs} epochs, seed 0")
left.set_xticks(range(0, epochs + 1, 5))
plot_errors(errors.reset_index(), ax=right)
right.set_title("Remembered and known: means of seeds 0 to 4")

train_error = [loss**0.5 for loss in history.train_loss]
held_out = [loss**0.5 for loss in history.validation_loss]
models = ", ".join(f"{name} {seen:.2f} and {new:.2f}" for name, seen, new in errors.itertuples())
alt = (
    f"Left: the network of sae-default that reads {rows} as rows, in its {epochs} epochs (seed 0). "
    f"Its error goes from {train_error[0]:.2f} to {train_error[-1]:.2f} stars for the training "
    f"ratings and from {held_out[0]:.2f} to {held_out[-1]:.2f} for held-out ones; the bias "
    f"baseline has {baseline:.2f}. Right: the error of the ratings that a model was fed and that "
    f"of unseen ratings, means of seeds 0 to 4: {models}."
)
figure.savefig(Path(__file__).with_suffix(".png"), metadata={"Description": alt})
print(alt)
