"""The panel without a page: set values, click, upload; what a person would see follows."""

from __future__ import annotations

import base64
import copy
import csv
import json
import re
import threading
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from io import BytesIO, StringIO
from pathlib import Path
from types import SimpleNamespace

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ipywidgets.widgets import widget as ipywidgets_core
from markupsafe import escape

from saelib.data.dataset import Dataset
from saelib.model.learn import train
from saelib.model.taste import shares
from saelib.panel import watch, widgets
from saelib.panel.files import spreadsheet
from saelib.panel.parts import parts_of
from saelib.panel.picture import picture
from saelib.panel.widgets import RatingPanel
from saelib.recommend import imports
from saelib.recommend.play import NIGHTS, film_night, taste_card
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import PAUSE


@pytest.fixture
def panel(bundle):
    panel = RatingPanel(Recommender(bundle))
    yield panel
    panel.close()


def shown(panel) -> list[str]:
    """The titles in the list."""
    places = [p.text.value for p in panel.watch.places if p.layout.display != "none"]
    return [unescape(re.search('saelib-title">(.*?)</span>', html)[1]) for html in places]


def content(link) -> str:
    """The file that a link downloads."""
    return base64.b64decode(re.search('base64,(.*?)"', link.value)[1]).decode()


def upload(panel, data: str | bytes, name: str = "me.json") -> None:
    data = data.encode() if isinstance(data, str) else data
    about = {"name": name, "type": "", "size": len(data), "last_modified": datetime.now(UTC)}
    panel.upload.value = [about | {"content": memoryview(data)}]


def rate(panel, *stars: float) -> None:
    for slider, value in zip(panel.rate.sliders, stars):
        slider.value = value


def titles(panel) -> list[str]:
    """Of the films to rate."""
    return [slider.description.split("\n")[0] for slider in panel.rate.sliders]


def test_at_first_it_says_what_to_do(panel):
    assert len(panel.rate.sliders) == 5
    assert [text for text, _ in panel.rate.sliders[0].options][:2] == ["not seen", "★"]
    assert {slider.value for slider in panel.rate.sliders} == {0}
    assert not panel.rate.sliders[0].continuous_update
    assert shown(panel) == []
    assert "ten films to watch" in panel.watch.status.value
    assert panel.watch.alert.value == ""
    assert repr(panel) == "RatingPanel of ml-100k"


def test_a_slider_moves_and_the_list_follows(panel):
    rate(panel, 5)
    before = shown(panel)
    assert len(before) == 10
    assert panel.watch.status.value == f"1 rated. A new list: {before[0]} first."
    rate(panel, 1)
    assert shown(panel) != before
    expected = panel.session.recommender.recommend(panel.session.profile, 10)
    assert [title.rsplit(" (", 1)[0] for title in shown(panel)] == expected["title"].tolist()
    rate(panel, 0)
    assert shown(panel) == []
    assert panel.session.profile.ratings == {}


def test_a_tick_counts_and_its_stars_are_asked_for(panel):
    assert len(panel.rate.ticks) == len(panel.rate.titles.children) == 10
    ticked = panel.rate.ticks[3].description
    panel.rate.ticks[3].value = True
    before = shown(panel)
    assert len(before) == 10
    assert ticked not in before
    assert panel.watch.status.value == f"0 rated, 1 more seen. A new list: {before[0]} first."
    panel.rate.others.click()
    assert panel.rate.ticks[0].description == ticked
    assert [tick.value for tick in panel.rate.ticks] == [True] + [False] * 10
    panel.rate.more.click()
    assert titles(panel)[0] == ticked
    assert [panel.rate.sliders[0].label, panel.rate.sliders[1].label] == ["seen", "not seen"]
    panel.rate.sliders[0].value = 4
    assert panel.watch.status.value.startswith("1 rated. ")
    panel.rate.ticks[0].value = False
    assert "its stars are gone, too" in panel.watch.status.value
    assert (panel.rate.sliders[0].value, panel.rate.sliders[0].label) == (0, "not seen")
    assert panel.session.profile == Profile(dataset="ml-100k")
    assert shown(panel) == []
    panel.watch.undo.click()
    assert panel.rate.ticks[0].value
    assert (panel.rate.sliders[0].value, panel.rate.sliders[0].options[0]) == (4, ("seen", 0))


def test_what_was_seen_is_saved_and_loaded(panel, bundle):
    panel.rate.ticks[3].value = panel.rate.ticks[5].value = True
    panel.rate.sliders[0].value = 2
    names = {panel.rate.ticks[3].description, panel.rate.ticks[5].description}
    other = RatingPanel(Recommender(bundle))
    upload(other, content(panel.save))
    assert shown(other) == shown(panel)
    assert {tick.description for tick in other.rate.ticks if tick.value} == names
    assert len(other.rate.ticks) == 12
    other.restart.click()
    assert not any(tick.value for tick in other.rate.ticks)
    assert len(other.rate.ticks) == 10
    other.close()


