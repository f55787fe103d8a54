"""The panel without a browser: messages in, one dictionary out; and the two widgets around it."""

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
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender


@pytest.fixture
def desk(recommender):
    return Desk(recommender)


def do(desk: Desk, act: str, **told) -> dict:
    """What is seen after an act that is not refused."""
    view = desk.hear({"do": act, **told})
    assert view["alert"] == ""
    return view


def load(desk: Desk, content: str, name: str = "profile.json") -> dict:
    return do(desk, "load", name=name, data=base64.b64encode(content.encode()).decode())


def ids(films: list[dict]) -> list[str]:
    return [film["id"] for film in films]


def names(films: list[dict]) -> list[str]:
    return [film["name"] for film in films]


def told(view: dict) -> Profile:
    return Profile.from_json(view["profile"])


def rated(desk: Desk, *stars: float) -> dict:
    """What is seen after the first films have got these stars."""
    view = do(desk, "look")
    for film, given in zip(ids(view["table"]), stars):
        view = do(desk, "rate", film=film, stars=given)
    return view


def test_a_sitting_begins_with_films_to_rate_and_to_tick(desk):
    view = desk.hear({"do": "look", "n": 7})
    assert (len(view["table"]), len(view["ticks"])) == (N_OPEN, N_TICKS)
    assert not {*ids(view["table"])} & {*ids(view["ticks"])}
    assert (view["list"], view["undo"], view["told"], view["heard"]) == ([], False, False, 7)
    assert view["status"] == "Tick or rate a film that you have seen: films to watch next appear."
    json.dumps(view, allow_nan=False)


def test_a_star_gives_a_list_with_reasons_and_marks_and_further_films_to_rate(desk):
    first = rated(desk, 5)
    assert {film["moved"] for film in first["list"]} == {""}
    view = do(desk, "rate", film=first["table"][1]["id"], stars=1)
    assert view["status"].startswith("2 rated, 0 more seen.")
    assert [film["at"] for film in view["table"]] == [5, 1] + N_OPEN * [0]
    assert told(view).ratings == dict(zip(ids(view["table"]), [5, 1]))
    assert len(view["list"]) == N_LISTED
    assert not {*told(view).ratings} & {*ids(view["list"])}
    before = ids(first["list"])
    for place, film in enumerate(view["list"]):
        up = before.index(film["id"]) - place if film["id"] in before else None
        mark = "NEW" if up is None else f"▲{up}" if up > 0 else f"▼{-up}" if up else ""
        assert film["moved"] == mark
        assert sum(film["bars"]) == pytest.approx(1, abs=1e-3)
    reasons = "".join(film["see"] + film["like"] for film in view["list"])
    assert view["table"][0]["name"] in reasons and "Near what you have seen: " in reasons
    assert do(desk, "search", text="sab")["list"] == view["list"], "until the list changes again"


def test_ticks_are_seen_without_stars(desk):
    film = ids(do(desk, "look")["ticks"])[0]
    view = do(desk, "tick", film=film, seen=True)
    assert view["status"].startswith("0 rated, 1 more seen.")
    assert [row["id"] for row in view["ticks"] if row["seen"]] == [film]
    assert len(view["list"]) == N_LISTED
    assert film not in ids(view["list"])
    assert film in ids(do(desk, "others")["ticks"])
    assert do(desk, "tick", film=film, seen=False)["list"] == []


def test_a_film_of_the_list_is_rejected_or_goes_to_those_to_rate(desk):
    rejected, seen, *_ = ids(rated(desk, 5)["list"])
    assert rejected not in ids(do(desk, "reject", film=rejected)["list"])
    view = do(desk, "saw", film=seen)
    assert seen in ids(view["table"])
    assert seen not in ids(view["list"])
    assert (told(view).rejected, told(view).seen) == ([rejected], [seen])


