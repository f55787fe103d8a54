"""What a person told: stars by film, and who they are if they like; as JSON in a file."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from saelib.errors import SaelibError
from saelib.language import _
from saelib.model import write_whole
from saelib.recommend.catalogue import short

MAX_BYTES = 5_000_000  # of a file that is loaded; all ratings of a person are far fewer
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
    def from_json(cls, text: str | bytes, source: str | None = None) -> Self:
        """Read what `to_json` writes. source: its name in a message. Raises SaelibError."""
        try:
            told = json.loads(text)
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
    def load(cls, path: Path) -> Self:
        """Read a profile file. Raises SaelibError, and OSError where there is none."""
        return cls.from_json(Path(path).read_bytes(), str(path))

    def to_json(self) -> str:
        """The profile as JSON, without what was not told."""
        told = {"dataset": self.dataset} | asdict(self)
        return json.dumps({k: v for k, v in told.items() if v not in (None, [])}, indent=2) + "\n"

    def save(self, path: Path) -> None:
        """Write the profile as JSON, whole or not at all. Raises SaelibError."""
        write_whole(path, self.to_json().encode())
