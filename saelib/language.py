"""The language in which somebody is spoken to: English, or one that saelib/locale/ has texts of.

`_("Undo")` is the text as whoever reads it now shall see it, looked up when it is shown: a server
or a notebook speaks to several people, so the language is a context variable. The catalogues are
gettext's; tests/texts.py brings them up to date.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from saelib.errors import SaelibError

ENGLISH = "en"  # the language of the texts in the code
FOLDER = Path(__file__).with_name("locale")
LANGUAGES = (ENGLISH, *sorted(path.parts[-3] for path in FOLDER.glob("*/*/saelib.mo")))
# Stars have a decimal point in every language; so a comma would be mistaken for another one.
BETWEEN_THOUSANDS = {ENGLISH: ","}

_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


def current() -> str:
    """The language that is spoken now, such as 'es'."""
    return _spoken.get()


def speak(name: str) -> None:
    """Speak a language from now on, in this thread or task. Raises SaelibError for an unknown one.

    What was made before keeps its texts.
    """
    if name not in LANGUAGES:
        raise SaelibError(f"Unknown language {name!r}; choose one of {', '.join(LANGUAGES)}.")
    _spoken.set(name)


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Speak a language within a block. Raises SaelibError for an unknown one."""
    before = current()
    speak(name)
    try:
        yield
    finally:
        _spoken.set(before)


def _(text: str) -> str:
    """A text of the code, in the language that is spoken now."""
    return _texts(current()).gettext(text)


def later(text: str) -> str:
    """The text itself: it is one of the catalogue's, and `_` is asked where it is shown."""
    return text


def ngettext(one: str, several: str, n: int) -> str:
    """The text for this number of things."""
    return _texts(current()).ngettext(one, several, n)


def pgettext(context: str, text: str) -> str:
    """A text that means different things elsewhere."""
    return _texts(current()).pgettext(context, text)


def number(n: int) -> str:
    """A whole number, its thousands told apart: '1,682'."""
    return f"{n:,}".replace(",", BETWEEN_THOUSANDS.get(current(), "\N{NARROW NO-BREAK SPACE}"))


@cache
def _texts(name: str) -> gettext.NullTranslations:
    if name == ENGLISH:
        return gettext.NullTranslations()
    return gettext.translation("saelib", FOLDER, [name])
