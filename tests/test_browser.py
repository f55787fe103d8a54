"""The panel in a real browser: in JupyterLab and as a page, by keyboard, finger and axe.

The fixture `page` fails where anything is asked of another machine.
"""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import on_scale
from playwright.sync_api import expect

from saelib.data import Scale
from saelib.model import train
from saelib.panel.page import application
from saelib.recommend.profile import MAX_BYTES, Profile
from saelib.recommend.recommender import Recommender

pytestmark = pytest.mark.slow
expect.set_options(timeout=20_000)  # the machine may be busy
# Windows of a laptop, a tablet and a telephone, and the laptop's at 200 %.
WINDOWS = {"laptop": (1280, 800), "tablet": (820, 1180), "phone": (390, 844), "zoom": (640, 400)}
FOUND = "Sabrina (1954)"  # not among the films that are asked about first


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Site:
    """The page, served in a thread of this process; it can be stopped and begun anew."""

    def __init__(self, recommender: Recommender, room_token: str = ""):
        self.recommender, self.room_token, self.port = recommender, room_token, free_port()
        self.link = f"http://localhost:{self.port}/?token=t"

    def __enter__(self) -> "Site":
        self.ready = threading.Event()
        self.thread = threading.Thread(target=asyncio.run, args=(self.serve(),))
        self.thread.start()
        self.ready.wait()
        return self

    async def serve(self) -> None:
        self.stopped, self.loop = asyncio.Event(), asyncio.get_running_loop()
        app = application(self.recommender, "http://here/?token=t", self.room_token, "", "", 40)
        server = app.listen(self.port, "localhost")
        self.ready.set()
        await self.stopped.wait()
        server.stop()
        for visit in list(app.settings["visitors"]):
            visit.close()
        await server.close_all_connections()

    def __exit__(self, *_error: object) -> None:
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join()


@pytest.fixture(scope="module")
def site(recommender):
    with Site(recommender) as site:
        yield site


def sliders(page):
    return page.locator(".saelib-panel .film input[type=range]")


def cards(page) -> list[str]:
    return page.locator(".saelib-panel .card b").all_inner_texts()


def said(page):
    return page.locator(".saelib-panel [role=status]")


def rate(page, number: int, key: str, shown: str) -> None:
    """Press a key on a slider; the focus stays there while the list changes."""
    slider = sliders(page).nth(number)
    slider.press(key)
    expect(page.locator(".saelib-panel output").nth(number)).to_have_text(shown)
    expect(slider).to_be_focused()


def rate_two(page) -> list[str]:
    """Rate two films; the names of those to watch next."""
    for number, (key, shown) in enumerate([("5", "★★★★★"), ("2", "★★")]):
        rate(page, number, key, shown)
    expect(said(page)).to_contain_text("2 rated")
    return cards(page)


def find(page) -> None:
    """Add a film by its title: Enter takes the first one found, and its slider has the focus."""
    page.keyboard.press("/")
    page.keyboard.type(FOUND.lower())
    page.keyboard.press("Enter")
    expect(page.locator(".saelib-panel").get_by_role("slider", name=FOUND)).to_be_focused()


def load(page, name: str, content: bytes) -> None:
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    page.locator(".saelib-panel input[type=file]").set_input_files(file)


def saved(page) -> Profile:
    """What the browser writes to a file."""
    with page.expect_download() as download:
        page.get_by_role("link", name="Save profile").click()
    return Profile.load(Path(download.value.path()))


def violations(page, part: str | None = None) -> list[str]:
    """What axe finds, of whatever severity. part: only in there."""
    found = Axe().run(page, context=part).response
    assert len(found["passes"]) > 10, "it has looked"
    return [f"{v['impact']} {v['id']}: {v['nodes'][0]['html']}" for v in found["violations"]]


def in_sight(page, *parts) -> bool:
    """Whether all of each part comes to be on the screen, with nothing lying upon it."""
    look = """element => {
        const {left, right, top, bottom} = element.getBoundingClientRect();
        const found = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
        return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight
            && top < bottom && (element.contains(found) || found?.contains(element));
    }"""
    for _ in range(20):
        if all(part.evaluate(look) for part in parts):
            return True
        page.wait_for_timeout(200)
    return False


