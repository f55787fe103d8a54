"""Ratings made elsewhere: recognised, converted, matched; what is not sure is told, not taken."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from conftest import fuzz
from hypothesis import given
from hypothesis import strategies as st

from saelib.data import Scale
from saelib.errors import SaelibError
from saelib.recommend import elsewhere
from saelib.recommend.catalogue import Catalogue
from saelib.recommend.elsewhere import import_files, read_profile
from saelib.recommend.profile import MAX_BYTES, Profile

WHOLE, HALVES = Scale(1, 5), Scale(0.5, 5, 0.5)
# The first lines as the services write them.
LETTERBOXD = "Date,Name,Year,Letterboxd URI,Rating\n"
WATCHED = "Date,Name,Year,Letterboxd URI\n"
IMDB = (
    "Const,Your Rating,Date Rated,Title,Original Title,URL,Title Type,IMDb Rating,Runtime (mins),"
    "Year,Genres,Num Votes,Release Date,Directors\n"
)
MOVIELENS = "movie_id,imdb_id,tmdb_id,rating,average_rating,title\n"
TMDB = (
    "TMDb ID,IMDb ID,Type,Name,Release Date,Season Number,Episode Number,Rating,Your Rating,"
    "Date Rated\n"
)
FILMS = [
    (1, "Usual Suspects, The", 1995), (2, "Seven (a.k.a. Se7en)", 1995),
    (3, "Crimson Rivers, The (Rivières pourpres, Les)", 2000), (4, "Léon: The Professional", 1994),
    (5, "Sabrina", 1995), (6, "Sabrina", 1954), (7, "Twelve Monkeys (a.k.a. 12 Monkeys)", 1995),
    (8, "Star Wars: Episode IV - A New Hope", 1977), (9, "Body Snatchers", 1993),
    # One film under two ids, as in ml-100k.
    (10, "Kull the Conqueror", 1997), (11, "Kull the Conqueror", 1997),
    (12, "unknown", None), (13, "300", 2007), (14, "Rocky IV", 1985), (15, "Emma", 1996),
    (16, "Emma (Jane Austen's Emma)", 1997), (17, "Withnail & I", 1987), (18, "Fargo", 1996),
    (300, "Amélie (Fabuleux destin d'Amélie Poulain, Le)", 2001),
]  # fmt: skip


TABLE = pd.DataFrame(FILMS, columns=["movie_id", "title", "year"]).astype({"year": "Int64"})
N_RATINGS = np.where(TABLE["movie_id"] == 11, 9, 5)
CATALOGUE = Catalogue(TABLE.assign(genres="Drama", n_ratings=N_RATINGS), "ml-100k")


def took(text: str | bytes, name="ratings.csv", scale=WHOLE, **options):
    content = text.encode() if isinstance(text, str) else text
    return import_files([(name, content)], CATALOGUE, scale, **options)


def imdb(**cells: str) -> str:
    """A file of IMDb's with one film, other fields empty."""
    names = [name.replace(" ", "") for name in IMDB.strip().split(",")]
    return IMDB + ",".join(cells.get(name, "") for name in names) + "\n"


