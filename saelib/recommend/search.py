"""One film, many spellings of its title: found by what somebody types, or by its exact name."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from rapidfuzz import fuzz, process

ARTICLES = frozenset(
    "the a an le la les l un une der die das ein eine el los las lo il gli i o os as".split()
)
LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})
ROMAN = "ii iii iv v vi vii viii ix x xi xii xiii".split()
SAID = "one two three four five six seven eight nine ten eleven twelve".split()
DIGITS = {
    word: str(n) for words, first in ((ROMAN, 2), (SAID, 1)) for n, word in enumerate(words, first)
}
YEAR = re.compile(r"\s*\(\d{4}\)\s*$")
BRACKETS = re.compile(r"(?<=\s)\(([^()]{3,})\)")
AKA = re.compile(r"\s*\ba\.?k\.?a\.?\b:?\s*", re.IGNORECASE)
LAST_ARTICLE = re.compile(r"^(.*),\s*([^\W\d]{1,3})['’]?$")
PARTS = re.compile(r":\s+|\s+[-–—]\s+")
ALIKE = 75  # of 100: below this, what is typed is another title
BONUS = 20  # for a title that begins so, and again for one that is typed in full


@lru_cache(maxsize=100_000)
def plain(text: str) -> str:
    """Words without case, accents and punctuation: 'Amélie & I!' becomes 'amelie and i'."""
    text = unicodedata.normalize("NFKD", text.casefold()).translate(LETTERS)
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


class TitleSearch:
    """All titles of a catalogue, taken apart once.

    spelled, named, partly: positions of films by each name and label, plain; by the `key` of each
    name; by that of each part of a title.
    """

    def __init__(self, titles: Sequence[str], labels: Sequence[str], n_ratings: np.ndarray):
        """titles, labels: (n_items,), without and with the year. n_ratings: (n_items,)."""
        self._labels, self._n_ratings = labels, n_ratings
        self.spelled, self.named, self.partly = (defaultdict[str, list[int]](list) for _ in "123")
        for film, (title, label) in enumerate(zip(titles, labels)):
            for index, found in (
                (self.spelled, {*names(title), plain(title), plain(label)}),
                (self.named, {key(name) for name in names(title)}),
                (self.partly, {key(part) for part in parts(title)}),
            ):
                for name in found:
                    index[name].append(film)
        self._choices = list(self.spelled)

    def find(self, text: str, n: int = 20) -> list[int]:
        """Positions of at most n films, best first; of several with one label, the most rated.

        A title typed in full is best, then one that begins so, then whatever is spelled alike.
        """
        typed, best = plain(text[:100]), defaultdict[int, float](float)
        for name, alike, _row in process.extract(
            typed, self._choices, scorer=fuzz.WRatio, score_cutoff=ALIKE, limit=None
        ):
            alike += BONUS * name.startswith(typed) + BONUS * (name == typed)
            for film in self.spelled[name]:
                best[film] = max(best[film], alike)
        for film in self.named.get(key(typed), []):
            best[film] = max(best[film], 100 + 1.5 * BONUS)
        order = sorted(best, key=lambda film: (-round(best[film] / 4), -self._n_ratings[film]))
        return list({self._labels[film]: film for film in reversed(order)}.values())[::-1][:n]
