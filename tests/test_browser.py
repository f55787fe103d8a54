"""The panel in a real browser: JupyterLab opens a notebook, a person uses the keyboard."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import nbformat
import pytest

from saelib.profile import Profile

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium to open the panel in")

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


def serve(folder: Path, *command: str, theme: str = "JupyterLab Light") -> tuple:
    """Start a Jupyter application on `folder`; return its process, address and token."""
    settings = SETTINGS | {"@jupyterlab/apputils-extension/themes": {"theme": theme}}
    for name, values in settings.items():
        file = folder / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTERLAB_SETTINGS_DIR": "settings"}
    places |= {"JUPYTERLAB_WORKSPACES_DIR": "workspaces", "JUPYTER_RUNTIME_DIR": "runtime"}
    env = os.environ | {name: str(folder / place) for name, place in places.items()}
    env |= {"OMP_NUM_THREADS": "1"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                *command,
                f"--port={port}",
                "--no-browser",
                f"--IdentityProvider.token={token}",
            ],
            cwd=folder,
            env=env,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urlopen(f"{address}/api?token={token}", timeout=5).close()
            return server, address, token
        except OSError:
            assert server.poll() is None, (folder / "server.log").read_text()
            time.sleep(0.25)
    server.terminate()
    raise AssertionError((folder / "server.log").read_text())


def notebook(folder: Path, model: Path) -> None:
    """Write panel.ipynb: load a model, show its panel."""
    code = (
        "from saelib import RatingPanel, Recommender\n"
        f"RatingPanel(Recommender.load({str(model)!r}))"
    )
    nbformat.write(
        nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(code)],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        ),
        folder / "panel.ipynb",
    )


LAB = (
    "jupyterlab",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.allow_root=True",
    "--LabApp.expose_app_in_browser=True",
)


@pytest.fixture(scope="module")
def lab(trained, tmp_path_factory):
    """Address of a notebook with a panel of a small model in JupyterLab."""
    folder = tmp_path_factory.mktemp("lab")
    trained.save(folder / "model.safetensors")
    notebook(folder, folder / "model.safetensors")
    server, address, token = serve(folder, *LAB)
    yield f"{address}/lab/tree/panel.ipynb?token={token}"
    server.terminate()
    server.wait(20)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
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


def open_panel(page, url: str):
    """Open the notebook, run it, and return the panel in the page."""
    page.goto(url)
    page.wait_for_function(READY)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    panel = page.locator(".saelib-panel[role=group]")
    expect(panel).to_be_visible(timeout=60_000)
    expect(panel.get_by_role("slider", name="stars").first).to_be_visible()
    return panel


def titles(panel) -> list[str]:
    return panel.locator(".saelib-place .saelib-title:visible").all_inner_texts()


def test_a_person_with_a_keyboard(lab, page, tmp_path):
    panel = open_panel(page, lab)
    assert titles(panel) == []
    sliders = panel.get_by_role("slider", name="stars")
    for number, stars in enumerate([5, 1, 4, 2, 3]):
        sliders.nth(number).focus()
        for _ in range(stars):
            page.keyboard.press("ArrowRight")
        said = f"{stars} stars" if stars > 1 else "1 star"
        expect(sliders.nth(number)).to_have_attribute("aria-valuetext", said)
        expect(panel.get_by_role("status")).to_contain_text(f"{number + 1} rated.")
    gender = panel.get_by_label("Gender")
    gender.focus()
    page.keyboard.press("ArrowDown")
    expect(gender).to_have_value("female")
    expect(panel.locator(".saelib-place .saelib-title:visible")).to_have_count(10)

    before = titles(panel)
    sliders.nth(0).focus()
    page.keyboard.press("Home")
    expect(sliders.nth(0)).to_have_attribute("aria-valuetext", "not seen")
    expect(panel.get_by_role("status")).to_contain_text("4 rated.")
    after = titles(panel)
    assert after != before

    with page.expect_download() as download:
        panel.get_by_role("link", name="Save profile").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert len(Profile.load(file).ratings) == 4

    page.reload()
    panel = open_panel(page, lab)
    assert titles(panel) == []
    with page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="Load profile").click()
    chooser.value.set_files(file)
    expect(panel.get_by_role("status")).to_contain_text("4 rated.")
    assert titles(panel) == after
    expect(panel.get_by_label("Gender")).to_have_value("female")
    expect(panel.get_by_role("button", name="Load profile")).to_have_text("Load profile")


def test_nothing_serious_for_those_who_cannot_see(lab, page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    panel = open_panel(page, lab)
    panel.get_by_role("slider", name="stars").nth(0).focus()
    page.keyboard.press("End")
    expect(panel.locator(".saelib-place .saelib-title:visible")).to_have_count(10)
    found = axe.run(page, context=".saelib-panel").response
    serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert not serious, json.dumps(serious, indent=1)
    assert len(found["passes"]) > 10
    for control in panel.locator("button, a, input:visible, select, [role=slider]").all():
        assert control.evaluate(
            "e => e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent"
        )
