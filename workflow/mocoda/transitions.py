"""Transitions: the rows that every stage reads or writes, in memory and as checked Zarr shards."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np


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
# Columns that only stores of swapped rows have: the numbers of the two logged rows of each (-1 for
# a row that was not swapped), and the roots that the first gave, as bits.
SWAP_COLUMNS: dict[str, type] = {"sources": np.int64, "swapped_roots": np.int64}


def concatenate(parts: list[Transitions]) -> Transitions:
    """All rows of the parts, in order."""
    return Transitions(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    )
