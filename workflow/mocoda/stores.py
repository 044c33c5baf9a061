"""Transitions on disk: Zarr v3 shards below a folder, and a manifest of counts and checksums.

The manifest is a file of its own because a workflow manager cannot see inside a folder: a shard
that is deleted or altered later is found here, when the store is read.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from mocoda.artifacts import checksum, read_json, unwritable, write_json
from mocoda.errors import UserError
from mocoda.transitions import COLUMNS, MATRICES, SWAP_COLUMNS, Provenance, Transitions

FORMAT = "mocoda-transitions"
VERSION = 1
# The store lies one level below the folder, whose top belongs to the workflow manager.
STORE = "transitions.zarr"


class TransitionWriter:
    """Writes a known number of rows, one shard at a time, so that memory holds one shard.

    A shard that is complete on disk is skipped when the writer is opened again on the same
    folder: `next_shard` tells where to go on.
    """

    def __init__(
        self,
        folder: Path | str,
        rows: int,
        widths: dict[str, int],
        shard_rows: int,
        *,
        swaps: bool = False,
    ) -> None:
        self.folder = Path(folder)
        self.rows = rows
        self.shard_rows = min(shard_rows, rows)
        self.shards = -(-rows // self.shard_rows)
        root = self.folder / STORE
        # Zarr writes a chunk under such a name first: what a killed run left of one.
        for left in root.rglob("*.partial"):
            left.unlink()
        try:
            self.group = zarr.open_group(root, mode="a", zarr_format=3)
            columns = {**COLUMNS, **(SWAP_COLUMNS if swaps else {})}
            widths = {**{name: widths[name] for name in MATRICES}, "sources": 2}
            for name, dtype in columns.items():
                # Each by itself: a kill may have come between two of them.
                if name not in self.group:
                    width = (widths[name],) if name in widths else ()
                    self.group.create_array(
                        name,
                        shape=(rows, *width),
                        chunks=(self.shard_rows, *width),
                        dtype=np.dtype(dtype),
                        compressors=None,
                        filters=None,
                    )
        except OSError as error:
            raise unwritable(root, error) from error
        self.progress = self.folder / "progress.json"

    @property
    def next_shard(self) -> int:
        """The first shard that is not yet on disk."""
        return int(read_json(self.progress)["shards"]) if self.progress.exists() else 0

    def bounds(self, shard: int) -> tuple[int, int]:
        """First row and row after the last of a shard."""
        start = shard * self.shard_rows
        return start, min(start + self.shard_rows, self.rows)

    def write(
        self, shard: int, rows: Transitions, swaps: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Write one shard, with `SWAP_COLUMNS` where the store has them; ValueError for a wrong
        number of rows, UserError for a full disk."""
        start, stop = self.bounds(shard)
        if len(rows) != stop - start:
            raise ValueError(f"shard {shard} takes {stop - start} rows, not {len(rows)}")
        try:
            values = {name: getattr(rows, name) for name in COLUMNS} | dict(swaps or {})
            for name, column in values.items():
                array_of(self.group, name)[start:stop] = column
        except OSError as error:
            raise unwritable(self.folder / STORE, error) from error
        write_json(self.progress, {"shards": shard + 1})

    def finish(self) -> None:
        """Drop the note of progress: the store is complete."""
        self.progress.unlink(missing_ok=True)


def write_manifest(path: Path | str, folder: Path | str, facts: dict[str, Any]) -> None:
    """List every file of a store with its size and checksum, its row count and provenance."""
    folder = Path(folder)
    group = open_group(folder)
    provenance = np.asarray(array_of(group, "provenance")[:])
    files = {
        file.relative_to(folder).as_posix(): {
            "bytes": file.stat().st_size,
            "sha256": checksum(file),
        }
        for file in sorted((folder / STORE).rglob("*"))
        if file.is_file()
    }
    write_json(
        path,
        {
            "format": FORMAT,
            "version": VERSION,
            "rows": len(provenance),
            "rows_by_provenance": {
                kind.name.lower(): int((provenance == kind).sum()) for kind in Provenance
            },
            "facts": facts,
            "files": files,
        },
    )


def write_transitions(
    folder: Path | str,
    manifest: Path | str,
    rows: Transitions,
    facts: dict[str, Any],
    shard_rows: int = 250_000,
) -> None:
    """Write rows that are in memory as shards with their manifest."""
    widths = {name: getattr(rows, name).shape[1] for name in MATRICES}
    writer = TransitionWriter(folder, len(rows), widths, shard_rows)
    for shard in range(writer.shards):
        start, stop = writer.bounds(shard)
        writer.write(shard, rows.take(slice(start, stop)))
    writer.finish()
    write_manifest(manifest, folder, facts)


