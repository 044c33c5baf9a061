"""Parents that a domain accepts: propose, refuse with reasons, until there are enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mocoda.errors import UserError
from mocoda.parents.sampler import ParentSampler

# (observation [n, obs], action [n, act]) -> {reason: bool [n], True where the row is invalid}
Invalid = Callable[[np.ndarray, np.ndarray], Mapping[str, np.ndarray]]

SMALLEST_BLOCK = 2048
LARGEST_BLOCK = 131_072
# Below this share of accepted proposals the search is given up, once so many were made.
SMALLEST_ACCEPTANCE = 1e-3
PROPOSALS_BEFORE_GIVING_UP = 20_000


def propose_parents(
    sampler: ParentSampler,
    n: int,
    rng: np.random.Generator,
    invalid: Invalid,
    observation_dim: int,
    clip_actions: bool = True,
    where: str = "parents",
) -> tuple[np.ndarray, dict[str, int]]:
    """n valid rows [observation, action], float64 [n, row_dim], and what was counted.

    The counts are `proposed`, `accepted` (before the surplus of the last block is dropped),
    `low_density` (see `GmmSettings.density_quantile`), `actions_clipped` and one for each reason of
    `invalid`; a row that is refused for several reasons counts for each. Actions are clipped to
    [-1, 1] before `invalid` sees them, as the behaviour policy's are: many of its actions lie at
    the bounds, and refusing what lies beyond would make those rare (our choice).
    Raises UserError when fewer than 0.1 % are accepted.
    """
    rows = np.empty((n, sampler.row_dim))
    counts = {"proposed": 0, "accepted": 0, "low_density": 0, "actions_clipped": 0}
    filled = 0
    while filled < n:
        share = max(counts["accepted"] / max(counts["proposed"], 1), SMALLEST_ACCEPTANCE)
        wanted = (n - filled) if counts["proposed"] == 0 else 1.05 * (n - filled) / share
        block = sampler.sample(int(np.clip(wanted, SMALLEST_BLOCK, LARGEST_BLOCK)), rng)
        refused = sampler.too_rare(block)
        counts["proposed"] += len(block)
        counts["low_density"] += int(refused.sum())
        if clip_actions:
            actions = block[:, observation_dim:]
            counts["actions_clipped"] += int((np.abs(actions) > 1.0).any(axis=1).sum())
            np.clip(actions, -1.0, 1.0, out=actions)
        for reason, bad in invalid(block[:, :observation_dim], block[:, observation_dim:]).items():
            counts[reason] = counts.get(reason, 0) + int(bad.sum())
            refused = refused | bad
        valid = np.flatnonzero(~refused)
        counts["accepted"] += len(valid)
        taken = valid[: n - filled]
        rows[filled : filled + len(taken)] = block[taken]
        filled += len(taken)
        hopeless = counts["accepted"] < SMALLEST_ACCEPTANCE * counts["proposed"]
        if hopeless and counts["proposed"] >= PROPOSALS_BEFORE_GIVING_UP:
            told = ("proposed", "accepted", "actions_clipped")
            reasons = {k: v for k, v in counts.items() if k not in told}
            raise UserError(
                where,
                expected=f"at least {SMALLEST_ACCEPTANCE:.1%} valid proposals",
                found=f"{counts['accepted']} of {counts['proposed']}, refused for {reasons}",
                remedy=(
                    "Check the domain's invalid_parents against the empirical rows, give the "
                    "mixtures more rows or components, or lower density_quantile."
                ),
            )
    return rows, counts
