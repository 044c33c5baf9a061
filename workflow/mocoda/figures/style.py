"""What all figures share: colours, spines, and files with the same bytes for the same data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mocoda.artifacts import atomic_path
from mocoda.errors import UserError

# Okabe and Ito's palette, which readers with any colour vision can tell apart. Dashes, markers
# and hatches repeat what the colours say, for print in black and white.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
DISTRIBUTION_COLOURS = {
    "emp": "#6E6E6E",
    "dyna": PURPLE,
    "rand": YELLOW,
    "mocoda": ORANGE,
    "mocoda_u": GREEN,
    "mocoda_p": BLUE,
    "coda": RED,
}
DYNAMICS_COLOURS = {"locally_factored": BLUE, "globally_factored": GREEN, "unfactored": RED}
DYNAMICS_DASHES = {"globally_factored": "-.", "unfactored": "--"}
DYNAMICS_MARKERS = {"locally_factored": "o", "globally_factored": "D", "unfactored": "s"}
HEAT = "viridis"

FORMATS = (".png", ".svg", ".pdf")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of width x height inches whose parts make room for each other."""
    return Figure(figsize=(width, height), layout="constrained")


def tidy(axes: Axes, *, grid: str = "y") -> None:
    """Remove the frame's upper and right side; light grid lines behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color="#E3E3E3", linewidth=0.8)  # type: ignore[arg-type]


def legend_below(figure: Figure, panels: Iterable[Axes]) -> None:
    """One legend under all panels, with one entry a label from whichever panel has it first."""
    entries: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(
        handles=list(entries.values()),
        labels=list(entries),
        loc="outside lower center",
        ncols=3,
        frameon=False,
    )


def save(figure: Figure, path: Path | str) -> None:
    """Write a PNG (150 dots per inch), SVG or PDF, whole or not at all.

    No date and no software version are written, so that the same figure gives the same bytes.
    Raises UserError for another suffix.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise UserError(path, expected=f"a name ending in {', '.join(FORMATS)}", found=suffix)
    metadata: dict[str, None] = {
        ".png": {"Software": None},
        ".svg": {"Date": None, "Creator": None},
        ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }[suffix]
    with mpl.rc_context({"svg.hashsalt": "mocoda"}), atomic_path(path) as partial:
        figure.savefig(partial, format=suffix[1:], dpi=150, metadata=metadata)


def require(frame: pd.DataFrame, columns: Iterable[str], where: str) -> None:
    """Raises UserError for a frame that lacks a column or has no rows."""
    absent = [name for name in columns if name not in frame]
    if absent:
        raise UserError(
            where, expected=f"the column '{absent[0]}'", found=f"columns {', '.join(frame.columns)}"
        )
    if frame.empty:
        raise UserError(where, expected="at least one row", found="none")
