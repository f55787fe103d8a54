"""One film, many spellings of its title: what search and import compare."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

ARTICLES = frozenset(
    "the a an le la les l un une der die das ein eine el los las lo il gli i o os as".split()
)
NO_ACCENTS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"}
)
ROMAN = "ii iii iv v vi vii viii ix x xi xii xiii".split()
SAID = "one two three four five six seven eight nine ten eleven twelve thirteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
NUMERALS = (
    {word: str(n) for n, word in enumerate(ROMAN, start=2)}
    | {word: str(n) for n, word in enumerate(SAID, start=1)}
    | {word: str(10 * n) for n, word in enumerate(TENS, start=2)}
)
_YEAR = re.compile(r"\s*\(\d{4}\)\s*$")
_BRACKETS = re.compile(r"(?<=\s)\(([^()]{3,})\)")
_AKA = re.compile(r"\s*\ba\.?k\.?a\.?\b:?\s*", re.IGNORECASE)
_LAST_ARTICLE = re.compile(r"^(.*),\s*([^\W\d]{1,3})(?:'|’)?$")
_PARTS = re.compile(r":\s+|\s+[-–—]\s+")
_OWNED = re.compile(r"^[^:]+\s[^:\s]+(?:['’]s|s['’])\s+(.+)$")
_BRITISH = re.compile(r"(?<=arm|col|fav|hon|hum|lab|rum|vap)our|(?<=flav|harb)our|(?<=neighb)our")
_FRACTION = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")


@lru_cache(maxsize=200_000)
def plain(text: str) -> str:
    """Words without case, accents and punctuation: 'Amélie & I!' -> 'amelie and i'."""
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", _FRACTION.sub(" ", text))
        text = "".join(c for c in text if not unicodedata.combining(c)).translate(NO_ACCENTS)
    text = re.sub(r"['’`´]", "", text).replace("&", " and ")
    return " ".join(re.findall(r"\w+", text))


def without_article(words: str) -> str:
    """Plain words without a first article, unless nothing else is there."""
    first, _, rest = words.partition(" ")
    return rest if rest and first in ARTICLES else words


def with_digits(words: str) -> str:
    """Plain words with numbers as digits: 'rocky iv' -> 'rocky 4', 'twelve monkeys' -> '12 …'.

    A single letter in front is none: 'v for vendetta', 'x men'.
    """
    first, *rest = words.split() or [""]
    if NUMERALS.keys().isdisjoint((first, *rest)):
        return " ".join((first, *rest))
    rest = [NUMERALS.get(word, word) for word in rest]
    return " ".join([NUMERALS.get(first, first) if len(first) > 1 else first, *rest])


def key(words: str) -> str:
    """What two spellings of a name have in common: no article, numbers as digits, no gaps.

    American ones, too: 'three colours red' -> '3colorsred'.
    """
    words = _BRITISH.sub("or", words) if "our" in words else words
    return with_digits(without_article(words)).replace(" ", "")


def names(title: str) -> list[str]:
    """Every name in a title, plain, its article in front, the main one first.

    'Crimson Rivers, The (Rivières pourpres, Les) (2000)' -> ['the crimson rivers', 'les rivieres
    pourpres']. Alternative names stand in brackets, some after 'a.k.a.'.
    """
    title = _YEAR.sub("", title)
    found = [_BRACKETS.sub(" ", title), *_BRACKETS.findall(title)]
    found = [part for name in found for part in _AKA.split(name)]
    forms = [plain(_article_first(name.strip())) for name in found]
    return [form for form in dict.fromkeys(forms) if form] or [plain(title)]


def parts(title: str) -> list[str]:
    """What stands before and after a colon or a dash of a title, or after a name of two words
    in the genitive, plain.

    'Star Wars: Episode IV - A New Hope' -> ['star wars', 'episode iv', 'a new hope'];
    "Lee Daniels' The Butler" -> ['the butler'].
    """
    whole = _BRACKETS.sub(" ", _YEAR.sub("", title))
    found = _PARTS.split(whole)
    found = (found if len(found) > 1 else []) + [name[1] for name in _OWNED.finditer(whole)]
    return [plain(_article_first(part.strip())) for part in found]


def _article_first(name: str) -> str:
    """'Usual Suspects, The' -> 'The Usual Suspects'."""
    found = _LAST_ARTICLE.match(name)
    if found and plain(found[2]) in ARTICLES:
        return f"{found[2]} {found[1]}"
    return name
