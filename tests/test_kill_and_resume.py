"""Killed at any moment, the same command goes on and ends with the same bytes.

`tests/kill_harness.py` does the same at 20 random points of each stage, and of the whole command.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Once
from kill_examples import finish, job_of, kill_after_progress, remove_outputs, resumed, same_outputs
from spine_examples import REPOSITORY
from workflow_examples import RUN, snakemake, snakemake_command

from mocoda.checkpoints import Checkpoint
from mocoda.stages import sample_augmented as stage
from mocoda.stages.agent_training import Snapshots
from mocoda.stores import TransitionWriter

LONGER = {"train_offline_agent": {"updates": 4000, "snapshots": 4}}
POLICY = str(RUN / "policy.safetensors")
LOG = "logs/hooksweep2/tiny/train_offline_agent/td3_bc/mocoda/locally_factored/seed_0.log"
PROFILE = ("--workflow-profile", str(REPOSITORY / "profiles/default"))  # the shipped one
OUTPUTS = ("policy.safetensors", "snapshots.safetensors", "card.json")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("train_dynamics", {"updates": 300, "patience": 100}),
        ("sample_augmented", {"sampling": {"shard_rows": 200}}),
    ],
)
def test_a_killed_stage_ends_with_the_same_bytes(
    name: str, changes: dict[str, Any], own: Path
) -> None:
    # Settings of its own, so that there is work left when it is killed.
    job, unbroken = (job_of(own, name, into, changes) for into in ("again", "unbroken"))
    finish(own, unbroken)
    draws = random.Random(name)
    for _ in range(2):
        kill_after_progress(own, job, draws.uniform(0, 0.2))
    finish(own, job)
    assert same_outputs(own, unbroken, job)
    assert resumed(own, job) == 2


def test_a_kill_while_the_manifest_is_written_costs_no_shard(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own)
    job = job_of(own, "sample_augmented", "again")

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stage, "write_manifest", killed)
        with pytest.raises(KeyboardInterrupt):
            stage.sample_augmented(job)
    remove_outputs(own, job)

    def never(*arguments: object) -> None:
        raise AssertionError("a shard was drawn again")

    monkeypatch.setattr(TransitionWriter, "write", never)
    stage.sample_augmented(job)
    assert same_outputs(own, job_of(own, "sample_augmented", "."), job)


def start(folder: Path, seconds: str) -> subprocess.Popen[bytes]:
    """Snakemake on the longer training, in a session of its own, as in a terminal."""
    command, environment = snakemake_command(folder, *PROFILE, changes=LONGER, target=POLICY)
    with (folder / "first.log").open("wb") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**environment, "MOCODA_CHECKPOINT_SECONDS": seconds},
        )


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    while not ready():
        assert process.poll() is None, "it ended before it could be stopped"
        time.sleep(0.02)


def state_is_there(folder: Path) -> bool:
    return bool(list(folder.glob(".state/train_offline_agent-*/state.safetensors")))


@pytest.fixture(scope="session")
def unbroken(finished: Path, once: Once) -> dict[str, bytes]:
    """The outputs of the longer training, from a run that nobody stopped."""

    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        shutil.copytree(finished, folder, symlinks=True)
        return snakemake(folder, changes=LONGER, target=POLICY)

    folder = once("unbroken", run)
    return {name: (folder / RUN / name).read_bytes() for name in OUTPUTS}


def assert_it_goes_on(folder: Path, unbroken: dict[str, bytes]) -> None:
    """The same command succeeds, from the checkpoint, with the same bytes; nothing is left over."""
    run = snakemake(folder, *PROFILE, changes=LONGER, target=POLICY)
    assert run.returncode == 0, run.stderr
    assert "going on from update" in (folder / LOG).read_text()
    for name, contents in unbroken.items():
        assert (folder / RUN / name).read_bytes() == contents, name
    assert not list((folder / ".state").iterdir())
    assert not list((folder / RUN).glob(".*.partial"))


def test_a_killed_command_leaves_a_lock_that_the_user_can_lift(
    own: Path, unbroken: dict[str, bytes]
) -> None:
    process = start(own, seconds="0")
    wait_until(lambda: state_is_there(own), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (own / RUN / ".policy.safetensors.0123abcd.partial").write_bytes(b"cut short")

    refused = snakemake(own, *PROFILE, changes=LONGER, target=POLICY)
    assert refused.returncode != 0
    assert "Directory cannot be locked" in refused.stderr
    assert "If you are sure that no other instances of snakemake are running" in refused.stderr
    assert "removed with the --unlock argument" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert state_is_there(own)

    assert snakemake(own, "--unlock", changes=LONGER, target=POLICY).returncode == 0
    assert_it_goes_on(own, unbroken)


@pytest.mark.parametrize("locked", [True, False])
def test_make_names_the_command_that_lifts_a_lock(locked: bool, tmp_path: Path) -> None:
    if locked:
        (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
        (tmp_path / ".snakemake" / "locks" / "0.output.lock").touch()
    command = ["make", "--file", str(REPOSITORY / "Makefile"), "--assume-old", ".venv/installed"]
    run = subprocess.run(
        [*command, "tables", "SNAKEMAKE=false"], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode != 0
    assert ("If no other run uses it: make unlock, then the same again." in run.stderr) is locked


def test_a_command_that_is_told_to_end_saves_its_state_first(
    own: Path, unbroken: dict[str, bytes]
) -> None:
    """SIGTERM to all processes of the run, as SLURM sends it when a job's time is over."""
    log = own / LOG
    log.unlink()
    process = start(own, seconds="3600")  # no checkpoint but that of the signal
    wait_until(lambda: log.exists() and "generated transitions" in log.read_text(), process)
    time.sleep(0.3)
    assert not state_is_there(own)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(timeout=60) != 0
    wait_until_ended(process.pid)
    assert state_is_there(own)
    assert not (own / POLICY).exists()
    assert_it_goes_on(own, unbroken)


def wait_until_ended(session: int) -> None:
    """Until no process of a session is left: the training ends after its checkpoint."""
    for _ in range(1000):
        if subprocess.run(["pgrep", "-s", str(session)], capture_output=True).returncode:
            return
        time.sleep(0.02)
    raise AssertionError("a process of the run is left")


class Still:
    """An agent whose policy is its number of updates."""

    def __init__(self) -> None:
        self.updates = 0

    def policy_tensors(self) -> dict[str, torch.Tensor]:
        return {"weights": torch.tensor(self.updates)}


@pytest.mark.parametrize("damage", ["none", "missing", "cut short"])
def test_a_damaged_snapshot_of_a_killed_run_is_noticed_before_the_training(
    damage: str, tmp_path: Path
) -> None:
    """It would never be taken again: the training goes on behind it."""
    checkpoint, agent = Checkpoint(tmp_path), Still()
    snapshots = Snapshots(agent, planned=500, updates=400, count=4, checkpoint=checkpoint)
    for agent.updates in range(50, 351, 50):
        snapshots.keep_if_due(agent.updates)
    checkpoint.save({"loop.updates": torch.tensor(320)})
    files = sorted((tmp_path / "snapshots").iterdir())
    assert [file.stem for file in files] == ["000000100", "000000200"]
    if damage == "missing":
        files[0].unlink()
    elif damage == "cut short":
        files[1].write_bytes(files[1].read_bytes()[:-1])
    assert snapshots.whole() is (damage == "none")
