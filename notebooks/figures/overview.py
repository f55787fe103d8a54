"""Draw the picture of the README: python notebooks/figures/overview.py"""

from pathlib import Path

import matplotlib.pyplot as plt

from saelib.datasets import load
from saelib.evaluation import evaluate
from saelib.learn import train
from saelib.plots import STYLE, plot_errors, plot_history

data = load("ml-100k")
errors = evaluate(data, "ratings", ["plain", "default"], seed=0)
history = train(data, "default", seed=0).histories[0]
with plt.rc_context(STYLE):
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
baseline = errors.set_index("model").loc["bias", "rmse"]
plot_history(history, baseline=baseline, ax=left)
plot_errors(errors, ax=right)
figure.savefig(Path(__file__).with_suffix(".png"))
