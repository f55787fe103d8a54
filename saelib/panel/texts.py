"""What stands around at the panel and never changes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from saelib.language import _, number
from saelib.recommend import words
from saelib.recommend.profile import MAX_BYTES
from saelib.recommend.recommender import Recommender

FEW = 11  # levels of a scale: so many get a mark under the slider and a bar on a card each
SCRIPT = Path(__file__).with_name("panel.js").read_text(encoding="utf-8")
TEXTS = re.findall(r'\b_\("(.+?)"\)', SCRIPT)


def around(recommender: Recommender) -> dict:
    """Return the levels of the scale, names, and the texts of panel.js in the language spoken."""
    scale, films, dataset = recommender.scale, recommender.catalogue.films, recommender.dataset
    levels = scale.levels.round(6).tolist()
    n_marks = len(levels) if len(levels) <= FEW else 5
    about = _("From {films} films, by what {ratings} ratings of {dataset} tell.")
    n_ratings = number(int(films["n_ratings"].sum()))
    return {
        "levels": [None, *levels],
        "spoken": [_("not seen"), *map(words.stars, levels)],
        "shown": [_("not seen"), *(_drawn(level, scale.highest) for level in levels)],
        "marks": np.linspace(1, len(levels), n_marks).round().astype(int).tolist(),
        "about": about.format(films=number(len(films)), ratings=n_ratings, dataset=dataset),
        "texts": {text: _(text) for text in TEXTS},
        "most": MAX_BYTES,
        "file": f"profile-{dataset}.json",
        "store": f"saelib {dataset}",
    }


def _drawn(level: float, highest: float) -> str:
    """Draw a level of the scale as stars, where it is a number of them."""
    of_stars = highest == 5 and level > 0 and level % 1 in (0, 0.5)
    return "★" * int(level) + "½" * (level % 1 > 0) if of_stars else f"{level:g}"
