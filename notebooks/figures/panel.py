"""Draw panel.png: the page of `make panel`, with a profile loaded.

    python -m saelib panel --no-browser     # prints a link
    python notebooks/figures/panel.py LINK

Needs Chromium, as the tests in a browser do.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

HERE = Path(__file__).resolve().parent

with sync_playwright() as playwright:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(sys.argv[1])
    panel = page.locator(".saelib-panel")
    expect(panel).to_be_visible()
    with page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="Load profile").click()
    chooser.value.set_files(HERE.parent / "example_profile.json")
    expect(panel.get_by_role("status")).to_contain_text("10 rated")
    page.evaluate("document.querySelectorAll('*').forEach(part => (part.scrollTop = 0))")
    page.screenshot(path=HERE / "panel.png")
    browser.close()
