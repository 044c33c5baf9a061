"""The workflow as users run it, at a tiny scale: what is rerun, what is refused, what is left."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from spine_examples import shipped_config
from workflow_examples import (
    DATA,
    EVERYTHING,
    OTHERS,
    RUN,
    TABLE,
    TINY,
    planned,
    snakemake,
)

from mocoda.agent_runs import run_files
from mocoda.config import load
from mocoda.workflow import stage_settings


def test_the_table_names_what_was_measured(finished: Path) -> None:
    table = pd.read_csv(finished / TABLE)
    columns = (
        "table domain agent distribution dynamics scale metric mean std ci_low ci_high seeds "
        "episodes updates transitions_real transitions_generated paper_mean paper_std seconds "
        "config_hash code_version"
    )
    assert set(columns.split()) <= set(table.columns)
    cells = table[(table.metric == "success rate") & (table.agent == "td3_bc")]
    rate = cells.set_index("distribution")
    assert list(rate.index) == ["emp", "mocoda"]
    assert set(table.scale) == {"tiny"}
    assert list(rate.dynamics) == ["none", "locally_factored"]
    assert list(rate.transitions_real) == [2000, 2000]
    assert list(rate.transitions_generated) == [0, 2000]
    assert set(rate.episodes) == {4}
    assert set(rate.updates) == {50}
    assert (rate.ci_low <= rate["mean"]).all()
    assert (rate["mean"] <= rate.ci_high).all()
    text = (finished / "results/hooksweep2/tiny/tables.md").read_text()
    assert "tiny" in text
    assert "oracle" in text
    episodes = pd.read_parquet(finished / "results/hooksweep2/tiny/episodes.parquet")
    assert len(episodes) == 8
    assert {"agent", "distribution", "seed", "episode_seed", "side", "return", "success"} <= set(
        episodes.columns
    )


def test_each_artefact_has_its_provenance(finished: Path) -> None:
    found = list((finished / "data/hooksweep2/tiny").rglob("*provenance.json"))
    found += (finished / "results/hooksweep2/tiny").rglob("*provenance.json")
    described = [json.loads(file.read_text()) for file in found]
    assert Counter(facts["stage"] for facts in described) == EVERYTHING
    for facts in described:
        assert facts["wildcards"]["scale"] == "tiny"
        assert len(facts["config_hash"]) == len(facts["code_version"]) == 12
        assert facts["packages"]["torch"]
    sampled = json.loads(
        (finished / DATA / "augmented/mocoda/locally_factored/provenance.json").read_text()
    )
    assert sampled["settings"]["sampling"]["shard_rows"] == 3000
    assert str(DATA / "parents/parents.safetensors") in sampled["inputs"]


def test_no_training_state_is_left(finished: Path) -> None:
    state = finished / ".state"
    assert not state.exists() or not list(state.iterdir())


def test_other_scales_are_left_as_they_were(finished: Path) -> None:
    for name, text in OTHERS.items():
        assert (finished / name).read_text() == text
    assert {folder.name for folder in (finished / "data/hooksweep2").iterdir()} == {"tiny", "demo"}


def test_a_second_run_has_nothing_to_do(own: Path) -> None:
    assert planned(own) == {}


def test_a_setting_of_the_mixture_reruns_from_there_on(own: Path) -> None:
    assert planned(own, changes={"fit_gmm_parents": {"components": 5}}) == {
        "fit_gmm_parents": 1,
        "sample_augmented": 1,
        "rebalance": 1,
        "train_offline_agent": 1,  # EMP has no generated rows
        "evaluate": 1,
        "tables": 1,
    }


def test_a_setting_of_the_evaluation_reruns_no_training(own: Path) -> None:
    found = planned(own, changes={"evaluate": {"episodes": 5}})
    assert found == {"evaluate": 2, "tables": 1}


def test_settings_that_nothing_here_uses_rerun_nothing(own: Path) -> None:
    everywhere = {
        "train_offline_agent": {"bcq": {"proposals": 7}},  # the other agent
        "tables": {"agents": ["bcq"]},  # the tiny scale has its own
    }
    assert planned(own, everywhere=everywhere) == {}


def test_one_more_seed_and_one_more_agent_leave_what_is_there(own: Path) -> None:
    """All jobs of the new seed, and the table: the first seed's are not run again."""
    tables = copy.deepcopy(TINY["tables"])
    tables["agents"] = ["td3_bc", "bcq"]
    found = planned(own, changes={"seeds": [0, 1], "tables": tables})
    expected = {
        **EVERYTHING,
        # Seed 1: one agent more, so two on two data sets; seed 0: the new agent on two.
        "train_offline_agent": 6,
        "evaluate": 6,
    }
    del expected["collect_oracle"]  # all seeds share it
    assert found == expected


@pytest.mark.parametrize(
    ("device", "side_by_side", "asked"),
    [
        ("cpu", False, {"train_offline_agent": {"0"}}),
        ("cuda", False, {"train_offline_agent": {"1"}}),
        # Each run then only takes its own files out of the other job's.
        ("cuda", True, {"train_offline_agent": {"0"}, "train_side_by_side": {"1"}}),
    ],
)
def test_the_jobs_that_train_on_a_gpu_ask_for_one_and_no_others(
    own: Path, device: str, side_by_side: bool, asked: dict[str, set[str]]
) -> None:
    training = {"device": device, "side_by_side": side_by_side}
    run = snakemake(own, "--dry-run", "--forceall", changes={"train_offline_agent": training})
    assert run.returncode == 0, run.stdout + run.stderr
    found: dict[str, set[str]] = {}
    listed = r"^(?:local)?rule (\w+):$(?:\n .*)*?\n    resources: .*\bgpu=(\d+)"
    for rule, gpus in re.findall(listed, run.stdout + run.stderr, re.M):
        found.setdefault(rule, set()).add(gpus)
    assert found == asked


