"""The empirical task: a force drawn at random and held for a while; nothing is aimed at."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mocoda.domains.base import Collected
from mocoda.domains.bouncing_balls import collisions, task
from mocoda.domains.recording import Recorded
from mocoda.seeding import numpy_generator
from mocoda.transitions import Transitions, concatenate

EPISODES_A_BATCH = 512


class BouncingBallsCollectionSettings(BaseModel):
    """How the empirical data of bouncing_balls is collected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    transitions: int = Field(
        default=50_000,
        ge=2,
        description="Rows to collect (CoDA: 50 thousand to fit masks).",
    )
    hold_steps: int = Field(
        default=5,
        ge=1,
        le=task.HORIZON,
        description="Steps for which a force is held before a new one is drawn uniformly (our "
        "choice).",
    )
    reset_probability: float = Field(
        default=0.05,
        ge=0.0,
        lt=1.0,
        description="Chance after each step that the episode is cut and a new one starts "
        "(recommended reading of CoDA's task: its random resets show states all over).",
    )


def run_episodes(
    number: int, settings: BouncingBallsCollectionSettings, generator: np.random.Generator
) -> Recorded:
    """Episodes until the horizon or a random reset; they pass targets without stopping."""
    blocks = -(-task.HORIZON // settings.hold_steps)
    forces = generator.uniform(-1.0, 1.0, (number, blocks, 2)).astype(np.float32)
    actions = np.repeat(forces, settings.hold_steps, axis=1)[:, : task.HORIZON]
    goals = task.sample_goals(number, generator).astype(np.float32)
    length = np.full(number, task.HORIZON)
    if settings.reset_probability > 0.0:
        length = np.minimum(generator.geometric(settings.reset_probability, number), length)
    width = task.SLOTS.observation_dim
    observations = np.zeros((number, task.HORIZON + 1, width), np.float32)
    observations[:, 0] = task.sample_states(number, task.START_SPEED, generator)
    for step in range(int(length.max())):
        # In float32 from the first step on, so that the stored rows obey the dynamics exactly.
        on = np.flatnonzero(length > step)
        observations[on, step + 1] = task.true_dynamics(observations[on, step], actions[on, step])
    return Recorded(observations, actions, goals, length)


def collect(
    settings: BouncingBallsCollectionSettings,
    seed: int,
    threads: int,
    log: Callable[[str], None],
) -> Collected:
    """Exactly `settings.transitions` rows; the last episode is cut.

    The rows depend on the settings and the seed alone. Rows in the target are `terminated`; the
    last row of an episode is `truncated` unless it is.
    """
    started = time.monotonic()
    generator = numpy_generator("bouncing_balls", "collect", seed)
    parts: list[Transitions] = []
    collected, episodes = 0, 0
    while collected < settings.transitions:
        recorded = run_episodes(EPISODES_A_BATCH, settings, generator)
        parts.append(recorded.rows(task.reward, task.terminated, episodes))
        episodes += EPISODES_A_BATCH
        collected += len(parts[-1])
    rows = concatenate(parts).take(slice(0, settings.transitions))
    rows.truncated[-1] = not rows.terminated[-1]
    episodes = int(rows.episode[-1]) + 1
    log(f"{len(rows)} rows in {episodes} episodes, {time.monotonic() - started:.1f} s")
    return Collected(transitions=rows, facts=describe(rows))


def describe(rows: Transitions) -> dict[str, Any]:
    """Facts for the data card; speeds in sides per second, distances in sides."""
    _, hits = collisions.advance(rows.observation, rows.action)
    mask = collisions.reach(hits)
    pairs = np.any(hits, axis=2)
    with_ball_1 = [0 in pair for pair in collisions.PAIRS]
    return {
        "expert": "none: forces drawn uniformly, each held for some steps",
        "episodes": int((rows.step == 0).sum()),
        "share_of_rows_with_collision": float(np.any(pairs, axis=1).mean()),
        "share_of_rows_in_which_ball_1_collides": float(
            np.any(pairs[:, with_ball_1], axis=1).mean()
        ),
        "local_graphs": len(np.unique(mask.reshape(len(mask), -1), axis=0)),
        "share_of_rows_terminated": float(rows.terminated.mean()),
        "mean_speed_of_ball_1": float(np.hypot(*rows.observation[:, 2:4].T).mean()),
        "mean_speed_of_the_others": float(
            np.hypot(rows.observation[:, 6::4], rows.observation[:, 7::4]).mean()
        ),
        "largest_speed": float(task.fastest_ball(rows.observation).max()),
        "least_distance_of_centres": float(task.nearest_pair(rows.observation).min()),
    }
