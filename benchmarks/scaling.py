"""How time and memory grow: with transitions, and with the objects of a domain.

    python -m benchmarks.scaling [--only NAME ...] [--largest ROWS] [--output FOLDER]

Each point is a process of its own, so that its peak memory is its own: see `scaling_point`.
Writes scaling.csv and scaling.png.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from benchmarks import results
from mocoda.artifacts import atomic_path
from mocoda.figures.small_png import save_small
from mocoda.figures.style import BLUE, GREEN, ORANGE, PURPLE, RED, SKY, new_figure, tidy

ROWS = (10_000, 100_000, 1_000_000, 5_000_000)
OBJECTS = (2, 4, 8, 16, 32)
# What a point measures, by its name: the axis that it grows along, and what a unit of it is.
STAGES = {
    "fit_gmm_parents": "rows",
    "sample_augmented": "rows",
    "coda": "rows",
    "rebalance": "rows",
    "load_agent_data": "rows",
    "components": "objects",
    "learned_mask": "objects",
    "dynamics_update": "objects",
}
COLOURS = dict(zip(STAGES, (BLUE, ORANGE, GREEN, RED, PURPLE, BLUE, ORANGE, GREEN), strict=True))
COLUMNS = ["what", "axis", "size", "seconds", "peak_mb", "start_mb", "processor", "commit", "date"]


def measure(what: str, size: int, folder: Path) -> dict[str, float]:
    """Seconds, peak and starting memory (MB) of one point, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scaling_point", what, str(size), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{what} at {size} failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def slope(sizes: np.ndarray, values: np.ndarray) -> float:
    """Exponent p of values ~ sizes^p between the two largest sizes."""
    return float(np.log(values[-1] / values[-2]) / np.log(sizes[-1] / sizes[-2]))


def draw(frame: pd.DataFrame) -> Figure:
    """Seconds and memory above the start, against rows; seconds against objects."""
    figure = new_figure(12.0, 4.6)
    panels = figure.subplots(1, 3)
    for axes, axis, value, title in (
        (panels[0], "rows", "seconds", "seconds a stage (one core)"),
        (panels[1], "rows", "memory", "peak memory above the imports, MB"),
        (panels[2], "objects", "seconds", "seconds (fixed number of rows)"),
    ):
        part = frame[frame["axis"] == axis].assign(
            memory=lambda rows: (rows["peak_mb"] - rows["start_mb"]).clip(lower=1.0)
        )
        for what, line in part.groupby("what", sort=False):
            line = line.sort_values("size")
            label = str(what).replace("_", " ")
            if len(line) > 1:
                grows = slope(line["size"].to_numpy(), line[value].to_numpy())
                label += f" (~n^{grows:.1f})"
            axes.plot(
                line["size"],
                line[value],
                marker="o",
                color=COLOURS.get(str(what), SKY),
                label=label,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        if axis == "objects":
            axes.set_xticks(OBJECTS, [str(objects) for objects in OBJECTS])
            axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("transitions" if axis == "rows" else "objects (slots of the state)")
        axes.set_title(title, fontsize=9)
        tidy(axes)
        if not part.empty:
            axes.legend(fontsize=7)
    return figure


def main(arguments: Sequence[str]) -> int:
    """Measure the points, then write the table and the figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(STAGES), default=list(STAGES))
    parser.add_argument("--largest", type=int, default=ROWS[-1], help="rows at most")
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder")
    given = parser.parse_args(arguments)
    table = given.output / "scaling.csv"
    with tempfile.TemporaryDirectory(prefix="mocoda-scaling-") as name:
        for what in given.only:
            sizes = OBJECTS if STAGES[what] == "objects" else ROWS
            for size in (size for size in sizes if size <= given.largest):
                found = measure(what, size, Path(name))
                point = {"what": what, "axis": STAGES[what], "size": size, **found}
                point |= {"processor": results.processor(), "commit": results.commit()}
                point["date"] = pd.Timestamp.now("UTC").strftime("%Y-%m-%d %H:%M UTC")
                before = pd.read_csv(table) if table.exists() else pd.DataFrame(columns=COLUMNS)
                kept = before[(before["what"] != what) | (before["size"] != size)]
                new = pd.DataFrame([point], columns=COLUMNS)
                frame = new if kept.empty else pd.concat([kept, new], ignore_index=True)
                with atomic_path(table) as path:
                    frame.to_csv(path, index=False)
                print(f"{what}, {size}: {found}", file=sys.stderr, flush=True)
                save_small(draw(frame), given.output / "scaling.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
