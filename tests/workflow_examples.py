"""How the workflow's tests run it: the tiny scale, snakemake, and what a dry run plans."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from spine_examples import REPOSITORY

from mocoda.config_text import merged

PACKAGE = REPOSITORY / "workflow" / "mocoda"
TABLE = "results/hooksweep2/tiny/tables.csv"
DATA = Path("data/hooksweep2/tiny/seed_0")
RUN = Path("results/hooksweep2/tiny/agents/td3_bc/mocoda/locally_factored/seed_0")
EVERYTHING = {
    "collect_empirical": 1,
    "collect_oracle": 1,
    "fit_mask": 1,
    "fit_gmm_parents": 1,
    "train_dynamics": 1,
    "sample_augmented": 1,
    "rebalance": 1,
    "train_offline_agent": 2,
    "evaluate": 2,
    "tables": 1,
}
TINY: dict[str, Any] = {
    "seeds": [0],
    "collect_empirical": {"transitions": 2000},
    "collect_oracle": {"episodes": 2},
    "fit_gmm_parents": {"components": 4},
    "train_dynamics": {
        "updates": 20,
        "validate_every": 10,
        "members": 2,
        "factored_hidden": [32],
        "composer_width": 16,
    },
    "sample_augmented": {"generated_per_real": 1.0, "shard_rows": 3000},
    "train_offline_agent": {
        "updates": 50,
        "snapshots": 1,
        "td3_bc": {"hidden_sizes": [32, 32], "batch_size": 64},
    },
    "evaluate": {"episodes": 4, "curve_episodes": 2},
    "tables": {
        "agents": ["td3_bc"],
        "columns": [
            {"distribution": "emp"},
            {"distribution": "mocoda", "dynamics": "locally_factored"},
        ],
    },
}
# What lies there before, and does not belong to the tiny scale.
OTHERS = {
    "results/hooksweep2/tables.csv": "the default scale's table",
    "results/hooksweep2/smoke/tables.csv": "another scale's table",
    "data/hooksweep2/demo/seed_0/empirical/manifest.json": "another scale's data",
}


def overriding(folder: Path, changes: dict[str, Any], everywhere: dict[str, Any]) -> Path:
    """A configuration file: the tiny scale with changes, and changes of the domain's section."""
    section = {**everywhere, "scales": {"tiny": merged(TINY, changes)}}
    file = folder / "override.yaml"
    file.write_text(yaml.safe_dump({"domains": {"hooksweep2": section}}))
    return file


def snakemake_command(
    folder: Path,
    *arguments: str,
    changes: dict[str, Any] | None = None,
    everywhere: dict[str, Any] | None = None,
    target: str = TABLE,
    package: Path | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Snakemake in a folder, with the copy of the package there or another one; its environment."""
    override = overriding(folder, changes or {}, everywhere or {})
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--workflow-profile", "none"]
    command += ["--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder)]
    command += ["--configfile", str(override), *arguments, "--", target]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str((package or folder / "package" / "mocoda").parent)
    return command, environment


def snakemake(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `snakemake_command` to its end."""
    command, environment = snakemake_command(folder, *arguments, **options)
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=900, env=environment
    )


def planned(folder: Path, **options: Any) -> dict[str, int]:
    """Number of jobs by rule that a dry run lists."""
    run = snakemake(folder, "--dry-run", **options)
    assert run.returncode == 0, run.stdout + run.stderr
    told = run.stdout + run.stderr
    if "Nothing to be done" in told:
        return {}
    table = told.split("Job stats:")[1].split("total")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.M)}


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """One process of several at a time (the tests may run in parallel)."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
