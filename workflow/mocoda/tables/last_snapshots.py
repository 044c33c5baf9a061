"""A cell's metric over the last snapshots of the training, as the paper measured its agents.

The published code evaluates in the course of the training, and its notebook averages the last
five evaluations that were logged: in 2D Navigation those of the last fifth of the updates, 10
episodes each. Our main figure is the final policy's. Where policies come and go from one snapshot
to the next, the two differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mocoda.statistics import CONFIDENCE, student_t_interval
from mocoda.tables.agent_tables import METRICS, AgentTable, last_snapshots_of
from mocoda.tables.checks import RunKey

# Share of the updates that is the end of the training: the paper's 50 of 250 epochs.
SHARE = 0.2


def last_snapshots(
    table: AgentTable, curves: pd.DataFrame, keys: Sequence[RunKey]
) -> dict[str, Any] | None:
    """Mean, spread and interval of the main metric over the last snapshots of a cell's seeds.

    curves : one row a snapshot (see `Runs.curves`). keys : the runs of the cell, one a seed.
    A seed counts by the mean of its snapshots, the final one included, whose updates are at least
    `1 - SHARE` of the last one's; one seed, or seeds that are all alike, have no interval. None
    where a seed has fewer than two such snapshots.
    """
    metric = METRICS[last_snapshots_of(table)]
    means, episodes = [], 0
    for key in keys:
        own = curves[(curves[list(key._fields)] == list(key)).all(axis=1)]
        last = own[own["updates"] >= (1 - SHARE) * own["updates"].max()]
        if len(last) < 2:
            return None
        means.append((100 if metric.is_rate else 1) * float(last[metric.column].mean()))
        episodes += int(last["episodes"].sum())
    values = np.array(means)
    # Seeds that all stand at an end of the scale would give an interval of no width.
    low, high = np.nan, np.nan
    method = "none: one seed" if len(values) == 1 else "none: all seeds alike"
    if values.min() < values.max():
        low, high = student_t_interval(values)
        least, most = metric.bounds(table.horizon)
        low, high = max(low, least), min(high, most)
        method = f"{CONFIDENCE:.0%} Student t over seeds"
    return {
        "metric": last_snapshots_of(table),
        "unit": metric.unit,
        "mean": float(values.mean()),
        "std": float(values.std(ddof=1)) if len(values) > 1 else np.nan,
        "ci_low": low,
        "ci_high": high,
        "interval": method,
        "seeds": len(values),
        "episodes": episodes,
    }
