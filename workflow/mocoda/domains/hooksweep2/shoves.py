"""Shoves: episodes that lower the hook anywhere around a box and push in some direction.

An expert that never errs shows nothing of what its errors would do: no sweep comes down on a box
or pushes one sideways with the shaft. A model of such rows has to guess, and an agent finds the
guesses that please it: it lowers the hook through a box, where the reward for a low hook begins
sooner (our choice; a trained expert, as in the published data, errs by itself).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocoda.domains.hooksweep2 import scene
from mocoda.domains.hooksweep2.expert import (
    CLEAR_HEIGHT,
    STEP_LENGTH,
    SWEEP_HEIGHT,
    TRAVEL_HEIGHT,
)

# Where the box lies when the hook comes down, relative to the head's centre, metres: x from well
# inside the hook to beyond the head, y over the head's width and a box more on either side.
BOX_FROM_HEAD = ((-0.30, 0.08), (-0.16, 0.16))
STEPS = (4, 13)  # of the push
RISE, TRAVEL, LOWER, PUSH, DONE = range(5)
# Steps of travel and of lowering, each, after which the hook no longer waits to be low: after a
# long travel it pushes while it comes down, and meets boxes aslant from above.
PATIENCE = 6
LOW = 0.452  # metres


@dataclass(frozen=True)
class Shoves:
    """n shoves: landing [n, 2] (the gripper's xy, metres), direction [n, 2] (unit vectors),
    steps int64 [n]."""

    landing: np.ndarray
    direction: np.ndarray
    steps: np.ndarray


def draw_shoves(box: np.ndarray, generator: np.random.Generator) -> Shoves:
    """One shove around each box at [n, 2]: landing, direction and length uniform."""
    n = len(box)
    low, high = np.array(BOX_FROM_HEAD).T
    head = box - generator.uniform(low, high, size=(n, 2))
    angle = generator.uniform(-np.pi, np.pi, size=n)
    return Shoves(
        landing=head - np.array(scene.HEAD_OFFSET),
        direction=np.stack([np.cos(angle), np.sin(angle)], axis=1),
        steps=generator.integers(STEPS[0], STEPS[1] + 1, size=n),
    )


class ShoveExpert:
    """Carries out n shoves: rise, travel, lower, push; `done` bool [n] tells where it has."""

    def __init__(self, shoves: Shoves) -> None:
        self.shoves = shoves
        self.phase = np.full(len(shoves.steps), RISE)
        self.waited = np.zeros(len(shoves.steps), dtype=np.int64)

    @property
    def done(self) -> np.ndarray:
        return self.phase == DONE

    def act(self, observation: np.ndarray) -> np.ndarray:
        """The noiseless actions [n, 4] for observations [n, 16]; zero where done."""
        gripper, shoves = observation[:, :3], self.shoves
        self.waited += 1
        away = np.linalg.norm(gripper[:, :2] - shoves.landing, axis=1)
        ready = (gripper[:, 2] < LOW) | (self.waited > PATIENCE)
        self._move_on(RISE, gripper[:, 2] > CLEAR_HEIGHT, TRAVEL)
        self._move_on(TRAVEL, away < 0.02, LOWER)
        self._move_on(LOWER, ready, PUSH)
        self._move_on(PUSH, self.waited >= shoves.steps, DONE)
        phase = self.phase[:, None]
        planned = np.where((phase == TRAVEL) | (phase == LOWER), shoves.landing, gripper[:, :2])
        planned = planned + np.where(phase == PUSH, STEP_LENGTH * shoves.direction, 0.0)
        height = np.where(self.phase <= TRAVEL, TRAVEL_HEIGHT, SWEEP_HEIGHT)
        action = np.zeros((len(observation), 4))
        action[:, :2] = (planned - gripper[:, :2]) / STEP_LENGTH
        action[:, :2] /= np.maximum(np.abs(action[:, :2]).max(axis=1, keepdims=True), 1.0)
        action[:, 2] = np.clip((height - gripper[:, 2]) / STEP_LENGTH, -1.0, 1.0)
        action[self.done] = 0.0
        return action

    def _move_on(self, phase: int, finished: np.ndarray, following: int) -> None:
        rows = (self.phase == phase) & finished
        self.phase[rows] = following
        self.waited[rows] = 0
