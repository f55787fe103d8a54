"""The column of what to watch next: the list, what changed in it, wishes, the map of tastes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import ipywidgets as ipw

from saelib.data.scale import Scale
from saelib.language import _, ngettext
from saelib.panel.controls import Controls
from saelib.panel.files import spreadsheet
from saelib.panel.markup import download, map_mark, map_picture, not_rated, section, top
from saelib.panel.parts import Place, classed, dropdown, fold, look
from saelib.recommend.catalogue import label
from saelib.recommend.changes import changes
from saelib.recommend.reasons import caution
from saelib.recommend.session import Session
from saelib.recommend.words import genre

N_LISTED = 10
N_TOP = 3  # of them, always in sight


def well_known() -> list[tuple[str, float]]:
    """The positions of *How known*, and what `Recommender.recommend` makes of each."""
    return [
        (_("adventurous"), 0.0),
        (_("rather adventurous"), 0.25),
        (_("balanced"), 0.5),
        (_("rather well-known"), 0.75),
        (_("well-known"), 1.0),
    ]


class WatchNext(ipw.VBox):
    """Ten films to watch next, and why; above them what was said last."""

    def __init__(self, session: Session, controls: Controls, rated: Callable[[], None]):
        """rated: called after a film of the list has got stars."""
        self.session, self._controls, self._rated = session, controls, rated
        recommender = session.recommender
        catalogue = recommender.catalogue
        self._made_from: tuple | None = None  # what the list shown was made from
        self.films = session.recommendations()  # as listed
        self._changes = changes(self.films, self.films)

        self.status, self.alert = ipw.HTML(), ipw.HTML()
        self.undo = ipw.Button(description=_("Undo"))
        self.top = ipw.HTML()  # the first films of the list once more, for narrow windows
        self.welcome = ipw.HTML()
        shared = look()
        self.places = [Place(recommender.scale, shared) for _ in range(N_LISTED)]
        names = [(genre(name), name) for name in catalogue.genres]
        self.genre = dropdown(_("Genre"), [(_("all genres"), ""), *names])
        decades = [(_("{decade}s").format(decade=d), d) for d in reversed(catalogue.decades)]
        self.decade = dropdown(_("Decade"), [(_("all decades"), 0), *decades])
        self.well_known = ipw.SelectionSlider(
            description=_("How known"), options=well_known(), value=1.0, **look()
        )
        self.well_known.layout.display = None if recommender.knows_seen else "none"
        self.mark = ipw.HTML()  # the person's place on the map
        self.download = ipw.HTML()  # of the list, as a table

        for control in (self.genre, self.decade, self.well_known):
            controls.on(control)
        controls.on(self.undo, session.undo)
        for place in self.places:
            self.listen(place)
        super().__init__(self._arranged())
        classed(self, "saelib-right")

    def _arranged(self) -> list[ipw.Widget]:
        now = [
            ipw.HTML(section(_("Watch next"), "")),
            classed(ipw.HBox([classed(self.status, "saelib-status"), self.undo]), "saelib-said"),
            classed(self.alert, "saelib-alert"),
            self.top,
        ]
        taste = section(
            _("Your taste among others"),
            _(
                "Each dot is a person of the data set; a genre stands where it is liked most "
                "surely."
            ),
            map_picture(self.session.recommender.bundle.taste),
        )
        legend = _(
            "Best first: films that you are likely to come across, and to like. The bars show how "
            "likely each number of stars is. In brackets: how much would be lost without that film "
            "of yours."
        )
        watch = [
            self.welcome,
            classed(ipw.VBox(self.places), "saelib-places"),
            fold(_("Only some films"), [self.genre, self.decade, self.well_known]),
            fold(_("How to read this list"), [ipw.HTML(section("", legend))]),
            classed(ipw.VBox([ipw.HTML(taste), self.mark]), "saelib-map"),
        ]
        return [classed(ipw.VBox(now), "saelib-now"), classed(ipw.VBox(watch), "saelib-watch")]

    # -- What the person does with the film of a place ------------------------------------------

    def listen(self, place: Place) -> None:
        """Do what the slider and the buttons of a place say."""
        self._controls.on(place.stars, partial(self._rate, place))
        self._controls.on(place.saw, partial(self._saw, place))
        self._controls.on(place.reject, partial(self._reject, place))

    def _rate(self, place: Place) -> str:
        stars, name = self._controls[place.stars], place.name
        # Another film will stand here: its slider begins anew.
        self._controls.put(place.stars, not_rated(self.session.recommender.scale))
        with self.session.gesture(("stars", place.film)):
            self.session.rate(place.film, stars)
        self._rated()
        said = _("{film} has got {stars}, and is among the films to rate.")
        return said.format(film=name, stars=Scale.spoken(stars))

    def _saw(self, place: Place) -> str:
        self.session.saw(place.film)
        said = _("{film} is among the films to rate: give it stars, or leave it as seen.")
        return said.format(film=place.name)

    def _reject(self, place: Place) -> None:
        self.session.reject(place.film)

    # -- What is shown ------------------------------------------------------------------------

    @property
    def wishes(self) -> dict:
        """Which films the list may have, as `Recommender.recommend` takes it."""
        return {
            "genres": [name] if (name := self._controls[self.genre]) else [],
            "decades": [decade] if (decade := self._controls[self.decade]) else [],
            "well_known": self._controls[self.well_known],
        }

    def show(self) -> str:
        """Make the list anew where something changed that it depends on; say how it stands."""
        session, before = self.session, self.films
        made_from = (session.profile.to_json(), self.wishes)
        if made_from != self._made_from:
            self._make()
            self._made_from = made_from
        if not session.has_told:
            return _("Tick or rate a film that you have seen: ten films to watch next appear.")
        if self.films.empty:
            return _("No film fits both filters: choose another genre or decade.")
        rated = len(session.profile.ratings)
        seen = len({*session.profile.seen}.difference(session.profile.ratings))
        stands = ngettext("{n} rated.", "{n} rated.", rated)
        if seen:
            stands = ngettext("{n} rated, {seen} more seen.", "{n} rated, {seen} more seen.", rated)
        stands = stands.format(n=rated, seen=seen)
        if before is self.films or not self._changes:
            return f"{stands} {_('The list is the same as before.')}"
        first = label(self.films["title"][0], self.films["year"][0])
        changed = self._changes.in_short() if len(before) else ""
        new = (
            _("A new list: {film} first; {changes}.") if changed else _("A new list: {film} first.")
        )
        return f"{stands} {new.format(film=first, changes=changed)}"

    def _make(self) -> None:
        session, before, scale = self.session, self.films, self.session.recommender.scale
        self.films = session.recommendations(N_LISTED, **self.wishes)
        reasons = session.reasons(self.films["movie_id"], n=2)
        films = self.films.to_dict("records")
        self._changes = changes(before, self.films)
        moved = self._changes.films if len(before) else [None] * len(films)
        self.top.value = top(films[:N_TOP], moved)
        for number, place in enumerate(self.places):
            if number < len(films):
                place.show(number + 1, films[number], moved[number], reasons[number], scale)
            else:
                place.clear()
        word = caution(self.films, scale)
        word = word if films else _("Ten films stand here as soon as you rate one.")
        self.welcome.value = section("", word) if word else ""
        here, taste = session.place(), session.recommender.bundle.taste
        self.mark.value = map_mark(here, taste.near(here) if here else [])
        file = f"films-{session.recommender.dataset}.csv"
        self.download.value = download(_("Download list"), file, spreadsheet(self.films))
