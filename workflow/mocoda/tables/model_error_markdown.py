"""The section of the table of model errors (MoCoDA, Table 1)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import pandas as pd

from mocoda.published import EARLIEST_STOP, TABLE_1_SIZES
from mocoda.tables.model_errors import ERROR_NORM, MODEL_METRICS
from mocoda.tables.names import DISTRIBUTIONS, display, model_order
from mocoda.tables.pivots import (
    count,
    count_range,
    in_order,
    markdown_table,
    pivot,
    versions_note,
)

CAPTIONS = {
    ERROR_NORM: "Error norm x 100: mean Euclidean norm of the error of sampled predictions "
    "(lower is better)",
    f"{ERROR_NORM}, mean prediction": "Error norm x 100 of the ensemble's mean prediction",
    "MSE": "MSE: mean square of an entry's error, sampled predictions",
    "MSE, mean prediction": "MSE of the ensemble's mean prediction",
}


def model_section(title: str, part: pd.DataFrame, notes: Iterable[str]) -> str:
    """A section for rows of `table_of_model_errors`, all of one table, domain and scale."""
    main = part[part["metric"] == ERROR_NORM]
    blocks = [title, _headline(main)]
    for metric in MODEL_METRICS:
        rows = part[part["metric"] == metric]
        style = ".2f" if metric.startswith(ERROR_NORM) else ".1e"
        blocks.append(f"**{CAPTIONS[metric]}**\n\n{_pivot(rows, style)}")
    blocks.append(_sizes(main))
    blocks.append("\n".join(f"- {note}" for note in [*_notes(main), *notes]))
    return "\n\n".join(blocks)


def _headline(main: pd.DataFrame) -> str:
    paper = TABLE_1_SIZES
    if main["paper_seeds"].isna().all():
        return "The paper has no such table, so there is no published figure to stand beside ours."
    if not main["reduced"].any():
        return "Updates, real rows and seeds are at least the paper's throughout."
    some = "" if main["reduced"].all() else " (some cells; see the sizes)"
    seeds = count_range(main["seeds"])
    word = "seed" if seeds == "1" else "seeds"
    return (
        f"**Reduced scale**{some}: {count_range(main['updates'])} updates of a dynamics model "
        f"against the paper's some {paper.updates:,} (600 epochs, or {EARLIEST_STOP:,} where it "
        f"stops early), {count_range(main['transitions_real'])} real rows against "
        f"{paper.transitions_real:,}, {seeds} {word} against {paper.seeds}."
    )


def _pivot(rows: pd.DataFrame, style: str) -> str:
    models = {model: display(model) for model in in_order(rows["dynamics"], model_order)}
    columns: dict[Hashable, str] = {
        name: display(name) for name in in_order(rows["distribution"], _place)
    }
    cells: dict[tuple[str, Hashable], pd.Series] = {
        (row["dynamics"], row["distribution"]): row for _, row in rows.iterrows()
    }
    return pivot(models, columns, cells, style)


def _place(distribution: str) -> tuple[int, str]:
    known = distribution in DISTRIBUTIONS
    return DISTRIBUTIONS.index(distribution) if known else len(DISTRIBUTIONS), distribution


def _sizes(main: pd.DataFrame) -> str:
    """What each model's cells were made from, and how its seeds spread."""
    header = ["Model", "Parents", "Real rows", "Updates", "Seeds", "Std over seeds, x 100"]
    lines = [
        [
            display(row["dynamics"]),
            display(row["distribution"]),
            *(count(row[name]) for name in ("transitions_real", "updates", "seeds")),
            "" if pd.isna(row["std"]) else f"{row['std']:.3f}",
            row["interval"],
            f"{row['seconds'] / 60:.1f}",
        ]
        for _, row in main.iterrows()
    ]
    table = markdown_table([*header, "Interval", "Time, min"], lines)
    return f"**What the cells are made from**\n\n{table}"


def _notes(main: pd.DataFrame) -> list[str]:
    seeds = count_range(main["seeds"])
    lines = [
        f"Ours: mean over seeds of the model ({seeds} a cell), in brackets a 95 % Student t "
        "interval over seeds, from 0 on; one seed has none.",
        "Columns: where the states and actions come from that the models are asked about; EMP is "
        "rows of held-out episodes. Errors are against the true dynamics, in the domain's unit.",
        "Real rows are those logged, held-out episodes included; updates are the fewest of a "
        "model's seeds; of all its validations the best one's parameters are kept. Time is that of "
        "training and measuring the model for all columns, summed over seeds.",
    ]
    printed = main["paper_seeds"].dropna()
    if len(printed):
        lines.insert(
            1,
            "The paper calls its figure MSE, but it is none: its code reports the mean Euclidean "
            "norm of the error of sampled predictions, times 100. It stands beside ours of the "
            f"same form, as mean ± standard deviation over {count_range(printed)} seeds, as "
            "printed; the mean squared errors have no published counterpart.",
        )
    return [*lines, versions_note(main)]
