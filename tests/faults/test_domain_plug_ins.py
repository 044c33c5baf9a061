"""Domains that break the contract: refused by field or function, before anything is collected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from spine_examples import DOMAIN

from faults.planted import refused
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.domains.check import check_domain
from mocoda.factors import Slot, Slots


class Task:
    """A task that works: the observation moves by the action."""

    horizon = DOMAIN.horizon

    def __init__(self, episodes: int, threads: int) -> None:
        self.observation = np.zeros((episodes, 16))

    def reset(self, seeds: np.ndarray) -> Any:
        generators = [np.random.default_rng(seed) for seed in seeds]
        self.observation = np.stack([generator.random(16) for generator in generators])
        return self.observation.copy(), np.stack([generator.random(6) for generator in generators])

    def step(self, action: np.ndarray) -> Any:
        self.observation[:, :4] += 0.01 * action
        return self.observation.copy()


class WrongHorizon(Task):
    horizon = 10


class OnlyObservation(Task):
    def reset(self, seeds: np.ndarray) -> Any:
        return super().reset(seeds)[0]


class NarrowGoal(Task):
    def reset(self, seeds: np.ndarray) -> Any:
        observation, goal = super().reset(seeds)
        return observation, goal[:, :4]


class NewStartEachTime(Task):
    generator = np.random.default_rng(0)

    def reset(self, seeds: np.ndarray) -> Any:
        observation, goal = super().reset(seeds)
        return observation + self.generator.random(16), goal


class NoiseOfItsOwn(Task):
    generator = np.random.default_rng(0)

    def step(self, action: np.ndarray) -> Any:
        return super().step(action) + 0.01 * self.generator.random(16)


class Narrow(Task):
    def step(self, action: np.ndarray) -> Any:
        return super().step(action)[:, :15]


class OneEpisode(Task):
    def step(self, action: np.ndarray) -> Any:
        return super().step(action)[0]


class NotFinite(Task):
    def step(self, action: np.ndarray) -> Any:
        observation = super().step(action)
        observation[2, 7] = np.nan
        return observation


class SameArray(Task):
    def reset(self, seeds: np.ndarray) -> Any:
        _, goal = super().reset(seeds)
        return self.observation, goal

    def step(self, action: np.ndarray) -> Any:
        super().step(action)
        return self.observation


class Whole(Task):
    def step(self, action: np.ndarray) -> Any:
        return np.zeros(self.observation.shape, dtype=int)


class LikeGymnasium(Task):
    def step(self, action: np.ndarray) -> Any:
        return super().step(action), 0.0, False, False, {}


class Raises(Task):
    def step(self, action: np.ndarray) -> Any:
        raise KeyError("box_3")


def state(*columns: tuple[int, ...]) -> Slots:
    """Slots of the state with these columns; the action's are right."""
    slots = tuple(Slot(f"slot_{i}", part) for i, part in enumerate(columns))
    return Slots(slots, DOMAIN.slots.action)


def first_is_nan(values: np.ndarray) -> np.ndarray:
    values = np.array(values, dtype=float)
    values[0] = np.nan
    return values


