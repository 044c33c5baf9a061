"""Our success rates with intervals beside the paper's."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mocoda.figures.style import (
    BLACK,
    DISTRIBUTION_COLOURS,
    legend_below,
    new_figure,
    require,
    tidy,
)
from mocoda.tables.names import agent_order, column_order, column_title, display
from mocoda.tables.success import SUCCESS

HATCHES = {"globally_factored": "xx", "unfactored": "//"}
OFFSET = 0.19
OURS = "ours: mean and 95 % interval"
PAPER = "paper: mean ± standard deviation"


def bars(frame: pd.DataFrame) -> Figure:
    """Success rate (%) by training set, one panel an agent, from the long frame of `table3`.

    Bars: our means with their 95 % intervals. Diamonds: the paper's means ± its standard
    deviations, at its own (larger) scale. Dotted line: ceilings, where the frame has them.
    """
    needed = ("agent", "distribution", "dynamics", "metric", "mean", "ci_low", "ci_high")
    require(
        frame,
        (*needed, "paper_mean", "paper_std", "domain", "scale", "reduced"),
        "figure of results",
    )
    main = frame[frame["metric"] == SUCCESS]
    trained = main[main["distribution"] != "-"]
    ceilings = main[main["distribution"] == "-"]
    require(trained, (), "figure of results, metric 'success rate'")
    keys = sorted(
        set(zip(trained["distribution"], trained["dynamics"], strict=True)), key=column_order
    )
    agents = sorted(trained["agent"].unique(), key=agent_order)
    figure = new_figure(1.4 + (0.9 * len(keys) + 0.9) * len(agents), 4.4)
    panels = figure.subplots(1, len(agents), squeeze=False, sharey=True)[0]
    for axes, agent in zip(panels, agents, strict=True):
        rows = trained[trained["agent"] == agent]
        for place, key in enumerate(keys):
            cell = rows[(rows["distribution"] == key[0]) & (rows["dynamics"] == key[1])]
            if cell.empty:
                axes.annotate("not run", (place, 2), ha="center", fontsize=8, color="#555555")
                continue
            row = cell.iloc[0]
            axes.bar(
                place - OFFSET,
                row["mean"],
                width=0.42,
                color=DISTRIBUTION_COLOURS.get(key[0], "#999999"),
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
                label=f"ceiling: {ceiling['agent']}",
            )
        axes.set_xticks(range(len(keys)), [_label(key) for key in keys], fontsize=8.5)
        axes.set_xlim(-0.6, len(keys) - 0.4)
        axes.set_title(display(agent))
        axes.set_ylim(0, 105)
        tidy(axes)
    panels[0].set_ylabel("success rate (%)")
    legend_below(figure, panels)
    scale = ", ".join(dict.fromkeys(trained["scale"]))
    reduced = " (reduced)" if trained["reduced"].any() else ""
    domain = ", ".join(display(name) for name in dict.fromkeys(trained["domain"]))
    figure.suptitle(f"{domain}, scale {scale}{reduced}, beside the paper's figures")
    return figure


def _label(key: tuple[str, str]) -> str:
    """Two lines a label, so that five labels fit side by side."""
    return column_title(*key).replace(", ", "\n")
