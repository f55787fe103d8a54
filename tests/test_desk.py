"""The panel without a browser: messages in, one dictionary out; and the two widgets around it."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace

import pytest
from conftest import on_scale

from saelib.data import Scale
from saelib.errors import SaelibError
from saelib.model import train
from saelib.panel import widget
from saelib.panel.desk import N_LISTED, N_OPEN, N_TICKS, Desk
from saelib.panel.sliders import NOT_SEEN, RatingSliders
from saelib.panel.widget import RatingPanel
from saelib.recommend.profile import MAX_BYTES, Profile
from saelib.recommend.recommender import Recommender


@pytest.fixture
def desk(recommender):
    return Desk(recommender)


def do(desk: Desk, act: str, **told) -> dict:
    """What is seen after an act that is not refused."""
    view = desk.hear({"do": act, **told})
    assert view["alert"] == ""
    return view


def load(desk: Desk, content: str | bytes, name: str = "profile.json") -> dict:
    data = content.encode() if isinstance(content, str) else content
    return desk.hear({"do": "load", "name": name, "data": base64.b64encode(data).decode()})


def ids(films: list[dict]) -> list[str]:
    return [film["id"] for film in films]


def named(films: list[dict]) -> dict[str, dict]:
    return {film["name"]: film for film in films}


def rated(desk: Desk, *stars: float) -> dict:
    """What is seen after the first films have got these stars."""
    view = do(desk, "look")
    for film, given in zip(ids(view["table"]), stars):
        view = do(desk, "rate", film=film, stars=given)
    return view


def test_a_sitting_begins_with_films_to_rate_and_to_tick(desk):
    view = desk.hear({"do": "look", "n": 7})
    assert len(view["table"]) == N_OPEN
    assert len(view["ticks"]) == N_TICKS
    assert not {*ids(view["table"])} & {*ids(view["ticks"])}
    assert (view["list"], view["undo"], view["told"], view["heard"]) == ([], False, False, 7)
    assert view["status"] == "Tick or rate a film that you have seen: films to watch next appear."
    assert {film["at"] for film in view["table"]} == {0}
    json.dumps(view, allow_nan=False)


def test_a_star_gives_a_list_with_reasons_and_further_films_to_rate(desk):
    view = rated(desk, 5, 1)
    assert view["status"].startswith("2 rated, 0 more seen.")
    assert [film["at"] for film in view["table"][:3]] == [5, 1, 0]
    assert len(view["table"]) == N_OPEN
    assert len(do(desk, "rate", film=view["table"][2]["id"], stars=3)["table"]) == N_OPEN + 3
    assert len(view["list"]) == N_LISTED
    assert not {*ids(view["table"][:2])} & {*ids(view["list"])}
    for film in view["list"]:
        assert film["stars"].endswith(" ★")
        assert sum(film["bars"]) == pytest.approx(1, abs=1e-3)
    first = view["table"][0]["name"]
    assert any(first in film["see"] + film["like"] for film in view["list"])
    assert any("Near what you have seen: " in film["see"] for film in view["list"])
    assert view["told"]
    assert Profile.from_json(view["profile"]).ratings == dict(zip(ids(view["table"]), [5, 1]))


def test_marks_say_what_moved_until_the_list_changes_again(desk):
    view = rated(desk, 5)
    assert {film["moved"] for film in view["list"]} == {""}
    before = ids(view["list"])
    view = do(desk, "rate", film=view["table"][1]["id"], stars=1)
    marks = {film["id"]: film["moved"] for film in view["list"]}
    for place, (film, mark) in enumerate(marks.items()):
        up = before.index(film) - place if film in before else None
        shown = "NEW" if up is None else f"▲{up}" if up > 0 else f"▼{-up}" if up else ""
        assert mark == shown
    assert any(marks.values())
    assert marks == {film["id"]: film["moved"] for film in do(desk, "search", text="sab")["list"]}


def test_ticks_are_seen_without_stars(desk):
    first = do(desk, "look")["ticks"][0]
    view = do(desk, "tick", film=first["id"], seen=True)
    assert view["status"].startswith("0 rated, 1 more seen.")
    assert named(view["ticks"])[first["name"]]["seen"]
    assert first["id"] not in ids(view["list"])
    assert first["name"] in view["list"][0]["see"] or view["list"][0]["see"] == ""
    view = do(desk, "others")
    assert first["id"] in ids(view["ticks"])
    view = do(desk, "tick", film=first["id"], seen=False)
    assert view["list"] == []


def test_a_film_of_the_list_is_rejected_or_goes_to_those_to_rate(desk):
    rejected, seen, *_ = ids(rated(desk, 5)["list"])
    view = do(desk, "reject", film=rejected)
    assert rejected not in ids(view["list"])
    view = do(desk, "saw", film=seen)
    assert seen in ids(view["table"])
    assert seen not in ids(view["list"])
    name = desk.catalogue.label(seen)
    assert (
        view["status"] == f"{name} is among the films to rate: give it stars, or leave it as seen."
    )
    profile = Profile.from_json(view["profile"])
    assert (profile.rejected, profile.seen) == ([rejected], [seen])


@pytest.mark.parametrize(
    ("text", "first"),
    [("toy stroy", "Toy Story (1995)"), ("2001", "2001: A Space Odyssey (1968)"), (" les mis", "")],
)
def test_a_film_is_found_by_its_title_and_goes_to_those_to_rate(desk, text, first):
    view = do(desk, "search", text=text)
    names = [film["name"] for film in view["found"]]
    assert names[0] == first if first else "Misérables, Les (1995)" in names
    assert view["status"] == f"Found: {len(names)} film{'s' * (len(names) != 1)}."
    view = do(desk, "add", film=view["found"][0]["id"])
    assert view["found"] == []
    assert view["table"][-1]["name"] == names[0]
    assert names[0] in view["status"]
    assert names[0] in named(do(desk, "more")["table"]), "it stays"


def test_wishes_filter_the_list(desk):
    rated(desk, 5)
    view = do(desk, "wish", genre="Sci-Fi", decade="")
    assert {film["genres"] for film in view["list"]} == {"Sci-Fi"}
    assert view["wishes"][0]["value"] == "Sci-Fi"
    view = do(desk, "wish", genre="", decade="1960")
    assert all("(196" in film["name"] for film in view["list"])
    view = do(desk, "wish", genre="Sci-Fi", decade="1990")
    assert [*named(view["list"])] == ["Sabrina (1995)"]
    view = do(desk, "reject", film=view["list"][0]["id"])
    assert view["list"] == []
    assert view["status"] == "No film is left that fits: choose another genre or decade."
    assert len(do(desk, "wish", genre="", decade="")["list"]) == N_LISTED


def test_a_watchlist_is_a_filter_and_its_films_are_not_seen(desk):
    rated(desk, 5)
    assert [wish["id"] for wish in do(desk, "look")["wishes"]] == ["genre", "decade"]
    exported = "Date,Name,Year,Letterboxd URI\n2024-01-01,2001: A Space Odyssey,1968,x\n"
    exported += "2024-01-01,Sabrina,1954,x\n"
    view = load(desk, exported, "watchlist.csv")
    assert view["alert"] == ""
    assert view["wishes"][2]["options"][1] == ("watchlist", "only from my watchlist (2)")
    view = do(desk, "wish", genre="", decade="", films="watchlist")
    assert {*named(view["list"])} == {"2001: A Space Odyssey (1968)", "Sabrina (1954)"}
    assert Profile.from_json(view["profile"]).seen == []
    view = do(desk, "undo")
    assert len(view["list"]) == N_LISTED, "without a watchlist there is nothing to choose from"


def test_who_one_is_makes_a_list(desk):
    view = do(desk, "tell", gender="F", age="35", occupation="writer")
    assert [choice["value"] for choice in view["about"]] == ["F", "35", "writer"]
    assert len(view["list"]) == N_LISTED
    assert do(desk, "tell", gender="", age="", occupation="")["list"] == []
    load(desk, '{"age": 40}')
    view = do(desk, "tell", gender="M", age="35", occupation="")
    assert Profile.from_json(view["profile"]).age == 40, "the same bracket, told in years"
    view = do(desk, "tell", gender="M", age="18", occupation="")
    assert Profile.from_json(view["profile"]).age == 18


def test_undo_takes_back_one_gesture_and_start_again_can_be_undone(desk, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(desk.session, "_clock", lambda: clock.now)
    film = do(desk, "look")["table"][0]["id"]
    for stars in (1, 2, 3):
        clock.now += 0.2
        do(desk, "rate", film=film, stars=stars)
    clock.now += 5
    do(desk, "rate", film=film, stars=5)
    assert do(desk, "undo")["table"][0]["at"] == 3
    view = do(desk, "undo")
    assert (view["table"][0]["at"], view["undo"]) == (0, False)
    view = rated(desk, 4, 2)
    assert not do(desk, "restart")["told"]
    assert do(desk, "undo")["profile"] == view["profile"]
    view = desk.hear({"do": "undo"}) and desk.hear({"do": "undo"})
    assert desk.hear({"do": "undo"})["alert"] == "There is nothing to undo."


def test_a_profile_is_saved_and_loaded(desk, recommender):
    before = rated(desk, 5, 1, 3)
    other = Desk(recommender)
    rated(other, 2)
    view = load(other, before["profile"])
    assert (view["profile"], view["alert"]) == (before["profile"], "")
    assert ids(view["list"]) == ids(before["list"])
    assert [film["at"] for film in view["table"]] == [5, 1, 3] + N_OPEN * [0]
    assert view["status"].startswith("3 rated")


def test_ratings_made_elsewhere_are_added_with_a_report(desk):
    rated(desk, 5)
    exported = "Date,Name,Year,Letterboxd URI,Rating\n2024-01-01,Sabrina,1954,x,4.5\n"
    view = load(desk, exported + "2024-01-01,No Such Film,1999,x,3\n", "ratings.csv")
    assert view["alert"] == ""
    assert view["status"].startswith("ratings.csv: ")
    assert "No Such Film" in view["report"]
    assert len(Profile.from_json(view["profile"]).ratings) == 2
    view = do(desk, "undo")
    assert (view["report"], len(Profile.from_json(view["profile"]).ratings)) == ("", 1)


STRANGE = [None, [], "look", {}, {"do": None}, {"do": ["rate"]}, {"do": "words"}, {"do": "_begin"}]
STRANGE += [{"do": "hear", "message": {}}, {"do": "__init__", "recommender": 1}, {"do": "rate"}]
STRANGE += [{"do": "rate", "film": "10", "stars": 5, "more": 1}, {"do": "undo", 5: 5}]
STARS = [6, -1, 2.5, "5", True, [5], float("nan"), float("inf"), 1e300]
FILMS = ["nowhere", "", "-1", "10" * 100_000, "../etc/passwd", {"a": []}, None]
WHO = [("X", "", ""), ("", "old", ""), ("", "-3", ""), ("", "9" * 30, ""), ("", "", {"a": 1})]
WISHES = [("Nonsense", ""), ("", "1066"), (["Drama"], "x")]
FILES = ["%%%", "", None, "e30" * 3_000_000, [1]]
FILES += [base64.b64encode(content).decode() for content in (b"\xff{", b"PK\3\4nothing")]
FILES += [base64.b64encode(b'{"ratings": {"10": 99}}').decode()]
HOSTILE = [
    *STRANGE,
    *({"do": "rate", "film": "10", "stars": stars} for stars in STARS),
    *({"do": act, "film": film} for act in ("saw", "add", "reject") for film in FILMS),
    *({"do": "tell", "gender": g, "age": a, "occupation": job} for g, a, job in WHO),
    *({"do": "wish", "genre": genre, "decade": decade} for genre, decade in WISHES),
    *({"do": "load", "name": "a.json", "data": data} for data in FILES),
    {"do": "search", "text": 5, "n": "7"},
]


@pytest.mark.parametrize("message", HOSTILE, ids=lambda message: repr(message)[:60])
def test_a_message_that_no_panel_sends_is_one_line_and_changes_nothing(desk, message):
    before = rated(desk, 5, 1)
    view = desk.hear(message)
    assert 0 < len(view["alert"]) < 600
    assert "\n" not in view["alert"]
    assert view | {"alert": "", "status": "", "heard": 0} == before | {"status": "", "heard": 0}
    assert do(desk, "rate", film=before["table"][2]["id"], stars=3)["told"]


def test_a_file_above_the_limit_is_refused_by_its_name(desk):
    view = load(desk, b" " * (MAX_BYTES + 100), "large.json")
    assert view["alert"] == "large.json is too large: more than 5 MB."


@pytest.mark.parametrize(
    ("scale", "n_marks", "given", "at", "shown"),
    [
        (Scale(1, 5), 5, 4, 4, "★★★★"),
        (Scale(0.5, 5, 0.5), 10, 3.5, 7, "★★★½"),
        (Scale(0, 10), 11, 0, 1, "0"),
        (Scale(1, 10), 10, 10, 10, "10"),
        (Scale(0, 100, 5), 5, 50, 11, "50"),
    ],
    ids=str,
)
def test_any_scale_has_its_own_levels_and_few_marks(data, scale, n_marks, given, at, shown):
    desk = Desk(Recommender(train(on_scale(data, scale), epochs=1, progress=False)))
    words = desk.words()
    assert len(words["levels"]) == len(words["spoken"]) == len(words["shown"]) == scale.n_levels + 1
    assert words["levels"][at] == given
    assert words["shown"][at] == shown
    assert len(words["marks"]) == n_marks
    assert words["marks"][-1] == scale.n_levels
    film = do(desk, "look")["table"][0]["id"]
    view = do(desk, "rate", film=film, stars=given)
    assert view["table"][0]["at"] == at
    [expected, unit] = view["list"][0]["stars"].split(maxsplit=1)
    assert scale.lowest <= float(expected) <= scale.highest
    assert unit == ("★" if scale.highest == 5 else f"/ {scale.highest:g}")
    assert bool(view["list"][0]["bars"]) == (scale.n_levels <= 11)


def test_titles_are_text_whatever_signs_are_in_them(trained):
    films = trained.films.assign(
        title=[f"<img src=x onerror=a{i}>" for i in range(len(trained.films))]
    )
    model = type(trained)(**vars(trained) | {"films": films})
    sliders = RatingSliders(Recommender(model))
    next(iter(sliders.films.values())).value = 5
    assert "<img" not in sliders.next.value
    assert "&lt;img" in sliders.next.value


def test_a_desk_speaks_the_language_it_was_given(recommender):
    desk = Desk(recommender, "es")
    assert desk.words()["texts"]["Undo"] == "Deshacer"
    assert do(desk, "look")["wishes"][0]["name"] == "Género"
    with pytest.raises(SaelibError, match="klingon"):
        Desk(recommender, "klingon")


def test_sliders_are_set_and_read_from_a_cell(recommender):
    sliders = RatingSliders(recommender)
    assert len(sliders.films) == 5
    assert "Tick or rate" in sliders.next.value
    slider = sliders["Sabrina (1954)"]
    assert (slider.value, slider.description) == (NOT_SEEN, "Sabrina (1954)")
    assert slider is sliders["Sabrina (1954)"]
    assert slider in sliders.sliders.children
    slider.value = 5
    assert list(sliders.session.profile.ratings.values()) == [5]
    assert sliders.next.value.count("<li>") == 10
    assert "<small>Sabrina (1954)" in sliders.next.value
    slider.value = NOT_SEEN
    assert sliders.session.profile.ratings == {}
    found = next(
        title
        for title in sliders.find.options
        if sliders.catalogue.movie_id(title) not in sliders.films
    )
    sliders.find.value = found
    assert sliders.sliders.children[-1].description == found
    with pytest.raises(SaelibError):
        sliders["No Such Film"]


def test_the_panel_draws_what_its_desk_says(recommender):
    panel = RatingPanel(recommender)
    film = panel.view["table"][0]["id"]
    panel.hear({"do": "rate", "film": film, "stars": 4})
    assert panel.session.profile.ratings == {film: 4}
    assert panel.view["table"][0]["at"] == 4
    panel._handle_custom_msg({"do": "rate", "film": film, "stars": 99, "n": 3}, [])
    assert "99" in panel.view["alert"]
    assert panel.view["heard"] == 3
    panel._handle_custom_msg([1, 2], [])
    assert panel.view["alert"] == "The panel does not know this message."


def test_another_run_of_a_cell_closes_its_panels_and_each_keeps_answers_of_its_own(
    recommender, monkeypatch
):
    def run(cell: str, message: str) -> RatingPanel:
        parent = {"metadata": {"cellId": cell}, "header": {"msg_id": message}}
        kernel = SimpleNamespace(get_parent=lambda channel: parent)
        monkeypatch.setattr(widget, "get_ipython", lambda: SimpleNamespace(kernel=kernel))
        return RatingPanel(recommender)

    first, second, other = run("a", "1"), run("a", "1"), run("b", "2")
    assert len({panel.words["store"] for panel in (first, second, other)}) == 3
    assert all(panel.comm for panel in (first, second, other))
    again = run("a", "3")
    assert (first.comm, second.comm) == (None, None)
    assert other.comm
    assert again.words["store"] == first.words["store"]
