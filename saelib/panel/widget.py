"""The rating panel in Jupyter."""

from pathlib import Path
from typing import ClassVar

import anywidget
import traitlets
from IPython import get_ipython

from saelib.language import ENGLISH
from saelib.panel.desk import Desk
from saelib.recommend.recommender import Recommender


class RatingPanel(anywidget.AnyWidget):
    """Rate films, say who you are if you like, and see ten films to watch next, and why.

    `RatingPanel(Recommender.load("models/…"))` as the last line of a cell shows it. `view` is what
    is shown, `session` what was told. Another run of a cell closes the panels of the run before.
    """

    _esm, _css = (Path(__file__).with_name(f"panel.{kind}") for kind in ("js", "css"))
    view, words = traitlets.Dict().tag(sync=True), traitlets.Dict().tag(sync=True)
    _of_cell: ClassVar[dict[str, tuple[str, list["RatingPanel"]]]] = {}  # cell -> (run, panels)

    def __init__(self, recommender: Recommender, *, language: str = ENGLISH):
        """Raises SaelibError for a language that is not spoken."""
        self.desk = Desk(recommender, language)
        self.session, words = self.desk.session, self.desk.words()
        words["store"] += self._replace_earlier()  # what a tab keeps is of this panel alone
        super().__init__(view=self.desk.hear({"do": "look"}), words=words)
        self.on_msg(lambda _widget, message, buffers: self.hear(message))

    def __repr__(self) -> str:
        return f"RatingPanel({self.desk.catalogue.dataset!r})"

    def hear(self, message: object) -> None:
        """Do what a message says, such as {"do": "rate", "film": "50", "stars": 4}; see `Desk`."""
        self.view = self.desk.hear(message)

    def _replace_earlier(self) -> str:
        """Close what the last run of this cell made; return the panel's place in the notebook."""
        kernel = getattr(get_ipython(), "kernel", None)
        message = kernel.get_parent("shell") if kernel else {}
        if not (cell := message.get("metadata", {}).get("cellId")):
            return ""
        this_run = message["header"]["msg_id"]
        run, panels = self._of_cell.get(cell, (this_run, []))
        while run != this_run and panels:
            panels.pop().close()
        self._of_cell[cell] = (this_run, [*panels, self])
        return f" {cell} {len(panels)}"
