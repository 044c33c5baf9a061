"""Batches, a chain whose optimum is known, and MLPs in NumPy, for the agents' tests."""

from __future__ import annotations

import numpy as np
import torch

from mocoda.agents import Agent, Batch
from mocoda.networks import StackedMlp
from mocoda.seeding import torch_generator

INPUTS, ACTIONS = 3, 2


def random_batch(rows: int, name: object) -> Batch:
    noise = torch_generator("batch", name)
    return Batch(
        input=torch.randn(rows, INPUTS, generator=noise),
        action=torch.rand(rows, ACTIONS, generator=noise) * 2 - 1,
        reward=-torch.rand(rows, generator=noise),
        next_input=torch.randn(rows, INPUTS, generator=noise),
        not_terminated=(torch.rand(rows, generator=noise) > 0.3).float(),
    )


def train(agent: Agent, updates: int) -> list[list[float]]:
    """Random batches, each a function of the agent's counter alone; the metrics of each update."""
    metrics = []
    for _ in range(updates):
        batch = random_batch(agent.batch_size_for(agent.updates), agent.updates)
        metrics.append([float(loss) for loss in vars(agent.update(batch)).values()])
    return metrics


def numpy_mlp(network: StackedMlp, inputs: np.ndarray) -> np.ndarray:
    """Outputs [heads, rows, out] in float64."""
    state = {name: piece.double().numpy() for name, piece in network.state().items()}
    layers = len(state) // 2
    x = np.broadcast_to(inputs, (network.heads, *inputs.shape))
    for number in range(layers):
        bias = state[f"{number}.bias"][:, None]
        x = x @ state[f"{number}.weight"].transpose(0, 2, 1) + bias
        x = np.maximum(x, 0) if number < layers - 1 else x
    return x


def chain_batch(rows: int, name: object) -> Batch:
    """Two places, input (place, 1); the action's sign moves. Behaviour is uniform.

    Place 0: a > 0 costs 1 and leads to place 1; a < 0 costs 0.9 and leads nowhere.
    Place 1: a > 0 is free and ends the episode; a < 0 costs 1 and leads nowhere.
    With discount γ, Q*(1, +) = 0, Q*(1, -) = -1, Q*(0, +) = -1, Q*(0, -) = -0.9 - γ: the best
    first action is the one with the worse reward.
    """
    noise = torch_generator("chain", name)
    place = (torch.rand(rows, generator=noise) > 0.5).float()
    action = torch.rand(rows, 1, generator=noise) * 2 - 1
    forward = (action[:, 0] > 0).float()
    reward = torch.where(place > 0, forward - 1, -0.9 - 0.1 * forward)
    ones = torch.ones(rows)
    return Batch(
        input=torch.stack((place, ones), dim=1),
        action=action,
        reward=reward,
        next_input=torch.stack((torch.maximum(place, forward), ones), dim=1),
        not_terminated=1 - place * forward,
    )


CHAIN_PAIRS = torch.tensor([[1, 1, 0.5], [1, 1, -0.5], [0, 1, 0.5], [0, 1, -0.5]])
CHAIN_PLACES = torch.tensor([[0.0, 1.0], [1.0, 1.0]])


def chain_values(discount: float) -> torch.Tensor:
    """Q* of `CHAIN_PAIRS`."""
    return torch.tensor([0.0, -1.0, -1.0, -0.9 - discount])