def zipped(**files: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


LINE = "2024-01-02,Fargo,1996,https://boxd.it/c"
SE7EN = "2024-01-02,Se7en,1995,https://boxd.it/b\n"
EMMA = {"Title": "Emma", "Year": "1996", "YourRating": "7"}
# text, what the profile then holds, a part of the report
TAKEN = [
    (LETTERBOXD + f"{LINE},4.5\n{SE7EN}", {"18": 5}, "seen: 1"),
    (imdb(**EMMA), {"15": 4}, "left out: 0"),
    (imdb(Title="Fargo", Year="1996"), {}, "Without stars"),
    (imdb(Title="Die", OriginalTitle="300", Year="2007", YourRating="9"), {"13": 5}, ""),
    (MOVIELENS + "50,0114814,629,4.5,4.2,The Usual Suspects (1995)\n", {"1": 5}, ""),
    (MOVIELENS + "1,0114814,629,4.5,4.2,No such title (1995)\n", {}, "Not in ml-100k"),
    (TMDB + "629,tt0114814,movie,Fargo,1996-07-19T00:00:00Z,,,8.2,7.5,2022-09-20\n", {"18": 4}, ""),
    # A list of one's own: separators, order, names of columns, no year.
    ("stars;title;year\n4,5;Sabrina;1954\n;300;\n", {"6": 5}, "seen: 1"),
    ("Rating\tFilm\r\n3\tSabrina (1954)\r\n", {"6": 3}, ""),
    ("Name|Rating\nfargo|3\n", {"18": 3}, ""),
    ("title,stars\n", {}, "left out: 0"),
    *(("title,stars\nAmélie,4\n".encode(code), {"300": 4}, "") for code in ("utf-8-sig", "cp1252")),
    # Stars under another name, as text, below the scale; none.
    ("Title,Year,Rating10\nFargo,1996,9\n", {"18": 5}, ""),
    ("title,stars\nFargo,★★★★½\nSe7en,4/5\n300,3\n", {"13": 3}, "Se7en, '4/5'"),
    ("Title,Year,Rating\nFargo,1996,0\nSe7en,1995,-1\n", {}, "seen: 1, to see: 0, left out: 1"),
    # One bad line, missing fields.
    ('Title,Year,Stars,Note\nFargo,1996,4,"He said "yes" and left"\nSe7en,1995,2,\n', {"2": 2},
     "Lines that cannot be read (1)\n  ratings.csv, line 2"),
    ('title,stars\n"Fargo,4\nSe7en,2\n"300",3\n', {"2": 2, "13": 3}, "ratings.csv, line 2"),
    ("title,stars\nFargo,4,5,6\nSe7en,2\n", {"2": 2}, "ratings.csv, line 2"),
    ("title;year;stars;note\nFargo;1996;4\n", {"18": 4}, ""),
    ('title,stars,note\nFargo,4,"two\nlines"\n', {"18": 4}, ""),
    # Films only, in whatever language that is said.
    *((imdb(**EMMA, TitleType=kind), {}, "Not known to be a film (1)\n  Emma (1996)")
      for kind in ("TV Episode", "Episódio de TV", "Videogioco")),
    *((imdb(**EMMA, TitleType=kind), {"15": 4}, "") for kind in ("TV Movie", "Película")),
    (TMDB + "9,tt9,tv,Emma,1996-01-01,,,8.2,9,2022-09-20\n", {}, "Not known to be a film"),
    # A film twice: the latest stars.
    (LETTERBOXD + f"2024-05-03{LINE[10:]},5\n2024-05-01{LINE[10:]},2\n", {"18": 5}, ""),
    ("title,stars\nFargo,2\nFargo (1996),3\n", {"18": 3}, ""),
    # What is not sure.
    ("title,stars\nSabrina,5\n", {}, "Could be several: Sabrina (1954); Sabrina (1995) (1)"),
    ("title,year,stars\nSabrina,1970,5\nThe Body,1993,1\n***,1995,1\n,,4\n", {},
     "left out: 4.\nNot in"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "ratings", "said"), TAKEN)
def test_what_is_taken_of_a_file(text, ratings, said):
    found = took(text)
    assert found.profile.ratings == ratings
    assert said in found.report(20)


def test_of_letterboxd_s_archive_the_ratings_the_films_seen_and_the_watchlist_are_read():
    emma = "2024-01-02,Emma,1996,https://boxd.it/c\n"
    files = {"ratings.csv": LETTERBOXD + LINE + ",4\n", "watched.csv": f"{WATCHED}{LINE}\n{SE7EN}"}
    files |= {"watchlist.csv": WATCHED + SE7EN + emma, "profile.csv": "Username\nme\n"}
    old = {"deleted/ratings.csv": LETTERBOXD + LINE + ",1\n", "likes/films.csv": WATCHED + LINE}
    again = {f"letterboxd-me-2025/{name}": text for name, text in (files | old).items()}
    again |= {"__MACOSX/ratings.csv": "x", "__MACOSX/letterboxd-me-2025/._ratings.csv": "x"}
    for inside in (files | old, again):
        found = read_profile("me.zip", zipped(**inside), CATALOGUE, WHOLE)
        assert found.profile == Profile({"18": 4}, "ml-100k", seen=["2"], watchlist=["15"])
    parts = [(name, text.encode()) for name, text in files.items() if name != "profile.csv"]
    for order in (parts, parts[::-1]):
        assert import_files(order, CATALOGUE, WHOLE).profile == found.profile
    assert took(zipped(**{"x/export.csv": "title,stars\nFargo,2\n"})).profile.ratings == {"18": 2}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("watchlist.csv", WATCHED + LINE + "\n"),
        ("WATCHLIST.csv", imdb(Title="Fargo", Year="1996")),
        ("movielens-wishlist.csv", MOVIELENS + ",,,,4.2,Fargo (1996)\n"),
        ("goodreads.csv", "Title,My Rating,Exclusive Shelf\nFargo,0,to-read\nEmma,0,reading\n"),
    ],
)
def test_films_to_see_are_the_watchlist_and_never_seen(name, text):
    found = took(text, name)
    assert found.profile == Profile(dataset="ml-100k", watchlist=["18"])
    wanted = {"Without stars, and not known to be seen": ["Emma"]} if "Emma" in text else {}
    assert found.left == wanted


