"""Where each root's and child's columns lie in the padded arrays that the networks work on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from mocoda.factors import Slots


def padded(
    groups: Sequence[tuple[int, ...]], width: int, device: torch.device | str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns of each group, filled up to `width` by column 0; and 1 where they are not filling."""
    columns = [[*group, *([0] * (width - len(group)))] for group in groups]
    valid = [[1.0] * len(group) + [0.0] * (width - len(group)) for group in groups]
    return torch.tensor(columns, device=device), torch.tensor(valid, device=device)


class Layout:
    """Index tensors of a domain's slots.

    roots : int64[roots, width], columns of `[observation, action]`, padded by column 0.
    root_valid : float[roots, width], 0 at the padding.
    child_columns : int64[children, width], observation columns of each child, padded by column 0.
    child_valid : float[children, width], 0 at the padding.
    parents : float[children, inputs], 1 where a column of `[observation, action]` belongs to a
        parent of the child in the base graph.
    """

    def __init__(self, slots: Slots, base_mask: np.ndarray, device: torch.device | str) -> None:
        columns = slots.root_columns
        width = max(len(c) for c in columns)
        self.inputs = slots.observation_dim + slots.action_dim
        self.outputs = slots.observation_dim
        self.children = len(slots.state)
        self.root_count = len(columns)
        self.root_width = width
        self.roots, self.root_valid = padded(columns, width, device)
        self.child_width = max(len(slot.columns) for slot in slots.state)
        children = [slot.columns for slot in slots.state]
        self.child_columns, self.child_valid = padded(children, self.child_width, device)
        parents = np.zeros((self.children, self.inputs), dtype=np.float32)
        for root, root_columns in enumerate(columns):
            for child in range(self.children):
                parents[child, list(root_columns)] = float(base_mask[root, child])
        self.parents = torch.from_numpy(parents).to(device)
