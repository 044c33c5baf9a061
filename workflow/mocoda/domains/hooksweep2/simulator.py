"""Many HookSweep2 episodes side by side, stepped by a pool of threads.

An episode's result depends on its seed and its actions only: all that MuJoCo carries from one
step to the next (positions, velocities, mocap, the solver's warm start) is kept in one row of
`state` per episode and written into a thread's scratch data before each step. Neither the number
of threads nor the neighbours can therefore change a bit.
"""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from mocoda.domains.hooksweep2 import scene, task

# Metres that a full action moves the gripper's target (published task).
ACTION_SCALE = 0.05
_STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)


@dataclass(frozen=True)
class Layout:
    """Where the pieces of the scene are in MuJoCo's arrays."""

    state_size: int
    grip_site: int
    gripper_body: int
    gripper_mocap: int
    box_positions: tuple[int, ...]
    box_velocities: tuple[int, ...]


@functools.lru_cache(maxsize=1)
def layout() -> Layout:
    model = scene.compiled_model()
    joints = [model.joint(name) for name in scene.BOX_NAMES]
    return Layout(
        state_size=mujoco.mj_stateSize(model, _STATE),
        grip_site=model.site("robot0:grip").id,
        gripper_body=model.body("robot0:gripper_link").id,
        gripper_mocap=int(model.body("robot0:mocap").mocapid[0]),
        box_positions=tuple(int(joint.qposadr[0]) for joint in joints),
        box_velocities=tuple(int(joint.dofadr[0]) for joint in joints),
    )


@functools.lru_cache(maxsize=1)
def settled_state() -> np.ndarray:
    """The integration state [state_size] after the arm and the boxes have come to rest.

    Computed once a process; resets copy it and move the boxes, which rest at the same height
    anywhere on the table.
    """
    model, places = scene.compiled_model(), layout()
    data = mujoco.MjData(model)
    for name, value in scene.BASE_POSITION.items():
        data.joint(name).qpos[:] = value
    mujoco.mj_forward(model, data)
    data.mocap_pos[places.gripper_mocap] = (
        np.array(scene.GRIPPER_SHIFT) + data.site_xpos[places.grip_site]
    )
    data.mocap_quat[places.gripper_mocap] = scene.GRIPPER_QUATERNION
    mujoco.mj_step(model, data, nstep=1500)
    data.qvel[:] = 0.0
    data.time = 0.0
    state = np.empty(places.state_size)
    mujoco.mj_getState(model, data, state, _STATE)
    state.flags.writeable = False
    return state


class HookSweep2Simulator:
    """A `BatchedTask`: n episodes of the target task (or of the one-box task), side by side.

    `state` float64 [n, state_size] and `observation` float64 [n, 16] are the current ones.
    `one_box` resets with goals of the empirical task.
    """

    def __init__(self, episodes: int, threads: int = 1, *, one_box: bool = False) -> None:
        self.horizon = task.HORIZON
        self.episodes = episodes
        self.threads = max(1, min(threads, episodes))
        self.one_box = one_box
        self.model = scene.compiled_model()
        self.state = np.empty((episodes, layout().state_size))
        self.observation = np.empty((episodes, task.SLOTS.observation_dim))
        self._gripper = np.empty((episodes, 3))
        self._scratch = [mujoco.MjData(self.model) for _ in range(self.threads)]
        self._pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None

    def reset(self, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Start one episode a seed [n]: observation float64 [n, 16], desired goal [n, 6]."""
        boxes, goals = task.sample_starts(seeds, one_box=self.one_box)
        return self.place(boxes), goals

    def place(self, boxes: np.ndarray) -> np.ndarray:
        """Start episodes with the boxes at [n, 2, 2] (box, xy; metres); observation [n, 16]."""
        if len(boxes) != self.episodes:
            raise ValueError(f"{len(boxes)} starts for a simulator of {self.episodes} episodes")
        self.state[:] = settled_state()
        data, places = self._scratch[0], layout()
        for episode in range(self.episodes):
            mujoco.mj_setState(self.model, data, self.state[episode], _STATE)
            for box, address in zip(boxes[episode], places.box_positions, strict=True):
                data.qpos[address : address + 2] = box
            self._store(data, episode)
        return self.observation.copy()

    def step(self, action: np.ndarray, active: np.ndarray | None = None) -> np.ndarray:
        """Apply actions [n, 4] (clipped to [-1, 1]); return the next observation [n, 16].

        `active` bool [n] leaves the other episodes as they are (a collector's finished ones).
        """
        target = np.clip(np.asarray(action, dtype=np.float64)[:, :3], -1.0, 1.0) * ACTION_SCALE
        target += self._gripper
        rows = np.arange(self.episodes) if active is None else np.flatnonzero(active)
        if self._pool is None:
            self._step_chunk(self._scratch[0], target, rows)
        else:
            jobs = [
                self._pool.submit(self._step_chunk, data, target, chunk)
                for data, chunk in zip(
                    self._scratch, np.array_split(rows, self.threads), strict=True
                )
            ]
            for job in jobs:
                job.result()
        return self.observation.copy()

    def _step_chunk(self, data: Any, target: np.ndarray, rows: np.ndarray) -> None:
        model, mocap = self.model, layout().gripper_mocap
        for episode in rows.tolist():
            mujoco.mj_setState(model, data, self.state[episode], _STATE)
            data.mocap_pos[mocap] = target[episode]
            mujoco.mj_step(model, data, nstep=scene.SUBSTEPS)  # releases the GIL
            self._store(data, episode)

    def _store(self, data: Any, episode: int) -> None:
        """Bring derived quantities up to date with the positions; keep state and observation."""
        model, places, row = self.model, layout(), self.observation[episode]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_comVel(model, data)
        velocity = np.empty(6)
        mujoco.mj_objectVelocity(
            model, data, mujoco.mjtObj.mjOBJ_SITE, places.grip_site, velocity, 0
        )
        row[0:3] = data.site_xpos[places.grip_site]
        row[3:6] = velocity[3:] * scene.STEP_SECONDS
        for column, position, speed in zip(
            (6, 11), places.box_positions, places.box_velocities, strict=True
        ):
            row[column : column + 3] = data.qpos[position : position + 3]
            row[column + 3 : column + 5] = data.qvel[speed : speed + 2] * scene.STEP_SECONDS
        self._gripper[episode] = data.xpos[places.gripper_body]
        mujoco.mj_getState(model, data, self.state[episode], _STATE)

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
