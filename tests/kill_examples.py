"""What the kill harness and its test share: the jobs of a finished run, and how one is killed."""

from __future__ import annotations

import filecmp
import importlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from mocoda.config_text import merged
from mocoda.jobs import Job

SEED = Path("data/hooksweep2/tiny/seed_0")
# A job that keeps state: its stage, and the wildcards that tell it from others of the stage.
STATEFUL: dict[str, tuple[str, dict[str, str]]] = {
    "train_dynamics": ("train_dynamics", {}),
    "sample_augmented": ("sample_augmented", {}),
    "td3_bc": ("train_offline_agent", {"agent": "td3_bc"}),
    "bcq": ("train_offline_agent", {"agent": "bcq"}),
}
BEGUN = "the job begins"
PACKAGES = Path(__file__).resolve().parent.parent / "workflow"


@dataclass(frozen=True)
class Outcome:
    """What became of a job under fire."""

    name: str
    kills: int
    resumed: int  # starts that went on from saved state
    same_bytes: bool
    seconds: float


def described(folder: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """The folder of a job's outputs, and their provenance."""
    stage, told_by = STATEFUL[name]
    for file in sorted(folder.glob("*/hooksweep2/tiny/**/provenance.json")):
        facts = json.loads(file.read_text())
        wildcards = {**facts["wildcards"], "stage": facts["stage"]}
        with_rows = wildcards.get("dynamics") == "locally_factored"
        if with_rows and wildcards.items() >= {**told_by, "stage": stage}.items():
            return file.parent.relative_to(folder), facts
    raise FileNotFoundError(f"no {name} in {folder}")


def inputs_of(folder: Path) -> dict[str, str]:
    """The inputs of all jobs that keep state, by the names that the rules give them."""
    augmented, _ = described(folder, "sample_augmented")
    dynamics, _ = described(folder, "train_dynamics")
    selection = next((folder / SEED / "datasets").rglob("selection.safetensors"))
    return {
        "store": f"{SEED}/empirical/store",
        "manifest": f"{SEED}/empirical/manifest.json",
        "mask": f"{SEED}/mask/heuristic/mask.safetensors",
        "mask_card": f"{SEED}/mask/heuristic/card.json",
        "parents": f"{SEED}/parents/parents.safetensors",
        "dynamics": f"{dynamics}/dynamics.safetensors",
        "dynamics_card": f"{dynamics}/card.json",
        "augmented_store": f"{augmented}/store",
        "augmented_manifest": f"{augmented}/manifest.json",
        "selection": str(selection.relative_to(folder)),
    }


def job_of(folder: Path, name: str, into: str, changes: dict[str, Any] | None = None) -> Job:
    """A job of the chain in `folder` with the same inputs, its outputs below the folder `into`.

    `changes` are laid over its settings.
    """
    where, facts = described(folder, name)
    files = sorted(facts["outputs"])
    if (folder / where / "store").is_dir():
        files.append("store")
    return Job(
        stage=facts["stage"],
        inputs=inputs_of(folder),
        outputs={file.split(".")[0]: f"{into}/{where}/{file}" for file in files},
        wildcards=facts["wildcards"],
        settings=merged(facts["settings"], changes or {}),
        code=facts["code_version"],
        threads=1,
        state=Path(".state") / f"{into}-{name}",
    )


def start(folder: Path, job: Job, seconds: float = 0.0) -> subprocess.Popen[bytes]:
    """The job as a process of its own, with a checkpoint every `seconds` (0: after each block)."""
    description = folder / f"{job.state.name}.json"
    description.write_text(json.dumps({**asdict(job), "state": str(job.state)}))
    environment = {
        **os.environ,
        "MOCODA_CHECKPOINT_SECONDS": str(seconds),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(PACKAGES),
    }
    with log_of(folder, job).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, __file__, str(description)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )


def log_of(folder: Path, job: Job) -> Path:
    return folder / f"{job.state.name}.log"


def run_one(description: Path) -> None:
    """What the started process does."""
    facts = json.loads(description.read_text())
    job = Job(**{**facts, "state": Path(facts["state"])})
    torch.set_num_threads(1)
    module = importlib.import_module(f"mocoda.stages.{job.stage}")
    job.log(BEGUN)
    getattr(module, job.stage)(job)
    job.checkpoint().remove()


def finish(folder: Path, job: Job) -> tuple[float, float]:
    """Run the job to its end; seconds until it began its work, and in all."""
    log, began, prelude = log_of(folder, job), time.monotonic(), 0.0
    before = log.stat().st_size if log.exists() else 0
    process = start(folder, job)
    while process.poll() is None:
        time.sleep(0.02)
        if not prelude and BEGUN.encode() in log.read_bytes()[before:]:
            prelude = time.monotonic() - began
    if process.returncode:
        raise RuntimeError(log.read_text())
    return prelude, time.monotonic() - began


def remove_outputs(folder: Path, job: Job) -> None:
    """What Snakemake does before it runs a job again."""
    for output in job.outputs.values():
        path = folder / output
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


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


def kill_after_progress(folder: Path, job: Job, wait: float) -> None:
    """Start the job and kill it `wait` seconds after it saved where to go on from."""

    def state() -> list[int]:
        found = []
        for name in ("state.safetensors", "store/progress.json"):
            with suppress(FileNotFoundError):
                found.append((folder / job.state / name).stat().st_mtime_ns)
        return found

    before = state()
    process = start(folder, job)
    while state() == before:
        if process.poll() is not None:
            raise RuntimeError(log_of(folder, job).read_text())
        time.sleep(0.005)
    time.sleep(wait)
    if process.poll() is not None:
        raise RuntimeError("it ended before it could be killed")
    process.kill()
    process.wait()


def same_outputs(folder: Path, first: Job, second: Job) -> bool:
    """Whether two jobs wrote the same bytes."""
    return all(
        same_tree(folder / path, folder / second.outputs[name])
        for name, path in first.outputs.items()
    )


def resumed(folder: Path, job: Job) -> int:
    """Number of starts that went on from saved state."""
    return log_of(folder, job).read_text().count("going on from")


def under_fire(folder: Path, job: Job, unbroken: Job, kills: int, draws: random.Random) -> Outcome:
    """Kill the job `kills` times at random points, let it finish, compare with `unbroken`."""
    began, done = time.monotonic(), 0
    prelude, whole = finish(folder, job)
    remove_outputs(folder, job)
    log_of(folder, job).write_bytes(b"")
    while done < kills:
        remove_outputs(folder, job)
        process = start(folder, job)
        try:
            process.wait(timeout=draws.uniform(0.9 * prelude, whole))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            done += 1
            continue
        # It finished before its time: from nothing once more.
        if process.returncode:
            raise RuntimeError(log_of(folder, job).read_text())
    remove_outputs(folder, job)
    finish(folder, job)
    same = same_outputs(folder, unbroken, job)
    return Outcome(job.state.name, done, resumed(folder, job), same, time.monotonic() - began)


if __name__ == "__main__":
    run_one(Path(sys.argv[1]))
