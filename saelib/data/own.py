"""Ratings of one's own, from a table or a CSV file, as the data set that everything works on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from saelib.data.dataset import Dataset
from saelib.data.features import Demographics
from saelib.data.scale import Scale
from saelib.errors import DataError

FORMAT = "expected the columns user, item and rating, and if you like timestamp"
CSV = "Expected a CSV file in UTF-8, its columns with commas between and named in the first line."


def from_frame(
    ratings: pd.DataFrame,
    scale: Scale | Sequence[float],
    items: pd.DataFrame | None = None,
    people: pd.DataFrame | None = None,
    *,
    name: str = "own",
) -> Dataset:
    """A data set of one's own: `from_frame(ratings, scale=(1, 10))`.

    ratings: user, item, rating; timestamp (whole seconds) if known. Users and items are named by
    whole numbers or by texts of any kind. scale: `Scale(1, 10, 1)`, or (lowest, highest[, step]).
    items: item, and where known title, year and genres ('Comedy|Drama'). people: user, and where
    known gender, age (years) and occupation, in words of one's own. Other columns are not read.
    name: as files and profiles call it.

    Raises DataError: a column or an id is missing, a rating is off the scale, a pair occurs twice,
    an item or a user occurs twice in its table or is not listed there.
    """
    scale = Scale.of(scale)
    table = _columns(
        ratings, {"user": "user_id", "item": "movie_id", "rating": "rating"}, "ratings"
    )
    if table.empty:
        raise DataError(f"There are no ratings in the table; {FORMAT}.")
    movies = None if items is None else _columns(items, {"item": "movie_id"}, "items")
    users = None if people is None else _columns(people, {"user": "user_id"}, "people")
    _name_alike("user_id", {"ratings": table, "people": users})
    _name_alike("movie_id", {"ratings": table, "items": movies})
    stars = pd.to_numeric(table["rating"], errors="coerce").to_numpy(np.float64)
    _refuse(~scale.contains(stars), table, f"is not on the scale of {scale}; mend it, or the scale")
    table["rating"] = stars.astype(np.float32)
    again = table.duplicated(["user_id", "movie_id"]).to_numpy()
    _refuse(again, table, "is the second rating of this user and item; keep one of them")
    if "timestamp" in ratings:
        table["timestamp"] = _numbers(ratings["timestamp"], "timestamp", needed=True).astype(
            "int64"
        )
    movies = _films(items, movies, table["movie_id"])
    users = None if people is None or users is None else _people(people, users, table["user_id"])
    demographics = Demographics((), ())
    if users is not None:
        lists = (sorted(set(users[c].dropna())) for c in ("gender", "occupation"))
        demographics = Demographics(*(tuple(found) for found in lists))
    return Dataset(name, table, movies, users, scale, demographics)


def from_csv(
    ratings: Path,
    scale: Scale | Sequence[float],
    items: Path | None = None,
    people: Path | None = None,
) -> Dataset:
    """`from_frame` of CSV files with header lines, UTF-8; the name is that of the file of ratings.

    Raises DataError, also where a file cannot be read.
    """
    tables = [None if path is None else _read(path) for path in (ratings, items, people)]
    assert tables[0] is not None
    return from_frame(tables[0], scale, *tables[1:], name=Path(ratings).stem)


def _read(path: Path) -> pd.DataFrame:
    try:  # as text: '007' and '7' may be two people, and 'None' a title
        table = pd.read_csv(
            path,
            dtype=str,
            encoding="utf-8-sig",
            skipinitialspace=True,
            keep_default_na=False,
            na_values=[""],
        )
    except (OSError, ValueError) as error:
        raise DataError(f"Cannot read {path}: {error}. {CSV}") from error
    if not isinstance(table.index, pd.RangeIndex):  # what is too much becomes an index
        raise DataError(f"The lines of {path} have more fields than its first one names. {CSV}")
    return table


def _columns(table: pd.DataFrame, names: dict[str, str], kind: str) -> pd.DataFrame:
    listed = ", ".join(map(str, table.columns))
    counts = {column: int((table.columns == column).sum()) for column in names}
    for problem, wrong in (
        ("lacks the column", [column for column, n in counts.items() if n == 0]),
        ("has twice the column", [column for column, n in counts.items() if n > 1]),
    ):
        if wrong:
            raise DataError(
                f"The table of {kind} {problem} {', '.join(wrong)}; it has {listed}. Rename what "
                "you have."
            )
    return table[list(names)].rename(columns=names).reset_index(drop=True)


def _name_alike(column: str, tables: dict[str, pd.DataFrame | None]) -> None:
    """Make the ids of several tables whole numbers where all of them are, else texts, in place.

    Raises DataError where one is missing.
    """
    given = {kind: table for kind, table in tables.items() if table is not None}
    texts = {}
    for kind, table in given.items():
        ids = table[column].astype(object)
        missing = ids.isna() | (ids.astype(str).str.strip() == "")
        if missing.any():
            raise DataError(
                f"Row {int(missing.to_numpy().argmax()) + 1} of the {kind}: the "
                f"{column.removesuffix('_id').replace('movie', 'item')} is missing. Name it, or "
                "leave the row out."
            )
        texts[kind] = ids.map(_text)
    # '7' is a number; '07', '7.5' and '10' + 20 zeros are names.
    number = r"0|-?[1-9][0-9]{0,17}"
    numbers = all(of_table.str.fullmatch(number).all() for of_table in texts.values())
    for kind, table in given.items():
        table[column] = texts[kind].astype(np.int64 if numbers else object)


def _text(name: object) -> str:
    return f"{name:.0f}" if isinstance(name, float) and name.is_integer() else str(name)


def _refuse(faulty: np.ndarray, table: pd.DataFrame, problem: str) -> None:
    """Raise DataError for the first faulty row of the ratings, if there is one."""
    if faulty.any():
        row = int(faulty.argmax())
        user, item, rating = (_text(table[c][row]) for c in ("user_id", "movie_id", "rating"))
        n = int(faulty.sum())
        more = f" ({n:,} rows are like that)" if n > 1 else ""
        raise DataError(
            f"Row {row + 1} of the ratings, {rating:.40} by user {user:.40} of item "
            f"{item:.40}, {problem}{more}."
        )


def _numbers(column: pd.Series, kind: str, *, needed: bool = False) -> pd.Series:
    """Numbers, NaN where there are none; of anything but ages whole ones. Raises DataError."""
    column = column.reset_index(drop=True)
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    sound = np.isfinite(numbers) & (numbers.abs() < 1e15)
    if kind != "age":
        sound &= numbers == numbers.round()
    wrong = (~sound & (column.notna() | needed)).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        wanted = "number of years" if kind == "age" else "whole number"
        raise DataError(
            f"Row {row + 1}: the {kind} is {_text(column[row]):.40}; expected a {wanted}."
        )
    return numbers


def _films(
    items: pd.DataFrame | None, found: pd.DataFrame | None, rated: pd.Series
) -> pd.DataFrame:
    if items is None or found is None:
        found = pd.DataFrame({"movie_id": np.sort(rated.unique())})
        items = pd.DataFrame(index=found.index)
    _check_listed(found["movie_id"], rated, "item")
    items, names = items.reset_index(drop=True), found["movie_id"].astype(str)
    titles, genres, years = (
        items.get(column, pd.Series(None, found.index, dtype=object))
        for column in ("title", "genres", "year")
    )
    return found.assign(
        title=titles.astype(object).where(titles.notna(), names).astype(str),
        year=_numbers(years, "year").astype("Int64"),
        genres=genres.astype(object).where(genres.notna(), "").astype(str),
    )


def _people(people: pd.DataFrame, found: pd.DataFrame, rating: pd.Series) -> pd.DataFrame:
    _check_listed(found["user_id"], rating, "user")
    nothing = pd.Series(None, found.index, dtype=object)
    people = people.reset_index(drop=True)
    for column in ("gender", "occupation"):
        told = people.get(column, nothing).astype(object)
        found[column] = told.map(str, na_action="ignore")
    ages = _numbers(people.get("age", nothing), "age")
    wrong = (ages.notna() & ~ages.between(1, 120)).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"Row {row + 1} of the people: age {ages[row]:g} is not 1 to 120 years.")
    return found.assign(age=ages)[["user_id", "gender", "age", "occupation"]]


def _check_listed(listed: pd.Series, used: pd.Series, kind: str) -> None:
    if listed.duplicated().any():
        again = listed[listed.duplicated()].iloc[0]
        raise DataError(f"The table of {kind}s lists {kind} {again!s:.40} twice; once is enough.")
    missing = ~used.isin(listed)
    if missing.any():
        raise DataError(
            f"The table of {kind}s does not list {kind} {used[missing].iloc[0]!s:.40}, of which "
            "there are ratings. Add it, or leave the table out."
        )
