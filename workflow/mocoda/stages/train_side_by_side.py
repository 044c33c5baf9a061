"""Stage 7 for a GPU: all runs of an agent in a table, trained side by side in one job."""

from __future__ import annotations

import time

from torch import Tensor

from mocoda.artifacts import write_json, write_tensors
from mocoda.jobs import Job
from mocoda.stages.agent_training import Run, train_runs


def train_side_by_side(job: Job) -> None:
    """Write policies and snapshots, each tensor named `<run>:<name>`, and the cards by run, where
    a run is `<distribution>/<dynamics>/seed_<seed>`."""
    names = [
        f"{run['distribution']}/{run['dynamics']}/seed_{run['seed']}"
        for run in job.settings["runs"]
    ]
    earlier, started = job.checkpoint().earlier, time.monotonic()
    trained = train_runs(job, runs_of(job), True)
    seconds = (earlier + time.monotonic() - started) / len(trained)
    policies: dict[str, Tensor] = {}
    snapshots: dict[str, Tensor] = {}
    for name, run in zip(names, trained, strict=True):
        policies |= {f"{name}:{key}": value for key, value in run.policy.items()}
        snapshots |= {f"{name}:{key}": value for key, value in run.snapshots.items()}
    write_tensors(job.outputs["policies"], policies)
    write_tensors(job.outputs["snapshots"], snapshots)
    write_json(
        job.outputs["card"],
        {
            # A run's share of the time of all.
            name: {**run.card, "side_by_side": len(trained), "side_by_side_seconds": seconds}
            for name, run in zip(names, trained, strict=True)
        },
    )


def runs_of(job: Job) -> list[Run]:
    """The runs of the settings, with the inputs that Snakemake lists in the same order."""
    generated = zip(
        *(
            job.inputs.get(f"{n}s", [])
            for n in ("augmented_manifest", "augmented_store", "selection")
        ),
        strict=True,
    )
    found = []
    for run, manifest, store in zip(
        job.settings["runs"], job.inputs["manifests"], job.inputs["stores"], strict=True
    ):
        # As the job of this run alone would name them: see `Job.names`.
        wildcards = {"agent": job.wildcards["agent"], **run}
        names = [str(wildcards[key]) for key in sorted(wildcards) if key != "generated"]
        found.append(
            Run(
                int(run["seed"]),
                (job.wildcards["domain"], "train_offline_agent", *names),
                (manifest, store),
                next(generated) if run["generated"] else None,
            )
        )
    return found
