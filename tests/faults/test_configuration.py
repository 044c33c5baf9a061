"""Faults in the configuration: told by key, all in one go, before anything is read or written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from spine_examples import REPOSITORY, shipped_config

from faults.planted import contents
from mocoda.config import ConfigError, load

Raw = dict[str, Any]
TOP = "domains.hooksweep2"


@dataclass(frozen=True)
class Fault:
    """`change` is made to the shipped configuration; one line is then `key: text`."""

    name: str
    change: Callable[[Raw], object]
    key: str
    texts: tuple[str, ...]


def put(keys: str, value: object) -> Callable[[Raw], None]:
    """Set a value below the domain's section, `keys` joined by points."""

    def change(raw: Raw) -> None:
        section = raw["domains"]["hooksweep2"]
        *path, last = keys.split(".")
        for part in path:
            section = section.setdefault(part, {})
        section[last] = value

    return change


def value(keys: str, wrong: object, *texts: str, shown: object = None) -> Fault:
    """A wrong value of a setting; the error must also show the value."""
    found = f"found {wrong if shown is None else shown!r}"
    return Fault(f"{keys}={wrong}", put(keys, wrong), f"{TOP}.{keys}", (*texts, found))


def unknown(keys: str, meant: str) -> Fault:
    """A mistyped key; the error must propose the right one."""
    text = f"no such setting. Did you mean '{meant}'?"
    return Fault(keys, put(keys, 1), f"{TOP}.{keys}", (text,))


