"""Our main metric of each agent and data set, with intervals, beside the paper's."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mocoda.figures.style import (
    BLACK,
    DISTRIBUTION_COLOURS,
    SKY,
    legend_below,
    new_figure,
    require,
    tidy,
)
from mocoda.tables.agent_tables import METRICS, AgentTable, agent_table
from mocoda.tables.names import agent_order, column_order, column_title, display

HATCHES = {"globally_factored": "xx", "unfactored": "//"}
OFFSET = 0.19
MOST_BARS = 16  # side by side in one row of panels
# Of data sets that the shared palette lacks.
COLOURS = {**DISTRIBUTION_COLOURS, "mocoda_components": SKY, "coda_unmasked": "#7B3F00"}
OURS = "ours: mean and 95 % interval"
PAPER = "paper: mean ± standard deviation"


def bars(frame: pd.DataFrame) -> Figure:
    """The domain's main metric by training set, one panel an agent, from the long frame of
    `table_of_agents`; rows of other tables and metrics are passed over.

    Bars: our means with their 95 % intervals. Diamonds: the paper's means ± its standard
    deviations, at its own scale. Dotted line: the scripted oracle (ceiling, or floor where less
    is better), where the frame has it.
    """
    needed = ("agent", "distribution", "dynamics", "metric", "mean", "ci_low", "ci_high")
    require(
        frame,
        (*needed, "paper_mean", "paper_std", "domain", "scale", "reduced"),
        "figure of results",
    )
    table = agent_table(str(frame["domain"].iloc[0]))
    main = frame[frame["metric"] == table.main_metric]
    trained = main[main["distribution"] != "-"]
    ceilings = main[main["distribution"] == "-"]
    require(trained, (), f"figure of results, metric '{table.main_metric}'")
    keys = sorted(
        set(zip(trained["distribution"], trained["dynamics"], strict=True)), key=column_order
    )
    agents = sorted(trained["agent"].unique(), key=agent_order)
    top = _top(table, main)
    # At most two panels a row where there are many bars; longer rows would be too small to read.
    across = len(agents) if len(keys) * len(agents) <= MOST_BARS else min(len(agents), 2)
    down = -(-len(agents) // across)
    figure = new_figure(1.4 + (0.9 * len(keys) + 0.9) * across, 0.6 + 3.8 * down)
    grid = figure.subplots(down, across, squeeze=False, sharey=True)
    panels = [axes for row in grid for axes in row][: len(agents)]
    for axes in grid.flat[len(agents) :]:
        axes.set_visible(False)
    for axes, agent in zip(panels, agents, strict=True):
        rows = trained[trained["agent"] == agent]
        for place, key in enumerate(keys):
            cell = rows[(rows["distribution"] == key[0]) & (rows["dynamics"] == key[1])]
            if cell.empty:
                axes.annotate(
                    "not run", (place, 0.02 * top), ha="center", fontsize=8, color="#555555"
                )
                continue
            row = cell.iloc[0]
            axes.bar(
                place - OFFSET,
                row["mean"],
                width=0.42,
                color=COLOURS.get(key[0], "#999999"),
                edgecolor="white",
                hatch=HATCHES.get(key[1]),
            )
            # From the mean to the ends of the interval, which is not symmetric.
            reach = np.array([[row["mean"] - row["ci_low"]], [row["ci_high"] - row["mean"]]])
            axes.errorbar(
                place - OFFSET,
                row["mean"],
                yerr=np.clip(reach, 0, None),
                color=BLACK,
                capsize=3,
                linewidth=1.3,
                label=OURS,
            )
            if not pd.isna(row["paper_mean"]):
                axes.errorbar(
                    place + OFFSET,
                    row["paper_mean"],
                    yerr=row["paper_std"],
                    color="#444444",
                    marker="D",
                    markersize=6,
                    markerfacecolor="white",
                    linestyle="none",
                    capsize=3,
                    label=PAPER,
                )
        for (_, ceiling), dash in zip(ceilings.iterrows(), (":", "-.", "--") * 9, strict=False):
            axes.axhline(
                ceiling["mean"],
                color="#333333",
                linestyle=dash,
                linewidth=1.2,
                label=f"{table.limit_name}: {ceiling['agent']}",
            )
        axes.set_xticks(range(len(keys)), [_label(key) for key in keys], fontsize=8.5)
        axes.set_xlim(-0.6, len(keys) - 0.4)
        axes.set_title(display(agent))
        axes.set_ylim(0, top)
        tidy(axes)
    for row in grid:
        row[0].set_ylabel(METRICS[table.main_metric].label)
    legend_below(figure, panels)
    scale = ", ".join(dict.fromkeys(trained["scale"]))
    reduced = " (reduced)" if trained["reduced"].any() else ""
    domain = ", ".join(display(name) for name in dict.fromkeys(trained["domain"]))
    figure.suptitle(f"{domain}, scale {scale}{reduced}, beside the paper's figures")
    return figure


def _top(table: AgentTable, main: pd.DataFrame) -> float:
    """The axis ends a little above the most that can be: 100 %, the horizon, or what is drawn."""
    if METRICS[table.main_metric].is_rate:
        return 105.0
    if table.horizon is not None:
        return 1.05 * table.horizon
    return 1.05 * float(np.nanmax(main[["mean", "ci_high", "paper_mean"]].to_numpy(float)))


def _label(key: tuple[str, str]) -> str:
    """Two lines a label, so that five labels fit side by side."""
    return column_title(*key).replace(", ", "\n")
