"""Make what a teacher prints, projects and grades, in build/class: make class

    slides.html      the class with speaker notes: arrows turn, N shows the notes; prints one a page
    sheet.html       one page for students: the table, room for guesses, the objectives
    assignment.html  what the room's ratings are good for, and what earns the 20 points
    quiz.html        forty questions as a page; quiz.gift: the same for Moodle
    diapositivas.html, hoja.html   slides and sheet in Spanish
    clear/           the lessons without what their cells print, so that a guess comes first

Everything stands in these files: pictures are in them, and nothing is asked of another host.
"""

import base64
import random
import re
from html import escape
from pathlib import Path

import mistune
import nbformat

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent
TARGET = NOTEBOOKS.parent / "build" / "class"
PAGE = (HERE / "page.html").read_text(encoding="utf-8")
markdown = mistune.create_markdown(escape=False, plugins=["table"])


def page(title: str, body: str, kind: str, language: str = "en") -> str:
    """A whole page; kind: 'slides', 'sheet' or 'quiz', which page.html lays out."""
    body = re.sub(r'src="([^":]+)"', lambda found: f'src="{embedded(found[1])}"', body)
    made = PAGE.replace("{language}", language).replace("{title}", escape(title))
    return made.replace("{kind}", kind).replace("{body}", body)


def source(name: str) -> str:
    """The text of a file in notebooks/."""
    return (NOTEBOOKS / name).read_text(encoding="utf-8")


def embedded(path: str) -> str:
    """A picture beside the sources, as a data URI."""
    image = base64.b64encode((HERE / path).read_bytes()).decode()
    return f"data:image/png;base64,{image}"


def slides(text: str) -> str:
    """Sections of the slides, which a line of --- parts; what follows ??? are notes."""
    sections = []
    for slide in re.split(r"^---$", text, flags=re.MULTILINE):
        shown, _, notes = slide.partition("\n???\n")
        sections.append(f"<section>{markdown(shown)}<aside>{markdown(notes)}</aside></section>")
    return "\n".join(sections)


Question = tuple[str, str, list[tuple[bool, str, str]]]  # number, text, (right, answer, why)


def questions(text: str) -> list[Question]:
    """The questions of quiz.md, each with its answers in a fixed random order."""
    found = []
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        number, _, asked = part.splitlines()[0].partition(" ")
        answers = [
            (mark == "x", answer.strip(), why.strip())
            for mark, answer, why in re.findall(r"^- \[(.)\] (.*) \| (.*)$", part, re.MULTILINE)
        ]
        if len(answers) != 4 or sum(right for right, *_ in answers) != 1:
            raise ValueError(f"{number}: expected four answers, one of them right")
        random.Random(number).shuffle(answers)
        found.append((number, asked, answers))
    return found


def gift(found: list[Question]) -> str:
    """The questions in GIFT, Moodle's format of text."""

    def safe(text: str) -> str:
        return re.sub(r"([~=#{}:\\])", r"\\\1", text)

    lines = []
    for number, asked, answers in found:
        lines.append(f"::{number}::{safe(asked)} {{")
        lines += [f"  {'=' if right else '~'}{safe(a)}#{safe(why)}" for right, a, why in answers]
        lines += ["}", ""]
    return "\n".join(lines)


def quiz(found: list[Question]) -> str:
    """The questions as a page, the answers folded in."""
    parts = ["<h1>Forty questions</h1>"]
    for number, asked, answers in found:
        listed = "".join(f"<li>{escape(answer)}</li>" for _, answer, _ in answers)
        told = "".join(
            f"<li>{'<b>right</b>' if right else 'wrong'}: {escape(why)}</li>"
            for right, _, why in answers
        )
        parts.append(
            f"<article><h2>{number} {escape(asked)}</h2><ol>{listed}</ol>"
            f"<details><summary>Answers</summary><ol>{told}</ol></details></article>"
        )
    return "\n".join(parts)


def clear(path: Path) -> str:
    """A notebook without what its cells print."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        else:  # one folder further down than the originals
            cell.source = re.sub(r"\]\((?!https?:|#)", "](../../../notebooks/", cell.source)
    return nbformat.writes(notebook) + "\n"


def main(target: Path = TARGET) -> None:
    (target / "clear").mkdir(parents=True, exist_ok=True)
    found = questions(source("class/quiz.md"))
    made = {
        "slides.html": page("One class of 90 minutes", slides(source("class/slides.md")), "slides"),
        "sheet.html": page("Sheet for students", markdown(source("class/sheet.md")), "sheet"),
        "assignment.html": page("Assignment", markdown(source("class/assignment.md")), "sheet"),
        "quiz.html": page("Forty questions", quiz(found), "quiz"),
        "quiz.gift": gift(found),
        "diapositivas.html": page(
            "Una clase de 90 minutos", slides(source("es/diapositivas.md")), "slides", "es"
        ),
        "hoja.html": page("Hoja para la clase", markdown(source("es/hoja.md")), "sheet", "es"),
    }
    made |= {f"clear/{path.name}": clear(path) for path in NOTEBOOKS.glob("[0-9]*.ipynb")}
    for name, text in made.items():
        (target / name).write_text(text, encoding="utf-8")
    print(f"{len(made)} files in {target}")


if __name__ == "__main__":
    main()
