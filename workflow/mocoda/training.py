"""The one training loop: batches by block, checkpoints, resume, finite checks, a log with rates.

Masks, dynamics and agents all go through `train`. Batches are a pure function of the block's
number, and a learner's state holds all the rest (random generators included), so a run that was
killed goes on to the same bytes as one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Protocol

import torch

from mocoda.checkpoints import Checkpoint

LOG_SECONDS = 15.0


class Learner(Protocol):
    """What the loop trains."""

    def update(self, batch: Any) -> Any:
        """One gradient step; returns a frozen dataclass of 0-d tensors, or of tensors [runs] of
        several runs side by side."""

    def state(self) -> dict[str, torch.Tensor]: ...

    def load_state(self, state: dict[str, torch.Tensor]) -> None: ...


class NotFiniteError(ArithmeticError):
    """A loss or a parameter stopped being finite."""


def remedy(checkpoint: Checkpoint | None) -> str:
    """What the user can do, and where the last good state is."""
    kept = f" The last good state is kept in {checkpoint.folder}." if checkpoint else ""
    return f"Lower the learning rate, or set precision to fp32.{kept}"


def listed(flags: torch.Tensor) -> list[int]:
    """The first five numbers whose flags [n] are set."""
    found: list[int] = flags.nonzero().flatten()[:5].tolist()
    return found


def rows_not_finite(batch: Any) -> str:
    """Which rows of a batch hold a number that is not finite: `column: rows`, or that none does.

    A batch with `runs` has the rows of each run side by side.
    """
    if not is_dataclass(batch):
        return "its rows are not known"
    faults = []
    runs = getattr(batch, "runs", None)
    for field in fields(batch):
        values = getattr(batch, field.name)
        if isinstance(values, torch.Tensor) and values.is_floating_point():
            bad = ~torch.isfinite(values)
            if bad.any():
                lead = values.shape[: 1 if runs is None else 2]
                rows = bad.reshape(*lead, -1).any(dim=-1)
                if runs is not None:
                    run = int(rows.any(dim=1).nonzero()[0])
                    faults.append(f"{field.name}: run {run}, rows {listed(rows[run])} of the batch")
                else:
                    faults.append(f"{field.name}: rows {listed(rows)} of the batch")
    return "; ".join(faults) or "all its rows are finite"


def metric_names(losses: Any) -> list[str]:
    """The fields of a learner's losses; of several runs, each with the number of the run."""
    shapes = {field.name: getattr(losses, field.name).shape for field in fields(losses)}
    return [
        f"{name} of run {run}" if shape else name
        for name, shape in shapes.items()
        for run in range(shape.numel())
    ]


def finite_state(
    learner: Learner, done: int, checkpoint: Checkpoint | None
) -> dict[str, torch.Tensor]:
    """The learner's state; raises NotFiniteError if a parameter in it is not finite."""
    state = learner.state()
    for name, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise NotFiniteError(
                f"update {done}: the parameter '{name}' is not finite. {remedy(checkpoint)}"
            )
    return state


@dataclass(frozen=True)
class Progress:
    """Where training ended: updates done, and the mean of each metric per block, by the names of
    `metric_names`."""

    updates: int
    metrics: dict[str, list[float]]
    metric_updates: list[int]


def train(
    learner: Learner,
    blocks: Callable[[int], Sequence[Any]],
    updates: int,
    block_updates: int,
    *,
    checkpoint: Checkpoint | None = None,
    log: Callable[[str], None] = print,
    after_block: Callable[[int], bool] = lambda updates: False,
) -> Progress:
    """Run `updates` gradient steps in blocks of `block_updates`.

    Parameters
    ----------
    blocks : block number -> its batches; must be deterministic in the number.
    after_block : called with the updates done; True stops early. What it keeps must be part of
        the learner's state.

    Raises
    ------
    NotFiniteError : a loss or parameter is not finite; names the term, the update and the rows. The
        last checkpoint stays.
    """
    done = 0
    history: list[torch.Tensor] = []
    names: list[str] = []
    saved = checkpoint.load() if checkpoint else None
    if saved is not None:
        done = int(saved.pop("loop.updates"))
        past = saved.pop("loop.history")
        history = list(past)
        learner.load_state(saved)
        log(f"going on from update {done} of {updates}")
    started, logged, first = time.monotonic(), time.monotonic(), done
    while done < updates:
        batches = list(blocks(done // block_updates))[: updates - done]
        losses = [learner.update(batch) for batch in batches]
        names = metric_names(losses[0])
        values = torch.stack(
            [
                torch.stack([getattr(loss, f.name).detach().float() for f in fields(loss)])
                for loss in losses
            ]
        ).flatten(1)
        if not torch.isfinite(values).all():
            step, term = (~torch.isfinite(values)).nonzero()[0].tolist()
            raise NotFiniteError(
                f"update {done + step + 1}: the term '{names[term]}' is {values[step, term]}; "
                f"{rows_not_finite(batches[step])}. {remedy(checkpoint)}"
            )
        done += len(losses)
        history.append(torch.cat([torch.tensor([float(done)]), values.mean(dim=0).cpu()]))
        stop = after_block(done)
        if checkpoint and (checkpoint.due and done < updates) and not stop:
            checkpoint.save(
                {
                    **finite_state(learner, done, checkpoint),
                    "loop.updates": torch.tensor(done),
                    "loop.history": torch.stack(history),
                }
            )
        if time.monotonic() - logged > LOG_SECONDS or done >= updates or stop:
            logged = time.monotonic()
            rate = (done - first) / (logged - started)
            left = (updates - done) / rate
            metrics = ", ".join(
                f"{name} {value:.4g}"
                for name, value in zip(names, history[-1][1:].tolist(), strict=True)
            )
            log(f"update {done}/{updates}, {rate:.0f}/s, {left:.0f} s left: {metrics}")
        if stop:
            break
    finite_state(learner, done, checkpoint)
    table = torch.stack(history) if history else torch.zeros(0, len(names) + 1)
    return Progress(
        updates=done,
        metrics={name: table[:, i + 1].tolist() for i, name in enumerate(names)},
        metric_updates=[int(u) for u in table[:, 0].tolist()],
    )
