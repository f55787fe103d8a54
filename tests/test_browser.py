"""The panel in a real browser: JupyterLab opens a notebook, a person uses the keyboard."""

from __future__ import annotations

import re
import shutil
import time
from itertools import pairwise
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import close
from playwright.sync_api import expect
from servers import kernels, server, wait_for

from saelib.data.scale import Scale
from saelib.language import LANGUAGES, speaking
from saelib.language import _ as gettext
from saelib.recommend.profile import Profile

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
NAME = "09_rate_films_get_recommendations.ipynb"
TRAINING = 400_000  # milliseconds: the notebook trains a model where there is none yet
# The notebook's idle indicator lies before there is a kernel.
READY = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    const kernel = context?.session?.kernel;
    return context?.isReady && kernel?.status === "idle" && kernel.connectionStatus === "connected";
}"""
LAB = (
    "-m",
    "jupyterlab",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.allow_root=True",
    "--LabApp.expose_app_in_browser=True",
    "--IdentityProvider.token=",
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a copy of notebook 09 in JupyterLab."""
    folder = tmp_path_factory.mktemp("lab")
    for name in (NAME, "example_profile.json"):
        shutil.copy(NOTEBOOKS / name, folder)
    with server(folder, *LAB) as (_, address):
        yield f"{address}/lab/tree/{NAME}"


@pytest.fixture(scope="module")
def small_model(bundle, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    bundle.save(path)
    return path


@pytest.fixture(scope="module")
def started(small_model, tmp_path_factory):
    """Process and link of the panel as a page, over a small model."""
    command = ("-m", "saelib", "panel", "--model", str(small_model))
    with server(tmp_path_factory.mktemp("site"), *command) as running:
        yield running


@pytest.fixture(scope="module")
def site(started) -> str:
    """Link of the panel as a page."""
    return started[1]


def run_all_cells(page, address: str) -> None:
    """Open the notebook in JupyterLab and run all its cells."""
    page.goto(address)
    page.wait_for_function(READY)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")


def run_notebook(page, address: str):
    """The same, and return the panel in the page."""
    run_all_cells(page, address)
    return the_panel(page)


def the_panel(page):
    panel = page.locator(".saelib-panel[role=group]")
    expect(panel).to_be_visible(timeout=TRAINING)
    expect(panel.locator(".saelib-film .noUi-handle").first).to_be_visible()
    return panel


def status_of(panel):
    """What the panel has said last; each game has a line of its own."""
    return panel.locator(".saelib-status").get_by_role("status")


def titles(panel) -> list[str]:
    """Of the list, once it no longer changes: its places are filled one after the other."""
    before, listed = None, panel.locator(".saelib-place .saelib-title:visible")
    while (now := listed.all_inner_texts()) != before:
        before = now
        panel.page.wait_for_timeout(300)
    return now


def rate_with_the_keyboard(page, panel, *stars: int) -> None:
    """Reach the first slider, press arrow keys, and go on to the next with Tab."""
    sliders = panel.get_by_role("slider", name="stars")
    sliders.first.focus()
    for number, n in enumerate(stars):
        if number:
            page.keyboard.press("Tab")
        expect(sliders.nth(number)).to_be_focused()
        for _ in range(n):
            page.keyboard.press("ArrowRight")
        said = f"{n} stars" if n > 1 else "1 star"
        expect(sliders.nth(number)).to_have_attribute("aria-valuetext", said)
        expect(status_of(panel)).to_contain_text(f"{number + 1} rated.")
    expect(panel.locator(".saelib-place .saelib-title:visible")).to_have_count(10)


def tick_with_the_keyboard(page, panel) -> None:
    """Tick the first title: it is asked about next, and goes from the list if it stands there."""
    tick = panel.get_by_role("checkbox", name="seen").first
    tick.focus()
    page.keyboard.press("Space")
    expect(status_of(panel)).to_contain_text("1 more seen.")
    name = tick.evaluate("e => e.ariaLabel").removesuffix(", seen")
    assert name not in titles(panel)
    more = panel.get_by_role("button", name="More films")
    more.focus()
    page.keyboard.press("Enter")
    expect(panel.get_by_role("slider", name=f"{name}, stars")).to_have_attribute(
        "aria-valuetext", "seen"
    )


def first_to_not_seen(page, panel, n_left: int) -> tuple[list[str], list[str]]:
    """Move the first slider back with Home; return the list before and after."""
    before = titles(panel)
    slider = panel.get_by_role("slider", name="stars").first
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "not seen")
    expect(status_of(panel)).to_contain_text(f"{n_left} rated.")
    return before, titles(panel)


