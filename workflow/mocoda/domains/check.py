"""A quick look at a domain before anything expensive runs: does it keep what `base.Domain` says?

Structure first, then a few steps of the domain's own task, then its functions on those rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from mocoda.domains.base import Domain
from mocoda.errors import UserError, suggestion
from mocoda.factors import Slot
from mocoda.seeding import numpy_generator

EPISODES, STEPS = 4, 8
# Between the task's arithmetic and that of `true_dynamics`, in the domain's units.
CLOSED_FORM_TOLERANCE = 1e-6


def check_domain(domain: Domain) -> None:
    """Refuse a domain that breaks the contract of `mocoda.domains.base`; takes about a second.

    Raises UserError that names the field or function at fault, what was expected and found.
    """
    check_structure(domain)
    before, after, goal, action = check_task(domain)
    check_functions(domain, before, after, goal, action)
    check_closed_form(domain, before, after, action)


def fault(domain: Domain, what: str, expected: str, found: str, remedy: str = "") -> UserError:
    """The error for a field or function of a domain."""
    remedy = remedy or f"Correct {what.split('(')[0]} in the module of the domain."
    return UserError(f"domain {domain.name}, {what}", expected=expected, found=found, remedy=remedy)


def check_structure(domain: Domain) -> None:
    """Refuse slots, masks, parent sets and columns that do not fit together."""
    slots = domain.slots
    for field, group in (("slots.state", slots.state), ("slots.action", slots.action)):
        check_slots(domain, field, group)
    names = slots.root_names
    if len(set(names)) < len(names):
        raise fault(domain, "slots", "a name of its own for each slot", str(names))
    shape = (len(slots.root_names), len(slots.child_names))
    check_array(domain, "base_mask", domain.base_mask, shape, "b")
    for names in domain.parent_sets:
        for name in names:
            if name not in slots.root_names:
                raise fault(
                    domain,
                    "parent_sets",
                    f"names of roots ({', '.join(slots.root_names)})",
                    repr(name),
                    suggestion(name, slots.root_names),
                )
    uncovered = set(slots.root_names) - {name for names in domain.parent_sets for name in names}
    if uncovered:
        raise fault(domain, "parent_sets", "every root in a set", f"none with {sorted(uncovered)}")
    for field, columns, width in (
        ("object_positions", sum(domain.object_positions, ()), slots.observation_dim),
        ("rebalance_columns", domain.rebalance_columns, slots.observation_dim),
        ("agent_goal_columns", domain.agent_goal_columns, domain.goal_dim),
    ):
        outside = [column for column in columns if not 0 <= column < width]
        if outside:
            raise fault(domain, field, f"columns from 0 to {width - 1}", f"column {outside[0]}")
    if domain.rebalance_max_distance is not None and len(domain.rebalance_columns) % 2:
        raise fault(
            domain,
            "rebalance_columns",
            "the columns of two positions, as rebalance_max_distance is set",
            f"{len(domain.rebalance_columns)} columns",
        )
    if "transitions" not in domain.settings.model_fields:
        found = ", ".join(domain.settings.model_fields) or "none"
        raise fault(domain, "settings", "a setting `transitions`, the rows to collect", found)
    if domain.horizon < 1:
        raise fault(domain, "horizon", "at least one step", str(domain.horizon))


def check_slots(domain: Domain, field: str, group: tuple[Slot, ...]) -> None:
    """Refuse slots that do not cover the columns 0 .. n-1 once each."""
    columns = [column for slot in group for column in slot.columns]
    expected = f"each column from 0 to {len(set(columns)) - 1} in one slot"
    for slot in group:
        for column in slot.columns:
            if columns.count(column) > 1:
                raise fault(domain, field, expected, f"column {column} twice")
            if not 0 <= column < len(columns):
                missing = min(set(range(len(columns))) - set(columns))
                text = f"column {column} in slot '{slot.name}', and column {missing} in none"
                raise fault(domain, field, expected, text)


def check_task(domain: Domain) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Step the domain's task with random actions: rows (before, after, goal, action).

    Refuses wrong widths, values that are not finite, observations that change afterwards, and
    episodes that differ when started again from the same seeds.
    """
    width, actions = domain.slots.observation_dim, domain.slots.action_dim
    task = call(domain, "make_task(episodes, threads)", domain.make_task, EPISODES, 1)
    if getattr(task, "horizon", None) != domain.horizon:
        found = f"{getattr(task, 'horizon', None)}"
        raise fault(domain, "make_task(...).horizon", str(domain.horizon), found)
    seeds = np.arange(EPISODES, dtype=np.uint64)
    generator = numpy_generator(domain.name, "check_domain")
    moves = generator.uniform(-1.0, 1.0, (STEPS, EPISODES, actions))
    paths = []
    for _ in range(2):
        start = call(domain, "reset(seeds)", task.reset, seeds)
        if not isinstance(start, tuple) or len(start) != 2:
            found = f"a {type(start).__name__}"
            raise fault(domain, "reset(seeds)", "the pair (observation, goal)", found)
        check_array(domain, "observation of reset(seeds)", start[0], (EPISODES, width), "f")
        check_array(domain, "goal of reset(seeds)", start[1], (EPISODES, domain.goal_dim), "f")
        path, goal = [start[0]], start[1].copy()
        for move in moves:
            kept = path[-1].copy()
            observation = call(domain, "step(action)", task.step, move.copy())
            check_array(domain, "step(action)", observation, (EPISODES, width), "f")
            if observation is path[-1] or not np.array_equal(kept, path[-1]):
                raise fault(
                    domain,
                    "step(action)",
                    "a new array for each observation",
                    "an earlier observation that changed",
                    "Return a copy: rows of the data would all show the last state.",
                )
            path.append(observation)
        paths.append((np.stack(path), goal))
    (first, goal), (second, goal_again) = paths
    for what, one, two in (
        ("observation of reset(seeds)", first[0], second[0]),
        ("goal of reset(seeds)", goal, goal_again),
        ("step(action)", first, second),
    ):
        if not np.array_equal(one, two):
            raise fault(
                domain,
                what,
                "the same bits for the same seeds and actions",
                f"a difference of up to {np.abs(one - two).max():.3g}",
                "Draw all random numbers from a generator made of the episode's seed.",
            )
    before, after = first[:-1].reshape(-1, width), first[1:].reshape(-1, width)
    return before, after, np.tile(goal, (STEPS, 1)), moves.reshape(-1, actions)


