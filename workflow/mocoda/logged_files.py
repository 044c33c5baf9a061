"""Columns of a user's logged transitions, from Parquet or .npz; nothing is unpickled."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mocoda.errors import UserError

# Our name of a column -> the names that it may have in a file.
NAMES = {
    "observation": ("observation", "observations"),
    "action": ("action", "actions"),
    "next_observation": ("next_observation", "next_observations"),
    "goal": ("goal", "goals", "desired_goal"),
    "reward": ("reward", "rewards"),
    "truncated": ("truncated", "truncations", "timeouts"),
    "terminated": ("terminated", "terminations", "terminals"),
    "episode": ("episode", "episode_id"),
    "step": ("step",),
}
NEEDED = ("observation", "action", "next_observation")
VECTORS = (*NEEDED, "goal")
KNOWN = {name for names in NAMES.values() for name in names}
PART = re.compile(f"({'|'.join(name for ours in VECTORS for name in NAMES[ours])})_[0-9]+")
READERS = (".parquet", ".npz")


def read_columns_of(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """The columns of a Parquet or .npz file that `NAMES` knows, vectors as [n, width], and the
    names of the others, which are not read.

    In Parquet a vector is a column of lists, or columns `<name>_0`, `<name>_1`, …. Raises UserError
    for a file that is not there, is none of these, or holds something else than numbers.
    """
    check_readable(path)
    try:
        read = npz_columns if path.suffix == ".npz" else parquet_columns
        columns, others = read(path)
    except UserError:
        raise
    except Exception as error:  # of a damaged file, which the libraries tell in many ways
        raise UserError(
            path,
            expected=f"a {path.suffix} file of plain numbers",
            found=f"one that cannot be read ({error})",
            remedy="Write it anew; arrays of Python objects are not read.",
        ) from error
    return joined_columns(path, columns), others


def check_readable(path: Path) -> None:
    """Refuse what is no file, has another ending than `READERS`, or may not be read."""
    if path.suffix not in READERS:
        raise UserError(
            path,
            expected=f"a file that ends in {' or '.join(READERS)}",
            found=path.suffix or "no ending",
            remedy="Write your rows with pandas' to_parquet, or with numpy.savez.",
        )
    fault = "no such file"
    try:
        if path.is_dir():
            fault = "a folder"  # whose files have no order that is theirs
        else:
            with path.open("rb"):
                return
    except FileNotFoundError:
        pass
    except OSError as error:
        fault = str(error.strerror)
    raise UserError(
        path,
        expected="the file that collect_empirical.file names",
        found=fault,
        remedy="Paths start from the folder that the command is run in; write ~ out.",
    )


def is_known(name: str) -> bool:
    """Whether a column of this name is read."""
    return name in KNOWN or PART.fullmatch(name) is not None


def npz_columns(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """The known arrays of a .npz file, and the names of the others."""
    archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError("a single array, of numpy.save")
    with archive:
        found = {name: archive[name] for name in archive.files if is_known(name)}
        return found, [name for name in archive.files if name not in found]


def parquet_columns(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """The known columns of a Parquet file, an index of pandas' too, and the names of the others."""
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        known = [name for name in names if is_known(name)]
        twice = sorted({name for name in known if known.count(name) > 1})
        if twice:
            raise UserError(
                f"{path}, column '{twice[0]}'",
                expected="one column of that name",
                found=f"{known.count(twice[0])}",
                remedy="Leave out those that are not meant.",
            )
        table = file.read(columns=known)
    found = {name: numbers(f"{path}, column '{name}'", table[name]) for name in known}
    return found, [name for name in names if name not in known]


def numbers(where: str, column: pa.ChunkedArray) -> np.ndarray:
    """A column of numbers [n], or of lists of one length [n, width].

    Raises UserError, naming the first row, for nulls, lists of unequal length and other types.
    """
    array = column.combine_chunks()
    if isinstance(array, pa.ExtensionArray):  # tensors: lists with a shape
        array = array.storage
    refuse_nulls(where, array)
    width = None
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        lengths = pc.list_value_length(array).to_numpy(zero_copy_only=False)
        uneven = lengths != lengths[0] if len(lengths) else np.zeros(0, bool)
        if uneven.any():
            row = int(uneven.argmax())
            raise UserError(
                f"{where}, row {row}",
                expected=f"a list as long as that of row 0, {lengths[0]}",
                found=f"one of {lengths[row]}",
                remedy="Give each row the same columns.",
            )
        width = int(lengths[0]) if len(lengths) else 0
    elif pa.types.is_fixed_size_list(array.type):
        width = array.type.list_size
    if width is not None:
        rows, array = len(array), array.flatten()
        refuse_nulls(where, array, width)
    kind = array.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise UserError(
            where,
            expected="numbers, or lists of numbers",
            found=f"the type {column.type}",
            remedy="Convert it before it is written.",
        )
    values: np.ndarray = array.to_numpy(zero_copy_only=False)
    return values if width is None else values.reshape(rows, width)


def refuse_nulls(where: str, array: pa.Array, width: int = 1) -> None:
    """Refuse a column with an entry that is not there; `width` entries are a row."""
    if array.null_count:
        row = int(array.is_null().to_numpy(zero_copy_only=False).argmax()) // width
        raise UserError(
            f"{where}, row {row}",
            expected="a value in each row",
            found="null",
            remedy="Remove or repair that row.",
        )


def joined_columns(path: Path, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns `<name>_0`, `<name>_1`, … of a known vector as one, [n, width]."""
    found = dict(columns)
    for name in [name for ours in VECTORS for name in NAMES[ours]]:
        numbered: list[np.ndarray] = []
        while (part := f"{name}_{len(numbered)}") in found:
            numbered.append(found.pop(part))
        fault = ""
        if numbered and name in found:
            fault = f"{name} and {name}_0"
        elif stray := [other for other in found if re.fullmatch(f"{name}_[0-9]+", other)]:
            fault = f"{stray[0]} without {name}_{len(numbered)}"
        elif len({part.shape for part in numbered}) > 1 or any(p.ndim != 1 for p in numbered):
            fault = f"{name}_0, … of shapes {[list(part.shape) for part in numbered]}"
        if fault:
            raise UserError(
                f"{path}, column '{name}'",
                expected=f"one column of lists, or columns of numbers {name}_0, {name}_1, …",
                found=fault,
                remedy="Leave out what is not meant.",
            )
        if numbered:
            found[name] = np.stack(numbered, axis=1)
    return found


def take(
    path: Path, columns: Mapping[str, np.ndarray], ours: str, others: Sequence[str]
) -> np.ndarray | None:
    """A column by any of its names; None where the file has none. Raises UserError where it is
    needed, there under two names, or no numbers. `others` : the columns that were not read."""
    there = [name for name in NAMES[ours] if name in columns]
    if len(there) > 1 or (not there and ours in NEEDED):
        raise UserError(
            f"{path}, column '{ours}'",
            expected=f"one column among {', '.join(NAMES[ours])}",
            found=" and ".join(there)
            or f"none; the file has {', '.join([*columns, *others]) or 'no columns'}",
            remedy="Name it so, or leave out the one that is not meant."
            if there
            else "A row is one step: what was seen, what was done, what was seen then.",
        )
    if not there:
        return None
    values = columns[there[0]]
    if values.dtype.kind not in "buif":
        raise UserError(
            f"{path}, column '{there[0]}'",
            expected="numbers",
            found=f"dtype {values.dtype}",
            remedy="Convert it; rows of unequal length must be cut to the same columns first.",
        )
    return values