def test_a_sitting_with_the_keyboard_alone(site, page):
    page.goto(site.link)
    for key, shown in (("End", "★★★★★"), ("Delete", "not seen"), ("4", "★★★★")):
        rate(page, 0, key, shown)
    for key, shown in (("ArrowRight", "★"), ("0", "not seen"), ("1", "★")):
        rate(page, 1, key, shown)
    spoken = [slider.get_attribute("aria-valuetext") for slider in sliders(page).all()]
    assert spoken[:3] == ["4 stars", "1 star", "not seen"]
    find(page)
    expect(page.get_by_label("Find a film")).to_have_value("")
    page.keyboard.press("3")
    expect(said(page)).to_contain_text("3 rated")

    before = cards(page)
    page.get_by_role("button", name=re.compile("^Not interested")).nth(1).press("Enter")
    expect(page.locator(".card b")).not_to_have_text(before)
    assert before[1] not in cards(page)
    focused = page.evaluate("document.activeElement.ariaLabel")
    assert focused == f"Not interested: {cards(page)[1]}", "the one that came in its place"
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.locator(".card b")).to_have_text(before)
    page.get_by_role("button", name=f"Seen it: {before[0]}").press("Enter")
    expect(page.get_by_role("slider", name=before[0])).to_be_focused()
    assert before[0] not in cards(page)

    page.get_by_text("About you").press("Enter")
    page.get_by_label("Gender").press("ArrowDown")
    expect(said(page)).not_to_contain_text("among")
    page.get_by_label("Genre").select_option("Drama")
    expect(page.locator(".card .genres").filter(has_not_text="Drama")).to_have_count(0)
    page.get_by_label("Genre").select_option("all genres")
    page.get_by_role("checkbox", checked=False).first.press("Space")
    expect(said(page)).to_contain_text("3 rated, 2 more seen")
    profile = saved(page)
    assert (len(profile.ratings), len(profile.seen), profile.gender) == (3, 2, "F")
    page.get_by_role("button", name="Start again").press("Enter")
    expect(page.locator(".card")).to_have_count(0)
    load(page, "profile.json", profile.to_json().encode())
    expect(said(page)).to_contain_text("3 rated, 2 more seen")
    alert = page.locator("p[role=alert]:visible")
    load(page, "large.json", b" " * (MAX_BYTES + 1))
    expect(alert).to_have_text("large.json is too large: more than 5 MB.")
    load(page, "x.html", b"<img src=x onerror=alert(1)>")
    expect(alert).to_contain_text("x.html")
    assert page.locator(".saelib-panel img").count() == 0
    assert saved(page) == profile


@pytest.mark.parametrize(
    ("scale", "typed", "shown", "n_marks"),
    [
        (Scale(0, 10), ["10", "0"], ["10", "0"], 11),
        (Scale(0.5, 5, 0.5), ["3.5", "4,5"], ["★★★½", "★★★★½"], 10),
        (Scale(-10, 100, 5), ["100", "-5"], ["100", "-5"], 5),
    ],
    ids=str,
)
def test_digits_give_stars_on_any_scale_and_long_ones_have_few_marks(
    data, page, scale, typed, shown, n_marks
):
    with Site(Recommender(train(on_scale(data, scale), epochs=1, progress=False))) as site:
        page.goto(site.link)
        for number, keys in enumerate(typed):
            sliders(page).nth(number).focus()
            page.keyboard.type(keys)
            expect(page.locator("output").nth(number)).to_have_text(shown[number])
        expect(said(page)).to_contain_text("2 rated")
        expect(page.locator(".next")).to_have_attribute("aria-busy", "false")
        marks = page.locator("datalist option").evaluate_all("all => all.map(e => +e.value)")
        assert (len(marks), marks[0], marks[-1]) == (n_marks, 1, scale.n_levels)
        given = [float(keys.replace(",", ".")) for keys in typed]
        assert list(saved(page).ratings.values()) == given
        assert bool(page.locator(".bars:visible").count()) == (n_marks > 5)