def choose_a_gender(page, panel) -> None:
    about = panel.get_by_role("button", name="About you")
    expect(about).to_have_attribute("aria-expanded", "false")
    about.focus()
    page.keyboard.press("Enter")
    expect(about).to_have_attribute("aria-expanded", "true")
    gender = panel.get_by_label("Gender")
    expect(gender).to_be_visible()  # what is hidden takes no focus
    gender.focus()
    page.keyboard.press("ArrowDown")
    expect(gender).to_have_value("female")


def saved(page, panel, folder: Path) -> Path:
    """Save the profile as the browser does."""
    with page.expect_download() as download:
        panel.get_by_role("link", name="Save profile").click()
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    return file


def press(page, panel, number: int, key: str) -> None:
    """A key on the slider of a film, which has then got its stars."""
    name = in_its_language(page, "{film}, stars", film="")
    slider = panel.get_by_role("slider", name=name).nth(number)
    slider.focus()
    page.keyboard.press(key)
    with speaking(page.evaluate("document.documentElement.lang")):
        said = gettext("not seen") if key == "0" else Scale.spoken(int(key))
    expect(slider).to_have_attribute("aria-valuetext", said)


def many_rated(folder: Path, bundle, n: int = 30) -> Path:
    """A profile of somebody who has rated n films."""
    films = bundle.films["movie_id"].astype(str)[:n]
    file = folder / "many.json"
    Profile({film: 1 + i % 5 for i, film in enumerate(films)}, bundle.dataset).save(file)
    return file


def in_sight(page, *parts) -> bool:
    """Whether all of each part is on the screen, and nothing lies upon it."""
    look = """element => {
        const {left, right, top, bottom} = element.getBoundingClientRect();
        const found = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
        return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight
            && top < bottom && (element.contains(found) || found?.contains(element));
    }"""
    return all(part.evaluate(look) for part in parts)


def in_its_language(page, text: str, **gaps: object) -> str:
    """A text as the page says it."""
    with speaking(page.evaluate("document.documentElement.lang")):
        return gettext(text).format(**gaps)


def load(page, panel, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name=in_its_language(page, "Load profile")).click()
    chooser.value.set_files(file)


def refused_if_too_large(page, panel, folder: Path) -> None:
    """A file that no socket carries is named, and the panel goes on."""
    before = titles(panel)
    large = folder / "large.json"
    large.write_bytes(b" " * 11_000_000)
    load(page, panel, large)
    expect(panel.locator(".saelib-alert")).to_contain_text("large.json is too large for a profile")
    panel.get_by_role("button", name="Not interested").first.click()
    expect(panel.locator(".saelib-alert")).not_to_contain_text("too large")
    panel.get_by_role("button", name="Undo").click()
    expect(panel.locator(".saelib-place .saelib-title:visible")).to_have_text(before)


def violations(page, part: str | None = None) -> list[str]:
    """What axe finds that keeps people out, of whatever severity. part: only in there."""
    found = Axe().run(page, context=part).response
    assert len(found["passes"]) > 10, "it has looked"
    return [f"{v['impact']} {v['id']}: {v['nodes'][0]['html']}" for v in found["violations"]]


def test_a_person_with_a_keyboard_in_jupyterlab(lab, page, tmp_path):
    panel = run_notebook(page, lab)
    assert titles(panel) == []
    rate_with_the_keyboard(page, panel, 5, 1, 4, 2, 3)
    choose_a_gender(page, panel)
    before, after = first_to_not_seen(page, panel, 4)
    assert after != before
    tick_with_the_keyboard(page, panel)
    after = titles(panel)
    file = saved(page, panel, tmp_path)
    assert len(Profile.load(file).ratings) == 4
    assert len(Profile.load(file).seen) == 1
    assert violations(page, ".saelib-panel") == []
    refused_if_too_large(page, panel, tmp_path)

    page.reload()
    panel = run_notebook(page, lab)
    assert titles(panel) == []
    load(page, panel, file)
    expect(status_of(panel)).to_contain_text("4 rated, 1 more seen.")
    assert titles(panel) == after
    expect(panel.get_by_label("Gender")).to_have_value("female")
    box = panel.get_by_label("Find a film")
    box.fill("clockwork orange")
    box.press("Enter")
    status = panel.locator(".saelib-status")
    expect(status).to_have_text("Clockwork Orange, A (1971) is among the films to rate.")
    name = titles(panel)[0]
    panel.get_by_role("slider", name=f"Seen, with stars: {name}").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(status).to_have_text(f"{name} has got 2 stars, and is among the films to rate.")
    with_key(page, panel.get_by_role("button", name="Play"))
    with_key(page, panel.get_by_role("button", name="Make my card"))
    expect(panel.locator(".saelib-card img")).to_be_visible()
    with_key(page, panel.get_by_text("The card in words"))
    expect(panel.get_by_text("My taste in films, from 5 ratings").first).to_be_visible()
    assert violations(page, ".saelib-panel") == []