def check_functions(
    domain: Domain, before: np.ndarray, after: np.ndarray, goal: np.ndarray, action: np.ndarray
) -> None:
    """Refuse functions that return wrong shapes or types, or values that are not finite."""
    n = len(before)
    what = "sample_goals(number, generator)"
    goals = call(domain, what, domain.sample_goals, n, numpy_generator(domain.name, "check_domain"))
    check_array(domain, what, goals, (n, domain.goal_dim), "f")
    reward = call(domain, "reward(next_observation, goal)", domain.reward, after, goal)
    check_array(domain, "reward(next_observation, goal)", reward, (n,), "f")
    tensors = (torch.from_numpy(after), torch.from_numpy(goal))
    scored = call(domain, "reward(next_observation, goal) of tensors", domain.reward, *tensors)
    if not isinstance(scored, torch.Tensor) or not np.allclose(scored.numpy(), reward, atol=1e-6):
        raise fault(
            domain,
            "reward(next_observation, goal) of tensors",
            "a tensor with the values that NumPy arrays give",
            "other values" if isinstance(scored, torch.Tensor) else f"a {type(scored).__name__}",
        )
    for name, function in (("terminated", domain.terminated), ("success", domain.success)):
        flags = call(domain, f"{name}(reward)", function, reward)
        check_array(domain, f"{name}(reward)", flags, (n,), "b")
    # Training labels its batches so; success is asked of NumPy's alone.
    what = "terminated(reward) of tensors"
    ended = call(domain, what, domain.terminated, scored)
    if not isinstance(ended, torch.Tensor) or ended.dtype != torch.bool:
        dtype = f" of {ended.dtype}" if isinstance(ended, torch.Tensor) else ""
        raise fault(domain, what, "a tensor of torch.bool", f"a {type(ended).__name__}{dtype}")
    what = "invalid_parents(observation, action)"
    reasons = call(domain, what, domain.invalid_parents, before, action)
    check_mapping(domain, what, reasons)
    for reason, rows in reasons.items():
        check_array(domain, f"{what}['{reason}']", rows, (n,), "b")
    what = "describe_episodes(first, goal, last)"
    columns = call(domain, what, domain.describe_episodes, before, goal, after)
    check_mapping(domain, what, columns)
    for name, values in columns.items():
        if np.shape(values)[:1] != (n,):
            found = f"shape {np.shape(values)}"
            raise fault(domain, f"{what}['{name}']", f"one entry for each of {n} episodes", found)


