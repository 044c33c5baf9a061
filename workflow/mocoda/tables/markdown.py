"""The tables as Markdown: ours beside the paper's, then what a reader must know to judge them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import pandas as pd

from mocoda.published import Published, Sizes, published_figure
from mocoda.tables.agent_tables import METRICS, AgentTable, agent_table, last_snapshots_of
from mocoda.tables.columns import NONE
from mocoda.tables.model_error_markdown import model_section
from mocoda.tables.names import agent_order, column_order, column_title, display
from mocoda.tables.pivots import (
    count,
    count_range,
    in_order,
    markdown_table,
    ours,
    pivot,
    versions_note,
)
from mocoda.tables.validity import validity_section


def tables_markdown(
    frame: pd.DataFrame,
    notes: Sequence[str] = (),
    *,
    model_notes: Sequence[str] = (),
    validity: pd.DataFrame | None = None,
) -> str:
    """A section for each table, domain and scale of `frame` (columns `COLUMNS`).

    Each section has a headline on its scale and one pivot a metric, with ours as
    "52.3 [44.1, 60.2]" above the paper's "84.0 ± 2.8" where it printed one, then sizes and notes.
    A cell that is not in the frame reads "not run". `notes` are appended to tables of agents as
    further bullet points, `model_notes` to tables of model errors. `validity` (as the stage
    validity writes it) gives a last section.
    """
    sections = []
    for (table, domain, scale), part in frame.groupby(["table", "domain", "scale"], sort=False):
        title = f"## {table}: {domain}, scale `{scale}`"
        if (part["agent"] == NONE).all():
            sections.append(model_section(title, part, model_notes))
        else:
            sections.append(_agent_section(title, agent_table(str(domain)), part, notes))
    if validity is not None:
        domain, scale = frame[["domain", "scale"]].iloc[0]
        sections.append(validity_section(validity, str(domain), str(scale)))
    return "\n\n".join(sections) + "\n"


def agent_notes(notes: Iterable[str], *, shared_data: bool) -> list[str]:
    """What to know of any table of agents, around the settings' own notes."""
    whole_chain = (
        "All seeds share the data, parents and dynamics of the first, as in the paper."
        if shared_data
        else "A seed is a whole chain: its own data, parents, dynamics and agent."
    )
    policies = "Policies: the final checkpoint of each run, never the best one."
    return [policies, *notes, whole_chain]


def measured_note(errors: pd.DataFrame) -> str:
    """How many states and actions the errors of models (`read_model_errors`) were measured on."""
    return f"Each cell and seed: {count_range(errors['rows'])} states and actions."


def _agent_section(title: str, table: AgentTable, part: pd.DataFrame, notes: Iterable[str]) -> str:
    trained = part[part["distribution"] != NONE]
    oracles = part[part["distribution"] == NONE]
    main = trained[trained["metric"] == table.main_metric]
    blocks = [title, _headline(table, trained)]
    for metric in trained["metric"].drop_duplicates():
        rows = trained[trained["metric"] == metric]
        caption = METRICS[metric].caption if metric in METRICS else metric
        blocks.append(f"**{caption}**\n\n{_pivot(table, str(metric), rows)}")
    blocks.append(_sizes(main))
    with_last = bool((trained["metric"] == last_snapshots_of(table)).any())
    lines = _notes(table, main, oracles, notes, with_last=with_last)
    blocks.append("\n".join(f"- {line}" for line in lines))
    return "\n\n".join(blocks)


def _headline(table: AgentTable, trained: pd.DataFrame) -> str:
    paper = table.sizes
    if paper is None:
        return "The paper has no such table, so there is no published figure to stand beside ours."
    if not trained["reduced"].any():
        return "Updates, rows and seeds are at least the paper's throughout."
    updates = " or ".join(f"{int(number):,}" for number in sorted(trained["updates"].unique()))
    some = "" if trained["reduced"].all() else " (some cells; see the sizes)"
    # Metrics of a part of the episodes may lack seeds that have no such episode.
    seeds = trained.loc[trained["metric"] == table.main_metric, "seeds"].min()
    word = "seed" if seeds == 1 else "seeds"
    fewer = f", {count(seeds)} {word} against {paper.seeds}" if seeds < paper.seeds else ""
    return (
        f"**Reduced scale**{some}: {updates} updates of an agent against the paper's "
        f"{paper.updates:,}, data sets of {_largest(trained)} rows against {_rows(paper)}{fewer}."
    )


def _largest(trained: pd.DataFrame) -> str:
    total = trained["transitions_real"] + trained["transitions_generated"]
    row = trained.iloc[int(total.argmax())]
    return f"at most {count(row['transitions_real'])} real + " + (
        f"{count(row['transitions_generated'])} generated"
    )


