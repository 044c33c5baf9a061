"""Which edges a mask has how often, beside the true local graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from mocoda.errors import UserError
from mocoda.figures.style import BLACK, HEAT, new_figure

WHERE = "figure of mean masks"
ACROSS = 4  # panels in a row
LETTER = 0.09  # inches of a title
MOST_CELLS = 8  # along a side, for the numbers in them to be read
DARK = 0.55  # shares below have a dark colour and so a white number

# (share of rows with the edge [roots, children], names of roots, names of children)
MeanMask = tuple[ArrayLike, Sequence[str], Sequence[str]]


def mask_means(panels: Mapping[str, MeanMask]) -> Figure:
    """Heat maps of mean masks side by side, at most 4 in a row, on one scale from 0 to 1.

    panels : title -> (share of rows with the edge, float [roots, children], names of the roots,
    names of the children); the first panel is the truth. Rows of a map are roots (parents), its
    columns children; numbers stand in the cells of maps up to 8 x 8, with 0 and 1 written so
    where no row, or every row, has the edge.
    Raises UserError for no panel, other shapes, other names than the truth's, and numbers that are
    no shares.
    """
    shares = shares_of(panels)
    across = min(len(panels), ACROSS)
    down = -(-len(panels) // across)
    _, roots, children = next(iter(panels.values()))
    cell = max(0.42, 2.4 / max(len(roots), len(children)))  # inches
    width, height = max(cell * len(children), 1.8) + 0.3, cell * len(roots) + 0.9
    figure = new_figure(2.2 + width * across, 0.5 + height * down)
    most_letters = max(int(cell * len(children) / LETTER), 1)
    figure.set_layout_engine("compressed")  # the maps' cells are square
    grid = figure.subplots(down, across, squeeze=False)
    shown = [axes for row in grid for axes in row][: len(panels)]
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for place, (axes, (title, share)) in enumerate(zip(shown, shares.items(), strict=True)):
        picture = axes.imshow(share, vmin=0, vmax=1, cmap=HEAT, interpolation="nearest")
        axes.set_title(fill(title, most_letters), fontsize=10)
        axes.tick_params(length=0, labelsize=8)
        left, lowest = place % across == 0, place + across >= len(panels)
        _name(axes, roots if left else (), children if lowest else ())
        if max(share.shape) <= MOST_CELLS:
            _write_numbers(axes, share)
    figure.colorbar(picture, ax=shown, label="share of rows with the edge", pad=0.02)
    return figure


def _name(axes: Axes, roots: Sequence[str], children: Sequence[str]) -> None:
    """Ticks at the rows and columns; none where the names are empty (another panel has them)."""
    axes.set_yticks(range(len(roots)), [name.replace("_", " ") for name in roots])
    axes.set_xticks(
        range(len(children)), [name.replace("_", " ") for name in children], rotation=90
    )
    if len(roots):
        axes.set_ylabel("root (parent)")
    if len(children):
        axes.set_xlabel("child")


def _write_numbers(axes: Axes, share: np.ndarray) -> None:
    for (row, column), value in np.ndenumerate(share):
        text = f"{value:.0f}" if value in (0, 1) else f"{value:.2f}"
        colour = "white" if value < DARK else BLACK
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)


def shares_of(panels: Mapping[str, MeanMask]) -> dict[str, np.ndarray]:
    """The mean masks by title, float64 [roots, children]; UserError as in `mask_means`."""
    if not panels:
        raise UserError(WHERE, expected="one mask or more", found="none")
    shares = {title: np.asarray(values, dtype=float) for title, (values, _, _) in panels.items()}
    truth, (_, true_roots, true_children) = next(iter(panels.items()))
    for title, (_, roots, children) in panels.items():
        share, where = shares[title], f"{WHERE}, '{title}'"
        if share.shape != (len(roots), len(children)) or not share.size:
            raise UserError(
                where,
                expected=f"an array [{len(roots)} roots, {len(children)} children], not empty",
                found=f"shape {share.shape}",
            )
        if (list(roots), list(children)) != (list(true_roots), list(true_children)):
            raise UserError(
                where,
                expected=f"the roots and children of '{truth}'",
                found=f"{', '.join(roots)} and {', '.join(children)}",
            )
        bad = ~((share >= 0) & (share <= 1))
        if bad.any():
            raise UserError(where, expected="shares in [0, 1]", found=str(share[bad][0]))
    return shares
