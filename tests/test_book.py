"""The site of `make book`: whole, without a warning, and asking nothing of another host.

Sphinx warns of links that lead nowhere; the fixture `page` fails where a page asks another host.
"""

import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urldefrag

import nbformat
import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SERIES = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
OTHERS = [NOTEBOOKS / "one_class.ipynb", NOTEBOOKS / "es" / "una_clase.ipynb"]
OTHERS += sorted(NOTEBOOKS.glob("exercises/*.ipynb")) + sorted(NOTEBOOKS.glob("solutions/*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Folder of the site."""
    folder = tmp_path_factory.mktemp("book")
    command = [sys.executable, str(NOTEBOOKS / "book" / "make_book.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, BeautifulSoup]:
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(site.rglob("*.html"))
    }


@pytest.fixture(scope="module")
def address(site):
    """Address of a server of the site."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


def page_of(site: Path, path: Path) -> Path:
    return site / path.relative_to(ROOT).with_suffix(".html")


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_the_series_stands_in_order_at_the_side_of_each_page(site, pages):
    expected = [page_of(site, path) for path in SERIES]
    for page, soup in pages.items():
        links = [urldefrag(a["href"]).url for a in soup.select(".sidebar-tree a")]
        linked = [(page.parent / link).resolve() if link else page for link in links]
        assert [target for target in linked if target in expected] == expected, page
    for path in OTHERS:
        assert page_of(site, path) in pages


@pytest.mark.parametrize("path", [*SERIES, *OTHERS], ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_page_shows_what_is_stored_in_the_notebook(site, pages, path):
    soup = pages[page_of(site, path)]
    shown = one_line(soup.select_one("article").get_text())
    n_pictures = n_widgets = n_folded = 0
    for cell in nbformat.read(path, as_version=4).cells:
        n_folded += cell.source.count("<details>") if cell.cell_type == "markdown" else 0
        if cell.cell_type == "code":
            assert one_line(cell.source) in shown
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                assert one_line(output.text) in shown
            elif WIDGET in output.data:
                n_widgets += 1
            elif "image/png" in output.data:
                n_pictures += 1
                alt = output.metadata["image/png"]["alt"]
                assert soup.find("img", alt=alt) is not None, alt
            elif "text/html" in output.data:
                table = BeautifulSoup(output.data["text/html"], "html.parser").find("table")
                assert one_line(table.get_text()) in shown
    assert len(soup.select(".cell_output img")) == n_pictures
    assert len(soup.select(".cell_output .widget")) == n_widgets
    assert len(soup.select("article details > summary")) == n_folded
    assert "jupyter-widgets" not in str(soup)


def test_formulas_are_set_without_a_script(site, pages):
    n_formulas = 0
    for page, soup in pages.items():
        for formula in soup.find_all("math"):
            n_formulas += 1
            assert "\\" not in formula.get_text(), (page, formula.get_text())
        for code in soup.select("article :is(pre, code, style)"):
            code.extract()
        assert "$" not in soup.select_one("article").get_text(), page
    assert n_formulas > 20


def test_a_reader_searches_and_prefers_it_dark(address, page):
    page.goto(f"{address}/index.html")
    page.get_by_placeholder("Search").fill("denoising")
    page.keyboard.press("Enter")
    found = page.locator("#search-results").get_by_role("link", name="03 · What an autoencoder is")
    found.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("03 · What an autoencoder is")

    colour = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    page.locator(".theme-toggle:visible").click()
    expect(page.locator("body")).to_have_attribute("data-theme", "dark")
    page.reload()
    assert page.evaluate(colour) == "rgb(19, 20, 22)"


def test_an_answer_opens_on_click_and_formulas_are_seen(address, page):
    page.goto(f"{address}/notebooks/{SERIES[3].stem}.html")
    folded = page.locator("details").first
    answer = folded.locator("p").first
    expect(answer).to_be_hidden()
    folded.locator("summary").click()
    expect(answer).to_be_visible()
    fraction = page.locator(".formula mfrac").first.bounding_box()
    assert fraction["height"] > 20


@pytest.mark.parametrize("width", [390, 1400])
def test_no_page_is_wider_than_the_screen_or_asks_another_host(site, pages, address, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    for path in pages:
        page.goto(f"{address}/{path.relative_to(site).as_posix()}")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path
