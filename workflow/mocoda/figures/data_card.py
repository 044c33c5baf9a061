"""What the empirical data hold: which box was swept to which side, and where the boxes are."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from mocoda.errors import UserError
from mocoda.figures.coverage import CENTRE_X, X_RANGE, Y_RANGE, cell_shares, outline_goals
from mocoda.figures.style import BLUE, HEAT, ORANGE, new_figure, tidy

BOX_COLUMNS = ((6, 7), (11, 12))
# Columns of the goal (box 1 x, y, z, box 2 x, y, z) that hold x.
GOAL_X = (0, 3)
SIDES = ("toward", "away")


def shares(goal: np.ndarray) -> pd.DataFrame:
    """Shares of rows, in per cent, by the box to sweep (index) and side (columns).

    goal : float [n, 6], metres: box 1 x, y, z, box 2 x, y, z. The box to sweep is the one whose
    goal is further from the middle of the table in x; its side is "toward" (the robot) below.
    """
    goal = np.asarray(goal)
    if goal.ndim != 2 or goal.shape[1] != 6 or not len(goal):
        raise UserError(
            "data card, goals", expected="an array [rows, 6]", found=f"shape {goal.shape}"
        )
    shift = goal[:, GOAL_X] - CENTRE_X
    box = np.abs(shift).argmax(axis=1)
    away = shift[np.arange(len(goal)), box] > 0
    counts = [
        [int((away[box == number] == side).sum()) for side in (False, True)] for number in (0, 1)
    ]
    return pd.DataFrame(
        100 * np.array(counts) / len(goal), index=["box 1", "box 2"], columns=list(SIDES)
    )


def data_card(observation: np.ndarray, goal: np.ndarray) -> Figure:
    """Shares of rows by box and side, and each box's place on the table.

    observation : float [n, 16], metres in columns 6, 7 (box 1 x, y) and 11, 12 (box 2 x, y).
    goal : float [n, 6], the rows' goals. Red: where the goals of the two-box task lie.
    Raises UserError for other shapes.
    """
    observation = np.asarray(observation)
    if observation.ndim != 2 or observation.shape[1] != 16 or len(observation) != len(goal):
        raise UserError(
            "data card, observations",
            expected=f"an array [{len(goal)}, 16], a row a goal",
            found=f"shape {observation.shape}",
        )
    table = shares(goal)
    figure = new_figure(12.5, 3.5)
    grid = figure.subplots(1, 3, width_ratios=[1, 1.3, 1.3])
    for number, (side, colour) in enumerate(zip(SIDES, (BLUE, ORANGE), strict=True)):
        bars = grid[0].bar(
            np.arange(2) + (number - 0.5) * 0.38,
            table[side],
            width=0.36,
            color=colour,
            label=f"{side} the robot" if side == "toward" else "away from it",
        )
        grid[0].bar_label(bars, fmt="%.1f", padding=2, fontsize=9)
    grid[0].set_xticks([0, 1], list(table.index))
    grid[0].set_ylabel("rows (%)")
    grid[0].set_ylim(0, 1.5 * float(table.to_numpy().max()))
    grid[0].legend(frameon=False, loc="upper left", fontsize=9)
    grid[0].set_title(f"box to sweep, of {len(goal):,} rows", fontsize=11)
    tidy(grid[0])

    ranges = (X_RANGE, Y_RANGE)
    maps = [cell_shares(observation[:, pair], ranges) for pair in BOX_COLUMNS]
    low = min(share[share > 0].min(initial=1.0) for share in maps)
    norm = LogNorm(vmin=low, vmax=max(10 * low, *(share.max() for share in maps)))
    for number, (axes, share) in enumerate(zip(grid[1:], maps, strict=True), start=1):
        picture = axes.imshow(
            np.where(share > 0, share, np.nan).T,
            origin="lower",
            extent=(*X_RANGE, *Y_RANGE),
            norm=norm,
            cmap=HEAT,
            interpolation="nearest",
            aspect="equal",
        )
        outline_goals(axes, number)
        axes.set_xlabel(f"box {number}, x (m)")
        axes.set_ylabel(f"box {number}, y (m)")
        beyond = 100 - share.sum()
        shown = f" ({beyond:.2g} % beyond the frame)" if beyond > 1e-9 else ""
        axes.set_title(f"places of box {number}{shown}", fontsize=11)
    figure.colorbar(picture, ax=list(grid[1:]), label="rows in a 2 cm cell (%)", pad=0.01)
    return figure
