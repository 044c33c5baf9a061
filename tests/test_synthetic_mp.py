"""The synthetic Markov processes: exact dynamics, true graphs, data that can be swapped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest
import torch
from scipy.stats import chi, kstest
from torch.nn.functional import gelu

from mocoda.code_version import modules_used
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.domains.check import check_domain
from mocoda.domains.synthetic_mp.process import BASE_MASK, RandomFunction, draw_process
from mocoda.transition_checks import check
from mocoda.transitions import Transitions

NAMES = ("synthetic_mp", "synthetic_mp_stationary")
MOVING, STATIONARY = (DOMAINS[name] for name in NAMES)
# A factor of a standard normal state is farther than 1.5 from 0 with this chance.
FAR = chi(3).sf(1.5)


def collected(domain: Domain, seed: int = 0, **settings: int) -> Transitions:
    return domain.collect(domain.settings(**settings), seed, 1, lambda text: None).transitions


@pytest.fixture(scope="module")
def moving() -> Transitions:
    return collected(MOVING)


@pytest.fixture(scope="module")
def stationary() -> Transitions:
    return collected(STATIONARY)


def normal_rows(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.standard_normal((n, 9)), generator.uniform(-1.0, 1.0, (n, 1))


def as_torch(function: RandomFunction) -> Callable[[torch.Tensor], torch.Tensor]:
    parts = [torch.from_numpy(getattr(function, f.name)).double() for f in fields(function)]
    return lambda x: gelu(x @ parts[0] + parts[1]) @ parts[2] + parts[3]


def by_definition(x: torch.Tensor, stationary: bool) -> torch.Tensor:
    """The next state [9] of a state [9], as the appendix has it, written down a second time."""
    process = draw_process(stationary=stationary)
    own = [as_torch(f) for f in process.own]
    if stationary:
        return torch.cat([f(x[3 * k : 3 * k + 3]) for k, f in enumerate(own)])
    units = [part / part.norm() for part in x.split(3)]
    total = torch.cat([f(unit) for f, unit in zip(own, units, strict=True)])
    for g, part, unit in zip(process.spread, x.split(3), units, strict=True):
        total = total + torch.where(part.norm() > 1.5, as_torch(g)(unit), 0.0)
    return total


# The domains


@pytest.mark.parametrize("name", NAMES)
def test_the_domains_keep_their_contract(name: str) -> None:
    domain = DOMAINS[name]
    check_domain(domain)
    assert domain.name == name
    assert domain.slots.child_names == ("a0", "a1", "a2", "b0", "b1", "b2", "c0", "c1", "c2")
    assert BASE_MASK.shape == (10, 9)
    assert BASE_MASK.sum() == 27
    assert not BASE_MASK[9].any()
    used = modules_used(f"mocoda.domains.{name}")
    assert "mocoda.domains.synthetic_mp.process" in used  # a change of it reruns either domain


def test_the_task_runs_the_process_and_has_no_goal() -> None:
    for domain in (MOVING, STATIONARY):
        steps = domain.make_task(3, 1)
        first, goal = steps.reset(np.arange(3))
        assert not goal.any()
        kept = first.copy()
        after = steps.step(np.zeros((3, 1)))
        np.testing.assert_array_equal(first, kept)
        np.testing.assert_array_equal(after, domain.true_dynamics(first, np.ones((3, 1))))
        after[:] = 9.0  # what a caller does to its arrays changes no episode
        assert np.abs(steps.step(np.zeros((3, 1)))).max() < 2.0
        again, _ = domain.make_task(1, 1).reset(np.array([1]))
        np.testing.assert_array_equal(again[0], kept[1])
        scored = domain.reward(first, goal)
        assert (scored == -1.0).all()
        assert not domain.terminated(scored).any()
        assert not domain.success(scored).any()
    columns = MOVING.describe_episodes(first, goal, 2.0 * first)
    np.testing.assert_allclose(columns["start_norm_b"], np.linalg.norm(first[:, 3:6], axis=1))
    np.testing.assert_allclose(columns["final_norm_c"], 2.0 * columns["start_norm_c"])


# The process


def test_functions_have_torchs_initialisation_and_never_change() -> None:
    process, sibling = draw_process(stationary=False), draw_process(stationary=True)
    np.testing.assert_array_equal(process.own[2].first_weight, sibling.own[2].first_weight)
    assert sibling.spread == ()
    functions = [*process.own, *process.spread]
    for name, shapes, fan_in in (
        ("first_weight", [(3, 32)] * 6, 3),
        ("first_bias", [(32,)] * 6, 3),
        ("second_weight", [(32, 3)] * 3 + [(32, 9)] * 3, 32),
        ("second_bias", [(3,)] * 3 + [(9,)] * 3, 32),
    ):
        parts = [getattr(function, name) for function in functions]
        assert [part.shape for part in parts] == shapes
        values = np.concatenate([part.ravel() for part in parts]) * fan_in**0.5
        assert kstest(values, "uniform", (-1.0, 2.0)).pvalue > 0.01
        assert len(np.unique(values)) == len(values)  # no two functions share a number


@pytest.mark.parametrize("name", NAMES)
def test_dynamics_and_jacobian_are_those_of_the_definition(name: str) -> None:
    domain, at_rest = DOMAINS[name], name == "synthetic_mp_stationary"
    observation, action = normal_rows(1500)
    states = torch.from_numpy(observation)
    expected = torch.func.vmap(lambda x: by_definition(x, at_rest))(states)
    found = domain.true_dynamics(observation, action)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
    single = domain.true_dynamics(observation.astype(np.float32), action)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, found, rtol=0, atol=1e-5)
    # M_ij = |d f_j / d x_i| > 0, the graph's definition; nothing depends on the action.
    slopes = torch.func.vmap(torch.func.jacrev(lambda x: by_definition(x, at_rest)))(states)
    mask = domain.true_mask(observation, action)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask[:, :9], (slopes.abs() > 0.0).mT.numpy())
    assert not mask[:, 9].any()
    share = (mask.sum(axis=(1, 2)) > 27).mean()
    assert share == pytest.approx(0.0 if at_rest else 1.0 - (1.0 - FAR) ** 3, abs=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_a_change_of_one_column_reaches_its_children_and_no_other_bit(name: str) -> None:
    domain = DOMAINS[name]
    observation, action = (part.astype(np.float32) for part in normal_rows(1000, 1))
    before, mask = domain.true_dynamics(observation, action), domain.true_mask(observation, action)
    for root in range(9):
        moved = observation.copy()
        moved[:, root] += np.float32(0.3)
        same = (domain.true_mask(moved, action) == mask).all(axis=(1, 2))
        assert same.mean() > 0.8
        changed = domain.true_dynamics(moved, action) != before
        assert not changed[same][~mask[same, root]].any()
        assert changed[same][mask[same, root]].mean() > 0.999
    np.testing.assert_array_equal(domain.true_dynamics(observation, -action), before)


def test_factors_interact_above_epsilon_in_either_precision() -> None:
    above = np.nextafter(np.float32(1.5), np.float32(2.0))
    states = np.zeros((3, 9), np.float32)
    states[0, 0], states[1, 4], states[2, [0, 8]] = 1.5, above, above
    process = draw_process(stationary=False)
    expected = [[False] * 3, [False, True, False], [True, False, True]]
    for values in (states, states.astype(np.float64)):
        assert process.interacts(values).tolist() == expected
    mask = process.true_mask(states, np.zeros((3, 1), np.float32))
    np.testing.assert_array_equal(mask[0], BASE_MASK)
    assert mask[1, 3:6].all()  # out of b, and not into it
    assert mask[1].sum() == 27 + 18
    assert mask[2].sum() == 27 + 36
    at_origin = process.true_dynamics(np.zeros((1, 9), np.float32), np.zeros((1, 1)))
    zeros = np.zeros((1, 3), np.float32)
    np.testing.assert_array_equal(at_origin[0], np.concatenate([f(zeros)[0] for f in process.own]))


# The data


@pytest.mark.parametrize("name", NAMES)
def test_rows_obey_the_dynamics_bit_for_bit_in_any_batch(
    name: str, request: pytest.FixtureRequest
) -> None:
    domain = DOMAINS[name]
    rows = request.getfixturevalue("moving" if name == "synthetic_mp" else "stationary")
    check(rows, "rows", observation_dim=9, action_dim=1, goal_dim=1)
    assert len(rows) == 15_000
    found = domain.true_dynamics(rows.observation, rows.action)
    np.testing.assert_array_equal(found, rows.next_observation)
    shuffled = np.random.default_rng(1).permutation(len(rows))
    for batch in (shuffled[:777], shuffled[:8:3], *shuffled[:60, None]):
        found = domain.true_dynamics(rows.observation[batch], rows.action[batch])
        np.testing.assert_array_equal(found, rows.next_observation[batch])
    assert not domain.invalid_parents(rows.observation, rows.action)["beyond_6_deviations"].any()


def swapped_is_exact(domain: Domain, rows: Transitions) -> tuple[np.ndarray, np.ndarray]:
    """Factor b and the action from each row, the rest from a random one: whether the new row
    obeys the dynamics to the bit, bool [n], and whether neither source has an interaction."""
    generator = np.random.default_rng(2)
    shift = generator.integers(1, len(rows), len(rows))  # never the row itself
    other = (np.arange(len(rows)) + shift) % len(rows)
    parts = []
    for values in (rows.observation, rows.next_observation):
        part = values[other].copy()
        part[:, 3:6] = values[:, 3:6]
        parts.append(part)
    exact = (domain.true_dynamics(parts[0], rows.action) == parts[1]).all(axis=1)
    alone = ~(domain.true_mask(rows.observation, rows.action) & ~BASE_MASK).any(axis=(1, 2))
    return exact, alone & alone[other]


def test_swapping_factors_is_exact_where_the_graphs_allow_it_and_only_there(
    moving: Transitions, stationary: Transitions
) -> None:
    exact, allowed = swapped_is_exact(MOVING, moving)
    assert allowed.mean() == pytest.approx(0.911**2, abs=0.01)
    np.testing.assert_array_equal(exact, allowed)
    exact, allowed = swapped_is_exact(STATIONARY, stationary)
    assert allowed.all()
    assert exact.all()


def test_only_the_first_steps_interact(moving: Transitions) -> None:
    # The functions map to vectors shorter than 1.5: what is far from the origin is so at a start.
    interacts = draw_process(stationary=False).interacts(moving.observation)
    first = moving.step == 0
    assert interacts[first].mean() == pytest.approx(FAR, abs=0.02)
    assert interacts[first].any(axis=1).mean() == pytest.approx(1.0 - (1.0 - FAR) ** 3, abs=0.03)
    assert not interacts[~first].any()
    facts = MOVING.collect(MOVING.settings(), 0, 1, lambda text: None).facts
    assert facts["share_of_rows_with_global_interaction"] == interacts.any(axis=1).mean()
    assert facts["share_of_rows_with_global_interaction"] == pytest.approx(0.089, abs=0.003)


def test_sequences_start_normal_have_ten_steps_and_no_aliased_rows(moving: Transitions) -> None:
    first = moving.step == 0
    assert first.sum() == 1500
    assert kstest(moving.observation[first].ravel(), "norm").pvalue > 0.01
    np.testing.assert_allclose(np.corrcoef(moving.observation[first].T), np.eye(9), atol=0.1)
    np.testing.assert_array_equal(moving.truncated, moving.step == 9)
    assert not moving.terminated.any()
    moved = np.abs(moving.next_observation - moving.observation).max(axis=1)
    assert moved[first].min() > 0.1
    assert kstest(moving.action.ravel(), "uniform", (-1.0, 2.0)).pvalue > 0.01


def test_the_same_seed_gives_the_same_rows_and_fewer_are_their_beginning() -> None:
    one, two, other = (collected(MOVING, seed, transitions=205) for seed in (3, 3, 4))
    longer = collected(MOVING, 3, transitions=400)
    assert len(one) == 205
    assert one.truncated[-1]
    assert one.step[-1] == 4
    for field in fields(Transitions):
        values = getattr(one, field.name)
        np.testing.assert_array_equal(values, getattr(two, field.name))
        np.testing.assert_array_equal(values[:-1], getattr(longer, field.name)[:204])
    for different in (other, collected(STATIONARY, 3, transitions=205)):
        assert (one.observation[one.step == 0] != different.observation[one.step == 0]).all()
        assert (one.action != different.action).all()
