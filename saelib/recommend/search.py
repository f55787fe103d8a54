"""Find a film by what somebody types: parts of words, numbers either way, typing errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from saelib.recommend.titles import ARTICLES, NUMERALS, key, names, plain, with_digits

ENOUGH = 0.62  # of the letters of a search must be right, where words are misspelled or foreign


def errors_allowed(word: str) -> int:
    """How many letters may be wrong, missing, too many or swapped with the next."""
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


class TitleSearch:
    """All titles, taken apart once."""

    def __init__(self, titles: Sequence[str], labels: Sequence[str], n_ratings: np.ndarray):
        """titles, labels: as of `Catalogue`. n_ratings: (n_items,), to sort films alike."""
        self._labels, self._n_ratings = labels, n_ratings
        self._names = [[*names(title), plain(title)] for title in titles]
        self._keys = [[key(name) for name in of_film] for of_film in self._names]
        self._with: dict[str, set[int]] = defaultdict(set)  # word -> films
        for position, label in enumerate(labels):
            for name in (plain(label), *self._names[position]):
                for word in {*name.split(), *with_digits(name).split()}:
                    self._with[word].add(position)
        self._words = list(self._with)

    def find(self, text: str) -> list[int]:
        """Positions of all films that fit, the best first; of several with one label, one.

        Best is a title typed in full, then one that begins so, then one that has the words in this
        order, then in any, then words that begin so; where there is none, words that are spelled
        nearly so. Among equals, the most rated. Case, accents, punctuation, first articles and how
        numbers are written do not matter.
        """
        typed = plain(text)
        words = [word for word in typed.split() if word not in ARTICLES] or typed.split()
        if not words:
            return []
        whole = set.intersection(*(self._exactly(word) for word in words))
        begun = set.intersection(*(self._beginning(word) for word in words))
        joined = {i for i, keys in enumerate(self._keys) if any(map(_begins(key(typed)), keys))}
        rank = {i: 5.0 for i in begun}
        rank |= {i: 4.0 for i in whole}
        for i in begun | whole | joined:
            rank[i] = min(rank.get(i, 5.0), self._in_order(typed, i))
        found = rank or self._misspelled(words)
        order = sorted(found, key=lambda i: (found[i], -self._n_ratings[i], i))
        return list({self._labels[i]: i for i in reversed(order)}.values())[::-1]

    def _in_order(self, typed: str, position: int) -> float:
        if typed in self._names[position] or typed == plain(self._labels[position]):
            return 0
        wanted, keys = key(typed), self._keys[position]
        if wanted in keys:
            return 1
        if any(map(_begins(wanted), keys)):
            return 2
        return 3 if any(f" {typed} " in f" {name} " for name in self._names[position]) else 5

    def _exactly(self, word: str) -> set[int]:
        digits = NUMERALS.get(word, word) if len(word) > 1 else word
        return self._with.get(word, set()) | self._with.get(digits, set())

    def _beginning(self, word: str) -> set[int]:
        return self._exactly(word).union(
            *(self._with[w] for w in self._words if w.startswith(word))
        )

    def _misspelled(self, words: list[str]) -> dict[int, float]:
        """Films with nearly these words -> how far they are from them, counted on from 6.

        Distance: optimal string alignment, also to the beginnings of words. Lesser the better.
        """
        likeness: dict[int, float] = defaultdict(float)
        for word in words:
            best: dict[int, float] = defaultdict(float)
            near = [(w, 1.0) for w in self._words if w.startswith(word)] + self._near(word)
            for other, alike in near:
                for position in self._with[other]:
                    best[position] = max(best[position], alike)
            for position, alike in best.items():
                likeness[position] += alike * len(word) / sum(map(len, words))
        return {i: 7 - round(alike, 6) for i, alike in likeness.items() if alike >= ENOUGH}

    def _near(self, word: str) -> list[tuple[str, float]]:
        """Words spelled nearly so, or beginning nearly so, and how alike they are, below 1."""
        most = errors_allowed(word)
        if not most:
            return []
        near = []
        begun = [w[: len(word)] for w in self._words] if len(word) > 4 else []
        for words, worth in ((self._words, 1.0), (begun, 0.9)):
            found = process.extract(word, words, scorer=OSA.distance, score_cutoff=most, limit=None)
            near += [(self._words[i], worth * (1 - 0.1 * apart)) for _, apart, i in found]
        return near


def _begins(wanted: str):
    return lambda name: name.startswith(wanted)
