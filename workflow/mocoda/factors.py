"""The factored view of a transition: slots (groups of columns), parents and children.

A *root* is a slot of the state or of the action at time t; a *child* is a slot of the state at
t+1. A mask is a boolean array `[batch, roots, children]` (or `[roots, children]` for one graph):
entry (i, j) is 0 where child j does not depend on root i (MoCoDA, section 3).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Slot:
    """A named group of columns of the observation (or of the action)."""

    name: str
    columns: tuple[int, ...]


@dataclass(frozen=True)
class Slots:
    """How a domain's observation and action columns divide into components.

    Columns of `state` index the observation, columns of `action` index the action; every column
    belongs to exactly one slot.
    """

    state: tuple[Slot, ...]
    action: tuple[Slot, ...]

    @property
    def observation_dim(self) -> int:
        return sum(len(slot.columns) for slot in self.state)

    @property
    def action_dim(self) -> int:
        return sum(len(slot.columns) for slot in self.action)

    @property
    def root_names(self) -> tuple[str, ...]:
        """State slots, then action slots: the order of a mask's rows."""
        return tuple(slot.name for slot in (*self.state, *self.action))

    @property
    def child_names(self) -> tuple[str, ...]:
        """The order of a mask's columns."""
        return tuple(slot.name for slot in self.state)

    @property
    def root_columns(self) -> tuple[tuple[int, ...], ...]:
        """Columns of each root in the row `[observation, action]`."""
        shift = self.observation_dim
        return tuple(slot.columns for slot in self.state) + tuple(
            tuple(shift + column for column in slot.columns) for slot in self.action
        )

    def columns_of(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Columns of the named roots in the row `[observation, action]`, in the order given."""
        by_name = dict(zip(self.root_names, self.root_columns, strict=True))
        return tuple(column for name in names for column in by_name[name])


def mask_id(mask: np.ndarray) -> np.ndarray:
    """Number each local graph: bool[batch, roots, children] -> int64[batch].

    The bits of the mask, or 62 bits of their hash where there are more than 62 entries (a collision
    among a million graphs has a chance of one in ten million).
    """
    entries = mask.reshape(len(mask), -1)
    if entries.shape[1] <= 62:
        bits = 1 << np.arange(entries.shape[1], dtype=np.int64)
        return entries.astype(np.int64) @ bits
    graphs, of_row = np.unique(np.packbits(entries, axis=1), axis=0, return_inverse=True)
    hashes = [int.from_bytes(hashlib.sha256(graph.tobytes()).digest()[:8]) >> 2 for graph in graphs]
    return np.array(hashes, dtype=np.int64)[of_row.reshape(-1)]
