"""Four equal discs in a box: free flight, elastic walls, elastic collisions, and who hit whom.

A step of 0.1 s is ten substeps. In each, every disc flies straight; what has crossed a wall is
mirrored back; then each pair of overlapping discs that approach each other exchanges the components
of its velocities along the line of centres, as elastic collisions of equal masses do. Pairs are
taken in one fixed order. No friction. Constants are our choice: CoDA publishes none for its task.

Every number is rounded by itself, in one order, with additions, products and quotients alone. So
the rows of a batch have the same bits in any other batch, and in a step in which two groups of
discs do not touch, each group's next state has the bits that it would have without the other.
"""

from __future__ import annotations

import numpy as np

BALLS = 4
RADIUS = 0.05  # of each disc, in sides of the unit square
LOW, HIGH = RADIUS, 1.0 - RADIUS  # where a disc's centre can be
STEP_SECONDS = 0.1
SUBSTEPS = 10
SUBSTEP_SECONDS = STEP_SECONDS / SUBSTEPS
ACCELERATION = 1.0  # of the first disc by an action of 1, sides per second squared
# The force speeds the first disc up to this and no further, sides per second. At this speed a disc
# flies a tenth of its diameter in a substep, so that none passes through another.
SPEED_LIMIT = 1.0

PAIRS = tuple((first, second) for second in range(BALLS) for first in range(second))
_FIRST, _SECOND = (list(discs) for discs in zip(*PAIRS, strict=True))
# Roots ball_1 .. ball_4, force; children ball_1 .. ball_4.
BASE_MASK = np.vstack([np.eye(BALLS, dtype=bool), np.arange(BALLS) == 0])


def push(velocity: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Velocity [n, 2] of the first disc after the force of actions [n, 2] has acted for a step.

    It takes no disc beyond `SPEED_LIMIT`, and slows none down that a collision has made faster:
    with the action 0 the velocity keeps its bits.
    """
    pushed = velocity + (ACCELERATION * STEP_SECONDS) * action
    before = velocity[:, 0] * velocity[:, 0] + velocity[:, 1] * velocity[:, 1]
    squared = pushed[:, 0] * pushed[:, 0] + pushed[:, 1] * pushed[:, 1]
    allowed = np.maximum(before, np.asarray(SPEED_LIMIT**2, dtype=velocity.dtype))
    too_fast = squared > allowed
    scale = np.sqrt(allowed / np.where(too_fast, squared, allowed))
    return np.where(too_fast[:, None], pushed * scale[:, None], pushed)


def reflect(position: np.ndarray, velocity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mirror what lies beyond a wall, arrays of one shape; the velocity then points inward."""
    below, above = position < LOW, position > HIGH
    if not (below.any() or above.any()):
        return position, velocity
    position = np.where(below, 2.0 * LOW - position, position)
    position = np.where(above, 2.0 * HIGH - position, position)
    velocity = np.where(below, np.abs(velocity), velocity)
    return position, np.where(above, -np.abs(velocity), velocity)


def collide(position: np.ndarray, velocity: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """Exchange impulses, changing velocity [2, 4, n] in place; position [2, 4, n] stays.

    Returns the collisions in the order in which they happened: (first disc, second disc, rows).
    """
    apart = position[:, _SECOND] - position[:, _FIRST]
    squared = apart[0] * apart[0] + apart[1] * apart[1]
    overlapping = squared < (2.0 * RADIUS) ** 2
    hits = []
    for pair in np.flatnonzero(overlapping.any(axis=1)):
        first, second = PAIRS[pair]
        rows = np.flatnonzero(overlapping[pair])
        line = apart[:, pair, rows]
        difference = velocity[:, second, rows] - velocity[:, first, rows]
        along = difference[0] * line[0] + difference[1] * line[1]
        # Those that already part, as after a hit in the last substep, are left alone.
        approaching = along < 0.0
        rows, line = rows[approaching], line[:, approaching]
        impulse = along[approaching] / squared[pair, rows] * line
        velocity[:, first, rows] += impulse
        velocity[:, second, rows] -= impulse
        if len(rows):
            hits.append((first, second, rows))
    return hits


def advance(observation: np.ndarray, action: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One step: next observations [n, 16], in the dtype of the observations, and bool [n, 6, 10].

    observation : [n, 16], of each disc (x, y, vx, vy), in sides and sides per second; action :
    [n, 2], the force on the first disc, in units of `ACCELERATION`. The second result says which
    of `PAIRS` exchanged an impulse in which substep.
    """
    observation = np.asarray(observation)
    action = np.asarray(action, dtype=observation.dtype)
    discs = observation.reshape(-1, BALLS, 4).transpose(2, 1, 0)
    position, velocity = discs[:2].copy(), discs[2:].copy()
    velocity[:, 0] = push(velocity[:, 0].T, action).T
    hits = np.zeros((len(observation), len(PAIRS), SUBSTEPS), dtype=bool)
    for substep in range(SUBSTEPS):
        position = position + SUBSTEP_SECONDS * velocity
        position, velocity = reflect(position, velocity)
        for first, second, rows in collide(position, velocity):
            hits[rows, PAIRS.index((first, second)), substep] = True
    after = np.concatenate([position, velocity]).transpose(2, 1, 0)
    return np.ascontiguousarray(after).reshape(observation.shape), hits


def reach(hits: np.ndarray) -> np.ndarray:
    """The local graphs that collisions bool [n, 6, 10] make: bool [n, 5, 4].

    From a hit on, each disc of the pair depends on all that the other depended on: where a hits b
    and then b hits c, a is a parent of c; where b hits c first, it is not.
    """
    mask = np.tile(BASE_MASK, (len(hits), 1, 1))
    for substep in range(hits.shape[2]):
        for pair, (first, second) in enumerate(PAIRS):
            rows = np.flatnonzero(hits[:, pair, substep])
            if len(rows):
                both = mask[rows, :, first] | mask[rows, :, second]
                mask[rows, :, first] = both
                mask[rows, :, second] = both
    return mask
