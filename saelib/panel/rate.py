"""The column of the films to rate: sliders, ticks, a search."""

from __future__ import annotations

from functools import partial

import ipywidgets as ipw

from saelib.language import _
from saelib.panel.about import AboutYou
from saelib.panel.controls import Controls
from saelib.panel.markup import not_rated, section, star_options
from saelib.panel.parts import classed, look
from saelib.panel.search import FilmSearch
from saelib.recommend.session import Session
from saelib.recommend.words import genres

N_OPEN = 5  # films that wait for stars


class RateFilms(ipw.VBox):
    """A slider for each film on the table, titles to tick, and who the person is."""

    def __init__(self, session: Session, controls: Controls):
        self.session, self._controls = session, controls
        self.catalogue = session.recommender.catalogue
        self._ask_on = False  # whether another film is to be asked about, once the list stands
        self._look = look()
        self.sliders: list[ipw.SelectionSlider] = []  # one for each of session.films
        self.rows = classed(ipw.VBox(), "saelib-rows")
        self.more = ipw.Button(description=_("More films"))
        self.search = FilmSearch(
            self.catalogue,
            controls,
            self._add,
            name=_("Find a film"),
            found=_("Found"),
            button=_("Add"),
        )
        self.ticks: list[ipw.Checkbox] = []  # one for each of session.to_tick
        self.titles = classed(ipw.Box(), "saelib-ticks")
        self.others = ipw.Button(description=_("More titles"))
        self.about = AboutYou(session, controls)
        controls.on(self.more, self._more)
        controls.on(self.others, self._others)
        table = section(
            _("Rate films"),
            _(
                "Stars for those that you have seen; leave the others. Each one that you rate "
                "brings another. Keys: 1 to 5, 0 for not seen."
            ),
        )
        seen = section(
            _("Seen, but no stars?"),
            _(
                "A tick counts, too. Press More films, and you are asked for the stars that tell "
                "most."
            ),
        )
        parts = [ipw.HTML(table), self.rows, self.more, self.search]
        super().__init__([*parts, ipw.HTML(seen), self.titles, self.others, self.about])
        classed(self, "saelib-ask")

    # -- What the person does: it returns what is to be said, if it is not about the list -------

    def _rate(self, number: int) -> None:
        stars = self._controls[self.sliders[number]]
        rated = stars != not_rated(self.session.recommender.scale)
        film = self.session.films[number]
        with self.session.gesture(("stars", film)):
            self.session.rate(film, stars if rated else None)
        if rated:
            self.ask_on()

    def _tick(self, number: int) -> str | None:
        before = len(self.session.profile.ratings)
        self.session.tick(self.session.to_tick[number], self._controls[self.ticks[number]])
        if len(self.session.profile.ratings) < before:
            return _("Not seen: its stars are gone, too. Undo brings them back.")
        return None

    def _others(self) -> str:
        self.session.offer()
        return _("Other films that you may have seen, given your answers so far.")

    def _more(self) -> str:
        self.session.more()
        return _("Other films to rate: those that tell most, given your answers so far.")

    def _add(self, film: str, name: str) -> str:
        self.session.add(film)
        return _("{film} is among the films to rate.").format(film=name)

    # -- What is shown ------------------------------------------------------------------------

    def show(self) -> None:
        """Bring every control in line with the session."""
        self.about.show()
        self._show_ticks()
        self._show_sliders()

    def ask_on(self) -> None:
        """A film was rated: another one is to be asked about, see `go_on`."""
        self._ask_on = True

    def go_on(self) -> None:
        """After a rating, and after the list that follows from it: another film to rate."""
        if self._ask_on:
            self._ask_on = False
            self.session.ask(N_OPEN)
            self._show_sliders()

    def _show_ticks(self) -> None:
        films = self.session.to_tick
        for number in range(len(self.ticks), len(films)):
            tick = ipw.Checkbox(indent=False)
            self._controls.on(tick, partial(self._tick, number))
            self.ticks.append(tick)
        for tick, film in zip(self.ticks, films):
            tick.description = self.catalogue.labels[self.catalogue.position(film)]
            self._controls.put(tick, self.session.has_seen(film))
        self.titles.children = self.ticks[: len(films)]
        self._controls.drop(self.ticks, len(films))

    def _show_sliders(self) -> None:
        scale, films = self.session.recommender.scale, self.session.films
        for number in range(len(self.sliders), len(films)):
            slider = ipw.SelectionSlider(options=star_options(scale), **self._look)
            self._controls.on(slider, partial(self._rate, number))
            self.sliders.append(classed(slider, "saelib-film"))
        for slider, film in zip(self.sliders, films):
            position = self.catalogue.position(film)
            of_film = genres(self.catalogue.films["genres"][position])
            slider.description = f"{self.catalogue.labels[position]}\n{of_film}"
            self._controls.offer(slider, star_options(scale, film in self.session.profile.seen))
            self._controls.put(slider, self.session.profile.ratings.get(film, not_rated(scale)))
        self.rows.children = self.sliders[: len(films)]
        self._controls.drop(self.sliders, len(films))
