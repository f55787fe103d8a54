"""What several tests share: a release in each layout, a small trained model, a browser."""

import os

# Before numpy and torch are imported: in small products threads only wait for each other.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

import resource
import shutil
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from urllib.parse import urlparse

import numpy as np
import pandas as pd
import pytest
import self_checks
import tolerance
from hypothesis import HealthCheck, settings

from saelib.data import Dataset, Scale
from saelib.matrix import RatingMatrix
from saelib.model import Model, train

tolerance.install()
self_checks.install()

# The book has packages of its own, which `make book` installs.
collect_ignore = [] if find_spec("sphinx") else ["test_book.py"]

# Examples of each property; `make fuzz` asks for more.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", 500))


def fuzz(test):
    """Mark a property that `make fuzz` tries with many more examples than `make test`."""
    patient = settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    return pytest.mark.fuzz(patient(test))


@contextmanager
def files_of_at_most(n: int):
    """As on a full disk: writing beyond n bytes of a file fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


TITLES = [
    "Toy Story (1995)",
    "2001: A Space Odyssey (1968)",
    "Misérables, Les (1995)",
    "unknown",
    "Land Before Time III: The Time of the Great Giving (1995) (V)",
    "Sabrina (1995)",
    "Sabrina (1954)",
]
N_USERS, N_FILMS = 60, 40


def made_up(n_users: int = N_USERS, n_films: int = N_FILMS, seed: int = 0) -> Dataset:
    """Ratings of people with a taste of two dimensions, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    people, films = rng.normal(size=(n_users, 2)), rng.normal(size=(n_films, 2))
    stars = 3.3 + people @ films.T + rng.normal(scale=0.3, size=(n_users, n_films))
    rated = rng.random((n_users, n_films)) < 0.5
    users, items = np.nonzero(rated)
    order = rng.permutation(len(users))
    ratings = pd.DataFrame(
        {
            "user_id": users[order] + 1,
            "movie_id": 10 * (items[order] + 1),
            "rating": np.clip(np.round(stars[users[order], items[order]]), 1, 5),
            "timestamp": 880_000_000 + np.arange(len(users)),
        }
    ).astype({"user_id": "int32", "movie_id": "int32", "rating": "float32", "timestamp": "int64"})
    titles = TITLES + [f"Film {i} ({1950 + i})" for i in range(len(TITLES), n_films)]
    parts = pd.Series(titles, dtype=str).str.extract(r"^(.*?)\s*\((\d{4})\)(?: \(V\))?$")
    movies = pd.DataFrame(
        {
            "movie_id": (10 * np.arange(1, n_films + 1)).astype("int32"),
            "title": parts[0].fillna("unknown"),
            "year": pd.to_numeric(parts[1]).astype("Int64"),
            "genres": pd.Series(["Comedy|Drama", "Sci-Fi", "Drama", ""] * n_films, dtype=str)[
                :n_films
            ],
        }
    )
    users = pd.DataFrame(
        {
            "user_id": np.arange(1, n_users + 1, dtype="int32"),
            "gender": pd.Series(["M", "F"] * n_users, dtype=str)[:n_users],
            "age": (np.arange(n_users) % 60 + 10).astype("int32"),
            "occupation": pd.Series(["writer", "artist", "other"] * n_users, dtype=str)[:n_users],
        }
    )
    return Dataset("ml-100k", ratings, movies, users, Scale(1, 5))


def on_scale(data: Dataset, scale: Scale) -> Dataset:
    """The same tastes on another scale, every rating of which is given."""
    stars = data.ratings["rating"].to_numpy()
    share = (stars - 1 + np.random.default_rng(0).uniform(0, 0.999, len(stars))) / 5
    given = scale.levels[(share * scale.n_levels).astype(int)]
    return replace(data, ratings=data.ratings.assign(rating=given.astype("float32")), scale=scale)


@pytest.fixture(scope="session")
def data() -> Dataset:
    return made_up()


