"""Peers whose packages clash with ours: timed in a process of their own environment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.timing import Contender
from mocoda.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".bench"


class Worker:
    """A process that times itself: each line it gets asks for repetitions, each line that it
    answers says how long they took. Between two lines it waits, and takes no processor time."""

    def __init__(self, python: Path, module: str, settings: Mapping[str, object]) -> None:
        self.module = module
        self._process = subprocess.Popen(
            [str(python), "-m", module, json.dumps(settings)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.description = str(self._answer()["ready"])

    def seconds(self, repetitions: int) -> float:
        """Seconds that the repetitions took, by the worker's own clock."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"run": repetitions}) + "\n")
        self._process.stdin.flush()
        return float(self._answer()["seconds"])

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, str]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise UserError(
                self.module,
                expected="an answer of the worker",
                found=f"that it ended with status {self._process.wait()}",
                remedy="What it said stands above; `make bench-peers` installs what it needs.",
            )
        answer: dict[str, str] = json.loads(line)
        return answer


def peer(
    name: str, environment: str, module: str, settings: Mapping[str, object]
) -> list[Contender]:
    """The peer as a list of one, or an empty list where its environment is not installed."""
    folder = ENVIRONMENTS / environment
    if not (folder / "installed").exists():
        print(f"{name} is not installed, its rows are left out: make bench-peers", file=sys.stderr)
        return []
    worker = Worker(folder / "bin" / "python", module, settings)
    return [Contender(name, worker.seconds, worker.close)]
