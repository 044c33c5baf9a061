"""Runs of the tiny scale that several tests look at: each is made once, by one of the processes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from finished_runs_examples import CELLS
from nav2d_tables_examples import prepare
from workflow_examples import OTHERS, PACKAGE, alone, snakemake

from mocoda.jobs import Job
from mocoda.stages.tables import tables

Run = Callable[[Path], "subprocess.CompletedProcess[str]"]
Once = Callable[[str, Run], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Gives the folder of a name, in which a run was made once; the test processes share it."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def made(name: str, run: Run) -> Path:
        folder, done = base / name, base / f"{name}.done"
        with alone(base / f"{name}.lock"):
            if not done.exists():
                ended = run(folder)
                status = f"\nexit status {ended.returncode}\n"
                done.write_text(ended.stdout + ended.stderr + status)
        assert "exit status 0" in done.read_text(), done.read_text()[-4000:]
        return folder

    return made


@pytest.fixture(scope="session")
def finished(once: Once) -> Path:
    """A folder in which the tiny scale was run once, beside files of other scales."""

    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        for name, text in OTHERS.items():
            (folder / name).parent.mkdir(parents=True)
            (folder / name).write_text(text)
        # A copy, so that nobody's edits during the tests look like a change of code.
        shutil.copytree(PACKAGE, folder / "package" / "mocoda")
        return snakemake(folder)

    return once("tiny", run)


@pytest.fixture
def own(finished: Path, tmp_path: Path) -> Path:
    """A copy of that folder, times of files included, that a test may change."""
    folder = tmp_path / "tiny"
    shutil.copytree(finished, folder, symlinks=True)
    return folder


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Job]:
    """A project folder with all runs of two agents, and its table; nobody changes it."""
    folder = tmp_path_factory.mktemp("project")
    job = prepare(folder, ["sac", "td3_bc"], CELLS)
    tables(job)
    # As Snakemake has it: paths that start from the project's folder.
    for record in folder.rglob("*provenance.json"):
        record.write_text(record.read_text().replace(f"{folder}/", ""))
    return folder, job


@pytest.fixture
def project(finished_project: tuple[Path, Job], tmp_path: Path) -> Path:
    """A copy of it, as it would lie on another machine."""
    shutil.copytree(finished_project[0], tmp_path / "project")
    return tmp_path / "project"
