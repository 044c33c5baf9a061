"""Stage 5: new transitions by an augmentation, with goals and rewards of the domain.

Shards are drawn from random streams of their own, so a run that was killed goes on at the shard
it was in and ends with the same bytes; memory holds one shard.
"""

from __future__ import annotations

import shutil
from collections import Counter
from typing import Any

import numpy as np

from mocoda.artifacts import read_json, write_json
from mocoda.augmentation import AUGMENTATION, Generated, Ingredients
from mocoda.augmentation.base import Need, roots_of, sources_of
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.jobs import Job
from mocoda.masks.stored import load_mask
from mocoda.seeding import numpy_generator
from mocoda.stages.fit_gmm_parents import load_parents
from mocoda.stages.sampling import SampleSettings
from mocoda.stages.train_dynamics import load_dynamics
from mocoda.stores import TransitionWriter, read_transitions, write_manifest
from mocoda.transitions import Provenance, Transitions


def label(
    domain: Domain,
    generated: Generated,
    names: tuple[Any, ...],
    provenance: Provenance = Provenance.MODEL,
) -> Transitions:
    """Whole rows: goals of the target task, and the domain's rewards and ends for them.

    `names` names the random stream of the goals; `provenance` is that of rows without sources.
    """
    rows = len(generated.observation)
    goal = domain.sample_goals(rows, numpy_generator(*names, "goals")).astype(np.float32)
    reward = np.asarray(domain.reward(generated.next_observation, goal), dtype=np.float32)
    return Transitions(
        observation=generated.observation,
        action=generated.action,
        next_observation=generated.next_observation,
        goal=goal,
        reward=reward,
        terminated=np.asarray(domain.terminated(reward)),
        truncated=np.zeros(rows, dtype=bool),
        episode=np.full(rows, -1, dtype=np.int64),
        step=np.zeros(rows, dtype=np.int32),
        provenance=np.where(sources_of(generated)[:, 0] < 0, provenance, Provenance.CODA).astype(
            np.uint8
        ),
    )


def gather(job: Job, domain: Domain, needs: tuple[Need, ...], divisor: float) -> Ingredients:
    """What the augmentation needs, read from the outputs of earlier stages."""
    files = job.inputs
    return Ingredients(
        domain=domain,
        deviation_divisor=divisor,
        transitions=(
            read_transitions(files["manifest"], files["store"]) if "transitions" in needs else None
        ),
        mask=load_mask(files["mask_card"], files["mask"], domain) if "mask" in needs else None,
        parents=load_parents(files["parents"]) if "parents" in needs else None,
        dynamics=(
            load_dynamics(files["dynamics_card"], files["dynamics"], domain)
            if "dynamics" in needs
            else None
        ),
    )


def sample_augmented(job: Job) -> None:
    """Write the store of generated rows, shard by shard, and its manifest."""
    settings = SampleSettings.model_validate(job.settings["sampling"])
    domain = DOMAINS[job.wildcards["domain"]]
    kind = job.wildcards["augmentation"]
    variant = AUGMENTATION[kind]
    own_settings = variant.settings.model_validate(job.settings["augmentation"])
    ingredients = gather(job, domain, variant.needs, settings.deviation_divisor)
    widths = {
        "observation": domain.slots.observation_dim,
        "next_observation": domain.slots.observation_dim,
        "action": domain.slots.action_dim,
        "goal": domain.goal_dim,
    }
    real = int(read_json(job.inputs["manifest"])["rows"])
    proposed = settings.proposed_rows(real)
    rows_in_all = proposed if variant.chosen_from else settings.generated_rows(real)
    partial = job.state / "store"
    writer = TransitionWriter(
        partial, rows_in_all, widths, settings.shard_rows, swaps=variant.swaps
    )
    counted = job.state / "counts.json"
    # By shard, so that the shard a kill came in is not counted twice.
    by_shard: dict[str, dict[str, int]] = read_json(counted) if writer.next_shard else {}
    if writer.next_shard:
        job.log(f"going on from shard {writer.next_shard} of {writer.shards}")
    for shard in range(writer.next_shard, writer.shards):
        start, stop = writer.bounds(shard)
        # The dynamics are not among the names: columns of a table that share their parents differ
        # by their dynamics alone.
        names = (domain.name, "sample_augmented", kind, job.seed, shard)
        generated = variant.generate(own_settings, ingredients, stop - start, names)
        by_shard[str(shard)] = generated.counts
        write_json(counted, by_shard)
        columns = {"sources": sources_of(generated), "swapped_roots": roots_of(generated)}
        rows = label(domain, generated, names, variant.provenance)
        writer.write(shard, rows, columns if variant.swaps else None)
        job.log(f"shard {shard + 1}/{writer.shards}: {stop} of {rows_in_all} rows")
    counts: Counter[str] = Counter()
    for found in by_shard.values():
        counts.update(found)
    # It reads the whole store: until it is written, a kill must cost no shard.
    write_manifest(job.outputs["manifest"], partial, {"proposals": dict(counts)})
    writer.finish()
    shutil.rmtree(job.outputs["store"], ignore_errors=True)
    shutil.move(str(partial), job.outputs["store"])
