"""Stage 6: which generated rows a data set takes: all, or a subset of flatter density."""

from __future__ import annotations

import numpy as np
import torch

from mocoda.artifacts import read_json, write_json, write_tensors
from mocoda.domains import DOMAINS
from mocoda.jobs import Job
from mocoda.rebalance import REBALANCE
from mocoda.seeding import numpy_generator
from mocoda.stages.sampling import SampleSettings
from mocoda.stores import read_columns, verify


def rebalance(job: Job) -> None:
    """Write the numbers of the chosen rows of the augmented store, and how they were chosen."""
    settings_model, select = REBALANCE[job.settings["kind"]]
    sampling = SampleSettings(generated_per_real=job.settings["generated_per_real"])
    target = sampling.generated_rows(int(read_json(job.inputs["real_manifest"])["rows"]))
    domain = DOMAINS[job.wildcards["domain"]]
    verify(job.inputs["manifest"], job.inputs["store"])
    columns = list(domain.rebalance_columns)
    observation = np.concatenate(
        [part[0][:, columns] for part in read_columns(job.inputs["store"], ["observation"])]
    )
    eligible = np.ones(len(observation), dtype=bool)
    if domain.rebalance_max_distance is not None:
        half = len(columns) // 2
        apart = observation[:, :half] - observation[:, half:]
        eligible = np.sqrt((apart**2).sum(axis=1)) < domain.rebalance_max_distance
    selection = select(
        observation,
        eligible,
        target,
        numpy_generator(domain.name, "rebalance", job.wildcards["distribution"], job.seed),
        settings_model.model_validate(job.settings["settings"]),
    )
    write_tensors(job.outputs["selection"], {"rows": torch.from_numpy(selection.indices)})
    write_json(job.outputs["card"], {"rows": len(selection.indices), **selection.facts})
