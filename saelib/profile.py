"""What a person told: stars by film, and who they are if they like; as JSON in a file."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path

import pandas as pd

from saelib.errors import ProfileError


@dataclass
class Profile:
    """What a person told: stars by film, films seen, and who they are if they like.

    ratings: film -> stars; a film is named by its movie_id ('50' or 50) or by its title, with or
    without the year ('Star Wars (1977)'). dataset: the release the movie_ids are of. seen: films
    that the person has seen, whether or not they gave stars; rated ones need not stand there.
    rejected: films that the person is not interested in; they are never recommended.
    """

    ratings: dict[str, float] = field(default_factory=dict)
    dataset: str | None = None
    gender: str | None = None
    age: float | None = None
    occupation: str | None = None
    seen: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)

    @classmethod
    def from_json(cls, text: str | bytes, source: str = "The profile") -> Profile:
        """Read `{"dataset": "ml-100k", "ratings": {"50": 5}, "seen": ["96"], "age": 30, …}`.

        Raises ProfileError: not JSON (bytes: in UTF-8), another shape, a film twice.
        """
        example = 'expected {"dataset": "ml-100k", "ratings": {"50": 5}, "age": 30}'
        try:
            text = text.decode() if isinstance(text, bytes) else text
            told = json.loads(text, object_pairs_hook=_without_repeats)
        except ProfileError as error:
            raise ProfileError(f"{source} is ambiguous: {error}") from None
        except (ValueError, RecursionError) as error:
            raise ProfileError(f"{source} is not JSON ({error}); {example}.") from error
        if not isinstance(told, dict) or not isinstance(told.get("ratings", {}), dict):
            raise ProfileError(f"{source} has another shape than a profile; {example}.")
        unknown = set(told) - {field.name for field in fields(cls)}
        if unknown:
            raise ProfileError(f"{source} has the unknown entry {sorted(unknown)[0]!r}; {example}.")
        for key in ("seen", "rejected"):
            films = told.get(key, [])
            if not isinstance(films, list) or not all(type(film) in (str, int) for film in films):
                raise ProfileError(f'{source} has another "{key}" than a list like ["50", "96"].')
        age = told.get("age")
        if age is not None and (isinstance(age, bool) or not isinstance(age, (int, float))):
            raise ProfileError(f"{source} has the age {age!r}; expected years as a number.")
        for key in ("dataset", "gender", "occupation"):
            if not isinstance(told.get(key), (str, type(None))):
                raise ProfileError(f"{source} has the {key} {told[key]!r}; expected text or null.")
        return cls(**{"ratings": {}} | told)

    @classmethod
    def load(cls, path: Path) -> Profile:
        """Read a profile file. Raises ProfileError, also where it cannot be read."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ProfileError(f"Cannot read the profile {path}: {error}.") from error
        return cls.from_json(text, str(path))

    def to_json(self) -> str:
        """The profile as JSON, as `from_json` reads it."""
        told = {"dataset": self.dataset, "ratings": self.ratings}
        told |= {key: getattr(self, key) for key in ("gender", "age", "occupation")}
        told |= {"seen": self.seen or None, "rejected": self.rejected or None}
        return json.dumps({k: v for k, v in told.items() if v is not None}, indent=2) + "\n"

    def save(self, path: Path) -> None:
        """Write the profile as JSON. Raises ProfileError where it cannot be written."""
        try:
            Path(path).write_text(self.to_json(), encoding="utf-8")
        except OSError as error:
            raise ProfileError(f"Cannot write the profile {path}: {error}.") from error


def _without_repeats(pairs: list[tuple[str, object]]) -> dict:
    counts = Counter(key for key, _ in pairs)
    for key, n in counts.items():
        if n > 1:
            raise ProfileError(f"{key!r} stands in it {n} times; each may stand once.")
    return dict(pairs)


def label(title: str, year: int | None) -> str:
    """How a film is shown: 'Fargo (1996)', or the title alone where the year is not known."""
    return title if pd.isna(year) else f"{title} ({year})"
