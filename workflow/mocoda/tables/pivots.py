"""Pieces of Markdown that all tables share: pivots of ours above the paper's, counts, ranges."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

import pandas as pd

from mocoda.published import Published

NOT_RUN = "not run"


def markdown_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table whose first column is flush left and whose others are flush right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *lines])


def pivot(
    rows: Mapping[str, str],
    columns: Mapping[Hashable, str],
    cells: Mapping[tuple[str, Hashable], pd.Series],
    style: str = ".1f",
    printed: Callable[[str, Hashable], Published | None] | None = None,
) -> str:
    """Two lines a row, ours and the paper's; the second only where the paper printed one.

    rows, columns : id -> title, in order. cells : (row, column) -> row of the long form; absent
    ones read "not run". style : format of ours and of the paper's. printed : (row, column) -> the
    paper's figure of a cell that was not run. Cells of fewer seeds than others say how many.
    """
    lines = []
    most = max((cell["seeds"] for cell in cells.values()), default=0)
    for row, title in rows.items():
        found = [cells.get((row, column)) for column in columns]
        mine = [
            NOT_RUN if cell is None else ours(cell, style) + _fewer(cell["seeds"], most)
            for cell in found
        ]
        theirs = [
            _spread(printed(row, column) if printed else None, style)
            if cell is None
            else paper(cell, style)
            for cell, column in zip(found, columns, strict=True)
        ]
        lines.append([f"{title}, ours", *mine])
        if any(theirs):
            lines.append([f"{title}, paper", *theirs])
    return markdown_table(["", *columns.values()], lines)


def ours(row: pd.Series, style: str = ".1f") -> str:
    """E.g. "52.3 [44.1, 60.2]"; the mean alone where there is no interval."""
    if pd.isna(row["mean"]):
        return "no episodes"
    if pd.isna(row["ci_low"]):
        return f"{row['mean']:{style}}"
    return f"{row['mean']:{style}} [{row['ci_low']:{style}}, {row['ci_high']:{style}}]"


def _fewer(seeds: int, most: int) -> str:
    """E.g. ", 1 seed" where other cells have more."""
    if seeds == most:
        return ""
    return f", {seeds} seed{'' if seeds == 1 else 's'}"


def paper(row: pd.Series, style: str = ".1f") -> str:
    """E.g. "84.0 ± 2.8", or nothing where the paper printed none."""
    if pd.isna(row["paper_mean"]):
        return ""
    return f"{row['paper_mean']:{style}} ± {row['paper_std']:{style}}"


def _spread(figure: Published | None, style: str) -> str:
    return "" if figure is None else f"{figure.mean:{style}} ± {figure.std:{style}}"


def count(number: object) -> str:
    """E.g. "1,200,000"; nothing for a missing number."""
    return "" if pd.isna(number) else f"{int(number):,}"  # type: ignore[call-overload]


def count_range(counts: pd.Series) -> str:
    """E.g. "3" or "3 to 5"."""
    low, high = counts.min(), counts.max()
    return count(low) if low == high else f"{count(low)} to {count(high)}"


def in_order(values: pd.Series, key: Callable[[str], object]) -> list[str]:
    """The different values of a column, sorted by `key`."""
    return sorted(map(str, values.unique()), key=key)  # type: ignore[arg-type]


def versions_note(rows: pd.DataFrame) -> str:
    """Which version of the code made these rows, or where each row's is."""
    versions = dict.fromkeys(" ".join(rows["code_version"]).split())
    if len(versions) > 1:
        return (
            "Code version: each cell's in `tables.csv`, a hash of all code that made it (agents "
            "and data sets have code of their own)."
        )
    return f"Code version: {', '.join(f'`{version}`' for version in versions)}."