EMP = {"distribution": "emp"}
NOT_FINITE = float("inf")
NEITHER = ("expected agents and columns, or neither of them but masks",)
FAULTS = [
    # Unknown keys, level by level.
    Fault(
        "top level",
        lambda raw: raw.update(default_scales="demo"),
        "default_scales",
        ("no such setting. Did you mean 'default_scale'?",),
    ),
    unknown("rebalancing", "rebalance"),
    unknown("collect_oracle.episode", "episodes"),
    unknown("sample_augmented.shard_row", "shard_rows"),
    unknown("rebalance.prioritised", "prioritized"),
    unknown("rebalance.prioritized.bandwith", "bandwidth"),
    unknown("train_offline_agent.td3bc", "td3_bc"),
    unknown("train_offline_agent.bcq.propsals", "proposals"),
    unknown("scales.smoke.train_dynamics.memebers", "members"),
    unknown("tables.agent", "agents"),
    # Wrong types.
    value("train_dynamics", [1, 2], "valid dictionary or instance of DynamicsSettings"),
    value("collect_empirical", "many", "valid dictionary or instance of CollectionSettings"),
    value("fit_gmm_parents.restarts", None, "valid integer", shown=None),
    value("evaluate.episodes", "ten", "valid integer"),
    value("train_offline_agent.td3_bc.discount", [0.98], "valid number"),
    value("train_offline_agent.normalise", "sometimes", "valid boolean"),
    value("seeds", 3, "valid tuple"),
    value("tables.columns", EMP, "valid tuple"),
    Fault(
        "kind of mask is a list",
        put("fit_mask.kind", ["heuristic"]),
        f"{TOP}.fit_mask.kind",
        ("['heuristic'] is no mask", "Did you mean 'heuristic'?"),
    ),
    # Out of range.
    value("collect_empirical.random_actions", 1.5, "less than or equal to 1"),
    value("train_dynamics.validation_share", 1.0, "less than 1"),
    value("fit_gmm_parents.density_quantile", 0.5, "less than 0.5"),
    value("rebalance.uniform.bandwidth", 0.0, "greater than 0"),
    value("sample_augmented.deviation_divisor", 0, "greater than 0"),
    value("train_dynamics.learning_rate", NOT_FINITE, "expected a finite number"),
    value("train_dynamics.weight_decay", "inf", "expected a finite number"),
    value("fit_mask.distance", float("nan"), "expected a finite number"),
    Fault(
        "hidden layer without units",
        put("train_dynamics.hidden", [64, 0]),
        f"{TOP}.train_dynamics.hidden.1",
        ("expected a width of at least 1", "found 0"),
    ),
    Fault(
        "target range upside down",
        put("train_offline_agent.bcq.target_low", 1.0),
        f"{TOP}.train_offline_agent.bcq",
        ("target_low (1.0) must be below target_high (0.0)",),
    ),
    Fault(
        "fewer rows than the mixtures need",
        put("collect_empirical.transitions", 40),
        f"{TOP}.collect_empirical.transitions",
        ("expected at least 64, 2 for each of fit_gmm_parents.components", "found 40"),
    ),
    # Names, seeds and the table.
    Fault("seed twice", put("seeds", [0, 1, 1]), f"{TOP}.seeds", ("different", "[0, 1, 1]")),
    Fault("negative seed", put("seeds", [3, -1]), f"{TOP}.seeds", ("from 0 on", "[3, -1]")),
    value("seeds", [], "at least 1 item", shown=[]),
    Fault("no agents", put("tables.agents", []), f"{TOP}.tables", NEITHER),
    Fault("no columns", put("tables.columns", []), f"{TOP}.tables", NEITHER),
    Fault(
        "agent twice",
        put("tables.agents", ["bcq", "td3_bc", "bcq"]),
        f"{TOP}.tables.agents",
        ("expected each once; found twice: bcq",),
    ),
    Fault(
        "column twice",
        put("tables.columns", [EMP, EMP]),
        f"{TOP}.tables.columns",
        ("expected each once; found twice: distribution='emp'",),
    ),
    Fault(
        "dynamics for emp",
        put("tables.columns", [{**EMP, "dynamics": "locally_factored"}]),
        f"{TOP}.tables.columns",
        ("'locally_factored' are no dynamics for 'emp'. Known: none",),
    ),
    Fault(
        "generated rows without dynamics",
        put("tables.columns", [{"distribution": "mocoda_p"}]),
        f"{TOP}.tables.columns",
        ("'none' are no dynamics for 'mocoda_p'", "locally_factored"),
    ),
    Fault(
        "tables missing",
        lambda raw: raw["domains"]["hooksweep2"].pop("tables"),
        f"{TOP}.tables",
        ("expected a value; found none",),
    ),
    Fault(
        "scales missing",
        lambda raw: raw["domains"]["hooksweep2"].pop("scales"),
        f"{TOP}.scales",
        ("expected at least one scale; found None",),
    ),
    Fault(
        "domain is a list",
        lambda raw: raw["domains"].update(hooksweep2=[1]),
        f"{TOP}.scales",
        ("expected at least one scale",),
    ),
    Fault(
        "default scale is a list",
        lambda raw: raw.update(default_scale=["demo"]),
        "default_scale",
        ("['demo'] is no scale of domain 'hooksweep2'",),
    ),
    # Names of scales become folders.
    *(
        Fault(
            f"scale {name!r}",
            put("scales", {"demo": {}, name: {}}),
            f"{TOP}.scales.{name}",
            ("expected a name of letters, digits and '_'",),
        )
        for name in ("../other", "/tmp/other", "..", "", "big one", "demo|smoke", "größe")
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_told_by_key(fault: Fault) -> None:
    raw = shipped_config()
    fault.change(raw)
    with pytest.raises(ConfigError) as caught:
        load(raw)
    lines = [line for line in str(caught.value).splitlines() if f"- {fault.key}: " in line]
    assert lines, f"no line about {fault.key}: {caught.value}"
    for text in fault.texts:
        assert any(text in line for line in lines), f"{lines} lack {text!r}"


@pytest.mark.parametrize("raw", [["domains"], [], "domains", 3, None])
def test_yaml_that_is_no_mapping_is_told(raw: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        load(raw)
    assert "expected the keys default_scale and domains; found " + repr(raw) in str(caught.value)


def test_faults_of_every_kind_are_told_together() -> None:
    """One run tells them all; the user does not mend one to meet the next."""
    raw = shipped_config()
    # Of two faults at one place only the last is planted. Sizes are compared with one another once
    # each is right by itself.
    later = ("bcq", "kind", "hidden.1", "transitions", "tables.agents", "tables.columns")
    by_key = {
        fault.key: fault
        for fault in FAULTS
        if fault.key.count(".") > 2
        and ".scales." not in fault.key
        and not fault.key.endswith(later)
    }
    for fault in by_key.values():
        fault.change(raw)
    with pytest.raises(ConfigError) as caught:
        load(raw)
    assert len(by_key) > 15
    for key in by_key:
        assert f"- {key}: " in str(caught.value), key


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"domains": {"hooksweep2": {"scales": {"../../outside": {"seeds": [0]}}}}},
            f"{TOP}.scales.../../outside: expected a name of letters, digits and '_'",
        ),
        (["domains", "hooksweep2"], "with keys at top level"),
    ],
    ids=["scale outside", "list"],
)
def test_the_command_line_refuses_it_and_touches_nothing(
    change: Any, text: str, tmp_path: Path
) -> None:
    project, override = tmp_path / "a" / "project", tmp_path / "override.yaml"
    table = project / "results" / "hooksweep2" / "tables.csv"
    table.parent.mkdir(parents=True)
    table.write_text("an earlier table")
    override.write_text(yaml.safe_dump(change))
    before = contents(tmp_path)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "-n", "--workflow-profile", "none"),
            *("--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(project)),
            *("--configfile", str(override), "--", "results/hooksweep2/tables.csv"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    told = run.stdout + run.stderr
    assert run.returncode != 0
    assert text in told
    assert "Traceback" not in told
    after = {
        name: digest for name, digest in contents(tmp_path).items() if ".snakemake" not in name
    }
    assert after == before