def test_a_slider_of_a_lesson_moves_its_figure(page, tmp_path):
    """In lesson 03, whose formulas are set without asking another machine, either."""
    name = "03_what_an_autoencoder_is.ipynb"
    shutil.copy(NOTEBOOKS / name, tmp_path)
    with server(tmp_path, *LAB) as (_, address):
        run_all_cells(page, f"{address}/lab/tree/{name}")
        width = page.locator(".widget-slider", has_text="width").first
        expect(width).to_contain_text("200", timeout=TRAINING)  # the lesson has set it by itself
        figure = page.locator(".widget-html img").first
        expect(figure).to_have_attribute("alt", re.compile("unseen 0.93, fed in 0.60"))
        width.locator(".noUi-handle").focus()
        page.keyboard.press("ArrowLeft")
        expect(width).to_contain_text("100")
        expect(figure).to_have_attribute("alt", re.compile("unseen 0.9., fed in 0.68"))
        expect(page.locator("mjx-container, .MathJax").first).to_be_visible()


def test_a_page_without_code(site, page, tmp_path):
    page.goto(site)
    panel = the_panel(page)
    expect(page.locator("body")).not_to_contain_text("Recommender.load")
    rate_with_the_keyboard(page, panel, 5, 1, 4, 2, 3)
    choose_a_gender(page, panel)
    before, after = first_to_not_seen(page, panel, 4)
    assert after != before
    tick_with_the_keyboard(page, panel)
    after = titles(panel)
    file = saved(page, panel, tmp_path)
    refused_if_too_large(page, panel, tmp_path)

    page.reload()
    panel = the_panel(page)
    assert titles(panel) == []
    load(page, panel, file)
    expect(status_of(panel)).to_contain_text("4 rated, 1 more seen.")
    assert titles(panel) == after
    assert violations(page) == []


def test_every_control_has_a_name_and_is_reached_with_tab(site, page):
    page.goto(site)
    panel = the_panel(page)
    for fold in panel.locator(".saelib-fold").all():
        fold.click()
    panel.get_by_label("Find a film").fill("film")
    panel.get_by_label("If I had loved").fill("film")
    expect(panel.get_by_role("button", name="What if?")).to_be_visible()
    rate_with_the_keyboard(page, panel, 5)
    controls = panel.locator("button, a[href], input, select, [role=slider]").locator(
        "visible=true"
    )
    named = "e => (e.ariaLabel || e.labels?.[0]?.textContent || e.textContent).trim()"
    names = [control.evaluate(named) for control in controls.all()]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice
    assert len(names) == 74, "10 titles, 6 films, 3 x 10 recommendations, 9 to play, 19 others"
    assert all(names)
    page.locator("body").click(position={"x": 1, "y": 1})
    reached = set()
    for _ in range(3 * len(names)):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(f"({named})(document.activeElement)"))
    assert set(names) <= reached


# Windows of a laptop, a tablet and a telephone, and the laptop's at 200 %.
WINDOWS = [(1280, 800), (820, 1180), (390, 844), (640, 400)]


IN_SPANISH = [(1280, 800), (390, 844)]
OVERFLOWING = """panel => [...panel.querySelectorAll("*")].filter(e =>
    e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1
).map(e => `${e.className} ${e.textContent.slice(0, 60)}`)"""
# Names of controls that end before their end. A film's name may.
CUT_OFF = """panel => [...panel.querySelectorAll("button, a.widget-button, .widget-label")]
.filter(e => e.checkVisibility() && !e.closest(".saelib-film, .saelib-stars, .saelib-ticks")
    && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 4)
).map(e => `${e.textContent.slice(0, 60)}: ${e.scrollWidth} in ${e.clientWidth}`)"""


