"""What all rebalancing variants share: candidates, result, and draws with given probabilities.

Memory holds one part of the candidates, a score a row, and the numbers of the chosen rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mocoda.errors import UserError
from mocoda.rebalance.kernel_density import KernelDensity

# Rows that are put in random order, and turned into probabilities, at a time.
ROWS_PER_BLOCK = 65_536


@dataclass(frozen=True)
class Candidates:
    """The rows to choose from.

    rows : how many there are.
    parts : reads them anew, some at a time and in order: float columns [m, k] whose density
        counts, and bool [m], which of the rows have objects near enough to each other.
    """

    rows: int
    parts: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]


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
    candidates: Candidates, support: int, bandwidth: float, floor: float, *, eligible_only: bool
) -> np.ndarray:
    """1 / max(density, floor) of the candidates, float64 [n]; with `eligible_only` 0 for others.

    The density is estimated from the last `support` of the rows (of the eligible ones) as the
    published code does, per unit volume of the columns. No row at all: all zeros.
    """

    def parts() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for columns, eligible in candidates.parts():
            yield columns, eligible if eligible_only else np.ones_like(eligible)

    last: np.ndarray | None = None
    for columns, taken in parts():
        read = columns[taken]
        last = (read if last is None else np.concatenate([last, read]))[-support:]
    scores = np.zeros(candidates.rows)
    if last is None or not len(last):
        return scores
    density = KernelDensity(last, bandwidth)
    start = 0
    for columns, taken in parts():
        part = scores[start : start + len(columns)]
        part[taken] = 1.0 / np.maximum(density.score(columns[taken]), floor)
        start += len(columns)
    return scores


def scale_to_target(score: np.ndarray, target: int) -> float:
    """The c for which the acceptance probabilities min(c score, 1) sum to `target`.

    score : finite, float64 [n], at least `target` of them positive; target : at least 1.

    Exact: with the m largest scores cut to 1, c = (target - m) / (sum of the others), for the one m
    that is consistent with itself. It is found from m = 0 on: each m gives a larger c, and so at
    least as large an m, until it stays.
    """
    factor, certain = target / score.sum(), 0
    while True:
        surely = score >= 1.0 / factor
        found = int(surely.sum())
        # Less only by rounding, where a score lies on the threshold.
        if found <= certain:
            return float(factor)
        if found >= target:
            return float(1.0 / score[surely].min())
        certain = found
        factor = (target - found) / score.sum(where=~surely)


def probabilities(score: np.ndarray, factor: float) -> Iterator[np.ndarray]:
    """min(factor score, 1), a block of rows at a time."""
    for start in range(0, len(score), ROWS_PER_BLOCK):
        yield np.minimum(factor * score[start : start + ROWS_PER_BLOCK], 1.0)


def expected_rows(score: np.ndarray, factor: float) -> float:
    """How many rows are accepted on average with the probabilities min(factor score, 1)."""
    return float(sum(block.sum() for block in probabilities(score, factor)))


def draw_independently(score: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Rows, each accepted by itself with probability min(factor score, 1): int64, ascending."""
    chosen = [
        np.flatnonzero(rng.random(len(block)) < block) + number * ROWS_PER_BLOCK
        for number, block in enumerate(probabilities(score, factor))
    ]
    return np.concatenate(chosen).astype(np.int64)


def draw_exactly(
    score: np.ndarray, factor: float, target: int, rng: np.random.Generator
) -> np.ndarray:
    """`target` distinct rows, row i with probability min(factor score[i], 1): int64, ascending.

    The probabilities must sum to `target`, at least 1 (see `scale_to_target`). Systematic sampling
    over the rows, each block of them in random order: the cumulative probabilities are cut at u,
    u + 1, u + 2, ... with one uniform u, so that each row has exactly its probability and the count
    is exact, where independent draws (the published code) miss it by their own spread. Nothing is
    trimmed or filled.
    """
    # Where in the cumulative probabilities each block ends, and how many cuts come before that; by
    # the last block with any probability exactly `target` do, however the sums were rounded.
    ends = np.cumsum([block.sum() for block in probabilities(score, factor)])
    ends *= target / ends[-1]
    first_cut = rng.random()
    cuts_before = np.minimum(np.ceil(ends - first_cut), target).astype(np.int64)
    cuts_before[ends >= ends[-1]] = target
    chosen, begin, done = [], 0.0, 0
    for number, block in enumerate(probabilities(score, factor)):
        order = rng.permutation(np.flatnonzero(block))
        cuts = np.arange(done, cuts_before[number]) + first_cut
        if len(cuts):
            cumulative = np.cumsum(block[order])
            cumulative *= (ends[number] - begin) / cumulative[-1]
            places = np.searchsorted(begin + cumulative, cuts, side="right")
            rows = order[np.minimum(places, len(order) - 1)]
            chosen.append(np.sort(rows) + number * ROWS_PER_BLOCK)
        begin, done = ends[number], int(cuts_before[number])
    return np.concatenate(chosen).astype(np.int64)
