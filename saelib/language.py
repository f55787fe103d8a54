"""The language in which somebody is spoken to: English, or one that saelib/locale/ has texts of."""

import gettext
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from saelib.errors import SaelibError

ENGLISH = "en"  # the language of the texts in the code
FOLDER = Path(__file__).with_name("locale")
LANGUAGES = (ENGLISH, *sorted(path.parts[-3] for path in FOLDER.glob("*/*/saelib.mo")))
TEXTS = {name: gettext.translation("saelib", FOLDER, [name], fallback=True) for name in LANGUAGES}
# A server speaks to several people at once, each of whom has a context of their own.
_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Speak a language within a block. Raises SaelibError for one that there is not."""
    if name not in LANGUAGES:
        raise SaelibError(f"Unknown language {name!r}; choose one of {', '.join(LANGUAGES)}.")
    before = _spoken.set(name)
    try:
        yield
    finally:
        _spoken.reset(before)


def _(text: str) -> str:
    """A text of the code, in the language that is spoken now."""
    return TEXTS[_spoken.get()].gettext(text)


def ngettext(one: str, several: str, n: int) -> str:
    """The text for this number of things."""
    return TEXTS[_spoken.get()].ngettext(one, several, n)


def pgettext(context: str, text: str) -> str:
    """A text that means different things elsewhere."""
    return TEXTS[_spoken.get()].pgettext(context, text)
