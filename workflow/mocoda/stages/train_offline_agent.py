"""Stage 7: an offline agent on real rows, or on real and generated rows as the paper mixes them."""

from __future__ import annotations

from mocoda.artifacts import read_json, read_tensors, write_json, write_tensors
from mocoda.jobs import Job
from mocoda.stages.agent_training import Run, Trained, train_runs


def train_offline_agent(job: Job) -> None:
    """Write the final policy, the snapshots on the way and a card; of a run that was trained
    beside others, take them out of what that job wrote."""
    if "side_by_side_card" in job.inputs:
        trained = taken_out(job)
    else:
        generated = None
        if "augmented_manifest" in job.inputs:
            names = ("augmented_manifest", "augmented_store", "selection")
            generated = tuple(job.inputs[name] for name in names)
        real = (job.inputs["manifest"], job.inputs["store"])
        (trained,) = train_runs(job, [Run(job.seed, job.names, real, generated)], False)
    write_tensors(job.outputs["policy"], trained.policy)
    write_tensors(job.outputs["snapshots"], trained.snapshots)
    write_json(job.outputs["card"], trained.card)


def taken_out(job: Job) -> Trained:
    """This job's run, of those that `train_side_by_side` trained."""
    where = job.wildcards
    name = f"{where['distribution']}/{where['dynamics']}/seed_{where['seed']}"

    return Trained(
        read_tensors(job.inputs["side_by_side_policies"], f"{name}:"),
        read_tensors(job.inputs["side_by_side_snapshots"], f"{name}:"),
        read_json(job.inputs["side_by_side_card"])[name],
    )
