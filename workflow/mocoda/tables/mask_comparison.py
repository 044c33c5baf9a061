"""What another mask changes, end to end: tables of scales with different masks, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mocoda.tables.agent_tables import agent_table
from mocoda.tables.columns import NONE
from mocoda.tables.model_errors import ERROR_NORM
from mocoda.tables.names import column_title, display
from mocoda.tables.pivots import markdown_table


@dataclass(frozen=True)
class MaskScale:
    """A scale, its mask, and its tables: of agents (and model errors), valid rows, mask quality;
    the last two only where the truth is known."""

    scale: str
    mask: str
    tables: pd.DataFrame
    validity: pd.DataFrame | None
    quality: pd.DataFrame | None


def compare(domain: str, scales: Iterable[MaskScale]) -> pd.DataFrame:
    """A row per mask and measure: domain, mask, scale, measure, unit, mean, interval, seeds."""
    rows: list[dict[str, object]] = []
    for one in scales:
        found = [*of_quality(one), *of_validity(one), *of_tables(one, domain)]
        rows += [{"domain": domain, "mask": one.mask, "scale": one.scale, **row} for row in found]
    return pd.DataFrame(rows)


def of_quality(one: MaskScale) -> list[dict[str, object]]:
    """AUC, precision and recall of the mask."""
    if one.quality is None:
        return []
    own = one.quality[one.quality["mask"] == one.mask]
    shown = own[
        own["metric"].isin([f"{name}_all_roots" for name in ("auc", "precision", "recall")])
    ]
    return [
        measure(
            f"mask, {row['metric'].removesuffix('_all_roots')}",
            "share",
            row["mean"],
            row["ci_low"],
            row["ci_high"],
            row["seeds"],
        )
        for _, row in shown.iterrows()
    ]


def of_validity(one: MaskScale) -> list[dict[str, object]]:
    """Share of generated rows that break the true dynamics; the interval is the seeds' range."""
    if one.validity is None:
        return []
    found = []
    for (distribution, dynamics), part in one.validity.groupby(["distribution", "dynamics"]):
        if distribution == "emp":
            continue
        title = column_title(str(distribution), str(dynamics))
        for name, text in (("share_not_exact", "rows not exact"), ("share_off", "rows off")):
            values = 100 * part[name]
            low, high = (values.min(), values.max()) if len(values) > 1 else (np.nan, np.nan)
            found.append(measure(f"{title}, {text}", "%", values.mean(), low, high, len(part)))
    return found


def of_tables(one: MaskScale, domain: str) -> list[dict[str, object]]:
    """Model errors, and the agents' main metric."""
    main = agent_table(domain).main_metric
    found = []
    for _, row in one.tables.iterrows():
        title = column_title(row["distribution"], row["dynamics"])
        if row["metric"] == ERROR_NORM:
            place = display(row["distribution"])
            name = f"error norm x 100, {display(row['dynamics'])} model on {place}"
        elif row["metric"] == main and NONE not in (row["distribution"], row["agent"]):
            name = f"{display(row['agent'])} on {title}, {main}"
        else:
            continue
        numbers = (row[column] for column in ("mean", "ci_low", "ci_high", "seeds"))
        found.append(measure(name, row["unit"], *numbers))
    return found


def measure(
    name: str, unit: str, mean: float, low: float, high: float, seeds: int
) -> dict[str, object]:
    """One entry of the comparison."""
    return {
        "measure": name,
        "unit": unit,
        "mean": float(mean),
        "ci_low": low,
        "ci_high": high,
        "seeds": int(seeds),
    }


def comparison_markdown(frame: pd.DataFrame) -> str:
    """Masks as columns, measures as rows."""
    masks = list(frame["mask"].drop_duplicates())
    lines = []
    for name, part in frame.groupby("measure", sort=False):
        by_mask = part.set_index("mask")
        lines.append(
            [
                f"{name}, {part['unit'].iloc[0]}",
                *(cell(by_mask.loc[mask]) if mask in by_mask.index else "" for mask in masks),
            ]
        )
    domain = frame["domain"].iloc[0]
    scales = ", ".join(f"`{scale}`" for scale in frame["scale"].drop_duplicates())
    notes = [
        f"Each column is a scale of its own ({scales}) that differs by its mask alone: mask, "
        "parents, dynamics, generated rows and agents are all made anew.",
        "Mean over seeds; in brackets a 95 % interval over them, for rows the seeds' range. Rows "
        "not exact: next state not the truth to the last bit; off: error above the tolerance of "
        "`validity.csv`.",
    ]
    blocks = [
        f"## What the mask changes: {domain}",
        markdown_table(["Measure", *map(display, masks)], lines),
        "\n".join(f"- {note}" for note in notes),
    ]
    return "\n\n".join(blocks) + "\n"


def cell(row: pd.Series) -> str:
    """E.g. "23.1 [22.4, 23.8]"."""
    style = ".1f" if row["unit"] in ("%", "steps") else ".3f"
    if pd.isna(row["ci_low"]):
        return f"{row['mean']:{style}}"
    return f"{row['mean']:{style}} [{row['ci_low']:{style}}, {row['ci_high']:{style}}]"
