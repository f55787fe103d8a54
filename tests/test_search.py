"""What people type into a search: the film they mean stands first."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import fuzz
from hypothesis import given
from hypothesis import strategies as st

from saelib.recommend.catalogue import Catalogue
from saelib.recommend.titles import plain

# (title, year, number of ratings)
FILMS = [
    ("Shawshank Redemption, The", 1994, 283),
    ("Twelve Monkeys (a.k.a. 12 Monkeys)", 1995, 392),
    ("Seven (a.k.a. Se7en)", 1995, 236),
    ("Star Trek: First Contact", 1996, 365),
    ("Stargate", 1994, 127),
    ("Star Wars", 1977, 583),
    ("Empire of the Stars", 1990, 900),
    ("Star", 1960, 1),
    ("Die Hard", 1988, 243),
    ("Hard Day's Night, A", 1964, 500),
    ("X-Men", 2000, 100),
    ("10", 1979, 99),
    ("Rocky V", 1990, 22),
    ("V for Vendetta", 2005, 33),
    ("Godfather, The", 1972, 413),
    ("Misérables, Les", 1995, 30),
    ("Sabrina", 1995, 190),
    ("Sabrina", 1954, 67),
    ("Twin Town", 1997, 5),
    ("Twin Town", 1997, 8),
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    films = pd.DataFrame(FILMS, columns=["title", "year", "n_ratings"])
    films = films.astype({"year": "Int64"}).assign(genres="")
    return Catalogue(films.assign(movie_id=range(1, len(films) + 1)), "own")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("shawshenk", ["Shawshank Redemption, The (1994)"]),
        ("Shwashank redemtion", ["Shawshank Redemption, The (1994)"]),
        ("shawshank prison redemption", ["Shawshank Redemption, The (1994)"]),
        ("shaws", ["Shawshank Redemption, The (1994)"]),
        ("12 monkeys", ["Twelve Monkeys (a.k.a. 12 Monkeys) (1995)"]),
        ("twelve monkeys", ["Twelve Monkeys (a.k.a. 12 Monkeys) (1995)"]),
        ("se7en", ["Seven (a.k.a. Se7en) (1995)"]),
        ("7", ["Seven (a.k.a. Se7en) (1995)"]),
        ("star", ["Star (1960)", "Star Wars (1977)", "Star Trek: First Contact (1996)",
                  "Stargate (1994)", "Empire of the Stars (1990)"]),
        ("starwars", ["Star Wars (1977)"]),
        ("god father", ["Godfather, The (1972)"]),
        ("the godfather", ["Godfather, The (1972)"]),
        ("die hard", ["Die Hard (1988)", "Hard Day's Night, A (1964)"]),
        ("x", ["X-Men (2000)"]),
        ("x men", ["X-Men (2000)"]),
        ("10", ["10 (1979)"]),
        ("rocky 5", ["Rocky V (1990)"]),
        ("Rocky V", ["Rocky V (1990)"]),
        ("v for", ["V for Vendetta (2005)"]),
        ("sabrina", ["Sabrina (1995)", "Sabrina (1954)"]),
        ("sabrina 1954", ["Sabrina (1954)"]),
        ("Sabrina (1954)", ["Sabrina (1954)"]),
        ("les miserables", ["Misérables, Les (1995)"]),
        ("twin town", ["Twin Town (1997)"]),
        ("zzz", []),
        ("", []),
        ("?!", []),
    ],
)  # fmt: skip
def test_the_best_hit_stands_first(catalogue, typed, found):
    assert [catalogue.labels[i] for i in catalogue.find(typed)] == found
    assert len(catalogue.search(typed, n=2)) == min(2, len(found))


def test_of_two_ids_of_one_film_the_more_rated_is_found(catalogue):
    assert catalogue.search("twin")["movie_id"].tolist() == [20]


def test_every_film_is_found_by_its_title_and_by_its_label(ml_100k):
    films = ml_100k.movies.assign(n_ratings=1)
    catalogue = Catalogue(films, "ml-100k")
    for position, (title, label) in enumerate(zip(films["title"], catalogue.labels)):
        if position % 4:
            continue
        first = catalogue.find(title)[0]
        assert films["title"][first] == title or plain(films["title"][first]) == plain(title)
        assert catalogue.labels[catalogue.find(label)[0]] == catalogue.labels[position]


def test_one_wrong_letter_hides_few_films(ml_100k):
    """A letter of the longest word changed, left out, doubled or swapped with the next."""
    films = ml_100k.movies
    counts = films["movie_id"].map(ml_100k.ratings["movie_id"].value_counts()).fillna(0)
    catalogue = Catalogue(films.assign(n_ratings=counts), "ml-100k")
    rng = np.random.default_rng(0)
    tried = found = 0
    for position in rng.permutation(len(films))[:400]:
        words = plain(films["title"][position]).split()
        word = max(words, key=len)
        if len(word) < 5:
            continue
        at = int(rng.integers(1, len(word) - 1))
        wrong = [
            word[:at] + "qxz"[rng.integers(3)] + word[at + 1 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        ][rng.integers(4)]
        typed = " ".join(wrong if other == word else other for other in words)
        labels = catalogue.labels[catalogue.find(typed)[:3]]
        tried, found = tried + 1, found + (catalogue.labels[position] in labels)
    assert tried > 300
    assert found >= 0.97 * tried


@fuzz
@given(st.text(max_size=30))
def test_anything_may_be_typed(catalogue, typed):
    found = catalogue.find(typed)
    assert len({*catalogue.labels[found]}) == len(found)
