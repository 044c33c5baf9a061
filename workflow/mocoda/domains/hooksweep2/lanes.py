"""Starts of the one-box data: which box goes where, in which lane, with the other box clear.

Data design decides what an agent can learn (our choice, see `collection`). The *lane offset* is
the y of the hook head's centre minus the y of the box, in metres, when the hook lowers. It is
stratified over the head's width per box and side, because a hook that sweeps two boxes at once
holds each of them off centre: data with the box always centred would leave (gripper, box_1) and
(gripper, box_2) in disjoint lanes and their combination out of the model's support.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocoda.domains.hooksweep2 import scene, task
from mocoda.domains.hooksweep2.expert import BESIDE_SHAFT, FREE_END, TOUCH, goal_positions
from mocoda.domains.hooksweep2.shoves import Shoves, draw_shoves

SIDES = ("toward", "away")
# Lane offsets (metres) that can work: a pull needs the shaft beside the box.
OFFSET_RANGE = {
    "toward": (
        BESIDE_SHAFT + 0.012 + scene.HEAD_OFFSET[1],
        FREE_END + scene.HEAD_OFFSET[1] + 0.005,
    ),
    "away": (-0.095, 0.095),
}
# Metres between head and box when the hook lowers; a share lands further off, as the hook does
# for the nearer of two boxes that lie up to 16 cm apart along the sweep.
GAP_RANGE = (0.01, 0.05)
WIDE_GAP_RANGE = (0.05, 0.18)
WIDE_GAP_SHARE = 0.6  # of the draws; fewer of them are clear of the other box
BOXES_TOUCH = 2 * scene.BOX_HALF_SIZE


@dataclass(frozen=True)
class Starts:
    """n starts: boxes [n, 2, 2], goal [n, 6], aim [n, 6] (the goals that the expert steers for),
    box [n] (0 or 1, the one to sweep), side [n] (index in SIDES), bin [n], offset [n], lane [n]
    (the gripper's y; NaN: the expert's choice), gap [n], interrupted bool [n], shoved bool [n]
    (with `shoves`, which hold for these rows); metres."""

    boxes: np.ndarray
    goal: np.ndarray
    aim: np.ndarray
    box: np.ndarray
    side: np.ndarray
    bin: np.ndarray
    offset: np.ndarray
    lane: np.ndarray
    gap: np.ndarray
    interrupted: np.ndarray
    shoved: np.ndarray
    shoves: Shoves


def offset_edges(side: int, bins: int) -> np.ndarray:
    """Edges [bins + 1] of the strata of the lane offset on a side."""
    return np.linspace(*OFFSET_RANGE[SIDES[side]], bins + 1)


def clear_of_other(
    swept: np.ndarray,
    other: np.ndarray,
    goal: np.ndarray,
    lane: np.ndarray,
    gap: np.ndarray,
    away: np.ndarray,
    clearance: float,
) -> np.ndarray:
    """Whether sweeping the box at `swept` [n, 2] to `goal` [n, 2] leaves `other` [n, 2] alone.

    The swept area is that of the head, the shaft and the swept box along a straight line, grown
    by `clearance` metres.
    """
    half = scene.BOX_HALF_SIZE + clearance
    forward = np.abs(goal[:, 0] - swept[:, 0])
    sideways = np.clip(goal[:, 1] - swept[:, 1], -forward, forward)
    right, left = np.minimum(sideways, 0.0), np.maximum(sideways, 0.0)
    y = other[:, 1]
    head_end = scene.HEAD_HALF_SIZE[1] + scene.HEAD_OFFSET[1]
    beside_head = (y < lane + right - FREE_END - half) | (y > lane + left + head_end + half)
    beside_shaft = np.abs(y - lane - (right + left) / 2) > (
        scene.SHAFT_HALF_WIDTH + half + (left - right) / 2
    )
    beside_box = (y < swept[:, 1] + right - BOXES_TOUCH - clearance) | (
        y > swept[:, 1] + left + BOXES_TOUCH + clearance
    )
    direction = np.where(away, 1.0, -1.0)
    head = swept[:, 0] - direction * (TOUCH + gap)
    behind_head = direction * (head - other[:, 0]) > TOUCH + clearance
    return (beside_head & beside_shaft & beside_box) | (behind_head & (beside_shaft | ~away))


def draw_clear_starts(
    box: np.ndarray,
    side: np.ndarray,
    stratum: np.ndarray,
    interrupted: np.ndarray,
    shoved: np.ndarray,
    bins: int,
    clearance: float,
    generator: np.random.Generator,
) -> tuple[Starts, int]:
    """One start per row for the given box, side and lane-offset bin [n]; and the draws it took.

    Boxes and goals follow the task's own distributions, *conditioned* on the other box being
    clear of the sweep: rows that are not are drawn again, lane offset included. Rows to be
    `interrupted` bool [n] need no clear lane: they approach both boxes and stop (see collection).
    Nor do rows to be `shoved` bool [n].
    """
    n = len(box)
    boxes, shift = np.empty((n, 2, 2)), np.empty((n, 3))
    offset, gap = np.empty(n), np.empty(n)
    edges = np.stack([offset_edges(index, bins) for index in range(len(SIDES))])
    pending = np.arange(n)
    draws = 0
    away = side == SIDES.index("away")
    while len(pending):
        m = len(pending)
        draws += m
        place = generator.uniform(-task.RESET_RADIUS, task.RESET_RADIUS, size=(m, 2, 2))
        apart = np.linalg.norm(place[:, 0] - place[:, 1], axis=1) > task.RESET_DISTANCE
        place[..., 1].sort(axis=1)
        boxes[pending] = np.array(scene.TABLE_CENTRE) + place
        shift[pending] = task.sample_shifts(m, generator)
        magnitude = np.where(shift[pending, 0] > 0, 1.0, -1.0) * shift[pending, 0]
        shift[pending, 0] = np.where(away[pending], magnitude, -magnitude)
        low = edges[side[pending], stratum[pending]]
        high = edges[side[pending], stratum[pending] + 1]
        offset[pending] = generator.uniform(low, high)
        gap[pending] = np.where(
            generator.random(m) < WIDE_GAP_SHARE,
            generator.uniform(*WIDE_GAP_RANGE, size=m),
            generator.uniform(*GAP_RANGE, size=m),
        )
        swept = boxes[pending, box[pending]]
        goal = goal_positions(task.GOAL_BASE + np.tile(shift[pending], 2))
        clear = apart & clear_of_other(
            swept,
            boxes[pending, 1 - box[pending]],
            goal[np.arange(m), box[pending]],
            swept[:, 1] + offset[pending] - scene.HEAD_OFFSET[1],
            gap[pending],
            away[pending],
            clearance,
        )
        pending = pending[~(clear | (apart & (interrupted | shoved)[pending]))]
    chosen = np.arange(2) == box[:, None]
    goals = task.GOAL_BASE + np.where(np.repeat(chosen, 3, axis=1), np.tile(shift, 2), 0.0)
    aims = task.GOAL_BASE + np.tile(shift, 2)
    lane = boxes[np.arange(n), box, 1] + offset - scene.HEAD_OFFSET[1]
    lane[interrupted] = np.nan
    starts = Starts(
        boxes=boxes,
        goal=goals,
        aim=np.where(interrupted[:, None], aims, goals),
        box=box,
        side=side,
        bin=stratum,
        offset=offset,
        lane=lane,
        gap=np.where(interrupted, np.minimum(gap, GAP_RANGE[1]), gap),
        interrupted=interrupted,
        shoved=shoved,
        shoves=draw_shoves(boxes[np.arange(n), box], generator),
    )
    return starts, draws
