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
    for column, kind in (("user_id", "user"), ("movie_id", "item")):
        table[column] = _ids(table[column], f"ratings' {kind}")
    stars = pd.to_numeric(table["rating"], errors="coerce").to_numpy(np.float64)
    _refuse(~scale.contains(stars), table, f"is not on the scale of {scale}")
    table["rating"] = stars.astype(np.float32)
    again = table.duplicated(["user_id", "movie_id"]).to_numpy()
    _refuse(again, table, "is the second rating of this user and item; keep one of them")
    if "timestamp" in ratings:
        table["timestamp"] = _numbers(ratings["timestamp"], "timestamp").to_numpy(np.int64)
    movies = _films(items, table["movie_id"])
    users = None if people is None else _people(people, table["user_id"])
    demographics = Demographics((), ())
    if users is not None:
        lists = (sorted(set(users[c].dropna())) for c in ("gender", "occupation"))
        demographics = Demographics(*(tuple(found) for found in lists))
    return Dataset(name, table.reset_index(drop=True), movies, users, scale, demographics)


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
    try:  # as text: '007' and '7' may be two people
        return pd.read_csv(path, dtype=str, encoding="utf-8-sig", skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise DataError(
            f"Cannot read {path}: {error}. Expected a CSV file in UTF-8, its columns with commas "
            "between and named in the first line."
        ) from error


def _columns(table: pd.DataFrame, names: dict[str, str], kind: str) -> pd.DataFrame:
    missing = [column for column in names if column not in table]
    if missing:
        raise DataError(
            f"The table of {kind} lacks the column {', '.join(missing)}; it has "
            f"{', '.join(map(str, table.columns))}. Rename what you have."
        )
    return table[list(names)].rename(columns=names).reset_index(drop=True)


def _ids(column: pd.Series, kind: str) -> np.ndarray:
    """Whole numbers where all are, else texts. Raises DataError where one is missing."""
    ids = column.astype(object)
    missing = ids.isna() | (ids.astype(str).str.strip() == "")
    if missing.any():
        raise DataError(f"Row {int(missing.to_numpy().argmax()) + 1}: the {kind} is missing.")
    texts = ids.map(lambda i: f"{i:.0f}" if isinstance(i, float) and i.is_integer() else str(i))
    # '7' is a number; '07', '7.5' and '10' + 20 zeros are names.
    if texts.str.fullmatch(r"0|-?[1-9][0-9]{0,17}").all():
        return texts.astype(np.int64).to_numpy()
    return texts.to_numpy(dtype=object)


def _refuse(faulty: np.ndarray, table: pd.DataFrame, problem: str) -> None:
    """Raise DataError for the first faulty row of the ratings, if there is one."""
    if faulty.any():
        row = int(faulty.argmax())
        user, item, rating = table.iloc[row][["user_id", "movie_id", "rating"]]
        n = int(faulty.sum())
        more = f" ({n:,} rows are like that)" if n > 1 else ""
        raise DataError(
            f"Row {row + 1} of the ratings, {rating!s:.40} by user {user!s:.40} of item "
            f"{item!s:.40}, {problem}{more}."
        )


def _numbers(column: pd.Series, kind: str) -> pd.Series:
    """Numbers, NaN where there are none. Raises DataError for anything else."""
    numbers = pd.to_numeric(column, errors="coerce").reset_index(drop=True)
    wrong = (numbers.isna() & column.reset_index(drop=True).notna()).to_numpy()
    needed = numbers.isna().to_numpy() if kind == "timestamp" else wrong
    if needed.any():
        row = int(needed.argmax())
        raise DataError(f"Row {row + 1}: {kind} {column.iloc[row]!r:.40} is not a number.")
    return numbers


def _films(items: pd.DataFrame | None, rated: pd.Series) -> pd.DataFrame:
    if items is None:
        found = pd.DataFrame({"movie_id": np.sort(rated.unique())})
        items = pd.DataFrame(index=found.index)
    else:
        found = _columns(items, {"item": "movie_id"}, "items")
        found["movie_id"] = _ids(found["movie_id"], "items' item")
        _check_listed(found["movie_id"], rated, "item")
        items = items.reset_index(drop=True)
    titles = found["movie_id"].astype(str)
    if "title" in items:
        titles = items["title"].astype(object).where(items["title"].notna(), titles).astype(str)
    years = _numbers(items["year"], "year") if "year" in items else pd.Series(np.nan, found.index)
    genres = items["genres"].fillna("").astype(str) if "genres" in items else ""
    return found.assign(title=titles, year=years.round().astype("Int64"), genres=genres)


def _people(people: pd.DataFrame, rating: pd.Series) -> pd.DataFrame:
    found = _columns(people, {"user": "user_id"}, "people")
    found["user_id"] = _ids(found["user_id"], "people's user")
    _check_listed(found["user_id"], rating, "user")
    people = people.reset_index(drop=True)
    for column in ("gender", "occupation"):
        told = people[column] if column in people else pd.Series(None, found.index, dtype=object)
        found[column] = told.map(str, na_action="ignore").astype(object)
    ages = _numbers(people["age"], "age") if "age" in people else pd.Series(np.nan, found.index)
    wrong = ~(ages.isna() | ages.between(1, 120)).to_numpy()
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