@pytest.mark.parametrize(
    ("width", "height", "spoken"),
    [*((*window, "en") for window in WINDOWS), *((*window, "es") for window in IN_SPANISH)],
)
def test_what_follows_from_a_slider_is_in_sight_while_it_moves(
    site, page, bundle, tmp_path, width, height, spoken
):
    page.set_viewport_size({"width": width, "height": height})
    page.set_extra_http_headers({"Accept-Language": spoken})
    page.goto(site)
    panel = the_panel(page)
    load(page, panel, many_rated(tmp_path, bundle))
    status = panel.locator(".saelib-status")
    rated = {"en": "30 rated.", "es": "30 valoradas."}[spoken]
    expect(status).to_contain_text(rated)
    wide = panel.locator(".saelib-top").is_hidden()
    assert wide == (width > 700)
    first = panel.locator(".saelib-place" if wide else ".saelib-top li")
    for number in (0, 15, 29):
        slider = panel.locator(".saelib-film .noUi-handle").nth(number)
        for key in ("5", "1"):
            press(page, panel, number, key)
            expect(status).to_contain_text(rated)
            best = titles(panel)[:3]
            for place, name in enumerate(best):
                expect(first.nth(place)).to_contain_text(name)
            assert in_sight(page, slider, status, *(first.nth(place) for place in range(3)))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []


@pytest.mark.parametrize("spoken", LANGUAGES)
def test_every_part_fits_its_place_in_each_language(site, page, spoken):
    """All that is folded is open, and games were played."""
    page.set_extra_http_headers({"Accept-Language": spoken})
    page.goto(site)
    panel = the_panel(page)
    assert page.evaluate("document.documentElement.lang") == spoken
    for number in range(3):
        press(page, panel, number, "5")
    for fold in panel.locator(".saelib-fold").all():
        fold.click()
    panel.locator(".saelib-search input").first.fill("film")
    for text in ("Make my card", "Surprise me"):
        panel.get_by_role("button", name=in_its_language(page, text)).click()
    expect(panel.locator(".saelib-card img")).to_be_visible()
    for width, height in IN_SPANISH:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)
        assert panel.evaluate(OVERFLOWING) == []
        assert panel.evaluate(CUT_OFF) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []


def test_digits_rate_and_ten_films_take_few_keys(site, page):
    page.goto(site)
    panel = the_panel(page)
    keys = 0
    while not (page.evaluate("document.activeElement.ariaLabel") or "").endswith(", stars"):
        page.keyboard.press("Tab")
        keys += 1
    for number in range(10):
        page.keyboard.press(str(1 + number % 5))
        keys += 1
        expect(panel.locator(".saelib-status")).to_contain_text(f"{number + 1} rated.")
        if number < 9:
            page.keyboard.press("Tab")
            keys += 1
    assert keys <= 25
    page.keyboard.press("0")
    expect(panel.locator(".saelib-status")).to_contain_text("9 rated.")
    page.keyboard.press("9")  # no such stars
    expect(panel.locator(".saelib-status")).to_contain_text("9 rated.")


def finger(context, page):
    """What a finger does: touch(kind, x, y), through the browser's own input."""
    devtools = context.new_cdp_session(page)

    def touch(kind: str, x: float = 0, y: float = 0) -> None:
        points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    return touch