MASK = DOMAIN.base_mask
REWARD, GOALS = DOMAIN.reward, DOMAIN.sample_goals
HALVES = (tuple(range(8)), tuple(range(8, 16)))
# name: the fields that are replaced, then where, expected, found and what to do.
FAULTS: dict[str, tuple[dict[str, Any], str, str, str, str]] = {
    "mask of the wrong shape": (
        {"base_mask": MASK.T},
        *("base_mask", "a bool array of shape (4, 3)", "shape (3, 4)", "Correct base_mask"),
    ),
    "mask of numbers": (
        {"base_mask": MASK.astype(np.float32)},
        *("base_mask", "a bool array", "a float32 array", "Correct base_mask"),
    ),
    "mask as a list": (
        {"base_mask": MASK.tolist()},
        *("base_mask", "a bool array", "a list", "Correct base_mask"),
    ),
    "unknown root in a parent set": (
        {"parent_sets": (("gripper", "box1", "action"), ("gripper", "box_2", "action"))},
        *("parent_sets", "names of roots", "'box1'", "Did you mean 'box_1'?"),
    ),
    "root in no parent set": (
        {"parent_sets": (("gripper", "box_1", "action"),)},
        *("parent_sets", "every root in a set", "none with ['box_2']", "Correct parent_sets"),
    ),
    "column in two slots": (
        {"slots": state(tuple(range(9)), tuple(range(8, 16)))},
        *("slots.state", "each column from 0 to 15 in one slot", "column 8 twice", "slots.state"),
    ),
    "column in no slot": (
        {"slots": state(tuple(range(8)), tuple(range(9, 16)))},
        *("slots.state", "in one slot", "and column 8 in none", "Correct slots.state"),
    ),
    "column out of range": (
        {"slots": Slots(DOMAIN.slots.state, (Slot("action", (0, 1, 2, 5)),))},
        *("slots.action", "from 0 to 3", "column 5 in slot 'action'", "Correct slots.action"),
    ),
    "two slots of one name": (
        {"slots": Slots((Slot("a", HALVES[0]), Slot("a", HALVES[1])), DOMAIN.slots.action)},
        *("slots", "a name of its own", "('a', 'a', 'action')", "Correct slots"),
    ),
    "object out of range": (
        {"object_positions": ((6, 7), (16, 17))},
        *("object_positions", "columns from 0 to 15", "column 16", "Correct object_positions"),
    ),
    "rebalancing out of range": (
        {"rebalance_columns": (6, 7, -1, 12)},
        *("rebalance_columns", "columns from 0 to 15", "column -1", "Correct rebalance"),
    ),
    "goal columns out of range": (
        {"agent_goal_columns": (0, 6)},
        *("agent_goal_columns", "columns from 0 to 5", "column 6", "Correct agent_goal"),
    ),
    "no steps": ({"horizon": 0}, "horizon", "at least one step", "0", "Correct horizon"),
    **{
        name: ({"make_task": task}, where, expected, found, remedy)
        for name, task, where, expected, found, remedy in (
            ("another horizon", WrongHorizon, "horizon", "75", "10", "make_task"),
            ("reset without goal", OnlyObservation, "reset(seeds)", "pair", "ndarray", "reset"),
            ("narrow goal", NarrowGoal, "goal of reset", "(4, 6)", "(4, 4)", "reset"),
            ("narrow step", Narrow, "step(action)", "(4, 16)", "(4, 15)", "step"),
            ("step of one episode", OneEpisode, "step(action)", "(4, 16)", "(16,)", "step"),
            ("step is nan", NotFinite, "step(action)", "finite", "nan at (2, 7)", "step"),
            ("step of integers", Whole, "step(action)", "floating-point", "int64", "step"),
            ("step as in gymnasium", LikeGymnasium, "step(action)", "array", "tuple", "step"),
            ("step raises", Raises, "step(action)", "function", "KeyError: 'box_3'", "step"),
            ("one array", SameArray, "step", "a new array", "that changed", "Return a copy"),
            ("reset differs", NewStartEachTime, "of reset", "same bits", "up to", "generator"),
            ("step differs", NoiseOfItsOwn, "step", "same bits", "up to", "generator"),
        )
    },
    **{
        name: ({field: function}, field, expected, found, f"Correct {field}")
        for name, field, function, expected, found in (
            (
                "goals too narrow",
                "sample_goals",
                lambda n, rng: GOALS(n, rng)[:, :4],
                "shape (32, 6)",
                "shape (32, 4)",
            ),
            (
                "goals not finite",
                "sample_goals",
                lambda n, rng: first_is_nan(GOALS(n, rng)),
                "finite numbers",
                "nan at (0, 0)",
            ),
            (
                "reward is nan",
                "reward",
                lambda after, goal: first_is_nan(REWARD(after, goal)),
                "finite numbers",
                "nan at (0,)",
            ),
            (
                "reward as a column",
                "reward",
                lambda after, goal: REWARD(after, goal)[:, None],
                "shape (32,)",
                "shape (32, 1)",
            ),
            (
                "reward of arrays alone",
                "reward",
                lambda after, goal: np.asarray(REWARD(after, goal)),
                "a tensor",
                "a ndarray",
            ),
            (
                "terminated as numbers",
                "terminated",
                lambda reward: (reward > -0.3).astype(np.float32),
                "a bool array",
                "a float32 array",
            ),
            ("success of one", "success", lambda reward: bool(reward[0] > 0), "a bool", "a bool"),
            (
                "invalid rows as numbers",
                "invalid_parents",
                lambda state, action: {"outside": np.zeros(len(state))},
                "a bool array",
                "a float64 array",
            ),
            (
                "invalid rows by no reason",
                "invalid_parents",
                lambda state, action: np.zeros(len(state), dtype=bool),
                "a mapping",
                "a ndarray",
            ),
            (
                "one description for all",
                "describe_episodes",
                lambda first, goal, last: {"side": "away"},
                "one entry for each of 32 episodes",
                "shape ()",
            ),
        )
    },
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_domain_is_told_by_field(name: str) -> None:
    fields, where, expected, found, remedy = FAULTS[name]
    # The stand-in task is quicker; what is planted replaces it where it is a task itself.
    working: dict[str, Callable[..., Any]] = {"make_task": Task}
    broken = replace(DOMAIN, **{**working, **fields})
    error = refused(
        lambda: check_domain(broken), where=where, expected=expected, found=found, remedy=remedy
    )
    assert error.where.startswith("domain hooksweep2, ")


def test_the_stand_in_task_is_right() -> None:
    check_domain(replace(DOMAIN, make_task=Task))


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=lambda domain: domain.name)
def test_the_domains_that_are_shipped_pass(domain: Domain) -> None:
    check_domain(domain)