def test_each_film_stands_with_stars_bars_genres_and_reasons(panel):
    rate(panel, 5, 4, 1)
    html = panel.watch.places[0].text.value
    film = panel.session.recommendations(1).loc[0]
    assert f">{film['stars']:.1f} ★<" in html
    assert f"5 stars {film['distribution'][-1]:.0%}" in html
    assert f'aria-label="1 star {film["distribution"][0]:.0%}, 2 stars ' in html
    assert html.count("<i style=") == 5
    [reasons] = panel.session.reasons([film["movie_id"]], n=2)
    assert reasons.see and reasons.like
    see, like = re.findall(r"You would (?:come across|like) it.*", html)
    for reason in reasons.see:
        assert f"{reason.name} ({reason.share:.0%})" in see
    for reason in reasons.like:
        assert f'{reason.name} <span role="img" aria-label="{reason.stars:g} star' in like
        assert f"({reason.share:.0%})" in like
    assert panel.watch.places[0].reject.tooltip == f"Not interested in {shown(panel)[0]}"
    assert panel.watch.places[0].saw.tooltip == f"Seen it: {shown(panel)[0]}"


def test_only_demographics_give_a_list_without_reasons(panel):
    panel.rate.about.gender.value = "F"
    assert len(shown(panel)) == 10
    assert "You would" not in panel.watch.places[0].text.value
    panel.rate.about.gender.value = ""
    assert shown(panel) == []


def test_demographics_are_told_and_an_exact_age_stays(panel):
    upload(panel, '{"ratings": {}, "age": 30, "occupation": "writer"}')
    assert (panel.rate.about.age.label, panel.rate.about.occupation.value) == ("25-34", "writer")
    panel.rate.about.gender.value = "M"
    assert panel.session.profile == Profile({}, "ml-100k", "M", 30, "writer")
    panel.rate.about.age.value = 56
    assert panel.session.profile.age == 56
    panel.rate.about.age.value = ""
    assert panel.session.profile.age is None


def test_more_films_keeps_the_rated_ones_in_their_places(panel):
    panel.rate.sliders[1].value = 4
    panel.rate.sliders[3].value = 2
    assert len(panel.rate.sliders) == 7
    before, rows = titles(panel), list(panel.rate.rows.children)
    panel.rate.more.click()
    after = titles(panel)
    assert (after[1], after[3]) == (before[1], before[3])
    assert not {after[0], after[2], after[4]} & set(before)
    assert len(set(after)) == 7  # two rated, five open
    assert list(panel.rate.rows.children) == rows  # the same widgets: the focus stays
    assert [slider.value for slider in panel.rate.sliders] == [0, 4, 0, 2, 0, 0, 0]


def test_a_film_is_searched_and_added_once(panel):
    panel.rate.search.button.click()
    assert "Type a part" in panel.watch.status.value
    panel.rate.search.query.value = "les miserables"
    assert [text for text, _ in panel.rate.search.found.options] == ["Misérables, Les (1995)"]
    panel.rate.search.button.click()
    panel.rate.search.button.click()
    assert titles(panel).count("Misérables, Les (1995)") == 1
    panel.rate.sliders[titles(panel).index("Misérables, Les (1995)")].value = 5
    assert panel.session.profile.ratings == {"30": 5}
    panel.rate.search.query.value = "nothing like it"
    assert panel.rate.search.found.options == ()
    assert panel.rate.search.button in list(visible(panel))
    panel.rate.search.query.value = ""
    assert panel.rate.search.button not in list(visible(panel))


def enter(panel, text: str, search: int = 0) -> None:
    """As panel.js says that Enter was pressed in a search box."""
    panel.in_page._handle_custom_msg({"entered": {"search": search, "text": text}}, [])


def test_enter_adds_the_best_that_is_found_and_says_so(panel):
    panel.rate.search.query.value = "fil"
    enter(panel, "les miserabels")  # before the box has sent all of it
    said = "Misérables, Les (1995) is among the films to rate."
    assert panel.watch.status.value == said
    assert titles(panel)[-1] == "Misérables, Les (1995)"
    panel.rate.search.query.value = "les miserabels"  # and now it does
    assert panel.watch.status.value == said
    enter(panel, "les miserabels")
    assert titles(panel).count("Misérables, Les (1995)") == 1
    panel.rate.search.query.value = "les mis"
    panel.rate.search.query.value = "les miserabels"
    assert panel.watch.status.value == "Found: 1 film.", "typed anew, and not entered"
    before = titles(panel)
    for text, word in (("", "Type a part"), (" ", "Type a part"), ("no such thing", "Nothing is")):
        enter(panel, text)
        assert panel.watch.status.value.startswith(word)
        assert titles(panel) == before
    panel.watch.undo.click()
    assert "Misérables, Les (1995)" not in titles(panel)
    assert panel.watch.alert.value == ""


def test_filters_and_how_well_known(panel):
    rate(panel, 5, 4, 2)
    everything = shown(panel)
    panel.watch.genre.value = "Sci-Fi"
    assert set(panel.session.recommender.catalogue.films.set_index("movie_id")["genres"]) > {
        "Sci-Fi"
    }
    assert all("Sci-Fi" in p.text.value for p in panel.watch.places[: len(shown(panel))])
    panel.watch.decade.value = 1960
    assert shown(panel)
    assert all(re.search(r"\(196\d\)", title) for title in shown(panel))
    panel.watch.genre.value, panel.watch.decade.value = "Comedy", 1990
    assert panel.watch.status.value.startswith(("No film fits", "3 rated"))
    panel.watch.genre.value, panel.watch.decade.value = "", 0
    assert shown(panel) == everything
    panel.watch.well_known.value = 0
    expected = panel.session.recommender.recommend(panel.session.profile, 10, well_known=0)
    assert [title.rsplit(" (", 1)[0] for title in shown(panel)] == expected["title"].tolist()