def test_a_film_is_found_by_its_title_and_goes_to_those_to_rate(desk):
    view = do(desk, "search", text=" les mis")
    found = names(view["found"])
    assert "Misérables, Les (1995)" in found
    assert view["status"] == f"Films found: {len(found)}."
    assert not any("stars" in film for film in view["found"]), "nothing was told"
    rated = do(desk, "rate", film="10", stars=5)["found"][0]
    people = desk.session.recommender.encode(desk.session.profile)
    position = desk.catalogue.position(rated["id"])
    expected = desk.session.recommender.answers(people, [position]).stars[0, 0]
    assert rated["stars"] == f"{expected:.1f} ★", "what the model expects of the film"
    view = do(desk, "add", film=view["found"][0]["id"])
    assert view["found"] == []
    assert view["table"][-1]["name"] == found[0]
    assert found[0] in names(do(desk, "more")["table"]), "it stays"
    assert do(desk, "search", text="")["found"] == []


def test_wishes_filter_the_list(desk):
    rated(desk, 5)
    view = do(desk, "wish", genres=["Sci-Fi"])
    assert {film["genres"] for film in view["list"]} == {"Sci-Fi"}
    assert view["wishes"][0]["value"] == ["Sci-Fi"]
    [film] = do(desk, "wish", decades=[1990])["list"]
    assert film["name"] == "Sabrina (1995)"
    view = do(desk, "reject", film=film["id"])
    assert view["status"] == "No film is left that fits: choose another genre or decade."
    assert len(do(desk, "wish", genres=[], decades=[])["list"]) == N_LISTED


def test_a_watchlist_is_a_filter_and_its_films_are_not_seen(desk):
    assert len(rated(desk, 5)["wishes"]) == 2
    exported = "Date,Name,Year,Letterboxd URI\n2024-01-01,2001: A Space Odyssey,1968,x\n"
    view = load(desk, exported + "2024-01-01,Sabrina,1954,x\n", "watchlist.csv")
    assert view["wishes"][2]["options"][1] == (True, "only from my watchlist (2)")
    view = do(desk, "wish", watchlist=True)
    assert {*names(view["list"])} == {"2001: A Space Odyssey (1968)", "Sabrina (1954)"}
    assert told(view).seen == []
    assert len(do(desk, "undo")["list"]) == N_LISTED, "without a watchlist all are to choose from"


def test_who_one_is_makes_a_list(desk):
    view = do(desk, "tell", gender="F", age=35, occupation="writer")
    assert [choice["value"] for choice in view["about"]] == ["F", 35, "writer"]
    assert len(view["list"]) == N_LISTED
    assert do(desk, "tell", gender=None, age=None, occupation=None)["list"] == []
    assert load(desk, '{"age": 40}')["about"][1]["value"] == 35, "the first of the bracket"
    assert told(do(desk, "tell", gender="M")).age == 40, "as it was told, in years"


def test_start_again_can_be_undone_and_a_saved_profile_can_be_loaded(desk, recommender):
    before = rated(desk, 5, 1, 3)
    assert not do(desk, "restart")["told"]
    assert do(desk, "undo")["profile"] == before["profile"]
    other = Desk(recommender)
    assert other.hear({"do": "undo"})["alert"] == "There is nothing to undo."
    rated(other, 2)
    view = load(other, before["profile"])
    assert view["profile"] == before["profile"]
    assert ids(view["list"]) == ids(before["list"])
    assert [film["at"] for film in view["table"]] == [5, 1, 3] + N_OPEN * [0]
    assert view["status"].startswith("3 rated")


def test_ratings_made_elsewhere_are_added_with_a_report(desk):
    rated(desk, 5)
    exported = "Date,Name,Year,Letterboxd URI,Rating\n2024-01-01,Sabrina,1954,x,4.5\n"
    view = load(desk, exported + "2024-01-01,No Such Film,1999,x,3\n", "ratings.csv")
    assert view["status"].startswith("ratings.csv: ")
    assert "No Such Film" in view["report"]
    assert len(told(view).ratings) == 2
    assert len(told(do(desk, "undo")).ratings) == 1
    assert do(desk, "restart")["report"] == ""


