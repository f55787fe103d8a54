"""Scales of ratings; ratings, films and people as one `Dataset`, also of tables of one's own."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from saelib.errors import SaelibError

MOST_STEPS = 100  # of a scale
PAIR = ["user_id", "movie_id"]
# The names of columns that are understood, in small letters without signs; the first one counts.
NAMES = {
    "user_id": "userid user personid person reviewerid username uid",
    "movie_id": "movieid itemid filmid bookid productid isbn asin movie item film book product iid",
    "rating": "rating stars score bookrating",
    "timestamp": "timestamp time date",
}


@dataclass(frozen=True)
class Scale:
    """The ratings that can be given: from `lowest` to `highest`, `step` apart.

    A model knows only stars: the lowest rating of any scale is 1 star, the highest is 5. So all
    scales are alike to it, and a 0 in a matrix can only mean 'not rated'.
    """

    lowest: float
    highest: float
    step: float = 1.0

    def __post_init__(self) -> None:
        steps = (self.highest - self.lowest) / self.step if self.step > 0 else np.nan
        if not (0 < steps <= MOST_STEPS and np.isclose(steps, np.round(steps), rtol=1e-6)):
            raise SaelibError(
                f"{self} is no scale of ratings. Expected two ends, at most {MOST_STEPS} whole "
                "steps apart, such as 1 to 10 in steps of 1. Round finer ratings, and say so: "
                "--scale 1 10 1. Counts, such as how often a song was played, are no ratings."
            )

    @classmethod
    def of(cls, scale: "Scale | Sequence[float]") -> "Scale":
        """Make a scale of (lowest, highest[, step]); a `Scale` stays itself."""
        try:
            return scale if isinstance(scale, Scale) else cls(*map(float, scale))
        except (TypeError, ValueError) as error:
            raise SaelibError(f"{scale!r} is no (lowest, highest[, step]).") from error

    def __str__(self) -> str:
        return f"{self.lowest:g} to {self.highest:g} in steps of {self.step:g}"

    @property
    def n_levels(self) -> int:
        """How many different ratings there are."""
        return round((self.highest - self.lowest) / self.step) + 1

    @property
    def levels(self) -> np.ndarray:
        """(n_levels,) all ratings that can be given, ascending."""
        return self.lowest + self.step * np.arange(self.n_levels)

    @property
    def star(self) -> float:
        """How much one star more is in ratings."""
        return (self.highest - self.lowest) / 4

    def stars(self, ratings):
        """Turn ratings, a number or an array of any shape, into stars from 1 to 5."""
        return 1 + (ratings - self.lowest) / self.star

    def ratings(self, stars):
        """Turn stars from 1 to 5 back into ratings."""
        return self.lowest + (stars - 1) * self.star

    def contains(self, ratings) -> np.ndarray:
        """Say of each rating whether it can be given; what is no number cannot."""
        steps = (np.asarray(ratings, float) - self.lowest) / self.step
        return np.isclose(steps, steps.round().clip(0, self.n_levels - 1), rtol=0, atol=1e-4)


@dataclass(frozen=True)
class Dataset:
    """What is known of ratings, films and people.

    Raises SaelibError where fewer than two people have rated or fewer than two films are rated, and
    for a row that is listed or rated twice, off the scale, or of a film or person not listed.
    """

    name: str
    ratings: pd.DataFrame  # user_id, movie_id, rating[, timestamp], which is seconds since 1970
    movies: pd.DataFrame  # movie_id, title, year (Int64), genres: 'Comedy|Drama', or ''
    users: pd.DataFrame | None  # user_id, gender, age (years), occupation; empty: not told
    scale: Scale
    seen: pd.DataFrame | None = None  # user_id, movie_id of films seen without being rated

    def __post_init__(self) -> None:
        n_users, n_films = (self.ratings[key].nunique() for key in PAIR)
        if min(n_users, n_films) < 2:
            raise SaelibError(
                f"{self.name}: people who rated: {n_users}, films rated: {n_films}. Expected two "
                "or more of both. The list of one person belongs into `python -m saelib import`."
            )
        rows = self.ratings if self.seen is None else pd.concat([self.ratings, self.seen])
        off = ~self.scale.contains(rows["rating"])
        off[len(self.ratings) :] = False
        problems = {
            f"is not on the scale of {self.scale}. Correct it, or the scale; round what lies "
            "between two steps. Where it means 'seen, not rated', say so: --not-rated -1. Counts, "
            "such as of plays, are no ratings.": off,
            "is the second one of this pair: leave one out, or --keep-last.": rows.duplicated(PAIR),
        }
        for key, table in zip(PAIR, (self.users, self.movies)):
            if table is not None:
                for who in table.loc[table[key].duplicated(), key]:
                    raise SaelibError(f"{self.name}: {key} {who} is listed twice. Keep one row.")
                unlisted = ~rows[key].isin(table[key])
                problems[f"has a {key} that its table does not list. Add it there."] = unlisted
        for problem, wrong in problems.items():
            for user, film, rating in rows.loc[wrong, [*PAIR, "rating"]].itertuples(index=False):
                raise SaelibError(
                    f"{self.name}: rating {rating:g} by user {user!s:.40} of film {film!s:.40} "
                    f"{problem} Rows like that: {wrong.sum():,}."
                )


def from_frame(
    ratings: pd.DataFrame,
    scale: Scale | Sequence[float],
    items: pd.DataFrame | None = None,
    people: pd.DataFrame | None = None,
    *,
    name: str = "own",
    not_rated: float | None = None,
    keep_last: bool = False,
) -> Dataset:
    """Make a data set of one's own tables: `from_frame(ratings, scale=(1, 10))`.

    ratings: user, item, rating[, timestamp], which is seconds or '2005-04-02 23:53:47'; other usual
    names are understood, such as userId or film. A row whose rating is empty, or is the number
    `not_rated`, is of a film that was seen. scale: (lowest, highest[, step]). items: item[, title,
    year, genres]. people: user[, gender, age (years), occupation]. keep_last: of several ratings of
    a film by the same person. Raises SaelibError for whatever cannot be read or `Dataset` refuses.
    """
    table = _texts("ratings", ratings, [*PAIR, "rating", "timestamp"])
    movies = table[["movie_id"]].drop_duplicates() if items is None else items
    movies = _texts("items", movies, ["movie_id", "title", "year", "genres"])
    users = table[["user_id"]] if people is None else people
    users = _texts("people", users, ["user_id", "gender", "age", "occupation"])
    for key, listed in zip(PAIR, (users, movies)):
        # Numbers only where all of them are: '7' is one, '007' is a name.
        ids = pd.concat([table[key], listed[key]]).drop_duplicates()
        if ids.str.fullmatch(r"0|-?[1-9]\d{0,17}").all():
            table[key], listed[key] = table[key].astype("int64"), listed[key].astype("int64")
    movies["title"] = movies["title"].where(movies["title"] != "", movies["movie_id"].astype(str))
    movies["year"] = _numbers(movies["year"], -9999, 9999, "a year").round().astype("Int64")
    users["age"] = _numbers(users["age"], 1, 120, "1 to 120 years")
    users = users.replace({"gender": {"": None}, "occupation": {"": None}})
    if keep_last:
        table = table.drop_duplicates(PAIR, keep="last")
    stars = _numbers(table["rating"], -np.inf, np.inf, "a number")
    times = table.pop("timestamp")
    if (times != "").any():
        table["timestamp"] = _seconds(times)
    unrated = stars.isna() | (stars == not_rated)
    rated = table.assign(rating=stars.astype("float32"))[~unrated].reset_index(drop=True)
    seen = table.loc[unrated, PAIR].reset_index(drop=True) if unrated.any() else None
    return Dataset(name, rated, movies, None if people is None else users, Scale.of(scale), seen)


def read_table(path, sep: str = "", encoding: str = "utf-8", **options) -> pd.DataFrame:
    """Read a file, or one in an archive, as UTF-8 or else as Latin-1. Raises SaelibError.

    sep: between cells; by default told by the first line. options: of `pandas.read_csv`.
    """
    try:
        with path.open("rb") as file:
            header = file.readline().decode("latin-1")
            file.seek(0)
            between = sep or max((",", ";", "\t", "::"), key=header.count)
            if between == "::":  # of which pandas has no fast reader
                file, between = io.BytesIO(file.read().replace(b"::", b"\x1f")), "\x1f"
            told = {"sep": between, "encoding": encoding, "keep_default_na": False}
            table = pd.read_csv(file, **told, **options)
        if not isinstance(table.index, pd.RangeIndex):  # which is where pandas puts such cells
            raise ValueError("a line has more cells than there are columns")
    except UnicodeDecodeError:
        return read_table(path, sep, "latin-1", **options)
    except Exception as error:
        raise SaelibError(f"{path} cannot be read: {str(error).strip()}.") from error
    return table


def _texts(kind: str, table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The columns under our names, all cells as texts: '' for none; the id 33.0 is '33'."""
    names = [re.sub(r"[\W_]", "", str(column)).lower() for column in table]
    found = {}
    for key in keys:
        known = next((name for name in NAMES.get(key, key).split() if name in names), "-")
        if names.count(known) > 1 or (key in [*PAIR, "rating"] and known == "-"):
            raise SaelibError(
                f"The table of {kind} has the columns {', '.join(map(str, table))}. Expected one "
                f"for the {key} under a usual name, such as user, item, rating, in the first line."
            )
        cells = pd.Series("", table.index) if known == "-" else table.iloc[:, names.index(known)]
        codes, cells = pd.factorize(cells, use_na_sentinel=False)  # few are different
        texts = pd.Series(cells, dtype=object).where(pd.notna(cells), "").astype(str).str.strip()
        if key in PAIR:
            texts = texts.str.replace(r"^(-?\d+)\.0+$", r"\1", regex=True)
        found[key] = texts.take(codes).reset_index(drop=True)
        for row in found[key].index[(found[key] == "") & (key in PAIR)] + 1:
            raise SaelibError(f"Row {row} of the {kind} has no {key}. Name it, or leave it out.")
    return pd.DataFrame(found)


def _numbers(texts: pd.Series, lowest: float, highest: float, expected: str) -> pd.Series:
    """The numbers that texts are, also '3,5', and NaN for ''. Raises SaelibError for others."""
    numbers = pd.to_numeric(texts.str.replace(",", "."), errors="coerce")
    for row, text in texts[(texts != "") & ~numbers.between(lowest, highest)].items():
        raise SaelibError(f"Row {row + 1}: the {texts.name} is {text!r:.40}. Expected {expected}.")
    return numbers


def _seconds(times: pd.Series) -> pd.Series:
    """Seconds since 1970, of texts such as '2005-04-02 23:53:47' or '1112486027'."""
    dates = times.where(times.str.contains(r"\d-\d"))
    dates = pd.to_datetime(dates, format="ISO8601", utc=True, errors="coerce")
    seconds = dates.dt.as_unit("s").astype("int64").astype(str)
    texts = times.replace("", "missing").where(dates.isna(), seconds)
    told = "seconds since 1970, or a time such as 2005-04-02 23:53:47"
    return _numbers(texts, -1e15, 1e15, told).astype("int64")
