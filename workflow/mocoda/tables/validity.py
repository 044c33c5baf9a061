"""The section on rows that obey the true dynamics, from what the stage validity measured."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mocoda.errors import UserError
from mocoda.tables.names import column_order, column_title
from mocoda.tables.pivots import count, count_range, markdown_table

WHERE = "table of valid rows"
MEASURES = ("share_not_exact", "share_off", "tolerance", "mean_error", "max_error")
KEYS = ["distribution", "dynamics"]


def check_validity(frame: pd.DataFrame) -> None:
    """Raises UserError for missing columns, doubled rows, numbers that are not finite, shares
    that are no fractions, and a data set that lacks a seed which others have."""
    needed = (*KEYS, "seed", "rows", *MEASURES)
    absent = [name for name in needed if name not in frame]
    if absent or frame.empty:
        raise UserError(
            WHERE,
            expected=f"columns {', '.join(needed)}",
            found=f"no column '{absent[0]}'" if absent else "no rows",
        )
    for name in MEASURES:
        values = frame[name].to_numpy(float)
        most = 1.0 if name.startswith("share") else np.inf
        bad = ~(np.isfinite(values) & (values >= 0) & (values <= most))
        if bad.any():
            row = frame[bad].iloc[0]
            raise UserError(
                f"{WHERE}, ({row['distribution']}, {row['dynamics']}, seed {row['seed']}), "
                f"column '{name}'",
                expected="a share from 0 to 1" if most == 1.0 else "finite numbers from 0 on",
                found=str(row[name]),
            )
    seeds = set(frame["seed"])
    for (distribution, dynamics), part in frame.groupby(KEYS):
        doubled = part["seed"].duplicated()
        missing = sorted(seeds - set(part["seed"]))
        if doubled.any() or missing:
            found = (
                f"seed {part['seed'][doubled].iloc[0]} twice"
                if doubled.any()
                else f"none of seed {missing[0]}"
            )
            raise UserError(
                f"{WHERE}, ({distribution}, {dynamics})", expected="each seed once", found=found
            )


def validity_section(frame: pd.DataFrame, domain: str, scale: str) -> str:
    """A section with, for each data set, its invalid shares and mean error, over its seeds.

    frame : columns distribution, dynamics, seed, rows, share_not_exact, share_off, tolerance,
    mean_error, max_error. Raises UserError as `check_validity`.
    """
    check_validity(frame)
    lines = []
    groups = {(str(key[0]), str(key[1])): part for key, part in frame.groupby(KEYS)}
    for key in sorted(groups, key=column_order):
        part = groups[key]
        lines.append(
            [
                column_title(*key),
                f"{100 * part['share_not_exact'].mean():.2f}",
                _with_range(100 * part["share_off"]),
                f"{part['mean_error'].mean():.2e}",
                f"{part['max_error'].max():.2e}",
                count_range(part["rows"]),
                count(part["seed"].nunique()),
            ]
        )
    tolerance = " or ".join(f"{value:g}" for value in sorted(frame["tolerance"].unique()))
    header = ["Data", "Not exact, %", "Off, %", "Mean error", "Largest error", "Rows", "Seeds"]
    notes = [
        "Each data set's rows against the true dynamics, mean over the seeds that have data of "
        "their own, in brackets the range over those seeds where there are several. Generated "
        "rows are counted without the logged ones that the data set also holds.",
        f"Not exact: next state not equal to the truth to the last bit. Off: error above "
        f"{tolerance} (Euclidean norm, in the domain's unit; the bound is our choice). Rows of "
        "models are hardly ever exact, so read theirs by the second share.",
        "The paper prints no such table.",
    ]
    return "\n\n".join(
        [
            f"## Rows that obey the true dynamics: {domain}, scale `{scale}`",
            markdown_table(header, lines),
            "\n".join(f"- {note}" for note in notes),
        ]
    )


def _with_range(shares: pd.Series) -> str:
    if len(shares) < 2:
        return f"{shares.mean():.2f}"
    return f"{shares.mean():.2f} [{shares.min():.2f}, {shares.max():.2f}]"
