"""Which files the workflow asks for, by the configuration."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from spine_examples import shipped_config

from mocoda.agent_runs import filmed_run
from mocoda.config import load
from mocoda.config_text import merged
from mocoda.domains import DOMAINS
from mocoda.domains.nav2d import NAV2D
from mocoda.errors import UserError
from mocoda.workflow import model_error_table, oracle_files

NAMES = ("store", "manifest", "card")


def test_a_domain_without_an_oracle_asks_for_no_files_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = load(shipped_config())
    wildcards = SimpleNamespace(domain="nav2d", scale="smoke")
    folder = "data/nav2d/smoke/oracle"
    assert oracle_files(config, wildcards, NAMES) == {
        "oracle_store": f"{folder}/store",
        "oracle_manifest": f"{folder}/manifest.json",
        "oracle_card": f"{folder}/card.json",
    }
    assert oracle_files(config, wildcards, ("card",)) == {"oracle_card": f"{folder}/card.json"}
    monkeypatch.setitem(DOMAINS, "nav2d", replace(NAV2D, oracle=None))
    assert oracle_files(config, wildcards, NAMES) == {}
    load(shipped_config())  # no setting needs one


def column(name: str) -> dict[str, str]:
    dynamics = {"emp": "none", "coda": "none", "dyna": "unfactored"}
    return {"distribution": name, "dynamics": dynamics.get(name, "locally_factored")}


@pytest.mark.parametrize(
    ("columns", "filmed"),
    [
        ("emp mocoda mocoda_u mocoda_p coda", "mocoda_p"),
        ("emp mocoda mocoda_u coda", "mocoda_u"),
        ("emp mocoda coda", "mocoda"),
        ("emp mocoda_components dyna", "dyna"),
        ("coda emp", "emp"),
    ],
)
def test_the_filmed_run_is_of_the_methods_data_where_the_table_has_it(
    columns: str, filmed: str
) -> None:
    tables = {"columns": [column(name) for name in columns.split()], "agents": ["td3_bc", "sac"]}
    change = {"domains": {"nav2d": {"scales": {"smoke": {"seeds": [4, 2], "tables": tables}}}}}
    config = load(merged(shipped_config(), change))
    found = filmed_run(config, SimpleNamespace(domain="nav2d", scale="smoke"), "card.json")
    expected = f"{filmed}/{column(filmed)['dynamics']}"
    assert found == f"results/nav2d/smoke/agents/sac/{expected}/seed_4/card.json"


def test_of_two_models_of_the_filmed_data_the_first_is_shown() -> None:
    config = load(shipped_config())
    found = filmed_run(config, SimpleNamespace(domain="hooksweep2", scale="smoke"), "x")
    assert found == "results/hooksweep2/smoke/agents/td3_bc/mocoda_p/locally_factored/seed_0/x"


def test_model_errors_are_refused_where_the_table_has_none() -> None:
    config = load(shipped_config())
    table = model_error_table(config, SimpleNamespace(domain="nav2d", scale="smoke"))
    assert table.rows == 5000
    with pytest.raises(UserError) as caught:
        model_error_table(config, SimpleNamespace(domain="hooksweep2", scale="smoke"))
    assert caught.value.where == "domains.hooksweep2, scale smoke, tables.model_error"
    assert caught.value.found == "null"
    assert "report/<dynamics>/errors.json" in caught.value.remedy
