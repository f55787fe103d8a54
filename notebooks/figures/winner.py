"""Draw the picture of the whole recommender in notebook 08: python notebooks/figures/winner.py

Prints the text that stands for the picture there; the picture carries it, too.
"""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from saelib.plots import BLUE, GREEN, GREY, ORANGE, STYLE

HERE = Path(__file__).resolve().parent
ALT = (
    "From left to right: a film's row (residuals of its ratings, the mask of who rated it, genres "
    "and decade) goes through the encoder into a code of 1,000 numbers. The code is multiplied by "
    "the vector of a person, which is a part of their own plus a map of their description "
    "(fingerprint of what they rated, who they are). Slope times the biases of film and person is "
    "added: the score. Four thresholds cut it into the probabilities of one to five stars. Dashed: "
    "a new person's vector and bias come from the fold-in of the ratings shown. Below: EASE makes "
    "P(see) of the films seen; P(see) times P(like)^0.7 sorts the list."
)

# Name: centre, width, height, text, colour; grey is data, blue is learned by the network.
BOXES = {
    "residuals": (1.1, 5.0, 1.9, 0.6, "residuals · 943", GREY),
    "mask": (1.1, 4.25, 1.9, 0.6, "mask · 943", GREY),
    "facts": (1.1, 3.5, 1.9, 0.6, "genres, decade · 28", GREY),
    "encoder": (3.2, 4.25, 1.3, 0.9, "encoder,\ntanh", BLUE),
    "code": (5.0, 4.25, 1.6, 0.9, "code · 1,000\n(dropout ½)", BLUE),
    "times": (6.4, 4.25, 0.5, 0.5, "×", GREY),
    "plus": (8.1, 4.25, 0.5, 0.5, "+", GREY),
    "score": (9.25, 4.25, 0.9, 0.6, "score", BLUE),
    "thresholds": (10.7, 4.25, 1.4, 0.9, "four\nthresholds", BLUE),
    "vector": (6.4, 5.9, 2.6, 0.9, "vector of a person: own\n+ learned map · description", BLUE),
    "description": (3.1, 5.9, 3.1, 0.9, "description: fingerprint · 100,\nwho they are · 30", GREY),
    "biases": (9.2, 5.9, 2.4, 0.9, "slope · (film's bias +\nperson's bias)", BLUE),
    "shown": (1.4, 7.4, 2.5, 0.8, "ratings shown of\na new person", GREY),
    "fold-in": (7.8, 7.4, 3.4, 0.8, "fold-in: the top of\nprior × likelihood", ORANGE),
    "seen": (1.4, 1.2, 2.5, 0.8, "films seen, a 1,\nwho they are", GREY),
    "ease": (5.0, 1.2, 1.6, 0.8, "EASE", GREEN),
    "list": (10.3, 1.2, 3.6, 0.8, "the list is sorted by\nP(see) × P(like)$^{0.7}$", GREEN),
}
# From, to, side that it leaves and enters, label, dashed.
ARROWS = [
    ("residuals", "encoder", "right left", "", False),
    ("mask", "encoder", "right left", "", False),
    ("facts", "encoder", "right left", "", False),
    ("encoder", "code", "right left", "", False),
    ("code", "times", "right left", "", False),
    ("times", "plus", "right left", "", False),
    ("plus", "score", "right left", "", False),
    ("score", "thresholds", "right left", "", False),
    ("vector", "times", "bottom top", "", False),
    ("description", "vector", "right left", "", False),
    ("shown", "fold-in", "right left", "", True),
    ("seen", "ease", "right left", "", False),
    ("ease", "list", "right left", "P(see)", False),
]
SIDES = {"left": (-0.5, 0), "right": (0.5, 0), "top": (0, 0.5), "bottom": (0, -0.5)}


def side(name: str, where: str) -> tuple[float, float]:
    """The middle of one side of a box."""
    x, y, width, height = BOXES[name][:4]
    return x + SIDES[where][0] * width, y + SIDES[where][1] * height


def arrow(ax, start: tuple, end: tuple, dashed: bool = False) -> None:
    look = {"color": ORANGE, "linestyle": (0, (4, 3))} if dashed else {"color": "#404040"}
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=13, lw=1.5, **look))


with plt.rc_context(STYLE):
    ax = plt.subplots(figsize=(12, 7), layout="constrained")[1]
for name, (x, y, width, height, text, colour) in BOXES.items():
    corner = (x - width / 2 + 0.08, y - height / 2 + 0.08)
    style = "round,pad=0.08"
    line = "--" if name == "fold-in" else "-"
    box = FancyBboxPatch(corner, width - 0.16, height - 0.16, style, ec=colour, fc=f"{colour}18")
    box.set(linewidth=1.5, linestyle=line)
    ax.add_patch(box)
    ax.text(x, y, text, ha="center", va="center")
for start, end, sides, label, dashed in ARROWS:
    leave, enter = sides.split()
    (x, y), there = side(start, leave), side(end, enter)
    arrow(ax, (x, y), there, dashed)
    ax.text((x + there[0]) / 2, y + 0.12, label, ha="center")
for x in (6.4, 9.2):  # the vector and the bias are folded in
    arrow(ax, (x, 7.0), (x, 6.35), dashed=True)
arrow(ax, (8.1, 5.45), side("plus", "top"))
ax.text(1.1, 2.95, "a film's row", ha="center", va="center", weight="bold")
for level, height in enumerate((0.1, 0.2, 0.6, 1.0, 0.5)):
    ax.add_patch(plt.Rectangle((11.9 + 0.3 * level, 3.9), 0.24, height, color=BLUE))
    ax.text(12.02 + 0.3 * level, 3.6, f"{level + 1}", ha="center")
ax.text(12.6, 5.05, "P(stars)", ha="center")
arrow(ax, side("thresholds", "right"), (11.8, 4.25))
arrow(ax, (12.6, 3.45), (11.6, 1.65))
ax.text(12.3, 2.4, "P(like)")
ax.set(xlim=(0, 13.6), ylim=(0.6, 8), aspect="equal")
ax.axis("off")
ax.figure.savefig(HERE / "winner.png", metadata={"Description": ALT})
print(ALT)
