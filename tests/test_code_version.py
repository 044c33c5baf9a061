"""The hash of a stage's code follows the code that the stage uses, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from spine_examples import REPOSITORY, shipped_config

from mocoda import code_version as module
from mocoda.code_version import code_version, modules_used
from mocoda.config import Config, load
from mocoda.workflow import stage_code

DATA_STAGES = (
    "collect_empirical",
    "collect_oracle",
    "fit_mask",
    "fit_gmm_parents",
    "train_dynamics",
    "sample_augmented",
    "rebalance",
)
STAGES = (*DATA_STAGES, "train_offline_agent", "evaluate", "tables", "figures", "film")


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


def versions(config: Config, agent: str = "td3_bc", dynamics: str = "unfactored") -> dict[str, str]:
    """The code of one job a stage, as the rules ask for it."""
    module.parse.cache_clear()
    wildcards = SimpleNamespace(
        domain="hooksweep2",
        scale="smoke",
        seed="0",
        agent=agent,
        dynamics=dynamics,
        distribution="mocoda_p",
        augmentation="mocoda",
    )
    return {stage: stage_code(config, stage, wildcards) for stage in STAGES}


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
    }
    for kind in kinds[1:]:
        assert changed(before[kind], after[kind]) == set()


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