HUNDRED, OTHER = Scale(0, 100), "Title,Year,Your Score\nFargo,1996,90\nSe7en,1995,0\n"


@pytest.mark.parametrize(
    ("text", "scale", "message"),
    [
        (OTHER, None, r"say of which scale 'Your Score' is, as in .*--scale 0 100"),
        ("title,stars\nFargo,8\nSe7en,4\n", None, "say of which scale 'stars' is"),
        ("title,notes\nFargo,fine\n", HUNDRED, "scale was given, but there is no column of stars"),
        (LETTERBOXD, HUNDRED, r"its stars are Letterboxd's, 0\.5"),
    ],
)
def test_the_scale_of_a_list_is_asked_for_where_it_is_not_sure(text, scale, message):
    with pytest.raises(SaelibError, match=message):
        took(text, own_scale=scale)


@pytest.mark.parametrize(
    ("stars", "told", "wanted", "expected"),
    [
        ((10, 7, 1), Scale(1, 10), WHOLE, [5, 4, 1]),
        ((10, 7, 1), Scale(1, 10), HALVES, [5, 3.5, 0.5]),
        ((0.5, 3.5, 5), HALVES, WHOLE, [1, 4, 5]),
        ((0, 90, 100), HUNDRED, WHOLE, [1, 5, 5]),
        ((-3, 0, 3), Scale(-3, 3), HALVES, [0.5, 3, 5]),
        ((1, 3, 5), WHOLE, Scale(-2, 2), [-2, 0, 2]),
    ],
)
def test_the_lowest_stars_become_the_lowest_and_the_highest_the_highest(
    stars, told, wanted, expected
):
    text = "title,My Score\nFargo,{}\nSe7en,{}\n300,{}\n".format(*stars)
    assert [*took(text, scale=wanted, own_scale=told).profile.ratings.values()] == expected


@pytest.mark.parametrize(
    ("movie_id", "spelled"),
    [
        *(("1", title) for title in ("The Usual Suspects;1995", "Usual Suspects, The;1996")),
        ("1", "usual suspects;"),
        ("2", "SEVEN;1994"),
        *(("3", title) for title in ("Les rivieres pourpres;2000", "Crimson Rivers;2001")),
        ("4", "Leon: the professional;1994"),
        ("7", "12 monkeys;1995"),
        ("8", "Star Wars;1977"),
        ("11", "Kull the Conqueror;1997"),
        ("16", "Jane Austen's Emma;1997"),
        ("17", "Withnail and I;1987"),
        ("300", "Amelie;2001"),
    ],
)
def test_spellings_of_one_film(movie_id, spelled):
    assert took(f"title;year\n{spelled}\n").profile.seen == [movie_id]


