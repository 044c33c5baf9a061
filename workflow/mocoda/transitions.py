"""Transitions: the rows that every stage reads or writes, in memory and as checked Zarr shards."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np

from mocoda.errors import UserError


class Provenance(IntEnum):
    """Where a row comes from."""

    REAL = 0
    MODEL = 1
    CODA = 2


@dataclass(frozen=True)
class Transitions:
    """n rows; every array has n as its first dimension.

    observation, next_observation : float32 [n, obs]; action : float32 [n, act] in [-1, 1].
    goal : float32 [n, goal], the desired goal the reward was computed for.
    reward : float32 [n]; terminated, truncated : bool [n].
    episode : int64 [n], -1 where the row belongs to none; step : int32 [n], counted from 0.
    provenance : uint8 [n], see `Provenance`.
    """

    observation: np.ndarray
    action: np.ndarray
    next_observation: np.ndarray
    goal: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    episode: np.ndarray
    step: np.ndarray
    provenance: np.ndarray

    def __len__(self) -> int:
        return len(self.observation)

    def take(self, rows: np.ndarray | slice) -> Transitions:
        """The given rows, in the order given."""
        return Transitions(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


COLUMNS: dict[str, type] = {
    "observation": np.float32,
    "action": np.float32,
    "next_observation": np.float32,
    "goal": np.float32,
    "reward": np.float32,
    "terminated": np.bool_,
    "truncated": np.bool_,
    "episode": np.int64,
    "step": np.int32,
    "provenance": np.uint8,
}
MATRICES = ("observation", "action", "next_observation", "goal")


def concatenate(parts: list[Transitions]) -> Transitions:
    """All rows of the parts, in order."""
    return Transitions(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    )


def check(rows: Transitions, where: str, *, observation_dim: int, action_dim: int) -> None:
    """Refuse rows that cannot be transitions of a domain, naming the first offender.

    Raises UserError for an empty set, wrong dtypes or shapes, values that are not finite,
    actions outside [-1, 1], and next observations that do not continue within an episode.
    """
    n = len(rows)
    if n == 0:
        raise UserError(where, expected="at least one transition", found="none")
    widths = {
        "observation": observation_dim,
        "next_observation": observation_dim,
        "action": action_dim,
    }
    for name, dtype in COLUMNS.items():
        values = getattr(rows, name)
        at = f"{where}, column '{name}'"
        if values.dtype != dtype:
            raise UserError(at, expected=f"dtype {np.dtype(dtype)}", found=f"{values.dtype}")
        dimensions = 2 if name in MATRICES else 1
        if values.ndim != dimensions or len(values) != n:
            raise UserError(
                at,
                expected=f"{dimensions} dimension(s) and {n} rows",
                found=f"shape {values.shape}",
            )
        if name in widths and values.shape[1] != widths[name]:
            raise UserError(
                at, expected=f"{widths[name]} columns", found=f"{values.shape[1]} columns"
            )
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            bad = np.argwhere(~np.isfinite(values.reshape(n, -1)))[0]
            value = values.reshape(n, -1)[tuple(bad)]
            raise UserError(
                f"{at}, row {bad[0]}",
                expected="finite numbers",
                found=str(value),
                remedy="Remove or repair that row.",
            )
    beyond = np.abs(rows.action).max(axis=1) > 1.0
    if beyond.any():
        row = int(beyond.argmax())
        raise UserError(
            f"{where}, column 'action', row {row}",
            expected="values in [-1, 1]",
            found=str(rows.action[row].tolist()),
            remedy="Scale the actions.",
        )
    if (rows.provenance > max(Provenance)).any():
        row = int((rows.provenance > max(Provenance)).argmax())
        raise UserError(
            f"{where}, column 'provenance', row {row}",
            expected=f"one of {[int(p) for p in Provenance]}",
            found=str(rows.provenance[row]),
        )
    same = (rows.episode[1:] == rows.episode[:-1]) & (rows.episode[1:] >= 0)
    gap = same & (rows.step[1:] != rows.step[:-1] + 1)
    torn = same & (rows.observation[1:] != rows.next_observation[:-1]).any(axis=1)
    for fault, meaning in (
        (gap, "step = previous step + 1"),
        (torn, "observation = previous next_observation"),
    ):
        if fault.any():
            row = int(fault.argmax()) + 1
            raise UserError(
                f"{where}, row {row}",
                expected=f"{meaning} within episode {rows.episode[row]}",
                found="a break",
                remedy="Order rows by episode and step, and give each episode its own number.",
            )