def test_the_person_stands_on_the_map_and_moves(panel):
    assert "Rate a film" in panel.watch.mark.value
    rate(panel, 5)
    first = panel.watch.mark.value
    left, top = shares(np.array(panel.session.place()))
    assert f"left:{left:.1%};top:{top:.1%}" in first
    assert 0 < left < 1 and 0 < top < 1
    rate(panel, 1)
    assert panel.watch.mark.value != first


def test_not_interested_lets_another_film_move_up(panel):
    rate(panel, 5)
    before = shown(panel)
    panel.watch.places[0].reject.click()
    assert shown(panel)[:9] == before[1:]
    text = content(panel.save)
    panel.watch.undo.click()
    assert shown(panel) == before
    upload(panel, text)
    assert shown(panel)[:9] == before[1:]


def test_a_recommendation_that_was_seen_moves_to_the_films_to_rate(panel):
    rate(panel, 5)
    before, film = shown(panel), panel.watch.films["movie_id"][0]
    panel.watch.places[0].saw.click()
    assert shown(panel)[:1] != before[:1]
    assert panel.watch.status.value.startswith(f"{before[0]} is among the films to rate")
    assert {tick.description: tick.value for tick in panel.rate.ticks}[before[0]]
    slider = panel.rate.sliders[titles(panel).index(before[0])]
    assert (slider.label, slider.value) == ("seen", 0)
    panel.rate.more.click()
    assert before[0] in titles(panel)
    slider = panel.rate.sliders[titles(panel).index(before[0])]
    slider.value = 2
    assert panel.session.profile.ratings[str(film)] == 2
    for _ in range(3):
        panel.watch.undo.click()
    assert shown(panel) == before
    assert panel.session.profile.seen == []


def test_a_recommendation_is_rated_on_its_card(panel, bundle):
    rate(panel, 5)
    before, place = shown(panel), panel.watch.places[1]
    assert place.stars.description == f"Seen, with stars: {before[1]}"
    assert not place.stars.continuous_update
    film, n_open = str(place.film), [slider.value for slider in panel.rate.sliders].count(0)
    place.stars.value = 4
    assert panel.session.profile.ratings[film] == 4
    assert (
        panel.watch.status.value == f"{before[1]} has got 4 stars, and is among the films to rate."
    )
    assert before[1] not in shown(panel)
    assert place.stars.value == 0, "it is another film's now"
    assert panel.rate.sliders[titles(panel).index(before[1])].value == 4
    assert [slider.value for slider in panel.rate.sliders].count(0) == n_open
    place.saw.click()
    panel.watch.places[0].reject.click()
    after = shown(panel)
    other = RatingPanel(Recommender(bundle))
    upload(other, content(panel.save))
    assert shown(other) == after
    assert other.session.profile == panel.session.profile
    other.close()
    for _ in range(3):
        panel.watch.undo.click()
    assert shown(panel) == before
    assert film not in panel.session.profile.ratings
    place.stars.value = 5  # the same value as could have been kept from before
    assert panel.session.profile.ratings[film] == 5


def test_a_card_that_cannot_be_rated_stays_and_says_why(panel, monkeypatch):
    rate(panel, 5)
    before = shown(panel)
    monkeypatch.setattr(panel.session, "rate", lambda *_: 1 / 0)
    panel.watch.places[0].stars.value = 3
    assert "division by zero" in panel.watch.alert.value
    assert (panel.watch.places[0].stars.value, shown(panel)) == (0, before)


def test_undo_goes_all_the_way_back(panel):
    states = []
    for change in (
        lambda: rate(panel, 5),
        lambda: setattr(panel.rate.about.gender, "value", "F"),
        lambda: panel.watch.places[2].reject.click(),
        lambda: panel.rate.more.click(),
        lambda: upload(panel, '{"ratings": {"80": 5, "90": 2}}'),
        lambda: panel.restart.click(),
        lambda: rate(panel, 0, 3),
    ):
        states.append((titles(panel), [s.value for s in panel.rate.sliders], shown(panel)))
        change()
        assert panel.watch.alert.value == ""
    for state in reversed(states):
        panel.watch.undo.click()
        assert (titles(panel), [s.value for s in panel.rate.sliders], shown(panel)) == state
    panel.watch.undo.click()
    assert panel.watch.alert.value == "There is nothing to undo."
    rate(panel, 5)
    assert panel.watch.alert.value == ""


def test_quick_keys_on_a_slider_are_one_undo_and_deliberate_taps_two(panel, monkeypatch):
    now = 0.0
    monkeypatch.setattr(panel.session, "_clock", lambda: now)
    for stars in (1, 2, 3, 4):
        panel.rate.sliders[1].value = stars
        now += 0.3
    lists = [shown(panel)]
    now += PAUSE
    panel.rate.sliders[1].value = 2
    assert shown(panel) != lists[0]
    panel.watch.undo.click()
    assert (panel.rate.sliders[1].value, shown(panel)) == (4, lists[0])
    panel.watch.undo.click()
    assert (panel.rate.sliders[1].value, len(panel.rate.sliders)) == (0, 5)
    assert not panel.session.can_undo


