"""The texts that people read, collected from the code, and their translations.

python tests/texts.py      brings each saelib.po in saelib/locale/ up to date, compiles it, and says
                           what is left to translate
"""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from saelib.language import FOLDER

PACKAGE = Path(__file__).resolve().parent.parent / "saelib"
METHODS = [("**.py", "python"), ("**.html", "jinja2"), ("**.j2", "jinja2")]
KEYWORDS = {"_": None, "later": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}


class Texts(Catalog):
    """A catalogue whose header holds no date and no name."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        plural = f"nplurals={self.num_plurals}; plural={self.plural_expr};"
        return [
            ("Language", str(self.locale_identifier)),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Plural-Forms", plural),
        ]


def of_code(language: str) -> Texts:
    """All texts of the code, not translated."""
    texts = Texts(language, fuzzy=False, header_comment=f"# What people read, in {language!r}.")
    for file, _, ids, _, context in extract_from_dir(
        PACKAGE, METHODS, keywords=KEYWORDS, comment_tags=()
    ):
        texts.add(ids, locations=[(file, 0)], context=context)
    return texts


def po(language: str) -> Path:
    """The file with the translations."""
    return FOLDER / language / "LC_MESSAGES" / "saelib.po"


def translated(language: str) -> Catalog:
    """The translations as they stand in the file; none where there is no file yet."""
    if not po(language).exists():
        return Catalog(language)
    with po(language).open("rb") as file:
        return read_po(file, language)


def up_to_date(language: str) -> Texts:
    """The texts of the code with the translations that the file has of them."""
    texts, known = of_code(language), translated(language)
    for message in texts:
        before = known.get(message.id, message.context) if message.id else None
        if before is not None and type(before.id) is type(message.id):
            message.string = before.string
    return texts


def written(texts: Texts) -> bytes:
    """The file with the translations, as it shall be."""
    file = io.BytesIO()
    write_po(file, texts, width=100, include_lineno=False, sort_by_file=True)
    return file.getvalue()


def compiled(texts: Texts) -> bytes:
    """What gettext reads."""
    file = io.BytesIO()
    write_mo(file, texts)
    return file.getvalue()


def untranslated(texts: Catalog) -> list[str]:
    """The texts without a translation, or without one of each plural."""
    missing = []
    for message in texts:
        strings = message.string if message.pluralizable else (message.string,)
        if message.id and not all(strings):
            missing.append(str(message.id))
    return missing


if __name__ == "__main__":
    for folder in sorted(FOLDER.iterdir()):
        po(folder.name).parent.mkdir(exist_ok=True)
        texts = up_to_date(folder.name)
        missing = untranslated(texts)
        po(folder.name).write_bytes(written(texts))
        po(folder.name).with_suffix(".mo").write_bytes(compiled(texts))
        print(
            f"{folder.name}: {len(texts)} texts, not translated: {len(missing)}", *missing, sep="\n"
        )
