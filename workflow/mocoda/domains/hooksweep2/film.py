"""Films of HookSweep2 episodes as small GIFs.

Rendering without a screen needs EGL or OSMesa. MuJoCo picks its back end when it is imported, so
the film is drawn in a child process for each back end in turn, until one works; the policy runs
here, only the recorded states go to the child.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from mocoda.domains.hooksweep2 import scene, task
from mocoda.domains.hooksweep2.expert import two_box_oracle
from mocoda.domains.hooksweep2.simulator import HookSweep2Simulator
from mocoda.errors import UserError

WIDTH, HEIGHT = 320, 240  # pixels
STEPS_A_FRAME = 2  # at the task's own speed; drawing takes most of a film's time
BACK_ENDS = ("egl", "osmesa")
_STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)

Policy = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Camera:
    """Draws states of the simulator; the goals are the two discs, in the colours of the boxes."""

    def __init__(self) -> None:
        self.model = scene.compiled_model(visual=True)
        self.data = mujoco.MjData(self.model)
        try:
            self.renderer = mujoco.Renderer(self.model, HEIGHT, WIDTH)
        except Exception as fault:  # what a missing back end raises differs by back end
            raise UserError(
                "rendering of hooksweep2",
                expected="a working renderer",
                found=f"{type(fault).__name__}: {fault}",
                remedy="Set MUJOCO_GL to egl or osmesa before Python starts.",
            ) from fault
        self.discs = [int(self.model.body(f"goal_{name}").mocapid[0]) for name in scene.BOX_NAMES]

    def frame(self, state: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """RGB uint8 [240, 320, 3] of a state [state_size] with a goal [6]."""
        mujoco.mj_setState(self.model, self.data, state, _STATE)
        for index, disc in enumerate(self.discs):
            position = goal[3 * index : 3 * index + 2]
            self.data.mocap_pos[disc] = (*position, scene.TABLE_TOP + 0.001 * (index + 1))
        mujoco.mj_forward(self.model, self.data)
        self.renderer.update_scene(self.data, camera="film")
        return self.renderer.render()

    def close(self) -> None:
        """Free the renderer."""
        self.renderer.close()


def record(
    policy: Policy | None, seed: int, steps: int = task.HORIZON
) -> tuple[np.ndarray, np.ndarray]:
    """States [steps + 1, state_size] and goal [6] of one episode of the target task.

    policy : (observation [1, 16], goal [1, 6]) -> action [1, 4]; None: the scripted oracle.
    """
    simulator = HookSweep2Simulator(1)
    observation, goal = simulator.reset(np.array([seed]))
    if policy is None:
        oracle = two_box_oracle(observation, goal)
    states = [simulator.state[0].copy()]
    for _ in range(steps):
        action = oracle.act(observation) if policy is None else policy(observation, goal)
        observation = simulator.step(np.asarray(action))
        states.append(simulator.state[0].copy())
    return np.array(states), goal[0]


def film(
    policy: Policy | None, seeds: np.ndarray, path: str | Path, *, steps: int = task.HORIZON
) -> None:
    """Write a GIF of the first of the episodes (38 frames, some 60 kB).

    policy : (observation [1, 16], goal [1, 6]) -> action [1, 4]; None: the scripted oracle.
    Raises UserError where no renderer works.
    """
    states, goal = record(policy, int(seeds[0]), steps)
    chosen = os.environ.get("MUJOCO_GL")
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        recorded, drawn = Path(folder, "episode.npz"), Path(folder, "film.gif")
        np.savez(recorded, states=states, goal=goal)
        for back_end in (chosen,) if chosen else BACK_ENDS:
            environment = {**os.environ, "MUJOCO_GL": back_end}
            command = [sys.executable, "-m", __name__, str(recorded), str(drawn)]
            child = subprocess.run(command, env=environment, capture_output=True, text=True)
            if child.returncode == 0 and drawn.is_file():
                Path(path).write_bytes(drawn.read_bytes())
                return
            faults.append(f"{back_end}: {(child.stderr.strip() or 'no message').splitlines()[-1]}")
    raise UserError(
        "film of hooksweep2",
        expected="a working renderer (EGL or OSMesa)",
        found="; ".join(faults),
        remedy="Install libegl1 or libosmesa6; the tables need no films.",
    )


def _draw(recorded: str, drawn: str) -> None:
    """The child's work: frames of the recorded episode, with one palette for the whole film."""
    from PIL import Image

    with np.load(recorded) as episode:
        states, goal = episode["states"], episode["goal"]
    camera = Camera()
    shown = states[::STEPS_A_FRAME]
    frames: list[Any] = [Image.fromarray(camera.frame(state, goal)) for state in shown]
    camera.close()
    palette = frames[len(frames) // 2].quantize(64, dither=Image.Dither.NONE)
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    frames[0].save(
        drawn,
        save_all=True,
        append_images=frames[1:],
        duration=round(1000 * STEPS_A_FRAME * scene.STEP_SECONDS),
        loop=0,
        optimize=True,
    )


if __name__ == "__main__":
    _draw(*sys.argv[1:3])
