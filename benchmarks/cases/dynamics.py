"""The ensemble of dynamics models, locally factored: one update, and children of many parents."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.cases.variants import precisions
from benchmarks.peers.dynamics import Ensemble
from benchmarks.timing import Case, Contender, Contest, repeated
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.dynamics import DYNAMICS
from mocoda.dynamics.ensemble import GaussianEnsemble
from mocoda.dynamics.fitting import DynamicsLearner, Rows
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.masks.heuristic import HeuristicMask, HeuristicMaskSettings
from mocoda.seeding import numpy_generator, torch_generator

TRAINING_ROWS = 100_000
SAMPLED_ROWS = 65_536
BATCHES = 16
# Divides the predicted deviation (published code).
DIVISOR = 3.0

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]


def hooksweep2_rows(domain: Domain, count: int, rng: np.random.Generator) -> Drawn:
    """Boxes and gripper anywhere within 0.2 m of the start, the mask by distance."""
    observation = rng.normal(0.0, 0.01, (count, domain.slots.observation_dim))
    for first in (0, 6, 11):
        observation[:, first : first + 2] += [1.85, 0.75]
        observation[:, first : first + 2] += rng.uniform(-0.2, 0.2, (count, 2))
    action = rng.uniform(-1, 1, (count, domain.slots.action_dim))
    mask = HeuristicMask(HeuristicMaskSettings(), domain)(observation, action)
    return observation.astype(np.float32), action.astype(np.float32), mask


def nav2d_rows(domain: Domain, count: int, rng: np.random.Generator) -> Drawn:
    """Anywhere in the unit square, with the true mask."""
    observation = rng.uniform(0, 1, (count, 2)).astype(np.float32)
    action = rng.uniform(-1, 1, (count, 2)).astype(np.float32)
    assert domain.true_mask is not None
    return observation, action, domain.true_mask(observation, action)


ROWS: dict[str, Callable[[Domain, int, np.random.Generator], Drawn]] = {
    "hooksweep2": hooksweep2_rows,
    "nav2d": nav2d_rows,
}


def ensemble(domain: Domain, precision: str, **changes: Any) -> GaussianEnsemble:
    """Five members of the default widths, not trained."""
    settings = DynamicsSettings.model_validate({"precision": precision, **changes})
    generator = torch_generator("benchmarks", "dynamics")
    return GaussianEnsemble(domain, settings, DYNAMICS["locally_factored"], generator)


def training_rows(domain: Domain, count: int) -> Rows:
    """Rows whose next state is the state and a smooth function of the action."""
    rng = numpy_generator("benchmarks", "dynamics", domain.name)
    observation, action, mask = ROWS[domain.name](domain, count, rng)
    mixing = rng.normal(size=(action.shape[1], observation.shape[1]))
    following = observation + 0.05 * np.tanh(action @ mixing)
    inputs = np.concatenate([observation, action], axis=1)
    return Rows(
        torch.from_numpy(inputs),
        torch.from_numpy(following.astype(np.float32)),
        torch.from_numpy(mask),
    )


def make_update(name: str) -> Contest:
    """One gradient step of all members, each on rows of its own, drawn beforehand."""
    torch.manual_seed(0)
    domain = DOMAINS[name]
    rows = training_rows(domain, TRAINING_ROWS)
    contenders = []
    for precision in precisions():
        model = ensemble(domain, precision)
        model.normalise_by(rows.inputs, rows.next_observation)
        learner = DynamicsLearner(model, rows, rows.take(torch.arange(1000)), seed=0)
        batches = learner.batches(0, BATCHES)
        contenders.append(_cycled(precision, learner.update, batches))
    plain = Ensemble(domain.slots, model.settings, model.statistics)
    return Contest(
        ours=contenders,
        peers=[_cycled("PyTorch", plain.update, batches)],
        note=lambda ours, peer: "same architecture; a module and an Adam a member",
    )


def make_inference(name: str) -> Contest:
    """A child for each of many parents, from a member drawn for it."""
    torch.manual_seed(0)
    domain = DOMAINS[name]
    rows = training_rows(domain, TRAINING_ROWS)
    rng = numpy_generator("benchmarks", "parents", name)
    observation, action, mask = ROWS[name](domain, SAMPLED_ROWS, rng)
    contenders = []
    for precision in precisions():
        model = ensemble(domain, precision)
        model.normalise_by(rows.inputs, rows.next_observation)
        noise = torch_generator("benchmarks", "noise")
        sample = partial(model.sample, observation, action, mask, DIVISOR, noise)
        contenders.append(Contender(precision, repeated(sample)))
    plain = Ensemble(domain.slots, model.settings, model.statistics)
    everyone = partial(plain.sample, observation, action, mask, DIVISOR)
    return Contest(
        ours=contenders,
        peers=[Contender("PyTorch", repeated(everyone))],
        note=lambda ours, peer: "the peer evaluates all members and picks one",
    )


def _cycled(name: str, update: Callable[[Rows], object], batches: list[Rows]) -> Contender:
    turn = itertools.cycle(batches)
    return Contender(name, repeated(lambda: update(next(turn))))


def _cases(name: str) -> list[Case]:
    settings, slots = DynamicsSettings(), DOMAINS[name].slots
    hidden = "x".join(map(str, settings.factored_hidden))
    shape = (
        f"{name}: {settings.members} members, {len(slots.state)} children of {hidden}, "
        f"composer {settings.composer_width}"
    )
    return [
        Case(
            name=f"dynamics_{name}",
            operation="dynamics update",
            shape=f"{shape}, batch {settings.batch_size}",
            unit="updates/s",
            units=1,
            make=partial(make_update, name),
            targets={("bf16", "PyTorch"): 4},
        ),
        Case(
            name=f"inference_{name}",
            operation="dynamics sampling",
            shape=f"{shape}, {SAMPLED_ROWS} rows",
            unit="rows/s",
            units=SAMPLED_ROWS,
            make=partial(make_inference, name),
            targets={("bf16", "PyTorch"): 7},
        ),
    ]


CASES = [*_cases("hooksweep2"), *_cases("nav2d")]
