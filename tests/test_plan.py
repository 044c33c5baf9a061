"""`make plan`: the jobs are those of a dry run, and the time grows with the work."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from spine_examples import REPOSITORY, shipped_config

from mocoda import plan
from mocoda.config import load
from mocoda.domains import DOMAINS

SMOKE = "results/nav2d/smoke/tables.csv"


def seconds(change: Callable[[dict[str, Any]], None], domain: str = "nav2d") -> dict[str, float]:
    raw = shipped_config()
    change(raw["domains"][domain]["scales"]["smoke"])
    return plan.expected_seconds(load(raw).domains[domain]["smoke"], DOMAINS[domain])


def nothing(section: dict[str, Any]) -> None:
    pass


def test_the_jobs_are_those_of_a_dry_run_and_the_minutes_their_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where nothing is finished
    command = [sys.executable, "-m", "mocoda.plan", "--cores", "2", SMOKE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = re.findall(r"^(\w+) +(\d+) job\(s\), about +([\d.]+) core-minutes", done.stdout, re.M)
    jobs = {rule: int(count) for rule, count, _ in lines}
    assert jobs == plan.planned_jobs(SMOKE, REPOSITORY / "Snakefile")
    assert jobs["collect_empirical"] == 1
    assert "domain nav2d, scale smoke, 2 core(s)" in done.stdout
    total = re.search(r"^(\d+) job\(s\), about (\d+) minutes in all", done.stdout, re.M)
    assert total is not None
    assert int(total[1]) == sum(jobs.values())
    told = sum(int(count) * float(minutes) for _, count, minutes in lines) / 2
    # Each stage's minutes are rounded to a tenth.
    assert int(total[2]) == pytest.approx(told, abs=0.5 + 0.05 * sum(jobs.values()) / 2)


@pytest.mark.parametrize(
    ("stage", "section"),
    [
        ("train_offline_agent", {"train_offline_agent": {"updates": 200}}),
        ("train_dynamics", {"train_dynamics": {"updates": 120}}),
    ],
)
def test_twice_the_updates_take_twice_the_time(stage: str, section: dict[str, Any]) -> None:
    def change(scale: dict[str, Any], factor: int) -> None:
        for name, value in section.items():
            scale[name] = {**scale[name], "updates": value["updates"] * factor}

    once, twice = (seconds(lambda scale, n=n: change(scale, n)) for n in (1, 2))
    assert twice[stage] == pytest.approx(2 * once[stage])
    assert {name: value for name, value in twice.items() if "train" not in name} == {
        name: value for name, value in once.items() if "train" not in name
    }


def test_wider_networks_and_more_episodes_take_longer() -> None:
    def wider(section: dict[str, Any]) -> None:
        section["train_offline_agent"]["td3_bc"]["hidden_sizes"] = [512, 512]
        section["evaluate"]["episodes"] *= 3

    plain, more = seconds(nothing, "hooksweep2"), seconds(wider, "hooksweep2")
    assert more["train_offline_agent"] > plain["train_offline_agent"]
    assert more["evaluate"] > plain["evaluate"]


def test_one_job_of_all_runs_takes_the_time_of_all() -> None:
    def together(section: dict[str, Any]) -> None:
        section["train_offline_agent"]["side_by_side"] = True

    alone, joined = seconds(nothing), seconds(together)
    tables = load(shipped_config()).domains["nav2d"]["smoke"].tables
    assert joined["train_side_by_side"] == pytest.approx(
        len(tables.columns) * alone["train_offline_agent"]
    )
    assert joined["train_offline_agent"] == 0.0


def test_a_processor_without_bf16_is_told_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "resolve_precision", lambda *_: torch.bfloat16)
    fast = seconds(nothing)
    monkeypatch.setattr(plan, "resolve_precision", lambda *_: torch.float32)
    slow = seconds(nothing)
    assert plan.FP32 > 1
    for stage in ("train_offline_agent", "train_dynamics"):
        assert slow[stage] == pytest.approx(plan.FP32 * fast[stage])
    assert slow["sample_augmented"] == fast["sample_augmented"]


def test_a_target_names_its_domain_and_scale() -> None:
    config = load(shipped_config())
    assert plan.scale_of("results/nav2d/paper/tables.csv", config) == ("nav2d", "paper")
    assert plan.scale_of("results/nav2d/tables.csv", config) == ("nav2d", config.default_scale)
