"""Ratings made elsewhere become a profile: which film of the data set is which, and what is left.

Nothing is guessed: a film that could be several is told and not taken, as is one that is not found.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from saelib.data.links import at_hand, links
from saelib.data.releases import LAST_YEAR, read_films
from saelib.data.scale import Scale
from saelib.errors import ProfileError
from saelib.language import _, ngettext
from saelib.recommend.catalogue import Catalogue
from saelib.recommend.exports import Export, Row, read_export, unpacked
from saelib.recommend.matching import BY_NUMBER, SURE, Matcher
from saelib.recommend.profile import Profile


def convert(stars: float, told: Scale, wanted: Scale) -> float:
    """Stars of one scale on another: as great a part of the highest, at the nearest level.

    Halfway between two levels, the higher one; at least the lowest. IMDb's 10, 7 and 1 are 5, 3½
    and ½ in half stars, and 5, 4 and 1 in whole stars. A scale below 0 begins there.
    """

    def zero(scale: Scale) -> float:
        return min(scale.lowest, 0.0)

    part = (stars - zero(told)) / (told.highest - zero(told))
    value = zero(wanted) + part * (wanted.highest - zero(wanted))
    steps = np.floor((value - wanted.lowest) / wanted.step + 0.5 + 1e-9)
    return float(wanted.clip(wanted.lowest + wanted.step * steps))


def rule(told: Scale, wanted: Scale) -> str:
    """`convert` in words."""
    if told == wanted:
        return _("Stars are taken as they are, {scale}.").format(scale=told)
    example = _("{stars:g} is {converted:g}")
    examples = [
        example.format(stars=x, converted=convert(x, told, wanted))
        for x in told.levels[[-1, -4, 0]]
    ]
    return _(
        "Stars {scale} become {wanted}: the same part of the highest, rounded, a half up; "
        "{examples}."
    ).format(scale=told, wanted=wanted, examples=", ".join(examples))


def way(how: str) -> str:
    """How `Matcher` has found a film, in words."""
    return {
        "title and year": _("title and year"),
        "title, one year apart": _("title, one year apart"),
        "title, no year": _("title, no year"),
        "a part of the title, and year": _("a part of the title, and year"),
    }.get(how, how)


@dataclass
class Imported:
    """A profile made of exports, and what became of each line of them.

    of_elsewhere: whether it is one; False for a profile as it was saved.
    matched: (film of the file, film of the data set, how). not_found: (film, a hint or '').
    ambiguous: (film, those that it could be). refused: lines that cannot be used, and why. notes:
    the rules that were applied. better: which release has more of these films, in a sentence.
    """

    profile: Profile
    dataset: str
    of_elsewhere: bool = True
    matched: list[tuple[str, str, str]] = field(default_factory=list)
    not_found: list[tuple[str, str]] = field(default_factory=list)
    ambiguous: list[tuple[str, list[str]]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    better: str = ""

    def summary(self) -> str:
        """In one line: how much was taken."""
        unknown, unsure, refused = len(self.not_found), len(self.ambiguous), len(self.refused)
        left = (
            (unknown, ngettext("{n} not in {dataset}", "{n} not in {dataset}", unknown)),
            (unsure, ngettext("{n} ambiguous", "{n} ambiguous", unsure)),
            (refused, ngettext("{n} unusable", "{n} unusable", refused)),
        )
        rest = ", ".join(words.format(n=n, dataset=self.dataset) for n, words in left if n)
        rated, seen = len(self.profile.ratings), len(self.profile.seen)
        taken = ngettext(
            "{n} film with stars and {seen} seen taken",
            "{n} films with stars and {seen} seen taken",
            rated,
        ).format(n=rated, seen=seen)
        if rest:
            return _("{taken}; {rest}.").format(taken=taken, rest=rest)
        return _("{taken}, all there were.").format(taken=taken)

    def report(self, most: int | None = 20) -> str:
        """All of it in lines. most: how many films of each kind are listed; None: all."""
        ways = Counter(how for _, _, how in self.matched)
        lines = [self.summary(), *self.notes]
        by = _("{n:6} found by {way}")
        lines += [by.format(n=n, way=way(how)) for how, n in ways.most_common()]
        listed = [
            (
                _("Found under another name or year; are these the same: {n}"),
                [f"{a} → {b}" for a, b, how in self.matched if how not in SURE],
            ),
            (
                _("Could be several, so not taken: {n}"),
                [f"{film}: {'; '.join(could)}" for film, could in self.ambiguous],
            ),
            (_("Not taken: {n}"), self.refused),
            (
                _("Not in {dataset}: {n}"),
                [f"{film}{f' ({hint})' if hint else ''}" for film, hint in self.not_found],
            ),
        ]
        for heading, films in listed:
            if films:
                shown = films[:most]
                heading = heading.format(n=len(films), dataset=self.dataset)
                lines += ["", heading, *(f"  {film}" for film in shown)]
                if more := len(films) - len(shown):
                    rest = ngettext("… and {n} more", "… and {n} more", more)
                    lines.append(f"  {rest.format(n=more)}")
        return "\n".join(lines + (["", self.better] if self.better else []))


def import_files(
    files: Collection[tuple[str, bytes]],
    catalogue: Catalogue,
    scale: Scale,
    *,
    own_scale: Scale | None = None,
    compare: bool = False,
) -> Imported:
    """Exports of one person as one profile. files: (name, content); several, as Letterboxd's two.

    catalogue, scale: of the data set that the profile is for. own_scale: of a list that says
    nothing of it, see `read_export`. compare: also find out which release would match more.
    A film several times: the stars of the latest date; where no dates tell, and the stars differ,
    none of them, and the film counts as seen. Raises ProfileError.
    """
    parts = [part for name, content in files for part in unpacked(content, name)]
    exports = [read_export(content, name, own_scale) for name, content in parts]
    imported = Imported(Profile(dataset=catalogue.dataset), catalogue.dataset)
    matcher = Matcher(catalogue.films, catalogue.dataset, links(catalogue.dataset))
    told: dict[int, list[tuple[Row, float | None]]] = defaultdict(list)
    for export in exports:
        where = f"{export.source}, " if len(exports) > 1 else ""
        imported.refused += [f"{where}{line}" for line in export.refused]
        n = len(export.rows)
        read = ngettext("{file}: {kind}, {n} films.", "{file}: {kind}, {n} films.", n)
        kind = _("own list") if export.format == "own list" else export.format
        imported.notes.append(read.format(file=export.source, kind=kind, n=n))
        imported.notes += export.notes
        if any(row.stars is not None for row in export.rows):
            imported.notes.append(rule(export.scale, scale))
        _match(export, matcher, catalogue, imported, told, partial(convert, wanted=scale))
    # Two files may name the same film, as Letterboxd's do.
    imported.matched = list({entry[0]: entry for entry in imported.matched}.values())
    imported.not_found = list(dict(imported.not_found).items())
    imported.ambiguous = list(dict(imported.ambiguous).items())
    imported.notes = list(dict.fromkeys(imported.notes))
    for position, rows in told.items():
        stars = _latest(catalogue.labels[position], rows, imported.notes)
        if stars is None:
            imported.profile.seen.append(catalogue.name(position))
        else:
            imported.profile.ratings[catalogue.name(position)] = _whole(stars)
    if compare:
        imported.better = _better([row for e in exports for row in e.rows], imported)
    return imported


def _match(export: Export, matcher: Matcher, catalogue: Catalogue, imported, told, on) -> None:
    """Find each film of an export, and add to `imported` and `told` what came of it."""
    n_others = 0
    for row in export.rows:
        found = matcher.find(row)
        labels = [catalogue.labels[i] for i in found.options]
        if found.position is not None and (row.is_film or found.how in BY_NUMBER):
            imported.matched.append((str(row), catalogue.labels[found.position], found.how))
            stars = None if row.stars is None else on(row.stars, export.scale)
            told[found.position].append((row, stars))
        elif not row.is_film:
            n_others += 1
        elif found.how == "several":
            imported.ambiguous.append((str(row), labels))
        else:
            hint = _("there: {films}").format(films="; ".join(labels)) if labels else ""
            imported.not_found.append((str(row), hint))
    if n_others:
        others = _("No films, so left out: {n} (series, episodes, games).").format(n=n_others)
        imported.notes.append(others)


def _latest(name: str, rows: list[tuple[Row, float | None]], notes: list[str]) -> float | None:
    """The stars that count where a film stands several times; None: only seen."""
    rated = [(row.date, stars) for row, stars in rows if stars is not None]
    if len({stars for _, stars in rated}) <= 1:
        return rated[0][1] if rated else None
    latest = max(date for date, _ in rated)
    last = {stars for date, stars in rated if date == latest}
    given = ", ".join(f"{stars:g}" for _, stars in rated)
    if latest and len(last) == 1:
        counts = _("{film} stands there with {given} stars: the latest, {stars:g}, count.")
        notes.append(counts.format(film=name, given=given, stars=max(last)))
        return last.pop()
    seen = _("{film} stands there with {given} stars: it counts as seen, without stars.")
    notes.append(seen.format(film=name, given=given))
    return None


def _better(rows: list[Row], imported: Imported) -> str:
    """Which release would match more: counted where its films are on disk, else by the years."""
    here = len(imported.matched)
    rows = list({str(row): row for row in rows if row.is_film}.values())
    counts = {}
    for name in at_hand():
        if name != imported.dataset and (films := read_films(name)) is not None:
            matcher = Matcher(films, name, links(name))
            counts[name] = sum(matcher.find(row).position is not None for row in rows)
    better = sorted((n, name) for name, n in counts.items() if n > here)
    if better:
        n, name = better[-1]
        return _("{other}, at hand, has {n} of these {films} films; {dataset} has {here}.").format(
            other=name, n=n, films=len(rows), dataset=imported.dataset, here=here
        )
    last = LAST_YEAR.get(imported.dataset)
    if last is None:
        return ""
    n_later = sum((row.year or 0) > last for row in rows)
    later = [name for name, year in LAST_YEAR.items() if year > last and name not in counts]
    if not n_later or not later:
        return ""
    return ngettext(
        "{n} of the films are of {year} or later, after {dataset} ends; {other} reaches to {last}.",
        "{n} of the films are of {year} or later, after {dataset} ends; {other} reaches to {last}.",
        n_later,
    ).format(
        n=n_later,
        year=last + 1,
        dataset=imported.dataset,
        other=later[-1],
        last=LAST_YEAR[later[-1]],
    )


def _whole(stars: float) -> float:
    return int(stars) if stars == int(stars) else stars


def read_profile(
    content: bytes, name: str, catalogue: Catalogue, scale: Scale, *, compare: bool = False
) -> Imported:
    """A file that somebody loads: a profile as JSON, or an export. Raises ProfileError.

    compare: see `import_files`.
    """
    if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return Imported(Profile.from_json(content, name), catalogue.dataset, of_elsewhere=False)
    if not content.strip():
        raise ProfileError(
            _("{file} is empty; expected a profile, or an export as a CSV file.").format(file=name)
        )
    return import_files([(name, content)], catalogue, scale, compare=compare)
