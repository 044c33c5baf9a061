"""The same configuration gives the same bytes, whatever else is configured beside it."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import Once
from same_bytes import artefacts, differences
from workflow_examples import RUN, TABLE, TINY, planned, snakemake

# What `wider` has more than the tiny scale: a seed, an agent, a distribution.
SMALL_BCQ = {"behaviour_updates": 50, "behaviour_batch": 64, "hidden_sizes": [32, 32]}
TABLES: dict[str, Any] = copy.deepcopy(TINY["tables"])
TABLES["agents"].append("bcq")
TABLES["columns"].append({"distribution": "mocoda_p", "dynamics": "locally_factored"})
WIDER = {"seeds": [0, 1], "train_offline_agent": {"bcq": SMALL_BCQ}, "tables": TABLES}


def of_seed(found: dict[str, str], seed: int) -> dict[str, str]:
    """The artefacts of one seed, of the agent and the distributions of the tiny scale."""
    return {
        name: digest
        for name, digest in found.items()
        if f"/seed_{seed}/" in name and "/bcq/" not in name and "/mocoda_p/" not in name
    }


@pytest.fixture(scope="session")
def alone_on_one_core(finished: Path, once: Once) -> Path:
    """Seed 1 and one column by themselves, from nothing, one job after the other."""
    changes = {"seeds": [1], "tables": {"columns": TINY["tables"]["columns"][1:]}}
    package = finished / "package" / "mocoda"

    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        folder.mkdir()
        return snakemake(folder, "--cores", "1", changes=changes, package=package)

    return once("alone", run)


@pytest.fixture(scope="session")
def wider(finished: Path, once: Once) -> Path:
    """The tiny run, to which a seed, an agent and a distribution were added."""

    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        shutil.copytree(finished, folder, symlinks=True)
        return snakemake(folder, changes=WIDER)

    return once("wider", run)


def test_a_seed_alone_on_one_core_is_the_seed_beside_others_on_two(
    alone_on_one_core: Path, wider: Path
) -> None:
    """Two folders, two runs from nothing, another number of cores, other jobs beside it."""
    first = of_seed(artefacts(alone_on_one_core), 1)
    assert {Path(name).suffix for name in first} >= {".json", ".safetensors", ".parquet", ".csv"}
    assert any("/store/" in name for name in first)
    beside = of_seed(artefacts(wider), 1)
    assert {name: beside.get(name) for name in first} == first
    # What all seeds share.
    shared = "data/hooksweep2/tiny/oracle"
    assert (
        artefacts(alone_on_one_core)[f"{shared}/manifest.json"]
        == (artefacts(wider)[f"{shared}/manifest.json"])
    )


def test_seeds_differ(wider: Path) -> None:
    found = artefacts(wider)
    for name in ("empirical/manifest.json", "parents/parents.safetensors"):
        pair = {found[f"data/hooksweep2/tiny/seed_{seed}/{name}"] for seed in (0, 1)}
        assert len(pair) == 2, name


def test_a_seed_an_agent_and_a_distribution_change_no_artefact_that_is_there(
    finished: Path, wider: Path
) -> None:
    before, after = of_seed(artefacts(finished), 0), of_seed(artefacts(wider), 0)
    assert before == after
    # Not even written again.
    policy = RUN / "policy.safetensors"
    assert (finished / policy).stat().st_mtime_ns == (wider / policy).stat().st_mtime_ns
    assert planned(wider, changes=WIDER) == {}


def test_without_them_nothing_is_run_but_the_table_and_it_is_as_before(
    finished: Path, wider: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(wider, folder, symlinks=True)
    assert planned(folder) == {"tables": 1}
    assert snakemake(folder).returncode == 0
    differ = differences(finished, folder)
    assert [name for name in differ if name in artefacts(finished)] == []
    assert json.loads((folder / TABLE).with_name("provenance.json").read_text())["seconds"] > 0
