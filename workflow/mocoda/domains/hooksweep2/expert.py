"""Scripted hook controllers, vectorised over episodes (our choice; the published data came from
a trained "noisy expert" whose training is unspecified).

One plan serves both experts: rise, travel above the boxes, lower the head just before the boxes
(seen from the side that they must leave), sweep along the line to the goal, hold there. A box
that was lost on the way is swept again by itself.
"""

from __future__ import annotations

import numpy as np

from mocoda.domains.hooksweep2 import scene, task

RISE, TRAVEL, LOWER, SQUEEZE, SWEEP = range(5)

TRAVEL_HEIGHT = 0.525  # metres; the hook then passes 4 cm above the boxes
SWEEP_HEIGHT = 0.43
CLEAR_HEIGHT = 0.492  # from here on the hook passes above the boxes
STEP_LENGTH = 0.033  # metres that a full action moves the gripper once it moves
# Centre of a box from the centre of the head, along x, where they touch.
TOUCH = scene.HEAD_HALF_SIZE[0] + scene.BOX_HALF_SIZE
# Gripper y minus box y at which the shaft lands just beside a box (shaft and box half-widths).
BESIDE_SHAFT = scene.SHAFT_HALF_WIDTH + scene.BOX_HALF_SIZE
# Gripper y minus box y at which the box's centre is just inside the head's free end.
FREE_END = -scene.HEAD_OFFSET[1] + scene.HEAD_HALF_SIZE[1]
WIDEST = FREE_END - BESIDE_SHAFT  # widest spread in y of two boxes that one pull can take


def box_positions(observation: np.ndarray) -> np.ndarray:
    """xy of both boxes, [n, 2, 2]."""
    return np.stack([observation[:, 6:8], observation[:, 11:13]], axis=1)


def goal_positions(goal: np.ndarray) -> np.ndarray:
    """xy of both goals, [n, 2, 2]."""
    return np.stack([goal[:, 0:2], goal[:, 3:5]], axis=1)


