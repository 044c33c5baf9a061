"""Tables of scales that change one thing each, in one (`results/<domain>/ablations.csv`)."""

from __future__ import annotations

import pandas as pd

from mocoda.artifacts import atomic_path
from mocoda.jobs import Job
from mocoda.tables.ablations import Ablation, ablations_markdown, set_beside


def compare_ablations(job: Job) -> None:
    """Write `ablations.csv` (the rows of all scales' tables, for the cells that they share) and
    `ablations.md`."""
    domain = job.wildcards["domain"]
    ablations = [
        Ablation(scale, what, pd.read_csv(file))
        for (scale, what), file in zip(job.settings["scales"], job.inputs["tables"], strict=True)
    ]
    rows = set_beside(domain, ablations)
    with atomic_path(job.outputs["csv"]) as path:
        rows.to_csv(path, index=False)
    with atomic_path(job.outputs["markdown"]) as path:
        path.write_text(ablations_markdown(domain, rows))
