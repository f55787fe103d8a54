"""The table of the room: what the visitors of a class have rated, film by film, nobody named."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from saelib.language import _
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender

N_SHOWN = 20  # films on a projector
FEWEST = 3  # ratings of a film, from which on something is said of it


def room_view(recommender: Recommender, profiles: list[Profile]) -> dict:
    """Return what the projector shows: films, their ratings, and what can be said of them.

    profiles: of those who let their ratings be shown; visitors are columns in the order in which
    they came, and have no names. csv: the ratings as a table for `from_frame`.
    """
    label, scale = recommender.catalogue.label, recommender.scale
    told = [profile for profile in profiles if profile.ratings]
    ratings = pd.DataFrame({n: p.ratings for n, p in enumerate(told, start=1)}, dtype=float)
    order = ratings.count(axis=1).sort_values(ascending=False, kind="stable").index
    table = ratings.loc[order]  # (films x visitors), NaN for no rating, the most rated film first
    films = [
        {"name": label(film), "ratings": [None if x != x else x for x in row]}
        for film, row in zip(table.index[:N_SHOWN], table.to_numpy())
    ]
    counts = _(
        "Visitors: {visitors}, ratings: {ratings}, films: {films}, the most rated ones below."
    )
    n = {"visitors": len(told), "ratings": table.count().sum(), "films": len(table)}
    lines = table.T.stack().dropna().rename_axis(["user", "item"]).rename("rating").reset_index()
    return {
        "title": _("The table of the room"),
        "films": films,
        "ends": [scale.lowest, scale.highest],
        "said": [counts.format(**n), *_said(recommender, told, table)],
        "download": _("Download"),
        "csv": lines.assign(title=lines["item"].map(label)).to_csv(index=False),
    }


def _said(recommender: Recommender, told: list[Profile], table: pd.DataFrame) -> Iterator[str]:
    """Say what the room's biases are, which film divides it, and how a film is predicted."""
    known, label = table[table.count(axis=1) >= FEWEST], recommender.catalogue.label
    if known.empty:
        return
    mean = table.stack().mean()
    biases = table.mean() - mean
    said = _(
        "The room's mean is {mean:.1f}; its people's biases go from {low:+.1f} to {high:+.1f}."
    )
    yield said.format(mean=mean, low=biases.min(), high=biases.max())
    film = known.std(axis=1).idxmax()
    said = _("{film} divides the room most: from {low:g} to {high:g}.")
    yield said.format(film=label(film), low=known.loc[film].min(), high=known.loc[film].max())
    film = table.index[0]
    errors = [abs(error) for error in hidden(recommender, told, film)]
    near = sum(error <= recommender.scale.star for error in errors)
    of_mean = (abs(table.loc[film] - mean) <= recommender.scale.star).sum()
    said = _(
        "{film}, hidden from the model and predicted from each one's other ratings: "
        "{near} of {n} predictions are within a star; the room's mean, for everybody: {of_mean}."
    )
    yield said.format(film=label(film), near=near, n=len(errors), of_mean=of_mean)


def hidden(recommender: Recommender, told: list[Profile], film: str) -> Iterator[float]:
    """Predict each rating of a film from what the same person told of others; yield the errors."""
    for profile in told:
        if film in profile.ratings:
            others = {other: x for other, x in profile.ratings.items() if other != film}
            seen = [other for other in profile.seen if other != film]
            people = recommender.encode(replace(profile, ratings=others, seen=seen), empty=True)
            answers = recommender.answers(people, [recommender.catalogue.position(film)])
            yield answers.stars[0, 0] - profile.ratings[film]
