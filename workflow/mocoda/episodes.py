"""Hold out whole episodes: neighbouring rows are much alike."""

from __future__ import annotations

import numpy as np

from mocoda.errors import UserError
from mocoda.seeding import seed_for
from mocoda.transitions import Transitions


def split_episodes(
    transitions: Transitions, validation_share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers for training and validation; an episode lies in one of them entirely. A row of
    none (-1) is like an episode of its own.

    Raises UserError if there are fewer than two episodes.
    """
    of_row = transitions.episode.astype(np.int64)
    alone = of_row < 0
    of_row = np.where(alone, of_row.max() + 1 + np.cumsum(alone), of_row)
    episodes = np.unique(of_row)
    if len(episodes) < 2:
        raise UserError(
            "empirical transitions",
            expected="at least two episodes, to hold one out",
            found=f"{len(episodes)}",
            remedy="Collect more transitions.",
        )
    count = min(max(1, round(validation_share * len(episodes))), len(episodes) - 1)
    held_out = np.random.default_rng(seed).permutation(episodes)[:count]
    validation = np.isin(of_row, held_out)
    return np.flatnonzero(~validation), np.flatnonzero(validation)


def shared_split(
    domain: str, transitions: Transitions, validation_share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """`split_episodes` by the stream that all stages of a seed share: rows that the dynamics are
    measured on trained no learned mask, if both hold out the same share."""
    return split_episodes(transitions, validation_share, seed_for(domain, "split", seed))
