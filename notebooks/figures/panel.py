"""Draw panel.png: the rating panel as `make panel` shows it, with the example profile loaded.

    python -m saelib panel --no-browser &
    python notebooks/figures/panel.py

Needs Chromium, as the tests in a browser do.
"""

import shutil
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

HERE = Path(__file__).resolve().parent

with sync_playwright() as playwright:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1200, "height": 1800})
    page.goto("http://localhost:8866")
    panel = page.locator(".saelib-panel[role=group]")
    expect(panel).to_be_visible(timeout=60_000)
    with page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="Load profile").click()
    chooser.value.set_files(HERE.parent / "example_profile.json")
    expect(panel.get_by_role("status")).to_contain_text("10 rated.")
    panel.screenshot(path=HERE / "panel.png")
    browser.close()
