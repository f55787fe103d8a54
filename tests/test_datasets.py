"""Every release in one schema; every fault of a file or download named, nothing left half-done."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import io
import os
import ssl
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest
import trustme
from conftest import FILES, write_release

from saelib import datasets, download, layouts
from saelib.errors import DataError, DownloadError

# -- Layouts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", FILES)
def test_each_layout_reads_into_the_schema(layout, registry, tmp_path):
    name = registry(layout)
    data = datasets.read(write_release(tmp_path / "x", layout), name)
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
    original = datasets.read(original_ml_100k(), "ml-100k")
    wheel = datasets.read(
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
    data = datasets.read(folder, "ml-1m")
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
]


@pytest.mark.parametrize(("layout", "changed", "message"), FAULTS)
def test_a_faulty_file_is_named(layout, changed, message, registry, tmp_path):
    name = registry(layout)
    folder = write_release(tmp_path / "x", layout, **changed)
    with pytest.raises(DataError, match=message) as caught:
        datasets.read(folder, name)
    assert str(folder) in str(caught.value)


def test_unknown_release_lists_the_known_ones():
    with pytest.raises(DataError, match=r"Unknown data set 'ml-2m'; choose one of ml-100k, ml-1m"):
        datasets.load("ml-2m")


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
            datasets.read(folder, name)
    finally:
        folder.chmod(0o755)


def test_saelib_data_comes_first_and_an_incomplete_folder_is_an_error(
    registry, tmp_path, monkeypatch
):
    name = registry("csv")
    here = write_release(tmp_path / "data" / name, "csv")
    assert datasets.fetch(name) == here
    monkeypatch.setenv("SAELIB_DATA", str(tmp_path / "elsewhere"))
    assert datasets.fetch(name) == here, "a SAELIB_DATA folder without the release is passed over"
    there = write_release(tmp_path / "elsewhere" / name, "csv")
    assert datasets.fetch(name) == there
    (there / "movies.csv").unlink()
    with pytest.raises(DataError, match=r"elsewhere.*incomplete: movies\.csv missing"):
        datasets.load(name)


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
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

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
    data = datasets.load(name)
    assert len(data.ratings) == 3
    assert left_in(tmp_path / "data") == ["tiny"]
    said = capsys.readouterr().err
    assert "tiny: fetching from" in said
    assert "verified and unpacked" in said
    assert "100%" in said, "a progress bar"
    datasets.load(name)
    assert server.requests == 1


def test_a_slow_server_is_waited_for(server, registry):
    name = registry("csv", checksum=sha256(server.body))
    server.mode = "slow"
    assert len(datasets.load(name).ratings) == 3


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
        datasets.load(name)
    assert f"{server.url}/tiny.zip" in str(caught.value), "what was tried"
    assert str(tmp_path / "data" / "tiny") in str(caught.value), "where files may be placed by hand"
    assert left_in(tmp_path / "data") == []
    server.mode = "whole"
    assert len(datasets.load(name).ratings) == 3


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
        datasets.load(name)
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
        datasets.load(name)
    assert left_in(tmp_path / "data") == []


def test_what_a_killed_run_left_is_cleared(server, registry, tmp_path):
    name = registry("csv", checksum=sha256(server.body))
    left_over = tmp_path / "data" / ".tiny-killed"
    left_over.mkdir(parents=True)
    (left_over / "ratings.csv").write_text("half")
    datasets.load(name)
    assert left_in(tmp_path / "data") == ["tiny"]


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
            datasets.load(name)
    finally:
        server.close()
    assert "try again later" in str(caught.value)
    assert "check stays on" in str(caught.value)
    assert left_in(tmp_path / "data") == []


def test_ml_100k_comes_from_the_wheel_where_grouplens_fails(server, registry, tmp_path, capsys):
    server.mode = "404"
    data = datasets.load("ml-100k")
    assert len(data.ratings) == 100_000
    assert left_in(tmp_path / "data") == ["ml-100k"]
    said = capsys.readouterr().err
    assert "404" in said
    assert "fetching from the package recbole" in said
    with pytest.raises(DataError, match="published splits come only with GroupLens's archive"):
        datasets.read_split(datasets.fetch("ml-100k"), "u1.base")


def test_a_wheel_with_other_bytes_is_not_used(server, registry, tmp_path, monkeypatch):
    server.mode = "404"
    monkeypatch.setattr(download, "RECBOLE_SHA256", "0" * 64)
    with pytest.raises(DownloadError, match="wheel's checksum") as caught:
        datasets.load("ml-100k")
    assert "404" in str(caught.value), "all that was tried is listed"
    assert left_in(tmp_path / "data") == []


def test_no_index_either_lists_both_failures(server, registry, monkeypatch):
    server.mode = "404"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(DownloadError, match=r"(?s)404.*pip could not download"):
        datasets.load("ml-100k")


def test_a_data_folder_that_cannot_be_written_is_named(server, registry, tmp_path):
    name = registry("csv", checksum=sha256(server.body))
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="is a file, not a folder"):
        datasets.load(name)