def test_ids_find_a_film_whatever_its_title_and_kind(monkeypatch):
    links = pd.DataFrame({"movie_id": [18, 16], "imdb_id": [116282, 118308]}, dtype="Int64")
    monkeypatch.setattr(elsewhere, "links_at_hand", lambda name: links)
    for text, ratings in (
        ("title,rating,imdb_id\nFargo - Blutiger Schnee,4,tt0116282\n", {"18": 4}),
        ("title,rating,url\nX,4,https://www.imdb.com/title/tt0116282/?ref_=1\n", {"18": 4}),
        ("imdbId,rating\n0116282.0,4\n", {"18": 4}),
        (imdb(Const="tt0116282", YourRating="8", TitleType="Serie TV"), {"18": 4}),
        ("title,rating,imdb_id\nJane Austen's Emma,4,tt9\n", {}),  # its id is of another film
        ("title,rating,imdb_id\nJane Austen's Emma,4,\n", {"16": 4}),
    ):
        assert took(text).profile.ratings == ratings, text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "its columns are ''. Expected a CSV file of Letterboxd"),
        (b"a,b\n1,2\n", "mine.csv cannot be read: its columns are 'a, b'. Expected"),
        (b"userId,movieId,rating,timestamp\n1,1,4,1\n", "its columns are 'userId, movieId"),
        (b"PK\x03\x04anything", "cannot be read"),
        (zipped(**{"xl/workbook.xml": "<x/>"}), "an archive or a spreadsheet without a CSV file"),
        (zipped(**{"ratings.csv": LETTERBOXD})[:90], "cannot be read"),
        (zipped(**{"ratings.csv": "0" * (MAX_BYTES + 2)}), "longer than 5,000,000 bytes. Expected"),
        (zipped(**{f"{n}.csv": "0" * (MAX_BYTES // 2) for n in "xyz"}), "longer than 5,000,000"),
        (b"title,stars\n" + b"Fargo,4\n" * 150_001, "longer than 150,000 lines"),
        (b'[{"rating":9,"movie":{"title":"Fargo"}}]', "JSON; such services also export CSV"),
    ],
    ids=range(10),
)
def test_a_file_that_cannot_be_read_is_explained_in_one_line(content, message):
    with pytest.raises(SaelibError, match=message) as refused:
        took(content, "mine.csv")
    assert "mine.csv" in str(refused.value)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 500


def test_what_is_loaded_may_be_a_profile_or_an_export():
    profile = Profile({"1": 5}, "ml-100k", rejected=["2"], watchlist=["3"])
    for text in (profile.to_json(), "\ufeff  " + profile.to_json()):
        found = read_profile("me.json", text.encode(), CATALOGUE, WHOLE)
        assert (found.profile, found.of_elsewhere) == (profile, False)
    assert read_profile("me.csv", b"title,stars\n300,4\n", CATALOGUE, WHOLE).of_elsewhere


@pytest.mark.slow
def test_a_hundred_thousand_lines_with_formulas_and_tags():
    lines = [f"2024-01-02,=HYPERLINK({i}),{1900 + i % 100},x,4\n" for i in range(99_998)]
    odd = '2024-01-02,"<img onerror=alert(1)>\x1b[31m\n!",,x,5\n'
    found = took(LETTERBOXD + "".join(lines) + odd + LINE + ",4\n")
    assert found.profile.ratings == {"18": 4}
    assert len(found.report(5).splitlines()) < 10
    assert "\x1b" not in found.report(20)


@fuzz
@given(
    st.binary(max_size=80)
    | st.tuples(st.sampled_from([LETTERBOXD, IMDB, TMDB, MOVIELENS, "title,stars\n"]), st.text())
    .map("".join)
    .map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_anything_is_an_import_or_an_error_of_one_line(content):
    try:
        found = read_profile("x.csv", content, CATALOGUE, WHOLE)
        assert WHOLE.contains(list(found.profile.ratings.values())).all()
        assert len(found.summary().splitlines()) == 1
    except SaelibError as error:
        assert "\n" not in str(error) and len(str(error)) < 600