def test_saved_as_the_command_line_does_and_loaded_again(panel, tmp_path):
    rate(panel, 5, 4, 1)
    panel.rate.about.age.value = 25
    panel.session.save(tmp_path / "me.json")
    text = content(panel.save)
    assert text == (tmp_path / "me.json").read_text(encoding="utf-8")
    before = shown(panel)
    panel.restart.click()
    assert shown(panel) == []
    for _ in range(2):  # the same file again
        upload(panel, text)
        assert panel.upload.value == ()
        assert shown(panel) == before
    assert [slider.value for slider in panel.rate.sliders[:3]] == [
        panel.session.profile.ratings[film] for film in panel.session.films[:3]
    ]


def test_the_list_as_a_table(panel):
    rate(panel, 5)
    text = content(panel.watch.download)
    assert text[0] == "\ufeff"
    table = pd.read_csv(StringIO(text[1:]))
    assert list(table) == ["movie_id", "title", "year", "genres", "stars"]
    assert table["movie_id"].tolist() == panel.session.recommendations()["movie_id"].tolist()


def test_an_occupation_is_kept_where_the_release_has_none(data):
    nobody = replace(data, users=None)
    panel = RatingPanel(Recommender(train(nobody, "plain", epochs=1, progress=False)))
    upload(panel, '{"ratings": {"80": 5}, "occupation": "writer"}')
    assert panel.watch.alert.value == ""
    assert panel.session.profile.occupation == "writer"
    assert len(shown(panel)) == 10


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ('{"dataset": "ml-1m", "ratings": {"80": 5}}', "The profile is of 'ml-1m'"),
        (json.dumps({"ratings": {str(i): 5 for i in range(300_000)}}), "has no film '0'"),
        (b" " * 5_000_001, "too large for a profile: 5.0 MB; expected a file of at most 5 MB"),
        ('{"ratings": {"80": NaN}}', "not on the scale"),
        ('{"ratings": {"80": 5}, "age": NaN}', "out of range"),
        (
            "<script>alert(1)</script>",
            "has the columns '<script>alert(1)</script>'; expected a file",
        ),
        (b'{"ratings": {"Caf\xe9": 5}}', "is not JSON"),
        (b"", "is empty; expected a profile, or an export as a CSV file"),
        ('{"ratings": {"<b>\\n\\n</b>": 5}}', "has no film"),
    ],
)
def test_a_profile_that_does_not_fit_is_one_line_and_changes_nothing(panel, file, message):
    rate(panel, 5, 2)
    before = (content(panel.save), shown(panel), titles(panel))
    upload(panel, file, "<i>me</i>.json")
    assert message in unescape(panel.watch.alert.value)
    assert "\n" not in panel.watch.alert.value
    assert len(panel.watch.alert.value) < 1000
    assert "<" not in panel.watch.alert.value
    assert panel.watch.status.value == ""
    assert (content(panel.save), shown(panel), titles(panel)) == before
    panel.watch.places[0].reject.click()
    assert panel.watch.alert.value == ""


def test_ratings_made_elsewhere_are_added_to_what_was_told(panel, monkeypatch):
    monkeypatch.setattr(imports, "at_hand", dict)  # whatever lies on this machine
    rate(panel, 5, 2)
    before = dict(panel.session.profile.ratings)
    rows = ["Date,Name,Year,Letterboxd URI,Rating", "2024-01-01,Film 30,1980,https://boxd.it/a,4.5"]
    rows += ["2024-01-01,No such film,1980,https://boxd.it/b,3"]
    upload(panel, "\n".join(rows), "ratings.csv")
    assert panel.watch.alert.value == ""
    assert panel.watch.status.value == (
        "ratings.csv: 1 film with stars and 0 seen taken; 1 not in ml-100k."
    )
    assert panel.session.profile.ratings == before | {"310": 5}
    report = unescape(panel.report.value)
    assert "<summary>What became of each film of ratings.csv</summary>" in report
    assert "Not in ml-100k: 1\n  No such film (1980)" in report
    assert "1 found by title and year" in report
    rows[2] = "2024-01-01,No such film,2022,https://boxd.it/b,3"
    panel.watch.undo.click()
    assert panel.report.value == "", "the file was undone"
    upload(panel, "\n".join(rows), "ratings.csv")
    later = "1 of the films are of 1999 or later, after ml-100k ends; ml-32m reaches to 2023."
    assert later in panel.report.value
    panel.watch.undo.click()
    assert panel.session.profile.ratings == before
    upload(panel, '{"ratings": {"80": 5}}')
    assert panel.report.value == "", "of another file"


def test_the_list_as_a_table_holds_no_formula(bundle):
    """As its titles may be in data of one's own."""
    titles = [f"{'=+-@'[i % 4]}cmd|' /C calc'!A{i}" for i in range(len(bundle.films))]
    hostile = copy.copy(bundle)
    hostile.films = bundle.films.assign(title=titles, genres="=1+1|@SUM(A1)")
    panel = RatingPanel(Recommender(hostile))
    rate(panel, 5)
    rows = list(csv.reader(StringIO(content(panel.watch.download)[1:])))[1:]
    assert len(rows) == 10
    for row in rows:
        assert row[1][1:] in titles
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]
    panel.close()
    films = pd.DataFrame(
        {"movie_id": ["-1", "a"], "title": ["\t=1", "=2"], "year": 1990, "genres": "x"}
    ).assign(stars=[-1.5, 2])
    written = list(csv.reader(StringIO(spreadsheet(films)[1:])))[1:]
    assert [row[0] for row in written] == ["'-1", "a"]
    assert [row[1] for row in written] == ["'\t=1", "'=2"]
    assert [row[4] for row in written] == ["-1.5", "2.0"], "numbers stay numbers"


