"""One update of an offline agent on ready batches: no data are drawn or copied."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.cases.variants import precisions
from benchmarks.peers.bcq import BCQ
from benchmarks.peers.cql import CQL
from benchmarks.peers.sac import SAC
from benchmarks.peers.td3_bc import TD3BC
from benchmarks.timing import Case, Contender, Contest, repeated
from benchmarks.worker import peer
from mocoda.agents import AGENTS, Batch
from mocoda.seeding import torch_generator

PEERS: dict[str, Callable[..., Any]] = {"td3_bc": TD3BC, "bcq": BCQ, "cql": CQL, "sac": SAC}
TITLES = {"td3_bc": "TD3-BC", "bcq": "BCQ", "cql": "CQL", "sac": "SAC"}
BATCH = 512
BATCHES = 16
# So many that the learning rate stays what it is.
UPDATES = 10**9

REPEATED = "PyTorch, states repeated"
FROZEN = "PyTorch, critics frozen"
NOTES = {
    "PyTorch": "same algorithm, settings and number of networks, in fp32",
    FROZEN: "the same, but the actor's step computes no gradient of the critics' weights, which "
    "single-file code computes and throws away",
    REPEATED: "the same, but each state goes through the behaviour ensemble once a proposal, as "
    "through the decoder of Fujimoto et al.'s code",
}
D3RLPY = {
    "td3_bc": "d3rlpy 2.8.1 TD3PlusBC: -λ Q1 + MSE as published, where ours has -min(Q1, Q2) + MSE",
    "bcq": "another algorithm: d3rlpy 2.8.1 BCQ as published has twin critics, a variational "
    "autoencoder and a perturbation, all trained in each update; here with 20 proposals",
    "cql": "another algorithm: d3rlpy 2.8.1 CQL as published has 10 actions from each of three "
    "distributions and learns two multipliers",
    "sac": "d3rlpy 2.8.1 SAC learns the temperature, ours is fixed",
}
D3RLPY_OPTIONS: dict[str, dict[str, Any]] = {"bcq": {"n_action_samples": 20}}


def random_batches(count: int, rows: int, input_dim: int, action_dim: int) -> list[Batch]:
    """Batches with the ranges of real ones: normalised inputs, rewards of -1 and 0."""
    noise = torch_generator("benchmarks", "batches", input_dim, action_dim)

    def batch() -> Batch:
        return Batch(
            input=torch.randn(rows, input_dim, generator=noise),
            action=torch.rand(rows, action_dim, generator=noise) * 2 - 1,
            reward=-(torch.rand(rows, generator=noise) < 0.9).float(),
            next_input=torch.randn(rows, input_dim, generator=noise),
            not_terminated=(torch.rand(rows, generator=noise) < 0.9).float(),
        )

    return [batch() for _ in range(count)]


def ours(
    agent: str, hidden: tuple[int, ...], input_dim: int, action_dim: int, precision: str
) -> Any:
    """Our agent in the paper's settings; BCQ with its behaviour ensemble taken as fitted."""
    variant = AGENTS[agent]
    settings = variant.settings.model_validate(
        {"hidden_sizes": hidden, "batch_size": BATCH, "precision": precision}
    )
    made: Any = variant.make(settings, input_dim, action_dim, UPDATES, 0, "cpu")
    if agent == "bcq":
        made.updates = made.settings.behaviour_updates
    return made


def make(agent: str, hidden: tuple[int, ...], input_dim: int, action_dim: int) -> Contest:
    """Ours in each precision, plain PyTorch, and d3rlpy where it is installed."""
    torch.manual_seed(0)
    batches = random_batches(BATCHES, BATCH, input_dim, action_dim)

    def contender(name: str, made: Any) -> Contender:
        turn = itertools.cycle(batches)
        return Contender(name, repeated(lambda: made.update(next(turn))))

    variants = {name: ours(agent, hidden, input_dim, action_dim, name) for name in precisions()}
    options: dict[str, dict[str, Any]] = {"PyTorch": {}}
    if agent == "bcq":
        options[REPEATED] = {"repeat": True}
    else:
        options[FROZEN] = {"freeze": True}
    plain = {
        name: PEERS[agent](variants["fp32"].settings, input_dim, action_dim, **given)
        for name, given in options.items()
    }
    settings = {
        "agent": agent,
        "hidden_sizes": hidden,
        "batch_size": BATCH,
        "input_dim": input_dim,
        "action_dim": action_dim,
        "options": D3RLPY_OPTIONS.get(agent, {}),
    }
    return Contest(
        ours=[contender(name, made) for name, made in variants.items()],
        peers=[
            *(contender(name, made) for name, made in plain.items()),
            *peer("d3rlpy", "d3rlpy", "benchmarks.worker_d3rlpy", settings),
        ],
        note=lambda mine, other: NOTES.get(other, D3RLPY[agent]),
    )


def _case(
    agent: str, hidden: tuple[int, ...], input_dim: int, action_dim: int, target: float
) -> Case:
    layers = f"{len(hidden)}x{hidden[0]}"
    targets = {("bf16", "PyTorch"): target}
    if agent == "bcq":
        targets["bf16", REPEATED] = target
    # Where d3rlpy's algorithm is nearly ours, the same target holds.
    if agent in ("td3_bc", "sac"):
        targets["bf16", "d3rlpy"] = target
    return Case(
        name=f"{agent}_{layers}",
        operation=f"{TITLES[agent]} update",
        shape=f"{layers}, batch {BATCH}, input {input_dim}, action {action_dim}",
        unit="updates/s",
        units=1,
        make=partial(make, agent, hidden, input_dim, action_dim),
        targets=targets,
    )


DEEP, SHALLOW = (512, 512, 512), (512, 512)

CASES = [
    _case("td3_bc", DEEP, 20, 4, target=4),
    _case("bcq", DEEP, 20, 4, target=6),
    _case("td3_bc", SHALLOW, 4, 2, target=4),
    _case("cql", SHALLOW, 4, 2, target=3),
    _case("sac", SHALLOW, 4, 2, target=3),
]
