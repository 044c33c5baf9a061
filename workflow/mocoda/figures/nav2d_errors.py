"""Where on the square each dynamics model is wrong, and where the logged rows are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from mocoda.domains.nav2d import task
from mocoda.errors import UserError
from mocoda.figures.nav2d_square import (
    KEY,
    draw_square,
    head,
    label_outer,
    require_any,
    require_places,
    square_figure,
)

WHERE = "figure of nav2d model errors"
CELLS = 50  # along a side of a map
ACTIONS = 64  # the same ones in every cell and for every model
OCCUPANCY_CELLS = 25  # along a side, where logged rows are counted
COLOURS = "magma"

# (observation [n, 2], action [n, 2]) -> the model's mean prediction [n, 2]
Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]


def error_map(predict: Predict, generator: np.random.Generator) -> np.ndarray:
    """Norm of (prediction - truth), mean over actions in [-1, 1]^2: float64 [CELLS y, CELLS x].

    States are the centres of the cells of the unit square. All cells have the same actions, so
    that cells, and models with generators of one seed, differ by the model alone.
    """
    centres = (np.arange(CELLS, dtype=np.float32) + np.float32(0.5)) / np.float32(CELLS)
    states = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
    actions = generator.uniform(-1.0, 1.0, (ACTIONS, 2)).astype(np.float32)
    observation = np.repeat(states, ACTIONS, axis=0)
    action = np.tile(actions, (len(states), 1))
    expected = task.true_dynamics(observation.astype(np.float64), action.astype(np.float64))
    error = np.linalg.norm(predict(observation, action) - expected, axis=1)
    return np.asarray(error.reshape(CELLS, CELLS, ACTIONS).mean(axis=2))


def nav2d_model_errors(maps: Mapping[str, np.ndarray], logged: np.ndarray) -> Figure:
    """One panel a model, from `error_map`; logged : places of the logged rows, float [n, 2].

    Colour: the error, logarithmic, on one scale. White: border of the cells, 0.04 wide, that hold
    logged rows. Title: the mean error x 100 of the whole square, as the paper's Table 1 scales
    it, and of the quadrant. Raises UserError for no map, other shapes, or errors that are
    negative or not finite.
    """
    require_any(maps, WHERE, "map")
    require_places(f"{WHERE}, logged rows", observation=logged)
    for name, errors in maps.items():
        if errors.shape != (CELLS, CELLS) or not (np.isfinite(errors) & (errors >= 0)).all():
            raise UserError(
                f"{WHERE}, '{name}'",
                expected=f"errors [{CELLS}, {CELLS}], finite and not negative",
                found=f"shape {errors.shape}, from {np.min(errors)} to {np.max(errors)}",
            )
    values = np.concatenate([errors.ravel() for errors in maps.values()])
    high = float(values.max()) or 1.0
    # A few far smaller errors would take all the colours.
    low = max(float(values[values > 0].min(initial=high)), high / 1000)
    low = min(low, high / 10)
    norm = LogNorm(vmin=low, vmax=high)
    figure = square_figure(1.4 + 3.2 * len(maps), 4.4)
    panels = figure.subplots(1, len(maps), squeeze=False)[0]
    quadrant = slice(round(task.QUADRANT * CELLS), None)
    for place, (axes, (name, errors)) in enumerate(zip(panels, maps.items(), strict=True)):
        picture = axes.imshow(
            np.maximum(errors, low),
            origin="lower",
            extent=(0, 1, 0, 1),
            norm=norm,
            cmap=COLOURS,
            interpolation="nearest",
        )
        axes.add_collection(
            LineCollection(list(occupancy_border(logged)), colors="white", linewidths=1.4, zorder=3)
        )
        inside = 100 * errors[quadrant, quadrant].mean()
        axes.set_title(
            f"{name}\nmean × 100: {100 * errors.mean():.2f}, quadrant {inside:.2f}", fontsize=10
        )
        draw_square(axes, quadrant="#BDBDBD")
        label_outer(axes, bottom=True, left=place == 0)
    figure.colorbar(picture, ax=list(panels), label="error of the mean prediction", pad=0.01)
    head(figure, f"Model errors (white: border of the logged rows; {KEY})")
    return figure


def occupied(logged: np.ndarray) -> np.ndarray:
    """bool [x, y]: cells of the unit square, OCCUPANCY_CELLS along a side, that hold a row."""
    edges = np.linspace(0.0, 1.0, OCCUPANCY_CELLS + 1)
    counts, _, _ = np.histogram2d(logged[:, 0], logged[:, 1], bins=[edges, edges])
    return np.asarray(counts > 0)


def occupancy_border(logged: np.ndarray) -> np.ndarray:
    """Segments [n, 2 ends, 2] between cells with and without rows; outside the square is none."""
    padded = np.pad(occupied(logged), 1)
    across = np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])
    along = np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])
    at_constant_x = np.stack([across, across + np.array([0, 1])], axis=1)
    at_constant_y = np.stack([along, along + np.array([1, 0])], axis=1)
    return np.asarray(np.concatenate([at_constant_x, at_constant_y]) / OCCUPANCY_CELLS)
