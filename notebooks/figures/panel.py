"""Draw panel.png: the panel as `make panel` shows it, with a profile loaded and three ticks.

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
    page = browser.new_page(viewport={"width": 1200, "height": 1800})
    page.goto(sys.argv[1])
    panel = page.locator(".saelib-panel[role=group]")
    expect(panel).to_be_visible(timeout=60_000)
    with page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="Load profile").click()
    chooser.value.set_files(HERE.parent / "example_profile.json")
    expect(panel.get_by_role("status")).to_contain_text("10 rated.")
    for n in range(1, 4):
        panel.get_by_role("checkbox", name="seen").nth(2 * n).click()
        expect(panel.get_by_role("status")).to_contain_text(f"10 rated, {n} more seen.")
    panel.get_by_role("button", name="More films").click()
    expect(panel.get_by_role("slider", name="stars")).to_have_count(15)
    expect(panel.get_by_role("status")).to_contain_text("Other films to rate")
    panel.screenshot(path=HERE / "panel.png")
    browser.close()