def check_closed_form(
    domain: Domain, before: np.ndarray, after: np.ndarray, action: np.ndarray
) -> None:
    """Refuse true dynamics that are not the task's, and masks and parents of other shapes."""
    n, width, actions = len(before), domain.slots.observation_dim, domain.slots.action_dim
    if domain.true_dynamics is not None:
        what = "true_dynamics(observation, action)"
        computed = call(domain, what, domain.true_dynamics, before, action)
        check_array(domain, what, computed, (n, width), "f")
        apart = np.abs(computed - after).max(axis=1)
        if apart.max() > CLOSED_FORM_TOLERANCE:
            raise fault(
                domain,
                what,
                "the next observations of make_task(...).step",
                f"a difference of {apart.max():.3g} for {before[apart.argmax()].tolist()}",
            )
    if domain.true_mask is not None:
        what = "true_mask(observation, action)"
        graphs = call(domain, what, domain.true_mask, before, action)
        check_array(domain, what, graphs, (n, *domain.base_mask.shape), "b")
    if domain.uniform_parents is not None:
        what = "uniform_parents(number, generator)"
        generator = numpy_generator(domain.name, "check_domain")
        drawn = call(domain, what, domain.uniform_parents, n, generator)
        if not isinstance(drawn, tuple) or len(drawn) != 2:
            found = f"a {type(drawn).__name__}"
            raise fault(domain, what, "the pair (observation, action)", found)
        check_array(domain, f"observation of {what}", drawn[0], (n, width), "f")
        check_array(domain, f"action of {what}", drawn[1], (n, actions), "f")
        if np.abs(drawn[1]).max() > 1:
            found = f"{drawn[1].flat[np.abs(drawn[1]).argmax()]}"
            raise fault(domain, f"action of {what}", "numbers from -1 to 1", found)


def call(domain: Domain, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of the domain returns; UserError if it raises."""
    try:
        return function(*arguments)
    except UserError:
        raise
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise fault(domain, what, "a function that takes these arguments", found) from error


def check_array(domain: Domain, what: str, values: Any, shape: tuple[int, ...], kind: str) -> None:
    """Refuse what is no array of a shape and a kind ("f" or "b"), or is not finite."""
    type_name = {"f": "floating-point", "b": "bool"}[kind]
    expected = f"a {type_name} array of shape {shape}"
    if not isinstance(values, np.ndarray):
        raise fault(domain, what, expected, f"a {type(values).__name__}")
    if values.shape != shape or values.dtype.kind != kind:
        raise fault(domain, what, expected, f"a {values.dtype} array of shape {values.shape}")
    bad = ~np.isfinite(values)
    if bad.any():
        place = tuple(int(index) for index in np.argwhere(bad)[0])
        raise fault(domain, what, "finite numbers", f"{values[place]} at {place}")


def check_mapping(domain: Domain, what: str, found: Any) -> None:
    """Refuse what is no mapping of names to arrays."""
    if not isinstance(found, Mapping):
        raise fault(domain, what, "a mapping of names to arrays", f"a {type(found).__name__}")