def test_a_finger_rates_where_it_taps_and_scrolls_where_it_swipes(browser, site):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(site)
    panel = the_panel(page)
    touch = finger(context, page)
    row = panel.locator(".saelib-film").nth(2)
    slider, status = row.get_by_role("slider"), panel.locator(".saelib-status")
    marks = [mark.bounding_box() for mark in row.locator(".saelib-marks i").all()]
    track = row.locator(".noUi-base").bounding_box()
    x, y = [mark["x"] for mark in marks], track["y"] + track["height"] / 2
    assert [row.locator(".saelib-marks i").nth(i).inner_text() for i in (0, 1, 5)] == [
        "–",
        "1",
        "5",
    ]
    assert min(b - a for a, b in pairwise(x)) >= 24
    hit = "([x, y]) => !!document.elementFromPoint(x, y).closest('.noUi-base')"
    for place in x:
        for up in (-11, 0, 11):
            assert page.evaluate(hit, [place, y + up]), "24 px for a finger"

    for step in range(20):  # up over the track
        touch("touchMove" if step else "touchStart", x[4], y - 20 * step)
        page.wait_for_timeout(10)
    touch("touchEnd")
    page.wait_for_timeout(500)
    assert row.bounding_box()["y"] < y - 150
    assert slider.get_attribute("aria-valuetext") == "not seen"
    expect(status).to_contain_text("Tick or rate")

    page.evaluate("document.querySelectorAll('*').forEach(part => (part.scrollTop = 0))")
    touch("touchStart", x[4], y)
    touch("touchEnd")
    expect(slider).to_have_attribute("aria-valuetext", "4 stars")
    expect(status).to_contain_text("1 rated.")
    assert row.locator(".noUi-base").bounding_box()["y"] == pytest.approx(y - 2, abs=12)
    y = row.locator(".noUi-base").bounding_box()["y"] + 2
    page.wait_for_timeout(1500)  # the slider has come to rest, and what follows is another gesture
    for step in range(11):  # along the track
        touch("touchMove" if step else "touchStart", x[4] + (x[2] - x[4]) * step / 10, y + 2)
        page.wait_for_timeout(20)
    touch("touchEnd")
    expect(slider).to_have_attribute("aria-valuetext", "2 stars")
    panel.get_by_role("button", name="Undo").click()
    expect(slider).to_have_attribute("aria-valuetext", "4 stars")  # one gesture, one undo
    close(page)
    context.close()


def test_enter_in_the_search_adds_the_best_that_is_found(site, page):
    page.goto(site)
    panel = the_panel(page)
    box = panel.get_by_label("Find a film")
    box.focus()
    page.keyboard.type("les miserabels", delay=5)  # faster than it is searched
    page.keyboard.press("Enter")
    status = status_of(panel)
    expect(status).to_have_text("Misérables, Les (1995) is among the films to rate.")
    page.wait_for_timeout(500)
    expect(status).to_have_text("Misérables, Les (1995) is among the films to rate.")
    expect(panel.get_by_role("slider", name="Misérables, Les (1995), stars")).to_be_visible()
    expect(box).to_be_focused()
    page.keyboard.type("Sabrina")  # in its place
    expect(status).to_have_text("Found: 2 films.")
    expect(box).to_have_value("Sabrina")


def test_a_film_of_the_list_is_rated_with_keys_and_with_a_click(site, page):
    """Keys on its slider count as soon as nobody presses any more: else 4 would rate four films."""
    page.goto(site)
    panel = the_panel(page)
    status = panel.locator(".saelib-status")
    press(page, panel, 0, "5")
    expect(panel.locator(".saelib-place .saelib-title:visible")).to_have_count(10)
    first, second, third = titles(panel)[:3]
    slider = panel.get_by_role("slider", name=f"Seen, with stars: {second}")
    slider.focus()
    for n in range(1, 5):
        page.keyboard.press("ArrowRight")
        expect(slider).to_have_attribute("aria-valuetext", f"{n} star{'s' * (n > 1)}")
    expect(status).to_have_text(f"{second} has got 4 stars, and is among the films to rate.")
    rated = panel.get_by_role("slider", name=f"{second}, stars")
    expect(rated).to_have_attribute("aria-valuetext", "4 stars")
    handle = panel.locator(".saelib-stars .noUi-handle").nth(1)
    expect(handle).to_be_focused()
    expect(handle).to_have_attribute("aria-valuetext", "not seen")
    page.keyboard.press("3")
    page.keyboard.press("Escape")  # taken back
    page.keyboard.press("2")
    name = (handle.get_attribute("aria-label")).removeprefix("Seen, with stars: ")
    page.keyboard.press("Enter")  # at once
    expect(status).to_have_text(f"{name} has got 2 stars, and is among the films to rate.")
    panel.get_by_role("button", name="Undo").click()
    expect(status).to_contain_text("2 rated.")
    panel.get_by_role("button", name="Undo").click()
    expect(status).to_contain_text("1 rated.")
    assert titles(panel)[:3] == [first, second, third]

    place = panel.locator(".saelib-place").nth(2)
    marks = place.locator(".saelib-marks i")
    x = [mark.bounding_box()["x"] for mark in marks.all()]
    assert min(b - a for a, b in pairwise(x)) >= 24, "for a finger"
    track = place.locator(".noUi-base").bounding_box()
    page.mouse.click(x[5], track["y"] + 2)
    expect(status).to_have_text(f"{third} has got 5 stars, and is among the films to rate.")
    assert third not in titles(panel)


