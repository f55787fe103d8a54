"""Every release in one schema; every fault of a file or download named, nothing left half-done."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import io
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
import trustme
from conftest import FILES, fuzz, write_release
from hypothesis import given
from hypothesis import strategies as st

from saelib import cli
from saelib.data import download, layouts, releases
from saelib.data.matrix import RatingMatrix
from saelib.errors import DataError, DownloadError

# -- Layouts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", FILES)
def test_each_layout_reads_into_the_schema(layout, registry, tmp_path):
    name = registry(layout)
    data = releases.read(write_release(tmp_path / "x", layout), name)
    half = 4.5 if layout in ("csv", "ml-10m") else 4
    expected = pd.DataFrame(
        {
            "user_id": [1, 2, 1],
            "movie_id": [20, 10, 10],
            "rating": [half, 5, 3],
            "timestamp": [880000001, 880000002, 880000003],
        }
    ).astype(layouts.RATING_TYPES)
    pd.testing.assert_frame_equal(data.ratings, expected)
    assert list(data.movies) == ["movie_id", "title", "year", "genres"]
    assert data.movies["title"][0] == "Misérables, Les"
    assert data.movies["year"][0] == 1995
    assert data.movies["genres"][0] == "Comedy|Drama"
    if layout in ("ml-100k", "recbole"):
        assert data.movies["title"][1] == "unknown"
        assert data.movies["year"].isna().tolist() == [False, True]
        assert data.movies["genres"][1] == ""
        assert data.users.to_dict("list") == {
            "user_id": [1, 2],
            "gender": ["M", "F"],
            "age": [24, 53],
            "occupation": ["technician", "other"],
        }
    else:
        assert data.movies["title"][1] == "2001: A Space Odyssey"
        assert data.movies["year"].tolist() == [1995, 1968]
    if layout == "csv":
        assert data.movies["genres"][1] == ""
    if layout == "ml-1m":
        assert data.users["age"].tolist() == [18, 50]
        assert data.users["occupation"].tolist() == ["technician/engineer", "other"]
    if layout in ("csv", "ml-10m"):
        assert data.users is None


def test_a_note_behind_the_year_is_no_part_of_the_title():
    titles = pd.Series(
        ["Land Before Time III (1995) (V)", "Blow-Up (Blowup) (1966)", "(1995)", "X"]
    )
    movies = layouts._movies(pd.Series(range(4)), titles, pd.Series([""] * 4))
    assert movies["title"].tolist() == ["Land Before Time III", "Blow-Up (Blowup)", "(1995)", "X"]
    assert movies["year"].tolist()[:2] == [1995, 1966]


def original_ml_100k():
    folder = os.environ.get("SAELIB_DATA", "")
    if not os.path.exists(os.path.join(folder, "ml-100k", "u.data")):
        pytest.skip("SAELIB_DATA names no folder with GroupLens's original ml-100k")
    return os.path.join(folder, "ml-100k")


def test_the_wheel_holds_the_same_as_the_original(tmp_path):
    original = releases.read(original_ml_100k(), "ml-100k")
    wheel = releases.read(
        download.recbole(layouts.LAYOUTS["recbole"].files).obtain(tmp_path), "ml-100k"
    )
    for table in ("ratings", "movies", "users"):
        pd.testing.assert_frame_equal(getattr(wheel, table), getattr(original, table))


def test_ml_100k_is_what_its_readme_says(ml_100k):
    assert len(ml_100k.ratings) == 100_000
    assert ml_100k.ratings["user_id"].nunique() == 943
    assert ml_100k.ratings["movie_id"].nunique() == len(ml_100k.movies) == 1682
    assert ml_100k.movies.query("movie_id == 267")["title"].item() == "unknown"
    assert ml_100k.movies["year"].isna().sum() == 1
    assert set(ml_100k.users["gender"]) == {"F", "M"}
    assert ml_100k.users["occupation"].nunique() == 21


def test_ml_1m_is_what_its_readme_says():
    folder = os.path.join(os.environ.get("SAELIB_DATA", ""), "ml-1m")
    if not os.path.exists(folder):
        pytest.skip("SAELIB_DATA names no folder with ml-1m")
    data = releases.read(folder, "ml-1m")
    assert len(data.ratings) == 1_000_209
    assert data.ratings["user_id"].nunique() == len(data.users) == 6040
    assert (len(data.movies), data.ratings["movie_id"].nunique()) == (3883, 3706)
    assert set(data.users["age"]) == {1, 18, 25, 35, 45, 50, 56}


# -- Faults in files --------------------------------------------------------------------------

FAULTS = [
    ("ml-100k", {"u.data": b"1\t20\t4\t880000001\n2\t10\t5\n"}, r"u\.data is damaged"),
    ("ml-100k", {"u.data": b"1\t20\t4\t880000001\n"}, "1 ratings where tiny has 3"),
    ("ml-100k", {"u.data": b"1\t20\tfour\t880000001\n"}, r"u\.data is damaged.*four"),
    ("ml-100k", {"u.data": b"\x00\xff" * 50}, r"u\.data is damaged|not encoded"),
    ("ml-100k", {"u.data": b""}, "0 ratings where tiny has 3"),
    ("ml-100k", {"u.data": b"1\t20\t9\t880000001\n" * 3}, "9 stars; tiny has 1 to 5"),
    ("ml-100k", {"u.user": None}, r"incomplete: u\.user missing.*fetch --dataset"),
    ("ml-100k", {"u.item": "10|Misérables|||\n".encode()}, r"u\.item is encoded as utf-8"),
    ("ml-100k", {"u.item": b"10|Toy Story|||\n"}, r"u\.item is damaged: line 1 has 5 fields"),
    ("ml-100k", {"u.user": b"one|24|M|writer|1\n"}, r"u\.user is damaged.*one"),
    ("ml-1m", {"ratings.dat": b"1::20::4::88\n1::20::4\n"}, r"ratings\.dat is damaged"),
    ("ml-1m", {"ratings.dat": b"1::20::4.5::88\n" * 3}, "4.5 stars; tiny has 1 to 5 in steps of 1"),
    ("ml-1m", {"users.dat": b"1::M::18::99::1\n"}, "occupation code outside 0 to 20"),
    (
        "ml-10m",
        {"movies.dat": b"10::Mis\xe9rables::Drama\n"},
        r"movies\.dat is not encoded as utf-8",
    ),
    (
        "csv",
        {"ratings.csv": b"userId,movieId,timestamp\n1,2,3\n"},
        r"lacks the column rating; it has",
    ),
    ("csv", {"movies.csv": b"movieId,title\n1,X\n"}, r"movies\.csv lacks the column genres"),
    (
        "csv",
        {"movies.csv": b"movieId,title,genres\n1,Caf\xe9,Drama\n"},
        r"movies\.csv is not encoded",
    ),
    ("csv", {"movies.csv": None}, r"incomplete: movies\.csv missing"),
    # Tables that do not fit one another.
    (
        "ml-100k",
        {"u.user": b"1|24|M|technician|85711\n"},
        r"u\.data is damaged: line 2 is of a person whom u\.user does not list",
    ),
    (
        "ml-1m",
        {"movies.dat": b"10::Mis\xe9rables::Drama\n"},
        r"ratings\.dat is damaged: line 1 rates a film that movies\.dat does not list",
    ),
    ("csv", {"movies.csv": b"movieId,title,genres\n"}, r"line 2 rates a film that movies\.csv"),
    ("ml-1m", {"users.dat": b""}, r"line 1 is of a person whom users\.dat does not list"),
    ("ml-10m", {"movies.dat": b""}, r"line 1 rates a film that movies\.dat does not list"),
    # Lines that stand twice.
    (
        "csv",
        {"ratings.csv": FILES["csv"]["ratings.csv"] + b"\n1,20,4.5,880000001\n"},
        r"ratings\.csv is damaged: line 6 rates a film that the same person has rated before",
    ),
    (
        "recbole",
        {"ml-100k.item": FILES["recbole"]["ml-100k.item"] + b"10\tHeat\t1995\tDrama\n"},
        r"item is damaged: line 4 lists a film that is listed before",
    ),
    (
        "ml-1m",
        {"users.dat": FILES["ml-1m"]["users.dat"] * 2},
        r"users\.dat is damaged: line 3 lists a person who is listed before",
    ),
    # Numbers that no release has.
    ("ml-100k", {"u.data": b"1\t10000000000\t4\t88\n"}, r"u\.data is damaged: line 1 is not a"),
    ("ml-1m", {"movies.dat": b"10000000000::X::Drama\n"}, "line 1 has '10000000000' where"),
    ("csv", {"ratings.csv": FILES["csv"]["ratings.csv"] + b"-1,10,3,8\n"}, "line 5 has a user_id"),
    ("ml-100k", {"u.item": b"-10|X" + b"|" * 22}, "line 1 has '-10' where a whole number"),
    ("csv", {"movies.csv": b"movieId,title,genres\n0,X,Drama\n"}, "line 2 has a movie_id below 1"),
    ("csv", {"ratings.csv": FILES["csv"]["ratings.csv"] + b"2,20,nan,8\n"}, "line 5 has nan stars"),
    ("csv", {"ratings.csv": FILES["csv"]["ratings.csv"] + b"2,20,inf,8\n"}, "line 5 has inf stars"),
    ("ml-100k", {"u.data": b"1\t20\t\t88\n"}, "line 1 has nan stars"),
    # People of whom the release cannot have heard: of the file, not of a profile.
    (
        "ml-100k",
        {"u.user": b"1|24|M|writer|1\n2|53|X|writer|1\n"},
        r"user is .*line 2 .*gender 'X'",
    ),
    ("ml-100k", {"u.user": b"1|0|M|writer|1\n"}, r"u\.user is .*line 1 has the age '0', not 1 to"),
    ("ml-100k", {"u.user": b"1|24|M|pirate|1\n"}, r"u\.user is .*line 1 .*occupation 'pirate'"),
    ("ml-1m", {"users.dat": b"1::M::18::17::1\n2::F::999::0::1\n"}, "line 2 has the age '999'"),
    (
        "recbole",
        {"ml-100k.user": FILES["recbole"]["ml-100k.user"].replace(b"F", b"f")},
        "line 3 .*'f'",
    ),
    # Torn lines, foreign bytes.
    (
        "ml-1m",
        {"ratings.dat": b"\n\n1::20::4::88\n1::20:4::88\n"},
        "line 4 is not a person, a film",
    ),
    (
        "csv",
        {"movies.csv": b'movieId,title,genres\n10,"A\n20,B",Drama\n'},
        "line 2 lacks a field or",
    ),
    ("csv", {"movies.csv": b"movieId,title,genres\n10,A,Drama\n20,B\n"}, "line 3 lacks a field"),
    (
        "recbole",
        {"ml-100k.user": FILES["recbole"]["ml-100k.user"].replace(b"M\t", b"M\tM\t")},
        "user is .*more fields",
    ),
    ("ml-100k", {"u.data": b"7\t1\t20\t4\t88\n"}, "line 1 is not a person, a film"),
    ("csv", {"ratings.csv": b"userId,movieId,rating,timestamp\n"}, "0 ratings where tiny has 3"),
    ("csv", {"ratings.csv": b""}, r"ratings\.csv is damaged: No columns"),
    ("csv", {"ratings.csv": FILES["csv"]["ratings.csv"].replace(b"20", b"2\0")}, r"line 2 is not"),
    ("ml-100k", {"u.data": b"\0" * 1000}, r"u\.data is damaged: line 1"),
    ("ml-1m", {"movies.dat": b"\xef\xbb\xbf10::X::Drama\n"}, r"movies\.dat is encoded as utf-8"),
    ("ml-1m", {"users.dat": FILES["ml-1m"]["users.dat"].replace(b"::", b"\t")}, "has 1 fields"),
]


@pytest.mark.parametrize(("layout", "changed", "message"), FAULTS)
def test_a_faulty_file_is_named(layout, changed, message, registry, tmp_path):
    name = registry(layout)
    folder = write_release(tmp_path / "x", layout, **changed)
    with pytest.raises(DataError, match=message) as caught:
        releases.read(folder, name)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("layout", FILES)
def test_other_line_ends_and_empty_lines_change_nothing(layout, registry, tmp_path):
    name = registry(layout)
    expected = releases.read(write_release(tmp_path / "x", layout), name)
    for number, ends in enumerate((b"\r\n", b"\r", b"\n\n")):
        changed = {file: raw.replace(b"\n", ends) for file, raw in FILES[layout].items()}
        folder = write_release(tmp_path / str(number), layout, **changed)
        assert_same(releases.read(folder, name), expected)


def test_a_byte_order_mark_before_a_header_changes_nothing(registry, tmp_path):
    name = registry("csv")
    changed = {file: b"\xef\xbb\xbf" + raw for file, raw in FILES["csv"].items()}
    data = releases.read(write_release(tmp_path / "marked", "csv", **changed), name)
    assert_same(data, releases.read(write_release(tmp_path / "x", "csv"), name))


def assert_same(data, expected):
    for table in ("ratings", "movies", "users"):
        if getattr(expected, table) is not None:
            pd.testing.assert_frame_equal(getattr(data, table), getattr(expected, table))


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (releases.Counts(3, 3, 2), r"ratings\.csv holds 2 people where tiny has 3"),
        (releases.Counts(3, 2, 3), r"movies\.csv holds 2 films where tiny has 3"),
        (releases.Counts(4, 2, 2), r"ratings\.csv holds 3 ratings where tiny has 4"),
    ],
)
def test_people_and_films_are_counted_too(counts, message, registry, tmp_path):
    name = registry("csv", counts=counts)
    with pytest.raises(DataError, match=message):
        releases.read(write_release(tmp_path / "x", "csv"), name)


def test_a_release_without_published_counts_has_some_ratings(registry, tmp_path):
    name = registry("csv", counts=None)
    header = FILES["csv"]["ratings.csv"].split(b"\n")[0]
    folder = write_release(tmp_path / "x", "csv", **{"ratings.csv": header + b"\n"})
    with pytest.raises(DataError, match=r"ratings\.csv holds 0 ratings where tiny has some"):
        releases.read(folder, name)


# What bad luck does to a file, at a place from 0 to 1 and a second one.
DAMAGES = {
    "cut off": lambda raw, a, b: raw[:a],
    "cut out": lambda raw, a, b: raw[: min(a, b)] + raw[max(a, b) :],
    "doubled": lambda raw, a, b: raw[: max(a, b)] + raw[min(a, b) :],
    "moved": lambda raw, a, b: raw[a:] + raw[:a],
    "a bit flipped": lambda raw, a, b: raw[:a] + bytes([raw[a] ^ 1 << b % 8]) + raw[a + 1 :],
    "a line out": lambda raw, a, b: b"".join(_lines(raw, a)[0] + _lines(raw, a)[1][1:]),
    "a line doubled": lambda raw, a, b: b"".join(_lines(raw, a)[0] * 2 + _lines(raw, a)[1]),
}


def _lines(raw: bytes, place: int) -> tuple[list[bytes], list[bytes]]:
    lines = raw.splitlines(keepends=True)
    number = raw[:place].count(b"\n")
    return lines[:number], lines[number:]


places = st.floats(0, 1, exclude_max=True)
damages = st.lists(
    st.tuples(st.sampled_from(sorted(DAMAGES)), places, places), min_size=1, max_size=3
)


def damage(raw: bytes, some: list[tuple[str, float, float]]) -> bytes:
    for kind, a, b in some:
        if raw:
            raw = DAMAGES[kind](raw, int(a * len(raw)), int(b * len(raw)))
    return raw


@fuzz
@given(
    layout=st.sampled_from(sorted(FILES)),
    file=st.integers(0, 2),
    some=damages,
    counted=st.booleans(),
    unpacked_here=st.booleans(),
)
def test_damaged_data_are_complete_or_an_error(
    layout, file, some, counted, unpacked_here, registry, tmp_path
):
    """Read are the counts that are known, on the scale, each table fitting the others, or nothing.

    One rating in place of another cannot be told where the release was placed by hand; where it
    was unpacked here, no change of a byte goes unnoticed.
    """
    name = registry(layout, **({} if counted else {"counts": None}))
    shutil.rmtree(tmp_path / "x", ignore_errors=True)
    folder = write_release(tmp_path / "x", layout)
    if unpacked_here:
        download._write_digests(folder)
    path = folder / sorted(FILES[layout])[file % len(FILES[layout])]
    valid = path.read_bytes()
    path.write_bytes(damage(valid, some))
    try:
        data = releases.read(folder, name)
    except DataError as error:
        assert str(folder) in str(error)
        return
    if unpacked_here:
        assert path.read_bytes() == valid
    low, high, step = data.scale.lowest, data.scale.highest, data.scale.step
    assert ((data.ratings["rating"] - low) % step == 0).all()
    assert data.ratings["rating"].between(low, high).all()
    matrix = RatingMatrix.from_dataset(data)  # what does not fit is an error here
    assert matrix.csr.nnz == len(data.ratings) > 0
    assert len(matrix.facts) == len(data.movies)
    if counted:
        assert (matrix.csr.nnz, matrix.csr.shape) == (3, (2, 2))


def test_an_id_of_ten_digits_takes_no_gigabytes(registry, tmp_path):
    """Nor one of nine, which is possible: nothing is as long as the largest id."""
    name = registry("csv")
    changed = {file: raw.replace(b"20,", b"999999999,") for file, raw in FILES["csv"].items()}
    data = releases.read(write_release(tmp_path / "x", "csv", **changed), name)
    tracemalloc.start()
    RatingMatrix.from_dataset(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_unknown_release_lists_the_known_ones():
    with pytest.raises(DataError, match=r"Unknown data set 'ml-2m'; choose one of ml-100k, ml-1m"):
        releases.load("ml-2m")


def test_a_name_cannot_write_to_the_terminal():
    with pytest.raises(DataError, match="Unknown data set") as caught:
        releases.load("ml\x1b[2J\n\u202e")
    assert str(caught.value).isprintable()


@contextlib.contextmanager
def without_root():
    """As another user: root may read everything, so the test would prove nothing."""
    if not hasattr(os, "geteuid"):
        pytest.skip("no file permissions of this kind here")
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_folder_without_read_permission_is_named(registry, tmp_path):
    name = registry("csv")
    folder = write_release(tmp_path / "x", "csv")
    folder.chmod(0)
    try:
        with without_root(), pytest.raises(DataError, match=r"(?i)permission"):
            releases.read(folder, name)
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("file", ["ratings.csv", "movies.csv"])
def test_a_file_without_read_permission_is_named(file, registry):
    name = registry("csv")
    with tempfile.TemporaryDirectory() as anybodys:  # tmp_path can be entered by its owner only
        Path(anybodys).chmod(0o755)
        folder = write_release(Path(anybodys) / "x", "csv")
        (folder / file).chmod(0)
        with without_root(), pytest.raises(DataError, match=f"Cannot read .*{file}: Permission"):
            releases.read(folder, name)


@pytest.mark.parametrize("file", ["ratings.csv", "movies.csv"])
def test_a_folder_in_place_of_a_file_is_named(file, registry, tmp_path):
    folder = write_release(tmp_path / "x", "csv", **{file: None})
    (folder / file).mkdir()
    with pytest.raises(DataError, match=f"Cannot read .*{file}: Is a directory"):
        releases.read(folder, registry("csv"))


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("~nosuchuser/data", "SAELIB_DATA is '~nosuchuser/data', but there is no such user"),
        ("{file}", "is a file, not a folder"),
        ("x" * 300, "Cannot read x.*: File name too long"),
    ],
)
def test_a_saelib_data_that_cannot_be_is_named(named, message, registry, tmp_path, monkeypatch):
    name = registry("csv")
    (tmp_path / "file").touch()
    monkeypatch.setenv("SAELIB_DATA", named.format(file=tmp_path / "file"))
    for look in (releases.locate, releases.fetch, releases.load):
        with pytest.raises(DataError, match=message):
            look(name)


def test_saelib_data_comes_first_and_an_incomplete_folder_is_an_error(
    registry, tmp_path, monkeypatch
):
    name = registry("csv")
    here = write_release(tmp_path / "data" / name, "csv")
    assert releases.fetch(name) == here
    monkeypatch.setenv("SAELIB_DATA", str(tmp_path / "elsewhere"))
    assert releases.fetch(name) == here, "a SAELIB_DATA folder without the release is passed over"
    there = write_release(tmp_path / "elsewhere" / name, "csv")
    assert releases.fetch(name) == there
    (there / "movies.csv").unlink()
    with pytest.raises(DataError, match=r"elsewhere.*incomplete: movies\.csv missing"):
        releases.load(name)


# -- Downloads --------------------------------------------------------------------------------


def archive(layout: str = "csv", folder: str = "tiny", **changed) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, content in (FILES[layout] | changed).items():
            if content is not None:
                zipped.writestr(f"{folder}/{name}", content)
    return buffer.getvalue()


class Server:
    """A local GroupLens whose behaviour a test sets: whole, slow, cut, stalled, 404."""

    def __init__(self, context: ssl.SSLContext | None = None):
        self.body, self.mode, self.requests = archive(), "whole", 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests += 1
                if server.mode == "404":
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(server.body)))
                self.end_headers()
                half = len(server.body) // 2
                if server.mode == "slow":
                    for start in range(0, len(server.body), 100):
                        self.wfile.write(server.body[start : start + 100])
                        time.sleep(0.05)
                    return
                self.wfile.write(server.body if server.mode == "whole" else server.body[:half])
                if server.mode == "stalled":
                    server.released.wait(10)

            def log_message(self, *arguments):
                pass

        self.released = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context is not None:
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://localhost:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.released.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch):
    made = Server()
    monkeypatch.setattr(download, "GROUPLENS", made.url)
    yield made
    made.close()


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def left_in(folder) -> list[str]:
    """Names in a folder, without those of locks: to remove one would break it for who waits."""
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    return [name for name in names if not name.endswith(".lock")]


def test_a_download_is_verified_unpacked_and_used_again(server, registry, tmp_path, capsys):
    name = registry("csv", checksum=sha256(server.body))
    data = releases.load(name)
    assert len(data.ratings) == 3
    assert left_in(tmp_path / "data") == ["tiny"]
    said = capsys.readouterr().err
    assert "tiny: fetching from" in said
    assert "verified and unpacked" in said
    assert "100%" in said, "a progress bar"
    releases.load(name)
    assert server.requests == 1


def test_a_slow_server_is_waited_for(server, registry):
    name = registry("csv", checksum=sha256(server.body))
    server.mode = "slow"
    assert len(releases.load(name).ratings) == 3


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("404", "404"),
        ("cut", "download failed|checksum"),
        ("stalled", "download failed.*[Tt]imed out"),
    ],
)
def test_a_failed_download_leaves_nothing_and_a_second_run_recovers(
    mode, message, server, registry, tmp_path, monkeypatch
):
    monkeypatch.setattr(download, "TIMEOUT", 0.5)
    name = registry("csv", checksum=sha256(server.body))
    server.mode = mode
    with pytest.raises(DownloadError, match=message) as caught:
        releases.load(name)
    assert f"{server.url}/tiny.zip" in str(caught.value), "what was tried"
    assert str(tmp_path / "data" / "tiny") in str(caught.value), "where files may be placed by hand"
    assert left_in(tmp_path / "data") == []
    server.mode = "whole"
    assert len(releases.load(name).ratings) == 3


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (archive() + b"!", "checksum is not the published one"),
        (archive(**{"ratings.csv": b"evil"}), "checksum is not the published one"),
    ],
)
def test_a_tampered_archive_is_never_unpacked(body, message, server, registry, tmp_path):
    name = registry("csv", checksum=sha256(server.body))
    server.body = body
    with pytest.raises(DownloadError, match=message):
        releases.load(name)
    assert left_in(tmp_path / "data") == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (archive()[:200], "not a readable zip file"),
        (archive(folder="other"), "does not hold the folder tiny/"),
        (archive(**{"movies.csv": None}), r"movies\.csv missing"),
    ],
)
def test_an_archive_without_checksum_that_is_not_the_release(
    body, message, server, registry, tmp_path
):
    name = registry("csv")
    server.body = body
    with pytest.raises(DataError, match=message):
        releases.load(name)
    assert left_in(tmp_path / "data") == []


def test_what_a_killed_run_left_is_cleared(server, registry, tmp_path):
    name = registry("csv", checksum=sha256(server.body))
    left_over = tmp_path / "data" / ".tiny-killed"
    left_over.mkdir(parents=True)
    (left_over / "ratings.csv").write_text("half")
    (tmp_path / "data" / ".tiny-file").write_text("half")
    (tmp_path / "data" / ".other-killed").mkdir()
    releases.load(name)
    assert left_in(tmp_path / "data") == [".other-killed", "tiny"], "only what is of this release"


FETCH = """
import sys
from pathlib import Path
from saelib.data import download, releases
url, project, checksum = sys.argv[1:]
download.GROUPLENS, releases.PROJECT = url, Path(project)
releases.RELEASES["tiny"] = releases.Release("Tiny", "csv", releases.Counts(3, 2, 2), checksum)
print(len(releases.load("tiny").ratings))
"""


def fetching(server: Server, project) -> subprocess.Popen:
    """Another program that loads the release 'tiny' of the server."""
    arguments = [sys.executable, "-c", FETCH, server.url, str(project), sha256(server.body)]
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


@pytest.mark.slow
def test_of_two_programs_that_fetch_the_second_waits(server, registry, tmp_path):
    server.mode = "slow"
    server.body = archive(README=b"x" * 10_000)  # a hundred pieces: five seconds
    first, second = (fetching(server, tmp_path) for _ in range(2))
    told = [program.communicate(timeout=60) for program in (first, second)]
    assert [out for out, _ in told] == ["3\n", "3\n"], told
    waited = ["another program is fetching it; waiting" in err for _, err in told]
    assert sorted(waited) == [False, True]
    assert server.requests == 1
    assert left_in(tmp_path / "data") == ["tiny"]


def test_a_killed_program_keeps_nobody_waiting(server, registry, tmp_path):
    server.mode = "stalled"
    killed = fetching(server, tmp_path)
    while server.requests == 0:
        time.sleep(0.05)
    waiting = fetching(server, tmp_path)
    assert "waiting" in waiting.stderr.readline()
    [left_over] = left_in(tmp_path / "data")
    server.mode = "whole"
    killed.kill()
    assert waiting.communicate(timeout=30)[0] == "3\n"
    killed.communicate()
    assert left_over.startswith(".tiny-")
    assert left_in(tmp_path / "data") == ["tiny"]


def test_verified_is_said_only_where_there_is_a_checksum(server, registry, tmp_path, capsys):
    name = registry("csv", counts=None)
    releases.load(name)
    said = capsys.readouterr().err
    assert "no checksum to verify" in said
    assert f"tiny: unpacked into {tmp_path / 'data' / name}" in said
    assert "verified and" not in said


@pytest.mark.parametrize("file", ["ratings.csv", "movies.csv"])
@pytest.mark.parametrize("n_bytes", range(1, 40, 3))
def test_what_was_unpacked_here_and_cut_later_is_noticed(file, n_bytes, server, registry, tmp_path):
    """Though neither the counts nor a checksum of the release are known."""
    name = registry("csv", counts=None)
    path = releases.fetch(name) / file
    assert len(releases.load(name).ratings) == 3
    path.write_bytes(path.read_bytes()[:-n_bytes])
    with pytest.raises(DataError, match=f"{file} is not what was unpacked.*fetch --dataset tiny"):
        releases.load(name)


def test_the_digests_are_what_sha256sum_reads(server, registry):
    folder = releases.fetch(registry("csv"))
    lines = (folder / download.DIGESTS).read_text().splitlines()
    assert lines == [
        f"{hashlib.sha256((folder / file).read_bytes()).hexdigest()}  {file}"
        for file in ("movies.csv", "ratings.csv")
    ]
    (folder / download.DIGESTS).write_bytes(b"\xff")
    with pytest.raises(DataError, match="is not what was unpacked"):
        releases.load("tiny")


def test_a_published_split_is_compared_with_its_digest_too(tmp_path):
    (tmp_path / "u1.base").write_bytes(FILES["ml-100k"]["u.data"])
    assert len(releases.read_split(tmp_path, "u1.base")) == 3
    download._write_digests(tmp_path)
    (tmp_path / "u1.base").write_bytes(FILES["ml-100k"]["u.data"][:-2])
    with pytest.raises(DataError, match=r"u1\.base is not what was unpacked"):
        releases.read_split(tmp_path, "u1.base")


# -- Archives ---------------------------------------------------------------------------------


def patched(raw: bytes, at: int, value: bytes) -> bytes:
    """With other bytes in the headers of the first member, the local one and the central one.

    at: the place in the central header; in the local one it is two less.
    """
    central = raw.index(b"PK\1\2")
    raw = raw[: at - 2] + value + raw[at - 2 + len(value) :]
    return raw[: central + at] + value + raw[central + at + len(value) :]


def compressed(method: int, content: bytes = b"x" * 1000) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as zipped:
        for name, raw in (FILES["csv"] | {"tags.csv": content}).items():
            zipped.writestr(f"tiny/{name}", raw)
    return buffer.getvalue()


deflated = compressed(zipfile.ZIP_DEFLATED)
body = deflated.index(b"ratings.csv") + len("ratings.csv")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not a readable zip file"),
        (b"PK\5\6" + bytes(18), "does not hold the folder tiny/"),
        (archive(**{"../../evil": b"x"}), r"'tiny/../../evil' in the archive lies outside"),
        (archive(**{"..\\evil": b"x"}), "lies outside"),
        (archive(**{"ratings.csv": None}), r"incomplete: tiny/ratings\.csv missing"),
        (compressed(zipfile.ZIP_LZMA), "compressed in a way that GroupLens does not use"),
        (compressed(zipfile.ZIP_BZIP2), "compressed in a way that GroupLens does not use"),
        (patched(archive(), 10, b"\x63\0"), "compressed in a way that GroupLens does not use"),
        (patched(archive(), 8, b"\1\0"), r"not a readable zip file \(.*encrypted"),
        (patched(archive(), 8, b"\x40\0"), r"not a readable zip file \(strong encryption"),
        (patched(archive(), 8, b"\x20\0"), r"not a readable zip file \(compressed patched data"),
        (patched(archive(), 6, b"\xff\0"), r"not a readable zip file \(zip file version 25"),
        (deflated[:body] + b"\xff" + deflated[body + 1 :], "not a readable zip file .*decompress"),
        (compressed(zipfile.ZIP_DEFLATED, bytes(2**20)), "1,048,.* bytes, more than 20 times its"),
    ],
)
def test_a_hostile_archive_is_refused(raw, message, registry, tmp_path, server):
    name, server.body = registry("csv"), raw
    with pytest.raises(DownloadError, match=message):
        releases.load(name)
    assert left_in(tmp_path / "data") == []
    assert left_in(tmp_path) == ["data", "pyproject.toml"]


def test_a_member_writes_no_more_than_it_says(tmp_path):
    """An archive that says 1,000 bytes and holds a million."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("tiny/tags.csv", bytes(10**6))
        zipped.infolist()[0].file_size = 1000
    (tmp_path / "x.zip").write_bytes(buffer.getvalue())
    with pytest.raises(DownloadError, match=r"not a readable zip file \(Bad CRC"):
        download.unpack(tmp_path / "x.zip", "tiny", tmp_path / "out", ())
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.csv")) <= 1000


