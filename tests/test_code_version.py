"""What a job depends on: its code and its settings, as far as it uses them and no further."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from spine_examples import REPOSITORY, shipped_config

from mocoda import code_version as module
from mocoda.code_version import code_version, modules_used
from mocoda.config import Config, load
from mocoda.config_text import merged
from mocoda.workflow import stage_code, stage_settings

DATA_STAGES = (
    "collect_empirical",
    "collect_oracle",
    "fit_mask",
    "fit_gmm_parents",
    "train_dynamics",
    "sample_augmented",
    "rebalance",
)
MEASURING = ("report_dynamics", "model_error", "validity")
STAGES = (
    *DATA_STAGES,
    *MEASURING,
    *("train_offline_agent", "evaluate", "tables", "figures", "film"),
)


@pytest.fixture(scope="module")
def config() -> Config:
    return load(shipped_config())


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package that may be edited, in place of the one that is hashed."""
    copy = tmp_path / "mocoda"
    shutil.copytree(REPOSITORY / "workflow" / "mocoda", copy)
    monkeypatch.setattr(module, "PACKAGE", copy)
    module.parse.cache_clear()
    yield copy
    module.parse.cache_clear()


def wildcards(**changes: str) -> SimpleNamespace:
    """Those of all paths, so that one serves every stage."""
    first = {
        "domain": "hooksweep2",
        "scale": "smoke",
        "seed": "0",
        "agent": "td3_bc",
        "dynamics": "unfactored",
        "distribution": "mocoda_p",
        "augmentation": "mocoda",
    }
    mask = "ground_truth" if changes.get("domain") == "nav2d" else "heuristic"
    return SimpleNamespace(**{**first, "mask": mask, **changes})


def versions(config: Config, **changes: str) -> dict[str, str]:
    """The code of one job a stage, as the rules ask for it."""
    module.parse.cache_clear()
    return {stage: stage_code(config, stage, wildcards(**changes)) for stage in STAGES}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {stage for stage in STAGES if before[stage] != after[stage]}


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_comments_docstrings_and_layout_do_not_count(config: Config, package: Path) -> None:
    before = versions(config)
    for file in package.rglob("*.py"):
        file.write_text("# A comment.\n" + file.read_text() + "\n\n# Another one.\n")
    edit(package / "optimiser.py", '"""Adam over', '"""Adam, over')
    edit(package / "optimiser.py", '"""Adam (Kingma', '"""The method of (Kingma')
    edit(package / "optimiser.py", "self.network = network", "self.network = (\n    network)")
    assert changed(before, versions(config)) == set()


def test_an_edit_of_an_imported_module_counts_where_it_is_used(
    config: Config, package: Path
) -> None:
    before = versions(config)
    edit(package / "optimiser.py", "beta2=0.999", "beta2=0.99")
    found = changed(before, versions(config))
    assert {"train_dynamics", "train_offline_agent"} <= found
    assert not found & {"collect_empirical", "fit_mask", "fit_gmm_parents", "tables"}


def test_an_edit_of_the_domain_counts_from_the_data_on(config: Config, package: Path) -> None:
    before = versions(config)
    edit(package / "domains" / "hooksweep2" / "task.py", "TOLERANCE = 0.14", "TOLERANCE = 0.15")
    assert set(DATA_STAGES) <= changed(before, versions(config))


@pytest.mark.parametrize("agent", ["td3_bc", "bcq"])
def test_an_edit_of_an_agent_leaves_the_data_and_the_other_agent_alone(
    config: Config, package: Path, agent: str
) -> None:
    before = {name: versions(config, agent=name) for name in ("td3_bc", "bcq")}
    file = package / "agents" / f"{agent}.py"
    file.write_text(file.read_text() + "\nEDITED = 1\n")
    after = {name: versions(config, agent=name) for name in ("td3_bc", "bcq")}
    other = {"td3_bc": "bcq", "bcq": "td3_bc"}[agent]
    assert not changed(before[agent], after[agent]) & set(DATA_STAGES)
    assert "train_offline_agent" in changed(before[agent], after[agent])
    assert changed(before[other], after[other]) == set()


