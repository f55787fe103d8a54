"""Safetensors files, written whole or not at all, read without executing anything."""

from __future__ import annotations

import os
from pathlib import Path

import safetensors
from safetensors.torch import save_file
from torch import Tensor

from saelib.errors import CheckpointError


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file whole or not at all: a file that stood there survives a failure.

    Raises CheckpointError where it cannot be written (no space, no permission).
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({k: v.contiguous() for k, v in tensors.items()}, temporary, metadata)
        temporary.chmod(0o644)  # safetensors makes files that only the owner can read
        os.replace(temporary, path)
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f"Cannot write {path}: {error}. Free some space or choose another place; a model that "
            "stood there before is unchanged."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def read_tensors(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file of ours; reading executes nothing.

    Raises CheckpointError: not there, unreadable, damaged, or not of the wanted kind.
    """
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f"{path} is not there.")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f"{path} is damaged or not a safetensors file ({error}). Train it again with "
            "`python -m saelib train`."
        ) from error
    if metadata.get("format") != kind:
        raise CheckpointError(
            f"{path} is not what was expected: a file of format {kind!r}, written by saelib; it "
            f"says {metadata.get('format')!r}. A file of another version: make it anew with "
            "`python -m saelib train`."
        )
    return tensors, metadata
