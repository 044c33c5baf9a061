"""How an offline agent is trained for a job: one run, or several side by side in one job."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mocoda.agents import AGENTS, Agent, Batch
from mocoda.agents.base import AgentSettings
from mocoda.artifacts import read_tensors, write_tensors
from mocoda.batches import BatchSource, Table, load_table
from mocoda.checkpoints import Checkpoint
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.errors import UserError
from mocoda.jobs import Job
from mocoda.networks import resolve_precision
from mocoda.seeding import seed_for
from mocoda.stages.training_settings import TrainingSettings
from mocoda.training import Progress, train

BLOCK_UPDATES = 50
# Rows whose rewards are computed at a time: little memory beside that of the rows.
REWARD_ROWS = 1 << 18


@dataclass(frozen=True)
class Run:
    """One training: its seed, what its random streams are named by, and where its rows are.

    real : (manifest, store); generated : (manifest, store, selection), or None for EMP.
    """

    seed: int
    names: tuple[str, ...]
    real: tuple[str, str]
    generated: tuple[str, str, str] | None

    def table(self, domain: Any) -> Table:
        """All its rows, in memory."""
        if self.generated is None:
            return load_table(domain, self.seed, self.real)
        manifest, store, selection = self.generated
        rows = read_tensors(selection)["rows"].numpy()
        return load_table(domain, self.seed, self.real, (manifest, store), rows)


@dataclass(frozen=True)
class Trained:
    """A run's final policy, its snapshots (tensors named `<updates>/<name>`) and its card."""

    policy: dict[str, Tensor]
    snapshots: dict[str, Tensor]
    card: dict[str, Any]


def check_device(device: str) -> None:
    """Raises UserError if the device of the settings is not there."""
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "train_offline_agent.device",
            expected="a device that this machine has",
            found="cuda, but torch sees no CUDA device",
            remedy="Set it to cpu, or install a CUDA build of torch on a machine with a GPU.",
        )
    # bf16 products are summed in fp32, as on a CPU; torch allows sums in bf16 on a GPU.
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False


def train_runs(job: Job, runs: Sequence[Run], side_by_side: bool) -> list[Trained]:
    """Train the runs, each as it would train alone; one that is not `side_by_side` is alone.

    Beside others a run has the same batches, start and noise, and its products are one batch with
    theirs; on a GPU they may round otherwise. The rows of all runs are in the device's memory.
    """
    domain = DOMAINS[job.wildcards["domain"]]
    variant = AGENTS[job.wildcards["agent"]]
    training = TrainingSettings.model_validate(job.settings["training"])
    settings = variant.settings.model_validate(job.settings["agent"])
    check_device(training.device)
    seeds = [seed_for(*run.names) for run in runs]
    # Before the rows are read: it refuses what cannot be trained.
    agent = variant.make(
        settings,
        domain.slots.observation_dim + len(domain.agent_goal_columns),
        domain.slots.action_dim,
        training.updates,
        seeds if side_by_side else seeds[0],
        training.device,
    )
    sources = []
    for run in runs:
        table = run.table(domain)
        job.log(f"{table.real} real and {table.generated} generated transitions")
        check_rewards(domain, table, settings, job.log)
        sources.append(
            BatchSource(
                domain,
                table,
                run.names,
                training.goals,
                training.normalise,
                training.terminal,
                training.goals_near,
                training.device,
            )
        )
    planned = agent.planned_updates
    snapshots = Snapshots(agent, planned, training.updates, training.snapshots, job.checkpoint())
    if not snapshots.whole():
        job.log("a snapshot of the killed run is damaged: starting anew")
        job.checkpoint().remove()
    blocks = blocks_of(sources, agent, side_by_side)
    progress = train(
        agent,
        blocks,
        planned,
        BLOCK_UPDATES,
        checkpoint=job.checkpoint(),
        log=job.log,
        after_block=snapshots.keep_if_due,
    )
    policy, earlier = agent.policy_tensors(), snapshots.tensors()
    precision = resolve_precision(settings.precision, training.device)
    card = {
        "agent": job.wildcards["agent"],
        "agent_variant": f"{variant.describe(settings)}; {training.describe()}",
        "settings": {name: job.settings[name] for name in ("training", "agent")},
        "precision": str(precision).removeprefix("torch."),
        "updates": training.updates,
        "metric_updates": progress.metric_updates[::20],
    }
    return [
        Trained(
            {
                **of_run(policy, number if side_by_side else None),
                "input.mean": source.mean.cpu(),
                "input.std": source.std.cpu(),
            },
            of_run(earlier, number if side_by_side else None),
            {
                **card,
                "transitions_real": source.real,
                "transitions_generated": source.generated,
                "metrics": metrics_of_run(progress, number if side_by_side else None),
            },
        )
        for number, source in enumerate(sources)
    ]


