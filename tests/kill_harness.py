"""Kill jobs with SIGKILL at random points, start them again, and compare with an unbroken run.

    python tests/kill_harness.py FOLDER --kills 20 --whole 20

runs a small chain in FOLDER with Snakemake, then for each job that keeps state: starts it as a
process of its own, kills it after a random time, again and again; lets the last start finish; and
compares every output byte for byte with Snakemake's. Then the same with the whole command, from
nothing: Snakemake and all its jobs are killed, the lock is lifted, and the command is given again.
Exits 1 if any byte differs.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from kill_examples import STATEFUL, job_of, under_fire
from same_bytes import artefacts, differences

REPOSITORY = Path(__file__).resolve().parent.parent
SECTION: dict[str, Any] = {
    "seeds": [0],
    "collect_empirical": {"transitions": 2000},
    "collect_oracle": {"episodes": 2},
    "fit_gmm_parents": {"components": 4},
    "train_dynamics": {
        "updates": 500,
        "validate_every": 10,
        "patience": 1000,
        "members": 2,
        "factored_hidden": [64],
        "composer_width": 32,
    },
    "sample_augmented": {"generated_per_real": 40.0, "proposals_per_row": 1.5, "shard_rows": 5000},
    "train_offline_agent": {
        "updates": 1200,
        "snapshots": 5,
        "td3_bc": {"hidden_sizes": [64, 64], "batch_size": 64},
        "bcq": {
            "hidden_sizes": [64, 64],
            "batch_size": 64,
            "behaviour_updates": 300,
            "behaviour_batch": 128,
        },
    },
    "evaluate": {"episodes": 2, "curve_episodes": 1},
    "tables": {
        "agents": ["bcq", "td3_bc"],
        "columns": [{"distribution": "mocoda", "dynamics": "locally_factored"}],
    },
}


def command(folder: Path, *arguments: str) -> list[str]:
    """Snakemake for the chain in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    override = folder / "override.yaml"
    override.write_text(yaml.safe_dump({"domains": {"hooksweep2": {"scales": {"tiny": SECTION}}}}))
    base = [sys.executable, "-m", "snakemake", "--cores", "2", "--workflow-profile", "none"]
    base += ["--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder)]
    base += ["--configfile", str(override), "--rerun-incomplete", *arguments]
    return [*base, "--", "results/hooksweep2/tiny/tables.csv"]


def running_stages(session: int) -> list[str]:
    """The stages whose scripts run in a session of processes."""
    listed = subprocess.run(
        ["ps", "-s", str(session), "-o", "args="], capture_output=True, text=True
    ).stdout
    return re.findall(r"^\S*python\S* .*/scripts/tmp\w+\.(\w+)\.py$", listed, re.MULTILINE)


def whole_under_fire(folder: Path, unbroken: Path, kills: int, draws: random.Random) -> bool:
    """Kill the command `kills` times; whether all artefacts are those of the unbroken run."""
    hit: Counter[str] = Counter()
    done, completed, began = 0, 0, time.monotonic()
    log = folder.with_suffix(".log")
    while True:
        with log.open("ab") as file:
            process = subprocess.Popen(
                command(folder), stdout=file, stderr=file, start_new_session=True
            )
            try:
                process.wait(timeout=draws.uniform(5, 40) if done < kills else None)
            except subprocess.TimeoutExpired:
                hit.update(running_stages(process.pid) or ["between jobs"])
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                done += 1
                # Without a lock this changes nothing.
                subprocess.run(command(folder, "--unlock"), check=True, stdout=file, stderr=file)
                continue
        if process.returncode:
            raise RuntimeError(log.read_text()[-4000:])
        differ = differences(unbroken, folder)
        completed += 1
        if differ or done >= kills:
            break
        shutil.rmtree(folder)  # it ended before its time: from nothing once more
    seconds = time.monotonic() - began
    print(
        f"the whole command: {done} kills in {dict(hit)}, {completed} runs completed, "
        f"{len(artefacts(folder))} artefacts, differing: {differ or 'none'}, {seconds:.0f} s",
        flush=True,
    )
    return not differ


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=20, help="of each job that keeps state")
    parser.add_argument("--whole", type=int, default=20, help="of the whole command")
    parser.add_argument("--seed", type=int, default=0, help="of the random points")
    arguments = parser.parse_args()
    unbroken = arguments.folder.resolve() / "unbroken"
    subprocess.run(command(unbroken, "--quiet", "all"), check=True)
    same = True
    for name in STATEFUL if arguments.kills else ():
        draws = random.Random(f"{arguments.seed} {name}")
        job, reference = (job_of(unbroken, name, into) for into in ("again", "."))
        outcome = under_fire(unbroken, job, reference, arguments.kills, draws)
        print(outcome, flush=True)
        same &= outcome.same_bytes
    if arguments.whole:
        draws = random.Random(f"{arguments.seed} whole")
        again = arguments.folder.resolve() / "killed"
        same &= whole_under_fire(again, unbroken, arguments.whole, draws)
    if not same:
        raise SystemExit("the bytes differ")


if __name__ == "__main__":
    main()
