"""The table of masks: how near learned local graphs come to the true ones (CoDA, Figure 8)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from mocoda.statistics import student_t_interval
from mocoda.tables.names import display
from mocoda.tables.pivots import markdown_table

METRICS = {
    "auc": "AUC",
    "precision": "Precision",
    "recall": "Recall",
    "auc_between_slots": "AUC between slots",
    "precision_between_slots": "Precision between slots",
    "recall_between_slots": "Recall between slots",
    "auc_all_roots": "AUC, all roots",
    "precision_all_roots": "Precision, all roots",
    "recall_all_roots": "Recall, all roots",
    "rows_with_the_true_graph": "Rows with exactly the true graph",
}


@cache
def published_masks() -> pd.DataFrame:
    """The areas under the ROC curve that CoDA printed: `published/coda.csv`."""
    text = files("mocoda").joinpath("published/coda.csv").read_text()
    return pd.read_csv(io.StringIO(text))


def table_of_masks(
    reports: Mapping[tuple[str, int], Mapping[str, Any]],
    domain: str,
    scale: str,
    facts: Mapping[tuple[str, int], Mapping[str, str]],
) -> pd.DataFrame:
    """A row per mask and metric: mean, standard deviation and 95 % interval over seeds.

    reports : (mask, seed) -> what `report_mask` wrote. facts : (mask, seed) -> config_hash and
    code_version. The published mean stands beside ours where there is one.
    """
    rows = []
    for mask in dict.fromkeys(mask for mask, _ in reports):
        own = {seed: report for (kind, seed), report in reports.items() if kind == mask}
        for metric in METRICS:
            found = [report[metric] for report in own.values() if report[metric] is not None]
            values = np.array(found if found else [np.nan])
            low, high = student_t_interval(values) if len(values) > 1 else (np.nan, np.nan)
            printed = published_masks().query(
                "domain == @domain and mask == @mask and metric == @metric"
            )
            rows.append(
                {
                    "table": "masks",
                    "domain": domain,
                    "scale": scale,
                    "mask": mask,
                    "metric": metric,
                    "mean": values.mean(),
                    "std": values.std(ddof=1) if len(values) > 1 else np.nan,
                    "ci_low": max(low, 0.0),
                    "ci_high": min(high, 1.0),
                    "seeds": len(found),
                    "paper_mean": printed["mean"].iloc[0] if len(printed) else np.nan,
                    "rows": min(report["rows"] for report in own.values()),
                    **{
                        name: " ".join(dict.fromkeys(facts[mask, seed][name] for seed in own))
                        for name in ("config_hash", "code_version")
                    },
                }
            )
    return pd.DataFrame(rows)


def masks_markdown(
    frame: pd.DataFrame, losses: pd.DataFrame | None, notes: Iterable[str] = ()
) -> str:
    """The table of masks, then that of validation losses where there is one, and notes.

    losses : data, seed, updates, validation_loss, rows; see the stage `validation_loss`.
    """
    domain, scale = frame[["domain", "scale"]].iloc[0]
    masks = list(frame["mask"].drop_duplicates())
    cells = {(row["mask"], row["metric"]): row for _, row in frame.iterrows()}
    lines = []
    for metric, title in METRICS.items():
        lines.append([title, *(cell(cells[mask, metric]) for mask in masks)])
        printed = [cells[mask, metric]["paper_mean"] for mask in masks]
        if not all(map(pd.isna, printed)):
            shown = ("" if pd.isna(value) else f"{value:.2f}" for value in printed)
            lines.append([f"{title}, paper", *shown])
    table = markdown_table(["Measure", *map(display, masks)], lines)
    blocks = [f"## Masks: {domain}, scale `{scale}`", table]
    if losses is not None:
        blocks += [
            "**Validation loss of a dynamics model learned from few rows**",
            of_losses(losses),
        ]
    seeds, rows = int(frame["seeds"].max()), int(frame["rows"].min())
    standing = [
        f"Ours: mean over {seeds} seed(s), in brackets a 95 % Student t interval over them, within "
        f"0 to 1; measured on {rows:,} fresh rows a seed, which no mask was learned from.",
        "Every entry of every row's graph counts once; entries whose root is an action are left "
        "out, as published. Between slots: without the entries from a slot to itself, which "
        "nearly always is an edge and easily found. All roots: with those of the action. AUC: of "
        "the edges' strengths before the threshold; precision and recall: of the mask that the "
        "other stages use, whose threshold was chosen without the truth.",
    ]
    blocks.append("\n".join(f"- {note}" for note in [*standing, *notes]))
    return "\n\n".join(blocks) + "\n"


def cell(row: pd.Series) -> str:
    """E.g. "0.962 [0.950, 0.974]"; nothing where it is not defined."""
    if pd.isna(row["mean"]):
        return ""
    if pd.isna(row["ci_low"]):
        return f"{row['mean']:.3f}"
    return f"{row['mean']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"


def of_losses(losses: pd.DataFrame) -> str:
    """Least and last validation loss of each data set, mean over seeds (CoDA, Figure 11)."""
    lines = []
    for data, part in losses.groupby("data", sort=False):
        by_seed = part.sort_values("updates").groupby("seed")["validation_loss"]
        lines.append(
            [
                str(data),
                f"{int(part['rows'].max()):,}",
                f"{by_seed.min().mean():.4f}",
                f"{by_seed.last().mean():.4f}",
            ]
        )
    return markdown_table(["Data", "Rows", "Least loss", "Loss at the end"], lines)
