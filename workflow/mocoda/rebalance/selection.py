"""What all rebalancing variants share: their result, and draws with given probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mocoda.errors import UserError
from mocoda.rebalance.kernel_density import KernelDensity


@dataclass(frozen=True)
class Selection:
    """indices : int64, ascending, the rows to keep; facts : figures for the card."""

    indices: np.ndarray
    facts: dict[str, Any]


def require(available: int, target: int, variant: str, what: str, remedy: str) -> None:
    """Raise UserError when fewer rows can be chosen than shall be."""
    if available < target:
        raise UserError(
            f"rebalance '{variant}'",
            expected=f"at least {target} {what}",
            found=f"{available}",
            remedy=remedy,
        )


def inverse_density(
    columns: np.ndarray, support: int, bandwidth: float, floor: float
) -> np.ndarray:
    """1 / max(density, floor) of rows [n, k] -> float64 [n].

    The density is estimated from the last `support` of the rows (as the published code does), in
    rows per unit volume of the columns.
    """
    density = KernelDensity(columns[-support:], bandwidth).score(columns)
    return 1.0 / np.maximum(density, floor)


def scale_to_target(score: np.ndarray, target: int) -> tuple[np.ndarray, float]:
    """Acceptance probabilities min(c score, 1) that sum to `target`, and the c that does it.

    score : positive, float64 [n] with n >= target. Exact: with the m largest scores cut to 1,
    c = (target - m) / (sum of the others), for the one m that is consistent with itself.
    """
    falling = np.sort(score)[::-1]
    # Sum of all scores after the m largest, for m = 0 .. n-1.
    remaining = np.cumsum(falling[::-1])[::-1]
    cut = np.arange(len(falling))
    factors = (target - cut) / remaining
    # m is right as soon as the largest score that is not cut stays below one.
    consistent = factors * falling <= 1.0 + 1e-12
    factor = float(factors[int(consistent.argmax())])
    return np.minimum(factor * score, 1.0), factor


def draw_exactly(probability: np.ndarray, target: int, rng: np.random.Generator) -> np.ndarray:
    """`target` distinct rows, row i with probability `probability[i]`: int64, ascending.

    probability : float64 [n] within [0, 1], summing to `target`. Systematic sampling over the rows
    in random order: the cumulative probabilities are cut at u, u + 1, u + 2, ... with one uniform
    u, so that each row has exactly its probability and the count is exact, where independent draws
    (the published code) miss it by their own spread. Nothing is trimmed or filled.
    """
    order = rng.permutation(len(probability))
    cumulative = np.cumsum(probability[order])
    cumulative *= target / cumulative[-1]
    cuts = np.arange(target) + rng.random()
    chosen = np.searchsorted(cumulative, cuts, side="right")
    return np.sort(order[np.minimum(chosen, len(order) - 1)]).astype(np.int64)
