"""Every release in the same three tables; whatever goes wrong is named, and nothing half-done."""

import datetime
import io
import ssl
import subprocess
import threading
import time
import zipfile
from hashlib import md5, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
import trustme
from conftest import FILES, write_release

from saelib import movielens
from saelib.errors import SaelibError
from saelib.movielens import RELEASES, Release, links_at_hand, load, locate, read_split


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """The data folder of an empty project; it is not there yet."""
    monkeypatch.delenv("SAELIB_DATA", raising=False)
    monkeypatch.delenv("SAELIB_MIRROR", raising=False)
    monkeypatch.setattr(movielens, "PROJECT", tmp_path)
    return tmp_path / "data"


@pytest.fixture
def tiny(monkeypatch, folder):
    """Register a small release of the name 'tiny', and one in place of ml-100k."""

    def register(layout: str = "csv", body: bytes | None = b"") -> str:
        digest = None if body is None else f"md5:{md5(body).hexdigest()}"
        monkeypatch.setitem(RELEASES, "tiny", Release(3, checksum=digest))
        monkeypatch.setitem(RELEASES, "ml-100k", Release(3, checksum="md5:0"))
        layouts = movielens.LAYOUTS.get(layout, [movielens.TABLES])
        monkeypatch.setitem(movielens.LAYOUTS, "tiny", layouts)
        monkeypatch.setitem(movielens.ARCHIVES, "tiny", ["tiny.zip"])
        return "tiny"

    return register


