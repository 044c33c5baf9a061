"""Scales that learn from another scale's data, and scales that are set side by side."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from config_examples import Raw, at, faults
from spine_examples import REPOSITORY, shipped_config

from mocoda.config import load
from mocoda.errors import UserError
from mocoda.workflow import STAGES_OF_DATA, data_scale, oracle_files, stage_settings


def of_demo(**changes: Any) -> Callable[[Raw], object]:
    """A scale that learns from the data of `demo` and changes something."""
    return lambda raw: at(raw, "scales").update(other={"data_scale": "demo", **changes})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (of_demo(data_scale="demmo"), "'demmo' is no scale of the domain. Did you mean 'demo'?"),
        (
            of_demo(collect_empirical={"transitions": 500_000}),
            "collect_empirical differs from that of 'demo', whose data the agents would learn from",
        ),
        (of_demo(train_dynamics={"updates": 3}), "train_dynamics differs from that of 'demo'"),
        (
            lambda raw: (
                of_demo()(raw),
                at(raw, "scales").update(third={"data_scale": "other"}),
            ),
            "expected a scale with data of its own; 'other' has that of 'demo'.",
        ),
        (
            of_demo(shared_data=True, seeds=[1, 2]),
            "shared_data differs from that of 'demo'",
        ),
        (
            lambda raw: (
                at(raw).update(shared_data=True),
                of_demo(seeds=[1, 2])(raw),
            ),
            "the first seed, whose data all share, differs from that of 'demo'",
        ),
        (
            lambda raw: raw["domains"]["nav2d"]["scales"].update(
                other={"data_scale": "demo", "tables": {"model_error": {"rows": 9}}}
            ),
            "nav2d.scales.other.data_scale: tables.model_error differs from that of 'demo'",
        ),
        (
            lambda raw: raw["domains"]["bouncing_balls"]["scales"].update(
                other={
                    "data_scale": "demo",
                    "tables": {"masks": [{"kind": "sandy_mixture", "experts": 7}]},
                }
            ),
            "tables.masks differs from that of 'demo'",
        ),
        (
            lambda raw: at(raw, "scales", "masks_heuristic").update(data_scale="demo"),
            "mask_scales: 'masks_heuristic' has its data from 'demo'.",
        ),
        (
            lambda raw: at(raw, "tables").update(ablations={"demmo": "nothing"}),
            "tables.ablations: 'demmo' is no scale of the domain. Did you mean 'demo'?",
        ),
        (
            lambda raw: at(raw, "tables").update(ablations={"demo": "same", "smoke": "same"}),
            "tables.ablations: expected two scales or more, each with words of its own.",
        ),
    ],
)
def test_a_scale_may_only_borrow_data_that_it_would_make_itself(
    change: Callable[[Raw], object], expected: str
) -> None:
    assert any(expected in line for line in faults(change))


def test_a_change_of_the_lender_is_one_of_the_borrower_too() -> None:
    """So that who edits `demo` need not edit every scale that learns from its rows."""
    raw = shipped_config()
    at(raw, "scales")["demo"] = {
        "train_dynamics": {"updates": 77},
        "sample_augmented": {"proposals_per_row": 2.0},
        "train_offline_agent": {"updates": 5},
    }
    scales = load(raw).domains["hooksweep2"]
    for name in ("full", "near_goals"):
        assert scales[name].train_dynamics.updates == 77
        assert scales[name].sample_augmented.proposals_per_row == 2.0
        assert scales[name].train_offline_agent.updates != 5
    assert scales["without_shoves"].train_dynamics.updates != 77


def test_a_scale_that_borrows_data_learns_from_the_lenders_files() -> None:
    raw = shipped_config()
    training = {"terminal": "success", "updates": 7}
    of_demo(seeds=[0, 4], train_offline_agent=training, evaluate={"episodes": 5})(raw)
    config = load(raw)
    other = SimpleNamespace(domain="hooksweep2", scale="other", seed="4")
    assert data_scale(config, other) == "demo"
    assert oracle_files(config, other, ("card",)) == {
        "oracle_card": "data/hooksweep2/demo/oracle/card.json"
    }
    assert data_scale(config, SimpleNamespace(domain="hooksweep2", scale="demo")) == "demo"
    with pytest.raises(UserError, match="data/hooksweep2/demo/"):
        stage_settings(config, "train_dynamics", other)


@pytest.mark.parametrize(
    ("domain", "borrower", "side_by_side"),
    [("hooksweep2", "full", True), ("nav2d", "true_children", False)],
)
def test_the_jobs_of_a_scale_that_borrows_data_are_the_lenders(
    tmp_path: Path, domain: str, borrower: str, side_by_side: bool
) -> None:
    """Of all its data, models and generated rows; agents, tables and pictures are its own."""
    own = {"seeds": [0], "train_offline_agent": {"side_by_side": side_by_side}}
    override = tmp_path / "override.yaml"
    override.write_text(yaml.safe_dump({"domains": {domain: {"scales": {borrower: own}}}}))
    run = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "-n", "--cores", "1"),
            *("--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(tmp_path)),
            *("--configfile", str(override), "--", f"results/{domain}/{borrower}/figures"),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    by_scale: dict[str, set[str]] = {}
    listed = r"^(?:local)?rule (\w+):$(?:\n .*)*?\n    wildcards: .*\bscale=(\w+)"
    for rule, scale in re.findall(listed, run.stdout + run.stderr, re.M):
        by_scale.setdefault(scale, set()).add(rule)
    assert set(by_scale) == {"demo", borrower}
    assert by_scale["demo"] <= set(STAGES_OF_DATA)
    assert by_scale["demo"] >= {"collect_empirical", "fit_mask", "sample_augmented", "rebalance"}
    assert not by_scale[borrower] & set(STAGES_OF_DATA)
    assert by_scale[borrower] >= {"train_offline_agent", "evaluate", "tables", "figures"}
    assert ("train_side_by_side" in by_scale[borrower]) == side_by_side
