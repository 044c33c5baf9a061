"""Which rows of each data set obey the true dynamics: only for domains in closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mocoda.artifacts import atomic_path, read_tensors
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.jobs import Job
from mocoda.stages.model_error import truth
from mocoda.stores import read_columns, verify

# Errors (norm, in the domain's units) above which a row counts as off. Zero: not the truth's very
# bits. The other is our choice: a fifth of nav2d's largest step in one direction.
EXACT, CLOSE = 0.0, 0.01
COLUMNS = ["observation", "action", "next_observation"]


def row_errors(
    domain: Domain, manifest: str, store: str, selection: str | None = None
) -> np.ndarray:
    """Norms [n] of next observation minus truth, over the rows that a data set takes."""
    verify(manifest, store)
    chosen = None if selection is None else read_tensors(selection)["rows"].numpy()
    parts = [
        np.linalg.norm(
            (next_observation - truth(domain, observation, action)).astype(np.float64), axis=1
        )
        for observation, action, next_observation in read_columns(store, COLUMNS, chosen=chosen)
    ]
    return np.concatenate(parts)


def validity(job: Job) -> None:
    """Write, for each data set and seed, the shares of its rows that are off, and by how much.

    Rows generated for a data set alone are counted, without the logged rows that it also holds.
    Columns: distribution, dynamics, seed, rows, share_not_exact, share_off (error above
    `tolerance`), tolerance, mean_error, max_error.
    """
    domain = DOMAINS[job.wildcards["domain"]]
    seeds = job.settings["seeds"][:1] if job.settings["shared_data"] else job.settings["seeds"]
    stores = iter(job.inputs["augmented_stores"])
    manifests = iter(job.inputs["augmented_manifests"])
    selections = iter(job.inputs["selections"])
    real = dict(
        zip(
            seeds,
            zip(job.inputs["real_manifests"], job.inputs["real_stores"], strict=True),
            strict=True,
        )
    )
    rows = []
    for column in job.settings["columns"]:
        for seed in seeds:
            if column["distribution"] == "emp":
                errors = row_errors(domain, *real[seed])
            else:
                errors = row_errors(domain, next(manifests), next(stores), next(selections))
            rows.append(
                {
                    **column,
                    "seed": seed,
                    "rows": len(errors),
                    "share_not_exact": float((errors > EXACT).mean()),
                    "share_off": float((errors > CLOSE).mean()),
                    "tolerance": CLOSE,
                    "mean_error": float(errors.mean()),
                    "max_error": float(errors.max()),
                }
            )
            job.log(f"{column['distribution']}, seed {seed}: {rows[-1]['share_off']:.4f} off")
    with atomic_path(job.outputs["csv"]) as path:
        pd.DataFrame(rows).to_csv(path, index=False)
