"""The series as a static site: python notebooks/book/make_book.py [FOLDER]

No notebook is executed: the site shows the outputs that are stored. Pages, and the files that they
link to, are gathered in FOLDER/source, and Sphinx makes FOLDER/html of them, as conf.py says.
FOLDER is build/book where it is not given.
"""

import ast
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
from sphinx.cmd.build import main as sphinx_build

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PAGES = [
    "CONTRIBUTING.md",
    "data/README.md",
    "models/README.md",
    "notebooks/README.md",
    "notebooks/glossary.md",
    "notebooks/class/assignment.md",
    "notebooks/es/guia.md",
    "notebooks/es/hoja.md",
    "notebooks/es/glosario.md",
]
NOTEBOOKS = [
    "[0-9]*.ipynb",
    "one_class.ipynb",
    "exercises/*.ipynb",
    "solutions/*.ipynb",
    "es/*.ipynb",
]
WIDGET = "A control that needs a running kernel: open this notebook with <code>make lab</code>."

CONTENTS = """
```{toctree}
:caption: The series
:hidden:
:glob:

notebooks/[0-9]*
```

```{toctree}
:caption: To practise and to teach
:hidden:

notebooks/exercises/index
notebooks/solutions/index
notebooks/one_class
notebooks/README
notebooks/class/assignment
notebooks/glossary
```

```{toctree}
:caption: En español
:hidden:

notebooks/es/una_clase
notebooks/es/guia
notebooks/es/hoja
notebooks/es/glosario
```

```{toctree}
:caption: The package
:hidden:

models/README
data/README
saelib/index
CONTRIBUTING
```
"""
BELOW = """
```{toctree}
:glob:
:titlesonly:

%s
```
"""


def main(out: Path) -> int:
    """Make the site in out/html; the exit status is 1 if there was any warning."""
    source, html = out / "source", out / "html"
    for made_before in (source, html):
        shutil.rmtree(made_before, ignore_errors=True)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    write(source / "index.md", linked(ROOT / "README.md", readme, source) + CONTENTS)
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        write(source / page, linked(ROOT / page, text, source))
    for path in (path for names in NOTEBOOKS for path in (ROOT / "notebooks").glob(names)):
        write(source / path.relative_to(ROOT), nbformat.writes(notebook(path, source)))
    for name in ("exercises", "solutions"):
        folder = source / "notebooks" / name
        write(folder / "index.md", f"# {name.capitalize()}\n" + BELOW % "*")
    for folder in [ROOT / "saelib", *sorted((ROOT / "saelib").glob("*/"))]:
        if list(folder.glob("*.py")):
            write(source / folder.relative_to(ROOT) / "index.md", code_of(folder))
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--jobs", "auto"]
    status = sphinx_build([*options, "-c", str(HERE), str(source), str(html)])
    print(f"The first page is {html / 'index.html'}")
    return status


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def linked(page: Path, text: str, source: Path) -> str:
    """The Markdown `text` of `page`, with links to folders turned into links to their pages.

    Linked files that are no pages, pictures for instance, are copied beside the pages.
    """

    def follow(link: re.Match) -> str:
        target = (page.parent / link[1]).resolve()
        if target == ROOT / "README.md":  # the first page of the site
            return f"]({Path(os.path.relpath(ROOT, page.parent), 'index.md').as_posix()})"
        if target.is_dir():
            return f"]({link[1]}/index.md)"
        if target.is_file() and target.suffix not in (".md", ".ipynb"):
            copy = source / target.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target, copy)
        return link[0]

    return re.sub(r"\]\((?!\w+:)([^)#]+)\)", follow, text)


def notebook(path: Path, source: Path) -> nbformat.NotebookNode:
    """A notebook for the site: pictures say what they show, a widget says what it needs."""
    made = nbformat.read(path, as_version=4)
    made.metadata.pop("widgets", None)
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = linked(path, cell.source, source)
        for output in cell.get("outputs", []):
            if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
                output.data = {"text/html": f'<p class="widget">{WIDGET}</p>'}
            elif alt := output.get("metadata", {}).get("image/png", {}).get("alt"):
                cell.metadata["mystnb"] = {"image": {"alt": alt}}
    return made


def code_of(folder: Path) -> str:
    """A page with the modules of a folder of the package."""
    parts = [f"# {folder.relative_to(ROOT)}\n"]
    if list(folder.glob("*/*.py")):
        parts.append(BELOW % "*/index")
    for path in sorted(folder.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if ast.parse(text).body:
            parts.append(f"## `{path.name}`\n\n````python\n{text.strip()}\n````\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main(Path(*sys.argv[1:] or [ROOT / "build" / "book"])))
