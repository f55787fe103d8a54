"""Draw the picture of the README: python notebooks/figures/overview.py

It shows what the lessons measure (ladder.jsonl) beside what people touch (panel.png). The text that
stands for the picture in the README is printed; the picture carries it, too.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from saelib.plots import GREY, ORANGE, STYLE

HERE = Path(__file__).resolve().parent
MODELS = ["global-mean", "item-mean", "bias", "sae-plain", "sae-default"]

table = pd.read_json(HERE.parent / "ladder.jsonl", lines=True)
errors = table.groupby("model")[["rmse_seen", "rmse"]].mean().loc[MODELS]

with plt.rc_context(STYLE):
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 4.6), layout="constrained")
place = np.arange(len(errors))[::-1]
for name, up, colour, label in [
    ("rmse_seen", 0.2, GREY, "ratings shown (flattering)"),
    ("rmse", -0.2, ORANGE, "test ratings (honest)"),
]:
    left.bar_label(left.barh(place + up, errors[name], 0.38, color=colour, label=label), fmt="%.2f")
left.set_yticks(place, errors.index)
left.set(xlabel="RMSE in stars", xlim=(0, 1.3))
left.set_title("The course: from means to the winner, measured honestly")
left.legend(loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=2)
left.grid(False)
right.imshow(plt.imread(HERE / "panel.png"), interpolation="antialiased")
right.set_title("The panel: rate films, and the list follows")
right.set_axis_off()

said = ", ".join(f"{name} {seen:.2f} and {test:.2f}" for name, seen, test in errors.itertuples())
alt = (
    "Left, the course: the error of the ratings that a model was shown and that of test ratings in "
    f"stars, means of seeds 0 to 4: {said}. Right, the panel: films, each with a slider from not "
    "seen to five stars, and beside them the recommended films as cards, each with its expected "
    "stars, how likely each number of stars is, its genres, and the reasons."
)
figure.savefig(HERE / "overview.png", metadata={"Description": alt})
print(alt)