def _masked_mean(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.where(chosen, values, 0.0).sum(axis=1) / np.maximum(chosen.sum(axis=1), 1)


def _masked_max(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.where(chosen, values, -np.inf).max(axis=1)


def _masked_min(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.where(chosen, values, np.inf).min(axis=1)


class SweepExpert:
    """Sweeps the chosen boxes of n episodes to their goals.

    chosen : bool [n, 2], the boxes to sweep. lane : float [n], the gripper's y when it lowers
    (metres), or NaN or None to centre the boxes under the head. gap : float [n], metres between
    the head and the nearest chosen box when it lowers. again : plan again for a box that was lost.
    """

    def __init__(
        self,
        observation: np.ndarray,
        goal: np.ndarray,
        chosen: np.ndarray,
        *,
        lane: np.ndarray | None = None,
        gap: np.ndarray | float = 0.02,
        again: bool = True,
    ) -> None:
        n = len(observation)
        self.goal = goal_positions(goal)
        self.gap = np.broadcast_to(np.asarray(gap, dtype=np.float64), (n,)).copy()
        self.again = again
        self.wanted = chosen.copy()
        self.chosen = chosen.copy()
        self.phase = np.full(n, RISE)
        self.waited = np.zeros(n, dtype=np.int64)
        self.side = np.zeros(n)
        self.lane = np.zeros(n)
        self.land = np.zeros(n)
        self._plan(observation, np.ones(n, dtype=bool))
        if lane is not None:
            self.lane = np.where(np.isnan(lane), self.lane, lane)

    def _plan(self, observation: np.ndarray, rows: np.ndarray) -> None:
        """Choose side, lane and landing place anew where `rows` [n]."""
        boxes = box_positions(observation)
        error = _masked_mean(self.goal[..., 0] - boxes[..., 0], self.chosen)
        side = np.where(error > 0, 1.0, -1.0)
        x, y = boxes[..., 0], boxes[..., 1]
        lowest, highest = _masked_min(y, self.chosen), _masked_max(y, self.chosen)
        away_lane = (lowest + highest) / 2 - scene.HEAD_OFFSET[1]
        # A pull needs the shaft beside the boxes: as far inside as the outer box allows.
        beside, reach = highest + BESIDE_SHAFT + 0.012, lowest + FREE_END
        toward_lane = np.maximum(beside, (beside + reach) / 2)
        clearance = TOUCH + self.gap
        behind = _masked_min(x, self.chosen) - clearance
        beyond = _masked_max(x, self.chosen) + clearance
        head = np.where(side > 0, behind, beyond)
        self.side = np.where(rows, side, self.side)
        self.lane = np.where(rows, np.where(side > 0, away_lane, toward_lane), self.lane)
        self.land = np.where(rows, head - scene.HEAD_OFFSET[0], self.land)
        self.phase = np.where(rows, RISE, self.phase)
        self.waited = np.where(rows, 0, self.waited)

    def act(self, observation: np.ndarray) -> np.ndarray:
        """The noiseless actions [n, 4] for observations [n, 16]."""
        gripper, boxes = observation[:, :3], box_positions(observation)
        self._advance(observation, gripper, boxes)
        phase = self.phase
        target = gripper.copy()
        landing = np.stack([self.land, self.lane], axis=1)
        on_the_way = (phase == TRAVEL) | (phase == LOWER)
        target[on_the_way, :2] = landing[on_the_way]
        target[:, 2] = np.where(phase <= TRAVEL, TRAVEL_HEIGHT, SWEEP_HEIGHT)

        squeeze = phase == SQUEEZE
        target[squeeze, 1] -= STEP_LENGTH
        sweep = phase == SWEEP
        target[sweep, :2] += self._sweep(gripper, boxes)[sweep]

        wanted = (target - gripper) / STEP_LENGTH
        # Keep the direction in the plane when the larger component is cut to 1.
        scale = np.maximum(np.abs(wanted[:, :2]).max(axis=1, keepdims=True), 1.0)
        action = np.zeros((len(observation), 4))
        action[:, :2] = wanted[:, :2] / scale
        action[:, 2] = np.clip(wanted[:, 2], -1.0, 1.0)
        return action

    def _gap_to_head(self, gripper: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Free metres between the head's sweeping face and each box, [n, 2]; negative: behind."""
        head = gripper[:, 0] + scene.HEAD_OFFSET[0]
        return self.side[:, None] * (boxes[..., 0] - head[:, None]) - TOUCH

    def about_to_touch_both(self, observation: np.ndarray) -> np.ndarray:
        """Whether the lowered head, or the box it moves, is about to reach the second box [n]."""
        gripper, boxes = observation[:, :3], box_positions(observation)
        near = self._gap_to_head(gripper, boxes).max(axis=1) < 0.015
        near |= np.linalg.norm(boxes[:, 0] - boxes[:, 1], axis=1) < 0.075
        return (self.phase >= SQUEEZE) & near

    def _sweep(self, gripper: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Displacement [n, 2] that brings the chosen boxes to their goals."""
        error = self.goal - boxes
        gap = self._gap_to_head(gripper, boxes)
        # The furthest-back goal error of the chosen boxes, plus what is missing to touch.
        ahead = _masked_mean(self.side[:, None] * error[..., 0], self.chosen)
        forward = np.maximum(ahead, 0.0) + np.maximum(_masked_min(gap, self.chosen), 0.0)
        # Boxes in a row count as touching: the nearer one pushes the other. Beyond 45 degrees the
        # head would slide along the boxes instead of dragging them.
        touching = (_masked_min(gap, self.chosen) < 0.01) & (
            _masked_max(gap, self.chosen) < 2 * scene.BOX_HALF_SIZE + 0.015
        )
        sideways = np.where(touching, _masked_mean(error[..., 1], self.chosen), 0.0)
        sideways = np.clip(sideways, -forward, forward)
        return np.stack([self.side * forward, sideways], axis=1)

    def _advance(self, observation: np.ndarray, gripper: np.ndarray, boxes: np.ndarray) -> None:
        """Move each episode on to its next phase where its present one is finished."""
        away = np.hypot(gripper[:, 0] - self.land, gripper[:, 1] - self.lane)
        height = gripper[:, 2]
        self.waited += 1
        spread = _masked_max(boxes[..., 1], self.chosen) - _masked_min(boxes[..., 1], self.chosen)
        wide = (self.side < 0) & (spread > WIDEST)
        if self.again:
            gap = self._gap_to_head(gripper, boxes)
            across = gripper[:, None, 1] - boxes[..., 1]
            held = (gap > -TOUCH) & (across < FREE_END + 0.02) & (across > -0.04)
            held |= np.linalg.norm(self.goal - boxes, axis=2) < task.TOLERANCE - 0.015
            lost = (self.phase == SWEEP) & (self.chosen & ~held).any(axis=1)
            lost &= self.waited > 3
            done = self._sweep_finished(gripper, boxes)
            missed = np.linalg.norm(self.goal - boxes, axis=2) > task.TOLERANCE - 0.01
            replan = (lost | ((self.phase == SWEEP) & done)) & (self.wanted & missed).any(axis=1)
            if replan.any():
                self.chosen = np.where(replan[:, None], self.wanted & missed, self.chosen)
                self._plan(observation, replan)
        self._move_on(RISE, height > CLEAR_HEIGHT, TRAVEL)
        self._move_on(TRAVEL, away < 0.02, LOWER)
        low = height < 0.452
        self._move_on(LOWER, low & wide, SQUEEZE)
        self._move_on(LOWER, low, SWEEP)
        self._move_on(SQUEEZE, ~wide | (self.waited > 8), SWEEP)

    def _sweep_finished(self, gripper: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        ahead = self.side[:, None] * (self.goal - boxes)[..., 0]
        return _masked_mean(ahead, self.chosen) < 0.01

    def _move_on(self, phase: int, finished: np.ndarray, following: int) -> None:
        rows = (self.phase == phase) & finished
        self.phase[rows] = following
        self.waited[rows] = 0


def two_box_oracle(observation: np.ndarray, goal: np.ndarray) -> SweepExpert:
    """The scripted ceiling of the target task: sweeps both boxes at once."""
    return SweepExpert(observation, goal, np.ones((len(observation), 2), dtype=bool))


def evaluate_oracle(seeds: np.ndarray, threads: int) -> np.ndarray:
    """Success bool [n] of the two-box oracle on the target task, one episode a seed."""
    from mocoda.domains.hooksweep2.simulator import HookSweep2Simulator

    simulator = HookSweep2Simulator(len(seeds), threads)
    observation, goal = simulator.reset(seeds)
    oracle = two_box_oracle(observation, goal)
    for _ in range(task.HORIZON):
        observation = simulator.step(oracle.act(observation))
    simulator.close()
    return task.success(task.reward(observation, goal))
