"""Stage 7: an offline agent on real rows, or on real and generated rows as the paper mixes them."""

from __future__ import annotations

from pathlib import Path

import torch

from mocoda.agents import AGENTS
from mocoda.artifacts import read_tensors, write_json, write_tensors
from mocoda.batches import BatchSource, load_table
from mocoda.checkpoints import Checkpoint
from mocoda.domains import DOMAINS
from mocoda.errors import UserError
from mocoda.jobs import Job
from mocoda.networks import resolve_precision
from mocoda.seeding import seed_for
from mocoda.stages.training_settings import TrainingSettings
from mocoda.training import train

BLOCK_UPDATES = 50


def train_offline_agent(job: Job) -> None:
    """Write the final policy, the snapshots on the way and a card."""
    domain = DOMAINS[job.wildcards["domain"]]
    variant = AGENTS[job.wildcards["agent"]]
    training = TrainingSettings.model_validate(job.settings["training"])
    settings = variant.settings.model_validate(job.settings["agent"])
    generated, selection = None, None
    if "augmented_manifest" in job.inputs:
        generated = (job.inputs["augmented_manifest"], job.inputs["augmented_store"])
        selection = read_tensors(job.inputs["selection"])["rows"].numpy()
    real = (job.inputs["manifest"], job.inputs["store"])
    table = load_table(domain, job.seed, real, generated, selection)
    job.log(f"{table.real} real and {table.generated} generated transitions")
    source = BatchSource(domain, table, job.names, training.goals, training.normalise)
    agent = variant.make(
        settings,
        len(source.mean),
        domain.slots.action_dim,
        training.updates,
        seed_for(*job.names),
        "cpu",
    )
    planned = agent.planned_updates
    normalisation = {"input.mean": source.mean, "input.std": source.std}
    snapshots = Snapshots(agent, planned, training.updates, training.snapshots, job.checkpoint())
    if not snapshots.whole():
        job.log("a snapshot of the killed run is damaged: starting anew")
        job.checkpoint().remove()
    progress = train(
        agent,
        lambda number: list(
            source.block(
                number,
                [
                    agent.batch_size_for(update)
                    for update in range(number * BLOCK_UPDATES, (number + 1) * BLOCK_UPDATES)
                ],
            )
        ),
        planned,
        BLOCK_UPDATES,
        checkpoint=job.checkpoint(),
        log=job.log,
        after_block=snapshots.keep_if_due,
    )
    write_tensors(job.outputs["policy"], {**agent.policy_tensors(), **normalisation})
    write_tensors(job.outputs["snapshots"], snapshots.tensors())
    write_json(
        job.outputs["card"],
        {
            "agent": job.wildcards["agent"],
            "agent_variant": f"{variant.describe(settings)}; {training.describe()}",
            "settings": job.settings,
            "precision": str(resolve_precision(settings.precision, "cpu")).removeprefix("torch."),
            "updates": training.updates,
            "transitions_real": table.real,
            "transitions_generated": table.generated,
            "metric_updates": progress.metric_updates[::20],
            "metrics": {name: values[::20] for name, values in progress.metrics.items()},
        },
    )


class Snapshots:
    """Policies on the way, evenly spaced over the updates of the policy; kept beside the checkpoint
    so that they survive a kill."""

    def __init__(
        self, agent: object, planned: int, updates: int, count: int, checkpoint: Checkpoint
    ) -> None:
        self.agent, self.checkpoint = agent, checkpoint
        self.folder = checkpoint.folder / "snapshots"
        before = planned - updates
        marks = [before + max(1, round(updates * (i + 1) / count)) for i in range(count)]
        # A snapshot is taken at the end of the block that reaches its mark.
        self.marks = sorted({min(-(-m // BLOCK_UPDATES) * BLOCK_UPDATES, planned) for m in marks})
        self.before = before

    def keep_if_due(self, updates: int) -> bool:
        """Write the acting policy if this is a mark; never stops the training."""
        if updates in self.marks:
            write_tensors(self.file_of(updates), self.agent.policy_tensors())  # type: ignore[attr-defined]
        return False

    def whole(self) -> bool:
        """Whether all snapshots that the checkpoint's run has taken can be read."""
        saved = self.checkpoint.load()
        done = int(saved["loop.updates"]) if saved else 0
        try:
            for mark in self.marks:
                if mark <= done:
                    read_tensors(self.file_of(mark))
        except UserError:
            return False
        return True

    def file_of(self, mark: int) -> Path:
        """Where the snapshot of a mark lies; its name counts the updates of the policy."""
        return self.folder / f"{mark - self.before:09d}.safetensors"

    def tensors(self) -> dict[str, torch.Tensor]:
        """All snapshots, each tensor named `<updates>/<name>`."""
        found = {}
        for mark in self.marks:
            file = self.file_of(mark)
            for name, value in read_tensors(file).items():
                found[f"{file.stem}/{name}"] = value
        return found
