"""A figure that follows sliders, without a browser."""

import re

import matplotlib.pyplot as plt
import pytest
from traitlets import TraitError

from saelib.live import Live


@pytest.fixture
def drawn():
    return []


@pytest.fixture
def live(drawn):
    def draw(width, share_hidden):
        drawn.append((width, share_hidden))
        if width == 99:
            raise ValueError("no <such> width")
        plt.plot([0, width])
        return f"width {width}, <{share_hidden:.0%}> hidden"

    start = {"width": 5, "share_hidden": 0.5}
    return Live(draw, start, width=[1, 5, 99], share_hidden=[0.0, 0.5])


def test_what_is_shown_follows_the_sliders_and_is_remembered(live, drawn):
    first = live.figure.value
    assert drawn == [(5, 0.5)] and live.words == "width 5, <50%> hidden"
    assert live.set(width=1) == "width 1, <50%> hidden"
    assert live.figure.value != first
    live.controls["width"].value = 5  # as a reader moves it
    assert live.figure.value == first and drawn == [(5, 0.5), (1, 0.5)]
    assert live.set(width=1, share_hidden=0.0) == "width 1, <0%> hidden"
    assert live.set(width=5, share_hidden=0.5) == "width 5, <50%> hidden"
    assert drawn == [(5, 0.5), (1, 0.5), (1, 0.0)], "nothing between, and nothing twice"
    assert not plt.get_fignums()


def test_the_figure_says_in_words_what_it_shows_and_nothing_of_it_is_markup(live):
    assert live.status.value == "width 5, &lt;50%&gt; hidden"
    alt, picture = re.fullmatch(
        r'<img alt="(.*)" src="data:image/png;base64,(.*)">', live.figure.value
    ).groups()
    assert alt == live.status.value and len(picture) > 1000
    assert [c.description for c in live.controls.values()] == ["width", "share hidden"]
    assert live.children == (*live.controls.values(), live.status, live.figure)


def test_an_error_is_shown_and_what_stood_there_stays(live):
    before = live.figure.value
    with pytest.raises(ValueError, match="no <such> width"):
        live.set(width=99)
    assert live.status.value == "ValueError: no &lt;such&gt; width"
    assert live.figure.value == before
    assert live.set(width=1) == "width 1, <50%> hidden"


def test_a_value_that_is_not_offered_is_refused(live):
    with pytest.raises(TraitError, match="Invalid selection"):
        live.set(width=2)
    assert live.set(width=1) == "width 1, <50%> hidden", "and the sliders still work"