def test_quick_keys_are_one_undo_and_deliberate_ones_two(site, page):
    page.goto(site)
    panel = the_panel(page)
    slider = panel.get_by_role("slider", name="stars").first
    status, undo = panel.locator(".saelib-status"), panel.get_by_role("button", name="Undo")
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(80)
    expect(slider).to_have_attribute("aria-valuetext", "4 stars")
    expect(status).to_contain_text("1 rated.")
    page.wait_for_timeout(1500)
    press(page, panel, 0, "2")
    page.wait_for_timeout(300)
    undo.click()
    expect(slider).to_have_attribute("aria-valuetext", "4 stars")
    undo.click()
    expect(slider).to_have_attribute("aria-valuetext", "not seen")
    expect(status).to_contain_text("Tick or rate")


def with_key(page, button) -> None:
    button.focus()
    page.keyboard.press("Enter")


def choose_files(page, button, *files: Path) -> None:
    with page.expect_file_chooser() as chooser:
        with_key(page, button)
    chooser.value.set_files(files)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (640, 400)])
def test_play_is_reached_with_the_keyboard_and_fits(site, page, bundle, tmp_path, width, height):
    page.set_viewport_size({"width": width, "height": height})
    page.goto(site)
    panel = the_panel(page)
    press(page, panel, 0, "5")
    expect(panel.locator(".saelib-status")).to_contain_text("1 rated.")
    with_key(page, panel.get_by_role("button", name="Play"))
    games = {
        name: panel.locator(".saelib-game", has=page.get_by_role("heading", name=name))
        for name in ("What if I had loved …?", "Film night", "Taste card", "Surprise me")
    }
    what_if, night, card, surprise = games.values()
    box = what_if.get_by_label("If I had loved")
    box.focus()
    page.keyboard.type("film 30")
    page.keyboard.press("Enter")
    if_loved = what_if.get_by_role("heading", name=re.compile(r"If you had loved Film 30 \(\d+\)"))
    expect(if_loved).to_be_visible()
    expect(what_if.get_by_role("status")).to_contain_text(re.compile("new at|same as before| to "))
    expect(what_if.get_by_role("list")).to_have_count(2)
    beside = [part.bounding_box() for part in what_if.locator(".saelib-lists > div").all()]
    assert (beside[0]["y"] == beside[1]["y"]) == (width > 390)

    for name, ratings in {"ann": {"80": 5}, "bob": {"90": 5, "100": 1}}.items():
        Profile(ratings, bundle.dataset).save(tmp_path / f"{name}.json")
    button = night.get_by_role("button", name="Load their profiles")
    choose_files(page, button, tmp_path / "ann.json", tmp_path / "bob.json")
    expect(night.get_by_role("status")).to_have_text("Films for you, ann, bob.")
    expect(night.get_by_role("listitem").first).to_contain_text(re.compile("you .* ann .* bob "))
    (tmp_path / "large.json").write_bytes(b" " * 11_000_000)
    choose_files(page, button, tmp_path / "large.json")
    expect(night.get_by_role("status")).to_contain_text("large.json is too large for a profile")
    expect(panel.locator(".saelib-alert")).to_have_text("")

    with_key(page, card.get_by_role("button", name="Make my card"))
    expect(card.get_by_role("img")).to_have_attribute("alt", re.compile("My taste in films"))
    with_key(page, card.get_by_text("The card in words"))
    expect(card.get_by_text("Stars on the average: 5.0")).to_be_visible()
    with page.expect_download() as download:
        card.get_by_role("link", name="Download the card").click()
    assert download.value.suggested_filename == "taste-ml-100k.png"
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")

    with_key(page, surprise.get_by_role("button", name="Surprise me"))
    expect(surprise.get_by_role("status")).to_contain_text("is a surprise")
    name = surprise.locator(".saelib-title").inner_text()
    surprise.get_by_role("slider", name=f"Seen, with stars: {name}").focus()
    page.keyboard.press("4")
    expect(surprise.get_by_role("status")).to_have_text(f"{name}: taken to your answers.")
    rated = panel.get_by_role("slider", name=f"{name}, stars")
    expect(rated).to_have_attribute("aria-valuetext", "4 stars")
    expect(if_loved).to_be_hidden()  # it does not follow from the answers any more
    expect(what_if.get_by_role("status")).to_contain_text("Your answers have changed")

    page.keyboard.press("Tab")
    with_key(page, card.get_by_role("button", name="Make my card"))
    with_key(page, night.get_by_role("button", name="Films for all"))
    with_key(page, surprise.get_by_role("button", name="Surprise me"))
    expect(surprise.locator(".saelib-title")).to_be_visible()
    expect(night.get_by_role("list")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []


def test_what_was_told_is_offered_again_after_a_reload(site, page):
    page.goto(site)
    panel = the_panel(page)
    offer = page.locator(".saelib-offer")
    expect(offer).to_be_hidden()
    press(page, panel, 0, "5")
    press(page, panel, 1, "2")
    expect(panel.locator(".saelib-status")).to_contain_text("2 rated.")
    before = titles(panel)
    page.reload()
    panel = the_panel(page)
    assert titles(panel) == []
    offer.get_by_role("button", name="Bring them back").click()
    expect(panel.locator(".saelib-status")).to_contain_text("2 rated.")
    assert titles(panel) == before
    expect(offer).to_be_hidden()
    other = page.context.new_page()  # another tab is another visitor
    other.goto(site)
    the_panel(other)
    expect(other.locator(".saelib-offer")).to_be_hidden()
    page.reload()
    panel = the_panel(page)
    offer.get_by_role("button", name="Forget them").click()
    expect(offer).to_be_hidden()
    page.reload()
    the_panel(page)
    expect(offer).to_be_hidden()


def test_a_page_in_the_dark_and_in_forced_colours(browser, small_model, tmp_path):
    command = ("-m", "saelib", "panel", "--dark", "--model", str(small_model))
    with server(tmp_path, *command) as (_, link):
        for colours in ("none", "active"):
            context = browser.new_context(color_scheme="dark", forced_colors=colours)
            page = context.new_page()
            page.goto(link)
            panel = the_panel(page)
            for fold in panel.locator(".saelib-fold").all():
                fold.click()
            press(page, panel, 0, "5")
            expect(panel.locator(".saelib-place .saelib-title:visible")).to_have_count(10)
            panel.get_by_label("If I had loved").fill("film")
            for name in ("What if?", "Make my card", "Surprise me"):
                panel.get_by_role("button", name=name).click()
            expect(panel.locator(".saelib-lists")).to_be_visible()
            expect(panel.locator(".saelib-game .saelib-place")).to_be_visible()
            assert violations(page) == []
            context.close()


def test_a_recommendation_that_was_seen_gets_its_stars(site, page):
    page.goto(site)
    panel = the_panel(page)
    rate_with_the_keyboard(page, panel, 5)
    name = titles(panel)[0]
    seen = panel.get_by_role("button", name=f"Seen it: {name}", exact=True)
    seen.focus()
    page.keyboard.press("Enter")
    expect(status_of(panel)).to_contain_text(f"{name} is among the films to rate")
    expect(panel.get_by_role("checkbox", name=f"{name}, seen")).to_be_checked()
    slider = panel.get_by_role("slider", name=f"{name}, stars")
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "4 stars")
    expect(status_of(panel)).to_contain_text("2 rated.")
    assert name not in titles(panel)


