"""Parts that the rating panel is put together from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import anywidget
import ipywidgets as ipw
import traitlets

from saelib.data.scale import Scale
from saelib.language import _, ngettext, pgettext
from saelib.panel.markup import card, star_options
from saelib.recommend.catalogue import label
from saelib.recommend.changes import Change
from saelib.recommend.profile import MAX_BYTES
from saelib.recommend.reasons import Reasons


class Place(ipw.HBox):
    """One place of a list, for one film after the other.

    film, name: the movie_id and the label of the one that stands here. stars: a slider for it.
    """

    def __init__(self, scale: Scale, shared: dict):
        """shared: the look of the slider, see `look`."""
        self.film, self.name = "", ""
        self.text = ipw.HTML()
        self.stars = ipw.SelectionSlider(options=star_options(scale), **shared)
        classed(self.stars, "saelib-stars")
        self.saw = ipw.Button(description=_("Seen it"))
        self.reject = ipw.Button(description=_("Not interested"))
        super().__init__([self.text, ipw.HBox([self.saw, self.stars, self.reject])])
        classed(self, "saelib-place")
        self.clear()

    def clear(self) -> None:
        """No film stands here."""
        self.layout.display = "none"
        self.film = self.name = ""
        self.text.value = self.saw.tooltip = self.reject.tooltip = self.stars.description = ""

    def show(
        self,
        rank: int | None,
        film: dict,
        change: Change | None,
        reasons: Reasons,
        scale: Scale,
    ) -> None:
        """film: of `Session.recommendations`. rank, change, reasons: see `markup.card`."""
        self.film, self.name = film["movie_id"], label(film["title"], film["year"])
        self.text.value = card(rank, film, change, reasons, scale)
        self.stars.description = _("Seen, with stars: {film}").format(film=self.name)
        self.saw.tooltip = _("Seen it: {film}").format(film=self.name)
        self.reject.tooltip = _("Not interested in {film}").format(film=self.name)
        self.layout.display = None


class InPage(anywidget.AnyWidget):
    """What is done in the page, see panel.js.

    uploads: their files are looked at before they are sent. sliders: one a film; stars: those of
    places for a film; marks: below each of their steps. kept: what was told, as JSON, which the
    browser keeps for this tab; '' where nothing was. store: the name under which it does. words:
    what it says, see `said_in_page`.

    It sends {refused: {upload, name, size}} of a file that the upload of this number did not let
    through, {restore: text} of what it had kept, and {entered: {search, text}} where Enter was
    pressed in the search box of this number.
    """

    _esm = Path(__file__).with_name("panel.js")
    _css = Path(__file__).with_name("panel.css")
    uploads: traitlets.List = traitlets.List().tag(sync=True, **ipw.widget_serialization)
    sliders: traitlets.List = traitlets.List().tag(sync=True, **ipw.widget_serialization)
    stars: traitlets.List = traitlets.List().tag(sync=True, **ipw.widget_serialization)
    marks = traitlets.List(traitlets.Unicode()).tag(sync=True)
    kept = traitlets.Unicode().tag(sync=True)
    store = traitlets.Unicode().tag(sync=True)
    max_upload = traitlets.Int(MAX_BYTES).tag(sync=True)
    words: traitlets.Dict = traitlets.Dict().tag(sync=True)


def said_in_page() -> dict[str, str]:
    """What panel.js says, under the names by which it asks."""
    return {
        "panel": _("Rating panel"),
        "list": _("Recommendations"),
        "starsOf": _("{film}, stars"),
        "seen": _("{film}, seen"),
        "star": ngettext("{n} star", "{n} stars", 1),
        "stars": ngettext("{n} star", "{n} stars", 2),
        "ofAStar": _("{n} of a star"),
        "file": _("The file"),
        "gone": _(
            "Nothing answers any more: the program behind this panel has ended, or the connection "
            "to it is broken. What you told is not lost: this tab keeps it."
        ),
        "runAgain": _("Run the cell again: then the panel offers to bring it back."),
        "reload": _("Reload the page: then it offers to bring it back."),
        "reloadNow": _("Reload the page"),
        "noServer": _(
            "The page's server does not answer. Whoever started it can start it anew: {command}. "
            "Keep this tab, or save your profile."
        ),
        "before": _("Answers from before"),
        "stillHere": _("This tab still has the answers from before."),
        "bringBack": _("Bring them back"),
        "forget": pgettext("answers", "Forget them"),
    }


def look() -> dict:
    """One look for several sliders, which widgets share: a profile may bring hundreds."""
    return {"layout": ipw.Layout(), "style": ipw.SliderStyle(), "continuous_update": False}


def fold(name: str, parts: Sequence[ipw.Widget]) -> ipw.VBox:
    """A button, and below it what it unfolds."""
    inside = classed(ipw.VBox(list(parts), layout={"display": "none"}), "saelib-folded")
    button = classed(ipw.ToggleButton(description=name, tooltip=name), "saelib-fold")

    def turn(change: dict) -> None:
        inside.layout.display = None if change["new"] else "none"

    button.observe(turn, "value")
    return ipw.VBox([button, inside])


def dropdown(name: str, options: list[tuple[str, object]]) -> ipw.Dropdown:
    return ipw.Dropdown(description=name, options=options)


def classed(widget: ipw.DOMWidget, name: str) -> ipw.DOMWidget:
    """The widget, with a class that panel.css knows."""
    widget.add_class(name)
    return widget


def parts_of(widget: ipw.Widget) -> Iterator[ipw.Widget]:
    """All widgets that a widget holds: children, layouts, styles."""
    for name in widget.keys:
        value = getattr(widget, name)
        for part in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(part, ipw.Widget):
                yield part
                yield from parts_of(part)
