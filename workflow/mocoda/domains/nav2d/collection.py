"""The empirical task: noisy straight moves, up or to the right, never both.

Mode "L" is the paper's ⌟: some episodes go up the right side, the others along the bottom to the
right. Only those that go up enter the coupled quadrant, and no row has both components of the
action large, so the diagonal of the target task is nowhere in the data.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mocoda.domains.base import Collected
from mocoda.domains.nav2d import task
from mocoda.domains.recording import Recorded
from mocoda.seeding import numpy_generator
from mocoda.transitions import Transitions, concatenate

# Published code: where the episodes start along the axis they move on; where across it, in mode
# "L", by the axis they move on (0: right, 1: up); the range of the drive, the action along that
# axis before noise, drawn anew each step; and the place along it past which an episode ends.
START_ALONG = (0.0, 0.15)
START_ACROSS = {0: (0.0, 0.4), 1: (0.6, 1.0)}
DRIVE = (0.4, 0.9)
END_ALONG = 0.9
KINDS = {"up": 1, "right": 0}
EPISODES_A_BATCH = 256


class Nav2DCollectionSettings(BaseModel):
    """How the empirical data of nav2d is collected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    transitions: int = Field(
        default=40_000,
        ge=2,
        description="Rows to collect, half of them up and half to the right (paper, section 5.1: "
        "40 thousand).",
    )
    mode: Literal["L", "O"] = Field(
        default="L",
        description="L: up on the right side, to the right along the bottom (published default, "
        "all tables). O: both kinds on both sides of the centre, with equal chance, which leaves "
        "only the centre empty (our reading of a mode that the published code names and no table "
        "uses).",
    )
    action_noise: float = Field(
        default=0.05,
        ge=0.0,
        le=0.1,
        description="Half the range of the uniform noise on each component of the action, in "
        "units of the action's range [-1, 1] (published code; at most 0.1, so that no action "
        "leaves the range).",
    )


def run_episodes(
    kind: str, number: int, settings: Nav2DCollectionSettings, generator: np.random.Generator
) -> Recorded:
    """Episodes of one kind ("up" or "right"), each until it is past 0.9 or at the horizon.

    They pass through the goal box without stopping, as in the published code.
    """
    along = KINDS[kind]
    across = 1 - along
    start = np.empty((number, 2))
    start[:, along] = generator.uniform(*START_ALONG, number)
    start[:, across] = generator.uniform(*START_ACROSS[along], number)
    if settings.mode == "O":
        other_side = generator.random(number) < 0.5
        start[other_side, across] = 1.0 - start[other_side, across]
    shape = (number, task.HORIZON, 2)
    actions = generator.uniform(-settings.action_noise, settings.action_noise, shape)
    actions[:, :, along] += generator.uniform(*DRIVE, shape[:2])
    actions = actions.astype(np.float32)
    observations = np.empty((number, task.HORIZON + 1, 2), np.float32)
    observations[:, 0] = start
    for step in range(task.HORIZON):
        # In float32 from the first step on, so that the stored rows obey the dynamics exactly.
        observations[:, step + 1] = task.true_dynamics(observations[:, step], actions[:, step])
    past = observations[:, 1:, along] > END_ALONG
    length = np.where(past.any(axis=1), past.argmax(axis=1) + 1, task.HORIZON)
    goals = np.tile(task.GOAL.astype(np.float32), (number, 1))
    return Recorded(observations, actions, goals, length)


def collect_kind(
    kind: str,
    rows: int,
    first_episode: int,
    settings: Nav2DCollectionSettings,
    generator: np.random.Generator,
) -> Transitions:
    """Exactly `rows` rows of one kind; the last episode is cut."""
    parts: list[Transitions] = []
    collected, episodes = 0, 0
    while collected < rows:
        recorded = run_episodes(kind, EPISODES_A_BATCH, settings, generator)
        parts.append(recorded.rows(task.reward, task.terminated, first_episode + episodes))
        episodes += EPISODES_A_BATCH
        collected += len(parts[-1])
    kept = concatenate(parts).take(slice(0, rows))
    kept.truncated[-1] = not kept.terminated[-1]
    return kept


def collect(
    settings: Nav2DCollectionSettings, seed: int, threads: int, log: Callable[[str], None]
) -> Collected:
    """Exactly `settings.transitions` rows: those that go up, then those that go right.

    The rows depend on the settings and the seed alone. Rows in the goal box are `terminated`; the
    last row of an episode is `truncated` unless it is.
    """
    started = time.monotonic()
    generator = numpy_generator("nav2d", "collect", seed)
    right = settings.transitions // 2
    parts: dict[str, Transitions] = {}
    episodes = 0
    for kind, number in (("up", settings.transitions - right), ("right", right)):
        parts[kind] = collect_kind(kind, number, episodes, settings, generator)
        episodes = int(parts[kind].episode[-1]) + 1
    rows = concatenate(list(parts.values()))
    log(f"{len(rows)} rows in {episodes} episodes, {time.monotonic() - started:.1f} s")
    return Collected(transitions=rows, facts=describe(rows, parts, settings))


def describe(
    rows: Transitions, parts: dict[str, Transitions], settings: Nav2DCollectionSettings
) -> dict[str, Any]:
    """Facts for the data card."""
    outside = task.invalid_parents(rows.observation, rows.action)["outside_square"]
    return {
        "expert": "scripted: straight up or straight to the right with noise, never both",
        "mode": settings.mode,
        "episodes": {kind: int((part.step == 0).sum()) for kind, part in parts.items()},
        "rows": {kind: len(part) for kind, part in parts.items()},
        "share_of_rows_in_quadrant": float(task.in_quadrant(rows.observation).mean()),
        "share_of_rows_outside_square": float(outside.mean()),
        "share_of_rows_terminated": float(rows.terminated.mean()),
        "mean_speed": float(np.sqrt((rows.action.astype(np.float64) ** 2).sum(axis=1)).mean()),
        "largest_action_component": float(np.abs(rows.action).max()),
        "largest_lesser_action_component": float(np.abs(rows.action).min(axis=1).max()),
        "correlation_of_x_and_y": float(np.corrcoef(rows.observation.T)[0, 1]),
    }
