"""Files written whole or not at all; arrays in safetensors files, whose digest is checked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
import safetensors

from saelib.data.scale import Scale
from saelib.errors import CheckpointError
from saelib.language import _

ABANDONED = 3600  # seconds after which a temporary file is one of a writer that was killed


def write_whole(path: Path, *content: bytes | memoryview) -> None:
    """Write a file whole or not at all: a file that stood there survives a failure.

    What killed writers have left in the folder is cleared away. Raises OSError.
    """
    path = Path(path)
    temporary = path.with_name(f".saelib-{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            file.writelines(content)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):  # what went wrong before is what is told
            temporary.unlink(missing_ok=True)
    for other in path.parent.glob(".saelib-*.part"):
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            if time.time() - other.stat().st_mtime > ABANDONED:
                other.unlink()


def write_tensors(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write arrays and texts as a safetensors file, whole or not at all, with a digest of both.

    Raises CheckpointError: numbers that are not finite, or no writing there (space, permission).
    """
    path = Path(path)
    for name, array in tensors.items():
        if not _is_finite(array):
            raise CheckpointError(
                f"{name} holds numbers that are not finite: the training has gone wrong, so "
                f"nothing was written to {path}. Train with other data or another recipe."
            )
    tensors = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    metadata = metadata | {"digest": _digest(tensors, metadata)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(
            path, _header(tensors, metadata), *(a.reshape(-1).data for a in tensors.values())
        )
    except OSError as error:
        raise CheckpointError(
            f"Cannot write {path}: {error}. Free some space or choose another place; a model that "
            "stood there before is unchanged."
        ) from error


def read_tensors(path: Path, kind: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays and metadata of a safetensors file of ours; reading executes nothing.

    Raises CheckpointError: not there, unreadable, damaged, or not of the wanted kind.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != kind:
                raise CheckpointError(
                    _(
                        "{path} is not what was expected: a file of format {kind!r}, written by "
                        "saelib; it says {found!r}. A file of another version: make it anew with "
                        "`python -m saelib train`."
                    ).format(path=path, kind=kind, found=metadata.get("format"))
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except FileNotFoundError:
        raise CheckpointError(_("{path} is not there.").format(path=path)) from None
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            _(
                "{path} is damaged or not a safetensors file ({error}). Train it again with "
                "`python -m saelib train`."
            ).format(path=path, error=error)
        ) from error
    digest = metadata.pop("digest", None)
    if digest != _digest(tensors, metadata) or not all(map(_is_finite, tensors.values())):
        raise CheckpointError(
            _(
                "{path} is damaged: it is not as it was written. Train it again with "
                "`python -m saelib train`."
            ).format(path=path)
        )
    return tensors, metadata


@dataclass(frozen=True)
class InArrays:
    """For dataclasses of arrays, numbers, texts and a scale, which go into a file."""

    def to_arrays(self) -> tuple[dict[str, np.ndarray], dict]:
        """The arrays by name, and all else that it holds, as JSON can write it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays = {k: v for k, v in values.items() if isinstance(v, np.ndarray)}
        settings = {k: v for k, v in values.items() if k not in arrays}
        scales = {k: asdict(v) for k, v in settings.items() if isinstance(v, Scale)}
        return arrays, settings | scales

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], settings: dict) -> Self:
        """What `to_arrays` took apart."""
        if "scale" in settings:
            settings = settings | {"scale": Scale(**settings["scale"])}
        return cls(**arrays, **settings)


def _header(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """What stands before the arrays in a safetensors file: its own length, and JSON.

    Written by us, since the library makes a copy of all arrays to write them; it reads the file.
    """
    about: dict[str, dict] = {"__metadata__": metadata}
    end = 0
    for name, array in tensors.items():
        start, end = end, end + array.nbytes
        kind = {"f": "F", "i": "I", "u": "U"}[array.dtype.kind] + str(8 * array.dtype.itemsize)
        about[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [start, end]}
    header = json.dumps(about).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header


def _digest(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> str:
    """SHA-256 of all that a file holds, in an order of its own."""
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, array in sorted(tensors.items()):
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.reshape(-1).data)
    return digest.hexdigest()


def _is_finite(array: np.ndarray) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
