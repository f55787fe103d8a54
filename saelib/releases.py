"""What each release of MovieLens is, and how it writes its tables."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from saelib.data import Scale

ON_REQUEST = "research use; no redistribution and no commercial use without permission"
SAME_TERMS = (
    "research use; may be redistributed, also transformed, under the same terms; no commercial use "
    "without permission"
)


@dataclass(frozen=True)
class Release:
    """A release as it was published; where it changes over time, counts are 0 and md5 is None."""

    size: str  # as in its title, see below
    layout: str  # a key of LAYOUTS
    n_ratings: int
    n_people: int  # who have rated
    n_films: int  # in the table of films
    last_year: int  # of its ratings; no film is newer
    md5: str | None = None  # of its archive

    @property
    def checksum(self) -> str | None:
        """What `pooch` compares the archive with."""
        return self.md5 and f"md5:{self.md5}"

    @property
    def title(self) -> str:
        """What GroupLens calls it."""
        return f"MovieLens {self.size}"

    @property
    def scale(self) -> Scale:
        """Whole stars in the first two, half stars since."""
        return Scale(1, 5) if self.layout in ("100k", "1m") else Scale(0.5, 5, 0.5)

    @property
    def licence(self) -> str:
        """The terms of use in short, as its README has them."""
        return SAME_TERMS if self.size == "32M" or "latest" in self.size else ON_REQUEST


# name, then the fields of Release
PUBLISHED: list[tuple[Any, ...]] = [
    ("ml-100k", "100K", "100k", 100_000, 943, 1_682, 1998, "0e33842e24a9c977be4e0107933c0723"),
    ("ml-1m", "1M", "1m", 1_000_209, 6_040, 3_883, 2000, "c4d9eecfca2ab87c1945afe126590906"),
    ("ml-latest-small", "latest (small)", "csv", 0, 0, 0, 2018),
    ("ml-10m", "10M", "10m", 10_000_054, 69_878, 10_681, 2009, "ce571fd55effeba0271552578f2648bd"),
    ("ml-20m", "20M", "csv", 20_000_263, 138_493, 27_278, 2015, "cd245b17a1ae2cc31bb14903e1204af3"),
    ("ml-25m", "25M", "csv", 25_000_095, 162_541, 62_423, 2019, "6b51fb2759a8657d3bfcbfc42b592ada"),
    ("ml-32m", "32M", "csv", 32_000_204, 200_948, 87_585, 2023, "d472be332d4daa821edc399621853b57"),
    ("ml-latest", "latest", "csv", 0, 0, 0, 2023),
]
RELEASES = {name: Release(*fields) for name, *fields in PUBLISHED}

GENRES = (  # of ml-100k, in the order of its columns
    "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy "
    "Film-Noir Horror Musical Mystery Romance Sci-Fi Thriller War Western"
).split()
OCCUPATIONS = (  # of ml-1m, by code; ml-100k has words
    "other,academic/educator,artist,clerical/admin,college/grad student,customer service,"
    "doctor/health care,executive/managerial,farmer,homemaker,K-12 student,lawyer,programmer,"
    "retired,sales/marketing,scientist,self-employed,technician/engineer,tradesman/craftsman,"
    "unemployed,writer"
).split(",")

# How each layout writes its tables: the file, and what pandas.read_csv has to know of it.
TABS: dict[str, Any] = {"sep": "\t", "quoting": csv.QUOTE_NONE}
BARS, HEADED = TABS | {"sep": "|"}, TABS | {"header": 0}
COLONS = TABS | {"sep": "::", "engine": "python"}
RATINGS, MOVIES = ["user_id", "movie_id", "rating", "timestamp"], ["movie_id", "title", "genres"]
PEOPLE = ["user_id", "age", "gender", "occupation", "zip"]
PEOPLE_1M = ["user_id", "gender", "age", "occupation", "zip"]
# Of ratings '::' is read as ':' with an empty cell between: pandas's fast reader takes one sign.
WITH_GAPS = ["user_id", "gap", "movie_id", "gap 2", "rating", "gap 3", "timestamp"]
DAT = {
    "ratings": ("ratings.dat", TABS | {"sep": ":", "names": WITH_GAPS, "usecols": RATINGS}),
    "movies": ("movies.dat", COLONS | {"names": MOVIES}),
}
LAYOUTS = {
    "100k": {
        "ratings": ("u.data", TABS | {"names": RATINGS}),
        "movies": ("u.item", BARS | {"names": ["movie_id", "title", *"dvu", *GENRES]}),
        "users": ("u.user", BARS | {"names": PEOPLE}),
    },
    "1m": DAT | {"users": ("users.dat", COLONS | {"names": PEOPLE_1M})},
    "10m": DAT,
    "csv": {
        "ratings": ("ratings.csv", {"header": 0, "names": RATINGS}),
        "movies": ("movies.csv", {"header": 0, "names": MOVIES}),
    },
    "recbole": {
        "ratings": ("ml-100k.inter", HEADED | {"names": RATINGS}),
        "movies": ("ml-100k.item", HEADED | {"names": ["movie_id", "title", "year", "genres"]}),
        "users": ("ml-100k.user", HEADED | {"names": PEOPLE}),
    },
}
TYPES = {"user_id": "int32", "movie_id": "int32", "rating": "float32", "timestamp": "int64"}
TYPES |= {"age": "int32"} | dict.fromkeys("title year genres gender occupation".split(), "str")
YEAR = r"^(.*?)\s*\(([0-9]{4})(?:\s*[-–—]\s*(?:[0-9]{4})?)?\)\s*(?:\([^()]*\))?$"


def films(movies: pd.DataFrame) -> pd.DataFrame:
    """Part 'Toy Story (1995)' into title and year; of a range of years, the first.

    A note behind the year, such as '(V)', is left out.
    """
    titles, genres = movies["title"].str.strip(), movies.get("genres")
    if genres is None:  # ml-100k has a column of 0 and 1 for each
        genres = movies[GENRES].dot(np.array([f"{genre}|" for genre in GENRES], object)).str[:-1]
    if "year" in movies:  # recbole's copy, where the film 'unknown' is misspelt
        dated = movies["year"].str.fullmatch(r"\d{4}")
        titles = titles.where(~dated, titles + " (" + movies["year"] + ")")
        titles, genres = titles.replace("unkonwn", "unknown"), genres.str.replace(" ", "|")
    parts = titles.str.extract(YEAR)
    return pd.DataFrame(
        {
            "movie_id": movies["movie_id"],
            "title": parts[0].where(parts[0].notna() & (parts[0] != ""), titles),
            "year": pd.to_numeric(parts[1]).astype("Int64"),
            "genres": genres.replace({"unknown": "", "(no genres listed)": ""}).astype("str"),
        }
    )
