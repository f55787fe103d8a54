"""What a person told: stars by film, and who they are if they like; as JSON in a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from saelib.errors import SaelibError
from saelib.language import _, number
from saelib.model import write_whole
from saelib.recommend.catalogue import short

MAX_BYTES = 5_000_000  # all ratings of a person are far fewer
EXAMPLE = '{"dataset": "ml-100k", "ratings": {"50": 5}, "seen": ["96"], "age": 30}'
FILMS, ABOUT = ("seen", "rejected", "watchlist"), ("gender", "age", "occupation")
TYPES: dict[str, Any] = {"ratings": dict, "age": int | float | None}
TYPES |= dict.fromkeys(FILMS, list) | dict.fromkeys(["dataset", "gender", "occupation"], str | None)


@dataclass
class Profile:
    """What a person told. A film is named by movie_id ('50') or by title ('Fargo (1996)')."""

    ratings: dict[str, float] = field(default_factory=dict)  # film: stars on the data set's scale
    dataset: str | None = None  # whose movie_ids these are
    gender: str | None = None
    age: float | None = None  # years
    occupation: str | None = None
    seen: list[str] = field(default_factory=list)  # with or without stars
    rejected: list[str] = field(default_factory=list)  # never to recommend
    watchlist: list[str] = field(default_factory=list)  # to see one day

    @classmethod
    def from_json(cls, text: str | bytes, source: str | None = None) -> Profile:
        """Read what `to_json` writes. source: its name in a message. Raises SaelibError."""
        try:
            if len(text) > MAX_BYTES:
                raise ValueError(_("longer than {n} bytes").format(n=number(MAX_BYTES)))
            told = json.loads(text, object_pairs_hook=_once)
            for entry, value in told.items() if isinstance(told, dict) else [("profile", told)]:
                if not isinstance(value, TYPES.get(entry, ())):
                    problem = _("it has {entry}: {value}")
                    raise ValueError(problem.format(entry=short(entry), value=short(value)))
        except (ValueError, RecursionError) as error:
            message = _("{file} is no profile: {problem}; expected JSON such as {example}.")
            file = source or _("The file")
            raise SaelibError(message.format(file=file, problem=error, example=EXAMPLE)) from None
        return cls(**told)

    @classmethod
    def load(cls, path: Path) -> Profile:
        """Read a profile file. Raises SaelibError, also where it cannot be read."""
        try:
            with open(path, "rb") as file:
                return cls.from_json(file.read(MAX_BYTES + 1), str(path))
        except OSError as error:
            raise SaelibError(_("Cannot read the profile: {error}.").format(error=error)) from error

    def to_json(self) -> str:
        """The profile as JSON, without what was not told."""
        told = {"dataset": self.dataset} | asdict(self)
        return json.dumps({k: v for k, v in told.items() if v not in (None, [])}, indent=2) + "\n"

    def save(self, path: Path) -> None:
        """Write the profile as JSON, whole or not at all. Raises SaelibError."""
        write_whole(path, self.to_json().encode())


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Raises ValueError where an entry stands in it twice."""
    told = dict[str, Any]()
    for entry, value in pairs:
        if entry in told:
            raise ValueError(_("{entry} stands in it twice").format(entry=short(entry)))
        told[entry] = value
    return told
