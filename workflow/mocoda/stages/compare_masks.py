"""Tables of scales that differ by their mask, in one (`results/<domain>/masks.csv`)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mocoda.artifacts import atomic_path
from mocoda.jobs import Job
from mocoda.tables.mask_comparison import MaskScale, compare, comparison_markdown


def compare_masks(job: Job) -> None:
    """Write `masks.csv` (a row per mask and measure) and `masks.md`."""
    scales = []
    for file, (scale, mask) in zip(job.inputs["tables"], job.settings["scales"], strict=True):
        beside = {
            name: next(
                (f for f in job.inputs.get(name, []) if Path(f).parent == Path(file).parent), None
            )
            for name in ("validity", "quality")
        }
        read = {name: None if path is None else pd.read_csv(path) for name, path in beside.items()}
        scales.append(MaskScale(scale, mask, pd.read_csv(file), **read))
    frame = compare(job.wildcards["domain"], scales)
    with atomic_path(job.outputs["csv"]) as path:
        frame.to_csv(path, index=False)
    with atomic_path(job.outputs["markdown"]) as path:
        path.write_text(comparison_markdown(frame))
