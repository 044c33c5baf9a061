"""The scripted experts and the one-box data: what MoCoDA's premise needs."""

from __future__ import annotations

import numpy as np
import pytest

from mocoda.domains import DOMAINS
from mocoda.domains.base import Collected
from mocoda.domains.hooksweep2 import task
from mocoda.domains.hooksweep2.collection import collect
from mocoda.domains.hooksweep2.collection_settings import CollectionSettings
from mocoda.domains.hooksweep2.expert import (
    STEP_LENGTH,
    SWEEP_HEIGHT,
    box_positions,
    evaluate_oracle,
)
from mocoda.domains.hooksweep2.lanes import clear_of_other
from mocoda.domains.hooksweep2.scene import HEAD_HALF_SIZE, HEAD_OFFSET
from mocoda.domains.hooksweep2.shoves import PUSH, ShoveExpert, Shoves
from mocoda.domains.hooksweep2.simulator import HookSweep2Simulator
from mocoda.transition_checks import check

ROWS = 7000


@pytest.fixture(scope="module")
def collected() -> Collected:
    return collect(CollectionSettings(transitions=ROWS), 0, 2, lambda text: None)


def test_two_box_oracle_succeeds_and_doing_nothing_never_does() -> None:
    seeds = np.arange(900, 940)
    assert evaluate_oracle(seeds, 2).mean() >= 0.8
    simulator = HookSweep2Simulator(100)
    observation, goal = simulator.reset(np.arange(100))
    assert not task.success(task.reward(observation, goal)).any()


def test_exactly_the_rows_asked_for_and_they_are_transitions(collected: Collected) -> None:
    rows = collected.transitions
    assert len(rows) == ROWS
    check(rows, "collected", observation_dim=16, action_dim=4)
    reward = task.reward(rows.next_observation, rows.goal)
    np.testing.assert_array_equal(rows.reward, reward)
    np.testing.assert_array_equal(rows.terminated, rows.reward > -0.3)
    last = np.append(rows.episode[1:] != rows.episode[:-1], True)
    np.testing.assert_array_equal(rows.truncated, last)
    assert (rows.provenance == 0).all()


def test_no_row_has_both_boxes_displaced(collected: Collected) -> None:
    rows = collected.transitions
    start = box_positions(rows.observation[rows.step == 0])[rows.episode]
    moved = np.linalg.norm(box_positions(rows.next_observation) - start, axis=2)
    assert moved.min(axis=1).max() <= 0.04 + 1e-6
    assert (moved.max(axis=1) > 0.14).mean() > 0.2  # and one box does get swept
    # Hence hardly a row solves a goal of the two-box task (a box may start within tolerance).
    assert collected.facts["share_of_rows_that_solve_random_target_goals"] < 0.01


def test_experts_succeed_and_cover_boxes_sides_and_lanes(collected: Collected) -> None:
    facts = collected.facts
    assert facts["sweep_success_rate_kept"] >= 0.85
    assert facts["episodes_kept"] <= facts["episodes_attempted"]
    counts = facts["episodes_by_box_and_side"]
    assert len(counts) == 4
    assert min(counts.values()) > 0.15 * sum(counts.values())
    for coverage in facts["lane_offset_coverage"].values():
        assert sum(count > 0 for count in coverage["episodes"]) == 8


def test_shoves_show_what_sweeps_do_not() -> None:
    """Boxes pushed to all sides, and boxes that the hook came down on; one box at a time."""

    def rows_of(shoves: float) -> tuple[Collected, np.ndarray, np.ndarray]:
        settings = CollectionSettings(
            transitions=4000,
            interrupted=0.0,
            shoves=shoves,
            lapses=0.0,
            action_noise=0,
            random_actions=0,
        )
        found = collect(settings, 5, 2, lambda text: None)
        rows = found.transitions
        step = box_positions(rows.next_observation) - box_positions(rows.observation)
        sideways = (np.abs(step[..., 1]) > 0.01).any(axis=1)
        # Centres of boxes within the head's outline while the hook is low.
        head = rows.observation[:, None, :2] + np.array(HEAD_OFFSET)
        inside = np.abs(box_positions(rows.observation) - head) < np.array(HEAD_HALF_SIZE)
        beneath = inside.all(axis=2).any(axis=1) & (rows.observation[:, 2] < 0.45)
        return found, sideways, beneath

    with_shoves, sideways, beneath = rows_of(0.9)
    facts = with_shoves.facts
    assert facts["shoves_kept"] > 0.7 * facts["episodes_kept"]
    assert facts["shoves_kept"] + facts["sweeps_kept"] == facts["episodes_kept"]
    assert facts["largest_displacement_of_lesser_moved_box"] <= 0.04
    without, seldom, never = rows_of(0.0)
    assert without.facts["shoves_kept"] == 0
    assert sideways.mean() > 3 * seldom.mean()
    assert beneath.mean() > 0.005 > never.mean()


