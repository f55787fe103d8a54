"""For fun: what if I had loved it, film night for several, a card of one's taste."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from saelib.errors import ProfileError
from saelib.language import _, ngettext
from saelib.recommend.changes import Changes, changes
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender
from saelib.recommend.words import genre, listed

POOL = 50  # films of each person's own list among which a film night chooses
NIGHTS: dict[str, Callable[..., np.ndarray]] = {"least misery": np.min, "average": np.mean}
FEW = 3  # films of a genre, or persons or names on a card
DOUBT = 3  # films of a genre after which a liking of it is half trusted


def what_if(
    recommender: Recommender,
    profile: Profile,
    film: str | int,
    stars: float | None = None,
    **wishes,
) -> tuple[pd.DataFrame, pd.DataFrame, Changes]:
    """The list as it is, the list if `film` had `stars` (the most, if None), and what changed.

    wishes: as of `Recommender.recommend`. The film itself leaves the list, as films that were seen
    do. Nothing is kept. Raises ProfileError.
    """
    position = recommender.catalogue.position(film)
    name = recommender.catalogue.name(position)
    stars = recommender.check_stars(film, recommender.scale.highest if stars is None else stars)
    ratings = {
        told: given
        for told, given in profile.ratings.items()
        if recommender.catalogue.position(told) != position
    }
    supposed = replace(profile, ratings={**ratings, name: stars})
    before = recommender.recommend(profile, **wishes)
    after = recommender.recommend(supposed, **wishes)
    return before, after, changes(before, after)


def film_night(
    recommender: Recommender,
    profiles: Mapping[str, Profile],
    n: int = 10,
    *,
    how: str = "least misery",
) -> pd.DataFrame:
    """Films for two or more people tonight, none of which any of them has seen or does not want.

    Of each person's own list the first POOL films come in question. 'least misery' sorts them by
    the stars that whoever likes a film least would give, 'average' by the mean of all: the two
    strategies of Masthoff 2004, 'Group modeling: selecting a sequence of television items to suit a
    group of viewers', that people use most. Where they are alike, the other one decides.

    Returns columns movie_id, title, year, genres, stars (by which they are sorted), and one with
    the expected stars of each person, named as in `profiles`. Raises ProfileError.
    """
    if how not in NIGHTS:
        raise ProfileError(
            _("{how!r} is no way to choose; expected one of {ways}.").format(
                how=how, ways=", ".join(NIGHTS)
            )
        )
    if n < 1:
        raise ProfileError(
            _("The number of recommendations must be at least 1; got {n}.").format(n=n)
        )
    if len(profiles) < 2:
        raise ProfileError(
            _("A film night takes two profiles or more; got {n}.").format(n=len(profiles))
        )
    reserved = {"movie_id", "title", "year", "genres", "stars"} & set(profiles)
    if reserved:
        raise ProfileError(
            _("A person cannot be called {name!r} here; choose another name.").format(
                name=min(reserved)
            )
        )
    for told in profiles.values():
        recommender.encode(told)
    catalogue = recommender.catalogue
    unwanted = [
        film for told in profiles.values() for film in (*told.ratings, *told.seen, *told.rejected)
    ]
    pool: dict[int, None] = {}
    for told in profiles.values():
        own = recommender.recommend(told, POOL, without=unwanted)
        pool |= dict.fromkeys(catalogue.position(film) for film in own["movie_id"].tolist())
    films = list(pool)
    stars = np.stack([recommender.predict(told)[films] for told in profiles.values()])
    by_name = {other: reduce(stars, axis=0) for other, reduce in NIGHTS.items()}
    [other] = set(NIGHTS) - {how}
    order = np.lexsort((-by_name[other], -by_name[how]))[:n]
    chosen = catalogue.rows([films[i] for i in order]).assign(stars=by_name[how][order])
    return chosen.assign(**dict(zip(profiles, stars[:, order])))


@dataclass(frozen=True)
class TasteCard:
    """What somebody's answers say of their taste, to be drawn or read.

    favourites: those with most stars. genres: liked more than by people at large, and by how many
    stars. apart: (film, stars given, stars expected of anybody) furthest from each other. near:
    genres of the map of tastes that the person stands near. next: the best of the list.
    """

    dataset: str
    n_rated: int
    n_seen: int
    mean: float
    favourites: list[str]
    genres: list[tuple[str, float]]
    apart: tuple[str, float, float] | None
    near: list[str]
    next: list[str]

    def text(self) -> str:
        """The card in words: the alternative of its picture."""
        rated, seen = self.n_rated, self.n_seen
        heading = (
            ngettext(
                "My taste in films, from {n} ratings and {seen} more seen",
                "My taste in films, from {n} ratings and {seen} more seen",
                rated,
            )
            if seen
            else ngettext(
                "My taste in films, from {n} ratings", "My taste in films, from {n} ratings", rated
            )
        )
        lines = [
            heading.format(n=rated, seen=seen),
            _("Stars on the average: {stars:.1f}").format(stars=self.mean),
            _("Favourites: {films}").format(films="; ".join(self.favourites)),
        ]
        if self.genres:
            more = ", ".join(f"{genre(name)} (+{stars:.1f} ★)" for name, stars in self.genres)
            lines.append(_("Liked more than by others: {genres}").format(genres=more))
        if self.apart:
            film, given, usual = self.apart
            apart = _("Furthest from others: {film}, {given:g} ★ where {usual:.1f} is usual")
            lines.append(apart.format(film=film, given=given, usual=usual))
        if self.near:
            near = listed([genre(name) for name in self.near])
            lines.append(_("On the map of tastes near: {genres}").format(genres=near))
        if self.next:
            lines.append(_("To watch next: {films}").format(films="; ".join(self.next)))
        lines.append(
            _("By a stacked autoencoder, from MovieLens ({dataset})").format(dataset=self.dataset)
        )
        return "\n".join(lines)


def taste_card(recommender: Recommender, profile: Profile) -> TasteCard:
    """A card of a profile. Raises ProfileError, also where nothing was rated."""
    if not profile.ratings:
        raise ProfileError(_("A taste card takes ratings: give stars to at least one film."))
    catalogue, person = recommender.catalogue, recommender.encode(profile)
    rated = person.stars.indices
    given = person.stars.data.astype(float) - recommender.scale.offset
    usual = recommender.predict_anybody()[rated]
    above = given - usual
    of_genre: dict[str, list[float]] = {}
    for position, more in zip(rated, above - above.mean()):
        for name in filter(None, catalogue.films["genres"][position].split("|")):
            of_genre.setdefault(name, []).append(float(more))
    liking = {
        name: sum(more) / (len(more) + DOUBT) for name, more in of_genre.items() if len(more) >= FEW
    }
    genres = sorted((g for g in liking if liking[g] >= 0.05), key=lambda g: -liking[g])[:FEW]
    furthest = int(np.argmax(np.abs(above)))
    favourites = np.lexsort((-above, -given))[:FEW]
    taste = recommender.bundle.taste
    films = recommender.recommend(profile, FEW)
    best = [catalogue.labels[catalogue.position(film)] for film in films["movie_id"].tolist()]
    return TasteCard(
        dataset=recommender.dataset,
        n_rated=len(rated),
        n_seen=len(set(person.seen.indices) - set(rated)),
        mean=float(given.mean()),
        favourites=[catalogue.labels[rated[i]] for i in favourites],
        genres=[(name, liking[name]) for name in genres],
        apart=(catalogue.labels[rated[furthest]], given[furthest], usual[furthest])
        if abs(above[furthest]) >= 1
        else None,
        near=taste.near(recommender.place(profile)),
        next=best,
    )
