"""The figures that the paper printed, as data (`published/mocoda.csv`), and the sizes behind them.

Every table of ours stands beside these. Spreads are as printed. All ten spreads of Table 3 equal,
to the printed digit, the POPULATION standard deviation (divisor n) over three seeds of 50 episodes
each, and none equals a sample standard deviation; ours divide by n - 1 and are thereby a factor
sqrt(3/2) = 1.22 larger for the same three seeds.
"""

from __future__ import annotations

import io
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

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


# MoCoDA's dynamics models of 2D Navigation: 600 epochs of at most 40,000 rows (some 35,000 after
# the held-out ones) in batches of 512. Early stopping may end them in the last 50 epochs: `updates`
# are all 600 epochs, `EARLIEST_STOP` is where those 50 begin.
TABLE_1_SIZES = Sizes(updates=41_000, transitions_real=40_000, transitions_generated=0, seeds=5)
EARLIEST_STOP = 37_500

# MoCoDA's agents of 2D Navigation: 40K empirical rows, 200K rows in all, 25K batches.
TABLE_2_SIZES = Sizes(
    updates=25_000, transitions_real=40_000, transitions_generated=160_000, seeds=5
)

# MoCoDA on HookSweep2: 1M empirical rows, 5M rows in all, 1M batches.
TABLE_3_SIZES = Sizes(
    updates=1_000_000, transitions_real=1_000_000, transitions_generated=4_000_000, seeds=3
)


def published_figures() -> pd.DataFrame:
    """Tables 1 to 3 of MoCoDA, one printed cell a row.

    Columns: table, domain, agent, distribution, dynamics, metric, unit, mean, std, seeds,
    reference. "-" stands where a table does not tell that key apart: Table 1 has no agents, and
    its dynamics are the model measured. Table 2 prints no dynamics: they are those that the
    appendix names for each column, and its column CoDA is the swap without a mask. Table 1 is
    called "MSE" in print; the published code reports the mean Euclidean norm of the error of
    sampled predictions, times 100.
    """
    text = files("mocoda").joinpath("published", "mocoda.csv").read_text(encoding="utf-8")
    return pd.read_csv(io.StringIO(text), keep_default_na=False)


def published_figure(
    table: str, agent: str, distribution: str, dynamics: str, metric: str
) -> Published | None:
    """The printed figure of one cell, or None where the paper has no such cell.

    Keys are the ids of the data: e.g. `("Table 3", "td3_bc", "mocoda_p", "locally_factored",
    "success rate")`. The paper's plain MoCoDA columns are `locally_factored`, and so is RAND.
    """
    row = _by_cell().get((table, agent, distribution, dynamics, metric))
    if row is None:
        return None
    return Published(
        float(row["mean"]),
        float(row["std"]),
        int(row["seeds"]),
        str(row["unit"]),
        str(row["reference"]),
    )


@cache
def _by_cell() -> dict[tuple[str, ...], dict[Hashable, Any]]:
    """All figures by (table, agent, distribution, dynamics, metric)."""
    names = ("table", "agent", "distribution", "dynamics", "metric")
    rows = published_figures().to_dict("records")
    return {tuple(str(row[name]) for name in names): row for row in rows}
