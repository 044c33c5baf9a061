"""A project folder with finished runs of 2D Navigation, and copies that a test may change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mocoda.agent_runs import RUN
from mocoda.artifacts import checksum, read_json, write_json
from mocoda.join_runs import read_folder
from mocoda.tables.finished_runs import CHECKSUMS, FinishedRuns, join

CELLS = [("emp", "none"), ("mocoda", "locally_factored")]
RESULTS = "results/nav2d/paper"


def run_folder(project: Path, agent: str, cell: tuple[str, str], seed: int) -> Path:
    names = dict(zip(("distribution", "dynamics"), cell, strict=True))
    return project / RUN.format(domain="nav2d", scale="paper", agent=agent, seed=seed, **names)


def joined(*folders: Path) -> FinishedRuns:
    return join([(folder, read_folder(folder)) for folder in folders])


def changed(folder: Path, name: str, change: Callable[[Any], Any]) -> None:
    """Change the JSON of a saved folder as a machine with other runs would have written it."""
    write_json(folder / name, change(read_json(folder / name)))
    record = read_json(folder / CHECKSUMS)
    record["outputs"][name] = checksum(folder / name)
    write_json(folder / CHECKSUMS, record)


def entry_changed(number: int, **values: Any) -> Callable[[Any], Any]:
    return lambda entries: [
        {**entry, **values} if at == number else entry for at, entry in enumerate(entries)
    ]