def test_a_wheel_without_its_files_is_refused(server, registry, monkeypatch, tmp_path):
    def pip(command, **kwargs):
        with zipfile.ZipFile(f"{command[-2]}/recbole.whl", "w") as zipped:
            zipped.writestr(f"{download.RECBOLE_FOLDER}/ml-100k.inter", "")
        return subprocess.CompletedProcess(command, 0)

    server.mode = "404"
    monkeypatch.setattr(subprocess, "run", pip)
    with pytest.raises(DownloadError, match="wheel's checksum"):
        releases.load("ml-100k")
    made = tmp_path / "made"
    made.mkdir()
    pip([str(made), ""])
    digest = hashlib.sha256((made / "recbole.whl").read_bytes()).hexdigest()
    monkeypatch.setattr(download, "RECBOLE_SHA256", digest)
    with pytest.raises(DownloadError, match=r"incomplete: .*ml-100k\.item.* missing"):
        releases.load("ml-100k")


@fuzz
@given(deflate=st.booleans(), some=damages)
def test_a_damaged_archive_is_the_release_or_an_error(deflate, some, registry, tmp_path):
    name = registry("csv", counts=None)
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    (tmp_path / "x.zip").write_bytes(damage(deflated if deflate else archive(), some))
    files = layouts.LAYOUTS["csv"].files
    source = download.Source(
        "a server", False, lambda work: download.unpack(tmp_path / "x.zip", name, work, files)
    )
    try:
        download.place(tmp_path / "data" / name, [source], [])
    except DataError:
        assert left_in(tmp_path / "data") == []
        return
    for file in files:
        assert (tmp_path / "data" / name / file).read_bytes() == FILES["csv"][file]


