"""The pictures beside the tables, drawn from saved artefacts only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mocoda import figures
from mocoda.artifacts import read_json, read_tensors
from mocoda.jobs import Job
from mocoda.stores import read_columns, read_transitions, verify
from mocoda.tables import read_runs
from mocoda.tables.names import display

# Rows a data set shows in the coverage figure.
SHOWN = 200_000
# The columns that the coverage figure shows: x and y of both boxes of HookSweep2.
BOX_COLUMNS = [6, 7, 11, 12]


def draw_figures(job: Job) -> None:
    """Write coverage, learning curves, results, dynamics errors and the data card of one seed."""
    folder = Path(job.outputs["folder"])
    draw_data(job, folder)
    runs = read_runs(job.inputs["episodes"])
    if not runs.curves.empty:
        figures.save(figures.curves(runs.curves), folder / "curves.png")
    figures.save(figures.bars(pd.read_csv(job.inputs["csv"])), folder / "results.png")
    errors = [
        {
            "dynamics": Path(file).parent.name,
            "seed": Path(file).parent.parent.parent.name.removeprefix("seed_"),
            "data": data,
            "object": name,
            "rmse_mm": 1000 * entry["position"],
        }
        for file in job.inputs["dynamics_errors"]
        for data, report in read_json(file).items()
        for name, entry in report.items()
        if "position" in entry
    ]
    if errors:
        figure = figures.dynamics_errors(pd.DataFrame(errors))
        figures.save(figure, folder / "dynamics_errors.png")


def draw_data(job: Job, folder: Path) -> None:
    """The empirical data's card, and the box pairs of each distribution."""
    rows = read_transitions(job.inputs["manifest"], job.inputs["store"])
    figures.save(figures.data_card(rows.observation, rows.goal), folder / "data_card.png")
    shown = {display("emp"): rows.observation[:SHOWN, BOX_COLUMNS]}
    if "augmented_store" in job.inputs:
        verify(job.inputs["augmented_manifest"], job.inputs["augmented_store"])
        shown |= draw_generated(job)
    figures.save(figures.coverage(shown), folder / "coverage.png")


def draw_generated(job: Job) -> dict[str, np.ndarray]:
    """Box positions [n, 4] of the rows that each distribution takes, by display name."""
    shown = {}
    boxes = np.concatenate(
        [
            part[0][:, BOX_COLUMNS]
            for part in read_columns(job.inputs["augmented_store"], ["observation"])
        ]
    )
    for file in job.inputs["selections"]:
        chosen = read_tensors(file)["rows"].numpy()[:SHOWN]
        name = Path(file).parent.parent.name
        shown[display(name)] = boxes[chosen]
    return shown
