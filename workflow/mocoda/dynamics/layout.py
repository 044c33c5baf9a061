"""Where each root's and child's columns lie in the padded arrays that the networks work on."""

from __future__ import annotations

import numpy as np
import torch

from mocoda.factors import Slots


class Layout:
    """Index tensors of a domain's slots.

    roots : int64[roots, width], columns of `[observation, action]`, padded by column 0.
    root_valid : float[roots, width], 0 at the padding.
    child_outputs : int64[obs], where each observation column lies in the flattened
        [children, width] output of per-child networks.
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
        self.roots = torch.tensor([[*c, *([0] * (width - len(c)))] for c in columns], device=device)
        self.root_valid = torch.tensor(
            [[1.0] * len(c) + [0.0] * (width - len(c)) for c in columns], device=device
        )
        self.child_width = max(len(slot.columns) for slot in slots.state)
        places = {
            column: child * self.child_width + place
            for child, slot in enumerate(slots.state)
            for place, column in enumerate(slot.columns)
        }
        self.child_outputs = torch.tensor([places[c] for c in range(self.outputs)], device=device)
        parents = np.zeros((self.children, self.inputs), dtype=np.float32)
        for root, root_columns in enumerate(columns):
            for child in range(self.children):
                parents[child, list(root_columns)] = float(base_mask[root, child])
        self.parents = torch.from_numpy(parents).to(device)
