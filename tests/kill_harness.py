"""Kill a stage with SIGKILL at random points, start it again, and compare with an unbroken run.

    python tests/kill_harness.py FOLDER --kills 20

runs a small chain in FOLDER with Snakemake, then for each stage that keeps state: starts the same
job as a process of its own, kills it after a random time, again and again; lets the last start
finish; and compares every output byte for byte with Snakemake's. Exits 1 if any differs.
"""

from __future__ import annotations

import argparse
import filecmp
import importlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from mocoda.config import load
from mocoda.config_text import merged
from mocoda.jobs import Job

REPOSITORY = Path(__file__).resolve().parent.parent
SEED = "data/hooksweep2/tiny/seed_0"
RUN = "results/hooksweep2/tiny/agents/{agent}/mocoda/locally_factored/seed_0"
SECTION: dict[str, Any] = {
    "seeds": [0],
    "collect_empirical": {"transitions": 2000},
    "collect_oracle": {"episodes": 2},
    "fit_gmm_parents": {"components": 4},
    "train_dynamics": {
        "updates": 300,
        "validate_every": 10,
        "patience": 100,
        "members": 2,
        "factored_hidden": [64],
        "composer_width": 32,
    },
    "sample_augmented": {"generated_per_real": 20.0, "proposals_per_row": 1.5, "shard_rows": 5000},
    "train_offline_agent": {
        "updates": 600,
        "snapshots": 3,
        "td3_bc": {"hidden_sizes": [64, 64], "batch_size": 64},
        "bcq": {
            "hidden_sizes": [64, 64],
            "batch_size": 64,
            "behaviour_updates": 100,
            "behaviour_batch": 128,
        },
    },
    "evaluate": {"episodes": 2, "curve_episodes": 1},
    "tables": {
        "agents": ["bcq", "td3_bc"],
        "columns": [{"distribution": "mocoda", "dynamics": "locally_factored"}],
    },
}


@dataclass(frozen=True)
class Outcome:
    """What became of a stage under fire."""

    stage: str
    kills: int
    resumed: int  # starts that went on from saved state
    same_bytes: bool
    seconds: float


