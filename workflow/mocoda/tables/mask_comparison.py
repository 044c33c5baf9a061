"""What another mask changes, end to end: tables of scales with different masks, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mocoda.statistics import student_t_interval
from mocoda.tables.agent_tables import agent_table
from mocoda.tables.columns import NONE
from mocoda.tables.model_errors import ERROR_NORM
from mocoda.tables.names import column_title, display
from mocoda.tables.pivots import markdown_table

# The mask that others are set beside where no truth is known, and words in names of measures.
REFERENCE = "heuristic"
HELD_OUT, ORACLE = "held-out rows", "two-box rows"
GENERATED = "next states with"
EDGE = "edge "
# What an interval cannot go beyond, by unit.
ENDS = {"%": (0.0, 100.0), "share": (0.0, 1.0)}


@dataclass(frozen=True)
class MaskScale:
    """A scale, its mask, and its tables: of agents (and model errors), valid rows, mask quality;
    the last two only where the truth is known. measures (columns seed, measure, unit, value) : what
    stands in their place where it is not."""

    scale: str
    mask: str
    tables: pd.DataFrame
    validity: pd.DataFrame | None
    quality: pd.DataFrame | None
    measures: pd.DataFrame | None = None


def compare(domain: str, scales: Iterable[MaskScale]) -> pd.DataFrame:
    """A row per mask and measure: domain, mask, scale, measure, unit, mean, interval, seeds."""
    rows: list[dict[str, object]] = []
    for one in scales:
        found = [*of_quality(one), *of_validity(one), *of_measures(one), *of_tables(one, domain)]
        rows += [{"domain": domain, "mask": one.mask, "scale": one.scale, **row} for row in found]
    frame = pd.DataFrame(rows)
    # Reasons for which no scale has an invalid row say nothing.
    generated = frame["measure"].str.contains(GENERATED, regex=False)
    never = frame.groupby("measure")["mean"].transform("max") == 0
    return frame[~(generated & never)].reset_index(drop=True)


def of_measures(one: MaskScale) -> list[dict[str, object]]:
    """Means over seeds of the measures that need no truth, with Student t intervals."""
    if one.measures is None:
        return []
    found = []
    for (name, unit), part in one.measures.groupby(["measure", "unit"], sort=False):
        values = part["value"].to_numpy()
        low, high = student_t_interval(values) if len(values) > 1 else (np.nan, np.nan)
        low, high = np.clip((low, high), *ENDS.get(str(unit), (-np.inf, np.inf)))  # NaN stays
        found.append(measure(str(name), str(unit), values.mean(), low, high, len(values)))
    return found


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
    """Masks as columns, measures as rows; the rows' edges, where they are known, in a table of
    their own."""
    domain = frame["domain"].iloc[0]
    edges = frame["measure"].str.startswith(EDGE)
    blocks = [f"## What the mask changes: {domain}", pivot_by_mask("Measure", frame[~edges], frame)]
    if edges.any():
        titles = frame[edges].assign(measure=frame["measure"].str.removeprefix(EDGE))
        blocks += ["**Rows that have an edge**", pivot_by_mask("Edge", titles, frame)]
    blocks.append("\n".join(f"- {note}" for note in notes_of(frame)))
    return "\n\n".join(blocks) + "\n"


def pivot_by_mask(title: str, part: pd.DataFrame, frame: pd.DataFrame) -> str:
    """A table of some measures, with a column for each mask of the whole frame."""
    masks = list(frame["mask"].drop_duplicates())
    # In the order of the mask that has the most: the heuristic is not set beside itself.
    fullest = part[part["mask"] == part.groupby("mask", sort=False).size().idxmax()]
    by_name = dict(iter(part.groupby("measure")))
    lines = []
    for name in dict.fromkeys([*fullest["measure"], *part["measure"]]):
        rows = by_name[name]
        by_mask = rows.set_index("mask")
        lines.append(
            [
                f"{name}, {rows['unit'].iloc[0]}",
                *(cell(by_mask.loc[mask]) if mask in by_mask.index else "" for mask in masks),
            ]
        )
    return markdown_table([title, *map(display, masks)], lines)


def notes_of(frame: pd.DataFrame) -> list[str]:
    """The sentences beneath the tables."""
    scales = ", ".join(f"`{scale}`" for scale in frame["scale"].drop_duplicates())
    notes = [
        f"Each column is a scale of its own ({scales}) that differs by its mask alone: mask, "
        "parents, dynamics, generated rows and agents are all made anew.",
    ]
    names = frame["measure"]
    if not names.str.startswith(EDGE).any():
        return [
            *notes,
            "Mean over seeds; in brackets a 95 % interval over them, for rows the seeds' range. "
            "Rows not exact: next state not the truth to the last bit; off: error above the "
            "tolerance of `validity.csv`.",
        ]
    notes += [
        "The true local graphs are not known. Agreement with the heuristic is not truth: precision "
        "is the share of a mask's edges that the heuristic has too, recall the share of the "
        "heuristic's that the mask has, over all entries of the rows' graphs.",
        f"{HELD_OUT.capitalize()}: episodes that trained no mask and no model; the threshold of a "
        f"learned mask is chosen on some of them. {ORACLE.capitalize()}: the scripted oracle's, on "
        "which nothing is trained: no logged row is like them.",
        "Errors of a model: root mean square; RMSE and NLL at the parameters that were kept, on "
        "the rows that early stopping watched.",
        f"{GENERATED.capitalize()} ..: share of the generated rows of a data set; their states "
        "were checked for the same.",
        "Mean over seeds; in brackets a 95 % interval over them, for agents the wider of that and "
        "the episodes' own.",
    ]
    if (frame["seeds"] == 1).any():
        notes.append(
            "One seed: an agent's interval holds the chance of its episodes alone, not that of "
            "data, mask, dynamics and training; differences within the spread over seeds of the "
            f"table at the default scale (`results/{frame['domain'].iloc[0]}/tables.md`) say "
            "nothing."
        )
    return notes


def cell(row: pd.Series) -> str:
    """E.g. "23.1 [22.4, 23.8]"."""
    style = ".1f" if row["unit"] in ("%", "steps") else ".3f"
    if pd.isna(row["ci_low"]):
        return f"{row['mean']:{style}}"
    return f"{row['mean']:{style}} [{row['ci_low']:{style}}, {row['ci_high']:{style}}]"