def test_an_edit_of_a_dynamics_model_leaves_the_others_alone(config: Config, package: Path) -> None:
    kinds = ("unfactored", "globally_factored", "locally_factored")
    before = {kind: versions(config, dynamics=kind) for kind in kinds}
    file = package / "dynamics" / "unfactored.py"
    file.write_text(file.read_text() + "\nEDITED = 1\n")
    after = {kind: versions(config, dynamics=kind) for kind in kinds}
    assert changed(before["unfactored"], after["unfactored"]) == {
        "train_dynamics",
        "sample_augmented",
        "report_dynamics",
        "model_error",
    }
    for kind in kinds[1:]:
        assert changed(before[kind], after[kind]) == set()


def test_an_edit_of_an_augmentation_leaves_the_others_alone(config: Config, package: Path) -> None:
    kinds = ("dyna", "rand", "mocoda", "coda", "coda_unmasked")
    before = {kind: versions(config, domain="nav2d", augmentation=kind) for kind in kinds}
    file = package / "augmentation" / "dyna.py"
    file.write_text(file.read_text() + "\nEDITED = 1\n")
    after = {kind: versions(config, domain="nav2d", augmentation=kind) for kind in kinds}
    for kind in kinds:
        expected = {"sample_augmented"} if kind == "dyna" else set()
        assert changed(before[kind], after[kind]) == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("stages/validity.py", {"validity"}),
        # The truth and the errors are defined there.
        ("stages/model_error.py", {"model_error", "validity"}),
        ("stages/sample_augmented.py", {"sample_augmented"}),
        (
            "masks/ground_truth.py",
            {
                *("fit_mask", "fit_gmm_parents", "train_dynamics", "sample_augmented"),
                *("report_dynamics", "model_error"),
            },
        ),
        # Swaps that look at a mask; nothing else of this path does.
        ("augmentation/coda.py", set()),
        ("masks/heuristic.py", set()),
        ("agents/sac.py", set()),
    ],
)
def test_an_edit_reruns_the_measuring_stages_that_use_it(
    config: Config, package: Path, file: str, expected: set[str]
) -> None:
    before = versions(config, domain="nav2d")
    (package / file).write_text((package / file).read_text() + "\nEDITED = 1\n")
    assert changed(before, versions(config, domain="nav2d")) == expected


def test_an_edit_of_the_true_dynamics_measures_again(config: Config, package: Path) -> None:
    before = versions(config, domain="nav2d")
    edit(package / "domains" / "nav2d" / "task.py", "COUPLING = 0.02", "COUPLING = 0.03")
    assert {*DATA_STAGES, *MEASURING} <= changed(before, versions(config, domain="nav2d"))


@pytest.mark.parametrize(
    "folder", ["agents", "augmentation", "domains", "dynamics", "masks", "rebalance"]
)
def test_one_more_variant_changes_nothing(config: Config, package: Path, folder: str) -> None:
    before = versions(config)
    (package / folder / "brand_new.py").write_text("ANSWER = 42\n")
    registry = package / folder / "__init__.py"
    registry.write_text(registry.read_text() + f"\nimport mocoda.{folder}.brand_new\n")
    assert changed(before, versions(config)) == set()


def test_the_data_stages_use_no_agent_and_the_agents_no_data_stage() -> None:
    for stage in DATA_STAGES:
        used = modules_used(f"mocoda.stages.{stage}", "mocoda.domains.hooksweep2")
        assert f"mocoda.stages.{stage}" in used
        assert not [name for name in used if name.startswith(("mocoda.agents", "mocoda.tables"))]
    used = modules_used("mocoda.stages.train_offline_agent", "mocoda.agents.td3_bc")
    assert {"mocoda.agents.td3_bc", "mocoda.agents.base", "mocoda.networks"} <= set(used)
    assert "mocoda.agents.bcq" not in used
    assert not [name for name in used if name.startswith(("mocoda.dynamics", "mocoda.parents"))]


