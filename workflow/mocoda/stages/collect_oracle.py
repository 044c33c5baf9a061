"""Rows of the target task itself, from the domain's scripted oracle: for measuring, never to train.

They tell how well a dynamics model predicts where the agents will be, and what success rate a
scripted controller reaches (the ceiling in the notes of the tables).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mocoda.artifacts import write_json
from mocoda.domains import DOMAINS
from mocoda.errors import UserError
from mocoda.evaluation import Actor, episode_seeds, roll_out
from mocoda.jobs import Job
from mocoda.stages.oracle_settings import OracleSettings
from mocoda.stores import write_transitions
from mocoda.transitions import Provenance, Transitions


def acting(controller: Any) -> Actor:
    """A controller of the domain as an actor."""
    return lambda observation, goal: np.clip(controller.act(observation), -1.0, 1.0)


def collect_oracle(job: Job) -> None:
    """Write the oracle's transitions with their manifest, and a card with its success count."""
    domain = DOMAINS[job.wildcards["domain"]]
    settings = OracleSettings.model_validate(job.settings)
    if domain.oracle is None:
        raise UserError(
            f"domain {domain.name}", expected="a scripted oracle", found="none", remedy=""
        )
    episodes, oracle = settings.episodes, domain.oracle
    seeds = episode_seeds(domain, "oracle", 0, episodes)
    rollouts = roll_out(domain, seeds, lambda *at: acting(oracle(*at)), job.threads)
    # One row a step, episode after episode, without what lies after an episode's end.
    number, step = np.nonzero(np.arange(len(rollouts.actions)) < rollouts.lengths[:, None])
    path = rollouts.observations.astype(np.float32)
    goal = rollouts.goal[number].astype(np.float32)
    reward = np.asarray(domain.reward(path[step + 1, number], goal), dtype=np.float32)
    terminated = np.asarray(domain.terminated(reward))
    last = step == rollouts.lengths[number] - 1
    transitions = Transitions(
        observation=path[step, number],
        action=rollouts.actions[step, number].astype(np.float32),
        next_observation=path[step + 1, number],
        goal=goal,
        reward=reward,
        terminated=terminated,
        truncated=last & ~terminated if domain.ends_at_goal else last,
        episode=number.astype(np.int64),
        step=step.astype(np.int32),
        provenance=np.full(len(step), Provenance.REAL, dtype=np.uint8),
    )
    successes = int(np.asarray(domain.success(reward[last])).sum())
    facts = {
        "episodes": episodes,
        "successes": successes,
        "success_rate": successes / episodes,
        "mean_steps": float(rollouts.lengths.mean()),
    }
    job.log(f"oracle: {successes} of {episodes} episodes succeed")
    write_transitions(job.outputs["store"], job.outputs["manifest"], transitions, facts)
    write_json(job.outputs["card"], facts)