def test_a_list_of_films_that_one_may_not_like_says_so(panel, monkeypatch):
    monkeypatch.setattr(watch, "caution", lambda films, scale: f"All {len(films)} are < 3 stars.")
    rate(panel, 1)
    assert "All 10 are &lt; 3 stars." in panel.watch.welcome.value


def test_a_search_says_how_many_more_there_are(panel):
    panel.rate.search.query.value = "film"
    assert panel.watch.status.value == "Found: 33 films; here are the 20 best."
    assert len(panel.rate.search.found.options) == 20
    panel.rate.search.query.value = "sabrina"
    assert panel.watch.status.value == "Found: 2 films."


def test_a_file_that_the_page_did_not_let_through_is_one_line(panel):
    rate(panel, 5, 2)
    before = (content(panel.save), shown(panel))
    in_page = panel.in_page
    assert in_page.max_upload < 10 * 2**20, "where sockets break"
    in_page._handle_custom_msg({"refused": {"name": "<i>me</i>.json", "size": 12_000_000}}, [])
    assert "<i>me</i>.json is too large for a profile: 12.0 MB" in unescape(panel.watch.alert.value)
    in_page._handle_custom_msg({"refused": {"name": "The file", "size": None}}, [])
    assert "could not be read" in panel.watch.alert.value
    assert (content(panel.save), shown(panel)) == before
    panel.watch.places[0].reject.click()
    assert panel.watch.alert.value == ""


def test_whatever_goes_wrong_is_shown_and_the_control_set_back(panel, monkeypatch):
    rate(panel, 5)
    monkeypatch.setattr(panel.session, "rate", lambda *_: 1 / 0)
    rate(panel, 1)
    assert panel.watch.alert.value == "Something went wrong: ZeroDivisionError: division by zero"
    assert panel.rate.sliders[0].value == 5
    monkeypatch.undo()
    monkeypatch.setattr(panel.session, "reasons", lambda *_, **__: [][0])
    rate(panel, 2)
    assert panel.watch.alert.value.startswith("Something went wrong: IndexError")
    monkeypatch.undo()
    rate(panel, 3)
    assert panel.watch.alert.value == ""
    assert len(shown(panel)) == 10


def test_changes_that_come_at_once_are_all_kept(panel, monkeypatch):
    """JupyterLab delivers each control's changes in a thread of its own."""
    rate(panel, 5)
    started, moved = threading.Event(), threading.Event()
    recommend = panel.session.recommendations

    def slow(*args, **kwargs):
        started.set()
        assert moved.wait(10)
        return recommend(*args, **kwargs)

    def move_two():
        panel.rate.sliders[1].value = 2
        panel.rate.sliders[2].value = 3

    monkeypatch.setattr(panel.session, "recommendations", slow)
    first = threading.Thread(target=lambda: rate(panel, 4))
    first.start()
    assert started.wait(10)
    second = threading.Thread(target=move_two)
    third = threading.Thread(target=lambda: setattr(panel.rate.about.gender, "value", "F"))
    second.start()
    third.start()
    while panel.rate.sliders[1].value != 2 or panel.rate.about.gender.value != "F":
        pass
    moved.set()
    for thread in (first, second, third):
        thread.join(10)
    assert [slider.value for slider in panel.rate.sliders[:3]] == [4, 2, 3]
    assert list(panel.session.profile.ratings.values()) == [4, 2, 3]
    assert panel.session.profile.gender == panel.rate.about.gender.value == "F"
    assert panel.watch.alert.value == ""


def test_a_title_with_a_script_is_text(bundle):
    hostile = copy.copy(bundle)
    hostile.films = bundle.films.assign(
        title="<script>alert('x')</script>" + bundle.films["title"], genres="<b>Drama|\"'"
    )
    panel = RatingPanel(Recommender(hostile))
    rate(panel, 5, 4)
    assert shown(panel)[0].startswith("<script>")
    for part in ipywidgets_core._instances.values():
        if isinstance(part, ipywidgets.HTML):
            assert "<script" not in part.value
            assert "<b>" not in part.value
        assert not getattr(part, "description_allow_html", False)
    assert panel.rate.sliders[0].description.startswith("<script>")  # a text, not HTML
    panel.close()


def test_half_stars_and_no_demographics_where_the_release_has_such(data):
    ratings = data.ratings.assign(rating=data.ratings["rating"] - 0.5)
    halves = Dataset("ml-10m", ratings, data.movies, None, (0.5, 5, 0.5))
    panel = RatingPanel(Recommender(train(halves, "default", epochs=1, progress=False)))
    assert [text for text, _ in panel.rate.sliders[0].options][:4] == ["not seen", "½", "★", "★½"]
    unfold(panel)
    assert panel.rate.about.gender not in list(visible(panel))
    assert panel.watch.genre in list(visible(panel))
    rate(panel, 3.5)
    assert panel.watch.places[0].text.value.count("<i style=") == 10
    assert panel.session.profile.ratings[panel.session.films[0]] == 3.5
    panel.close()


def test_a_model_without_distributions(data):
    panel = RatingPanel(Recommender(train(data, "plain", epochs=1, progress=False)))
    unfold(panel)
    assert panel.rate.about.gender not in list(visible(panel))
    assert panel.watch.well_known not in list(visible(panel))
    rate(panel, 5, 1)
    assert panel.watch.alert.value == ""
    assert len(shown(panel)) == 10
    assert "saelib-bars" not in panel.watch.places[0].text.value
    panel.close()