def prepare(folder: Path) -> None:
    """The unbroken chain, by Snakemake."""
    folder.mkdir(parents=True, exist_ok=True)
    override = folder / "override.yaml"
    override.write_text(yaml.safe_dump({"domains": {"hooksweep2": {"scales": {"tiny": SECTION}}}}))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--quiet", "all"]
    command += ["--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder)]
    command += ["--configfile", str(override), "--workflow-profile", "none", "--"]
    subprocess.run([*command, "results/hooksweep2/tiny/tables.csv"], check=True)


def jobs(folder: Path) -> list[Job]:
    """The jobs that are killed: the same inputs and settings, outputs in a folder `again`."""
    raw = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    scales = {"scales": {"tiny": SECTION}}
    raw["domains"] = {"hooksweep2": merged(raw["domains"]["hooksweep2"], scales)}
    load(raw)  # refuses a section that the workflow would refuse
    found = []
    for stage, where, files in (
        (
            "train_dynamics",
            f"{SEED}/dynamics/locally_factored",
            ("dynamics.safetensors", "card.json"),
        ),
        ("sample_augmented", f"{SEED}/augmented/locally_factored", ("store", "manifest.json")),
        (
            "train_offline_agent",
            RUN.format(agent="td3_bc"),
            ("policy.safetensors", "snapshots.safetensors", "card.json"),
        ),
        (
            "train_offline_agent",
            RUN.format(agent="bcq"),
            ("policy.safetensors", "snapshots.safetensors", "card.json"),
        ),
    ):
        provenance = json.loads((folder / where / "provenance.json").read_text())
        inputs = {
            "store": f"{SEED}/empirical/store",
            "manifest": f"{SEED}/empirical/manifest.json",
            "mask": f"{SEED}/mask/mask.safetensors",
            "mask_card": f"{SEED}/mask/card.json",
            "parents": f"{SEED}/parents/parents.safetensors",
            "dynamics": f"{SEED}/dynamics/locally_factored/dynamics.safetensors",
            "dynamics_card": f"{SEED}/dynamics/locally_factored/card.json",
            "oracle_store": "data/hooksweep2/tiny/oracle/store",
            "oracle_manifest": "data/hooksweep2/tiny/oracle/manifest.json",
            "augmented_store": f"{SEED}/augmented/locally_factored/store",
            "augmented_manifest": f"{SEED}/augmented/locally_factored/manifest.json",
            "selection": f"{SEED}/datasets/mocoda/locally_factored/selection.safetensors",
        }
        agent = provenance["wildcards"].get("agent", "")
        found.append(
            Job(
                stage=stage,
                inputs=inputs,
                outputs={name.split(".")[0]: f"again/{where}/{name}" for name in files},
                wildcards=provenance["wildcards"],
                settings=provenance["settings"],
                code=provenance["code_version"],
                threads=1,
                state=Path(".state") / f"harness-{stage}{agent}",
            )
        )
    return found


def start(folder: Path, job: Job) -> subprocess.Popen[bytes]:
    """The job as a process of its own, with a checkpoint after every block."""
    description = folder / "job.json"
    description.write_text(json.dumps({**asdict(job), "state": str(job.state)}))
    environment = {**os.environ, "MOCODA_CHECKPOINT_SECONDS": "0", "OMP_NUM_THREADS": "1"}
    with (folder / "harness.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, __file__, "--job", str(description)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )


def run_one(description: Path) -> None:
    """What the started process does."""
    facts = json.loads(description.read_text())
    job = Job(**{**facts, "state": Path(facts["state"])})
    torch.set_num_threads(1)
    module = importlib.import_module(f"mocoda.stages.{job.stage}")
    getattr(module, job.stage)(job)
    job.checkpoint().remove()


def same_tree(first: Path, second: Path) -> bool:
    """Whether two files, or two folders and all below them, hold the same bytes."""
    if first.is_file():
        return filecmp.cmp(first, second, shallow=False)
    names = [
        {p.relative_to(root) for p in root.rglob("*") if p.is_file() and p.name[0] != "."}
        for root in (first, second)
    ]
    return names[0] == names[1] and all(
        filecmp.cmp(first / name, second / name, shallow=False) for name in names[0]
    )


def remove_outputs(folder: Path, job: Job) -> None:
    for output in job.outputs.values():
        path = folder / output
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def under_fire(folder: Path, job: Job, kills: int, seed: int) -> Outcome:
    """Kill the job `kills` times at random points, let it finish, compare."""
    draws = random.Random(seed)
    log = folder / "harness.log"
    log.write_bytes(b"")
    began = time.monotonic()
    process = start(folder, job)
    process.wait(timeout=300)
    whole = time.monotonic() - began
    if process.returncode:
        raise RuntimeError(log.read_text())
    remove_outputs(folder, job)
    began, done = time.monotonic(), 0
    while done < kills:
        process = start(folder, job)
        try:
            process.wait(timeout=draws.uniform(0.3, 1.0) * whole)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            done += 1
            continue
        if process.returncode:
            raise RuntimeError(log.read_text())
        # It finished before its time: from the start once more, as Snakemake would never do.
        remove_outputs(folder, job)
    process = start(folder, job)
    process.wait(timeout=300)
    if process.returncode:
        raise RuntimeError(log.read_text())
    same = all(
        same_tree(folder / output.removeprefix("again/"), folder / output)
        for output in job.outputs.values()
    )
    told = log.read_text()
    resumed = told.count("going on from")
    name = f"{job.stage} {job.wildcards.get('agent', '')}".strip()
    return Outcome(name, done, resumed, same, time.monotonic() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--job", type=Path)
    arguments = parser.parse_args()
    if arguments.job:
        run_one(arguments.job)
        return
    folder = arguments.folder.resolve()
    prepare(folder)
    outcomes = [under_fire(folder, job, arguments.kills, i) for i, job in enumerate(jobs(folder))]
    for outcome in outcomes:
        print(outcome)
    if not all(outcome.same_bytes for outcome in outcomes):
        raise SystemExit("the bytes differ")


if __name__ == "__main__":
    main()
