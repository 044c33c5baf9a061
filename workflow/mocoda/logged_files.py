"""Columns of a user's logged transitions, from Parquet or .npz; nothing is unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

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
READERS = (".parquet", ".npz")


def read_columns_of(path: Path) -> dict[str, np.ndarray]:
    """The columns of a Parquet or .npz file, by name; vectors as [n, width].

    In Parquet a vector is a column of lists, or columns `<name>_0`, `<name>_1`, ….
    """
    if path.suffix not in READERS:
        raise UserError(
            path,
            expected=f"a file that ends in {' or '.join(READERS)}",
            found=path.suffix or "no ending",
            remedy="Write your rows with pandas' to_parquet, or with numpy.savez.",
        )
    try:
        if path.suffix == ".npz":
            arrays = np.load(path, allow_pickle=False)
            return {name: arrays[name] for name in getattr(arrays, "files", ())}
        frame = pd.read_parquet(path)
    except FileNotFoundError as error:
        raise UserError(
            path,
            expected="the file that collect_empirical.file names",
            found="no such file",
            remedy="Paths start from the folder that the command is run in.",
        ) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            path,
            expected=f"a {path.suffix} file of plain numbers",
            found=f"one that cannot be read ({error})",
            remedy="Write it anew; arrays of Python objects are not read.",
        ) from error
    return joined_columns({str(name): vectors(path, frame[name]) for name in frame})


def vectors(path: Path, column: pd.Series) -> np.ndarray:
    """A column of numbers [n], or of lists of one length [n, width]."""
    if column.dtype != object or column.empty:
        return column.to_numpy()
    lengths = column.str.len().to_numpy(float)
    uneven = ~(lengths == lengths[0])
    if uneven.any():
        row = int(uneven.argmax())
        raise UserError(
            f"{path}, column '{column.name}', row {row}",
            expected="lists as long as that of row 0" if row else "a list of numbers",
            found=repr(column.iloc[row])[:60],
            remedy="Give each row the same columns.",
        )
    return np.stack([np.asarray(values) for values in column])


def joined_columns(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns `<name>_0`, `<name>_1`, … of a known vector as one, [n, width]."""
    found = dict(columns)
    for name in [name for ours in VECTORS for name in NAMES[ours]]:
        numbered: list[np.ndarray] = []
        while (part := f"{name}_{len(numbered)}") in found:
            numbered.append(found.pop(part))
        if numbered:
            found[name] = np.stack(numbered, axis=1)
    return found


def take(path: Path, columns: Mapping[str, np.ndarray], ours: str) -> np.ndarray | None:
    """A column by any of its names; None where the file has none. Raises UserError where it is
    needed, there under two names, or no numbers."""
    there = [name for name in NAMES[ours] if name in columns]
    if len(there) > 1 or (not there and ours in NEEDED):
        raise UserError(
            f"{path}, column '{ours}'",
            expected=f"one column among {', '.join(NAMES[ours])}",
            found=" and ".join(there) or f"none; the file has {', '.join(columns) or 'no columns'}",
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
