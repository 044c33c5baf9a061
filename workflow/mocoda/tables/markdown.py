"""The tables as Markdown: ours beside the paper's, then what a reader must know to judge them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from mocoda.published import TABLE_3_SIZES, Sizes
from mocoda.tables.names import agent_order, column_order, column_title, display
from mocoda.tables.success import SUCCESS

NOT_RUN = "not run"
CAPTIONS = {
    SUCCESS: "Success rate, % of episodes",
    f"{SUCCESS}, toward": "Success rate where both goals lie toward the robot, %",
    f"{SUCCESS}, away": "Success rate where both goals lie away from the robot, %",
    "return": "Return, sum of rewards over an episode",
}


def tables_markdown(frame: pd.DataFrame, notes: Sequence[str] = ()) -> str:
    """A section for each table, domain and scale of `frame` (columns of `table3`).

    Each section has one pivot (agent x data) a metric, with ours as "52.3 [44.1, 60.2]" above
    the paper's "84.0 ± 2.8" where it printed one, then ceilings, sizes and notes. A cell that is
    not in the frame reads "not run". `notes` are appended as further bullet points.
    """
    sections = []
    for (table, domain, scale), part in frame.groupby(["table", "domain", "scale"], sort=False):
        title = f"## {table}: {domain}, scale `{scale}`"
        trained = part[part["distribution"] != "-"]
        ceilings = part[part["distribution"] == "-"]
        blocks = [title, _headline(trained)]
        for metric in trained["metric"].drop_duplicates():
            rows = trained[trained["metric"] == metric]
            blocks.append(f"**{CAPTIONS.get(metric, metric)}**\n\n{_pivot(rows)}")
        blocks.append(_sizes(trained[trained["metric"] == SUCCESS]))
        blocks.append("\n".join(f"- {note}" for note in _notes(trained, ceilings, notes)))
        sections.append("\n\n".join(blocks))
    return "\n\n".join(sections) + "\n"


def _headline(trained: pd.DataFrame) -> str:
    if not trained["reduced"].any():
        return "Updates, rows and seeds are at least the paper's throughout."
    paper = TABLE_3_SIZES
    updates = " or ".join(f"{int(count):,}" for count in sorted(trained["updates"].unique()))
    some = "" if trained["reduced"].all() else " (some cells; see the sizes)"
    return (
        f"**Reduced scale**{some}: {updates} updates of an agent against the paper's "
        f"{paper.updates:,}, data sets of {_largest(trained)} rows against {_rows(paper)}."
    )


def _largest(trained: pd.DataFrame) -> str:
    total = trained["transitions_real"] + trained["transitions_generated"]
    row = trained.iloc[int(total.argmax())]
    return f"at most {_count(row['transitions_real'])} real + " + (
        f"{_count(row['transitions_generated'])} generated"
    )


def _rows(paper: Sizes) -> str:
    return f"{paper.transitions_real:,} real + {paper.transitions_generated:,} generated"


def _pivot(rows: pd.DataFrame) -> str:
    """Two lines an agent, ours and the paper's; the second only where the paper printed one."""
    keys = sorted(set(zip(rows["distribution"], rows["dynamics"], strict=True)), key=column_order)
    lines = []
    for agent in sorted(rows["agent"].unique(), key=agent_order):
        cells = {
            (row["distribution"], row["dynamics"]): row
            for _, row in rows[rows["agent"] == agent].iterrows()
        }
        ours = [_ours(cells[key]) if key in cells else NOT_RUN for key in keys]
        paper = [_paper(cells[key]) if key in cells else "" for key in keys]
        lines.append([f"{display(agent)}, ours", *ours])
        if any(paper):
            lines.append([f"{display(agent)}, paper", *paper])
    return _table(["", *(column_title(*key) for key in keys)], lines)


def _ours(row: pd.Series) -> str:
    if pd.isna(row["mean"]):
        return "no episodes"
    return f"{row['mean']:.1f} [{row['ci_low']:.1f}, {row['ci_high']:.1f}]"


def _paper(row: pd.Series) -> str:
    if pd.isna(row["paper_mean"]):
        return ""
    return f"{row['paper_mean']:.1f} ± {row['paper_std']:.1f}"


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
        "Std over seeds, %",
        "Interval",
        "Time, min",
    ]
    lines = []
    for _, row in main.iterrows():
        lines.append(
            [
                display(row["agent"]),
                column_title(row["distribution"], row["dynamics"]),
                *(_count(row[name]) for name in ("transitions_real", "transitions_generated")),
                *(_count(row[name]) for name in ("updates", "seeds", "episodes")),
                "" if pd.isna(row["std"]) else f"{row['std']:.1f}",
                row["interval"],
                f"{row['seconds'] / 60:.1f}",
            ]
        )
    return f"**What the cells are made from**\n\n{_table(header, lines)}"


def _notes(trained: pd.DataFrame, ceilings: pd.DataFrame, notes: Iterable[str]) -> list[str]:
    main = trained[trained["metric"] == SUCCESS]
    seeds = _range(main["seeds"])
    episodes = _range(main["episodes"])
    printed = main["paper_seeds"].dropna()
    lines = [
        f"Ours: mean over training seeds ({seeds} a cell, {episodes} episodes a cell over all "
        "its seeds), in brackets a 95 % interval: the wider of Student t over the seed means and "
        "Wilson over the pooled episodes (for returns, Student t over the pooled episodes), "
        "clipped to 0 to 100 %. Few seeds make it wide. Over one seed it holds the chance of the "
        "episodes only, not that of training.",
    ]
    if len(printed):
        lines.append(
            f"Paper: mean ± standard deviation over {_range(printed)} seeds, as printed, at its "
            f"own scale: {TABLE_3_SIZES.updates:,} updates, {_rows(TABLE_3_SIZES)} rows. Its "
            "spreads are population standard deviations (divisor n); ours divide by n - 1."
        )
    for _, row in ceilings.iterrows():
        lines.append(
            f"Ceiling, {row['agent']}: {_ours(row)} % over {_count(row['episodes'])} episodes "
            "(not trained; the paper prints none)."
        )
    for agent, part in main.groupby("agent"):
        for variant in part["agent_variant"].drop_duplicates():
            lines.append(f"{display(str(agent))} is: {variant}.")
    lines.append(
        "MoCoDA and MoCoDA-P without a further word use the locally factored model; time is that "
        "of training and evaluating the agent, summed over seeds."
    )
    versions = dict.fromkeys(" ".join(main["code_version"]).split())
    lines.append(f"Code version: {', '.join(f'`{version}`' for version in versions)}.")
    return [*lines, *notes]


def _range(counts: pd.Series) -> str:
    low, high = counts.min(), counts.max()
    return _count(low) if low == high else f"{_count(low)} to {_count(high)}"


def _count(number: object) -> str:
    return "" if pd.isna(number) else f"{int(number):,}"  # type: ignore[call-overload]


def _table(header: list[str], lines: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *lines])
