"""Domains that say the wrong thing of their own truth: refused before it measures anything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from spine_examples import DOMAIN

from faults.planted import refused
from mocoda.domains.check import check_closed_form, check_domain, check_structure
from mocoda.domains.nav2d import NAV2D, uniform_parents
from mocoda.domains.nav2d.task import BASE_MASK, STEP, true_dynamics, true_mask

Arrays = tuple[np.ndarray, np.ndarray]


def uncoupled(observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    """The dynamics outside the quadrant, everywhere."""
    return np.asarray(observation + STEP * action)


def slower(observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    return np.asarray(true_dynamics(observation, 0.99 * action))


def shifted(observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    """A state too late, as if the rows were not aligned."""
    return np.asarray(np.roll(true_dynamics(observation, action), 1, axis=0))


def too_fast(number: int, generator: np.random.Generator) -> Arrays:
    observation, action = uniform_parents(number, generator)
    action[3, 1] = -1.25
    return observation, action


# name: the fields that are replaced, then where, expected and found.
FAULTS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "slower dynamics": (
        {"true_dynamics": slower},
        *("true_dynamics", "next observations of make_task(...).step", "a difference of 0.0004"),
    ),
    "dynamics of another row": (
        {"true_dynamics": shifted},
        *("true_dynamics", "next observations of make_task(...).step", "a difference of 0."),
    ),
    "dynamics of one column": (
        {"true_dynamics": lambda state, action: true_dynamics(state, action)[:, :1]},
        *("true_dynamics", "a floating-point array of shape (32, 2)", "shape (32, 1)"),
    ),
    "dynamics are nan": (
        {"true_dynamics": lambda state, action: true_dynamics(state, action) * np.nan},
        *("true_dynamics", "finite numbers", "nan at (0, 0)"),
    ),
    "dynamics raise": (
        {"true_dynamics": lambda state: state},
        *("true_dynamics", "a function that takes these arguments", "TypeError"),
    ),
    "one mask for all rows": (
        {"true_mask": lambda state, action: BASE_MASK},
        *("true_mask", "a bool array of shape (32, 4, 2)", "shape (4, 2)"),
    ),
    "mask with children first": (
        {"true_mask": lambda state, action: true_mask(state, action).transpose(0, 2, 1)},
        *("true_mask", "a bool array of shape (32, 4, 2)", "shape (32, 2, 4)"),
    ),
    "mask of numbers": (
        {"true_mask": lambda state, action: true_mask(state, action).astype(np.float32)},
        *("true_mask", "a bool array", "a float32 array"),
    ),
    "uniform actions out of range": (
        {"uniform_parents": too_fast},
        *("action of uniform_parents", "numbers from -1 to 1", "-1.25"),
    ),
    "uniform actions of another width": (
        {
            "uniform_parents": lambda n, rng: (
                uniform_parents(n, rng)[0],
                uniform_parents(n, rng)[1][:, :1],
            )
        },
        *("action of uniform_parents", "shape (32, 2)", "shape (32, 1)"),
    ),
    "uniform states of another width": (
        {"uniform_parents": lambda n, rng: (rng.random((n, 3)), uniform_parents(n, rng)[1])},
        *("observation of uniform_parents", "shape (32, 2)", "shape (32, 3)"),
    ),
    "one uniform parent fewer": (
        {"uniform_parents": lambda n, rng: uniform_parents(n - 1, rng)},
        *("observation of uniform_parents", "shape (32, 2)", "shape (31, 2)"),
    ),
    "uniform states alone": (
        {"uniform_parents": lambda n, rng: uniform_parents(n, rng)[0]},
        *("uniform_parents", "the pair (observation, action)", "a ndarray"),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_truth_is_told_by_function(name: str) -> None:
    fields, where, expected, found = FAULTS[name]
    field = next(iter(fields))
    error = refused(
        lambda: check_domain(replace(NAV2D, **fields)),
        where=where,
        expected=expected,
        found=found,
        remedy=field,
    )
    assert error.where.startswith("domain nav2d, ")


def test_the_true_dynamics_are_compared_row_by_row() -> None:
    """One row of many that is off is found, and shown; rounding to float32 is none."""
    generator = np.random.default_rng(0)
    before, action = uniform_parents(50, generator)
    before[:, 1] = np.minimum(before[:, 1], 0.5)
    before[31] = (0.75, 0.625)
    after = true_dynamics(before, action)
    check_closed_form(NAV2D, before, after, action)
    check_closed_form(NAV2D, before, after.astype(np.float32).astype(np.float64), action)
    refused(
        lambda: check_closed_form(replace(NAV2D, true_dynamics=uncoupled), before, after, action),
        where="domain nav2d, true_dynamics(observation, action)",
        expected="the next observations of make_task(...).step",
        found=f"a difference of {0.02 * np.abs(action[31]).max():.3g} for [0.75, 0.625]",
        remedy="Correct true_dynamics in the module of the domain.",
    )


def test_a_domain_needs_no_closed_form() -> None:
    check_domain(
        replace(NAV2D, true_dynamics=None, true_mask=None, uniform_parents=None, oracle=None)
    )


@pytest.mark.parametrize("columns", [(6,), (6, 7, 11)])
def test_a_largest_distance_needs_the_columns_of_two_positions(columns: tuple[int, ...]) -> None:
    assert DOMAIN.rebalance_max_distance is not None
    refused(
        lambda: check_structure(replace(DOMAIN, rebalance_columns=columns)),
        where="domain hooksweep2, rebalance_columns",
        expected="the columns of two positions, as rebalance_max_distance is set",
        found=f"{len(columns)} columns",
        remedy="Correct rebalance_columns in the module of the domain.",
    )
    check_structure(replace(DOMAIN, rebalance_columns=columns, rebalance_max_distance=None))
