"""What a person told: stars by film, and who they are if they like; as JSON in a file."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from saelib.data.people import People, mask
from saelib.data.scale import Scale
from saelib.errors import ProfileError
from saelib.language import _, number
from saelib.network.storage import write_whole
from saelib.recommend.catalogue import MAX_TEXT, Catalogue, short

if TYPE_CHECKING:
    from saelib.model.bundle import Bundle

MAX_BYTES = 5_000_000  # sockets of Jupyter break at 10 MiB; all ratings of a person are far fewer


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
    def from_json(cls, text: str | bytes, source: str | None = None) -> Profile:
        """Read `{"dataset": "ml-100k", "ratings": {"50": 5}, "seen": ["96"], "age": 30, …}`.

        Raises ProfileError: not JSON (bytes: in UTF-8), another shape, a film twice, too long.
        """
        source = source or _("The profile")
        example = '{"dataset": "ml-100k", "ratings": {"50": 5}, "age": 30}'
        if len(text) > MAX_BYTES:
            raise ProfileError(
                _("{file} is longer than {size} bytes; expected {example}.").format(
                    file=source, size=number(MAX_BYTES), example=example
                )
            )
        try:
            text = text.decode() if isinstance(text, bytes) else text
            # Some editors put a mark of three bytes before UTF-8.
            told = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_without_repeats)
        except ProfileError as error:
            raise ProfileError(
                _("{file} is ambiguous: {error}").format(file=source, error=error)
            ) from None
        except (ValueError, RecursionError) as error:
            raise ProfileError(
                _("{file} is not JSON ({error}); expected {example}.").format(
                    file=source, error=error, example=example
                )
            ) from error
        if not isinstance(told, dict) or not isinstance(told.get("ratings", {}), dict):
            raise ProfileError(
                _("{file} has another shape than a profile; expected {example}.").format(
                    file=source, example=example
                )
            )
        unknown = set(told) - {field.name for field in fields(cls)}
        if unknown:
            raise ProfileError(
                _("{file} has the unknown entry {entry}; expected {example}.").format(
                    file=source, entry=short(min(unknown)), example=example
                )
            )
        for key in ("seen", "rejected"):
            films = told.get(key, [])
            if not isinstance(films, list) or not all(type(film) in (str, int) for film in films):
                raise ProfileError(
                    _('{file} has another "{entry}" than a list like ["50", "96"].').format(
                        file=source, entry=key
                    )
                )
        age = told.get("age")
        if age is not None and (isinstance(age, bool) or not isinstance(age, (int, float))):
            raise ProfileError(
                _("{file} has the age {age}; expected years as a number.").format(
                    file=source, age=short(age)
                )
            )
        for key in ("dataset", "gender", "occupation"):
            value = told.get(key)
            if value is not None and not (isinstance(value, str) and len(value) <= MAX_TEXT):
                raise ProfileError(
                    _("{file} has the {entry} {value}; expected a short text or null.").format(
                        file=source, entry=key, value=short(value)
                    )
                )
        return cls(**told)

    @classmethod
    def load(cls, path: Path) -> Profile:
        """Read a profile file. Raises ProfileError, also where it cannot be read."""
        try:
            with open(path, "rb") as file:
                text = file.read(MAX_BYTES + 1).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise ProfileError(
                _("Cannot read the profile {path}: {error}.").format(path=path, error=error)
            ) from error
        return cls.from_json(text, str(path))

    def to_json(self) -> str:
        """The profile as JSON, as `from_json` reads it."""
        told: dict[str, object] = {"dataset": self.dataset, "ratings": self.ratings}
        told |= {key: getattr(self, key) for key in ("gender", "age", "occupation")}
        told |= {"seen": self.seen or None, "rejected": self.rejected or None}
        return json.dumps({k: v for k, v in told.items() if v is not None}, indent=2) + "\n"

    def save(self, path: Path) -> None:
        """Write the profile as JSON, whole or not at all. Raises ProfileError."""
        try:
            write_whole(path, self.to_json().encode())
        except OSError as error:
            raise ProfileError(
                _("Cannot write the profile {path}: {error}.").format(path=path, error=error)
            ) from error


def _without_repeats(pairs: list[tuple[str, object]]) -> dict:
    counts = Counter(key for key, _ in pairs)
    for key, n in counts.items():
        if n > 1:
            raise ProfileError(
                _("{entry} stands in it {n} times; each may stand once.").format(
                    entry=short(key), n=n
                )
            )
    return dict(pairs)


# -- Checked against what a model knows ---------------------------------------------------------


def check_stars(film: str | int, stars: Any, scale: Scale, dataset: str) -> float:
    """The stars as a number on the data set's scale. Raises ProfileError."""
    is_number = isinstance(stars, (int, float)) and not isinstance(stars, bool)
    if not (is_number and abs(stars) < 1e9 and scale.contains(stars)):
        raise ProfileError(
            _(
                "{stars} stars for {film} are not on the scale of {dataset}: expected {scale}."
            ).format(stars=short(stars), film=short(film), dataset=dataset, scale=scale)
        )
    return float(stars)


def encode(profile: Profile, catalogue: Catalogue, bundle: Bundle, *, empty: bool) -> People:
    """What a model reads of one person. empty: whether there may be nothing to go by.

    Raises ProfileError: another data set's profile, unknown or repeated films, stars off the
    scale, demographics outside their lists, nothing to go by.
    """
    if profile.dataset not in (None, bundle.dataset):
        raise ProfileError(
            _(
                "The profile is of {dataset}, the model of {other}; movie_ids differ between "
                "releases. Use a model trained on the profile's."
            ).format(dataset=short(profile.dataset), other=bundle.dataset)
        )
    stars: dict[int, float] = {}
    for film, value in profile.ratings.items():
        position = catalogue.position(film)
        if position in stars:
            raise ProfileError(
                _("{film} is rated twice (again as {name}).").format(
                    film=catalogue.labels[position], name=short(film)
                )
            )
        given = check_stars(film, value, bundle.scale, bundle.dataset)
        stars[position] = given + bundle.scale.offset
    seen = {catalogue.position(film) for film in profile.seen} | set(stars)
    offered, occupation = bundle.offered, profile.occupation
    if offered and occupation is not None and occupation not in offered.occupations:
        raise ProfileError(
            _("Occupation {value} is not in {dataset}; expected one of {known}.").format(
                value=f"{occupation!r:.100}",
                dataset=bundle.dataset,
                known=", ".join(offered.occupations),
            )
        )
    about = bundle.demographics.encode(profile.gender, profile.age, occupation)
    told = [bool(stars), bundle.order is not None and bool(seen)]
    told.append(bundle.liking.uses_demographics and bool(about.any()))
    if not empty and not any(told):
        raise ProfileError(
            _("The profile is empty: rate at least one film, or tell gender, age or occupation.")
            if offered
            else _("The profile is empty: rate at least one film.")
        )

    def row(values: dict[int, float]) -> csr_array:
        columns = sorted(values)
        data = np.array([values[i] for i in columns], dtype=np.float32)
        return csr_array((data, columns, [0, len(columns)]), shape=(1, len(catalogue)))

    return People(row(stars), mask(row(dict.fromkeys(seen, 1.0))), about[None, :])
