"""Masks side by side where no truth is known: HookSweep2's learned mask beside the heuristic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from spine_examples import DOMAIN, logged_rows, shipped_config

from mocoda.artifacts import write_json, write_tensors
from mocoda.config import Config, load
from mocoda.episodes import shared_split
from mocoda.jobs import Job
from mocoda.mask_scales import mask_scales_code, mask_scales_text, tables_of_masks
from mocoda.masks.heuristic import HeuristicMask, HeuristicMaskSettings
from mocoda.stages.compare_masks import (
    compare_masks,
    dynamics_measured,
    generated_measured,
    graphs_measured,
)
from mocoda.stages.fit_mask import fit_mask
from mocoda.stores import write_transitions
from mocoda.tables.mask_comparison import MaskScale, compare, comparison_markdown

DISTANCE = 0.21  # of the heuristic; fires on a part of these rows
SHARE = 0.3


def test_graphs_are_counted_and_set_beside_the_heuristics() -> None:
    graphs = np.zeros((4, 4, 3), dtype=bool)
    graphs[:, 0, 0] = True
    graphs[:3, 1, 2] = True  # box_1 is a parent of box_2 in three rows of four
    reference = np.zeros_like(graphs)
    reference[:, 0, 0] = True
    reference[0, 1, 2] = reference[1, 3, 0] = True
    found = graphs_measured(DOMAIN.slots, "rows", graphs, reference)
    assert found["mask, edges kept, rows", "%"] == pytest.approx(100 * 7 / 48)
    # Seven edges, of which the reference has five; it has six.
    assert found["agreement with the heuristic: precision, rows", "share"] == pytest.approx(5 / 7)
    assert found["agreement with the heuristic: recall, rows", "share"] == pytest.approx(5 / 6)
    # The first row and the last one: the second has other edges, the third one more.
    name = "agreement with the heuristic: rows with its very graph, rows"
    assert found[name, "share"] == 0.5
    assert found["edge box_1 to box_2, rows", "%"] == 75.0
    assert found["edge box_2 to box_1, rows", "%"] == 0.0
    assert sum(name.startswith("edge ") for name, _ in found) == 9  # none to itself
    assert not any(
        "agreement" in name for name, _ in graphs_measured(DOMAIN.slots, "r", graphs, None)
    )


CARD = {
    "dynamics": "locally_factored",
    "settings": {"select_by": "rmse"},
    "validation": [
        {"updates": 10, "rmse": 0.9, "nll": -1.0},
        {"updates": 20, "rmse": 0.5, "nll": -2.0},
        {"updates": 30, "rmse": 0.6, "nll": -3.0},
    ],
}
ERRORS = {
    place: {
        "gripper": {"all_columns": value},
        "box_1": {"all_columns": 0.5, "position": 2 * value},
    }
    for place, value in (("held-out", 0.001), ("two-box", 0.002))
}


def test_errors_of_a_model_are_those_of_the_parameters_that_were_kept() -> None:
    found = {name: value for (name, _), value in dynamics_measured(CARD, ERRORS).items()}
    assert found["locally factored model, RMSE on watched rows"] == 0.5
    assert found["locally factored model, NLL on watched rows"] == -2.0
    name = "locally factored model, error of {}, {}"
    assert found[name.format("gripper (all columns)", "held-out rows")] == pytest.approx(1.0)
    assert found[name.format("box_1 (position)", "held-out rows")] == pytest.approx(2.0)
    assert found[name.format("box_1 (position)", "two-box rows")] == pytest.approx(4.0)
    by_likelihood = {**CARD, "settings": {"select_by": "nll"}}
    assert dynamics_measured(by_likelihood, {})[
        "locally factored model, NLL on watched rows", "nats a column"
    ] == pytest.approx(-3.0)


def with_overlaps(folder: Path, rows: int, overlapping: int) -> list[str]:
    """A store whose first next states have one box within the other, and a selection of all rows
    but the first."""
    made = logged_rows(rows, "generated")
    after = made.next_observation.copy()
    after[:overlapping, 11:13] = after[:overlapping, 6:8] + 0.01
    made = made.take(np.arange(rows))
    made.next_observation[:] = after
    folder.mkdir(parents=True)
    write_transitions(folder / "store", folder / "manifest.json", made, {})
    write_tensors(folder / "selection.safetensors", {"rows": torch.arange(1, rows)})
    return [str(folder / name) for name in ("manifest.json", "store", "selection.safetensors")]


def test_generated_next_states_that_cannot_be_are_counted(tmp_path: Path) -> None:
    """Of the rows that the data set takes, by their NEXT states: the states are sound."""
    files = with_overlaps(tmp_path / "made", 41, 11)
    found = generated_measured(DOMAIN, "MoCoDA-P", *files)
    assert found["MoCoDA-P, next states with overlapping boxes", "%"] == pytest.approx(25.0)
    # For no reason that their actions give: those were drawn in range.
    assert found["MoCoDA-P, next states with action out of range", "%"] == 0.0


AGENTS = pd.DataFrame(
    [
        {
            "agent": "td3_bc",
            "distribution": "mocoda_p",
            "dynamics": "locally_factored",
            "metric": "success rate",
            "unit": "%",
            "mean": 60.0,
            "ci_low": 50.0,
            "ci_high": 70.0,
            "seeds": 1,
        }
    ]
)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, str]:
    """What the stage writes of two scales, heuristic and dense, with a seed each."""
    folder = tmp_path_factory.mktemp("masks")
    inputs: dict[str, list[str]] = {}

    def add(**files: Path | str) -> None:
        for name, file in files.items():
            inputs.setdefault(name, []).append(str(file))

    for kind in ("heuristic", "dense"):
        scale = f"masks_{kind}"
        data, results = folder / "data" / scale / "seed_3", folder / "results" / scale
        for made in (data, results):
            made.mkdir(parents=True)
        AGENTS.to_csv(results / "tables.csv", index=False)
        write_transitions(data / "real", data / "real.json", logged_rows(400), {})
        oracle = data.parent / "oracle"
        write_transitions(oracle, oracle.with_suffix(".json"), logged_rows(60, "oracle"), {})
        write_json(data / "dynamics.json", CARD)
        write_json(data / "errors.json", ERRORS)
        chosen = {"kind": kind, **({"distance": DISTANCE} if kind == "heuristic" else {})}
        files = {"mask": str(data / "mask.safetensors"), "card": str(data / "mask.json")}
        rows = {"store": str(data / "real"), "manifest": str(data / "real.json")}
        wildcards = {"domain": "hooksweep2", "scale": scale, "seed": "3", "mask": kind}
        fit_mask(Job("fit_mask", rows, files, wildcards, chosen, "", 1, folder / "state"))
        manifest, store, selection = with_overlaps(data / "generated", 41, 11)
        add(
            tables=results / "tables.csv",
            **rows,
            mask=files["mask"],
            mask_card=files["card"],
            oracle_store=oracle,
            oracle_manifest=oracle.with_suffix(".json"),
            dynamics_cards=data / "dynamics.json",
            errors=data / "errors.json",
            augmented_manifests=manifest,
            augmented_stores=store,
            selections=selection,
        )
    column = {"distribution": "mocoda_p", "dynamics": "locally_factored"}
    kinds = ("heuristic", "dense")
    settings: dict[str, Any] = {
        "scales": [[f"masks_{kind}", kind] for kind in kinds],
        "seeds": [3],
        "held_out_share": SHARE,
        "columns": {f"masks_{kind}": [column] for kind in kinds},
    }
    outputs = {"csv": str(folder / "masks.csv"), "markdown": str(folder / "masks.md")}
    wildcards = {"domain": "hooksweep2"}
    compare_masks(Job("compare_masks", inputs, outputs, wildcards, settings, "", 1, folder))
    return pd.read_csv(outputs["csv"]), Path(outputs["markdown"]).read_text()


def test_the_stage_measures_held_out_rows(compared: tuple[pd.DataFrame, str]) -> None:
    found = compared[0].set_index(["mask", "measure"])["mean"]
    rows = logged_rows(400)
    held_out = rows.take(shared_split("hooksweep2", rows, SHARE, 3)[1])
    assert 0 < len(held_out) < 200
    rule = HeuristicMask(HeuristicMaskSettings(distance=DISTANCE), DOMAIN)
    kept = float(rule(held_out.observation, held_out.action).mean())
    assert DOMAIN.base_mask.mean() < kept < 1.0
    assert found["heuristic", "mask, edges kept, held-out rows"] == pytest.approx(100 * kept)
    assert found["dense", "mask, edges kept, held-out rows"] == 100.0
    # All that the heuristic has, and as much more as it leaves out.
    agreement = "agreement with the heuristic: {}, held-out rows"
    assert found["dense", agreement.format("recall")] == 1.0
    assert found["dense", agreement.format("precision")] == pytest.approx(kept)
    assert ("heuristic", agreement.format("recall")) not in found.index
    for mask in ("heuristic", "dense"):
        assert found[mask, "MoCoDA-P, next states with overlapping boxes"] == pytest.approx(25.0)
        assert found[mask, "TD3-BC on MoCoDA-P, success rate"] == 60.0
    # What no mask has is not listed.
    assert not any("out of range" in measure for _, measure in found.index)


def test_the_text_says_what_it_is_not(compared: tuple[pd.DataFrame, str]) -> None:
    text = compared[1]
    assert "| Measure | heuristic | dense |" in text
    assert "| TD3-BC on MoCoDA-P, success rate, % | 60.0 [50.0, 70.0] | 60.0 [50.0, 70.0] |" in text
    # What the heuristic lacks stands beside its like, not at the end.
    assert 0 < text.index("| agreement with the heuristic: recall") < text.index("| TD3-BC on")
    assert "**Rows that have an edge**" in text
    assert "| box_1 to box_2, two-box rows, % |" in text
    assert "Agreement with the heuristic is not truth" in text
    assert "One seed:" in text


def test_several_seeds_give_intervals() -> None:
    measures = pd.DataFrame(
        [
            {
                "seed": seed,
                "measure": "mask, edges kept, held-out rows",
                "unit": "%",
                "value": value,
            }
            for seed, value in enumerate((40.0, 50.0, 60.0))
        ]
        + [{"seed": 0, "measure": "edge a to b, held-out rows", "unit": "%", "value": 1.0}]
    )
    agents = AGENTS.assign(seeds=3)
    frame = compare("hooksweep2", [MaskScale("s", "dense", agents, None, None, measures)])
    row = frame.set_index("measure").loc["mask, edges kept, held-out rows"]
    assert (row["mean"], row["seeds"]) == (50.0, 3)
    # Student t, two degrees of freedom: 4.303 standard errors.
    assert row["ci_high"] == pytest.approx(50 + 4.3027 * 10 / 3**0.5, abs=0.01)
    assert "50.0 [25.2, 74.8]" in comparison_markdown(frame)


def shipped(change: Callable[[dict[str, Any]], object] = lambda section: None) -> Config:
    raw = shipped_config()
    change(raw["domains"]["hooksweep2"])
    return load(raw)


def test_the_shipped_scales_compare_learned_masks_with_the_heuristic() -> None:
    config = shipped()
    files = SimpleNamespace(**tables_of_masks(config, "hooksweep2"))
    folder = "data/hooksweep2/masks_sandy_mixture/seed_0"
    assert f"{folder}/mask/sandy_mixture/mask.safetensors" in files.mask
    assert f"{folder}/report/locally_factored/errors.json" in files.errors
    assert len(files.selections) == 3 * len(files.tables)  # three seeds
    assert len(files.oracle_store) == len(files.tables)
    assert not hasattr(files, "quality")
    # Where the truth is known, tables hold all.
    assert set(tables_of_masks(config, "nav2d")) == {"tables", "validity", "quality"}
    assert '"seeds"' not in mask_scales_text(config, "nav2d")


def test_another_seed_is_compared_too_and_other_masks_run_other_code() -> None:
    def two_seeds(section: dict[str, Any]) -> None:
        for name in section["tables"]["mask_scales"]:
            section["scales"][name]["seeds"] = [0, 4]

    def fewer(section: dict[str, Any]) -> None:
        section["tables"]["mask_scales"] = ["masks_heuristic"]

    files = tables_of_masks(shipped(two_seeds), "hooksweep2")
    assert files["mask"][1] == (
        "data/hooksweep2/masks_heuristic/seed_4/mask/heuristic/mask.safetensors"
    )
    assert len(files["mask"]) == 2 * len(files["oracle_store"])
    assert '"seeds":[0,4]' in mask_scales_text(shipped(two_seeds), "hooksweep2").replace(" ", "")
    codes = {mask_scales_code(config, "hooksweep2") for config in (shipped(), shipped(fewer))}
    assert len(codes) == 2
