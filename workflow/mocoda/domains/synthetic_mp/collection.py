"""The data of the synthetic Markov processes: short sequences, each from a new start."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mocoda.domains.base import Collected
from mocoda.domains.recording import Recorded
from mocoda.domains.synthetic_mp import task
from mocoda.domains.synthetic_mp.process import STATE_DIM, MarkovProcess
from mocoda.seeding import numpy_generator
from mocoda.transitions import Transitions


class SyntheticMPCollectionSettings(BaseModel):
    """How the data of synthetic_mp and synthetic_mp_stationary is collected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    transitions: int = Field(
        default=15_000,
        ge=2,
        description="Rows to collect, in sequences of 10 steps; the last one is cut where it does "
        "not fit (CoDA, published code: 1500 sequences, 15 thousand rows, of which 4/6 to train, "
        "1/6 to validate and 1/6 to test).",
    )


def collect(
    process: MarkovProcess,
    name: str,
    settings: SyntheticMPCollectionSettings,
    seed: int,
    log: Callable[[str], None],
) -> Collected:
    """Exactly `settings.transitions` rows of a process, sequence after sequence.

    name : of the domain, for the seeds. Starts are N(0, I), actions uniform in [-1, 1]. Rows
    depend on the process, the settings and the seed alone; more rows begin with the same ones. No
    row is `terminated`; the last row of a sequence is `truncated`.
    """
    started = time.monotonic()
    rows = settings.transitions
    sequences = -(-rows // task.HORIZON)
    starts = numpy_generator(name, "collect", "starts", seed)
    actions = numpy_generator(name, "collect", "actions", seed)
    shape = (sequences, task.HORIZON, 1)
    action = actions.uniform(-1.0, 1.0, shape).astype(np.float32)
    observations = np.empty((sequences, task.HORIZON + 1, STATE_DIM), np.float32)
    observations[:, 0] = starts.standard_normal((sequences, STATE_DIM))
    for step in range(task.HORIZON):
        # In float32 from the first step on, so that the stored rows obey the dynamics exactly.
        observations[:, step + 1] = process.true_dynamics(observations[:, step], action[:, step])
    goals = np.zeros((sequences, task.GOAL_DIM), np.float32)
    recorded = Recorded(observations, action, goals, np.full(sequences, task.HORIZON))
    kept = recorded.rows(task.reward, task.never, 0).take(slice(0, rows))
    kept.truncated[-1] = True
    log(f"{rows} rows in {sequences} sequences, {time.monotonic() - started:.1f} s")
    return Collected(transitions=kept, facts=describe(kept, process))


def describe(rows: Transitions, process: MarkovProcess) -> dict[str, Any]:
    """Facts for the data card."""
    interacts = process.interacts(rows.observation)
    deviations = [
        float(rows.observation[rows.step == step].std()) if (rows.step == step).any() else None
        for step in range(task.HORIZON)
    ]
    moved = np.abs(rows.next_observation - rows.observation).max(axis=1)
    return {
        "expert": "none: the process runs by itself, the action does nothing",
        "process": "stationary" if process.stationary else "nonstationary",
        "sequences": int((rows.step == 0).sum()),
        "rows": len(rows),
        "share_of_rows_with_global_interaction": float(interacts.any(axis=1).mean()),
        "share_of_first_rows_with_global_interaction": float(
            interacts[rows.step == 0].any(axis=1).mean()
        ),
        "share_of_rows_by_interacting_factors": [
            float((interacts.sum(axis=1) == count).mean()) for count in range(4)
        ],
        "standard_deviation_of_observation_by_step": deviations,
        "share_of_rows_that_stand_still": float((moved == 0.0).mean()),
        "largest_observation": float(np.abs(rows.observation).max()),
    }