def visible(widget):
    if widget.layout.display != "none":
        yield widget
        for child in getattr(widget, "children", ()):
            yield from visible(child)


def unfold(panel) -> None:
    """Open all that is folded."""
    for part in parts_of(panel):
        if isinstance(part, ipywidgets.ToggleButton):
            part.value = True


def test_what_is_not_asked_of_everybody_is_folded(panel):
    for control in (panel.rate.about.gender, panel.watch.genre, panel.watch.well_known):
        assert control not in list(visible(panel))
    unfold(panel)
    for control in (panel.rate.about.gender, panel.watch.genre, panel.watch.well_known):
        assert control in list(visible(panel))


def test_each_film_that_is_rated_brings_another(panel):
    for number in range(12):
        panel.rate.sliders[number].value = 1 + number % 5
        assert len(panel.rate.sliders) == number + 6
        assert [slider.value for slider in panel.rate.sliders[number + 1 :]] == [0] * 5
    panel.rate.sliders[0].value = 2
    assert len(panel.rate.sliders) == 17, "its stars have only changed"
    panel.watch.undo.click()
    panel.watch.undo.click()
    assert len(panel.rate.sliders) == 16, "the film that came with the last one goes with it"
    assert [slider.value for slider in panel.rate.sliders[-5:]] == [0] * 5


def test_what_the_last_rating_changed_is_said_and_marked(panel):
    rate(panel, 5)
    assert "saelib-move" not in "".join(place.text.value for place in panel.watch.places)
    before = shown(panel)
    panel.rate.sliders[1].value = 1
    after = shown(panel)
    marks = [re.search(r"NEW|[▲▼]\d+|$", place.text.value)[0] for place in panel.watch.places]
    for place, (name, mark) in enumerate(zip(after, marks)):
        if name not in before:
            assert mark == "NEW"
        else:
            move = before.index(name) - place
            assert mark == (f"▲{move}" if move > 0 else f"▼{-move}" if move < 0 else "")
    assert any(marks)
    assert panel.watch.status.value.startswith(f"2 rated. A new list: {after[0]} first; ")
    for word, sign in (("new", "N"), ("up", "▲"), ("down", "▼")):
        n = sum(mark.startswith(sign) for mark in marks)
        assert (f"{n} {word}" in panel.watch.status.value) == (n > 0)
    for name in after[:3]:
        assert name in unescape(panel.watch.top.value)
    assert after[3] not in unescape(panel.watch.top.value)


def test_the_browser_keeps_what_was_told_and_gives_it_back(panel, bundle):
    assert panel.in_page.kept == ""
    rate(panel, 5, 2)
    panel.watch.places[0].reject.click()
    kept, before = panel.in_page.kept, shown(panel)
    other = RatingPanel(Recommender(bundle))
    assert other.in_page.store == panel.in_page.store
    other.in_page._handle_custom_msg({"restore": kept}, [])
    assert other.watch.alert.value == ""
    assert shown(other) == before
    assert other.session.profile == panel.session.profile
    other.restart.click()
    assert other.in_page.kept == ""
    other.in_page._handle_custom_msg({"restore": "<b>no JSON"}, [])
    assert other.watch.alert.value.startswith("What was kept in the browser is not JSON")
    other.close()


def test_the_heading_says_which_films_these_are_and_the_foot_whose(panel, data):
    texts = [part.value for part in panel.children if isinstance(part, ipywidgets.HTML)]
    newest = int(data.movies["year"].max())
    n_people = f"{len(panel.session.recommender.bundle.user_ids):,}"
    assert f"films up to {newest}, and what {n_people} people" in texts[0]
    assert "MovieLens 100K" in texts[0]
    assert "GroupLens Research" in texts[-1]
    assert "research use; no redistribution and no commercial use" in texts[-1]


def test_ratings_of_ones_own_are_nobody_elses(bundle):
    own = copy.copy(bundle)
    own.dataset = "books"
    panel = RatingPanel(Recommender(own))
    texts = [part.value for part in panel.children if isinstance(part, ipywidgets.HTML)]
    assert "books" in texts[0]
    assert "GroupLens" not in "".join(texts)
    panel.close()


def listed(result) -> list[list[str]]:
    """The titles of each of the lists that stand beside each other."""
    lists = result.value.split("<ol>")[1:]
    return [re.findall('saelib-title">(.*?)</span>', one) for one in lists]


def test_what_if_shows_the_list_beside_the_one_that_it_would_be(panel):
    game = panel.play.what_if
    enter(panel, "film 30", search=1)
    assert "The profile is empty" in game.said.value
    rate(panel, 5)
    panel.watch.genre.value = "Drama"
    before, told = shown(panel), panel.session.profile.to_json()
    game.search.query.value = "film 30"
    game.search.button.click()
    name = game.search.found.label
    supposed = dict(panel.session.profile.ratings) | {str(game.search.found.value): 5}
    after = panel.session.recommender.recommend(Profile(supposed), 10, genres=["Drama"])
    as_it_is, if_loved = listed(game.result)
    assert as_it_is == before
    assert [title.rsplit(" (", 1)[0] for title in if_loved] == after["title"].tolist()
    assert f"If you had loved {name}" in game.result.value
    _, _, changed = panel.session.what_if(game.search.found.value, genres=["Drama"])
    assert unescape(game.said.value) == changed.in_words()
    assert game.result.value.count(">NEW<") == len(set(if_loved) - set(as_it_is))
    assert game.result.value.count(">GOES<") == len(set(as_it_is) - set(if_loved))
    assert (shown(panel), panel.session.profile.to_json()) == (before, told), "nothing is kept"
    assert panel.watch.status.value.startswith("1 rated. A new list"), "the panel's own line stays"
    rate(panel, 1)
    assert game.result.value == ""
    assert game.said.value == "Your answers have changed since: ask once more."


