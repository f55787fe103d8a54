"""Sliders of ipywidgets to rate films with, and the list that follows them."""

from html import escape

import ipywidgets as ipw

from saelib.language import _
from saelib.recommend import words
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import Session

NOT_SEEN = ""  # the value of a slider, where 0 can be a rating


class RatingSliders(ipw.VBox):
    """A box to find a film, a slider a film, and what to watch next, with reasons.

    `sliders["Fargo (1996)"].value = 5` in a cell does what a hand does.
    """

    def __init__(self, recommender: Recommender):
        self.session, self.catalogue = Session(recommender), recommender.catalogue
        titles = sorted(set(self.catalogue.labels))
        self.find = ipw.Combobox(description=_("Find a film"), options=titles)
        self.find.observe(lambda found: found["new"] in titles and self[found["new"]], "value")
        self.films: dict[str, ipw.SelectionSlider] = {}
        self.sliders, self.next = ipw.VBox(), ipw.HTML()
        super().__init__([self.find, self.sliders, self.next])
        for film in self.session.questions()["movie_id"]:
            self[film]
        self._follow()

    def __getitem__(self, film: str | int) -> ipw.SelectionSlider:
        """Return the slider of a film, a new one if there is none. Raises SaelibError."""
        film = self.catalogue.movie_id(film)
        if film not in self.films:
            levels = [(words.stars(x), x) for x in self.session.recommender.scale.levels.tolist()]
            self.films[film] = ipw.SelectionSlider(
                options=[(_("not seen"), NOT_SEEN), *levels],
                description=self.catalogue.label(film),
                style={"description_width": "16em"},
                layout={"width": "36em"},
            )
            self.films[film].observe(lambda change: self._rate(film, change["new"]), "value")
            self.sliders.children = list(self.films.values())
        return self.films[film]

    def _rate(self, film: str, stars: float | str) -> None:
        self.session.rate(film, None if stars == NOT_SEEN else float(stars))
        self._follow()

    def _follow(self) -> None:
        """Show what follows from the sliders; a title is text, whatever signs are in it."""
        films, lines = self.session.recommendations(), []
        why = self.session.reasons(films["movie_id"].tolist(), n=2)
        for name, stars, reasons in zip(films["name"], films["stars"], why):
            because = ", ".join(dict.fromkeys(r.name for r in [*reasons.like, *reasons.see]))
            lines.append(f"<li>{escape(name)}, {stars:.1f} ★ <small>{escape(because)}</small></li>")
        self.next.value = f"<ol>{''.join(lines)}</ol>" if lines else self.session.why_empty()
