"""Success of the two-box task while agents train."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from mocoda.errors import UserError
from mocoda.figures.style import (
    BLACK,
    DISTRIBUTION_COLOURS,
    DYNAMICS_DASHES,
    legend_below,
    new_figure,
    require,
    tidy,
)
from mocoda.tables.names import agent_order, column_order, column_title, display

WHERE = "figure of curves"


def curves(frame: pd.DataFrame) -> Figure:
    """Success rate (%) against gradient updates: one panel an agent, one line a training set.

    frame : agent, distribution, dynamics, seed, updates, success (a fraction in [0, 1]).
    Line: mean over seeds. Band: from the worst to the best seed, which is not an interval.
    Raises UserError where success is no fraction, or where seeds of one line were evaluated at
    different updates, since a mean over changing seeds would jump.
    """
    require(frame, ("agent", "distribution", "dynamics", "seed", "updates", "success"), WHERE)
    bad = ~frame["success"].between(0, 1)
    if bad.any():
        raise UserError(
            f"{WHERE}, column 'success'",
            expected="fractions in [0, 1]",
            found=str(frame.loc[bad, "success"].iloc[0]),
        )
    agents = sorted(frame["agent"].unique(), key=agent_order)
    figure = new_figure(1.6 + 4.2 * len(agents), 4.3)
    panels = figure.subplots(1, len(agents), squeeze=False, sharey=True)[0]
    for axes, agent in zip(panels, agents, strict=True):
        of_agent = frame[frame["agent"] == agent]
        groups = {
            (str(key[0]), str(key[1])): part
            for key, part in of_agent.groupby(["distribution", "dynamics"])
        }
        for key in sorted(groups, key=column_order):
            wide = groups[key].pivot_table(index="updates", columns="seed", values="success") * 100
            if wide.isna().any(axis=None):
                raise UserError(
                    f"{WHERE}, {agent}, {column_title(*key)}",
                    expected="all seeds evaluated at the same updates",
                    found=f"no value of seed {wide.columns[wide.isna().any()][0]} at some updates",
                )
            colour = DISTRIBUTION_COLOURS.get(key[0], BLACK)
            axes.plot(
                wide.index,
                wide.mean(axis=1),
                color=colour,
                linestyle=DYNAMICS_DASHES.get(key[1], "-"),
                linewidth=2,
                label=column_title(*key),
            )
            axes.fill_between(
                wide.index, wide.min(axis=1), wide.max(axis=1), color=colour, alpha=0.15, lw=0
            )
        seeds = of_agent["seed"].nunique()
        band = f"mean and range of {seeds} seeds" if seeds > 1 else "one seed"
        axes.set_title(f"{display(agent)} ({band})")
        axes.set_xlabel("gradient updates")
        axes.set_ylim(0, 100)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
        tidy(axes)
    panels[0].set_ylabel("success rate (%)")
    legend_below(figure, panels)
    return figure


def _thousands(updates: float, _position: int | None = None) -> str:
    return f"{updates / 1000:g}k" if updates >= 1000 else f"{updates:g}"
