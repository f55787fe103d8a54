"""What people type into a search: the film they mean stands first."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import fuzz
from hypothesis import given
from hypothesis import strategies as st

from saelib.errors import SaelibError
from saelib.recommend import catalogue as catalogues
from saelib.recommend.catalogue import Catalogue, label, names, plain

FILMS = [  # title, year, number of ratings
    ("Shawshank Redemption, The", 1994, 283), ("Twelve Monkeys (a.k.a. 12 Monkeys)", 1995, 392),
    ("Seven (a.k.a. Se7en)", 1995, 236), ("Star Trek: First Contact", 1996, 365),
    ("Stargate", 1994, 127), ("Star Wars", 1977, 583), ("Empire of the Stars", 1990, 900),
    ("Star", 1960, 1), ("Die Hard", 1988, 243), ("Hard Day's Night, A", 1964, 500),
    ("X-Men", 2000, 100), ("10", 1979, 99), ("Rocky V", 1990, 22), ("V for Vendetta", 2005, 33),
    ("Godfather, The", 1972, 413), ("Misérables, Les", 1995, 30), ("Sabrina", 1995, 190),
    ("Sabrina", 1954, 67), ("Twin Town", 1997, 5), ("Twin Town", 1997, 8),
]  # fmt: skip


def catalogue_of(rows: list[tuple[str, int, int]]) -> Catalogue:
    films = pd.DataFrame(rows, columns=["title", "year", "n_ratings"])
    films = films.astype({"year": "Int64"}).assign(genres="")
    return Catalogue(films.assign(movie_id=range(1, len(films) + 1)), "own")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return catalogue_of(FILMS)


MEANT = {  # film: what is typed
    "Shawshank Redemption, The (1994)": ["shawshenk", "Shwashank redemtion", "shaws",
                                         "shawshank prison redemption"],
    "Twelve Monkeys (a.k.a. 12 Monkeys) (1995)": ["12 monkeys", "twelve monkeys"],
    "Seven (a.k.a. Se7en) (1995)": ["se7en"],
    "Star (1960)": ["star"],
    "Star Wars (1977)": ["starwars"],
    "Godfather, The (1972)": ["god father", "the godfather"],
    "Die Hard (1988)": ["die hard"],
    "X-Men (2000)": ["x", "x men"],
    "10 (1979)": ["10"],
    "Rocky V (1990)": ["Rocky V"],
    "V for Vendetta (2005)": ["v for"],
    "Sabrina (1995)": ["sabrina"],
    "Sabrina (1954)": ["sabrina 1954", "Sabrina (1954)"],
    "Misérables, Les (1995)": ["les miserables"],
    "Twin Town (1997)": ["twin town"],
    None: ["zzz", "", "?!"],
}  # fmt: skip
CASES = [(typed, film) for film, spellings in MEANT.items() for typed in spellings]


@pytest.mark.parametrize(("typed", "film"), CASES)
def test_the_film_that_is_meant_stands_first(catalogue, typed, film):
    found = catalogue.find(typed)
    assert [catalogue.labels[i] for i in found[:1]] == ([film] if film else [])
    assert catalogue.find(typed, 1) == found[:1]
    assert 18 not in found, "of two ids of one film, the more rated one"


def test_a_letter_is_not_the_word_that_has_it():
    assert catalogue_of([("M", 1931, 44)]).find("matrix") == []


def test_one_wrong_letter_hides_few_films(ml_100k):
    """A letter in the midst of the longest word is left out or changed."""
    films = ml_100k.movies.reset_index(drop=True)
    counts = films["movie_id"].map(ml_100k.ratings["movie_id"].value_counts()).fillna(0)
    catalogue, rng = Catalogue(films.assign(n_ratings=counts), "ml-100k"), np.random.default_rng(0)
    found = []
    for position in rng.permutation(len(films))[:150]:
        title = plain(films["title"][position])
        word = max(title.split(), key=len)
        if len(word) >= 5:
            at = int(rng.integers(1, len(word) - 1))
            wrong = word[:at] + ["", "q", "x"][rng.integers(3)] + word[at + 1 :]
            labels = catalogue.labels[catalogue.find(title.replace(word, wrong), 3)]
            found.append(catalogue.labels[position] in labels)
    assert len(found) > 100 and np.mean(found) >= 0.97


@fuzz
@given(st.text(max_size=30))
def test_anything_may_be_typed(catalogue, typed):
    found = catalogue.find(typed)
    assert len({*catalogue.labels[found]}) == len(found)


def test_names_in_a_title():
    for title, named in {
        "Crimson Rivers, The (Rivières pourpres, Les) (2000)": [
            "the crimson rivers", "les rivieres pourpres"],
        "Victory (a.k.a. Escape to Victory) (1981)": ["victory", "escape to victory"],
        "Appartement, L' (1996)": ["l appartement"],
        "(500) Days of Summer": ["500 days of summer"],
        "Film(1) (V)": ["film 1 v"],
        "Æon Flux & Søn": ["aeon flux and son"],
        "(1984)": [""],
    }.items():  # fmt: skip
        assert names(title) == named


SPANISH = {  # title, year: its Spanish title
    ("Godfather, The", 1972): "El padrino",
    ("Jurassic Park", 1993): "Parque Jurásico",
    ("The Lion King (Lejonkungen)", 1994): "El rey león",  # however a release writes it
    ("Star Wars", 1977): "La guerra de las galaxias",
}


def test_famous_films_are_found_and_named_by_their_spanish_titles():
    others = [film for film in FILMS if film[:2] not in SPANISH]
    catalogue = catalogue_of([*others, *((*film, 1) for film in SPANISH)])
    for (title, year), alias in SPANISH.items():
        for typed in (alias, alias.upper(), plain(alias)[:-1]):
            assert catalogue.labels[catalogue.find(typed, 1)] == [label(title, year)]
        assert catalogue.label(alias) == label(title, year)


def test_each_alias_is_there_once_and_another_name_than_the_title():
    table = pd.read_csv(Path(catalogues.__file__).with_name("aliases.csv"))
    assert list(table) == ["title", "alias"] and not table.duplicated().any()
    for title, alias in table.itertuples(index=False):
        assert re.search(r"\S \((19|20)\d\d\)$", title) and alias == alias.strip()
        assert plain(alias) not in names(title)


def test_a_film_is_named_by_id_or_by_title(catalogue):
    for film in (18, "18", " 18 ", "Sabrina (1954)", "sabrina (1954)"):
        assert catalogue.position(film) == 17
    assert catalogue.movie_id("star wars") == "6" and catalogue.label("6") == "Star Wars (1977)"
    assert catalogue.position("10") == 9, "an id wins over the film 10"
    assert catalogue.position("10 (1979)") == 11
    assert label("Fargo", 1996) == "Fargo (1996)" and label("unknown", None) == "unknown"
    for film, message in (
        ("Sabrina", r"'Sabrina' names several films; give a movie_id \(17: .*1995.*18: .*1954"),
        ("Star Warz (1977)", r"Did you mean: Star Wars \(1977\)"),
        ("9999", "own has no film '9999'; expected a movie_id or a title"),
        (None, "has no film None"),
        ("x" * 10**6, "has no film 'xxx"),
        (1.5, "has no film 1.5"),
    ):
        with pytest.raises(SaelibError, match=message) as refused:
            catalogue.position(film)
        assert len(str(refused.value)) < 400
