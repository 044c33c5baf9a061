"""Artefacts: written whole or not at all, and checked when they are read.

Everything on disk is JSON, Parquet, safetensors or Zarr: nothing that is read can run code.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from mocoda.errors import UserError


def checksum(path: Path | str) -> str:
    """sha256 of a file's bytes, as hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: Any) -> str:
    """One text for equal values: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def short_hash(value: Any) -> str:
    """12 hexadecimal digits that name a JSON-like value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:12]


@contextmanager
def atomic_path(target: Path | str) -> Iterator[Path]:
    """Yield a path beside `target` to write a file or folder to; it becomes `target` on success.

    On failure nothing is left behind and an earlier `target` stays as it was.
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(target, error) from error
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        yield partial
        if partial.is_file():
            synchronise(partial)
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(partial, target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def synchronise(file: Path) -> None:
    """Have a file's contents on the disk before its name points to them: else a machine that loses
    its power may keep the name and lose the contents."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_partial(target: Path | str) -> None:
    """Remove what killed runs left of `target` while they wrote it (see `atomic_path`)."""
    target = Path(target)
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.partial"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def unwritable(target: Path, error: OSError) -> UserError:
    """The error for a full disk or a folder without permission."""
    return UserError(
        target,
        expected="a place that can be written to",
        found=error.strerror or str(error),
        remedy="Free disk space or choose a folder you may write to; nothing was lost.",
    )


def write_json(path: Path | str, value: Any) -> None:
    """Write indented JSON atomically; refuses numbers that are not finite."""
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False)
    with atomic_path(path) as partial:
        partial.write_text(text + "\n")


def read_json(path: Path | str) -> Any:
    """Read JSON; raises UserError if it is missing or damaged."""
    try:
        return json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            path,
            expected="a JSON file written by an earlier stage",
            found=str(error),
            remedy="Delete it and run the same command again: its stage is run anew.",
        ) from error


def write_tensors(path: Path | str, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write tensors as safetensors, atomically."""
    # Copies: safetensors refuses tensors that share memory.
    whole = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in sorted(tensors.items())
    }
    with atomic_path(path) as partial:
        try:
            save_file(whole, partial)
        except SafetensorError as error:
            # What a full disk or a folder without permission raises here is no OSError.
            raise unwritable(Path(path), OSError(str(error))) from error


def read_tensors(path: Path | str, prefix: str = "") -> dict[str, torch.Tensor]:
    """Read safetensors: those whose names begin with `prefix`, without it; raises UserError if the
    file is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            return {name.removeprefix(prefix): file.get_tensor(name) for name in names}
    except (OSError, SafetensorError) as error:
        raise UserError(
            path,
            expected="a safetensors file written by an earlier stage",
            found=str(error),
            remedy="Delete it and run the same command again: its stage is run anew.",
        ) from error
