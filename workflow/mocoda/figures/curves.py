"""The main metric of the target task while agents train."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from mocoda.errors import UserError
from mocoda.figures.results import COLOURS
from mocoda.figures.style import (
    BLACK,
    DYNAMICS_DASHES,
    legend_below,
    new_figure,
    require,
    tidy,
)
from mocoda.published import published_figure
from mocoda.tables.agent_tables import METRICS, AgentTable, agent_table
from mocoda.tables.names import agent_order, column_order, column_title, display
from mocoda.tables.pivots import count_range

WHERE = "figure of curves"
PAPER = "the paper's mean"


def curves(frame: pd.DataFrame) -> Figure:
    """The domain's main metric against gradient updates: one panel an agent, one line a data set.

    frame : agent, distribution, dynamics, seed, updates, success (a fraction in [0, 1]), steps
    where the domain's main metric is steps, and domain (without it: success rate). Line: mean
    over seeds. Band: from the worst to the best seed, which is not an interval. Diamond: the
    paper's mean at the paper's number of updates, where the runs reach it.
    Raises UserError where success is no fraction, steps are no numbers up to the horizon, or seeds
    of one line were evaluated at different updates, since a mean over changing seeds would jump.
    """
    table = agent_table(str(frame["domain"].iloc[0]) if len(frame) and "domain" in frame else "")
    metric = METRICS[table.main_metric]
    require(frame, ("agent", "distribution", "dynamics", "seed", "updates", metric.column), WHERE)
    most = 1.0 if metric.is_rate else float(table.horizon or "inf")
    bad = ~frame[metric.column].between(0, most)
    if bad.any():
        raise UserError(
            f"{WHERE}, column '{metric.column}'",
            expected="fractions in [0, 1]" if metric.is_rate else f"numbers from 0 to {most:g}",
            found=str(frame.loc[bad, metric.column].iloc[0]),
        )
    factor = 100 if metric.is_rate else 1
    papers = False
    agents = sorted(frame["agent"].unique(), key=agent_order)
    across = len(agents) if len(agents) < 4 else 2
    down = -(-len(agents) // across)
    figure = new_figure(1.6 + 4.2 * across, 0.6 + 3.7 * down)
    grid = figure.subplots(down, across, squeeze=False, sharey=True)
    panels = [axes for row in grid for axes in row][: len(agents)]
    for axes in grid.flat[len(agents) :]:
        axes.set_visible(False)
    for axes, agent in zip(panels, agents, strict=True):
        of_agent = frame[frame["agent"] == agent]
        groups = {
            (str(key[0]), str(key[1])): part
            for key, part in of_agent.groupby(["distribution", "dynamics"])
        }
        for key in sorted(groups, key=column_order):
            values = groups[key].pivot_table(index="updates", columns="seed", values=metric.column)
            wide = values * factor
            if wide.isna().any(axis=None):
                raise UserError(
                    f"{WHERE}, {agent}, {column_title(*key)}",
                    expected="all seeds evaluated at the same updates",
                    found=f"no value of seed {wide.columns[wide.isna().any()][0]} at some updates",
                )
            colour = COLOURS.get(key[0], BLACK)
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
            printed = paper_point(table, (agent, *key), float(wide.index.max()))
            if printed is not None:
                axes.plot(
                    *printed,
                    color=colour,
                    marker="D",
                    markersize=7,
                    markerfacecolor="white",
                    markeredgewidth=1.8,
                    linestyle="none",
                    clip_on=False,
                    zorder=5,
                )
                papers = True
        seeds = of_agent.groupby(["distribution", "dynamics"])["seed"].nunique()
        told = count_range(seeds)
        band = "one seed" if told == "1" else f"mean and range of {told} seeds"
        axes.set_title(f"{display(agent)} ({band})")
        axes.set_xlabel("gradient updates")
        axes.set_ylim(0, 100 if metric.is_rate else table.horizon)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
        tidy(axes)
    for row in grid:
        row[0].set_ylabel(metric.label)
    if papers:
        panels[0].plot([], [], "D", color=BLACK, markerfacecolor="white", label=PAPER)
    legend_below(figure, panels)
    return figure


def paper_point(
    table: AgentTable, cell: tuple[str, str, str], updates: float
) -> tuple[float, float] | None:
    """(updates, mean) of the paper for (agent, distribution, dynamics), None where it printed none
    or where the runs end before its number of updates."""
    if table.sizes is None or updates < table.sizes.updates:
        return None
    printed = published_figure(table.table, *cell, table.main_metric)
    return None if printed is None else (float(table.sizes.updates), printed.mean)


def _thousands(updates: float, _position: int | None = None) -> str:
    return f"{updates / 1000:g}k" if updates >= 1000 else f"{updates:g}"
