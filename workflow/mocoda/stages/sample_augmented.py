"""Stage 5: new parents from the mixtures, their children from the dynamics, labelled by the domain.

Shards are drawn from random streams of their own, so a run that was killed goes on at the shard
it was in and ends with the same bytes; memory holds one shard.
"""

from __future__ import annotations

import shutil
from collections import Counter
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mocoda.artifacts import read_json, write_json
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.dynamics.ensemble import GaussianEnsemble
from mocoda.errors import UserError
from mocoda.jobs import Job
from mocoda.masks import Mask
from mocoda.parents.gmm import Parents
from mocoda.seeding import numpy_generator, torch_generator
from mocoda.stages.fit_gmm_parents import load_parents, propose
from mocoda.stages.fit_mask import load_mask
from mocoda.stages.train_dynamics import load_dynamics
from mocoda.stores import TransitionWriter, write_manifest
from mocoda.transitions import Provenance, Transitions


class SampleSettings(BaseModel):
    """How many rows to propose, and how children are drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    generated_per_real: float = Field(
        4.0, gt=0, description="Generated rows in a data set for each real row (paper: 4M to 1M)."
    )
    proposals_per_row: float = Field(
        2.5,
        ge=1,
        description="Rows proposed for each generated row that a data set takes; rebalancing "
        "chooses among them (published code: 3 for MoCoDA-P).",
    )
    shard_rows: int = Field(250_000, ge=1, description="Rows a shard: bounds the memory.")
    deviation_divisor: float = Field(
        3.0,
        gt=0,
        description="The predicted standard deviation is divided by this (published code).",
    )

    def generated_rows(self, real: int) -> int:
        """Generated rows of a data set with `real` logged ones."""
        return round(self.generated_per_real * real)

    def proposed_rows(self, real: int) -> int:
        """Rows to propose in all."""
        return round(self.proposals_per_row * self.generated_rows(real))


def augment(
    domain: Domain,
    parents: Parents,
    mask: Mask,
    dynamics: GaussianEnsemble,
    rows: int,
    deviation_divisor: float,
    names: tuple[Any, ...],
) -> tuple[Transitions, dict[str, int]]:
    """Draw `rows` generated transitions and the counts of rejected proposals by reason.

    `names` names the random streams. Raises UserError if a child is not finite.
    """
    generator = numpy_generator(*names, "parents")
    drawn, counts = propose(parents, rows, generator, domain, mask)
    split = domain.slots.observation_dim
    observation = drawn[:, :split].astype(np.float32)
    action = drawn[:, split:].astype(np.float32)
    next_observation = dynamics.sample(
        observation,
        action,
        mask(observation, action),
        deviation_divisor,
        torch_generator(*names, "children", device=dynamics.device),
    )
    if not np.isfinite(next_observation).all():
        row = int((~np.isfinite(next_observation)).any(axis=1).argmax())
        raise UserError(
            f"generated row {row} of {'/'.join(map(str, names))}",
            expected="finite children",
            found=str(next_observation[row].tolist()),
            remedy="Retrain the dynamics with a lower learning rate, or cut the parents' tails.",
        )
    goal = domain.sample_goals(rows, numpy_generator(*names, "goals")).astype(np.float32)
    reward = np.asarray(domain.reward(next_observation, goal), dtype=np.float32)
    return (
        Transitions(
            observation=observation,
            action=action,
            next_observation=next_observation,
            goal=goal,
            reward=reward,
            terminated=np.asarray(domain.terminated(reward)),
            truncated=np.zeros(rows, dtype=bool),
            episode=np.full(rows, -1, dtype=np.int64),
            step=np.zeros(rows, dtype=np.int32),
            provenance=np.full(rows, Provenance.MODEL, dtype=np.uint8),
        ),
        dict(counts),
    )


def sample_augmented(job: Job) -> None:
    """Write the store of generated rows, shard by shard, and its manifest."""
    settings = SampleSettings.model_validate(job.settings)
    domain = DOMAINS[job.wildcards["domain"]]
    mask = load_mask(job.inputs["mask_card"], job.inputs["mask"], domain)
    parents = load_parents(job.inputs["parents"])
    dynamics = load_dynamics(job.inputs["dynamics_card"], job.inputs["dynamics"], domain)
    widths = {
        "observation": domain.slots.observation_dim,
        "next_observation": domain.slots.observation_dim,
        "action": domain.slots.action_dim,
        "goal": domain.goal_dim,
    }
    partial = job.state / "store"
    rows_in_all = settings.proposed_rows(int(read_json(job.inputs["manifest"])["rows"]))
    writer = TransitionWriter(partial, rows_in_all, widths, settings.shard_rows)
    counted = job.state / "counts.json"
    # By shard, so that the shard a kill came in is not counted twice.
    by_shard: dict[str, dict[str, int]] = read_json(counted) if writer.next_shard else {}
    if writer.next_shard:
        job.log(f"going on from shard {writer.next_shard} of {writer.shards}")
    for shard in range(writer.next_shard, writer.shards):
        start, stop = writer.bounds(shard)
        # Parents do not depend on the dynamics: the same stream for all, so that columns of a
        # table differ by their dynamics alone.
        names = (domain.name, "sample_augmented", job.seed, shard)
        rows, rejected = augment(
            domain, parents, mask, dynamics, stop - start, settings.deviation_divisor, names
        )
        by_shard[str(shard)] = rejected
        write_json(counted, by_shard)
        writer.write(shard, rows)
        job.log(f"shard {shard + 1}/{writer.shards}: {stop} of {rows_in_all} rows")
    writer.finish()
    shutil.rmtree(job.outputs["store"], ignore_errors=True)
    shutil.move(str(partial), job.outputs["store"])
    counts: Counter[str] = Counter()
    for rejected in by_shard.values():
        counts.update(rejected)
    write_manifest(job.outputs["manifest"], job.outputs["store"], {"proposals": dict(counts)})