def test_names_select_the_code() -> None:
    assert code_version("mocoda.agents.bcq") != code_version("mocoda.agents.td3_bc")
    assert code_version("mocoda.agents.bcq") == code_version("mocoda.agents.bcq")
    assert modules_used("mocoda.no_such_module") == []


AUGMENTATIONS = ("mocoda", "mocoda_components", "rand", "dyna", "coda", "coda_unmasked")


def texts(**settings: Any) -> dict[str, str]:
    """Settings of jobs on nav2d with these sections laid over the shipped ones, by stage; of
    `sample_augmented` by augmentation, of `rebalance` by distribution."""
    change = {"domains": {"nav2d": {"scales": {"demo": settings}}}}
    config = load(merged(shipped_config(), change))
    nav2d = {"domain": "nav2d", "scale": "demo"}
    asked = {stage: (stage, wildcards(**nav2d)) for stage in STAGES}
    del asked["sample_augmented"], asked["rebalance"]
    for name in AUGMENTATIONS:
        asked[name] = ("sample_augmented", wildcards(**nav2d, augmentation=name))
    for name in ("mocoda", "mocoda_u"):
        asked[f"rebalance {name}"] = ("rebalance", wildcards(**nav2d, distribution=name))
    return {name: stage_settings(config, stage, where) for name, (stage, where) in asked.items()}


NEEDS_MODEL = {"mocoda", "mocoda_components", "rand", "dyna"}
SHOWN = {"tables", "figures"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, set()),
        ({"sample_augmented": {"dyna": {"rollout_length": 7}}}, {"dyna"}),
        ({"sample_augmented": {"mocoda_components": {"fidelity": 0.7}}}, {"mocoda_components"}),
        ({"sample_augmented": {"proposals_per_row": 2.75}}, {"mocoda"}),
        ({"sample_augmented": {"deviation_divisor": 2.75}}, {*NEEDS_MODEL, "model_error"}),
        ({"sample_augmented": {"shard_rows": 999}}, set(AUGMENTATIONS)),
        (
            {"sample_augmented": {"generated_per_real": 3.75}},
            {*AUGMENTATIONS, "rebalance mocoda", "rebalance mocoda_u"},
        ),
        ({"rebalance": {"uniform": {"bandwidth": 0.07}}}, {"rebalance mocoda_u"}),
        ({"tables": {"model_error": {"rows": 77}}}, {*SHOWN, "model_error"}),
        (
            {"tables": {"model_error": {"columns": [{"distribution": "emp"}]}}},
            {*SHOWN, "model_error", "validity"},
        ),
        ({"tables": {"model_error": {"dynamics": ["unfactored"]}}}, SHOWN),
        ({"tables": {"model_error": None}}, {*SHOWN, "model_error", "validity"}),
        ({"tables": {"columns": [{"distribution": "emp"}]}}, {*SHOWN, "validity"}),
        ({"tables": {"notes": ["Another sentence."]}}, SHOWN),
        ({"tables": {"agents": ["sac"]}}, SHOWN),
        ({"seeds": [0, 5]}, {*SHOWN, "validity"}),
        ({"evaluate": {"episodes": 7}}, {"evaluate"}),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_setting_changes_the_settings_of_the_jobs_that_use_it(
    settings: dict[str, Any], expected: set[str]
) -> None:
    before, after = texts(), texts(**settings)
    assert {name for name in before if before[name] != after[name]} == expected


def test_what_a_job_uses_is_in_its_settings() -> None:
    found = {name: json.loads(text) for name, text in texts().items()}
    assert found["dyna"]["augmentation"] == {"rollout_length": 5}
    assert found["mocoda_components"]["augmentation"]["fidelity"] == 0.2
    assert found["mocoda"]["sampling"]["proposals_per_row"] == 2.5
    assert found["mocoda"]["sampling"]["deviation_divisor"] == 3.0
    assert found["model_error"]["deviation_divisor"] == 3.0
    assert found["model_error"]["rows"] == 5000
    assert [column["distribution"] for column in found["model_error"]["columns"]] == [
        *("emp", "dyna", "rand", "mocoda", "mocoda_u")
    ]
