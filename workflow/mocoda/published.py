"""The figures that the paper printed, as data (`published/mocoda.csv`), and the sizes behind them.

Every table of ours stands beside these. Spreads are as printed. All ten spreads of Table 3 equal,
to the printed digit, the POPULATION standard deviation (divisor n) over three seeds of 50 episodes
each, and none equals a sample standard deviation; ours divide by n - 1 and are thereby a factor
sqrt(3/2) = 1.22 larger for the same three seeds.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.resources import files

import pandas as pd


@dataclass(frozen=True)
class Published:
    """One printed figure: mean and spread over seeds, in `unit`."""

    mean: float
    std: float
    seeds: int
    unit: str
    reference: str


@dataclass(frozen=True)
class Sizes:
    """How much the paper trained on: gradient updates of an agent (batches), rows of data, seeds.

    `transitions_generated` is that of an augmented data set; the empirical one (EMP) has none.
    """

    updates: int
    transitions_real: int
    transitions_generated: int
    seeds: int


# MoCoDA on HookSweep2: 1M empirical rows, 5M rows in all, 1M batches.
TABLE_3_SIZES = Sizes(
    updates=1_000_000, transitions_real=1_000_000, transitions_generated=4_000_000, seeds=3
)


def published_figures() -> pd.DataFrame:
    """Tables 1 to 3 of MoCoDA, one printed cell a row.

    Columns: table, domain, agent, distribution, dynamics, metric, unit, mean, std, seeds,
    reference. "-" stands where a table does not tell that key apart (Table 1 has no agents,
    Table 2 names no dynamics). Table 1 is called "MSE" in print; the published code reports the
    mean Euclidean norm of the error, times 100.
    """
    text = files("mocoda").joinpath("published", "mocoda.csv").read_text(encoding="utf-8")
    return pd.read_csv(io.StringIO(text), keep_default_na=False)


def published_figure(
    table: str, agent: str, distribution: str, dynamics: str, metric: str
) -> Published | None:
    """The printed figure of one cell, or None where the paper has no such cell.

    Keys are the ids of the data: e.g. `("Table 3", "td3_bc", "mocoda_p", "locally_factored",
    "success rate")`. The paper's plain MoCoDA columns are `locally_factored`.
    """
    frame = published_figures()
    keys = zip(
        ("table", "agent", "distribution", "dynamics", "metric"),
        (table, agent, distribution, dynamics, metric),
        strict=True,
    )
    for column, value in keys:
        frame = frame[frame[column] == value]
    if frame.empty:
        return None
    row = frame.iloc[0]
    return Published(
        float(row["mean"]),
        float(row["std"]),
        int(row["seeds"]),
        str(row["unit"]),
        str(row["reference"]),
    )