def test_lapses_show_how_a_goal_is_lost() -> None:
    def rows_of(lapses: float) -> tuple[Collected, int, float]:
        settings = CollectionSettings(
            transitions=4000, interrupted=0.0, shoves=0.0, lapses=lapses, random_actions=0
        )
        found = collect(settings, 6, 2, lambda text: None)
        rows = found.transitions
        good = np.asarray(task.success(rows.reward))
        same = rows.episode[1:] == rows.episode[:-1]
        lost = int((same & good[:-1] & ~good[1:]).sum())
        return found, lost, float(rows.observation[:, 2].min())

    with_lapses, often, low = rows_of(1.0)
    without, seldom, high = rows_of(0.0)
    assert often >= 5 > seldom
    assert low < high - 0.01  # the gripper sinks, which it never does under control
    for found in (with_lapses, without):
        assert found.facts["sweep_success_rate_kept"] >= 0.85
        assert found.facts["largest_displacement_of_lesser_moved_box"] <= 0.04


def test_a_shove_lands_and_pushes_as_far_as_it_shall() -> None:
    """A gripper that goes where it is told; the second landing is further off than the first."""
    shoves = Shoves(
        landing=np.array([[1.30, 0.80], [0.90, 0.50]]),
        direction=np.array([[0.0, 1.0], [0.6, -0.8]]),
        steps=np.array([4, 9]),
    )
    expert = ShoveExpert(shoves)
    observation = np.zeros((2, 16))
    observation[:, :3] = (1.34, 0.75, 0.534)
    paths, pushing = [], []
    for _ in range(60):
        action = expert.act(observation)
        assert (np.abs(action) <= 1.0).all()
        pushing.append(expert.phase == PUSH)
        observation[:, :3] += STEP_LENGTH * action[:, :3]
        paths.append(observation[:, :3].copy())
    assert expert.done.all()
    pushed, path = np.array(pushing), np.array(paths)
    for row in range(2):
        steps = np.flatnonzero(pushed[:, row])
        assert len(steps) == shoves.steps[row]
        before = path[steps[0] - 1, row]
        np.testing.assert_allclose(before[:2], shoves.landing[row], atol=0.02)
        way = path[steps[-1], row, :2] - before[:2]
        length = STEP_LENGTH * shoves.steps[row]
        np.testing.assert_allclose(way, length * shoves.direction[row], atol=1e-6)
        # Low at the end; the near one is low before it pushes, the far one comes down on the way.
        assert path[steps[-1], row, 2] == pytest.approx(SWEEP_HEIGHT, abs=1e-6)
        assert (before[2] < 0.46) == (row == 0)


def test_same_seed_same_bytes_for_any_number_of_threads() -> None:
    settings = CollectionSettings(transitions=700)
    first = collect(settings, 3, 1, lambda text: None)
    again = collect(settings, 3, 2, lambda text: None)
    other = collect(settings, 4, 1, lambda text: None)
    for name in ("observation", "action", "next_observation", "goal", "reward", "truncated"):
        one, two = getattr(first.transitions, name), getattr(again.transitions, name)
        assert one.tobytes() == two.tobytes()
    assert first.facts == again.facts
    assert first.transitions.action.tobytes() != other.transitions.action.tobytes()


def test_settings_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match="transitions"):
        CollectionSettings(transitions=0)
    with pytest.raises(ValueError, match=r"[Ee]xtra"):
        CollectionSettings(rows=5)  # type: ignore[call-arg]
    assert DOMAINS["hooksweep2"].settings is CollectionSettings


def test_a_box_in_the_lane_is_not_clear() -> None:
    swept, goal = np.array([[1.80, 0.75]]), np.array([[2.10, 0.75]])
    lane, gap, away = np.array([0.835]), np.array([0.02]), np.array([True])

    def clear(x: float, y: float) -> bool:
        return bool(clear_of_other(swept, np.array([[x, y]]), goal, lane, gap, away, 0.01)[0])

    assert not clear(1.90, 0.75)  # in the way
    assert not clear(1.70, 0.835)  # under the shaft
    assert not clear(1.76, 0.75)  # under the head
    assert clear(1.68, 0.75)  # behind the head, beside the shaft
    assert clear(1.90, 0.95)  # beside it all
