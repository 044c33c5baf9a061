"""What the plain agents share."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from mocoda.agents.base import AgentSettings, Batch

Network = TypeVar("Network", bound=nn.Module)


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Critic(nn.Module):
    """Q of rows of inputs and actions: [b]."""

    def __init__(self, input_dim: int, action_dim: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.net = mlp((input_dim + action_dim, *hidden, 1))

    def forward(self, inputs: Tensor, action: Tensor) -> Tensor:
        value: Tensor = self.net(torch.cat((inputs, action), dim=1))
        return value.squeeze(1)


def target_of(network: Network) -> Network:
    """A copy that no gradient reaches."""
    return copy.deepcopy(network).requires_grad_(False)


def move_target(target: nn.Module, network: nn.Module, rate: float) -> None:
    """Polyak averaging, one parameter after the other."""
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), network.parameters(), strict=True):
            slow.data.mul_(1 - rate).add_(fast.data, alpha=rate)


def bellman_target(batch: Batch, next_value: Tensor, settings: AgentSettings) -> Tensor:
    """The clipped target that all agents share: [b]."""
    target = batch.reward + settings.discount * batch.not_terminated * next_value
    return target.clamp(settings.target_low, settings.target_high)
