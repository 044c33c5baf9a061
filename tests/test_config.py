"""The configuration: every fault is told at once, before anything runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from config_examples import Raw, at, faults
from pydantic import ValidationError
from spine_examples import REPOSITORY, shipped_config

from mocoda.config import load
from mocoda.config_text import merged


@pytest.mark.parametrize("scale", ["smoke", "demo", "paper"])
def test_the_shipped_configuration_is_valid_at_each_scale(scale: str) -> None:
    config = load(shipped_config())
    assert config.default_scale == "demo"
    settings = config.domains["hooksweep2"][scale]
    assert set(settings.tables.agents) == {"bcq", "td3_bc"}
    assert len(settings.tables.columns) == 5


def test_the_default_scale_is_what_the_issue_asks_for() -> None:
    settings = load(shipped_config()).domains["hooksweep2"]["demo"]
    assert len(settings.seeds) >= 3
    assert settings.evaluate.episodes >= 100
    assert not settings.shared_data


def test_a_scale_changes_what_it_names_and_nothing_else() -> None:
    config = load(shipped_config()).domains["hooksweep2"]
    smoke, demo = config["smoke"], config["demo"]
    assert smoke.train_dynamics.updates < demo.train_dynamics.updates
    assert smoke.train_dynamics.learning_rate == demo.train_dynamics.learning_rate
    assert smoke.fit_mask == demo.fit_mask
    base: Raw = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert merged(base, {"a": {"c": [3]}}) == {"a": {"b": 1, "c": [3]}, "d": 1}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


def test_all_faults_are_told_in_one_go_with_key_and_suggestion() -> None:
    def spoil(raw: Raw) -> None:
        raw["defualt_scale"] = "demo"
        at(raw, "train_dynamics")["lerning_rate"] = 1e-3
        at(raw, "train_offline_agent", "td3_bc")["discont"] = 0.9
        at(raw, "collect_empirical")["transition"] = 5
        at(raw, "fit_mask")["distanse"] = 5
        at(raw, "evaluate")["episodes"] = 0
        at(raw)["evalute"] = {}
        at(raw, "tables")["agents"] = ["td3_bcc"]
        at(raw, "scales", "smoke", "fit_gmm_parents")["componets"] = 4

    found = faults(spoil)
    top = "domains.hooksweep2"
    for expected in (
        "defualt_scale: no such setting. Did you mean 'default_scale'?",
        f"{top}.train_dynamics.lerning_rate: no such setting. Did you mean 'learning_rate'?",
        f"{top}.train_offline_agent.td3_bc.discont: no such setting. Did you mean 'discount'?",
        f"{top}.collect_empirical.transition: no such setting. Did you mean 'transitions'?",
        f"{top}.fit_mask.distanse: no such setting. Did you mean 'distance'?",
        f"{top}.evalute: no such setting. Did you mean 'evaluate'?",
        f"{top}.tables.agents: 'td3_bcc' is no agent. Did you mean 'td3_bc'?",
        f"{top}.scales.smoke.fit_gmm_parents.componets: no such setting. "
        "Did you mean 'components'?",
    ):
        assert expected in found
    assert any(
        line.startswith(f"{top}.evaluate.episodes: ") and line.endswith("found 0.")
        for line in found
    )
    # A fault of the base is not repeated for each scale (smoke sets its own episodes).
    assert not [line for line in found if "scales.demo" in line or "scales.paper.evaluate" in line]
    assert len([line for line in found if "lerning_rate" in line]) == 1


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("train_dynamics", "learning_rate"), 0, "greater than 0"),
        (("train_dynamics", "members"), 2.5, "integer"),
        (("train_dynamics", "targets"), "diference", "'difference' or 'absolute'"),
        (("train_offline_agent", "td3_bc", "discount"), 1.0, "less than 1"),
        (("train_offline_agent", "bcq", "hidden_sizes"), [], "at least 1 item"),
        (("train_offline_agent", "goals"), "none", "'batch' or 'dataset'"),
        (("sample_augmented", "proposals_per_row"), 0.5, "greater than or equal to 1"),
        (("fit_gmm_parents", "components"), "many", "integer"),
        (("collect_empirical", "action_noise"), -0.1, "greater than or equal to 0"),
        (("fit_mask", "norm"), "l3", "'l1' or 'l2'"),
        (("shared_data",), "perhaps", "boolean"),
    ],
)
def test_a_value_out_of_range_is_told_with_key_and_value(
    keys: tuple[str, ...], value: object, words: str
) -> None:
    def spoil(raw: Raw) -> None:
        at(raw, *keys[:-1])[keys[-1]] = value
        del raw["domains"]["hooksweep2"]["scales"]
        at(raw, "scales")["demo"] = {}

    found = faults(spoil)
    assert len(found) == 1
    assert found[0].startswith("domains.hooksweep2." + ".".join(keys) + ": ")
    assert words in found[0]
    assert found[0].endswith(f"found {value!r}.")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda raw: at(raw, "tables").update(columns=[{"distribution": "mocoda_q"}]),
            "'mocoda_q' is no distribution. Did you mean 'mocoda_",
        ),
        (
            lambda raw: at(raw, "tables").update(
                columns=[{"distribution": "mocoda", "dynamics": "localy_factored"}]
            ),
            "'localy_factored' are no dynamics for 'mocoda'. Did you mean 'locally_factored'?",
        ),
        (
            lambda raw: at(raw, "tables").update(
                columns=[{"distribution": "emp", "dynamics": "unfactored"}]
            ),
            "'unfactored' are no dynamics for 'emp'. Known: none.",
        ),
        (
            lambda raw: at(raw, "fit_mask").update(kind="heuristics"),
            "fit_mask.kind: 'heuristics' is no mask. Did you mean 'heuristic'?",
        ),
        (
            lambda raw: raw["domains"].update(hooksweep3=raw["domains"]["hooksweep2"]),
            "domains.hooksweep3: no such domain. Did you mean 'hooksweep2'?",
        ),
        (
            lambda raw: raw.update(default_scale="demmo"),
            "default_scale: 'demmo' is no scale of domain 'hooksweep2'. Did you mean 'demo'?",
        ),
        (
            lambda raw: at(raw, "scales").update({"big/one": {}}),
            "scales.big/one: expected a name of letters, digits and '_'",
        ),
        (lambda raw: at(raw, "scales").update(big=3), "scales.big: expected settings by stage"),
        (lambda raw: at(raw).update(seeds=[0, 0]), "seeds: expected different whole numbers"),
        (lambda raw: at(raw).update(seeds=[-1]), "seeds: expected different whole numbers"),
        (
            lambda raw: raw["domains"]["nav2d"]["train_offline_agent"].update(terminal="never"),
            "nav2d.train_offline_agent.terminal: expected success, for episodes of 'nav2d' end at "
            "the goal; found never.",
        ),
        (
            lambda raw: raw["domains"]["nav2d"]["train_offline_agent"].update(goals_near=0.2),
            "nav2d.train_offline_agent.goals_near: expected 0 where goals are not drawn",
        ),
        (
            lambda raw: at(raw, "train_offline_agent").update(goals="dataset", goals_near=0.2),
            "hooksweep2.train_offline_agent.goals_near: expected 0 where goals are not drawn",
        ),
        (
            lambda raw: at(raw, "collect_empirical").update(interrupted=0.6, shoves=0.5),
            "expected interrupted + shoves below 1",
        ),
        (
            lambda raw: at(raw, "scales", "smoke", "fit_mask").update(threshold=0.05),
            "scales.smoke.fit_mask.threshold: no such setting.",
        ),
        (
            lambda raw: at(raw, "scales", "smoke", "fit_mask").update(kind="dense", distance=0.05),
            "scales.smoke.fit_mask.distance: no such setting.",
        ),
        (
            lambda raw: raw["domains"]["nav2d"].update(fit_mask="dense"),
            "domains.nav2d.fit_mask.kind: None is no mask.",
        ),
        (
            lambda raw: at(raw, "train_offline_agent").update(
                side_by_side=True, bcq={"form": "published"}
            ),
            "hooksweep2.train_offline_agent.side_by_side: expected false, for bcq with form",
        ),
        (
            lambda raw: at(raw, "train_dynamics").update(factored_hidden=[]),
            "train_dynamics.factored_hidden: ",
        ),
        (lambda raw: raw.update(domains={}), "domains: expected a section for each domain"),
        (lambda raw: raw.pop("domains"), "domains: expected a section for each domain"),
        (lambda raw: at(raw).pop("tables"), "tables: expected a value; found none."),
    ],
)
def test_unknown_names_are_told(change: Callable[[Raw], object], expected: str) -> None:
    assert any(expected in line for line in faults(change))


@pytest.mark.parametrize("where", ["domain", "scale", "lender"])
def test_another_kind_of_mask_leaves_the_first_ones_settings_behind(where: str) -> None:
    """In the domain's own section even where they are still written: `--config` takes none away."""
    raw = shipped_config()
    section = at(raw) if where == "domain" else at(raw, "scales", "demo")
    section.setdefault("fit_mask", {})["kind"] = "dense"
    assert at(raw, "fit_mask")["distance"] > 0
    scale = "target_task" if where == "lender" else "demo"
    if where == "lender":
        assert at(raw, "scales", "target_task")["data_scale"] == "demo"
    assert load(raw).domains["hooksweep2"][scale].fit_mask == {"kind": "dense"}