def load_people(panel, **profiles: str) -> None:
    about = {"type": "", "last_modified": datetime.now(UTC)}
    panel.play.night.upload.value = [
        about | {"name": f"{name}.json", "size": len(text), "content": memoryview(text.encode())}
        for name, text in profiles.items()
    ]


def test_a_film_night_with_profiles_of_others(panel):
    night = panel.play.night
    ann, bob = '{"ratings": {"80": 5, "90": 4}}', '{"ratings": {"110": 5}, "seen": ["130"]}'
    load_people(panel, ann=ann)
    assert "One more profile" in night.said.value
    assert night.result.value == ""
    night.choose.click()
    assert "takes two profiles or more; got 1" in night.said.value
    load_people(panel, ann=bob, stars=bob)
    assert night.said.value == "Films for ann, ann 2, stars 2."
    rate(panel, 5)
    assert night.result.value == "", "they count, too"
    night.choose.click()
    assert night.said.value == "Films for you, ann, ann 2, stars 2."
    everybody = {"you": panel.session.profile} | night.people
    for of_rule, how in zip(listed(night.result), NIGHTS):
        films = film_night(panel.session.recommender, everybody, how=how)
        assert [t.rsplit(" (", 1)[0] for t in of_rule] == films["title"].tolist()
        best = films.loc[0]
        assert f"you {best['you']:.1f} ★, ann {best['ann']:.1f} ★" in night.result.value
    load_people(panel, eve='{"ratings": {"80": 5}}', mallory='{"ratings": {"80": 9}}')
    assert "not on the scale" in night.said.value
    assert "eve" not in night.people, "all of them, or none"
    assert night.upload.value == ()
    refused = {"refused": {"upload": 1, "name": "<i>big</i>.json", "size": 12_000_000}}
    panel.in_page._handle_custom_msg(refused, [])
    assert "&lt;i&gt;big&lt;/i&gt;.json is too large" in night.said.value
    assert panel.watch.alert.value == ""
    night.without.click()
    assert (night.people, night.result.value) == ({}, "")
    assert list(panel.session.profile.ratings.values()) == [5]


def test_a_taste_card_is_a_picture_that_says_what_it_shows(panel):
    card = panel.play.card
    card.make.click()
    assert "give stars to at least one film" in card.said.value
    rate(panel, 5, 2, 4)
    card.make.click()
    words = taste_card(panel.session.recommender, panel.session.profile).text()
    [link] = re.findall('download="taste-ml-100k.png" href="(.*?)"', card.result.value)
    png = base64.b64decode(link.removeprefix("data:image/png;base64,"))
    image = plt.imread(BytesIO(png), "png")
    assert image.shape[:2] == (630, 1200)
    assert f'src="{link}"' in card.result.value
    [alt] = re.findall('alt="(.*?)"', card.result.value, re.DOTALL)
    assert unescape(alt) == words
    assert f"<div>{escape(words)}</div>" in card.result.value
    left = image[:, :700, :3].min(axis=(1, 2))  # the darkest of each line, left of the map
    n_lines = sum((left[1:] < 0.5) & (left[:-1] >= 0.5))
    assert n_lines >= 2 * (len(words.splitlines()) - 2), "names and what is said of each"


def test_a_card_draws_any_title(bundle):
    odd = copy.copy(bundle)
    odd.films = bundle.films.assign(title="$\\frac$ <b> " + 40 * "long " + bundle.films["title"])
    recommender, profile = Recommender(odd), Profile({"80": 5, "90": 1, "100": 4})
    drawn = picture(taste_card(recommender, profile), odd.taste, recommender.place(profile))
    assert plt.imread(BytesIO(drawn), "png").shape[:2] == (630, 1200)


def test_a_surprise_can_be_rated_and_each_is_another(panel):
    game = panel.play.surprise
    game.draw.click()
    assert "no film to surprise you" in game.said.value
    rate(panel, 5)
    before = shown(panel)
    game.draw.click()
    first = game.place.name
    assert first in unescape(game.said.value)
    assert game.place.reject.tooltip == f"Not interested in {first}"
    game.draw.click()
    assert game.place.name != first
    assert shown(panel) == before
    film = str(game.place.film)
    game.place.stars.value = 2
    assert panel.session.profile.ratings[film] == 2
    assert game.place.layout.display == "none"
    assert "taken to your answers" in game.said.value
    panel.watch.undo.click()
    assert film not in panel.session.profile.ratings
    game.draw.click()
    film = str(game.place.film)
    game.place.reject.click()
    assert panel.session.profile.rejected == [film]
    assert game.place.layout.display == "none"


