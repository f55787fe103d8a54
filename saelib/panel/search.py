"""A film is found by a part of its title, and chosen."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw

from saelib.panel.controls import Act, Controls
from saelib.panel.parts import classed
from saelib.recommend.catalogue import Catalogue, label

N_FOUND = 20  # films of a search that are listed


class FilmSearch(ipw.VBox):
    """A box to type in, what is found, and a button.

    choose: gets the movie_id and the label of a film that was chosen from what is found, or the
    best hit after Enter; it returns what is to be said. turn: see `Controls.on`.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        controls: Controls,
        choose: Callable[[str, str], str | None],
        *,
        name: str,
        button: str,
        turn: Callable[[Act], None] | None = None,
    ):
        self.catalogue, self._controls, self._choose = catalogue, controls, choose
        self._turn = turn
        self.query = ipw.Text(description=name, placeholder="part of its title")
        self.found = ipw.Select(description="Found", rows=5)
        self.button = ipw.Button(description=button)
        self.results = ipw.VBox([self.found, self.button], layout={"display": "none"})
        controls.on(self.query, self._search, turn)
        controls.on(self.button, self._take, turn)
        super().__init__([classed(self.query, "saelib-search"), self.results])

    def _search(self) -> str:
        return self._look(self._controls[self.query])

    def _look(self, text: str) -> str:
        found = self.catalogue.find(text)
        films = self.catalogue.rows(found[:N_FOUND])
        names = map(label, films["title"], films["year"])
        self.found.options = list(zip(names, films["movie_id"]))
        self.found.index = None if films.empty else 0
        self.results.layout.display = None if text else "none"
        if len(found) > len(films):
            return f"Found: {len(found)} films; here are the {len(films)} best."
        return f"Found: {len(films)} film{'s' * (len(films) != 1)}."

    def _take(self) -> str | None:
        if self.found.value is None:
            return "Type a part of a title, then choose a film."
        return self._choose(self.found.value, self.found.label)
