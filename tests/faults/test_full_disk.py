"""A disk that fills up under a job: told with what to do, nothing lost, and the job goes on."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from job_examples import asked

from faults.planted import contents, little_space, refused
from mocoda.artifacts import read_json, write_json, write_tensors
from mocoda.checkpoints import Checkpoint
from mocoda.jobs import Job, run_job

NO_SPACE = os.strerror(errno.ENOSPC)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_keeps_the_earlier_checkpoint(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "state")
    checkpoint.save({"updates": torch.tensor(1)})
    before = contents(tmp_path)

    def save() -> None:
        with little_space():
            checkpoint.save({"updates": torch.tensor(2), "weights": torch.zeros(100_000)})

    refused(
        save,
        where="state.safetensors",
        expected="a place that can be written to",
        found="ile",
        remedy="Free disk space or choose a folder you may write to; nothing was lost",
    )
    assert contents(tmp_path) == before
    kept = checkpoint.load()
    assert kept is not None
    assert int(kept["updates"]) == 1


def work(job: Job) -> None:
    """Three updates with a checkpoint after each; the state grows to 400 kB."""
    checkpoint = job.checkpoint()
    state = checkpoint.load()
    done = int(state["updates"]) if state else 0
    if done:
        job.log(f"going on from update {done}")
    for number in range(done + 1, 4):
        checkpoint.save({"updates": torch.tensor(number), "weights": torch.ones(number, 33_000)})
        if number == 1:
            fill(Path.cwd())  # not when it goes on
    write_tensors(job.outputs["policy"], {"weights": torch.ones(3)})


def fill(folder: Path) -> None:
    """Somebody else's file takes what is left of a disk."""
    with (folder / "somebody else's").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def test_a_job_on_a_disk_that_fills_up_is_told_and_goes_on_when_there_is_room(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(small_disk)
    card = small_disk / "card.json"
    write_json(card, {"earlier": True})
    snakemake = asked(small_disk, "policy.safetensors", "provenance.json")
    with pytest.raises(SystemExit) as caught:
        run_job(snakemake, work)
    assert caught.value.code == 1
    told = capsys.readouterr().err
    assert "state.safetensors: expected a place that can be written to; found" in told
    assert NO_SPACE in told
    assert "Free disk space" in told
    assert "Traceback" not in told
    assert read_json(card) == {"earlier": True}
    assert not (small_disk / "policy.safetensors").exists()
    assert not list(small_disk.rglob("*.partial"))

    (small_disk / "somebody else's").unlink()
    run_job(snakemake, work)
    assert "going on from update 1" in (small_disk / "work.log").read_text()
    assert (small_disk / "policy.safetensors").exists()
    assert not list((small_disk / ".state").iterdir())


def test_a_log_that_cannot_be_written_is_told_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log lies on the same full disk as a rule, and must not take the message with it."""
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "work.log"
    log.symlink_to("/dev/full")
    write_json(tmp_path / "policy.json", {"earlier": True})
    before = contents(tmp_path)
    with pytest.raises(SystemExit) as caught:
        run_job(asked(tmp_path, "policy.json", log=log), work)
    assert caught.value.code == 1
    told = capsys.readouterr().err
    assert f"{log}: expected a place that can be written to; found {NO_SPACE}" in told
    assert "Free disk space" in told
    assert contents(tmp_path) == before
