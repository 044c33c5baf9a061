"""Stage 3: the distribution of new state-action parents, one mixture a parent set."""

from __future__ import annotations

import numpy as np
import torch

from mocoda.artifacts import read_tensors, write_json, write_tensors
from mocoda.domains import DOMAINS
from mocoda.factors import mask_id
from mocoda.jobs import Job
from mocoda.masks.stored import load_mask
from mocoda.parents import gmm
from mocoda.parents.settings import GmmSettings
from mocoda.seeding import numpy_generator
from mocoda.stores import read_transitions


def load_parents(tensors: str) -> gmm.Parents:
    """The parents that an earlier `fit_gmm_parents` wrote."""
    return gmm.from_arrays({name: value.numpy() for name, value in read_tensors(tensors).items()})


def fit_gmm_parents(job: Job) -> None:
    """Write the mixtures and a card with the settings and a sample's rejection counts."""
    domain = DOMAINS[job.wildcards["domain"]]
    settings = GmmSettings.model_validate(job.settings)
    mask = load_mask(job.inputs["mask_card"], job.inputs["mask"], domain)
    transitions = read_transitions(job.inputs["manifest"], job.inputs["store"])
    rows = np.concatenate([transitions.observation, transitions.action], axis=1).astype(np.float64)
    graphs = None
    if settings.stratify:
        graphs = mask_id(mask(transitions.observation, transitions.action))
    columns = [domain.slots.columns_of(names) for names in domain.parent_sets]
    parents = gmm.fit(rows, columns, settings, numpy_generator(*job.names), graphs, job.log)
    _, counts = gmm.propose_for(domain, mask, parents, 20_000, numpy_generator(*job.names, "check"))
    job.log(f"of 20000 accepted parents: {counts}")
    write_tensors(
        job.outputs["parents"],
        {
            name: torch.from_numpy(np.ascontiguousarray(a))
            for name, a in parents.to_arrays().items()
        },
    )
    write_json(
        job.outputs["card"],
        {
            "settings": job.settings,
            "parent_sets": [list(names) for names in domain.parent_sets],
            "proposals_for_20000_rows": counts,
        },
    )
