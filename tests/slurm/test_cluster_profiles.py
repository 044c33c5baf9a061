"""The cluster profiles name every stage with its rule's time, and retries are theirs alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = {
    name: text
    for path in (ROOT / "rules").glob("*.smk")
    for name, text in re.findall(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", path.read_text(), re.M | re.S)
}
# A rule that runs where Snakemake runs is not submitted.
STAGES = {name: text for name, text in RULES.items() if "localrule: True" not in text}
PROFILES = ("slurm", "cluster")


def profile(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text()))


@pytest.mark.parametrize("name", PROFILES)
def test_time_is_the_rules_own_and_grows_with_each_attempt(name: str) -> None:
    stated = {
        stage: int(re.search(r"runtime=(\d+)", text)[1])  # type: ignore[index]
        for stage, text in STAGES.items()
    }
    resources = profile(name)["set-resources"]
    assert resources == {
        stage: {"runtime": f"{minutes} * attempt"} for stage, minutes in stated.items()
    }


def test_retries_are_in_the_profiles_only() -> None:
    assert all(profile(name)["retries"] >= 1 for name in PROFILES)
    assert not [name for name, text in RULES.items() if re.search(r"^\s+retries:", text, re.M)]


def test_every_rule_that_is_submitted_states_its_memory_and_threads() -> None:
    for name, text in STAGES.items():
        assert re.search(r"mem_mb=\d+", text), name
        assert re.search(r"^\s+threads: \d+", text, re.M), name
