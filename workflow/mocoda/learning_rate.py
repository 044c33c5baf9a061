"""How learning rates fall in the course of a training."""

from __future__ import annotations


def decayed_share(update: int, total_updates: int, decay_start: float) -> float:
    """The share of the learning rate at an update: 1, then linearly to 0 at `total_updates`."""
    start = decay_start * total_updates
    if update <= start:
        return 1.0
    return max(0.0, (total_updates - update) / (total_updates - start))
