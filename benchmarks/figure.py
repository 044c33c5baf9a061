"""The ratios as a picture: a line an operation and shape, a point a peer and variant of ours."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.results import COLUMNS
from mocoda.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    legend_below,
    new_figure,
    require,
    tidy,
)

COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, "#6E6E6E", "#8C564B")
TARGET, SLOWER = "target", "the same speed"
IN_FP32 = "hollow: ours in fp32"
SHAPE_LETTERS = 48


def draw(frame: pd.DataFrame) -> Figure:
    """Rate of ours over the rate of the peer, logarithmic, with the range over the rounds.

    frame : the table of benchmarks. Colours are peers; a hollow point is ours in fp32 where there
    is a bf16 one too; black strokes are targets.
    """
    require(frame, COLUMNS, "figure of benchmarks")
    places = list(dict.fromkeys(zip(frame["operation"], frame["shape"], strict=True)))
    colours = {
        peer: COLOURS[number % len(COLOURS)]
        for number, peer in enumerate(dict.fromkeys(frame["peer"]))
    }
    figure = new_figure(10.0, 1.6 + 0.75 * len(places))
    axes = figure.subplots()
    for height, (operation, shape) in enumerate(places):
        part = frame[(frame["operation"] == operation) & (frame["shape"] == shape)]
        _draw_line(axes, height, part, colours)
    axes.axvline(1.0, color=BLACK, linewidth=0.8, linestyle=":", label=SLOWER)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    labels = [f"{operation}\n{textwrap.fill(shape, SHAPE_LETTERS)}" for operation, shape in places]
    axes.set_yticks(range(len(places)), labels, fontsize=8)
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.set_xlabel("our rate / the peer's, timed in turn, one thread each unless said otherwise")
    tidy(axes, grid="x")
    legend_below(figure, [axes])
    return figure


def _draw_line(axes: Axes, height: int, part: pd.DataFrame, colours: dict[str, str]) -> None:
    """The points of one operation and shape, one beneath the other."""
    variants = set(part["ours"])
    for number, line in enumerate(part.to_dict("records")):
        at = height + 0.7 * ((number + 0.5) / len(part) - 0.5)
        colour = colours[line["peer"]]
        lowest, highest = (float(end) for end in line["spread"].split("-"))
        axes.plot([lowest, highest], [at, at], color=colour, linewidth=2, alpha=0.5)
        hollow = line["ours"] == "fp32" and "bf16" in variants
        filled = {"color": colour, "markersize": 5, "linestyle": "none"}
        axes.plot(
            line["ratio"],
            at,
            marker="o",
            markerfacecolor="white" if hollow else colour,
            label=IN_FP32 if hollow else f"against {line['peer']}",
            **filled,  # type: ignore[arg-type]
        )
        named = len(variants) > 1 and not variants & {"bf16", "fp32"}
        axes.annotate(
            f"{line['ratio']:.3g}" + (f" ({line['ours']})" if named else ""),
            (max(highest, line["ratio"]), at),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
        )
        if pd.notna(line["target_ratio"]):
            ends = [height - 0.42, height + 0.42]
            axes.plot([line["target_ratio"]] * 2, ends, color=BLACK, label=TARGET)