def test_a_number_that_yaml_reads_as_text_is_accepted() -> None:
    raw = shipped_config()
    text = "domains: {hooksweep2: {train_dynamics: {weight_decay: 3e-4}}}"
    change = yaml.safe_load(text)
    assert change["domains"]["hooksweep2"]["train_dynamics"]["weight_decay"] == "3e-4"
    for settings in load(merged(raw, change)).domains["hooksweep2"].values():
        assert settings.train_dynamics.weight_decay == 3e-4


def test_settings_cannot_be_changed() -> None:
    settings = load(shipped_config()).domains["hooksweep2"]["demo"]
    with pytest.raises(ValidationError, match="frozen"):
        settings.train_dynamics.members = 3  # type: ignore[misc]


def test_the_command_line_refuses_a_mistyped_key_before_the_dag_is_built(tmp_path: Path) -> None:
    override = tmp_path / "mine.yaml"
    override.write_text(
        "domains: {hooksweep2: {train_dynamics: {lerning_rate: 0.1}, evaluate: {episodes: 0}}}"
    )
    run = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "-n", "--cores", "1"),
            *("--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(tmp_path)),
            *("--configfile", str(override), "--"),
            "results/hooksweep2/smoke/tables.csv",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    told = run.stdout + run.stderr
    assert run.returncode != 0
    assert "domains.hooksweep2.train_dynamics.lerning_rate: no such setting" in told
    assert "Did you mean 'learning_rate'?" in told
    assert "domains.hooksweep2.evaluate.episodes" in told
    assert "Building DAG" not in told
    assert "Job stats" not in told
