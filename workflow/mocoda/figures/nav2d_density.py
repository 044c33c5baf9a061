"""How evenly each way of rebalancing covers the square: MoCoDA-U twice, beside EMP and MoCoDA."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

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

WHERE = "figure of nav2d densities"
CELLS = 40  # along a side of the unit square
COLOURS = "magma"


def place_counts(places: np.ndarray) -> np.ndarray:
    """Rows of places [n, 2] in each cell of the unit square, float64 [CELLS x, CELLS y]."""
    edges = np.linspace(0.0, 1.0, CELLS + 1)
    counts, _, _ = np.histogram2d(places[:, 0], places[:, 1], bins=[edges, edges])
    return np.asarray(counts)


def entropy(counts: np.ndarray) -> float:
    """Entropy in nats of the shares of counts, - sum p ln p; ln(number of cells) if all equal."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def nav2d_density(shown: Mapping[str, np.ndarray]) -> Figure:
    """One panel a data set, float [n, 2] places of its states: share of rows a cell.

    Colour: per cent of the rows in a cell of 0.025 x 0.025, logarithmic, on one scale. Title: the
    entropy of the shares of the rows within the unit square, and the share that lies beyond it.
    Few rows lower the entropy: compare sets of as many. Raises UserError for no data set, other
    shapes, or a set without a row in the square.
    """
    require_any(shown, WHERE, "data set")
    counts = {}
    for name, places in shown.items():
        require_places(f"{WHERE}, '{name}'", observation=places)
        counts[name] = place_counts(places)
        if not counts[name].any():
            raise UserError(
                f"{WHERE}, '{name}'", expected="rows in the unit square", found="none there"
            )
    shares = {name: 100 * counts[name] / len(places) for name, places in shown.items()}
    low = min(share[share > 0].min() for share in shares.values())
    high = max(share.max() for share in shares.values())
    norm = LogNorm(vmin=low, vmax=max(high, 10 * low))
    figure = square_figure(1.4 + 2.8 * len(shown), 3.9)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for place, (axes, (name, share)) in enumerate(zip(panels, shares.items(), strict=True)):
        picture = axes.imshow(
            np.where(share > 0, share, np.nan).T,
            origin="lower",
            extent=(0, 1, 0, 1),
            norm=norm,
            cmap=COLOURS,
            interpolation="nearest",
        )
        outside = 100 - share.sum()
        left_out = f", {outside:.2g} % beyond" if outside > 1e-9 else ""
        axes.set_title(f"{name}\n{entropy(counts[name]):.2f} nats{left_out}", fontsize=10)
        draw_square(axes, quadrant="#BDBDBD")
        label_outer(axes, bottom=True, left=place == 0)
    figure.colorbar(picture, ax=list(panels), label="rows in a cell (%)", pad=0.01)
    even = f"{np.log(CELLS**2):.2f} nats"
    head(figure, f"Density of logged or generated states; even over the square: {even} ({KEY})")
    return figure