def test_kernels_end_with_their_pages(started, page):
    process, link = started
    of_others = {kernel.pid for kernel in kernels(process)}  # pages of a moment ago

    def begun() -> int:
        return sum(kernel.pid not in of_others for kernel in kernels(process))

    for n in range(4):
        visitor = page.context.new_page()
        visitor.goto(link)
        the_panel(visitor)
        assert begun() == 1
        if n % 2:
            close(visitor)
        else:
            visitor.reload()
            the_panel(visitor)
            wait_for(lambda: begun() == 1, "the kernel from before to end", 30)
            visitor.goto("about:blank")
        wait_for(lambda: not begun(), "the kernel to end", 30)


def test_a_page_that_vanished_loses_its_kernel_and_an_idle_one_keeps_it(
    small_model, page, tmp_path
):
    """An hour of idling is three seconds here."""
    code = "import sys; from pathlib import Path; from saelib.panel.page import serve; "
    code += "serve(Path(sys.argv[2]), int(sys.argv[3][7:]), open_browser=False, idle=3)"
    with server(tmp_path, "-c", code, "panel", str(small_model)) as (process, link):
        page.goto(link)
        panel = the_panel(page)
        crashed = page.context.new_page()
        crashed.goto(link)
        the_panel(crashed)
        assert len(kernels(process)) == 2
        crashed.close()  # without a word to the server
        wait_for(lambda: len(kernels(process)) == 1, "the kernel of the page to be ended", 20)
        time.sleep(8)
        assert len(kernels(process)) == 1
        rate_with_the_keyboard(page, panel, 5, 1)


