"""Faults in the configured lists of masks: told before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from spine_examples import shipped_config

from mocoda.config import ConfigError, load


def of_nav2d(change: Callable[[dict[str, Any]], object]) -> list[str]:
    """Faults that are told after a change to the shipped section of nav2d."""
    raw = shipped_config()
    change(raw["domains"]["nav2d"])
    with pytest.raises(ConfigError) as caught:
        load(raw)
    return str(caught.value).splitlines()[1:]


@pytest.mark.parametrize(
    ("masks", "text"),
    [
        ([{"kind": "sandy_mixer"}], "is no mask. Did you mean 'sandy_mixture'"),
        ([{"kind": "dense"}, {"kind": "dense"}], "found twice: 'dense'"),
        ([{"kind": "heuristic"}], "'heuristic': it measures distances of objects"),
        ([{"kind": "sandy_mixture", "expert": 3}], "expert: no such setting. Did you mean 'exp"),
        ([{}], "None is no mask"),
    ],
)
def test_faults_in_the_list_of_masks_are_told(masks: list[Any], text: str) -> None:
    told = of_nav2d(lambda section: section["tables"].update(masks=masks))
    assert any(
        line.strip(" -").startswith("domains.nav2d.tables.masks") and text in line for line in told
    ), told


def test_the_chains_own_mask_has_the_settings_of_fit_mask() -> None:
    def change(section: dict[str, Any]) -> None:
        section["fit_mask"] = {"kind": "sandy_mixture"}
        section["tables"]["masks"] = [{"kind": "sandy_mixture", "experts": 2}]

    assert any("list the kind alone" in line for line in of_nav2d(change))


def test_tables_need_agents_with_columns_or_masks() -> None:
    told = of_nav2d(lambda section: section["tables"].update(agents=[]))
    assert any("expected agents and columns, or neither of them but masks" in x for x in told)
    told = of_nav2d(lambda section: section["tables"].update(mask_scales=["masks_densest"]))
    assert any("'masks_densest' is no scale" in x and "masks_dense" in x for x in told)


def test_masks_are_only_compared_with_a_known_truth() -> None:
    raw = shipped_config()
    raw["domains"]["hooksweep2"]["tables"]["masks"] = [{"kind": "dense"}]
    with pytest.raises(ConfigError, match="local graphs of 'hooksweep2' are not known"):
        load(raw)


def test_scales_to_compare_differ_by_their_mask_alone() -> None:
    def told(change: Callable[[dict[str, Any]], object]) -> str:
        return "\n".join(of_nav2d(change))

    def compared(*names: str) -> Callable[[dict[str, Any]], object]:
        return lambda section: section["tables"].update(mask_scales=list(names))

    assert "'ground_truth' is twice" in told(compared("demo", "masks_ground_truth"))
    assert "differs from 'smoke' by more than" in told(compared("smoke", "masks_dense"))

    def other_list(section: dict[str, Any]) -> None:
        section["scales"]["masks_dense"]["tables"]["masks"] = [{"kind": "ground_truth"}]

    assert "'masks_dense' does not list its own mask 'dense'" in told(other_list)


def test_all_scales_of_a_domain_have_agents_or_none_has() -> None:
    def change(section: dict[str, Any]) -> None:
        tables = {"agents": [], "columns": [], "masks": [{"kind": "dense"}]}
        section["scales"]["other"] = {"tables": tables}

    assert any("agents in the tables of all scales or of none" in x for x in of_nav2d(change))


@pytest.mark.parametrize("name", ["coda", "coda_mocoda"])
def test_a_dense_mask_leaves_nothing_to_swap(name: str) -> None:
    dynamics = "none" if name == "coda" else "locally_factored"

    def change(section: dict[str, Any]) -> None:
        section["fit_mask"] = {"kind": "dense"}
        section["tables"]["columns"] = [{"distribution": name, "dynamics": dynamics}]

    assert any(f"'{name}' swaps what the mask calls independent" in x for x in of_nav2d(change))


def test_validation_losses_need_masks_and_something_to_swap() -> None:
    raw = shipped_config()
    balls = raw["domains"]["bouncing_balls"]
    balls["scales"] = {"demo": {"fit_mask": {"kind": "dense"}}}
    balls["tables"]["masks"] = [{"kind": "dense"}]
    with pytest.raises(ConfigError, match=r"validation_loss: expected null: with fit_mask\.kind"):
        load(raw)
    told = of_nav2d(lambda section: section["tables"].update(validation_loss={}))
    assert any("tables.masks lists none" in line for line in told)
