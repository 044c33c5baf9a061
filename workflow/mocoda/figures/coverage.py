"""Where the boxes are in each training distribution (the idea of MoCoDA's Figure 5)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mocoda.errors import UserError
from mocoda.figures.style import BLACK, HEAT, RED, new_figure
from mocoda.tables.names import display

# HookSweep2 in metres: the middle of the table, the shift of the goals and its jitter.
CENTRE_X = 1.85
GOAL_SHIFT = 0.31
GOAL_JITTER = 0.1
BOX_1_GOAL_Y = 0.7
BOX_2_GOAL_Y = 0.8
X_RANGE = (1.3, 2.4)
Y_RANGE = (0.4, 1.1)
CELL = 0.02


def coverage(columns: Mapping[str, np.ndarray]) -> Figure:
    """Heat maps of box positions, one column of panels a distribution.

    columns : id or name of a distribution -> float [n, 4], metres: box 1 x, y, box 2 x, y.
    Upper row: box-1 x against box-2 x, where only a distribution that holds BOTH boxes swept to
    one side fills the outlined squares, which the goals of the two-box task lie in. Lower rows:
    each box's place on the table with the region of its goals. Colour: share of rows in a cell
    of 2 x 2 cm, logarithmic, on one scale a row of panels.
    Raises UserError for other shapes, no rows or values that are not finite.
    """
    if not columns:
        raise UserError("figure of coverage", expected="one distribution or more", found="none")
    for name, values in columns.items():
        if values.ndim != 2 or values.shape[1] != 4 or not len(values):
            raise UserError(
                f"figure of coverage, '{name}'",
                expected="an array [rows, 4] (box 1 x, y, box 2 x, y)",
                found=f"shape {values.shape}",
            )
        if not np.isfinite(values).all():
            row = int((~np.isfinite(values)).any(axis=1).argmax())
            raise UserError(
                f"figure of coverage, '{name}', row {row}",
                expected="finite numbers",
                found=str(values[row].tolist()),
            )
    figure = new_figure(1.2 + 3.1 * len(columns), 7.9)
    grid = figure.subplots(3, len(columns), squeeze=False, height_ratios=[1.45, 1, 1])
    for number, pair in enumerate(((0, 2), (0, 1), (2, 3))):
        ranges = (X_RANGE, X_RANGE if number == 0 else Y_RANGE)
        shares = [cell_shares(values[:, pair], ranges) for values in columns.values()]
        high = max(share.max() for share in shares)
        low = min(share[share > 0].min(initial=1.0) for share in shares)
        norm = LogNorm(vmin=low, vmax=max(high, 10 * low))
        for axes, share in zip(grid[number], shares, strict=True):
            picture = axes.imshow(
                np.where(share > 0, share, np.nan).T,
                origin="lower",
                extent=(*ranges[0], *ranges[1]),
                norm=norm,
                cmap=HEAT,
                interpolation="nearest",
                aspect="equal",
            )
            outline_goals(axes, number)
        figure.colorbar(picture, ax=list(grid[number]), label="rows in a cell (%)", pad=0.01)
        grid[number, 0].set_ylabel(("box 2, x (m)", "box 1, y (m)", "box 2, y (m)")[number])
        for axes in grid[number]:
            axes.set_xlabel("box 2, x (m)" if number == 2 else "box 1, x (m)")
    for axes, (name, values) in zip(grid[0], columns.items(), strict=True):
        axes.set_title(
            f"{display(name)}\n{_inside(values):.2f} % of {len(values):,} rows in squares",
            fontsize=10,
        )
    figure.suptitle("Coverage of box positions (red: goals of the two-box task)")
    return figure


def cell_shares(
    points: np.ndarray, ranges: tuple[tuple[float, float], tuple[float, float]]
) -> np.ndarray:
    """Per cent of ALL rows of points [n, 2] in each cell of `ranges`, [cells_x, cells_y].

    Rows outside the ranges are drawn in no cell, so that the sum may stay below 100."""
    edges = [np.linspace(low, high, round((high - low) / CELL) + 1) for low, high in ranges]
    counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=edges)
    return 100 * counts / len(points)


def goal_ranges() -> tuple[tuple[float, float], tuple[float, float]]:
    """x ranges, metres, of the goals toward the robot and away from it."""
    return tuple(  # type: ignore[return-value]
        (CENTRE_X + side * GOAL_SHIFT - GOAL_JITTER, CENTRE_X + side * GOAL_SHIFT + GOAL_JITTER)
        for side in (-1, 1)
    )


def _inside(values: np.ndarray) -> float:
    """Per cent of rows whose two boxes both lie in the x range of one side's goals."""
    both = np.zeros(len(values), dtype=bool)
    for low, high in goal_ranges():
        x = values[:, [0, 2]]
        both |= ((x >= low) & (x <= high)).all(axis=1)
    return 100 * float(both.mean())


def outline_goals(axes: Axes, box: int) -> None:
    """Outline in red where goals lie: of box 1 or 2 in (x, y), or (box 0) of both in (x, x)."""
    for low, high in goal_ranges():
        bottom, top = low, high
        if box > 0:
            middle = BOX_1_GOAL_Y if box == 1 else BOX_2_GOAL_Y
            bottom, top = middle - GOAL_JITTER, middle + GOAL_JITTER
        for colour, width in (("white", 3.0), (RED, 1.6)):
            axes.add_patch(
                Rectangle((low, bottom), high - low, top - bottom, fill=False, ec=colour, lw=width)
            )
    axes.set_facecolor("white")
    axes.tick_params(color=BLACK, labelsize=8)