def archive(layout: str = "csv", folder: str = "tiny", **changed: bytes | None) -> bytes:
    """The bytes of a zip file with a release in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, content in (FILES[layout] | changed).items():
            if content is not None:
                zipped.writestr(zipfile.ZipInfo(f"{folder}/{name}"), content)
    return buffer.getvalue()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


LES = (10, "Misérables, Les", 1995, "Comedy|Drama")
UNKNOWN, ODYSSEY = (20, "unknown", 0, ""), (20, "2001: A Space Odyssey", 1968, "Sci-Fi")
USERS = [(1, "M", 24, "technician"), (2, "F", 53, "other")]
USERS_1M = [(1, "M", 18, "technician/engineer"), (2, "F", 50, "other")]
EXPECTED = {
    "ml-100k": (4, UNKNOWN, USERS),
    "recbole": (4, UNKNOWN, USERS),
    "ml-1m": (4, ODYSSEY, USERS_1M),
    "ml-10m": (4.5, ODYSSEY, None),
    "csv": (4.5, (*ODYSSEY[:3], ""), None),
}


@pytest.mark.parametrize("layout", EXPECTED)
@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\n\n"])
def test_each_layout_becomes_the_same_tables(layout, ends, tiny, folder):
    first, other, users = EXPECTED[layout]
    name = {"recbole": "ml-100k"}.get(layout, tiny(layout))
    changed = {file: raw.replace(b"\n", ends) for file, raw in FILES[layout].items()}
    write_release(folder / name, layout, **changed)
    data = load(name)
    rows = [[1, 20, first, 880000001], [2, 10, 5, 880000002], [1, 10, 3, 880000003]]
    assert data.ratings.to_numpy().tolist() == rows
    assert list(map(str, data.ratings.dtypes)) == ["int32", "int32", "float32", "int64"]
    assert list(data.movies) == ["movie_id", "title", "year", "genres"]
    films = data.movies.assign(year=data.movies["year"].fillna(0))
    assert list(films.itertuples(index=False, name=None)) == [LES, other]
    assert str(data.scale) == ("1 to 5 in steps of 1" if users else "0.5 to 5 in steps of 0.5")
    if users is None:
        assert data.users is None
    else:
        assert list(data.users) == ["user_id", "gender", "age", "occupation"]
        assert list(data.users.itertuples(index=False, name=None)) == users


TITLES = {
    "Land Before Time III (1995) (V)": ("Land Before Time III", 1995),
    "Blow-Up (Blowup) (1966) ": ("Blow-Up (Blowup)", 1966),
    "Death Note: Desu nôto (2006–2007)": ("Death Note: Desu nôto", 2006),
    "Fawlty Towers (1975-1979)": ("Fawlty Towers", 1975),
    "Black Mirror (2011– )": ("Black Mirror", 2011),
    "None": ("None", 0),
    'Say ""Ja"" (2000)': ('Say "Ja"', 2000),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_title_and_year_are_parted_in_either_encoding(encoding, tiny, folder):
    lines = [f'{10 * i},"{title}",Café' for i, title in enumerate(TITLES, start=1)]
    content = "\n".join(["movieId,title,genres", *lines])
    content = content.replace("–", "-") if encoding == "latin-1" else content
    name = tiny()
    write_release(folder / name, "csv", **{"movies.csv": content.encode(encoding)})
    films = load(name).movies.fillna({"year": 0}).drop(columns="movie_id")
    assert films.to_numpy().tolist() == [[*parts, "Café"] for parts in TITLES.values()]


CSV = FILES["csv"]["ratings.csv"]
FAULTS = [
    ("ml-100k", "u.data", b"1\t20\t4\t880000001\n2\t10\t5\n", r"u\.data cannot be read"),
    ("ml-100k", "u.data", b"1\t20\t4\t8\n", r"holds 1 ratings, not 3\."),
    ("ml-100k", "u.user", None, r"holds u\.data, u\.item\..*expected u\.data, u\.item, u\.user"),
    ("ml-1m", "users.dat", b"1::M::18::17::1\n", "has a user_id that its table does not list"),
    ("csv", "ratings.csv", b"userId,movieId,timestamp\n1,2,3\n", r"ratings\.csv cannot be read"),
    ("csv", "ratings.csv", CSV.replace(b"880000001", b"2005-04-02 23:53:47"), "cannot be read"),
    ("csv", "ratings.csv", None, r"holds movies\.csv\. It is .* copy of tiny: expected ratings"),
]


@pytest.mark.parametrize(("layout", "file", "content", "message"), FAULTS)
def test_a_fault_is_named_and_no_file_deleted(layout, file, content, message, tiny, folder):
    write_release(folder / tiny(layout), layout, **{file: content})
    with pytest.raises(SaelibError, match=message) as caught:
        load("tiny")
    assert "elete" not in str(caught.value)


def test_a_release_is_found_in_its_folder_in_one_below_or_in_its_archive(tiny, folder, monkeypatch):
    name = tiny(body=archive())
    folder.mkdir()
    assert locate(name) is None
    (folder / "tiny.zip").write_bytes(archive())
    (folder / "tiny").mkdir()
    found = [load(name)]
    below = write_release(folder / "tiny" / "tiny", "csv")
    found.append(load(name))
    (folder / "tiny.zip").unlink()
    assert locate(name)[0] == below
    monkeypatch.setenv("SAELIB_DATA", str(folder / "elsewhere"))
    assert locate(name)[0] == below, "a SAELIB_DATA without the release is passed over"
    there = write_release(folder / "elsewhere" / "tiny", "csv")
    assert locate(name)[0] == there
    assert all(data.ratings.equals(load(name).ratings) for data in found)


def test_links_are_those_of_the_release_itself(tiny, folder):
    write_release(folder / tiny(), "csv")
    assert links_at_hand("tiny") is None
    links = "movieId,imdbId,tmdbId\n10,0114709,862\n20,113497,\n"
    (folder / "tiny" / "links.csv").write_text(links)
    found = links_at_hand("tiny").fillna(0).to_numpy().tolist()
    assert found == [[10, 114709, 862], [20, 113497, 0]]
    assert links_at_hand("ml-1m") is None and links_at_hand("own") is None
    with pytest.raises(SaelibError, match="Unknown data set 'own'; choose one of ml-100k, ml-1m"):
        load("own")


def test_a_published_split_is_read_where_it_is(tiny, folder):
    tiny()
    place = write_release(folder / "ml-100k", "ml-100k")
    with pytest.raises(SaelibError, match=r"u1\.base cannot be read.*ml-100k\.zip"):
        read_split("u1.base")
    (place / "u1.base").write_bytes(FILES["ml-100k"]["u.data"])
    pd.testing.assert_frame_equal(read_split("u1.base"), load("ml-100k").ratings)


@pytest.fixture
def server(monkeypatch):
    """A local GroupLens. A test sets its body, and mode: whole, cut, stalled, changed or 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            self.send_response(404 if server.mode == "404" else 200)
            self.send_header("Content-Length", str(len(server.body)))
            self.end_headers()
            changed = bytes(len(server.body)) if server.mode == "changed" else server.body
            self.wfile.write(changed[: 100 if server.mode in ("cut", "stalled") else None])
            time.sleep(2 if server.mode == "stalled" else 0)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.body, server.mode, server.asked = archive(), "whole", []
    server.url = f"http://localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setattr(movielens, "GROUPLENS", server.url)
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("verified", [True, False])
def test_a_download_is_verified_and_used_again(verified, server, tiny, folder, capsys):
    name = tiny(body=server.body if verified else None)
    same, first = load(name).ratings, capsys.readouterr().err
    assert f"fetching {server.url}/tiny.zip" in first and "100%" in first, "a progress bar"
    assert load(name).ratings.equals(same)
    for said in (first, capsys.readouterr().err):
        assert ("tiny changes over time, so no checksum" in said) != verified
    assert server.asked == ["/tiny.zip"] and names_in(folder) == ["tiny.zip"]


