"""Whether bf16 learns what fp32 learns: rows of the table from two scales of nav2d.

They differ by the arithmetic alone; `make bench` runs them, and each cell keeps what it is made
from in results/nav2d/<scale>/tables.csv.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from benchmarks.results import processor
from mocoda.tables.names import display

SCALES = {"bf16": "precision_bf16", "fp32": "precision_fp32"}
OPERATION = "learning in bf16"
# What is compared, and the columns that name a cell.
METRICS = ("steps to goal", "error norm x100, mean prediction")
CELL = ["agent", "distribution", "dynamics", "metric", "unit"]


def rows(folder: Path) -> list[dict[str, object]]:
    """A row for each cell of both tables below `folder` (results/nav2d); none if one is missing.

    ratio : of the means over seeds; spread : the 95 % interval of fp32 over its mean, which says
    how far seeds alone move a ratio.
    """
    files = {name: folder / scale / "tables.csv" for name, scale in SCALES.items()}
    if not all(file.exists() for file in files.values()):
        return []
    ours, fp32 = (pd.read_csv(files[name]) for name in SCALES)
    both = ours.merge(fp32, on=CELL, suffixes=("", " fp32"))
    made = datetime.fromtimestamp(files["bf16"].stat().st_mtime, UTC)
    found: list[dict[str, object]] = []
    for facts in both.to_dict("records"):
        if facts["metric"] not in METRICS or facts["distribution"] == "-":  # the oracle
            continue
        mean, peer = facts["mean"], facts["mean fp32"]
        who = "" if facts["agent"] == "-" else f"{display(facts['agent'])} on "
        by = "" if facts["dynamics"] == "none" else f", {facts['dynamics'].replace('_', ' ')}"
        found.append(
            {
                "operation": OPERATION,
                "shape": f"nav2d, {facts['metric']}: {who}{display(facts['distribution'])}{by}",
                "unit": facts["unit"],
                "ours": "bf16",
                "ours_measured": float(f"{mean:.5g}"),
                "peer": "ours in fp32",
                "peer_measured": float(f"{peer:.5g}"),
                "ratio": float(f"{mean / peer:.4g}"),
                "target_ratio": None,
                "rounds": facts["seeds"],
                "spread": "-".join(
                    f"{facts[end] / peer:.3g}" for end in ("ci_low fp32", "ci_high fp32")
                ),
                "threads": 1,
                "processor": processor(),
                "torch": "",
                "commit": f"code {facts['code_version']}",
                "date": made.strftime("%Y-%m-%d %H:%M UTC"),
                "note": f"means over {facts['seeds']} seeds, rounds: seeds; spread: 95 % interval "
                "of fp32 over its mean",
            }
        )
    return found
