"""The panel in a real browser: JupyterLab opens a notebook, a person uses the keyboard."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from saelib.profile import Profile

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
NAME = "07_rate_films_get_recommendations.ipynb"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
TRAINING = 400_000  # milliseconds: the notebook trains a model where there is none yet
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# The notebook's idle indicator lies before there is a kernel.
READY = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    const kernel = context?.session?.kernel;
    return context?.isReady && kernel?.status === "idle" && kernel.connectionStatus === "connected";
}"""
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


LAB = (
    "jupyterlab",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.allow_root=True",
    "--LabApp.expose_app_in_browser=True",
    "--IdentityProvider.token=",
)


def serve(folder: Path, *command: str) -> tuple[subprocess.Popen, str]:
    """Start a server by `python -m command` in `folder`; return its process and address."""
    for name, values in SETTINGS.items():
        file = folder / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTERLAB_SETTINGS_DIR": "settings"}
    places |= {"JUPYTERLAB_WORKSPACES_DIR": "workspaces", "JUPYTER_RUNTIME_DIR": "runtime"}
    env = os.environ | {name: str(folder / place) for name, place in places.items()}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "server.log"
    with log.open("w") as out:
        arguments = [sys.executable, "-m", *command, f"--port={port}", "--no-browser"]
        server = subprocess.Popen(arguments, cwd=folder, env=env, stdout=out, stderr=out)
    for _ in range(480):
        try:
            socket.create_connection(("localhost", port), timeout=5).close()
            return server, f"http://localhost:{port}"
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.25)
    server.terminate()
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a copy of notebook 07 in JupyterLab."""
    folder = tmp_path_factory.mktemp("lab")
    for name in (NAME, "example_profile.json"):
        shutil.copy(NOTEBOOKS / name, folder)
    server, address = serve(folder, *LAB)
    yield f"{address}/lab/tree/{NAME}"
    server.terminate()
    server.wait(20)


@pytest.fixture(scope="module")
def site(trained, tmp_path_factory):
    """Address of the panel as a page, over a small model."""
    folder = tmp_path_factory.mktemp("site")
    trained.save(folder / "model.safetensors")
    command = ("saelib", "panel", "--model", "model.safetensors")
    server, address = serve(folder, *command)
    yield address
    server.terminate()
    server.wait(20)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        say = "no Chromium to try the panel in (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(say)
        pytest.skip(say)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1500, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


def run_notebook(page, address: str):
    """Open the notebook in JupyterLab, run all its cells, and return the panel in the page."""
    page.goto(address)
    page.wait_for_function(READY)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    return the_panel(page)


def the_panel(page):
    panel = page.locator(".saelib-panel[role=group]")
    expect(panel).to_be_visible(timeout=TRAINING)
    expect(panel.get_by_role("slider", name="stars").first).to_be_visible()
    return panel


def titles(panel) -> list[str]:
    return panel.locator(".saelib-place .saelib-title:visible").all_inner_texts()


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
        expect(panel.get_by_role("status")).to_contain_text(f"{number + 1} rated.")
    expect(panel.locator(".saelib-place .saelib-title:visible")).to_have_count(10)


def tick_with_the_keyboard(page, panel) -> None:
    """Tick the first title: it is asked about next, and goes from the list if it stands there."""
    tick = panel.get_by_role("checkbox", name="seen").first
    tick.focus()
    page.keyboard.press("Space")
    expect(panel.get_by_role("status")).to_contain_text("1 more seen.")
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
    expect(panel.get_by_role("status")).to_contain_text(f"{n_left} rated.")
    return before, titles(panel)


def choose_a_gender(page, panel) -> None:
    gender = panel.get_by_label("Gender")
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


def load(page, panel, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="Load profile").click()
    chooser.value.set_files(file)


def serious(page) -> list[dict]:
    """What axe finds in the panel that keeps people out."""
    found = Axe().run(page, context=".saelib-panel").response
    assert len(found["passes"]) > 10, "it has looked"
    return [v for v in found["violations"] if v["impact"] in ("serious", "critical")]


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
    assert not serious(page), json.dumps(serious(page), indent=1)

    page.reload()
    panel = run_notebook(page, lab)
    assert titles(panel) == []
    load(page, panel, file)
    expect(panel.get_by_role("status")).to_contain_text("4 rated, 1 more seen.")
    assert titles(panel) == after
    expect(panel.get_by_label("Gender")).to_have_value("female")


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

    page.reload()
    panel = the_panel(page)
    assert titles(panel) == []
    load(page, panel, file)
    expect(panel.get_by_role("status")).to_contain_text("4 rated, 1 more seen.")
    assert titles(panel) == after
    assert not serious(page), json.dumps(serious(page), indent=1)


def test_every_control_has_a_name_and_is_reached_with_tab(site, page):
    page.goto(site)
    panel = the_panel(page)
    panel.get_by_label("Find a film").fill("film")
    page.keyboard.press("Tab")
    rate_with_the_keyboard(page, panel, 5)
    controls = panel.locator("button, a[href], input, select, [role=slider]").locator(
        "visible=true"
    )
    named = "e => (e.ariaLabel || e.labels?.[0]?.textContent || e.textContent).trim()"
    names = [control.evaluate(named) for control in controls.all()]
    assert len(names) == len(set(names)) == 41, "10 titles, 5 films, 10 recommendations, 16 others"
    assert all(names)
    page.locator("body").click(position={"x": 1, "y": 1})
    reached = set()
    for _ in range(3 * len(names)):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(f"({named})(document.activeElement)"))
    assert set(names) <= reached
