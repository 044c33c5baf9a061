"""Bouncing balls: physics that conserves what it should, Place-N, the reference."""

from __future__ import annotations

import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import mocoda  # noqa: F401  (registers the environments)
from mocoda.domains import DOMAINS
from mocoda.domains.bouncing_balls import BOUNCING_BALLS, collisions, task
from mocoda.domains.check import check_domain
from mocoda.evaluation import episode_seeds, roll_out

NO_FORCE = np.zeros((1, 2))


def random_rows(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Uniform states and actions, float64; some 10 % of the rows have a collision."""
    return BOUNCING_BALLS.uniform_parents(n, np.random.default_rng(seed))  # type: ignore[misc]


def discs(*balls: tuple[float, float, float, float]) -> np.ndarray:
    """One state [1, 16]: the given (x, y, vx, vy), and the rest at rest in the upper corners."""
    parked = [(0.95 - 0.15 * i, 0.95, 0.0, 0.0) for i in range(collisions.BALLS)]
    return np.array([*balls, *parked[len(balls) :]]).reshape(1, -1)


def velocities(observation: np.ndarray) -> np.ndarray:
    return observation.reshape(-1, collisions.BALLS, 4)[..., 2:]


def energy(observation: np.ndarray) -> np.ndarray:
    return (velocities(observation) ** 2).sum(axis=(1, 2)) / 2


# The domain


def test_the_domain_keeps_its_contract() -> None:
    check_domain(BOUNCING_BALLS)
    assert DOMAINS["bouncing_balls"] is BOUNCING_BALLS
    assert BOUNCING_BALLS.slots.root_names == ("ball_1", "ball_2", "ball_3", "ball_4", "force")
    assert BOUNCING_BALLS.slots.observation_dim == 16
    expected = np.vstack([np.eye(4), [1, 0, 0, 0]]).astype(bool)
    np.testing.assert_array_equal(BOUNCING_BALLS.base_mask, expected)


# The physics


def test_free_flight_is_straight_and_keeps_the_velocity() -> None:
    observation, action = random_rows()
    after, hits = collisions.advance(observation, 0 * action)
    end = observation.reshape(-1, 4, 4)[..., :2] + 0.1 * velocities(observation)
    inside = ((end > collisions.LOW) & (end < collisions.HIGH)).all(axis=(1, 2))
    free = inside & ~hits.any(axis=(1, 2))
    assert 0.3 < free.mean() < 0.9
    np.testing.assert_array_equal(velocities(after)[free], velocities(observation)[free])
    moved = after.reshape(-1, 4, 4)[free][..., :2]
    np.testing.assert_allclose(moved, end[free], rtol=0, atol=1e-14)


def test_the_force_acts_on_the_first_ball_alone_up_to_the_speed_limit() -> None:
    start = discs((0.3, 0.3, 0.1, 0.0), (0.7, 0.3, 0.0, 0.1))
    after = task.true_dynamics(start, np.array([[1.0, -0.5]]))
    np.testing.assert_allclose(after[0, 2:4], (0.2, -0.05), atol=1e-15)
    np.testing.assert_allclose(after[0, :2], (0.32, 0.295), atol=1e-15)
    np.testing.assert_array_equal(after[0, 6:8], (0.0, 0.1))
    for speed, force, expected in (
        (0.95, 1.0, 1.0),  # no further than the limit
        (1.5, 1.0, 1.5),  # what a collision has made faster stays so
        (1.5, -1.0, 1.4),  # and can be slowed down
    ):
        fast = discs((0.3, 0.3, speed, 0.0))
        after = task.true_dynamics(fast, np.array([[force, 0.0]]))
        np.testing.assert_allclose(after[0, 2:4], (expected, 0.0), atol=1e-15)
    fast = discs((0.3, 0.3, 1.1, 0.7))
    np.testing.assert_array_equal(task.true_dynamics(fast, NO_FORCE)[0, 2:4], (1.1, 0.7))


def test_walls_mirror_the_flight_and_keep_the_energy() -> None:
    corner = discs((0.08, 0.9, -0.8, 0.9))
    after = task.true_dynamics(corner, NO_FORCE)
    # 0.08 - 0.08 = 0, mirrored at 0.05: 0.1; 0.9 + 0.09 = 0.99, mirrored at 0.95: 0.91.
    np.testing.assert_allclose(after[0, :4], (0.1, 0.91, 0.8, -0.9), atol=1e-14)
    assert energy(after) == energy(corner)


@pytest.mark.parametrize(
    ("moving", "resting", "expected"),
    [
        # Head on: the velocities change places.
        ((0.30, 0.5, 0.6, 0.0), (0.43, 0.5, 0.0, 0.0), ((0.0, 0.0), (0.6, 0.0))),
        ((0.30, 0.5, 0.4, 0.0), (0.43, 0.5, -0.5, 0.0), ((-0.5, 0.0), (0.4, 0.0))),
        # The component across the line of centres stays.
        ((0.30, 0.5, 0.6, 0.2), (0.43, 0.5, 0.0, 0.2), ((0.0, 0.2), (0.6, 0.2))),
        # Side by side, drawing apart, or too far away for this step: nothing.
        ((0.30, 0.5, 0.6, 0.0), (0.30, 0.61, 0.6, 0.0), ((0.6, 0.0), (0.6, 0.0))),
        ((0.30, 0.5, 0.1, 0.0), (0.43, 0.5, 0.6, 0.0), ((0.1, 0.0), (0.6, 0.0))),
        ((0.30, 0.5, 0.6, 0.0), (0.48, 0.5, 0.0, 0.0), ((0.6, 0.0), (0.0, 0.0))),
    ],
)
def test_collisions_by_hand(moving: tuple, resting: tuple, expected: tuple) -> None:
    after = velocities(task.true_dynamics(discs(moving, resting), NO_FORCE))
    np.testing.assert_allclose(after[0, :2], expected, atol=1e-15)
    assert not after[0, 2:].any()


def test_a_glancing_hit_sends_equal_balls_off_at_a_right_angle() -> None:
    after = velocities(
        task.true_dynamics(discs((0.3, 0.5, 0.9, 0.0), (0.43, 0.56, 0.0, 0.0)), NO_FORCE)
    )[0]
    assert (np.linalg.norm(after[:2], axis=1) > 0.2).all()
    assert abs(after[0] @ after[1]) < 1e-15


def test_collisions_conserve_momentum_and_energy() -> None:
    observation, action = random_rows(20_000)
    after, hits = collisions.advance(observation, 0 * action)
    hit = hits.any(axis=(1, 2))
    assert 0.05 < hit.mean() < 0.2
    np.testing.assert_allclose(energy(after), energy(observation), rtol=1e-13)
    # Momentum, too, where no wall was touched: all balls stay further off than they can fly.
    place = observation.reshape(-1, 4, 4)[..., :2]
    clear = ((place > 0.2) & (place < 0.8)).all(axis=(1, 2)) & hit
    assert clear.sum() > 50
    before, then = velocities(observation)[clear], velocities(after)[clear]
    np.testing.assert_allclose(then.sum(axis=1), before.sum(axis=1), rtol=0, atol=1e-14)
    assert (np.abs(then - before).max(axis=(1, 2)) > 1e-3).mean() > 0.95


def test_long_rollouts_stay_in_the_box_without_deep_overlap() -> None:
    episodes = task.BouncingBallsTask(200)
    observation, _ = episodes.reset(np.arange(200))
    start = energy(observation)
    for _ in range(400):
        observation = episodes.step(np.zeros((200, 2)))
        assert not any(bad.any() for bad in task.invalid_parents(observation, NO_FORCE).values())
    np.testing.assert_allclose(energy(observation), start, rtol=1e-12)
    generator = np.random.default_rng(0)
    for _ in range(400):
        observation = episodes.step(generator.uniform(-3.0, 3.0, (200, 2)))  # clipped by the task
        reasons = task.invalid_parents(observation, NO_FORCE)
        assert not reasons["outside_walls"].any()
        assert not reasons["overlapping"].any()
    assert task.fastest_ball(observation).max() < 3.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_has_the_same_bits_in_any_batch(dtype: type) -> None:
    observation, action = (values.astype(dtype) for values in random_rows(3000))
    whole = task.true_dynamics(observation, action)
    assert whole.dtype == dtype
    some = np.random.default_rng(1).permutation(3000)[:1234]
    np.testing.assert_array_equal(task.true_dynamics(observation[some], action[some]), whole[some])
    for row in range(300):
        one = task.true_dynamics(observation[row : row + 1], action[row : row + 1])
        np.testing.assert_array_equal(one[0], whole[row])


def test_the_task_steps_by_the_dynamics_and_keeps_its_state_to_itself() -> None:
    episodes = task.BouncingBallsTask(50)
    observation, goal = episodes.reset(np.arange(50))
    assert not any(bad.any() for bad in task.invalid_parents(observation, goal).values())
    assert (task.nearest_pair(observation) >= 0.1).all()
    action = np.random.default_rng(0).uniform(-1.0, 1.0, (50, 2))
    after = episodes.step(action)
    np.testing.assert_array_equal(after, task.true_dynamics(observation, action))
    kept = after.copy()
    after += 1.0
    np.testing.assert_array_equal(episodes.step(0 * action), task.true_dynamics(kept, 0 * action))


# Reward, goals, validity


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_place_n_pays_a_share_for_each_placed_ball(n: int) -> None:
    generator = np.random.default_rng(n)
    observation, _ = random_rows(16)
    goal = generator.uniform(0.1, 0.9, (16, 2 * n))
    placed = ((np.arange(16)[:, None] >> np.arange(n)) & 1).astype(bool)
    for ball in range(n):
        distance = np.where(placed[:, ball], 0.0749, 0.0751)
        angle = generator.uniform(0.0, 6.3, 16)
        offset = distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        observation[:, 4 * ball : 4 * ball + 2] = goal[:, 2 * ball : 2 * ball + 2] + offset
    found = task.place_reward(observation, goal, n)
    np.testing.assert_allclose(found, placed.sum(axis=1) / n, atol=1e-15)


def test_rewards_agree_between_libraries_and_precisions() -> None:
    observation, _ = random_rows()
    generator = np.random.default_rng(3)
    goal = observation[:, :2] + generator.uniform(-0.08, 0.08, (len(observation), 2))
    found = task.reward(observation, goal)
    assert set(np.unique(found)) == {-1.0, 0.0}
    np.testing.assert_array_equal(task.terminated(found), found == 0.0)
    for dtype in (np.float32, np.float64):
        single, aim = observation.astype(dtype), goal.astype(dtype)
        expected = task.reward(single, aim)
        np.testing.assert_array_equal(expected, found)
        scored = task.reward(torch.from_numpy(single), torch.from_numpy(aim))
        assert scored.numpy().dtype == expected.dtype == dtype
        np.testing.assert_array_equal(scored.numpy(), expected)
        np.testing.assert_array_equal(task.success(scored).numpy(), task.success(expected))


def test_parents_that_cannot_be_are_refused() -> None:
    fine = discs((0.3, 0.3, 0.5, 0.5), (0.6, 0.3, 0.0, 0.0))
    near = discs((0.3, 0.3, 0.5, 0.5), (0.36, 0.3, 0.0, 0.0))
    outside, fast = discs((0.04, 0.3, 0.5, 0.5)), discs((0.3, 0.3, 1.5, 1.5))
    rows = np.concatenate([fine, near, outside, fast])
    reasons = task.invalid_parents(rows, np.zeros((4, 2)))
    assert {reason: bad.tolist() for reason, bad in reasons.items()} == {
        "outside_walls": [False, False, True, False],
        "overlapping": [False, True, False, False],
        "too_fast": [False, False, False, True],
    }
    observation, action = random_rows()
    assert not any(bad.any() for bad in task.invalid_parents(observation, action).values())
    spread = observation.reshape(-1, 4, 4).std(axis=0)
    assert (np.abs(spread[:, :2] - 0.9 / 12**0.5) < 0.02).all()
    assert (np.abs(spread[:, 2:] - 0.5) < 0.02).all()  # of the unit disc


# The reference, films, environments


def test_the_oracle_places_the_ball() -> None:
    def actor(first: np.ndarray, goal: np.ndarray):
        oracle = BOUNCING_BALLS.oracle(first, goal)  # type: ignore[misc]
        return lambda observation, goal: oracle.act(observation)

    seeds = episode_seeds(BOUNCING_BALLS, "oracle", 0, 1000)
    oracle = roll_out(BOUNCING_BALLS, seeds, actor)
    assert np.abs(oracle.actions).max() <= 1.0
    assert task.success(oracle.last(oracle.rewards)).mean() > 0.995
    assert oracle.lengths.mean() == pytest.approx(10.9, abs=0.5)
    still = roll_out(BOUNCING_BALLS, seeds, lambda *_: lambda observation, goal: 0.0 * goal)
    assert task.success(still.last(still.rewards)).mean() < 0.5  # flying by is not enough
    columns = task.describe_episodes(
        still.observations[0], still.goal, still.last(still.observations[1:])
    )
    np.testing.assert_array_equal(
        columns["final_distance"] < 0.075, task.success(still.last(still.rewards))
    )


def test_film_shows_episodes_until_all_are_placed(tmp_path: Path) -> None:
    from PIL import Image

    def still(observation: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return np.zeros((len(observation), 2))

    for name, policy, frames in (("oracle", None, range(8, 40)), ("still", still, range(90, 102))):
        path = tmp_path / f"{name}.gif"
        BOUNCING_BALLS.film(policy, np.arange(9, dtype=np.uint64), path)  # type: ignore[misc]
        assert path.stat().st_size < 300_000
        with Image.open(path) as film:
            assert film.n_frames in frames
            assert film.size == (632, 158)


def test_gymnasium_accepts_the_environment_and_it_agrees_with_the_task() -> None:
    environment = gymnasium.make("mocoda/BouncingBalls-v0", disable_env_checker=True).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Its bounds are infinite by nature, which the checker only mentions.
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check_env(environment, skip_render_check=True)
    batched = task.BouncingBallsTask(1)
    for spring, placed in ((20.0, True), (0.0, False)):
        observation, _ = environment.reset(seed=5)
        state, goal = batched.reset(np.array([5]))
        controller = task.PlacingController(goal, spring)
        for step in range(1, task.HORIZON + 1):
            np.testing.assert_array_equal(observation["observation"], state[0])
            np.testing.assert_array_equal(observation["achieved_goal"], state[0, :2])
            action = controller.act(state)
            observation, reward, terminated, truncated, info = environment.step(action[0])
            state = batched.step(action)
            assert reward == task.reward(state, goal)[0]
            goals = observation["achieved_goal"], observation["desired_goal"]
            assert reward == environment.compute_reward(*goals, info)
            assert terminated == info["is_success"] == (reward == 0.0)
            assert truncated == (step == task.HORIZON and not terminated)
            if terminated:
                break
        assert terminated == placed
    drawn = gymnasium.make("mocoda/BouncingBalls-v0", render_mode="rgb_array")
    drawn.reset(seed=0)
    assert drawn.render().shape == (158, 158, 3)
