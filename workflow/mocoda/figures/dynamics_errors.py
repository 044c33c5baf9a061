"""One-step errors of the dynamics models: on data like the training data, and off it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from mocoda.errors import UserError
from mocoda.figures.style import (
    BLACK,
    DYNAMICS_COLOURS,
    DYNAMICS_MARKERS,
    legend_below,
    new_figure,
    require,
    tidy,
)
from mocoda.tables.names import DYNAMICS, display

WHERE = "figure of dynamics errors"
DATA = ("held-out", "two-box")
# Of HookSweep2, whose positions are in metres.
BOX_TITLES = {
    "held-out": "held-out rows, one box moved",
    "two-box": "two-box rows, never trained on",
}
# Of any domain: what the stage report_dynamics measures on.
TITLES = {"held-out": "held-out rows", "two-box": "the oracle's rows, never trained on"}


def dynamics_errors(frame: pd.DataFrame, *, of_boxes: bool) -> Figure:
    """One-step prediction error of each object's position, logarithmic.

    frame : dynamics, seed, data ("held-out" or "two-box"), object, rmse (in the domain's unit). One
    panel a data set, one group an object; a small mark is a seed, the bar through them the mean
    over seeds. The held-out panel shows the fit; the other one what augmentation needs,
    generalisation to combinations of objects that the training data do not hold. of_boxes : the
    objects are HookSweep2's boxes: errors are drawn in millimetres.
    Raises UserError for errors that are not positive numbers.
    """
    require(frame, ("dynamics", "seed", "data", "object", "rmse"), WHERE)
    bad = ~(np.isfinite(frame["rmse"].to_numpy(float)) & (frame["rmse"] > 0))
    if bad.any():
        raise UserError(
            f"{WHERE}, column 'rmse'",
            expected="positive numbers",
            found=str(frame.loc[bad, "rmse"].iloc[0]),
        )
    titles, unit, factor = (BOX_TITLES, " (mm)", 1000) if of_boxes else (TITLES, "", 1)
    known = [name for name in DATA if (frame["data"] == name).any()]
    panels_of = known + sorted(set(frame["data"]) - set(known))
    objects = list(dict.fromkeys(frame["object"]))
    present = set(frame["dynamics"])
    models = [name for name in DYNAMICS if name in present] + sorted(present - set(DYNAMICS))
    figure = new_figure(1.2 + (0.8 + 1.15 * len(objects)) * len(panels_of), 4.2)
    panels = figure.subplots(1, len(panels_of), squeeze=False, sharey=True)[0]
    step = 0.72 / max(len(models), 1)
    for axes, data in zip(panels, panels_of, strict=True):
        for number, model in enumerate(models):
            shift = (number - (len(models) - 1) / 2) * step
            colour = DYNAMICS_COLOURS.get(model, BLACK)
            for place, name in enumerate(objects):
                at = (frame["data"] == data) & (frame["dynamics"] == model)
                values = frame.loc[at & (frame["object"] == name), "rmse"].to_numpy(float)
                values = factor * values
                if not len(values):
                    continue
                middle = place + shift
                axes.plot(
                    np.full(len(values), middle),
                    values,
                    linestyle="none",
                    marker=DYNAMICS_MARKERS.get(model, "o"),
                    markersize=6,
                    markerfacecolor="none",
                    color=colour,
                    label=display(model),
                )
                axes.hlines(
                    values.mean(), middle - 0.4 * step, middle + 0.4 * step, color=colour, lw=2.5
                )
        axes.set_title(titles.get(data, data), fontsize=11)
        axes.set_xticks(range(len(objects)), [name.replace("_", " ") for name in objects])
        axes.set_xlim(-0.5, len(objects) - 0.5)
        axes.set_yscale("log")
        # Few decades: name 1, 2 and 5 of each, in plain numbers.
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
        tidy(axes)
    panels[0].set_ylabel(f"one-step position error, RMSE{unit}")
    legend_below(figure, panels)
    return figure
