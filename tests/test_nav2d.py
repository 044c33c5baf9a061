"""The task of 2D Navigation: dynamics, reward and graph exact, measured steps, its true mask."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import mocoda  # noqa: F401  (registers the environments)
from mocoda.domains import DOMAINS
from mocoda.domains.check import check_domain
from mocoda.domains.nav2d import NAV2D, task
from mocoda.domains.nav2d.collection import Nav2DCollectionSettings, collect
from mocoda.domains.nav2d.controller import GreedyController
from mocoda.errors import UserError
from mocoda.masks import MASKS
from mocoda.masks.ground_truth import GroundTruthMaskSettings
from mocoda.tables.agent_tables import agent_table

STARTS = 4000


def random_rows(n: int = 5000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.uniform(0.0, 1.0, (n, 2)), generator.uniform(-1.0, 1.0, (n, 2))


# The domain


def test_the_domain_keeps_its_contract() -> None:
    check_domain(NAV2D)
    assert DOMAINS["nav2d"] is NAV2D
    assert NAV2D.slots.root_names == ("x", "y", "move_x", "move_y")


@pytest.mark.parametrize(
    ("state", "action", "expected"),
    [
        ((0.2, 0.3), (1.0, -0.5), (0.25, 0.275)),
        ((0.9, 0.3), (1.0, -0.5), (0.95, 0.275)),  # one coordinate above 0.5 is not enough
        ((0.5, 0.9), (1.0, 1.0), (0.55, 0.95)),  # 0.5 itself is outside the quadrant
        ((0.9, 0.5), (1.0, 1.0), (0.95, 0.55)),
        ((0.49, 0.49), (1.0, 1.0), (0.54, 0.54)),  # the state before the move decides
        ((0.501, 0.9), (1.0, 1.0), (0.531, 0.93)),
        ((0.6, 0.7), (1.0, 0.0), (0.65, 0.68)),
        ((0.6, 0.7), (0.0, 1.0), (0.58, 0.75)),
        ((0.98, 0.01), (1.0, -1.0), (1.03, -0.04)),  # no walls
    ],
)
def test_dynamics_by_hand(state: tuple, action: tuple, expected: tuple) -> None:
    found = task.true_dynamics(np.array([state]), np.array([action]))
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-12)
    steps = task.Nav2DTask(1)
    steps.state = np.array([state])
    np.testing.assert_array_equal(steps.step(np.array([action])), found)


def test_the_quadrant_begins_right_above_one_half() -> None:
    for dtype in (np.float32, np.float64):
        half = dtype(0.5)
        above = np.nextafter(half, dtype(1.0))
        states = np.array([[half, above], [above, half], [above, above]], dtype=dtype)
        assert task.in_quadrant(states).tolist() == [False, False, True]


def test_the_task_clips_actions_and_never_hands_out_its_state() -> None:
    steps = task.Nav2DTask(3)
    start, _ = steps.reset(np.arange(3))
    assert ((start >= 0.0) & (start <= 0.15)).all()
    kept = start.copy()
    start[:] = 9.0  # what a caller does to its arrays changes no episode
    after = steps.step(np.array([[5.0, -5.0], [1.0, -1.0], [0.0, 0.0]]))
    np.testing.assert_array_equal(start, np.full((3, 2), 9.0))
    np.testing.assert_allclose((after - kept)[0], (0.05, -0.05), atol=1e-12)
    np.testing.assert_array_equal(after[2], kept[2])
    after[:] = 9.0
    assert steps.step(np.zeros((3, 2))).max() < 1.0
    again, _ = task.Nav2DTask(1).reset(np.array([1]))
    np.testing.assert_array_equal(again[0], kept[1])


# Reward


def test_the_goal_box_has_no_border() -> None:
    inside = np.array([[0.85, 0.85], [0.801, 0.899], [0.899, 0.801]])
    border = np.array([[0.8, 0.85], [0.9, 0.85], [0.85, 0.8], [0.85, 0.9], [0.8, 0.8], [0.9, 0.9]])
    outside = np.array([[0.85, 0.95], [0.75, 0.85], [0.2, 0.2]])
    for dtype in (np.float32, np.float64):
        for states, expected in ((inside, 0.0), (border, -1.0), (outside, -1.0)):
            reward = task.reward(states.astype(dtype), np.zeros((len(states), 2)))
            assert reward.dtype == dtype
            np.testing.assert_array_equal(reward, np.full(len(states), expected))
            np.testing.assert_array_equal(task.terminated(reward), reward == 0.0)
            np.testing.assert_array_equal(task.success(reward), reward == 0.0)


def test_reward_is_the_same_in_numpy_and_torch_and_in_either_precision() -> None:
    states = np.random.default_rng(0).uniform(0.79, 0.91, (2000, 2))
    near = np.float32([0.8, 0.9])[:, None] + np.arange(-4, 5) * np.spacing(np.float32(0.8)) / 4
    states[: near.size, 0], states[: near.size, 1] = near.ravel(), 0.85
    reward = task.reward(states, None)
    assert 0.3 < (reward == 0.0).mean() < 0.8
    np.testing.assert_array_equal(task.reward(states.astype(np.float32), None), reward)
    for dtype in (torch.float32, torch.float64):
        scored = task.reward(torch.from_numpy(states).to(dtype), None)
        assert scored.dtype == dtype
        np.testing.assert_array_equal(scored.numpy(), reward)
        np.testing.assert_array_equal(task.terminated(scored).numpy(), task.terminated(reward))


# The graph


def test_the_true_mask_is_the_sparsity_of_the_dynamics() -> None:
    observation, action = random_rows()
    clear = (np.abs(observation - 0.5) > 1e-3).all(axis=1)  # no difference across the border
    observation, action = observation[clear], action[clear]
    mask = task.true_mask(observation, action)
    rows = np.concatenate([observation, action], axis=1)
    jacobian = np.zeros(mask.shape)
    for root in range(4):
        ahead = rows.copy()
        ahead[:, root] += 1e-4
        moved = task.true_dynamics(ahead[:, :2], ahead[:, 2:])
        jacobian[:, root] = (moved - task.true_dynamics(observation, action)) / 1e-4
    depends = np.abs(jacobian) > 1e-6
    quadrant = task.in_quadrant(observation)
    assert 0.2 < quadrant.mean() < 0.3
    np.testing.assert_array_equal(depends[~quadrant], mask[~quadrant])
    np.testing.assert_array_equal(depends[quadrant, 2:], mask[quadrant, 2:])
    assert mask[quadrant].all()
    # x has no slope in y' there, but decides whether the axes are coupled: a parent all the same.
    left = observation[quadrant] - (0.5, 0.0)
    moved = task.true_dynamics(left, action[quadrant])
    coupled = task.true_dynamics(observation[quadrant], action[quadrant])
    assert (np.abs(moved - coupled)[:, 1] > 1e-9).all()


# The reference


@pytest.mark.parametrize(("speed", "steps"), [(1.0, 19.03), (0.95, 20.02)])
def test_greedy_takes_the_steps_that_the_tables_note_says(speed: float, steps: float) -> None:
    """To the centre of the goal box; the standard error of so many starts is 0.04."""
    assert steps_to_goal(GreedyController(speed)) == pytest.approx(steps, abs=0.05)
    assert f"{steps:.2f}" in agent_table("nav2d").remarks[1]


def test_greedy_at_the_near_corner_is_faster_and_the_oracle_runs_at_full_speed() -> None:
    oracle = NAV2D.oracle(np.zeros((1, 2)), task.GOAL[None])  # type: ignore[misc]
    assert oracle.speed == 1.0
    assert 18.5 < steps_to_goal(GreedyController(aim=0.81)) < steps_to_goal(oracle)


def steps_to_goal(controller: GreedyController) -> float:
    """Mean steps over starts of the target task; all must arrive."""
    steps = NAV2D.make_task(STARTS, 1)
    observation, goal = steps.reset(np.arange(STARTS))
    total, active = np.zeros(STARTS), np.ones(STARTS, dtype=bool)
    for _ in range(task.HORIZON):
        action = controller.act(observation)
        assert np.abs(action).max() <= controller.speed
        observation = steps.step(action)
        total += active
        active &= ~task.terminated(task.reward(observation, goal))
    assert not active.any()
    return float(total.mean())


def test_greedy_lands_on_its_aim_from_anywhere() -> None:
    steps = task.Nav2DTask(500)
    steps.state = random_rows(500)[0]
    controller, observation = GreedyController(), steps.state
    for _ in range(40):
        observation = steps.step(controller.act(observation))
    np.testing.assert_allclose(observation, 0.85, atol=1e-6)


# Masks, films, environments


def test_the_ground_truth_mask_is_the_domains() -> None:
    observation, action = random_rows()
    rows = collect(Nav2DCollectionSettings(transitions=100), 0, 1, lambda text: None).transitions
    variant, settings = MASKS["ground_truth"], GroundTruthMaskSettings()
    fitted = variant.fit(settings, NAV2D, rows, 0)
    loaded = variant.load(settings, NAV2D, fitted.tensors())
    for mask in (fitted, loaded):
        found = mask(observation, action)
        assert found.dtype == bool
        quadrant = (observation > 0.5).all(axis=1)
        assert found[quadrant].all()
        assert (found[~quadrant] == np.array([[1, 0], [0, 1], [1, 0], [0, 1]], bool)).all()


def test_a_domain_without_a_known_graph_is_refused() -> None:
    blind = replace(NAV2D, true_mask=None)
    rows = collect(Nav2DCollectionSettings(transitions=100), 0, 1, lambda text: None).transitions
    variant, settings = MASKS["ground_truth"], GroundTruthMaskSettings()
    with pytest.raises(UserError, match="nav2d, which has none"):
        variant.fit(settings, blind, rows, 0)
    with pytest.raises(UserError, match="true_mask"):
        variant.load(settings, blind, {})


def test_parents_off_the_square_are_refused_and_episodes_described() -> None:
    observation = np.array([[0.0, 1.0], [0.5, 1.001], [-0.001, 0.5], [0.5, 0.5]])
    reasons = task.invalid_parents(observation, np.zeros((4, 2)))
    assert {reason: bad.tolist() for reason, bad in reasons.items()} == {
        "outside_square": [False, True, True, False]
    }
    columns = task.describe_episodes(observation, np.tile(task.GOAL, (4, 1)), observation + 0.1)
    assert list(columns) == ["start_x", "start_y", "final_x", "final_y", "final_distance"]
    assert columns["final_distance"][3] == pytest.approx(0.25 * 2**0.5)


def test_film_shows_episodes_until_they_reach_the_goal(tmp_path: Path) -> None:
    from PIL import Image

    def still(observation: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return np.zeros_like(observation)

    for name, policy, frames in (("oracle", None, range(18, 30)), ("still", still, range(1, 3))):
        path = tmp_path / f"{name}.gif"
        NAV2D.film(policy, np.arange(3, 13, dtype=np.uint64), path)  # type: ignore[misc]
        assert path.stat().st_size < 300_000
        with Image.open(path) as film:
            assert film.n_frames in frames  # frames that do not differ are stored once
            first = np.array(film.convert("RGB"))
            film.seek(film.n_frames - 1)
            last = np.array(film.convert("RGB"))
        assert (first != last).any() == (policy is None)


def test_an_observation_that_a_caller_edits_moves_nothing() -> None:
    one, other = (gymnasium.make("mocoda/Nav2D-v0").unwrapped for _ in range(2))
    edited, _ = one.reset(seed=5)
    kept, _ = other.reset(seed=5)
    for _ in range(3):
        np.testing.assert_array_equal(edited, kept)
        edited += 0.3
        edited, kept = (env.step(np.array([0.5, 0.2]))[0] for env in (one, other))


def test_gymnasium_accepts_the_environment_and_it_agrees_with_the_task() -> None:
    environment = gymnasium.make("mocoda/Nav2D-v0", disable_env_checker=True).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Its bounds are infinite by nature, which the checker only mentions.
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check_env(environment, skip_render_check=True)
    batched = task.Nav2DTask(1)
    for controller, reached in ((GreedyController(), True), (GreedyController(0.1), False)):
        observation, _ = environment.reset(seed=5)
        state, goal = batched.reset(np.array([5]))
        for step in range(1, task.HORIZON + 1):
            np.testing.assert_array_equal(observation, state[0])
            action = controller.act(state)
            observation, reward, terminated, truncated, info = environment.step(action[0])
            state = batched.step(action)
            assert reward == task.reward(state, goal)[0]
            assert terminated == info["is_success"] == (reward == 0.0)
            assert truncated == (step == task.HORIZON and not terminated)
            if terminated:
                break
        assert terminated == reached
    drawn = gymnasium.make("mocoda/Nav2D-v0", render_mode="rgb_array")
    drawn.reset(seed=0)
    assert drawn.render().shape == (240, 240, 3)