# -- Licences ---------------------------------------------------------------------------------


def test_the_licence_of_each_release_is_the_one_that_data_readme_states():
    """The READMEs of ml-latest-small and ml-32m allow redistribution, the others' do not."""
    free = {
        name for name, release in releases.RELEASES.items() if "redistributed" in release.licence
    }
    assert free == {"ml-latest-small", "ml-32m"}
    readme = Path(layouts.__file__).parents[2] / "data" / "README.md"
    rows = [
        line for line in readme.read_text(encoding="utf-8").splitlines() if "research use;" in line
    ]
    for name, release in releases.RELEASES.items():
        [row] = [row for row in rows if f"`{name}`" in row]
        assert f"| {release.licence} |" in row


def test_fetch_prints_the_licence_of_the_release(registry, tmp_path, capsys):
    write_release(tmp_path / "data" / "tiny", "csv")
    for licence in (releases.ON_REQUEST, releases.SAME_TERMS):
        cli.main(["fetch", "--dataset", registry("csv", licence=licence)])
        assert f"Licence: {licence}; see data/README.md." in capsys.readouterr().out


def test_an_expired_certificate_is_explained_and_never_accepted(registry, tmp_path, monkeypatch):
    authority = trustme.CA()
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificate = authority.issue_cert("localhost", not_after=yesterday)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    server = Server(context)
    try:
        monkeypatch.setattr(download, "GROUPLENS", server.url)
        name = registry("csv", checksum=sha256(server.body))
        with pytest.raises(DownloadError, match="certificate has expired") as caught:
            releases.load(name)
    finally:
        server.close()
    assert "try again later" in str(caught.value)
    assert "check stays on" in str(caught.value)
    assert left_in(tmp_path / "data") == []


