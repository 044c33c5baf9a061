"""The tables of masks: quality beside the published, and what a mask changes end to end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mocoda.statistics import student_t_interval
from mocoda.tables.mask_comparison import MaskScale, compare, comparison_markdown
from mocoda.tables.masks import masks_markdown, table_of_masks


def report(auc: float, precision: float = 0.9) -> dict[str, Any]:
    return {
        "auc": auc,
        "precision": precision,
        "recall": 0.8,
        "auc_between_slots": None,
        **dict.fromkeys(("auc_all_roots", "precision_all_roots", "recall_all_roots"), 0.7),
        "precision_between_slots": 0.7,
        "recall_between_slots": 0.6,
        "rows_with_the_true_graph": 0.5,
        "rows": 5000,
    }


def test_the_table_of_masks_stands_beside_the_published_areas() -> None:
    values = [0.95, 0.97, 0.96]
    reports = {("sandy_mixture", seed): report(value) for seed, value in enumerate(values)}
    reports["sandy_transformer", 0] = report(0.5)
    facts = {key: {"config_hash": f"c{key[1]}", "code_version": "v"} for key in reports}
    frame = table_of_masks(reports, "synthetic_mp_stationary", "demo", facts)
    row = frame.set_index(["mask", "metric"]).loc[("sandy_mixture", "auc")]
    assert row["mean"] == pytest.approx(0.96)
    assert row["std"] == pytest.approx(0.01)
    low, high = student_t_interval(np.array(values))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high))
    assert row["paper_mean"] == 0.96
    assert row["config_hash"] == "c0 c1 c2"
    other = frame.set_index(["mask", "metric"]).loc[("sandy_transformer", "auc")]
    assert other["seeds"] == 1
    assert np.isnan(other["ci_low"])
    assert np.isnan(other["paper_mean"])
    losses = pd.DataFrame(
        {
            "data": ["logged rows"] * 4,
            "seed": [0, 0, 1, 1],
            "updates": [10, 20, 20, 10],
            "validation_loss": [0.2, 0.6, 0.8, 0.4],
            "rows": 2000,
        }
    )
    text = masks_markdown(frame, losses, ["A note."])
    assert "| Measure | SANDy-Mixture | SANDy-Transformer |" in text
    assert "| AUC | 0.960 [0.935, 0.985] | 0.500 |" in text
    assert "| AUC between slots |  |  |" in text
    assert "| AUC, paper | 0.96 |  |" in text
    # Mean over seeds of the least (0.2, 0.4) and of the last (0.6, 0.8) loss.
    assert "| logged rows | 2,000 | 0.3000 | 0.7000 |" in text
    assert text.endswith("- A note.\n")


def test_masks_are_compared_end_to_end() -> None:
    def tables(steps: float) -> pd.DataFrame:
        cell = {"agent": "td3_bc", "distribution": "coda", "dynamics": "none", "seeds": 3}
        numbers = {"mean": steps, "ci_low": steps - 1, "ci_high": steps + 1}
        return pd.DataFrame(
            [
                {**cell, "metric": "steps to goal", "unit": "steps", **numbers},
                {**cell, "metric": "return", "unit": "reward", **numbers},
                {**cell, "agent": "oracle", "distribution": "-", "metric": "steps to goal"},
                {
                    **cell,
                    "agent": "-",
                    "distribution": "mocoda",
                    "dynamics": "locally_factored",
                    "metric": "error norm x100",
                    "unit": "x100",
                    **numbers,
                },
            ]
        )

    validity = pd.DataFrame(
        {
            "distribution": ["emp", "coda", "coda"],
            "dynamics": "none",
            "seed": [0, 0, 1],
            "share_not_exact": [0.9, 0.1, 0.3],
            "share_off": [0.9, 0.0, 0.2],
        }
    )
    facts = {("dense", 0): {"config_hash": "c", "code_version": "v"}}
    quality = table_of_masks({("dense", 0): report(0.5)}, "nav2d", "a", facts)
    frame = compare(
        "nav2d",
        [
            MaskScale("a", "dense", tables(30.0), validity, quality),
            MaskScale("b", "ground_truth", tables(20.0), None, None),
        ],
    )
    found = {(row["mask"], row["measure"]): row for _, row in frame.iterrows()}
    steps = [row["mean"] for (_, name), row in found.items() if name.startswith("TD3-BC on CoDA")]
    assert steps == [30.0, 20.0]
    rows_off = found["dense", "CoDA, masked, rows not exact"]
    assert (rows_off["mean"], rows_off["ci_low"], rows_off["ci_high"]) == (20.0, 10.0, 30.0)
    assert found["dense", "mask, auc"]["mean"] == 0.7
    assert not any("EMP" in name or "return" in name or "oracle" in name for _, name in found)
    text = comparison_markdown(frame)
    assert "| Measure | dense | ground truth |" in text
    assert "| 30.0 [29.0, 31.0] | 20.0 [19.0, 21.0] |" in text