def _rows(paper: Sizes) -> str:
    return f"{paper.transitions_real:,} real + {paper.transitions_generated:,} generated"


def _pivot(table: AgentTable, metric: str, rows: pd.DataFrame) -> str:
    keys = sorted(set(zip(rows["distribution"], rows["dynamics"], strict=True)), key=column_order)
    columns: dict[Hashable, str] = {key: column_title(*key) for key in keys}
    agents = {agent: display(agent) for agent in in_order(rows["agent"], agent_order)}
    cells: dict[tuple[str, Hashable], pd.Series] = {
        (row["agent"], (row["distribution"], row["dynamics"])): row for _, row in rows.iterrows()
    }
    of_paper = table.main_metric if metric == last_snapshots_of(table) else metric

    def printed(agent: str, data: Any) -> Published | None:
        distribution, dynamics = data
        return published_figure(table.table, agent, distribution, dynamics, of_paper)

    return pivot(agents, columns, cells, printed=printed)


def _sizes(main: pd.DataFrame) -> str:
    """What each cell of the main metric was made from."""
    header = [
        "Agent",
        "Data",
        "Real rows",
        "Generated rows",
        "Updates",
        "Seeds",
        "Episodes",
        f"Std over seeds, {main['unit'].iloc[0]}",
        "Interval",
        "Time, min",
    ]
    lines = []
    for _, row in main.iterrows():
        lines.append(
            [
                display(row["agent"]),
                column_title(row["distribution"], row["dynamics"]),
                *(count(row[name]) for name in ("transitions_real", "transitions_generated")),
                *(count(row[name]) for name in ("updates", "seeds", "episodes")),
                "" if pd.isna(row["std"]) else f"{row['std']:.1f}",
                row["interval"],
                f"{row['seconds'] / 60:.1f}",
            ]
        )
    return f"**What the cells are made from**\n\n{markdown_table(header, lines)}"


def _notes(
    table: AgentTable,
    main: pd.DataFrame,
    oracles: pd.DataFrame,
    notes: Iterable[str],
    *,
    with_last: bool,
) -> list[str]:
    printed = main["paper_seeds"].dropna()
    uneven = main["seeds"].min() < main["seeds"].max()
    lines = [
        f"Ours: mean over training seeds ({count_range(main['seeds'])} a cell, "
        f"{count_range(main['episodes'])} episodes a cell over all its seeds), in brackets a 95 % "
        f"interval: {_interval(table)}. Few seeds make it wide. Over one seed it holds the chance "
        "of the episodes only, not that of training."
        f"{' Cells of fewer seeds than others say so.' if uneven else ''}",
    ]
    if len(printed) and table.sizes is not None:
        spreads = (
            " Its spreads are population standard deviations (divisor n); ours divide by n - 1."
            if table.table == "Table 3"
            else ""
        )
        lines.append(
            f"Paper: mean ± standard deviation over {count_range(printed)} seeds, as printed, at "
            f"its own scale: {table.sizes.updates:,} updates, {_rows(table.sizes)} rows.{spreads}"
        )
    if with_last:
        as_paper = (
            " So the paper measured: the mean of the last five evaluations that were logged, of 10 "
            "episodes each."
        )
        lines.append(
            "Last snapshots: the policies saved in the last fifth of the updates, the final one "
            "included, on other episodes than those of the final policy's figures; in brackets "
            f"95 % Student t over the seeds' means.{as_paper if len(printed) else ''} The two "
            "figures differ where a policy comes and goes in the course of the training."
        )
    unit = METRICS[table.main_metric].unit
    for _, row in oracles.iterrows():
        lines.append(
            f"{table.limit_name.capitalize()}, {row['agent']}: {ours(row)} {unit} over "
            f"{count(row['episodes'])} episodes (not trained; the paper prints none)."
        )
    lines += table.remarks
    for agent, part in main.groupby("agent"):
        for variant in part["agent_variant"].drop_duplicates():
            lines.append(f"{display(str(agent))} is: {variant}.")
    lines.append(
        f"{table.in_plain_columns} without a further word use the locally factored model; time is "
        "that of training and evaluating the agent, summed over seeds."
    )
    return [*lines, versions_note(main), *notes]


def _interval(table: AgentTable) -> str:
    """How the interval of each metric is made, in words."""
    if METRICS[table.main_metric].is_rate:
        return (
            "the wider of Student t over the seed means and Wilson over the pooled episodes (for "
            "returns, Student t over the pooled episodes), clipped to 0 to 100 %"
        )
    return (
        "for steps and returns the wider of Student t over the seed means and Student t over the "
        f"pooled episodes, steps clipped to the horizon of {table.horizon}; for success rates the "
        "wider of Student t over the seed means and Wilson over the pooled episodes, clipped to 0 "
        "to 100 %"
    )