def check_rewards(
    domain: Domain, table: Table, settings: AgentSettings, log: Callable[[str], None]
) -> None:
    """Refuse rewards that the range of the agents' targets cannot hold: with all targets at one end
    an agent would learn nothing, without a word. Says so where only their sum might not fit."""
    width = domain.slots.observation_dim
    low, high = math.inf, -math.inf
    parts = zip(table.rows.split(REWARD_ROWS), table.goals.split(REWARD_ROWS), strict=True)
    for rows, goals in parts:
        reward = domain.reward(rows[:, -width:], goals)
        low, high = min(low, float(reward.min())), max(high, float(reward.max()))
    section = f"domains.{domain.name}.train_offline_agent.<agent>"
    if low < settings.target_low or high > settings.target_high:
        raise UserError(
            f"{section}.target_low and target_high",
            expected=f"a range that holds all returns of rewards from {low:g} to {high:g}",
            found=f"targets clipped to {settings.target_low:g} .. {settings.target_high:g}",
            remedy=f"Set them to {min(low, 0) / (1 - settings.discount):g} and "
            f"{max(high, 0) / (1 - settings.discount):g}, the discounted sums of endless episodes.",
        )
    least, most = (end / (1 - settings.discount) for end in (min(low, 0.0), max(high, 0.0)))
    # A millionth of room: 1 - discount is rounded.
    if least < settings.target_low * (1 + 1e-6) or most > settings.target_high:
        log(
            f"targets are clipped to {settings.target_low:g} .. {settings.target_high:g}, and the "
            f"rewards, {low:g} to {high:g}, could sum to {least:g} .. {most:g}"
        )


def blocks_of(
    sources: Sequence[BatchSource], agent: Agent, side_by_side: bool
) -> Callable[[int], list[Batch]]:
    """Block number -> its batches; side by side, a batch holds one of each run."""

    def block(number: int) -> list[Batch]:
        updates = range(number * BLOCK_UPDATES, (number + 1) * BLOCK_UPDATES)
        sizes = [agent.batch_size_for(update) for update in updates]
        each = [source.block(number, sizes) for source in sources]
        if not side_by_side:
            return list(each[0])
        return [
            Batch(*(torch.stack([getattr(one, f.name) for one in of_runs]) for f in fields(Batch)))
            for of_runs in zip(*each, strict=True)
        ]

    return block


def of_run(tensors: dict[str, Tensor], number: int | None) -> dict[str, Tensor]:
    """The tensors of one of several runs, which are stacked; None: of the only run."""
    return {
        name: (tensor if number is None else tensor[number]).cpu().clone()
        for name, tensor in tensors.items()
    }


def metrics_of_run(progress: Progress, number: int | None) -> dict[str, list[float]]:
    """Every 20th block's mean of each metric."""
    suffix = "" if number is None else f" of run {number}"
    return {
        name.removesuffix(suffix): values[::20]
        for name, values in progress.metrics.items()
        if name.endswith(suffix)
    }


class Snapshots:
    """Policies on the way, evenly spaced over the updates of the policy; kept beside the checkpoint
    so that they survive a kill."""

    def __init__(
        self, agent: Agent, planned: int, updates: int, count: int, checkpoint: Checkpoint
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
            write_tensors(self.file_of(updates), self.agent.policy_tensors())
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

    def tensors(self) -> dict[str, Tensor]:
        """All snapshots, each tensor named `<updates>/<name>`."""
        found = {}
        for mark in self.marks:
            file = self.file_of(mark)
            for name, value in read_tensors(file).items():
                found[f"{file.stem}/{name}"] = value
        return found
