"""Variants that a domain or a mask cannot serve: refused at once, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from spine_examples import shipped_config

from mocoda.augmentation import AUGMENTATION
from mocoda.config import ConfigError, load
from mocoda.config_text import merged
from mocoda.distributions import DISTRIBUTIONS
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.domains.nav2d import NAV2D
from mocoda.masks import MASKS

Raw = dict[str, Any]
EMP = {"distribution": "emp"}


@dataclass(frozen=True)
class Fault:
    """Settings put into a domain's section; the error has the line `key: text` and no other."""

    name: str
    domain: str
    settings: Raw
    key: str
    text: str


def one(name: str, domain: str, key: str, value: Any, text: str, told: str = "") -> Fault:
    section, _, last = key.rpartition(".")
    settings: Raw = {last: value}
    for part in reversed(section.split(".")):
        settings = {part: settings}
    return Fault(name, domain, settings, told or key, text)


def columns_fault(domain: str, distribution: str, dynamics: str, text: str) -> Fault:
    column = {"distribution": distribution, "dynamics": dynamics}
    name = f"{distribution} on {domain}"
    return one(name, domain, "tables.columns", [EMP, column], f"'{distribution}': {text}")


CONNECTED = (
    "the base graph of 'hooksweep2' connects everything: no part is independent of the rest, so "
    "that nothing can be swapped"
)
TWICE = [
    EMP,
    {"distribution": "mocoda", "dynamics": "unfactored"},
    {"distribution": "mocoda", "dynamics": "locally_factored"},
]
FAULTS = [
    one(
        "heuristic mask on nav2d",
        "nav2d",
        "fit_mask.kind",
        "heuristic",
        "'heuristic': it measures distances of objects; 'nav2d' has 0",
    ),
    one(
        "true mask on hooksweep2",
        "hooksweep2",
        "fit_mask.kind",
        "ground_truth",
        "'ground_truth': 'hooksweep2' has no `true_mask`",
    ),
    one(
        "masked CoDA with a dense mask",
        "nav2d",
        "fit_mask.kind",
        "dense",
        "'coda' swaps what the mask calls independent; with fit_mask.kind 'dense' nothing is. "
        "Choose another mask, or leave the column out.",
        told="tables.columns",
    ),
    columns_fault("hooksweep2", "coda", "none", CONNECTED),
    columns_fault("hooksweep2", "coda_unmasked", "none", CONNECTED),
    one(
        "distribution twice among the model errors",
        "nav2d",
        "tables.model_error.columns",
        TWICE,
        "expected each once; found twice: mocoda.",
        told="tables.model_error.columns, distribution",
    ),
    one(
        "model errors without a closed form",
        "hooksweep2",
        "tables.model_error",
        {"dynamics": ["unfactored"], "columns": [EMP]},
        "expected null: domain 'hooksweep2' has no `true_dynamics`.",
    ),
    one(
        "unknown model among the model errors",
        "nav2d",
        "tables.model_error.dynamics",
        ["unfactord"],
        "'unfactord' is no dynamics model. Did you mean 'unfactored'?",
    ),
    one(
        "unknown distribution among the model errors",
        "nav2d",
        "tables.model_error.columns",
        [{"distribution": "dynna", "dynamics": "unfactored"}],
        "'dynna' is no distribution. Did you mean 'dyna'?",
    ),
    one(
        "model errors of no column",
        "nav2d",
        "tables.model_error.columns",
        [],
        "Tuple should have at least 1 item",
    ),
]


def told(domain: str, settings: Raw) -> list[str]:
    """The lines of the error, of a configuration with that domain alone at one scale."""
    section = merged(shipped_config()["domains"][domain], settings)
    section["scales"] = {"demo": {}}
    with pytest.raises(ConfigError) as caught:
        load({"default_scale": "demo", "domains": {domain: section}})
    _, *lines = str(caught.value).splitlines()
    return [line.removeprefix("  - ") for line in lines]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_variant_that_does_not_fit_is_told_by_key_and_reason(fault: Fault) -> None:
    lines = told(fault.domain, fault.settings)
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"domains.{fault.domain}.{fault.key}: ")
    assert fault.text in lines[0]


REBALANCED = [name for name, found in DISTRIBUTIONS.items() if found and found.rebalance != "none"]


def test_rebalancing_needs_columns_to_flatten(monkeypatch: pytest.MonkeyPatch) -> None:
    """With such columns the shipped settings are right; without, each such column is told."""
    load(shipped_config())
    monkeypatch.setitem(DOMAINS, "nav2d", replace(NAV2D, rebalance_columns=()))
    assert set(REBALANCED) == {"mocoda_u", "mocoda_p"}
    columns = [{"distribution": name, "dynamics": "locally_factored"} for name in REBALANCED]
    reason = "the domain names no rebalance_columns, whose density it would flatten."
    tables: Raw = {"columns": [EMP, *columns], "model_error": None}
    assert told("nav2d", {"tables": tables}) == [
        f"domains.nav2d.tables.columns: '{name}': {reason}" for name in REBALANCED
    ]
    # The columns of the model errors are rebalanced too.
    model_error = {"columns": [EMP, columns[0]]}
    tables = {"columns": [EMP], "model_error": model_error}
    assert told("nav2d", {"tables": tables}) == [
        f"domains.nav2d.tables.model_error.columns: '{REBALANCED[0]}': {reason}"
    ]


@pytest.mark.parametrize(
    ("change", "kind"),
    [({"true_mask": None}, "ground_truth"), ({"object_positions": ()}, "heuristic")],
)
def test_a_mask_is_refused_by_what_the_domain_lacks(change: Raw, kind: str) -> None:
    whole: Domain = replace(NAV2D, object_positions=((0, 1), (0, 1)))
    refuses: Callable[[Domain], str] = MASKS[kind].refuses
    assert refuses(whole) == ""
    assert "'nav2d' has" in refuses(replace(whole, **change))
    assert MASKS["dense"].refuses(replace(whole, **change)) == ""


def test_one_object_has_no_distance() -> None:
    assert "'nav2d' has 1" in MASKS["heuristic"].refuses(replace(NAV2D, object_positions=((0, 1),)))


@pytest.mark.parametrize("name", ["coda", "coda_unmasked"])
def test_swaps_are_refused_by_the_base_graph_and_not_by_name(name: str) -> None:
    refuses = AUGMENTATION[name].refuses
    assert refuses(NAV2D) == ""
    joined = NAV2D.base_mask.copy()
    joined[0, 1] = True  # x moves y: one component
    assert "connects everything" in refuses(replace(NAV2D, base_mask=joined))
    assert "connects everything" in refuses(DOMAINS["hooksweep2"])
