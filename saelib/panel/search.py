"""A film is found by a part of its title, and chosen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import ipywidgets as ipw

from saelib.language import _, ngettext
from saelib.panel.controls import Act, Controls
from saelib.panel.parts import classed
from saelib.recommend.catalogue import Catalogue, label

N_FOUND = 20  # films of a search that are listed


class FilmSearch(ipw.VBox):
    """A box to type in, what is found, and a button.

    choose: gets the movie_id and the label of a film that was chosen from what is found, or the
    best hit after Enter; it returns what is to be
    said. turn: see `Controls.on`.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        controls: Controls,
        choose: Callable[[str, str], str | None],
        *,
        name: str,
        found: str,
        button: str,
        turn: Callable[[Act], None] | None = None,
    ):
        self.catalogue, self._controls, self._choose = catalogue, controls, choose
        self._turn = turn
        # The text whose best hit was taken with Enter, and what was said of that.
        self._entered: tuple[str, str | None] | None = None
        self.query = ipw.Text(description=name, placeholder=_("part of its title"))
        self.found = ipw.Select(description=found, rows=5)
        self.button = ipw.Button(description=button)
        self.results = ipw.VBox([self.found, self.button], layout={"display": "none"})
        controls.on(self.query, self._search, turn)
        controls.on(self.button, self._take, turn)
        super().__init__([classed(self.query, "saelib-search"), self.results])

    def enter(self, text: str) -> None:
        """Enter was pressed on this text; panel.js sends it, since the box may still be sending."""
        self._controls.do(partial(self._take_best, text), turn=self._turn)

    def _take_best(self, text: str) -> str | None:
        self._look(text)
        if not text.strip():
            return _("Type a part of a title; Enter takes the best film that is found.")
        if self.found.value is None:
            return _("Nothing is found: type a part of the title as it is spelled.")
        self._entered = (text, self._take())
        return self._entered[1]

    def _search(self) -> str | None:
        text = self._controls[self.query]
        if self._entered and text == self._entered[0]:
            return self._entered[1]  # the box has sent it at last, and it is dealt with
        self._entered = None
        return self._look(text)

    def _look(self, text: str) -> str:
        found = self.catalogue.find(text)
        films = self.catalogue.rows(found[:N_FOUND])
        names = map(label, films["title"], films["year"])
        self.found.options = list(zip(names, films["movie_id"]))
        self.found.index = None if films.empty else 0
        self.results.layout.display = None if text else "none"
        n = len(found)
        if n > len(films):
            many = _("Found: {n} films; here are the {best} best.")
            return many.format(n=n, best=len(films))
        return ngettext("Found: {n} film.", "Found: {n} films.", n).format(n=n)

    def _take(self) -> str | None:
        if self.found.value is None:
            return _("Type a part of a title, then choose a film.")
        return self._choose(self.found.value, self.found.label)
