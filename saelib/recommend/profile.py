"""What a person told: stars by film, and who they are if they like; as JSON in a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.data import write_whole
from saelib.errors import SaelibError
from saelib.language import _, number
from saelib.matrix import People, encode_people, mask
from saelib.model import Model
from saelib.recommend.catalogue import MAX_TEXT, Catalogue, short
from saelib.scale import Scale

MAX_BYTES = 5_000_000  # all ratings of a person are far fewer
EXAMPLE = '{"dataset": "ml-100k", "ratings": {"50": 5}, "seen": ["96"], "age": 30}'
FILMS, ABOUT = ("seen", "rejected", "watchlist"), ("gender", "age", "occupation")


@dataclass
class Profile:
    """What a person told.

    ratings: film to stars, on the data set's scale; a film is named by movie_id ('50') or by title
    ('Fargo (1996)'). dataset: the one whose movie_ids these are. age: years. seen: films seen,
    with or without stars. rejected: films never to recommend. watchlist: films to see one day.
    """

    ratings: dict[str, float] = field(default_factory=dict)
    dataset: str | None = None
    gender: str | None = None
    age: float | None = None
    occupation: str | None = None
    seen: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    watchlist: list[str] = field(default_factory=list)

    @classmethod
    def from_json(cls, text: str | bytes, source: str | None = None) -> Profile:
        """Read what `to_json` writes. source: its name in a message. Raises SaelibError."""
        try:
            if len(text) > MAX_BYTES:
                raise ValueError(_("longer than {n} bytes").format(n=number(MAX_BYTES)))
            text = text.decode() if isinstance(text, bytes) else text
            # Some editors put a mark before UTF-8.
            return cls(**_checked(json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_once)))
        except (ValueError, RecursionError) as error:
            message = _("{file} is no profile: {problem}; expected JSON such as {example}.")
            shown = {"file": source or _("The file"), "problem": error, "example": EXAMPLE}
            raise SaelibError(message.format(**shown)) from None

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
        write_whole(Path(path), self.to_json().encode())


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Raises ValueError where an entry stands in it twice."""
    told = dict(pairs)
    if len(told) < len(pairs):
        keys = [key for key, _value in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(_("{entry} stands in it twice").format(entry=short(twice)))
    return told


def _checked(told: Any) -> dict[str, Any]:
    """The entries of a profile. Raises ValueError where one is unknown or of another kind."""
    if not isinstance(told, dict):
        raise ValueError(_("it has no entries"))
    for entry, value in told.items():
        if entry == "ratings":
            fits = isinstance(value, dict)
        elif entry in FILMS:
            fits = isinstance(value, list) and all(type(film) in (str, int) for film in value)
        elif entry == "age":
            fits = value is None or type(value) in (int, float)
        else:
            is_text = isinstance(value, str) and len(value) <= MAX_TEXT
            fits = entry in ("dataset", *ABOUT) and (value is None or is_text)
        if not fits:
            problem = _("it has {entry}: {value}")
            raise ValueError(problem.format(entry=short(entry), value=short(value)))
    return told


def check_stars(film: str | int, stars: Any, scale: Scale) -> float:
    """The stars as a number. Raises SaelibError where they are not on the data set's scale."""
    # Beyond 1e9 an integer may be more than a float can hold.
    is_number = isinstance(stars, Real) and not isinstance(stars, bool) and abs(stars) < 1e9
    if not (is_number and scale.contains(stars)):
        message = _("{stars} stars for {film} are not on the scale: expected {scale}.")
        raise SaelibError(message.format(stars=short(stars), film=short(film), scale=scale))
    return int(stars) if stars == int(stars) else float(stars)  # 4, as people write it, not 4.0


def encode_about(told: dict[str, Any], groups: dict[str, list]) -> np.ndarray | None:
    """(1, width) who somebody is, see `encode_people`; None where a model knows nothing of people.

    told: values of ABOUT, age in years. Raises SaelibError for a gender or an occupation that is
    not in its group, or an age that nobody has.
    """
    age = told["age"]
    if age is not None and not (isinstance(age, Real) and 1 <= age <= 120):
        message = _("Age {age} is out of range; expected years from 1 to 120.")
        raise SaelibError(message.format(age=short(age)))
    for key in ("gender", "occupation"):
        if groups and told[key] is not None and told[key] not in groups[key]:
            message, known = _("{value} is not known; expected one of {known}."), groups[key]
            raise SaelibError(message.format(value=short(told[key]), known=", ".join(known)))
    return encode_people(pd.DataFrame([told]), groups) if groups else None


def tells(profile: Profile, model: Model) -> bool:
    """Whether anything is told that the model can go by."""
    seen = model.ease is not None and profile.seen
    about = model.knows_people and any(getattr(profile, key) is not None for key in ABOUT)
    return bool(profile.ratings or seen or about)


def encode(profile: Profile, catalogue: Catalogue, model: Model, *, empty: bool = False) -> People:
    """What a model reads of one person. empty: whether there may be nothing to go by.

    Raises SaelibError: another data set's profile, unknown or repeated films, stars off the scale,
    demographics outside their groups, nothing to go by.
    """
    if profile.dataset not in (None, model.dataset):
        message = _("The profile is of {dataset}, the model of {other}: their movie_ids differ.")
        shown = {"dataset": short(profile.dataset), "other": model.dataset}
        raise SaelibError(message.format(**shown))
    stars: dict[int, float] = {}
    for film, given in profile.ratings.items():
        position = catalogue.position(film)
        if position in stars:
            raise SaelibError(_("{film} is rated twice.").format(film=catalogue.labels[position]))
        stars[position] = model.scale.stars(check_stars(film, given, model.scale))
    seen = {catalogue.position(film) for film in profile.seen} | set(stars)
    about = encode_about({key: getattr(profile, key) for key in ABOUT}, model.groups)
    if not (empty or tells(profile, model)):
        raise SaelibError(
            _("The profile is empty: rate at least one film, or tell gender, age or occupation.")
            if model.knows_people
            else _("The profile is empty: rate at least one film.")
        )

    def row(values: dict[int, float]) -> csr_array:
        columns = sorted(values)
        data = np.array([values[i] for i in columns], dtype=np.float32)
        return csr_array((data, columns, [0, len(columns)]), shape=(1, len(catalogue)))

    return People(row(stars), mask(row(dict.fromkeys(seen, 1.0))), about)
