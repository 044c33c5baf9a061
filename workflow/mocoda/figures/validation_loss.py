"""Losses of a dynamics model that learns from few logged rows and their swaps (CoDA, Figure 11)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mocoda.errors import UserError
from mocoda.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    legend_below,
    new_figure,
    require,
    tidy,
)

WHERE = "figure of validation losses"
LOSSES = ("validation_loss", "training_loss")
COLOURS = ("#6E6E6E", ORANGE, BLUE, GREEN, RED, PURPLE, SKY)
DASHES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)))
TRAINING = "training loss"


def validation_loss(frame: pd.DataFrame) -> Figure:
    """Loss on held-out logged rows against gradient updates, logarithmic: one line a data set.

    frame : data (name), seed, updates, training_loss and validation_loss (mean square of the
    standardised error), rows (learned from). Line: mean over seeds. Band: from the least to the
    largest loss of a seed, which is not an interval. Dotted: mean training loss.
    Raises UserError for losses that are not positive numbers, and where the seeds of one data set
    were not each validated once at the same updates, since a mean over changing seeds would jump.
    """
    require(frame, ("data", "seed", "updates", *LOSSES, "rows"), WHERE)
    for column in LOSSES:
        bad = ~(np.isfinite(frame[column].to_numpy(float)) & (frame[column] > 0))
        if bad.any():
            raise UserError(
                f"{WHERE}, column '{column}'",
                expected="positive numbers",
                found=str(frame.loc[bad, column].iloc[0]),
            )
    figure = new_figure(9.0, 5.2)
    axes = figure.subplots()
    for number, name in enumerate(dict.fromkeys(frame["data"])):
        part = frame[frame["data"] == name]
        validation, training = (by_seed(part, column) for column in LOSSES)
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(
            validation.index,
            validation.mean(axis=1),
            color=colour,
            linestyle=DASHES[number % len(DASHES)],
            linewidth=2,
            label=f"{name}: {_rows(part['rows'])} rows",
        )
        axes.fill_between(
            validation.index,
            validation.min(axis=1),
            validation.max(axis=1),
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
        axes.plot(training.index, training.mean(axis=1), color=colour, linestyle=":", linewidth=1)
    axes.plot([], [], color=BLACK, linestyle=":", linewidth=1, label=TRAINING)
    seeds = frame["seed"].nunique()
    axes.set_title(f"mean and range of {seeds} seeds" if seeds > 1 else "one seed", fontsize=11)
    axes.set_yscale("log")
    axes.set_xlim(left=0)
    axes.set_xlabel("gradient updates")
    axes.set_ylabel("loss on held-out logged rows\n(mean square of the standardised error)")
    tidy(axes)
    legend_below(figure, [axes])
    return figure


def by_seed(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """One data set's losses, a row an update and a column a seed.

    Raises UserError where a seed has no value at an update, or two."""
    counts = frame.pivot_table(index="updates", columns="seed", values=column, aggfunc="count")
    counts = counts.fillna(0)
    if (counts != 1).any(axis=None):
        seed = counts.columns[(counts != 1).any()][0]
        updates = counts.index[counts[seed] != 1][0]
        raise UserError(
            f"{WHERE}, '{frame['data'].iloc[0]}'",
            expected="all seeds validated once at each of the same updates",
            found=f"{counts.loc[updates, seed]:.0f} values of seed {seed} at update {updates}",
        )
    return frame.pivot_table(index="updates", columns="seed", values=column)


def _rows(values: pd.Series) -> str:
    """E.g. "2,000", or "1,900 to 2,000" where seeds had different numbers."""
    least, most = int(values.min()), int(values.max())
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
