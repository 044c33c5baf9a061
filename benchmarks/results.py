"""The table of benchmarks: its columns, where a row was measured, and how runs are merged."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import torch

from benchmarks.timing import Case, Comparison
from mocoda.artifacts import atomic_path
from mocoda.errors import UserError
from mocoda.matrix_products import BF16_UNITS

KEY = ["operation", "shape", "ours", "peer"]
COLUMNS = [
    "operation",
    "shape",
    "unit",
    "ours",
    "ours_measured",
    "peer",
    "peer_measured",
    "ratio",
    "target_ratio",
    "rounds",
    "spread",
    "threads",
    "processor",
    "torch",
    "commit",
    "date",
    "note",
]
CPU_FACTS = Path("/proc/cpuinfo")


def processor() -> str:
    """The processor's name, and which of the units that multiply in bf16 it has."""
    name, flags = platform.processor() or platform.machine(), ""
    if CPU_FACTS.exists():
        lines = (line.partition(":") for line in CPU_FACTS.read_text().splitlines())
        facts = {key.strip(): value.strip() for key, _, value in lines}
        name, flags = facts.get("model name", name), facts.get("flags", "")
    units = [unit for unit in BF16_UNITS if unit in flags.split()]
    return f"{name} (with {' and '.join(units)})" if units else f"{name} (no bf16 units)"


def busy() -> str:
    """What others do to the figures, for the note: "" on a machine that runs little else.

    Bf16 matrix units and caches are shared: a busy neighbour costs ours more than fp32 peers.
    """
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    return f"; measured beside other work (load {load:.1f} on {cores} cores)" if load > 1.5 else ""


def commit() -> str:
    """The commit of the working tree, "-dirty" where files differ from it; or "unknown"."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        found = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def row(
    case: Case, ours: str, peer: str, found: Comparison, rounds: int, note: str
) -> dict[str, object]:
    """One line of the table."""
    return {
        "operation": case.operation,
        "shape": case.shape,
        "unit": case.unit,
        "ours": ours,
        "ours_measured": float(f"{found.ours * case.units:.5g}"),
        "peer": peer,
        "peer_measured": float(f"{found.peer * case.units:.5g}"),
        "ratio": float(f"{found.ratio:.4g}"),
        "target_ratio": case.targets.get((ours, peer)),
        "rounds": rounds,
        "spread": f"{found.lowest:.3g}-{found.highest:.3g}",
        "threads": case.threads,
        "processor": processor(),
        "torch": torch.__version__,
        "commit": commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "note": note,
    }


def read(path: Path) -> pd.DataFrame:
    """The table at `path`, empty where there is none; raises UserError if it is another table."""
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS)
    try:
        frame = pd.read_csv(path, keep_default_na=False, na_values={"target_ratio": [""]})
    except ValueError as error:
        raise _other_table(path, str(error)) from error
    if list(frame.columns) != COLUMNS:
        raise _other_table(path, f"columns {', '.join(frame.columns)}")
    return frame


def _other_table(path: Path, found: str) -> UserError:
    return UserError(
        path,
        expected="a table of benchmarks",
        found=found,
        remedy="Delete it, or give another --output.",
    )


def merged(before: pd.DataFrame, rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    """`before` with new rows in the places of those that measured the same, others at the end."""
    new = pd.DataFrame(list(rows), columns=COLUMNS)
    if before.empty:
        return new
    kept = {tuple(line[name] for name in KEY): line for line in before.to_dict("records")}
    kept |= {tuple(line[name] for name in KEY): line for line in new.to_dict("records")}
    return pd.DataFrame(list(kept.values()), columns=COLUMNS)


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write the table, whole or not at all."""
    with atomic_path(path) as partial:
        frame.to_csv(partial, index=False)
