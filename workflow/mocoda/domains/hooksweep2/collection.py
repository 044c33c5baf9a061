"""The empirical task: a noisy expert sweeps exactly ONE box to its goal; the other stays.

The premise that MoCoDA rests on, and that this module enforces: no row of the data has both boxes
displaced. An episode in which a second box moves further than a limit, or a box leaves the table,
is rejected whole and counted. What the expert varies, and why, is in `lanes`.

A share of the episodes is *interrupted*: the hook begins to sweep both boxes, lifts before it
touches the second one, and the episode ends. They move at most one box too, and show the hook
beside a box at rest in the poses that two boxes need, which no clear lane allows. Another share
are *shoves* (see there): what the hook does to a box that it meets by mistake. Some sweeps *lapse*
at the goal: how a box that is where it belongs gets lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import BaseModel

from mocoda.domains.base import Collected
from mocoda.domains.hooksweep2 import scene, task
from mocoda.domains.hooksweep2.collection_settings import CollectionSettings
from mocoda.domains.hooksweep2.expert import box_positions
from mocoda.domains.hooksweep2.lanes import SIDES, draw_clear_starts, offset_edges
from mocoda.domains.hooksweep2.one_box_episodes import Recorded, run_episodes
from mocoda.domains.hooksweep2.simulator import HookSweep2Simulator
from mocoda.seeding import numpy_generator
from mocoda.transitions import Provenance, Transitions, concatenate

# Set by the rows that are missing, never by the number of threads: the rows must not depend on it.
EPISODES_A_BATCH = 256
LOG_SECONDS = 15.0
TYPICAL_LENGTH = 28  # rows, a little less than an episode has on average


def _rejections(recorded: Recorded, settings: CollectionSettings) -> dict[str, np.ndarray]:
    """Reasons to reject an episode, bool [n] each."""
    used = recorded.used()
    positions = recorded.observations[:, :, [[6, 7], [11, 12]]].astype(np.float64)
    # The furthest that each box gets from its start; the lesser of the two must stay small.
    moved = np.linalg.norm(positions[:, 1:] - positions[:, :1], axis=3)
    furthest = np.where(used[..., None], moved, 0.0).max(axis=1)
    low = (recorded.observations[:, 1:, [8, 13]] < scene.TABLE_TOP).any(axis=2)
    return {
        "other_box_moved": furthest.min(axis=1) > settings.other_box_limit,
        "box_left_table": (low & used).any(axis=1),
    }


def _as_transitions(
    recorded: Recorded, goals: np.ndarray, chosen: np.ndarray, first_episode: int
) -> Transitions:
    """Rows of the chosen episodes [m]; the reward is computed from the stored numbers."""
    used = recorded.used()[chosen]
    episode, step = np.nonzero(used)
    goal = goals[chosen][episode].astype(np.float32)
    observations = recorded.observations[chosen]
    next_observation = observations[episode, step + 1]
    reward = task.reward(next_observation, goal).astype(np.float32)
    return Transitions(
        observation=observations[episode, step],
        action=recorded.actions[chosen][episode, step],
        next_observation=next_observation,
        goal=goal,
        reward=reward,
        terminated=np.asarray(task.terminated(reward)),
        truncated=step == recorded.length[chosen][episode] - 1,
        episode=episode + first_episode,
        step=step.astype(np.int32),
        provenance=np.full(len(step), Provenance.REAL, dtype=np.uint8),
    )


def _coverage(kept: np.ndarray, bins: int) -> dict[str, Any]:
    """Kept episodes [box, side, bin] by name, with the edges of the bins in metres."""
    return {
        f"box_{box + 1}_{name}": {
            "edges": [round(float(edge), 4) for edge in offset_edges(side, bins)],
            "episodes": kept[box, side].tolist(),
        }
        for box in range(2)
        for side, name in enumerate(SIDES)
    }


def collect(settings: BaseModel, seed: int, threads: int, log: Callable[[str], None]) -> Collected:
    """Exactly `settings.transitions` rows of the empirical task, and the facts of the data card.

    The same seed gives the same bytes for any number of threads. Its random stream is named
    `hooksweep2/collect_empirical/<seed>`, so it shares nothing with evaluation.
    """
    settings = CollectionSettings.model_validate(settings.model_dump())
    generator = numpy_generator("hooksweep2", "collect_empirical", seed)
    bins = settings.lane_bins
    strata = np.stack(np.unravel_index(np.arange(4 * bins), (2, 2, bins)), axis=1)
    kept = np.zeros((2, 2, bins), dtype=np.int64)
    rejected = {"other_box_moved": 0, "box_left_table": 0}
    parts: list[Transitions] = []
    attempted = sweeps_attempted = attempted_successes = kept_successes = episodes = draws = 0
    kept_shoves = 0
    collected = 0
    started = logged = time.monotonic()
    while collected < settings.transitions:
        # Least-filled strata first, so that rejections leave the coverage even.
        order = np.argsort(kept[tuple(strata.T)], kind="stable")
        missing = settings.transitions - collected
        size = min(EPISODES_A_BATCH, missing // TYPICAL_LENGTH + 4)
        turn = strata[order[np.arange(size) % len(strata)]]
        kind = generator.random(size)
        interrupted = kind < settings.interrupted
        shoved = ~interrupted & (kind < settings.interrupted + settings.shoves)
        sweep = ~(interrupted | shoved)
        starts, drawn = draw_clear_starts(
            turn[:, 0],
            turn[:, 1],
            turn[:, 2],
            interrupted,
            shoved,
            bins,
            settings.clearance,
            generator,
        )
        draws += drawn
        simulator = HookSweep2Simulator(size, threads)
        recorded = run_episodes(simulator, starts, settings, generator)
        simulator.close()
        reasons = _rejections(recorded, settings)
        counted = np.zeros(size, dtype=bool)
        for reason, bad in reasons.items():  # one reason an episode: the first that applies
            rejected[reason] += int((bad & ~counted).sum())
            counted |= bad
        attempted += size
        sweeps_attempted += int(sweep.sum())
        attempted_successes += int((recorded.reached & sweep).sum())
        chosen = np.flatnonzero(~counted)
        # No more episodes than the rows that are still missing.
        before = collected + np.cumsum(recorded.length[chosen]) - recorded.length[chosen]
        chosen = chosen[before < settings.transitions]
        swept = chosen[sweep[chosen]]
        kept_shoves += int(shoved[chosen].sum())
        kept_successes += int(recorded.reached[swept].sum())
        np.add.at(kept, (starts.box[swept], starts.side[swept], starts.bin[swept]), 1)
        parts.append(_as_transitions(recorded, starts.goal, chosen, episodes))
        episodes += len(chosen)
        collected += len(parts[-1])
        now = time.monotonic()
        if now - logged > LOG_SECONDS or collected >= settings.transitions:
            logged = now
            rate = collected / (now - started)
            left = max(0.0, (settings.transitions - collected) / rate)
            kept_share = f"{episodes} of {attempted} episodes kept"
            log(f"{collected} rows, {rate:.0f}/s, {left:.0f} s left; {kept_share}")
    rows = concatenate(parts).take(slice(0, settings.transitions))
    rows.truncated[-1] = True  # the last episode is cut to give exactly that many rows
    facts = {
        "expert": "scripted one-box sweep with noise; only starts whose lane is clear of the "
        "other box (boxes and goals follow the task's distribution conditioned on that), but for "
        "interrupted episodes and shoves",
        "episodes_attempted": attempted,
        "episodes_kept": episodes,
        "episodes_rejected": rejected,
        "sweeps_kept": int(kept.sum()),
        "interrupted_episodes_kept": episodes - int(kept.sum()) - kept_shoves,
        "shoves_kept": kept_shoves,
        "sweep_success_rate_attempted": attempted_successes / max(sweeps_attempted, 1),
        "sweep_success_rate_kept": kept_successes / max(int(kept.sum()), 1),
        "share_of_starts_used": attempted / draws,
        "share_of_rows_terminated": float(rows.terminated.mean()),
        "share_of_rows_that_solve_random_target_goals": _solved_by_chance(rows, seed),
        "largest_displacement_of_lesser_moved_box": _lesser_displacement(rows),
        "episodes_by_box_and_side": {
            f"box_{box + 1}_{name}": int(kept[box, side].sum())
            for box in range(2)
            for side, name in enumerate(SIDES)
        },
        "lane_offset_coverage": _coverage(kept, bins),
    }
    return Collected(transitions=rows, facts=facts)


def _solved_by_chance(rows: Transitions, seed: int) -> float:
    """Share of rows that would succeed if each had a random goal of the two-box task."""
    goals = task.sample_goals(len(rows), numpy_generator("hooksweep2", "collect_facts", seed))
    return float(task.success(task.reward(rows.next_observation, goals)).mean())


def _lesser_displacement(rows: Transitions) -> float:
    """Over all rows, the largest displacement (m) from the start of the box that moved less."""
    first = np.flatnonzero(rows.step == 0)
    start = box_positions(rows.observation[first])[rows.episode]
    moved = np.linalg.norm(box_positions(rows.next_observation) - start, axis=2)
    return float(moved.min(axis=1).max())
