"""Stage 4: fit the dynamics ensemble and report its one-step error, object by object."""

from __future__ import annotations

from typing import Any

import numpy as np

from mocoda.artifacts import read_json, read_tensors, write_json, write_tensors
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.dynamics import DYNAMICS
from mocoda.dynamics.ensemble import GaussianEnsemble
from mocoda.dynamics.fitting import DynamicsLearner, rows_of, split_episodes
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.jobs import Job
from mocoda.masks import Mask
from mocoda.seeding import seed_for, torch_generator
from mocoda.stages.fit_mask import load_mask
from mocoda.stores import read_transitions
from mocoda.training import train
from mocoda.transitions import Transitions


def load_dynamics(card: str, tensors: str, domain: Domain) -> GaussianEnsemble:
    """The model that an earlier `train_dynamics` wrote."""
    facts = read_json(card)
    settings = DynamicsSettings.model_validate(facts["settings"])
    model = GaussianEnsemble(domain, settings, DYNAMICS[facts["dynamics"]], None)
    model.load_tensors(read_tensors(tensors))
    return model


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


def train_dynamics(job: Job) -> None:
    """Write the ensemble's tensors and a card with settings, validation curve and errors."""
    domain = DOMAINS[job.wildcards["domain"]]
    settings = DynamicsSettings.model_validate(job.settings)
    mask = load_mask(job.inputs["mask_card"], job.inputs["mask"], domain)
    transitions = read_transitions(job.inputs["manifest"], job.inputs["store"])
    training, validation = split_episodes(
        transitions, settings.validation_share, seed_for(domain.name, "split", job.seed)
    )
    chooser = np.random.default_rng(seed_for(domain.name, "dynamics_rows", job.seed))
    if len(training) > settings.max_rows:
        training = np.sort(chooser.permutation(training)[: settings.max_rows])
    held_out = transitions.take(validation)
    # Validation runs often: a tenth of the training rows says enough.
    watched = np.sort(chooser.permutation(len(held_out))[: max(1000, len(training) // 40)])
    graphs = mask(transitions.observation, transitions.action)
    model = GaussianEnsemble(
        domain,
        settings,
        DYNAMICS[job.wildcards["dynamics"]],
        torch_generator(*job.names, "parameters"),
    )
    rows = rows_of(transitions.take(training), graphs[training], model.device)
    model.normalise_by(rows.inputs, rows.next_observation)
    watched_rows = rows_of(held_out.take(watched), graphs[validation][watched], model.device)
    learner = DynamicsLearner(model, rows, watched_rows, seed_for(*job.names))
    block = min(settings.validate_every, settings.updates)
    progress = train(
        learner,
        lambda number: learner.batches(number, block),
        settings.updates,
        block,
        checkpoint=job.checkpoint(),
        log=job.log,
        after_block=lambda updates: learner.check_validation(updates, job.log),
    )
    model.load_tensors(learner.best)
    errors: dict[str, Any] = {"held-out": error_by_object(domain, model, mask, held_out)}
    if "oracle_manifest" in job.inputs:
        target = read_transitions(job.inputs["oracle_manifest"], job.inputs["oracle_store"])
        errors["target task"] = error_by_object(domain, model, mask, target)
    write_tensors(job.outputs["dynamics"], model.tensors())
    write_json(
        job.outputs["card"],
        {
            "dynamics": job.wildcards["dynamics"],
            "settings": job.settings,
            "rows": len(training),
            "updates": progress.updates,
            "stopped_early": progress.updates < settings.updates,
            "validation": [
                {"updates": int(u), "rmse": rmse, "nll": nll} for u, rmse, nll in learner.scores
            ],
            "errors": errors,
        },
    )
