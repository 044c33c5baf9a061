"""The table and the pictures of masks, from what `report_mask` and `validation_loss` measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mocoda import figures
from mocoda.artifacts import atomic_path, read_json
from mocoda.jobs import Job
from mocoda.tables.lineage import chain_hashes
from mocoda.tables.masks import masks_markdown, table_of_masks
from mocoda.tables.names import display


def mask_tables(job: Job) -> None:
    """Write `mask_quality.csv`, `mask_quality.md` and a folder of figures."""
    reports, facts, curves = {}, {}, []
    for report, curve in zip(job.inputs["reports"], job.inputs["curves"], strict=True):
        points = pd.read_csv(curve)
        key = str(points["mask"].iloc[0]), int(points["seed"].iloc[0])
        reports[key] = read_json(report)
        facts[key] = chain_hashes(Path(report))
        curves.append(points.assign(auc=reports[key]["auc"]))
    losses = [pd.read_csv(file) for file in job.inputs.get("validation_loss", [])]
    all_losses = pd.concat(losses, ignore_index=True) if losses else None
    frame = table_of_masks(reports, job.wildcards["domain"], job.wildcards["scale"], facts)
    with atomic_path(job.outputs["csv"]) as path:
        frame.to_csv(path, index=False)
    with atomic_path(job.outputs["markdown"]) as path:
        path.write_text(masks_markdown(frame, all_losses, job.settings["notes"]))
    folder = Path(job.outputs["figures"])
    # Without those that are not defined: see `report_mask`.
    defined = pd.concat(curves, ignore_index=True).dropna(subset="auc")
    if len(defined):
        figures.save(figures.mask_roc(defined), folder / "roc.png")
    # The first seed's graphs, the truth first.
    first = {mask: reports[mask, seed] for mask, seed in reversed(reports)}
    any_report = next(iter(first.values()))
    names = any_report["roots"], any_report["children"]
    panels = {"truth": (np.array(any_report["mean_truth"]), *names)} | {
        display(mask): (np.array(report["mean_mask"]), *names)
        for mask, report in reversed(first.items())
    }
    figures.save(figures.mask_means(panels), folder / "mean_masks.png")
    if all_losses is not None:
        figures.save(figures.validation_loss(all_losses), folder / "validation_loss.png")
