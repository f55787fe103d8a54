"""How Sphinx makes the site of what make_book.py has gathered; nothing asks another host."""

from pathlib import Path

import matplotlib
from docutils import nodes
from latex2mathml.converter import convert

project = "Stacked Autoencoder Recommender"
html_title = project
html_show_copyright = False
html_copy_source = False
html_theme = "furo"
FONT = Path(matplotlib.get_data_path(), "fonts", "ttf", "STIXGeneral.ttf")
html_static_path = ["book.css", str(FONT)]
html_css_files = ["book.css"]
extensions = ["myst_nb"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}
html_math_renderer = "mathml"


def inline(translator, node: nodes.math) -> None:
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def block(translator, node: nodes.math_block) -> None:
    formula = convert(node.astext(), display="block")
    translator.body.append(f'<div class="formula" tabindex="0">{formula}</div>')  # it may scroll
    raise nodes.SkipNode


def setup(app) -> None:
    """Formulas as MathML, which browsers set by themselves."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
