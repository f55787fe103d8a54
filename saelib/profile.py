"""What a person told: stars by film, and who they are if they like; as JSON in a file."""

from __future__ import annotations

import json
import reprlib
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path

import pandas as pd

from saelib.errors import ProfileError
from saelib.storage import write_whole

MAX_BYTES = 5_000_000  # sockets of Jupyter break at 10 MiB; all ratings of a person are far fewer
MAX_TEXT = 100  # characters of what is shown in a message


@dataclass
class Profile:
    """What a person told: stars by film, films seen, and who they are if they like.

    ratings: film -> stars; a film is named by its movie_id ('50' or 50) or by its title, with or
    without the year ('Star Wars (1977)'). A text that is the movie_id of one film and the title of
    another names neither: 'id:300' and '300 (2007)' do. dataset: the release the movie_ids are
    of. seen: films that the person has seen, whether or not they gave stars; rated ones need not
    stand there. rejected: films that the person is not interested in; they are never recommended.
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

        Raises ProfileError: not JSON (bytes: in UTF-8), another shape, a film twice, too long.
        """
        example = 'expected {"dataset": "ml-100k", "ratings": {"50": 5}, "age": 30}'
        if len(text) > MAX_BYTES:
            raise ProfileError(f"{source} is longer than {MAX_BYTES:,} bytes; {example}.")
        try:
            text = text.decode() if isinstance(text, bytes) else text
            # Some editors put a mark of three bytes before UTF-8.
            told = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_without_repeats)
        except ProfileError as error:
            raise ProfileError(f"{source} is ambiguous: {error}") from None
        except (ValueError, RecursionError) as error:
            raise ProfileError(f"{source} is not JSON ({error}); {example}.") from error
        if not isinstance(told, dict) or not isinstance(told.get("ratings", {}), dict):
            raise ProfileError(f"{source} has another shape than a profile; {example}.")
        unknown = set(told) - {field.name for field in fields(cls)}
        if unknown:
            raise ProfileError(f"{source} has the unknown entry {short(min(unknown))}; {example}.")
        for key in ("seen", "rejected"):
            films = told.get(key, [])
            if not isinstance(films, list) or not all(type(film) in (str, int) for film in films):
                raise ProfileError(f'{source} has another "{key}" than a list like ["50", "96"].')
        age = told.get("age")
        if age is not None and (isinstance(age, bool) or not isinstance(age, (int, float))):
            raise ProfileError(f"{source} has the age {short(age)}; expected years as a number.")
        for key in ("dataset", "gender", "occupation"):
            value = told.get(key)
            if value is not None and not (isinstance(value, str) and len(value) <= MAX_TEXT):
                raise ProfileError(
                    f"{source} has the {key} {short(value)}; expected a short text or null."
                )
        return cls(**{"ratings": {}} | told)

    @classmethod
    def load(cls, path: Path) -> Profile:
        """Read a profile file. Raises ProfileError, also where it cannot be read."""
        try:
            with open(path, "rb") as file:
                text = file.read(MAX_BYTES + 1).decode()
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
        """Write the profile as JSON, whole or not at all. Raises ProfileError."""
        try:
            write_whole(path, self.to_json().encode())
        except OSError as error:
            raise ProfileError(f"Cannot write the profile {path}: {error}.") from error


def _without_repeats(pairs: list[tuple[str, object]]) -> dict:
    counts = Counter(key for key, _ in pairs)
    for key, n in counts.items():
        if n > 1:
            raise ProfileError(f"{short(key)} stands in it {n} times; each may stand once.")
    return dict(pairs)


def short(value: object) -> str:
    """As `repr`, but no longer than fits in a message."""
    shown = reprlib.Repr()
    shown.maxstring = shown.maxlong = shown.maxother = MAX_TEXT
    return shown.repr(value)


def label(title: str, year: int | None) -> str:
    """How a film is shown: 'Fargo (1996)', or the title alone where the year is not known."""
    return title if pd.isna(year) else f"{title} ({year})"
