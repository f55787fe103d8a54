"""The taste card as a picture."""

from __future__ import annotations

import textwrap
from io import BytesIO

import matplotlib as mpl
from matplotlib.figure import Figure

from saelib.language import _
from saelib.model.taste import TasteMap
from saelib.plots import GREY, STYLE, plot_taste
from saelib.recommend.play import TasteCard
from saelib.recommend.words import genre

SIZE = (10, 5.25)  # inches; at DPI 1200 x 630 points, as pages show pictures of links
DPI = 120
WIDTH = 58  # letters of a line


def picture(card: TasteCard, taste: TasteMap, place: tuple[float, float]) -> bytes:
    """PNG of a card: what its text says, and beside it the map of tastes with the person's place.

    Each line of `TasteCard.text` that has a colon is what is said of a person, under the words
    before the colon; the first line is the heading, and the last one the source.
    """
    heading, *said, source = card.text().split("\n")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE, dpi=DPI)
        ax = figure.add_axes((0.6, 0.1, 0.38, 0.82))
        plot_taste(taste, place, ax)
        ax.set(title="", xlabel="", ylabel="")
        for drawn in ax.texts:
            drawn.set_text(genre(drawn.get_text()))
            drawn.set_parse_math(False)  # a genre may have a $ in it
        legend = ax.get_legend()
        for drawn, words in zip(legend.get_texts() if legend else [], (_("a person"), _("you"))):
            drawn.set_text(words)
        top = 0.93
        for text, size in [(heading, 15), *((line, 11) for line in said)]:
            name, colon, value = text.partition(": ") if size == 11 else (text, "", "")
            top = _write(figure, top, name, size=9 if colon else size, bold=not colon, quiet=colon)
            top = _write(figure, top, value, size=size) - 0.022 if colon else top - 0.03
        _write(figure, 0.055, source, size=8, quiet=True)
        made = BytesIO()
        figure.savefig(made, format="png", metadata={"Description": card.text()})
    return made.getvalue()


def _write(
    figure: Figure, top: float, text: str, *, size: float, bold: bool = False, quiet: object = False
) -> float:
    """Write some lines; return where the next one begins, as a part of the height."""
    lines = textwrap.wrap(text, int(WIDTH * 11 / size), max_lines=3, placeholder=" …")
    figure.text(
        0.03,
        top,
        "\n".join(lines),
        size=size,
        va="top",
        color=GREY if quiet else "black",
        weight="bold" if bold else "normal",
        parse_math=False,
    )
    return top - len(lines) * size * 1.35 / 72 / SIZE[1]
