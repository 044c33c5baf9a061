"""Broken data sets: how a fault is planted in valid rows, and how they are checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from spine_examples import ACTION, DOMAIN, OBSERVATION

from mocoda.transition_checks import check
from mocoda.transitions import Transitions

ROWS = 40  # four episodes of ten steps


@dataclass(frozen=True)
class Fault:
    name: str
    plant: Callable[[Transitions], Transitions]
    where: str
    expected: str
    found: str
    remedy: str


def cell(column: str, row: int, value: object) -> Callable[[Transitions], Transitions]:
    """Put a value into the last entry of a row of a column."""

    def plant(rows: Transitions) -> Transitions:
        values = getattr(rows, column).copy()
        values.reshape(len(rows), -1)[row, -1] = value
        return replace(rows, **{column: values})

    return plant


def whole(
    column: str, change: Callable[[np.ndarray], object]
) -> Callable[[Transitions], Transitions]:
    """Replace a whole column."""
    return lambda rows: replace(rows, **{column: change(getattr(rows, column))})


def order(numbers: list[int]) -> Callable[[Transitions], Transitions]:
    """Only these rows, in this order."""
    return lambda rows: rows.take(np.array(numbers, dtype=np.int64))


def checked(rows: Transitions) -> None:
    check(
        rows, "log.zarr", observation_dim=OBSERVATION, action_dim=ACTION, goal_dim=DOMAIN.goal_dim
    )
