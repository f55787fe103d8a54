"""A figure that follows sliders, in a notebook."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from html import escape

import ipywidgets as widgets
import matplotlib.pyplot as plt


class Live(widgets.VBox):
    """Sliders, and under them the figure that `draw` makes of their values.

    draw: draws the current matplotlib figure, and returns what it shows in words. It may take
    seconds, such as a training: meanwhile a line says so, and what was drawn once is remembered.
    start: the values at first, by name. choices: for each control, the values it can have.
    """

    def __init__(self, draw: Callable[..., str], start: dict, **choices: Sequence):
        self.draw = draw
        self.drawn: dict[tuple, tuple[str, str]] = {}  # by values: words and picture
        self.words, self.moving = "", False
        self.status, self.figure = widgets.HTML(), widgets.HTML()
        self.controls = {
            name: widgets.SelectionSlider(
                options=[(f"{value:g}", value) for value in values],
                value=start[name],
                description=name.replace("_", " "),
                continuous_update=False,
                style={"description_width": "initial"},
            )
            for name, values in choices.items()
        }
        for control in self.controls.values():
            control.observe(lambda change: self.follow(), "value")
        super().__init__([*self.controls.values(), self.status, self.figure])
        self.follow()

    def set(self, **values: float) -> str:
        """Move sliders, all at once, and return what the figure then shows in words."""
        self.moving = True  # nothing is drawn for the values between
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self.moving = False
        self.follow()
        return self.words

    def follow(self) -> None:
        """Draw the figure of the sliders' values, or show it again."""
        if self.moving:
            return
        values = {name: control.value for name, control in self.controls.items()}
        key = tuple(values.values())
        if key not in self.drawn:
            self.status.value = "One moment …"
            try:
                words = self.draw(**values)
            except Exception as error:
                self.status.value = escape(f"{type(error).__name__}: {error}")
                raise
            picture = io.BytesIO()
            plt.gcf().savefig(picture, format="png")
            plt.close()
            code = base64.b64encode(picture.getvalue()).decode()
            picture_of = f'<img alt="{escape(words)}" src="data:image/png;base64,{code}">'
            self.drawn[key] = words, picture_of
        self.words, self.figure.value = self.drawn[key]
        self.status.value = escape(self.words)
