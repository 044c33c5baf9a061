"""What each choice is worth: tables of scales that differ in one thing each, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mocoda.tables.agent_tables import agent_table
from mocoda.tables.columns import NONE
from mocoda.tables.names import agent_order, column_order, column_title, display
from mocoda.tables.pivots import count, count_range, markdown_table, ours


@dataclass(frozen=True)
class Ablation:
    """A scale, what it changes in words, and its `tables.csv`."""

    scale: str
    what: str
    table: pd.DataFrame


def set_beside(domain: str, ablations: Sequence[Ablation]) -> pd.DataFrame:
    """The rows of all scales for the cells that the first and another of them have, led by a column
    `what`; the first scale is the one that the others change."""
    metrics = list(agent_table(domain).metrics)
    parts = []
    for one in ablations:
        own = one.table[one.table["metric"].isin(metrics)]
        own = own[(own["agent"] != NONE) & (own["distribution"] != NONE)]
        parts.append(own.assign(what=one.what, scale=one.scale))
    rows = pd.concat(parts, ignore_index=True)
    scales = rows.groupby(["agent", "distribution", "dynamics"])["scale"]
    of_first = scales.transform(lambda own: (own == ablations[0].scale).any())
    rows = rows[(scales.transform("nunique") > 1) & of_first].reset_index(drop=True)
    return rows[["what", *(name for name in rows.columns if name != "what")]]


def ablations_markdown(domain: str, rows: pd.DataFrame) -> str:
    """A table a cell: what is changed downwards, metrics across."""
    table = agent_table(domain)
    names = [metric for metric in table.metrics if (rows["metric"] == metric).any()]
    blocks = [f"## What each choice is worth: {display(domain)}"]
    cells = rows[["agent", "distribution", "dynamics"]].drop_duplicates()
    for agent, distribution, dynamics in sorted(
        cells.itertuples(index=False, name=None),
        key=lambda cell: (agent_order(cell[0]), column_order(cell[1:])),
    ):
        own = rows[
            (rows["agent"] == agent)
            & (rows["distribution"] == distribution)
            & (rows["dynamics"] == dynamics)
        ]
        lines = []
        for _, part in own.groupby("scale", sort=False):
            by_metric = part.set_index("metric")
            shown = [ours(by_metric.loc[name]) if name in by_metric.index else "" for name in names]
            lines.append(
                [
                    part["what"].iloc[0],
                    *shown,
                    count_range(part["updates"]),
                    count_range(part["seeds"]),
                ]
            )
        units = dict(zip(own["metric"], own["unit"], strict=True))
        header = ["", *(f"{name} ({units[name]})" for name in names), "updates", "seeds"]
        title = f"**{display(agent)} on {column_title(distribution, dynamics)}**"
        blocks += [title, markdown_table(header, lines)]
    episodes = count(rows["episodes"].max())
    blocks.append(
        "\n".join(
            f"- {note}"
            for note in (
                "The first line is the recipe as it stands; each other line changes one thing and "
                "keeps the rest. Each is a scale of its own in `config.yaml`.",
                f"Mean over seeds, in brackets a 95 % interval as in `tables.md`; up to {episodes} "
                "episodes a line. Few seeds make the intervals wide: where two overlap, the data "
                "does not tell them apart.",
            )
        )
    )
    return "\n\n".join(blocks) + "\n"
