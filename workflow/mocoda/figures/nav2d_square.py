"""What all pictures of 2D Navigation share: the square, its quadrant and goal box, and checks."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mocoda.domains.nav2d import task
from mocoda.errors import UserError
from mocoda.figures.style import BLACK, GREEN, new_figure

# Part of the plane that is drawn: the unit square and a margin, as nothing keeps a row inside.
FRAME = (-0.06, 1.06)
KEY = "dashed: coupled quadrant, green: goal box"


def square_figure(width: float, height: float) -> Figure:
    """`new_figure` for panels whose sides are equal: they move together, with room for titles."""
    figure = new_figure(width, height)
    figure.set_layout_engine("compressed")
    return figure


def head(figure: Figure, text: str) -> None:
    """A title over all panels, broken into lines that fit the figure, which grows by them."""
    width, height = figure.get_size_inches()
    # Letters of this size are some 0.09 inches wide.
    lines = textwrap.wrap(text, int(width / 0.09))
    figure.set_size_inches(width, height + 0.2 * (len(lines) - 1))
    figure.suptitle("\n".join(lines), fontsize=11)


def draw_square(axes: Axes, *, quadrant: str = BLACK, start: bool = False) -> None:
    """Outline the unit square (grey), the quadrant (dashed), the goal box (green) and, if asked,
    the box that the target task starts in (dotted); ticks at 0, 0.5 and 1."""
    boxes: list[tuple[float, float, str, str, float]] = [
        (0.0, 1.0, "#9A9A9A", "-", 0.8),
        (task.QUADRANT, 1.0, quadrant, "--", 1.0),
        # White below the green, to be seen on any colour.
        (task.GOAL_LOW, task.GOAL_HIGH, "white", "-", 3.4),
        (task.GOAL_LOW, task.GOAL_HIGH, GREEN, "-", 1.8),
    ]
    if start:
        boxes.append((0.0, task.RESET_HIGH, BLACK, ":", 1.2))
    for low, high, colour, dash, width in boxes:
        side = high - low
        axes.add_patch(
            Rectangle((low, low), side, side, fill=False, ec=colour, ls=dash, lw=width, zorder=4)
        )
    axes.set(xlim=FRAME, ylim=FRAME, aspect="equal", xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    axes.tick_params(labelsize=8, length=2)


def label_outer(axes: Axes, *, bottom: bool, left: bool) -> None:
    """Name x below the lowest panels and y beside the leftmost; no numbers on the others."""
    axes.tick_params(labelbottom=bottom, labelleft=left)
    if bottom:
        axes.set_xlabel("x", labelpad=1)
    if left:
        axes.set_ylabel("y", labelpad=1)


def require_any(shown: Mapping[Any, Any], where: str, what: str) -> None:
    """Raises UserError where there is nothing to draw."""
    if not shown:
        raise UserError(where, expected=f"one {what} or more", found="none")


def require_places(where: str, **arrays: np.ndarray) -> None:
    """Raises UserError unless all arrays are [n, 2] with the same n > 0, of finite numbers."""
    rows = len(next(iter(arrays.values())))
    for name, values in arrays.items():
        if values.ndim != 2 or values.shape[1] != 2 or len(values) != rows or not rows:
            raise UserError(
                f"{where}, {name}",
                expected="an array [rows, 2] of one row or more, as long as the others",
                found=f"shape {values.shape}",
            )
        if not np.isfinite(values).all():
            row = int((~np.isfinite(values)).any(axis=1).argmax())
            raise UserError(
                f"{where}, {name}, row {row}",
                expected="finite numbers",
                found=str(values[row].tolist()),
            )


def beyond(*places: np.ndarray) -> np.ndarray:
    """bool [n]: rows with one of their places [n, 2] outside what is drawn."""
    outside = [((place < FRAME[0]) | (place > FRAME[1])).any(axis=1) for place in places]
    return np.logical_or.reduce(outside)
