"""What the games of the panel have in common."""

from __future__ import annotations

import ipywidgets as ipw
import pandas as pd

from saelib.language import _
from saelib.panel.controls import Act, Controls
from saelib.panel.markup import line, one_line, section, trouble
from saelib.panel.parts import classed
from saelib.recommend.catalogue import label
from saelib.recommend.session import Session


class Game(ipw.VBox):
    """Something to do with what was told, which changes nothing of it.

    said: how it went, beside the game, since the panel's own line may be out of sight. result:
    what came of it, below that.
    """

    def __init__(self, session: Session, controls: Controls):
        self.session, self._controls = session, controls
        self.said, self.result = ipw.HTML(), ipw.HTML()
        self._made_from = ""  # what was told when the result was made
        super().__init__()

    def _arrange(self, heading: str, text: str, *parts: ipw.Widget) -> None:
        head = ipw.HTML(section(heading, text))
        self.children = [head, *parts, classed(self.said, "saelib-told"), self.result]
        classed(self, "saelib-game")

    def turn(self, act: Act) -> None:
        """Act; what is to be said of it, or has gone wrong, is one line."""
        if self.comm is None:  # closed
            return
        try:
            self.said.value = line(act())
            self._made_from = self.session.profile.to_json()
        except Exception as error:
            self.said.value = trouble(one_line(error))

    def forget(self) -> None:
        """Begin anew, for the next visitor."""
        self.said.value = self.result.value = ""

    def show(self) -> None:
        """Take a result away that no longer follows from what was told."""
        if self.result.value and self._made_from != self.session.profile.to_json():
            self.result.value = ""
            self.said.value = line(_("Your answers have changed since: ask once more."))


def named_stars(films: pd.DataFrame) -> list[tuple[str, str, float]]:
    """movie_id, label and stars of each film of a list."""
    names = map(label, films["title"], films["year"])
    return list(zip(films["movie_id"], names, films["stars"].tolist()))