def array_of(group: zarr.Group, name: str) -> zarr.Array:
    """A column of a store; raises UserError if it is no plain array of the column's dtype.

    Its chunks are not read before that is known: no codec runs that `TransitionWriter` did not ask
    for, and no objects are made.
    """
    expected = np.dtype({**COLUMNS, **SWAP_COLUMNS}[name])
    try:
        array: Any = group[name]
        codecs = [codec.to_dict()["name"] for codec in array.metadata.codecs]
        found = f"dtype {array.dtype} with the codecs {codecs}"
    except Exception as error:  # zarr has no base class for what broken metadata raises
        found = f"{type(error).__name__}: {error}"
    else:
        if isinstance(array, zarr.Array) and array.dtype == expected and codecs == ["bytes"]:
            return array
    raise UserError(
        f"{group.store_path}, column '{name}'",
        expected=f"a Zarr array of dtype {expected} with the codecs ['bytes']",
        found=found,
        remedy="Delete the store and its manifest, then run the same command again.",
    )


def open_group(folder: Path | str) -> zarr.Group:
    """The Zarr group of a store; raises UserError if there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return zarr.open_group(Path(folder) / STORE, mode="r", zarr_format=3)
    except Exception as error:
        raise UserError(
            folder,
            expected="a Zarr store of transitions",
            found=f"{type(error).__name__}: {error}",
            remedy="Delete the folder and run the same command again.",
        ) from error


def verify(manifest: Path | str, folder: Path | str) -> dict[str, Any]:
    """Check every file of a store against its manifest and return the manifest.

    Raises UserError that names the first missing, truncated, altered or unlisted file, or the
    column that is not as long as the manifest says.
    """
    folder = Path(folder)
    listed = read_json(manifest)
    found = (
        (listed.get("format"), listed.get("version")) if isinstance(listed, dict) else (None, None)
    )
    remedy = f"Delete {folder} and {manifest}, then run the same command again."
    if found != (FORMAT, VERSION) or not is_complete(listed):
        broken = ", with missing or mistyped entries" if found == (FORMAT, VERSION) else ""
        raise UserError(
            manifest,
            expected=f"a manifest of format {FORMAT}, version {VERSION}",
            found=f"format {found[0]}, version {found[1]}{broken}",
            remedy=remedy,
        )
    # An unlisted chunk would be read too, in place of one that holds zeros only and has no file.
    for file in sorted((folder / STORE).rglob("*")):
        if file.is_file() and file.relative_to(folder).as_posix() not in listed["files"]:
            raise UserError(
                file, expected="files that the manifest lists", found="another", remedy=remedy
            )
    for name, entry in listed["files"].items():
        file = folder / name
        if not file.is_file():
            raise UserError(file, expected="a shard", found="no such file", remedy=remedy)
        if file.stat().st_size != entry["bytes"]:
            raise UserError(
                file,
                expected=f"{entry['bytes']} bytes",
                found=f"{file.stat().st_size} bytes",
                remedy=remedy,
            )
        if checksum(file) != entry["sha256"]:
            raise UserError(
                file,
                expected=f"sha256 {entry['sha256'][:12]}…",
                found="other contents",
                remedy=remedy,
            )
    group = open_group(folder)
    for name in COLUMNS:
        shape = array_of(group, name).shape
        if shape[0] != listed["rows"]:
            raise UserError(
                f"{folder / STORE}, column '{name}'",
                expected=f"the {listed['rows']} rows of {manifest}",
                found=f"{shape[0]} rows",
                remedy=remedy,
            )
    return listed


def is_complete(listed: dict[str, Any]) -> bool:
    """Whether a manifest of the right version has what `verify` reads, in the right types."""
    files = listed.get("files")
    return (
        type(listed.get("rows")) is int
        and isinstance(files, dict)
        and all(
            isinstance(entry, dict)
            and isinstance(entry.get("bytes"), int)
            and isinstance(entry.get("sha256"), str)
            for entry in files.values()
        )
    )


def read_transitions(manifest: Path | str, folder: Path | str) -> Transitions:
    """All rows of a store, after `verify`."""
    verify(manifest, folder)
    group = open_group(folder)
    return Transitions(**{name: np.asarray(array_of(group, name)[:]) for name in COLUMNS})


def read_columns(
    folder: Path | str,
    names: Iterable[str],
    chunk_rows: int = 250_000,
    chosen: np.ndarray | None = None,
) -> Iterator[tuple[np.ndarray, ...]]:
    """Some columns of a store, a bounded number of rows at a time.

    chosen : sorted numbers of the rows to give, or None for all. Raises UserError if the store has
    fewer rows.
    """
    group = open_group(folder)
    arrays = [array_of(group, name) for name in names]
    total = arrays[0].shape[0]
    if chosen is not None and len(chosen) and (chosen[-1] >= total or chosen[0] < 0):
        raise UserError(
            folder,
            expected=f"at least {chosen[-1] + 1} rows",
            found=f"{total} rows",
            remedy="The selection belongs to another store: run rebalance again.",
        )
    for start in range(0, total, chunk_rows):
        rows: slice | np.ndarray = slice(None)
        if chosen is not None:
            first, last = np.searchsorted(chosen, [start, start + chunk_rows])
            rows = chosen[first:last] - start
        yield tuple(np.asarray(array[start : start + chunk_rows])[rows] for array in arrays)