def test_who_starts_again_finds_nothing_of_the_games(panel):
    rate(panel, 5)
    enter(panel, "film 30", search=1)
    load_people(panel, ann='{"ratings": {"80": 5}}')
    panel.play.card.make.click()
    panel.play.surprise.draw.click()
    assert all(game.said.value for game in panel.play.games)
    panel.restart.click()
    for game in panel.play.games:
        assert (game.said.value, game.result.value) == ("", "")
    assert panel.play.night.people == {}
    assert panel.play.surprise.place.layout.display == "none"


def test_closing_leaves_nothing(bundle):
    before = set(ipywidgets_core._instances)
    panel = RatingPanel(Recommender(bundle))
    rate(panel, 5, 4, 3, 2, 1)
    panel.rate.more.click()
    upload(panel, '{"ratings": {"80": 5}}')
    slider = panel.rate.sliders[0]
    panel.close()
    panel.close()
    assert set(ipywidgets_core._instances) == before
    slider.value = 1  # nobody listens any more
    assert panel.session.profile.ratings == {"80": 5}


def test_panels_do_not_disturb_each_other(panel, bundle):
    rate(panel, 5)
    before = shown(panel)
    other = RatingPanel(panel.session.recommender)
    rate(other, 1, 2)
    assert shown(panel) == before
    assert shown(other) != before
    other.close()
    rate(panel, 4)
    assert panel.watch.alert.value == ""
    assert len(shown(panel)) == 10


def test_running_a_cell_again_closes_its_panels(bundle, monkeypatch):
    def run(cell: str | None, run: str) -> RatingPanel:
        parent = {"header": {"msg_id": run}, "metadata": {"cellId": cell} if cell else {}}
        kernel = SimpleNamespace(get_parent=lambda channel: parent)
        monkeypatch.setattr(widgets, "get_ipython", lambda: SimpleNamespace(kernel=kernel))
        return RatingPanel(recommender)

    recommender = Recommender(bundle)
    before = set(ipywidgets_core._instances)
    first, second = run("a", "1"), run("a", "1")  # two in one run of the cell
    elsewhere, unknown = run("b", "2"), run(None, "3")
    assert first.comm and second.comm
    last = run("a", "4")
    assert not first.comm and not second.comm
    assert elsewhere.comm and unknown.comm and last.comm
    for panel in (elsewhere, unknown, last):
        panel.close()
    assert set(ipywidgets_core._instances) == before


def test_the_page_parts_come_with_the_package():
    folder = Path(widgets.__file__).parent
    for name in ("panel.js", "panel.css"):
        assert (folder / name).stat().st_size > 500


class Sitting(RuleBasedStateMachine):
    """Whatever is clicked in whatever order, what is shown is right."""

    bundle = None

    @initialize()
    def begin(self):
        self.panel = RatingPanel(Recommender(self.bundle))

    def teardown(self):
        self.panel.close()

    @rule(number=st.integers(0, 50), stars=st.integers(0, 5))
    def rate(self, number, stars):
        sliders = self.panel.rate.sliders
        sliders[number % len(sliders)].value = stars

    @rule(number=st.integers(0, 9))
    def reject(self, number):
        if number < len(shown(self.panel)):
            self.panel.watch.places[number].reject.click()

    @rule(number=st.integers(0, 9))
    def saw(self, number):
        if number < len(shown(self.panel)):
            self.panel.watch.places[number].saw.click()

    @rule(number=st.integers(0, 9), stars=st.integers(1, 5))
    def rate_on_the_card(self, number, stars):
        if number < len(shown(self.panel)):
            film = str(self.panel.watch.places[number].film)
            self.panel.watch.places[number].stars.value = stars
            assert self.panel.session.profile.ratings[film] == stars

    @rule(text=st.sampled_from(["film 2", "sabrina", "x"]))
    def enter(self, text):
        enter(self.panel, text)

    @rule(which=st.integers(0, 2))
    def click(self, which):
        panel = self.panel
        [panel.rate.more, panel.restart, panel.rate.search.button][which].click()

    @rule(text=st.sampled_from(["film 2", "sabrina", "x"]))
    def search(self, text):
        self.panel.rate.search.query.value = text

    @rule(gender=st.sampled_from(["", "F", "M"]))
    def tell(self, gender):
        self.panel.rate.about.gender.value = gender

    @rule()
    def undo(self):
        if self.panel.session.can_undo:
            self.panel.watch.undo.click()

    @rule()
    def save_and_load(self):
        before = shown(self.panel)
        upload(self.panel, content(self.panel.save))
        assert shown(self.panel) == before

    @invariant()
    def what_is_shown_is_right(self):
        panel, session = self.panel, self.panel.session
        assert panel.watch.alert.value == ""
        listed = panel.watch.films
        assert not set(listed["movie_id"].astype(str)) & {
            *session.profile.ratings,
            *session.profile.rejected,
            *session.profile.seen,
        }
        assert listed["score"].is_monotonic_decreasing
        assert len(shown(panel)) == len(listed)
        assert {place.stars.value for place in panel.watch.places} == {0}
        values = [slider.value for slider in panel.rate.sliders]
        assert values == [session.profile.ratings.get(film, 0) for film in session.films]
        assert len(set(session.films)) == len(session.films) == len(panel.rate.rows.children)


def test_any_sequence_of_clicks(bundle):
    machine = type("SittingOfThis", (Sitting,), {"bundle": bundle}).TestCase
    machine.settings = settings(max_examples=10, stateful_step_count=12, deadline=None)
    machine("runTest").runTest()
