"""One-step errors of a dynamics model, object by object: on held-out rows, and on two-box rows.

Apart from the training, so that the oracle's rows, which only measure, rerun nothing.
"""

from __future__ import annotations

import numpy as np

from mocoda.artifacts import read_json, write_json
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.dynamics.ensemble import GaussianEnsemble
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.jobs import Job
from mocoda.masks import Mask
from mocoda.masks.stored import load_mask
from mocoda.stages.train_dynamics import load_dynamics, split_rows
from mocoda.stores import read_transitions
from mocoda.transitions import Transitions


def error_by_object(
    domain: Domain, model: GaussianEnsemble, mask: Mask, rows: Transitions
) -> dict[str, dict[str, float]]:
    """Root mean square error of each child's position and of all its columns (domain's units).

    Position: the norm over the columns of `object_positions`; children without one have none.
    """
    graphs = mask(rows.observation, rows.action)
    error = model.mean_prediction(rows.observation, rows.action, graphs) - rows.next_observation
    report: dict[str, dict[str, float]] = {}
    for slot in domain.slots.state:
        columns = list(slot.columns)
        entry = {"all_columns": float(np.sqrt((error[:, columns] ** 2).mean()))}
        for position in domain.object_positions:
            if set(position) <= set(columns):
                squared = (error[:, list(position)] ** 2).sum(axis=1)
                entry["position"] = float(np.sqrt(squared.mean()))
        report[slot.name] = entry
    return report


def report_dynamics(job: Job) -> None:
    """Write the errors on rows of held-out episodes that chose nothing, and on the oracle's, where
    the domain has one."""
    domain = DOMAINS[job.wildcards["domain"]]
    mask = load_mask(job.inputs["mask_card"], job.inputs["mask"], domain)
    model = load_dynamics(job.inputs["dynamics_card"], job.inputs["dynamics"], domain)
    settings = DynamicsSettings.model_validate(read_json(job.inputs["dynamics_card"])["settings"])
    transitions = read_transitions(job.inputs["manifest"], job.inputs["store"])
    held_out = transitions.take(split_rows(domain, transitions, settings, job.seed).reported)
    measured = {"held-out": held_out}
    if "oracle_store" in job.inputs:
        measured["two-box"] = read_transitions(
            job.inputs["oracle_manifest"], job.inputs["oracle_store"]
        )
    write_json(
        job.outputs["errors"],
        {name: error_by_object(domain, model, mask, rows) for name, rows in measured.items()},
    )
