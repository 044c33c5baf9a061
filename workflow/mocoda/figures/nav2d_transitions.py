"""Transitions of each training set as arrows on the square (MoCoDA, Figure 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from mocoda.domains.nav2d import task
from mocoda.figures.nav2d_square import (
    KEY,
    beyond,
    draw_square,
    head,
    label_outer,
    require_any,
    require_places,
    square_figure,
)
from mocoda.figures.style import HEAT, RED

WHERE = "figure of nav2d transitions"
# A row counts as invalid where its next state is further from the truth than this (our choice: a
# fifth of the step of an action of 1), as in the table of validity.
TOLERANCE = 0.01
PANELS_A_ROW = 4
# Lengths of steps where the colour changes; 0.071 is the longest in the true dynamics.
LENGTHS = np.arange(8) / 100


@dataclass(frozen=True)
class Arrows:
    """Rows to draw, float [n, 2] each: observation, action, next_observation.

    invalid_share : share of invalid rows in the whole data set, a fraction; None: only the drawn
    rows are known.
    """

    observation: np.ndarray
    action: np.ndarray
    next_observation: np.ndarray
    invalid_share: float | None = None

    def invalid(self) -> np.ndarray:
        """bool [n]: rows whose next state misses the true dynamics by more than `TOLERANCE`."""
        expected = task.true_dynamics(self.observation, self.action)
        error = (self.next_observation - expected).astype(np.float64)
        return np.asarray(np.linalg.norm(error, axis=1) > TOLERANCE)


def nav2d_transitions(shown: Mapping[str, Arrows]) -> Figure:
    """One panel a data set: an arrow from s to s' a row, at its true length.

    Colour: length of the step, on one scale; red: invalid rows (`Arrows.invalid`). The title has
    the share of invalid rows and, where rows lie outside the frame, how many of the drawn.
    Raises UserError for no data set, no rows, other shapes or numbers that are not finite.
    """
    require_any(shown, WHERE, "data set")
    columns = min(PANELS_A_ROW, len(shown))
    lines = -(-len(shown) // columns)
    figure = square_figure(0.9 + 2.6 * columns, 0.7 + 2.85 * lines)
    grid = figure.subplots(lines, columns, squeeze=False)
    heat = colormaps[HEAT].resampled(len(LENGTHS))
    norm = BoundaryNorm(LENGTHS, heat.N, extend="max")
    panels = grid.ravel()
    for place, (axes, (name, rows)) in enumerate(zip(panels, shown.items(), strict=False)):
        require_places(
            f"{WHERE}, '{name}'",
            observation=rows.observation,
            action=rows.action,
            next_observation=rows.next_observation,
        )
        invalid = rows.invalid()
        step = rows.next_observation - rows.observation
        for chosen, red in ((~invalid, False), (invalid, True)):
            start, move = rows.observation[chosen], step[chosen]
            colours = {"color": RED} if red else {"cmap": heat, "norm": norm}
            length = [] if red else [np.linalg.norm(move, axis=1)]
            arrows = axes.quiver(
                start[:, 0],
                start[:, 1],
                move[:, 0],
                move[:, 1],
                *length,
                angles="xy",
                scale_units="xy",
                scale=1,
                width=0.006,
                headwidth=3.2,
                headlength=3.6,
                headaxislength=3.4,
                **colours,
            )
            arrows.set_gid("invalid" if red else "valid")
            if not red:
                picture = arrows
        axes.set_title(title(name, rows, invalid), fontsize=10)
        draw_square(axes)
        label_outer(axes, bottom=place + columns >= len(shown), left=place % columns == 0)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    figure.colorbar(picture, ax=list(panels), label="length of the step s → s'", pad=0.01)
    head(figure, f"Logged or generated transitions (red: off by more than {TOLERANCE:g}; {KEY})")
    return figure


def title(name: str, rows: Arrows, invalid: np.ndarray) -> str:
    """Name, share of invalid rows, and what the frame leaves out."""
    known = rows.invalid_share is not None
    share = rows.invalid_share if rows.invalid_share is not None else float(invalid.mean())
    text = f"{name}\n{100 * share:.1f} % {'off' if known else 'of those drawn off'}"
    outside = int(beyond(rows.observation, rows.next_observation).sum())
    return f"{text}, {outside} beyond the frame" if outside else text
