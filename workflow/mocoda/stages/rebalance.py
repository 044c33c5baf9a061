"""Stage 6: which generated rows a data set takes: all, or a subset of flatter density."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from mocoda.artifacts import read_json, write_json, write_tensors
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.jobs import Job
from mocoda.rebalance import REBALANCE
from mocoda.rebalance.selection import Candidates
from mocoda.seeding import numpy_generator
from mocoda.stages.sampling import SampleSettings
from mocoda.stores import read_columns, verify


def rebalance(job: Job) -> None:
    """Write the numbers of the chosen rows of the augmented store, and how they were chosen."""
    settings_model, select = REBALANCE[job.settings["kind"]]
    sampling = SampleSettings(generated_per_real=job.settings["generated_per_real"])
    target = sampling.generated_rows(int(read_json(job.inputs["real_manifest"])["rows"]))
    domain = DOMAINS[job.wildcards["domain"]]
    rows = int(verify(job.inputs["manifest"], job.inputs["store"])["rows"])
    selection = select(
        Candidates(rows, lambda: candidate_parts(domain, job.inputs["store"])),
        target,
        numpy_generator(domain.name, "rebalance", job.wildcards["distribution"], job.seed),
        settings_model.model_validate(job.settings["settings"]),
    )
    write_tensors(job.outputs["selection"], {"rows": torch.from_numpy(selection.indices)})
    write_json(job.outputs["card"], {"rows": len(selection.indices), **selection.facts})


def candidate_parts(domain: Domain, store: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What `Candidates.parts` gives: the domain's columns, and whether objects are near."""
    for (observation,) in read_columns(store, ["observation"]):
        columns = observation[:, list(domain.rebalance_columns)]
        eligible = np.ones(len(columns), dtype=bool)
        if domain.rebalance_max_distance is not None:
            half = columns.shape[1] // 2
            apart = columns[:, :half] - columns[:, half:]
            eligible = np.sqrt((apart**2).sum(axis=1)) < domain.rebalance_max_distance
        yield columns, eligible
