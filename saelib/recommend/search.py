"""One film, many spellings of its title: what search and import compare."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

ARTICLES = frozenset(
    "the a an le la les l un une der die das ein eine el los las lo il gli i o os as".split()
)
LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})
ROMAN = "ii iii iv v vi vii viii ix x xi xii xiii".split()
SAID = "one two three four five six seven eight nine ten eleven twelve".split()
DIGITS = {word: str(n) for n, word in [*enumerate(ROMAN, 2), *enumerate(SAID, 1)]}
YEAR = re.compile(r"\s*\(\d{4}\)\s*$")
BRACKETS = re.compile(r"(?<=\s)\(([^()]{3,})\)")
AKA = re.compile(r"\s*\ba\.?k\.?a\.?\b:?\s*", re.IGNORECASE)
LAST_ARTICLE = re.compile(r"^(.*),\s*([^\W\d]{1,3})['’]?$")
PARTS = re.compile(r":\s+|\s+[-–—]\s+")


@lru_cache(maxsize=100_000)
def plain(text: str) -> str:
    """Words without case, accents and punctuation: 'Amélie & I!' becomes 'amelie and i'."""
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).translate(LETTERS)
        text = "".join(c for c in text if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", re.sub(r"['’`´]", "", text).replace("&", " and ")))


def key(words: str) -> str:
    """What two spellings have in common: no first article, numbers as digits, no gaps."""
    first, *rest = words.split() or [""]
    if rest and first in ARTICLES:
        first, *rest = rest
    first = DIGITS.get(first, first) if len(first) > 1 else first  # 'v for vendetta' has no 5
    return "".join([first, *(DIGITS.get(word, word) for word in rest)])


def names(title: str) -> list[str]:
    """Every name in a title, plain, its article in front, the main one first.

    'Crimson Rivers, The (Rivières pourpres, Les)' has 'the crimson rivers' and 'les rivieres
    pourpres'. Other names stand in brackets, some after 'a.k.a.'.
    """
    title = YEAR.sub("", title)
    found = [BRACKETS.sub(" ", title), *BRACKETS.findall(title)]
    forms = [_article_first(part) for name in found for part in AKA.split(name)]
    return [form for form in dict.fromkeys(forms) if form] or [plain(title)]


def parts(title: str) -> list[str]:
    """What a colon or a dash parts, plain: 'Star Wars: Episode IV' gives 'star wars', …"""
    found = PARTS.split(BRACKETS.sub(" ", YEAR.sub("", title)))
    return [_article_first(part) for part in found] if len(found) > 1 else []


def _article_first(name: str) -> str:
    found = LAST_ARTICLE.match(name.strip())
    is_article = found and plain(found[2]) in ARTICLES
    return plain(f"{found[2]} {found[1]}" if found and is_article else name)
