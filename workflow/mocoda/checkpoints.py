"""Training state that outlives a killed job.

The workflow manager deletes a job's declared outputs before it runs the job again, so state lives
in a folder of its own, named by a hash of what the job computes (inputs, settings, code), and is
removed when the job has succeeded.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import torch

from mocoda.artifacts import read_json, read_tensors, write_json, write_tensors
from mocoda.errors import UserError
from mocoda.interruption import end_if_requested, requested, wait_for_checkpoint


def interval() -> float:
    """Seconds between checkpoints: 60, or what MOCODA_CHECKPOINT_SECONDS says."""
    return float(os.environ.get("MOCODA_CHECKPOINT_SECONDS", "60"))


class Checkpoint:
    """One file of tensors, replaced atomically at most every `seconds` (None: see `interval`)."""

    def __init__(self, folder: Path | str, seconds: float | None = None) -> None:
        self.folder = Path(folder)
        self.seconds = interval() if seconds is None else seconds
        self.file = self.folder / "state.safetensors"
        self.clock = self.folder / "seconds.json"
        self.earlier = self.seconds_worked()
        self.started = self.saved_at = time.monotonic()

    def seconds_worked(self) -> float:
        """Seconds that earlier, killed runs of the job worked until their last checkpoint."""
        try:
            return float(read_json(self.clock)["seconds"])
        except (UserError, KeyError, TypeError, ValueError):
            return 0.0  # there was none, or its note is damaged: it only counts time

    def load(self) -> dict[str, torch.Tensor] | None:
        """The last state, or None where there is none (or it is damaged: then start anew).

        Who loads will save: from here on a signal waits for the next `save`.
        """
        wait_for_checkpoint()
        if not self.file.exists():
            return None
        try:
            return read_tensors(self.file)
        except UserError:
            return None

    @property
    def due(self) -> bool:
        """Whether it is time to save: the interval is over, or a signal asked the job to end."""
        return requested() or time.monotonic() - self.saved_at >= self.seconds

    def save(self, state: dict[str, torch.Tensor]) -> None:
        """Replace the state; raises UserError for a full disk, and `Interrupted` after the write
        if a signal asked the job to end."""
        write_tensors(self.file, state)
        self.saved_at = time.monotonic()
        write_json(self.clock, {"seconds": self.earlier + self.saved_at - self.started})
        end_if_requested()

    def remove(self) -> None:
        """Forget the state: the job's outputs are written."""
        shutil.rmtree(self.folder, ignore_errors=True)
