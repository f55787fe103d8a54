"""Draw the picture of the README: python notebooks/figures/overview.py

Trains one network, and reads the errors of the others in ladder.jsonl. Prints the text that stands
for the picture in the README; the picture carries it, too.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from saelib.model import train
from saelib.movielens import load
from saelib.plots import STYLE, plot_errors, plot_history
from saelib.recipes import RECIPES

HERE = Path(__file__).resolve().parent
MODELS = ["global-mean", "item-mean", "bias", "sae-plain", "sae-default"]

table = pd.read_json(HERE.parent / "ladder.jsonl", lines=True)
errors = table.groupby("model")[["rmse_seen", "rmse"]].mean().loc[MODELS]
history = train(load("ml-100k"), "default", seed=0, progress=False).history
baseline = table.query("model == 'bias' and seed == 0")["rmse"].item()
epochs, rows = len(history.train_loss), RECIPES["default"].rows

with plt.rc_context(STYLE):
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
plot_history(history, baseline=baseline, ax=left)
left.set_title(f"Training sae-default, {rows} as rows: {epochs} epochs, seed 0")
left.set_xticks(range(0, epochs + 1, 5))
left.legend(loc="center right", bbox_to_anchor=(1, 0.38))
plot_errors(errors.reset_index(), ax=right)
right.set_title("Remembered and known: means of seeds 0 to 4")

training = [loss**0.5 for loss in history.train_loss]
validation = [loss**0.5 for loss in history.validation_loss]
said = ", ".join(f"{name} {seen:.2f} and {test:.2f}" for name, seen, test in errors.itertuples())
alt = (
    f"Left: the network of sae-default that reads {rows} as rows, in its {epochs} epochs (seed 0). "
    f"Its error goes from {training[0]:.2f} to {training[-1]:.2f} stars for the training ratings "
    f"and from {validation[0]:.2f} to {validation[-1]:.2f} for validation ratings; the bias "
    f"baseline has {baseline:.2f}. Right: the error of the ratings that a model was shown and that "
    f"of test ratings, means of seeds 0 to 4: {said}."
)
figure.savefig(HERE / "overview.png", metadata={"Description": alt})
print(alt)
