"""Simulator and environment of HookSweep2: determinism, independence, one reward."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import mocoda  # noqa: F401  (registers the environments)
from mocoda.domains.hooksweep2 import expert, scene, task
from mocoda.domains.hooksweep2.simulator import HookSweep2Simulator
from mocoda.errors import UserError

IDENTIFIERS = ("mocoda/HookSweep2-v0", "mocoda/HookSweep2-OneBox-v0")


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_gymnasium_accepts_the_environment(identifier: str) -> None:
    environment = gymnasium.make(identifier, disable_env_checker=True).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Its bounds are infinite by nature, which the checker only mentions.
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check_env(environment, skip_render_check=True)


def test_environment_and_simulator_agree_and_batched_rewards_equal_step_rewards() -> None:
    environment = gymnasium.make(IDENTIFIERS[0])
    rows: dict[str, list] = {"achieved": [], "desired": [], "info": [], "reward": [], "seen": []}
    generator = np.random.default_rng(3)
    simulator = HookSweep2Simulator(1)
    for seed in range(4):
        first, _ = environment.reset(seed=seed)
        batched, goal = simulator.reset(np.array([seed]))
        np.testing.assert_array_equal(first["observation"], batched[0])
        np.testing.assert_array_equal(first["desired_goal"], goal[0])
        for step in range(task.HORIZON):
            action = generator.uniform(-1, 1, 4).astype(np.float32)
            seen, reward, terminated, truncated, info = environment.step(action)
            np.testing.assert_array_equal(seen["observation"], simulator.step(action[None])[0])
            assert not terminated
            assert truncated == (step == task.HORIZON - 1)
            for name, value in (
                ("achieved", seen["achieved_goal"]),
                ("desired", seen["desired_goal"]),
                ("info", info),
                ("reward", reward),
                ("seen", seen["observation"]),
            ):
                rows[name].append(value)
    desired, seen = np.array(rows["desired"]), np.array(rows["seen"])
    compute = environment.unwrapped.compute_reward  # type: ignore[attr-defined]
    np.testing.assert_array_equal(
        compute(np.array(rows["achieved"]), desired, rows["info"]), rows["reward"]
    )
    np.testing.assert_array_equal(task.reward(seen, desired), rows["reward"])


def test_ten_thousand_batched_rewards_equal_single_ones() -> None:
    generator = np.random.default_rng(0)
    goal = task.sample_goals(10_000, generator)
    observation = generator.normal(size=(10_000, 16))
    observation[:, [6, 7, 8, 11, 12, 13]] = goal + 0.1 * generator.normal(size=goal.shape)
    batched = task.reward(observation, goal)
    single = [task.reward(row, target) for row, target in zip(observation, goal, strict=True)]
    np.testing.assert_array_equal(batched, single)


def _run(threads: int, seeds: np.ndarray) -> np.ndarray:
    simulator = HookSweep2Simulator(len(seeds), threads)
    observation, goal = simulator.reset(seeds)
    oracle = expert.two_box_oracle(observation, goal)
    path = [observation]
    for _ in range(30):
        path.append(simulator.step(oracle.act(path[-1])))
    simulator.close()
    return np.stack(path)


def test_threads_neighbours_and_reuse_change_nothing() -> None:
    seeds = np.array([5, 6, 7, 8, 9])
    path = _run(1, seeds)
    np.testing.assert_array_equal(_run(3, seeds), path)
    np.testing.assert_array_equal(_run(2, seeds[::-1])[:, ::-1], path)
    np.testing.assert_array_equal(_run(1, seeds[3:])[:, :], path[:, 3:])
    assert np.abs(path[-1, :, 6:8] - path[0, :, 6:8]).max() > 0.1  # boxes did move
    simulator = HookSweep2Simulator(2)
    first, _ = simulator.reset(seeds[:2])
    simulator.step(np.ones((2, 4)))
    again, _ = simulator.reset(seeds[:2])
    np.testing.assert_array_equal(again, first)


def test_inactive_episodes_stand_still() -> None:
    simulator = HookSweep2Simulator(3)
    before, _ = simulator.reset(np.arange(3))
    after = simulator.step(-np.ones((3, 4)), active=np.array([True, False, True]))
    np.testing.assert_array_equal(after[1], before[1])
    assert (np.abs(after[[0, 2]] - before[[0, 2]]).max(axis=1) > 0.005).all()


def test_scene_has_the_published_geometry() -> None:
    model = scene.compiled_model()
    assert model.nv == 25
    simulator = HookSweep2Simulator(1)
    first, _ = simulator.reset(np.array([0]))
    grip = first[0, :3]
    state = simulator.state[0]
    import mujoco

    data = mujoco.MjData(model)
    mujoco.mj_setState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
    mujoco.mj_forward(model, data)
    head = data.geom("hook_head").xpos - grip
    np.testing.assert_allclose(head, [0.65, -0.085, -0.004], atol=0.005)
    # At rest: boxes lie on the table and stay there; the fourth action does nothing.
    still = simulator.step(np.array([[0.0, 0.0, 0.0, 1.0]]))
    np.testing.assert_allclose(
        still[0, [6, 7, 8, 11, 12, 13]], first[0, [6, 7, 8, 11, 12, 13]], atol=1e-6
    )
    assert abs(first[0, 8] - 0.425) < 0.001


def test_a_full_step_moves_at_most_34_mm_and_the_hook_stops_at_the_table() -> None:
    simulator = HookSweep2Simulator(2)
    simulator.reset(np.arange(2))
    heights = []
    for _ in range(12):
        before = simulator.observation[:, :3].copy()
        after = simulator.step(np.array([[-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0]]))[:, :3]
        assert np.linalg.norm(after - before, axis=1).max() < 0.042
        heights.append(after[1, 2])
    assert 0.405 < heights[-1] < 0.43


def test_a_missing_fetch_model_is_a_user_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="gymnasium-robotics"):
        scene.fetch_model_path()
