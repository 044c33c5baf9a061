"""How near masks come to the true local graphs: ROC curves (CoDA, Figure 8)."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mocoda.errors import UserError
from mocoda.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    new_figure,
    require,
    tidy,
)
from mocoda.tables.names import display

WHERE = "figure of ROC curves"
RATES = ("false_positive_rate", "true_positive_rate")
# Colour and marker of the masks known today, in the legend's order; others take what is left over.
STYLES = {
    "ground_truth": (BLACK, "*"),
    "sandy_transformer": (BLUE, "o"),
    "sandy_mixture": (ORANGE, "s"),
    "heuristic": (GREEN, "D"),
    "dense": (RED, "^"),
}
OTHER_STYLES = ((PURPLE, "v"), (SKY, "P"), ("#7B3F00", "X"))
# A rule says yes or no: its curve is the origin, its own two rates and (1, 1).
RULE_POINTS = 3


def mask_roc(frame: pd.DataFrame) -> Figure:
    """True against false positive rate of the edges: one colour a mask, one thin line a seed.

    frame : false_positive_rate, true_positive_rate (fractions, points in the curve's order), mask
    (id), seed, auc (area under that seed's curve, the same at all its points). Legend: mean of the
    areas ± their standard deviation over seeds (n - 1), where there are several. Marker: the two
    rates of a mask given by a rule, whose lines to the corners are no curve of its own. Dashed: a
    blind ranking.
    Raises UserError for numbers outside [0, 1] and for several areas of one curve.
    """
    require(frame, (*RATES, "mask", "seed", "auc"), WHERE)
    for column in (*RATES, "auc"):
        bad = ~frame[column].between(0, 1)
        if bad.any():
            raise UserError(
                f"{WHERE}, column '{column}'",
                expected="fractions in [0, 1]",
                found=str(frame.loc[bad, column].iloc[0]),
            )
    present = set(frame["mask"])
    styles = {name: style for name, style in STYLES.items() if name in present}
    styles |= zip(sorted(present - set(STYLES)), cycle(OTHER_STYLES), strict=False)
    figure = new_figure(5.4, 5.2)
    axes = figure.subplots()
    axes.plot(
        [0, 1],
        [0, 1],
        color="#6E6E6E",
        linestyle=(0, (4, 3)),
        linewidth=1.6,
        label="chance",
        zorder=3,
    )
    for name, (colour, marker) in styles.items():
        of_mask = frame[frame["mask"] == name]
        label = f"{display(name).replace('_', ' ')}: {_area(of_mask)}"
        for _, curve in of_mask.groupby("seed"):
            rates = curve[list(RATES)].to_numpy(float)
            # The marker goes to the second point: the first is where nothing is called an edge.
            rule = len(rates) <= RULE_POINTS
            axes.plot(
                *rates.T,
                color=colour,
                linewidth=0.8 if rule else 1.2,
                marker=marker if rule else None,
                markevery=[1] if rule and len(rates) > 1 else None,
                markersize=8,
                label=label,
                clip_on=False,
            )
            label = "_seeds"  # one entry in the legend a mask
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    tidy(axes, grid="both")
    axes.legend(loc="lower right", title=_legend_title(frame), frameon=True, framealpha=0.9)
    return figure


def areas(frame: pd.DataFrame) -> np.ndarray:
    """Area under the curve of each seed of one mask's rows, float [seeds].

    Raises UserError where the rows of a seed name several."""
    by_seed = frame.groupby("seed")["auc"]
    least, most = by_seed.min(), by_seed.max()
    several = least != most
    if several.any():
        seed = several.index[int(several.argmax())]
        raise UserError(
            f"{WHERE}, '{frame['mask'].iloc[0]}', seed {seed}",
            expected="one area under the curve",
            found=f"areas from {least[seed]:g} to {most[seed]:g}",
        )
    return by_seed.first().to_numpy(float)


def _area(frame: pd.DataFrame) -> str:
    values = areas(frame)
    spread = f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else ""
    return f"{values.mean():.2f}{spread}"


def _legend_title(frame: pd.DataFrame) -> str:
    counts = frame.groupby("mask")["seed"].nunique()
    if counts.max() == 1:
        return "area under the curve (one seed)"
    few, many = counts.min(), counts.max()
    seeds = f"{many} seeds" if few == many else f"{few} to {many} seeds"
    return f"area under the curve,\nmean ± standard deviation of {seeds}"
