"""From an archive on a server to a folder on disk: verified, unpacked, whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import filelock
import pooch
import requests

from saelib.errors import DataError, DownloadError

GROUPLENS = "https://files.grouplens.org/datasets/movielens"
RECBOLE = "recbole==1.2.1"
RECBOLE_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
RECBOLE_FOLDER = "recbole/dataset_example/ml-100k"
TIMEOUT = 20  # seconds without a byte before a download counts as failed
# How many times its own size an archive may unpack to. Ratings, as text, take 3 to 5 times theirs.
MOST_UNPACKED = 20
DIGESTS = "saelib.sha256"  # `sha256sum --check` reads it


@dataclass(frozen=True)
class Source:
    """One place that a data set may come from.

    obtain: puts the files into a folder inside the one it is given and returns that folder.
    Raises DownloadError. verified: whether it compares what it got with a published checksum.
    """

    title: str
    verified: bool
    obtain: Callable[[Path], Path]


def place(target: Path, sources: list[Source], tried: list[str]) -> None:
    """Make the folder `target` from the first source that can be had, whole or not at all.

    Whoever comes second waits for the first, then finds the folder there. tried: where it was
    looked for before, for the message. Raises DownloadError where no source can be had, DataError
    where the folder cannot be written.
    """
    name, folder, tried = target.name, target.parent, list(tried)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(name, folder):
            if target.exists():
                return
            _clear_left_overs(name, folder)
            for number, source in enumerate(sources, start=1):
                _say(f"{name}: fetching from {source.title} …")
                # Beside the target, so that the last step is a rename.
                with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder) as work:
                    try:
                        unpacked = source.obtain(Path(work))
                    except DownloadError as error:
                        if number < len(sources):  # the last failure is told by the exception
                            _say(f"{name}: {error}; there is another source")
                        tried.append(f"{source.title}: {error}")
                    else:
                        _write_digests(unpacked)
                        unpacked.rename(target)
                        verified = "verified and " if source.verified else ""
                        _say(f"{name}: {verified}unpacked into {target}")
                        return
    except OSError as error:
        raise DataError(f"Cannot write {name} into {folder}: {error}.") from error

    raise DownloadError(
        f"Could not obtain {name}. Tried:\n  - "
        + "\n  - ".join(tried)
        + f"\nYou can also download {GROUPLENS}/{name}.zip in a browser and unpack it so that "
        f"{target} holds its files, or point SAELIB_DATA at a folder that has {name}/."
    )


def _alone(name: str, folder: Path) -> filelock.AcquireReturnProxy:
    """A lock to hold while `name` is fetched. The system takes it from a program that is killed."""
    lock = filelock.FileLock(folder / f".{name}.lock")
    try:
        return lock.acquire(timeout=0)
    except filelock.Timeout:
        _say(f"{name}: another program is fetching it; waiting …")
        return lock.acquire()


def _clear_left_overs(name: str, folder: Path) -> None:
    """Remove what killed runs have left. Only under the lock: it may be of a run under way."""
    for left_over in folder.glob(f".{name}-*"):
        if left_over.is_dir() and not left_over.is_symlink():
            shutil.rmtree(left_over)
        else:
            left_over.unlink()


# -- Sources ----------------------------------------------------------------------------------


def grouplens(name: str, checksum: str | None, folder: str, files: tuple[str, ...]) -> Source:
    """GroupLens's archive of a release.

    checksum: the published one, 'algorithm:digest'. folder: the one in the archive that holds the
    release; files: those that must be in it.
    """

    def obtain(work: Path) -> Path:
        if checksum is None:
            _say(f"{name}: this release changes over time, so there is no checksum to verify")
        return unpack(_retrieve(name, checksum, work), folder, work / "unpacked", files)

    return Source(f"{GROUPLENS}/{name}.zip", checksum is not None, obtain)


def recbole(files: tuple[str, ...]) -> Source:
    """ml-100k in the wheel of the package recbole, obtained by pip but never installed."""

    def obtain(work: Path) -> Path:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", str(work), RECBOLE]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise DownloadError(f"pip could not download it ({said})")
        [wheel] = work.glob("*.whl")
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != RECBOLE_SHA256:
            raise DownloadError("the wheel's checksum is not the expected one; it was not used")
        return unpack(wheel, RECBOLE_FOLDER, work / "unpacked", files)

    return Source(f"the package {RECBOLE}", True, obtain)


def _retrieve(name: str, checksum: str | None, work: Path) -> str:
    """Download the archive of a release into `work` and verify it."""
    pooch.get_logger().setLevel("WARNING")
    try:
        return pooch.retrieve(
            f"{GROUPLENS}/{name}.zip",
            known_hash=checksum,
            fname=f"{name}.zip",
            path=work,
            downloader=pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT),
        )
    except requests.exceptions.SSLError as error:
        raise DownloadError(
            f"the server's TLS certificate is not valid ({_reason(error)}). GroupLens has let it "
            "expire before (June 2024, August 2025, August 2026) and renewed it within days: try "
            "again later. The certificate check stays on"
        ) from error
    except requests.exceptions.RequestException as error:
        raise DownloadError(f"download failed ({_reason(error)}); run again to retry") from error
    except ValueError as error:  # how pooch reports a checksum that does not match
        raise DownloadError(
            f"the archive's checksum is not the published one ({checksum}): damaged or "
            "tampered with. It was removed and not used; run again to retry"
        ) from error


def unpack(archive: str | Path, folder: str, into: Path, files: tuple[str, ...]) -> Path:
    """Unpack one folder of a zip archive; return where it lies. files: those that must be in it.

    Raises DownloadError for an archive that is damaged, encrypted, lacks what is wanted, or would
    write outside of `into` or more than MOST_UNPACKED times its size.
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            wanted = [m for m in zipped.infolist() if m.filename.startswith(f"{folder}/")]
            if not wanted:
                raise DownloadError(f"the archive does not hold the folder {folder}/")
            for member in wanted:
                _refuse(member)
            missing = {f"{folder}/{file}" for file in files} - {m.filename for m in wanted}
            if missing:
                raise DownloadError(f"the archive is incomplete: {', '.join(missing)} missing")
            # No member is written longer than it says: zipfile stops there and compares the CRC.
            size = sum(member.file_size for member in wanted)
            if size > MOST_UNPACKED * Path(archive).stat().st_size:
                raise DownloadError(
                    f"the archive would unpack to {size:,} bytes, more than {MOST_UNPACKED} times "
                    "its size; GroupLens's do not"
                )
            zipped.extractall(into, wanted)
    # RuntimeError: encrypted; NotImplementedError, a kind of it: what zipfile cannot read.
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        raise DownloadError(f"the archive is not a readable zip file ({error})") from error
    return into / folder