@pytest.fixture(scope="session")
def matrix(data) -> RatingMatrix:
    return RatingMatrix.from_dataset(data)


@pytest.fixture(scope="session")
def trained(data) -> Model:
    """A small model of the recipe `default`, as `train` makes it; tests only read it."""
    return train(data, "default", epochs=15, progress=False)


@pytest.fixture(scope="session")
def recommender(trained):
    """What recommends by it."""
    from saelib.recommend.recommender import Recommender

    return Recommender(trained)


@pytest.fixture(scope="session")
def ml_100k() -> Dataset:
    from saelib.movielens import load

    return load("ml-100k")


NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = ["--disable-gpu", "--disable-quic"]


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        say = "no Chromium to try pages in (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(say)
        pytest.skip(say)
    from playwright.sync_api import sync_playwright  # no other test waits for it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page of a fresh browser. Fails where anything is asked of another machine."""
    context = browser.new_context(viewport={"width": 1500, "height": 1000})
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.set_default_timeout(60_000)
    yield page
    for opened in context.pages:
        close(opened)
    context.close()
    assert asked
    hosts = {urlparse(url).hostname for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts <= {"localhost"}


def close(page) -> None:
    """Close the page as a person does: it may say a last word to its server."""
    with page.expect_event("close"):
        page.close(run_before_unload=True)


# The same three ratings and two films in every layout, as bytes by file.
DAT_MOVIES = "10::Misérables, Les (1995)::Comedy|Drama\n20::2001: A Space Odyssey (1968)::Sci-Fi\n"
FILES = {
    "ml-100k": {
        "u.data": b"1\t20\t4\t880000001\n2\t10\t5\t880000002\n1\t10\t3\t880000003\n",
        "u.item": (
            "10|Misérables, Les (1995)|01-Jan-1995||x|0|0|0|0|0|1|0|0|1|0|0|0|0|0|0|0|0|0|0\n"
            "20|unknown||||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
        ).encode("latin-1"),
        "u.user": b"1|24|M|technician|85711\n2|53|F|other|94043\n",
    },
    "recbole": {
        "ml-100k.inter": (
            b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
            b"1\t20\t4\t880000001\n2\t10\t5\t880000002\n1\t10\t3\t880000003\n"
        ),
        "ml-100k.item": (
            "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
            "10\tMisérables, Les\t1995\tComedy Drama\n20\tunkonwn\tunkonwn\tunknown\n"
        ).encode(),
        "ml-100k.user": (
            b"user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
            b"1\t24\tM\ttechnician\t85711\n2\t53\tF\tother\t94043\n"
        ),
    },
    "ml-1m": {
        "ratings.dat": b"1::20::4::880000001\n2::10::5::880000002\n1::10::3::880000003\n",
        "movies.dat": DAT_MOVIES.encode("latin-1"),
        "users.dat": b"1::M::18::17::85711\n2::F::50::0::94043\n",
    },
    "ml-10m": {
        "ratings.dat": b"1::20::4.5::880000001\n2::10::5::880000002\n1::10::3::880000003\n",
        "movies.dat": DAT_MOVIES.encode("utf-8"),
    },
    "csv": {
        "ratings.csv": (
            b"userId,movieId,rating,timestamp\n"
            b"1,20,4.5,880000001\n2,10,5.0,880000002\n1,10,3.0,880000003\n"
        ),
        "movies.csv": (
            'movieId,title,genres\n10,"Misérables, Les (1995)",Comedy|Drama\n'
            "20,2001: A Space Odyssey (1968),(no genres listed)\n"
        ).encode(),
    },
}


def write_release(folder, layout: str, **changed: bytes | None):
    """Write FILES[layout] into `folder`; changed: file name -> other bytes, or None for no file."""
    folder.mkdir(parents=True)
    for name, content in (FILES[layout] | changed).items():
        if content is not None:
            (folder / name).write_bytes(content)
    return folder
