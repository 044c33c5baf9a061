"""Stage 4: fit the dynamics ensemble; `report_dynamics` measures it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocoda.artifacts import read_json, read_tensors, write_json, write_tensors
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.dynamics import DYNAMICS
from mocoda.dynamics.ensemble import GaussianEnsemble
from mocoda.dynamics.fitting import DynamicsLearner, rows_of
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.episodes import shared_split
from mocoda.jobs import Job
from mocoda.masks.stored import load_mask
from mocoda.seeding import seed_for, torch_generator
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


@dataclass(frozen=True)
class Split:
    """Numbers of the rows to train on, to choose the best parameters by, and to report on."""

    training: np.ndarray
    watched: np.ndarray
    reported: np.ndarray


def split_rows(
    domain: Domain, transitions: Transitions, settings: DynamicsSettings, seed: int
) -> Split:
    """Held-out episodes give the watched rows (validation runs often: a part says enough) and, what
    is left, the reported ones."""
    training, held_out = shared_split(domain.name, transitions, settings.validation_share, seed)
    chooser = np.random.default_rng(seed_for(domain.name, "dynamics_rows", seed))
    if len(training) > settings.max_rows:
        training = np.sort(chooser.permutation(training)[: settings.max_rows])
    shuffled = chooser.permutation(held_out)
    watched = np.sort(shuffled[: max(1, min(len(training) // 40, len(held_out) // 2))])
    return Split(training, watched, np.setdiff1d(held_out, watched))


def train_dynamics(job: Job) -> None:
    """Write the ensemble's tensors and a card with settings and validation curve."""
    domain = DOMAINS[job.wildcards["domain"]]
    settings = DynamicsSettings.model_validate(job.settings)
    mask = load_mask(job.inputs["mask_card"], job.inputs["mask"], domain)
    transitions = read_transitions(job.inputs["manifest"], job.inputs["store"])
    split = split_rows(domain, transitions, settings, job.seed)
    graphs = mask(transitions.observation, transitions.action)
    model = GaussianEnsemble(
        domain,
        settings,
        DYNAMICS[job.wildcards["dynamics"]],
        torch_generator(*job.names, "parameters"),
    )
    rows = rows_of(transitions.take(split.training), graphs[split.training], model.device)
    model.normalise_by(rows.inputs, rows.next_observation)
    watched = rows_of(transitions.take(split.watched), graphs[split.watched], model.device)
    learner = DynamicsLearner(model, rows, watched, seed_for(*job.names))
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
    write_tensors(job.outputs["dynamics"], model.tensors())
    write_json(
        job.outputs["card"],
        {
            "dynamics": job.wildcards["dynamics"],
            "settings": job.settings,
            "rows": len(rows),
            "updates": progress.updates,
            "stopped_early": progress.updates < settings.updates,
            "validation": [
                {"updates": int(u), "rmse": rmse, "nll": nll} for u, rmse, nll in learner.scores
            ],
        },
    )