def test_where_the_kernel_is_gone_the_page_says_so_and_nothing_is_lost(started, page, tmp_path):
    process, link = started
    of_others = {kernel.pid for kernel in kernels(process)}  # pages of a moment ago
    page.goto(link)
    panel = the_panel(page)
    rate_with_the_keyboard(page, panel, 5, 1, 4)
    before, banner = titles(panel), panel.locator(".saelib-gone")
    expect(banner).to_be_hidden()
    [kernel] = [kernel for kernel in kernels(process) if kernel.pid not in of_others]
    kernel.kill()
    expect(banner).to_be_visible()
    page.mouse.wheel(0, 2000)
    expect(banner).to_be_in_viewport()
    assert "this tab keeps it" in panel.get_by_role("alert").first.inner_text()
    expect(panel.locator(".saelib-columns")).to_have_attribute("inert", "")
    assert len(Profile.load(saved(page, banner, tmp_path)).ratings) == 3
    banner.get_by_role("button", name="Reload the page").click()
    expect(page.locator(".saelib-gone")).to_be_hidden()
    panel = the_panel(page)
    panel.get_by_role("button", name="Bring them back").click()
    expect(panel.locator(".saelib-status")).to_contain_text("3 rated.")
    assert titles(panel) == before
    begun = [kernel for kernel in kernels(process) if kernel.pid not in of_others]
    assert len(begun) == 1, "none was started for a page that is no more"


def test_where_the_server_is_gone_the_page_says_so(small_model, page, tmp_path):
    command = ("-m", "saelib", "panel", "--model", str(small_model))
    with server(tmp_path, *command) as (_, link):
        page.goto(link)
        panel = the_panel(page)
        rate_with_the_keyboard(page, panel, 5)
    banner = panel.locator(".saelib-gone")
    expect(banner).to_be_visible()
    banner.get_by_role("button", name="Reload the page").click()
    expect(banner).to_contain_text("server does not answer")
    assert len(Profile.load(saved(page, banner, tmp_path)).ratings) == 1


def test_in_jupyterlab_a_restarted_kernel_is_said_to_be_gone(lab, page):
    panel = run_notebook(page, lab)
    expect(panel.locator(".saelib-gone")).to_be_hidden()
    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(panel.locator(".saelib-gone").first).to_contain_text("Run the cell again")


def test_another_site_starts_no_kernel(started, page):
    """Not even in the browser of a visitor, and not with the link."""
    process, link = started
    page.goto(link)
    the_panel(page)
    n_kernels = len(kernels(process))
    address = link.split("?")[0]
    other = page.context.new_page()
    images = "".join(f'<img src="{url}">' for url in (f"{address}?1", address, link))
    frames = f'<iframe src="{link}&frame"></iframe>'
    with other.expect_response(lambda response: response.url.endswith("frame")) as framed:
        other.set_content(images + frames)
    assert framed.value.status == 403
    other.wait_for_load_state("networkidle")
    assert len(kernels(process)) == n_kernels
    answer = other.goto(address)
    assert answer.status == 200, "typed by the visitor: the cookie stands for the token"
    the_panel(other)


def test_the_page_that_is_full_says_what_to_do(small_model, page, tmp_path):
    command = ("-m", "saelib", "panel", "--model", str(small_model), "--visitors", "1")
    with server(tmp_path, *command) as (process, link):
        page.goto(link)
        the_panel(page)
        second = page.context.new_page()
        assert second.goto(link).status == 503
        expect(second.get_by_role("heading")).to_have_text("All places are taken")
        assert len(kernels(process)) == 1
        close(page)
        wait_for(lambda: not kernels(process), "the place to be free", 10)

        def served() -> bool:  # the server may count a kernel a moment longer than it lives
            with second.expect_navigation() as again:
                second.get_by_role("link", name="Try again").click()
            return again.value.status == 200

        wait_for(served, "the place to be free for the second", 30)
        the_panel(second)