def test_ml_100k_comes_from_the_wheel_where_grouplens_fails(server, registry, tmp_path, capsys):
    server.mode = "404"
    data = releases.load("ml-100k")
    assert len(data.ratings) == 100_000
    assert left_in(tmp_path / "data") == ["ml-100k"]
    said = capsys.readouterr().err
    assert "404" in said
    assert "fetching from the package recbole" in said
    with pytest.raises(DataError, match="published splits come only with GroupLens's archive"):
        releases.read_split(releases.fetch("ml-100k"), "u1.base")


def test_a_wheel_with_other_bytes_is_not_used(server, registry, tmp_path, monkeypatch):
    server.mode = "404"
    monkeypatch.setattr(download, "RECBOLE_SHA256", "0" * 64)
    with pytest.raises(DownloadError, match="wheel's checksum") as caught:
        releases.load("ml-100k")
    assert "404" in str(caught.value), "all that was tried is listed"
    assert left_in(tmp_path / "data") == []


def test_no_index_either_lists_both_failures(server, registry, monkeypatch):
    server.mode = "404"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(DownloadError, match=r"(?s)404.*pip could not download"):
        releases.load("ml-100k")


def test_a_data_folder_that_cannot_be_written_is_named(server, registry, tmp_path):
    name = registry("csv", checksum=sha256(server.body))
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="is a file, not a folder"):
        releases.load(name)