STARS = [6, -1, 2.5, "5", True, [5], float("nan"), 1e300]
FILMS = ["nowhere", "", "10" * 100_000, "../etc/passwd", {"a": []}, None]
BYTES = [b"", b"\xff{", b"PK\3\4nothing", b'{"ratings": {"10": 99}}', b"{[" * 1_000_000]
FILES = ["%%%", None, [1], *(base64.b64encode(content).decode() for content in BYTES)]
HOSTILE = [
    *(None, [], "look", {}, {"do": None}, {"do": ["rate"]}, {"do": "words"}, {"do": "rate"}),
    *({"do": "hear", "message": {}}, {"do": "__init__"}, {"do": "leave out", "row": "yes"}),
    *({"do": "rate", "film": "10", "stars": stars} for stars in STARS),
    *({"do": act, "film": film} for act in ("saw", "add", "reject") for film in FILMS),
    *({"do": "tell", "age": age} for age in ("old", -3, 10**30)),
    *({"do": "tell", "gender": "X"}, {"do": "tell", "occupation": {"a": 1}}),
    *({"do": "wish", "genres": genres} for genres in (["Nonsense"], "Drama")),
    *({"do": "wish", "decades": decades} for decades in ([1066], 5)),
    *({"do": "load", "name": "a.json", "data": data} for data in FILES),
    *({"do": "search"}, {"do": "search", "text": 5}),
]


@pytest.mark.parametrize("message", HOSTILE, ids=lambda message: repr(message)[:60])
def test_a_message_that_no_panel_sends_is_one_line_and_changes_nothing(desk, message):
    before = rated(desk, 5, 1)
    view = desk.hear(message)
    assert 0 < len(view["alert"]) < 600
    assert "\n" not in view["alert"]
    assert view | {"alert": "", "status": ""} == before | {"status": ""}
    assert do(desk, "rate", film=before["table"][2]["id"], stars=3)["told"]


@pytest.mark.parametrize(
    ("scale", "given", "at"),
    [
        (Scale(1, 5), 4, 4),
        (Scale(0.5, 5, 0.5), 3.5, 7),
        (Scale(0, 10), 0, 1),
        (Scale(0, 1, 0.1), 0.3, 4),
    ],
    ids=str,
)
def test_any_scale_has_its_own_levels(data, scale, given, at):
    desk = Desk(Recommender(train(on_scale(data, scale), epochs=1, progress=False)))
    words = desk.words()
    assert len(words["levels"]) == len(words["spoken"]) == scale.n_levels + 1
    assert words["levels"][at] == given
    view = rated(desk, given)
    assert view["table"][0]["at"] == at
    [expected, unit] = view["list"][0]["stars"].split(maxsplit=1)
    assert scale.lowest <= float(expected) <= scale.highest
    assert unit == ("★" if scale.highest == 5 else f"/ {scale.highest:g}")


def test_sliders_are_set_and_read_from_a_cell(trained):
    recommender, film = Recommender(trained), "70"
    recommender.catalogue.labels[recommender.catalogue.position(film)] = "<img src=x>"
    sliders = RatingSliders(recommender)
    assert len(sliders.films) == 5
    assert "Tick or rate" in sliders.next.value
    slider = sliders[film]
    assert (slider.value, slider.description) == (NOT_SEEN, "<img src=x>")
    assert slider is sliders[film]
    assert slider in sliders.sliders.children
    slider.value = 5
    assert sliders.session.profile.ratings == {film: 5}
    assert sliders.next.value.count("<li>") == 10
    assert "<small>&lt;img src=x&gt;" in sliders.next.value, "a title is text"
    slider.value = NOT_SEEN
    assert sliders.session.profile.ratings == {}
    sliders.find.value = "Film 39 (1989)"
    assert sliders.sliders.children[-1].description == "Film 39 (1989)"
    with pytest.raises(SaelibError):
        sliders["No Such Film"]


def test_the_panel_draws_what_its_desk_says(recommender):
    panel = RatingPanel(recommender)
    assert repr(panel) == "RatingPanel('ml-100k')"
    film = panel.view["table"][0]["id"]
    panel.hear({"do": "rate", "film": film, "stars": 4})
    assert panel.session.profile.ratings == {film: 4}
    panel._handle_custom_msg({"do": "rate", "film": film, "stars": 99, "n": 3}, [])
    assert "99" in panel.view["alert"]
    assert (panel.view["table"][0]["at"], panel.view["heard"]) == (4, 3)


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
    assert first.comm and second.comm
    again = run("a", "3")
    assert (first.comm, second.comm) == (None, None)
    assert other.comm
    assert again.words["store"] == first.words["store"]