def _refuse(member: zipfile.ZipInfo) -> None:
    """Raise DownloadError for a member that leads outside or is compressed in an unusual way."""
    path = PureWindowsPath(member.filename)  # which knows '/', '\\' and 'C:'
    if path.anchor or ".." in path.parts:
        problem = "lies outside of its folder"
    # bzip2 and LZMA may unpack a few bytes to gigabytes at one go, before they can be counted.
    elif member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        problem = "is compressed in a way that GroupLens does not use"
    else:
        return
    raise DownloadError(f"{member.filename!r} in the archive {problem}")


def _reason(error: BaseException) -> str:
    """The innermost cause of a requests error, which wraps it several times."""
    inner: BaseException = error
    while True:
        nested = [arg for arg in inner.args if isinstance(arg, BaseException)]
        cause = getattr(inner, "reason", None)
        if isinstance(inner, ssl.SSLError) or not (nested or isinstance(cause, BaseException)):
            return f"{type(inner).__name__}: {inner}"
        inner = cause if isinstance(cause, BaseException) else nested[-1]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# -- What was unpacked, and whether it still is what it was -----------------------------------


def _write_digests(folder: Path) -> None:
    lines = [f"{_sha256(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / DIGESTS).write_text("".join(lines), encoding="utf-8")


def check_digests(folder: Path, files: tuple[str, ...]) -> None:
    """Raise DataError if one of the files is no longer what `place` has unpacked.

    A folder that was placed by hand has no digests; nothing is compared there.
    """
    try:
        listed = (folder / DIGESTS).read_text(encoding="utf-8", errors="replace").splitlines()
        changed = [f for f in files if f"{_sha256(folder / f)}  {f}" not in listed]
    except FileNotFoundError:
        return
    except OSError as error:
        raise DataError(f"Cannot read {error.filename}: {error.strerror or error}.") from error
    if changed:
        raise DataError(
            f"{folder / changed[0]} is not what was unpacked: its sha256 is not the one in "
            f"{DIGESTS}. Delete the folder {folder} and run "
            f"`python -m saelib fetch --dataset {folder.name}`."
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
