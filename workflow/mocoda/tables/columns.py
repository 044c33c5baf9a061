"""The columns of `tables.csv`, the same for every table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

COLUMNS = (
    "table",
    "domain",
    "agent",
    "distribution",
    "dynamics",
    "scale",
    "metric",
    "unit",
    "mean",
    "std",
    "ci_low",
    "ci_high",
    "interval",
    "seeds",
    "episodes",
    "updates",
    "transitions_real",
    "transitions_generated",
    "paper_mean",
    "paper_std",
    "paper_seeds",
    "reduced",
    "seconds",
    "config_hash",
    "code_version",
    "agent_variant",
)
COUNTS = (
    "seeds",
    "episodes",
    "updates",
    "transitions_real",
    "transitions_generated",
    "paper_seeds",
)
# Stands where a row has no such key: a table of models has no agents, a ceiling learns from no
# data.
NONE = "-"


def long_form(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows with any of `COLUMNS` as a frame with all of them; counts stay whole where missing."""
    frame = pd.DataFrame(list(rows)).reindex(columns=list(COLUMNS))
    return frame.astype(dict.fromkeys(COUNTS, "Int64"))
