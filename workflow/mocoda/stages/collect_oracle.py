"""Rows of the target task itself, from the domain's scripted oracle: for measuring, never to train.

They tell how well a dynamics model predicts where the agents will be, and what success rate a
scripted controller reaches (the ceiling in the notes of the tables).
"""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mocoda.artifacts import write_json
from mocoda.domains import DOMAINS
from mocoda.errors import UserError
from mocoda.evaluation import episode_seeds
from mocoda.jobs import Job
from mocoda.stores import write_transitions
from mocoda.transitions import Provenance, Transitions


class OracleSettings(BaseModel):
    """How many episodes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    episodes: int = Field(200, ge=1, description="Episodes of the scripted oracle.")


def collect_oracle(job: Job) -> None:
    """Write the oracle's transitions with their manifest, and a card with its success count."""
    domain = DOMAINS[job.wildcards["domain"]]
    settings = OracleSettings.model_validate(job.settings)
    if domain.oracle is None:
        raise UserError(
            f"domain {domain.name}", expected="a scripted oracle", found="none", remedy=""
        )
    episodes = settings.episodes
    task = domain.make_task(episodes, job.threads)
    observation, goal = task.reset(episode_seeds(domain, "oracle", 0, episodes))
    controller = domain.oracle(observation, goal)
    observations, actions = [observation], []
    for _ in range(domain.horizon):
        action = np.clip(controller.act(observation), -1.0, 1.0)
        observation = task.step(action)
        actions.append(action)
        observations.append(observation)
    # [episodes, steps, columns], then one row a step.
    path = np.stack(observations, axis=1).astype(np.float32)
    rows = episodes * domain.horizon
    before, after = path[:, :-1].reshape(rows, -1), path[:, 1:].reshape(rows, -1)
    goals = np.repeat(goal, domain.horizon, axis=0).astype(np.float32)
    reward = np.asarray(domain.reward(after, goals), dtype=np.float32)
    step = np.tile(np.arange(domain.horizon, dtype=np.int32), episodes)
    transitions = Transitions(
        observation=before,
        action=np.stack(actions, axis=1).astype(np.float32).reshape(rows, -1),
        next_observation=after,
        goal=goals,
        reward=reward,
        terminated=np.asarray(domain.terminated(reward)),
        truncated=step == domain.horizon - 1,
        episode=np.repeat(np.arange(episodes, dtype=np.int64), domain.horizon),
        step=step,
        provenance=np.full(rows, Provenance.REAL, dtype=np.uint8),
    )
    successes = int(np.asarray(domain.success(reward[step == domain.horizon - 1])).sum())
    facts = {"episodes": episodes, "successes": successes, "success_rate": successes / episodes}
    job.log(f"oracle: {successes} of {episodes} episodes succeed")
    write_transitions(job.outputs["store"], job.outputs["manifest"], transitions, facts)
    write_json(job.outputs["card"], facts)