def test_runs_side_by_side_are_those_of_a_job_each(own: Path) -> None:
    """One job trains both runs; each run then takes its own files out of that job's."""
    changes = {"train_offline_agent": {"side_by_side": True, "td3_bc": {"precision": "fp32"}}}
    expected = {"train_side_by_side": 1, "train_offline_agent": 2, "evaluate": 2, "tables": 1}
    assert planned(own, changes=changes) == expected
    changes["train_offline_agent"]["side_by_side"] = False
    run = snakemake(own, changes=changes)
    assert run.returncode == 0, run.stdout + run.stderr
    alone = load_file(own / RUN / "policy.safetensors")
    card = json.loads((own / RUN / "card.json").read_text())
    changes["train_offline_agent"]["side_by_side"] = True
    run = snakemake(own, changes=changes)
    assert run.returncode == 0, run.stdout + run.stderr
    together = load_file(own / RUN / "policy.safetensors")
    assert together.keys() == alone.keys()
    for name, value in alone.items():
        torch.testing.assert_close(together[name], value, rtol=1e-4, atol=1e-5, msg=name)
    found = json.loads((own / RUN / "card.json").read_text())
    assert found["side_by_side"] == 2
    assert found["metrics"].keys() == card["metrics"].keys()
    assert found["metrics"]["critic"] == pytest.approx(card["metrics"]["critic"], rel=1e-3)
    for name in ("transitions_real", "transitions_generated", "agent_variant", "precision"):
        assert found[name] == card[name]
    table = pd.read_csv(own / TABLE)
    assert set(table[table.agent == "td3_bc"].updates) == {50}
    assert planned(own, changes=changes) == {}


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        (
            "agents/td3_bc.py",
            "\nEDITED = 1\n",
            {"train_offline_agent": 2, "evaluate": 2, "tables": 1},
        ),
        ("agents/bcq.py", "\nEDITED = 1\n", {}),
        ("dynamics/ensemble.py", "\n# a comment\n", {}),
        (
            "dynamics/locally_factored.py",
            "\nEDITED = 1\n",
            {
                "train_dynamics": 1,
                "sample_augmented": 1,
                "rebalance": 1,
                "train_offline_agent": 1,
                "evaluate": 1,
                "tables": 1,
            },
        ),
    ],
)
def test_an_edit_of_the_code_reruns_what_uses_it(
    own: Path, tmp_path: Path, file: str, text: str, expected: dict[str, int]
) -> None:
    package = tmp_path / "edited" / "mocoda"
    shutil.copytree(own / "package" / "mocoda", package)
    (package / file).write_text((package / file).read_text() + text)
    assert planned(own, package=package) == expected


def test_a_damaged_shard_stops_the_job_that_reads_it_and_the_remedy_works(own: Path) -> None:
    folder = own / DATA / "augmented/mocoda/locally_factored"
    manifest = (folder / "manifest.json").read_bytes()
    shard = next((folder / "store").glob("*/reward/c/0"))
    contents = bytearray(shard.read_bytes())
    contents[100] ^= 1
    shard.write_bytes(contents)
    policy = str(RUN / "policy.safetensors")
    run = snakemake(own, "--force", target=policy)
    assert run.returncode != 0
    assert not (own / policy).exists()
    log = "logs/hooksweep2/tiny/train_offline_agent/td3_bc/mocoda/locally_factored/seed_0.log"
    told = (own / log).read_text()
    relative = DATA / "augmented/mocoda/locally_factored"
    assert f"Error: {relative / 'store'}" in told
    assert str(shard.relative_to(own)) in told
    assert "found other contents" in told
    remedy = f"Delete {relative / 'store'} and {relative / 'manifest.json'}, then run"
    assert remedy in told
    assert "Traceback" not in told
    assert remedy in run.stdout + run.stderr

    shutil.rmtree(folder / "store")
    (folder / "manifest.json").unlink()
    target = str(relative / "manifest.json")
    repaired = snakemake(own, target=target)
    assert repaired.returncode == 0, repaired.stderr
    assert (folder / "manifest.json").read_bytes() == manifest


def test_settings_of_a_job_are_its_own() -> None:
    config = load(shipped_config())
    wildcards = SimpleNamespace(
        domain="hooksweep2", scale="smoke", seed="0", agent="bcq", distribution="mocoda_p"
    )
    settings = config.domains["hooksweep2"]["smoke"]
    training = json.loads(stage_settings(config, "train_offline_agent", wildcards))
    agents: Any = settings.train_offline_agent
    assert training["agent"] == agents.bcq.model_dump(mode="json")
    assert "td3_bc" not in json.dumps(training)
    rebalancing = json.loads(stage_settings(config, "rebalance", wildcards))
    assert rebalancing["kind"] == "prioritized"
    paths = run_files(config, wildcards, "card.json")
    assert len(paths) == len(set(paths)) == 10
    assert all(path.startswith("results/hooksweep2/smoke/agents/") for path in paths)
