"""What stands around at the panel and never changes, by its names in panel.js."""

from __future__ import annotations

import numpy as np

from saelib.language import _, number
from saelib.recommend import words
from saelib.recommend.profile import MAX_BYTES
from saelib.recommend.recommender import Recommender

FEW = 11  # levels of a scale: so many get a mark under the slider and a bar on a card each


def around(recommender: Recommender) -> dict:
    """Return the levels of the scale, names, and all texts in the language spoken now."""
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
        "most": MAX_BYTES,
        "file": f"profile-{dataset}.json",
        "store": f"saelib {dataset}",
        "title": _("What to watch next"),
        "about": about.format(films=number(len(films)), ratings=n_ratings, dataset=dataset),
        "rate": _("Rate films that you have seen"),
        "keys": _("Keys: a number for as many stars, Delete for not seen, / to find a film."),
        "find": _("Find a film"),
        "add": _("Add"),
        "more": _("Other films"),
        "seen": _("Seen, but no stars?"),
        "others": _("Other titles"),
        "you": _("About you"),
        "next": _("Watch next"),
        "saw": _("Seen it"),
        "reject": _("Not interested"),
        "undo": _("Undo"),
        "save": _("Save profile"),
        "load": _("Load profile"),
        "report": _("What became of each film of the file"),
        "restart": _("Start again"),
        "gone": _("Nothing answers any more. What you told is kept in this tab."),
        "retry": _("Try again"),
        "before": _("This tab still has the answers from before."),
        "back": _("Bring them back"),
        "forget": _("Forget them"),
    }


def _drawn(level: float, highest: float) -> str:
    """Draw a level of the scale as stars, where it is a number of them."""
    of_stars = highest == 5 and level > 0 and level % 1 in (0, 0.5)
    return "★" * int(level) + "½" * (level % 1 > 0) if of_stars else f"{level:g}"