@pytest.mark.parametrize(
    ("mode", "verified", "message"),
    [
        ("404", True, "404"),
        ("cut", True, "IncompleteRead|hash of"),
        ("cut", False, "IncompleteRead|cannot be used"),
        ("stalled", False, "timed out"),
        ("changed", True, "hash of downloaded file"),
    ],
)
def test_a_download_from_another_host_that_fails_is_gone(
    mode, verified, message, server, tiny, folder, monkeypatch
):
    monkeypatch.setattr(movielens, "TIMEOUT", 0.5)
    monkeypatch.setattr(movielens, "GROUPLENS", "http://localhost:9")
    monkeypatch.setenv("SAELIB_MIRROR", f"{server.url}/copies/")
    name, server.mode = tiny(body=server.body if verified else None), mode
    with pytest.raises(SaelibError, match=message) as caught:
        load(name)
    assert "Try again later, let SAELIB_MIRROR name another host" in str(caught.value)
    assert names_in(folder) == []
    server.mode = "whole"
    assert len(load(name).ratings) == 3
    assert server.asked == ["/copies/tiny.zip"] * 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (archive()[:200], r"tiny\.zip cannot be used: File is not a zip file"),
        (b"<html>Please sign in</html>", r"tiny\.zip cannot be used"),
        (archive(**{"movies.csv": None}), r"tiny\.zip cannot.*expected ratings\.csv, movies"),
    ],
)
def test_what_is_no_release_is_kept_only_if_brought(body, message, server, tiny, folder):
    name, server.body, path = tiny(body=None), body, folder / "tiny.zip"
    with pytest.raises(SaelibError, match=f"could not be had.*{message}"):
        load(name)
    assert not path.exists()
    path.write_bytes(body)
    with pytest.raises(SaelibError, match=f"^.*{message}"):
        load(name)
    with pytest.raises(SaelibError, match="it has not the checksum md5:"):
        load(tiny(body=server.body + b"!"))
    assert path.read_bytes() == body and len(server.asked) == 1


def test_an_expired_certificate_is_never_accepted(server, tiny, folder, tmp_path, monkeypatch):
    authority = trustme.CA()
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", not_after=yesterday).configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    monkeypatch.setattr(movielens, "GROUPLENS", server.url.replace("http", "https"))
    with pytest.raises(SaelibError, match=r"certificate has expired.*Try again later"):
        load(tiny(body=server.body))
    assert server.asked == [] and names_in(folder) == []


def test_a_folder_that_cannot_be_is_named(server, tiny, folder):
    folder.write_text("a file where the folder should be")
    with pytest.raises(SaelibError, match=f"Not a directory.*{folder}"):
        load(tiny(body=server.body))


@pytest.fixture
def pip(server, tiny, monkeypatch):
    """GroupLens is out of reach, and pip puts a wheel of made-up films where it is told to."""

    def download(command, **options):
        if download.wheel is None:
            raise subprocess.CalledProcessError(1, "pip", stderr="ERROR: No matching distribution")
        place = Path(command[command.index("--dest") + 1])
        (place / movielens.WHEEL).write_bytes(download.wheel)

    tiny()
    server.mode, wheel = "404", archive("recbole", "recbole/dataset_example/ml-100k")
    download.wheel = wheel
    monkeypatch.setattr(subprocess, "run", download)
    monkeypatch.setattr(movielens, "WHEEL_CHECKSUM", f"sha256:{sha256(wheel).hexdigest()}")
    return download


def test_ml_100k_comes_from_the_wheel_where_grouplens_fails(pip, server, folder, capsys):
    assert len(load("ml-100k").ratings) == 3
    assert names_in(folder) == [movielens.WHEEL]
    assert f"fetching {movielens.WHEEL}" in capsys.readouterr().err
    load("ml-100k")
    assert server.asked == ["/ml-100k.zip"], "what is there is used again"


@pytest.mark.parametrize("wheel", [b"other bytes", None])
def test_where_the_wheel_fails_too_both_are_told(wheel, pip, folder):
    pip.wheel, problem = wheel, "has not the checksum sha256:" if wheel else "No matching distr"
    with pytest.raises(SaelibError, match=f"404.*{problem}"):
        load("ml-100k")
    assert names_in(folder) == []


def test_the_readme_of_the_data_says_the_same_of_each_release():
    readme = Path(movielens.__file__).parents[1] / "data" / "README.md"
    lines = readme.read_text(encoding="utf-8").splitlines()
    for name, release in RELEASES.items():
        size, _licence = [line for line in lines if line.startswith("|") and f"`{name}`" in line]
        counts = f"{release.n_ratings:,} | {release.n_people:,} | {release.n_films:,}"
        assert (counts if release.checksum else "changes over time") in size


def test_ml_100k_is_what_its_readme_says(ml_100k):
    assert len(ml_100k.ratings) == 100_000
    assert ml_100k.movies.query("movie_id == 267")["title"].item() == "unknown"
    assert ml_100k.movies["year"].isna().sum() == 1
    assert ml_100k.users["occupation"].nunique() == 21