@pytest.mark.parametrize(("window", "colours"), [*zip(WINDOWS, ["light", "dark"] * 2)])
def test_what_follows_is_in_sight_while_a_slider_moves_and_nobody_is_kept_out(
    site, browser, trained, window, colours
):
    width, height = WINDOWS[window]
    films = trained.films["movie_id"].astype(str)[:20]
    profile = Profile({film: 1 + i % 5 for i, film in enumerate(films)}, "ml-100k")
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=colours)
    page.goto(site.link)
    expect(sliders(page).first).to_be_visible()
    assert violations(page) == []
    load(page, "profile.json", profile.to_json().encode())
    expect(said(page)).to_contain_text("20 rated")
    for number in (0, 9, 22):
        sliders(page).nth(number).focus()
        page.keyboard.press("4" if number % 2 else "2")
        page.wait_for_timeout(300)
        shown = page.locator(".card b" if width >= 700 else ".peek b")
        assert shown.all_inner_texts()[:3] == cards(page)[:3]
        assert in_sight(page, *(shown.nth(place) for place in range(3)), sliders(page).nth(number))
    page.get_by_text("About you").click()
    page.get_by_label("Find a film").fill("film")
    expect(page.get_by_role("button", name="Add: Film 8 (1958)")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_a_finger_scrolls_over_sliders_and_rates_with_a_tap(site, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    page.goto(site.link)
    slider = sliders(page).nth(2)
    box = slider.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)
    moves = [("touchMove", [{"x": x, "y": y - 20 * step}]) for step in range(1, 16)]
    for kind, points in [("touchStart", [{"x": x, "y": y}]), *moves, ("touchEnd", [])]:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.wait_for_timeout(300)
    assert page.evaluate("scrollY") > 100
    assert slider.get_attribute("aria-valuetext") == "not seen"
    assert cards(page) == []
    slider.scroll_into_view_if_needed()
    slider.tap(position={"x": box["width"] * 0.8, "y": box["height"] / 2})
    expect(slider).to_have_attribute("aria-valuetext", "4 stars")
    expect(page.locator(".peek li")).to_have_count(3)
    page.locator(".peek").tap()
    expect(page.locator(".card").first).to_be_in_viewport()
    page.close()


def test_answers_survive_a_reload_where_they_are_wanted(site, page):
    page.goto(site.link)
    back, forget = (page.get_by_role("button", name=n) for n in ("Bring them back", "Forget them"))
    before = rate_two(page)
    page.reload()
    back.click()
    expect(said(page)).to_contain_text("2 rated")
    assert cards(page) == before
    page.reload()
    forget.click()
    page.reload()
    expect(sliders(page).first).to_be_visible()
    expect(back).to_be_hidden()


def test_where_the_server_is_gone_the_page_says_so_and_goes_on_when_it_is_back(recommender, page):
    site = Site(recommender)
    with site:
        page.goto(site.link)
        before = rate_two(page)
    banner, again = page.get_by_text("Nothing answers any"), page.get_by_role("button", name="Try")
    expect(banner).to_be_visible()
    expect(page.locator(".columns")).to_have_attribute("inert", "")
    assert len(saved(page).ratings) == 2
    again.click()
    expect(banner).to_be_visible()
    with site:
        page.wait_for_timeout(300)
        if again.is_visible():  # the first try may have been slow enough to get through
            again.click()
        expect(banner).to_be_hidden()
        expect(said(page)).to_contain_text("2 rated")
        assert cards(page) == before
        rate(page, 2, "3", "★★★")


def test_a_visitor_whose_browser_speaks_spanish(site, browser, trained):
    """Once through: no English word is left."""
    page = browser.new_page(locale="es-MX")
    page.goto(site.link)
    rate(page, 0, "5", "★★★★★")
    rate(page, 1, "1", "★")
    page.locator("summary:visible").first.click()
    page.locator("input[type=search]").fill("sabrina")
    page.locator(".chips button").first.wait_for()
    assert page.title() == page.locator("h1").inner_text()
    assert page.evaluate("document.documentElement.lang") == "es"
    labels = page.locator("[aria-label]").evaluate_all("all => all.map(e => e.ariaLabel)")
    text = "\n".join([page.locator("body").inner_text(), *labels])
    for title in trained.films["title"]:
        text = text.replace(title, "")
    english = "the|your?|with|films?|watch|rated?|find|undo|save|load|seen|near|fits|from|stars?"
    assert re.findall(rf"\b({english})\b", text, re.IGNORECASE) == []
    assert violations(page) == []
    page.close()


SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
# The notebook's idle indicator lies before there is a kernel.
READY = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    const kernel = context?.session?.kernel;
    return context?.isReady && kernel?.status === "idle" && kernel.connectionStatus === "connected";
}"""
CELLS = [
    "import saelib\nrecommender = saelib.Recommender.load('model.safetensors')",
    "saelib.RatingPanel(recommender)",
    "saelib.RatingSliders(recommender)",
]


@pytest.fixture(scope="module")
def lab(trained, tmp_path_factory):
    """Address of a notebook with the panel and the sliders, in JupyterLab."""
    folder, port = tmp_path_factory.mktemp("lab"), free_port()
    trained.save(folder / "model.safetensors")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [nbformat.v4.new_code_cell(code) for code in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "panel.ipynb")
    for name, values in SETTINGS.items():
        file = folder / f"lab/user-settings/@jupyterlab/{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(values))
    own = {name: str(folder) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    options = ["--ServerApp.ip=127.0.0.1", "--ServerApp.allow_root=True", "--no-browser"]
    options += ["--LabApp.expose_app_in_browser=True", "--IdentityProvider.token="]
    command = [sys.executable, "-m", "jupyterlab", *options, f"--port={port}"]
    with (folder / "log").open("w") as log:
        said = {"cwd": folder, "env": os.environ | own, "stdout": log, "stderr": log}
        process = subprocess.Popen(command, **said)
    for _ in range(300):
        try:
            socket.create_connection(("localhost", port)).close()
            break
        except OSError:
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.2)
    yield f"http://localhost:{port}/lab/tree/panel.ipynb"
    process.terminate()
    process.wait(20)


def run_all_cells(page) -> None:
    page.wait_for_function(READY)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    expect(page.locator(".saelib-panel .film input").first).to_be_visible(timeout=120_000)


def test_a_person_with_a_keyboard_in_jupyterlab(lab, page):
    page.goto(lab)
    run_all_cells(page)
    rate_two(page)
    assert in_sight(page, *(page.locator(".card b").nth(place) for place in range(3)))
    find(page)
    page.keyboard.press("4")
    expect(said(page)).to_contain_text("3 rated")
    assert violations(page, ".saelib-panel") == []
    before = cards(page)

    # The sliders of ipywidgets, and a list that follows them.
    page.locator(".widget-slider [role=slider]").first.focus()
    page.keyboard.press("End")
    expect(page.locator(".widget-html ol li")).to_have_count(10)

    # Another run of the cell closes the panel; what was told is in the tab.
    run_all_cells(page)
    expect(page.locator(".saelib-panel")).to_have_count(1)
    page.get_by_role("button", name="Bring them back").click()
    expect(said(page)).to_contain_text("3 rated")
    assert cards(page) == before

    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(page.locator(".saelib-panel .note").first).to_contain_text("Run the cell again.")
    assert len(saved(page).ratings) == 3


def test_the_table_of_the_room_follows_on_the_projector(page, recommender):
    with Site(recommender, "r") as site:
        projector = page.context.new_page()
        projector.set_viewport_size({"width": 1920, "height": 1080})
        projector.goto(f"http://localhost:{site.port}/room?token=r")
        expect(projector.get_by_role("heading", name="The table of the room")).to_be_visible()
        expect(projector.get_by_text("http://here/?token=t", exact=True)).to_be_visible()
        assert projector.locator("img").evaluate("image => image.naturalWidth") > 20, "its code"
        page.goto(site.link)
        rate(page, 0, "5", "★★★★★")
        expect(projector.get_by_role("cell")).to_have_text(["5"])
        rate(page, 0, "3", "★★★")
        expect(projector.get_by_role("cell")).to_have_text(["3"])
        for theme in ("light", "dark"):
            projector.emulate_media(color_scheme=theme)
            assert not violations(projector)
        page.get_by_label("Leave my ratings out").check()
        expect(projector.get_by_role("cell")).to_have_count(0)
        assert not violations(page)
        with projector.expect_download() as download:
            projector.get_by_role("link", name="Download").click()
        assert Path(download.value.path()).read_text().startswith("user,item,rating,title")
    expect(projector.locator("main")).to_contain_text("Nothing answers")
