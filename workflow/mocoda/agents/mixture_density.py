"""The behaviour policy as an ensemble of mixture density networks (Bishop, 1994).

Each member maps an input to a mixture of Gaussians with diagonal covariance over the action; the
ensemble is the even mixture of its members. All members learn from the same batches and differ by
their start (our choice: the published code names only their number and sizes).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from mocoda.networks import StackedMlp

# Smallest standard deviation, in units of action in [-1, 1] (our choice): actions clipped at the
# limits would otherwise let the likelihood grow without bound.
DEVIATION_FLOOR = 0.01


class MixtureDensity:
    """Mixtures of `components` Gaussians over `action_dim` columns, one from each head of a network
    with `output_dim(components, action_dim)` outputs."""

    def __init__(self, network: StackedMlp, action_dim: int) -> None:
        self.network, self.action_dim = network, action_dim
        self.components = network.sizes[-1] // (1 + 2 * action_dim)

    @staticmethod
    def output_dim(components: int, action_dim: int) -> int:
        """Outputs a head: for each component a log weight, a mean and a spread per column."""
        return components * (1 + 2 * action_dim)

    def mixtures(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log weights [m, n, c], means and standard deviations [m, n, c, act] of inputs [n, in]."""
        outputs = self.network(inputs)
        shape = (*outputs.shape[:-1], self.components, self.action_dim)
        count = self.components * self.action_dim
        logits, mean, spread = outputs.split([self.components, count, count], dim=-1)
        deviation = softplus(spread).add(DEVIATION_FLOOR)
        return logits.log_softmax(dim=-1), mean.reshape(shape), deviation.reshape(shape)

    def negative_log_likelihood(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Mean over rows of -log p(action | input) in nats, summed over the members: [], or [runs]
        where inputs and actions have runs in front."""
        log_weight, mean, deviation = self.mixtures(inputs)
        z = (action.unsqueeze(-2).unsqueeze(-4) - mean) / deviation
        constant = 0.5 * self.action_dim * math.log(2 * math.pi)
        log_density = -0.5 * z.square().sum(-1) - deviation.log().sum(-1) - constant
        return -(log_weight + log_density).logsumexp(dim=-1).mean(dim=-1).sum(dim=-1)

    def sample(self, inputs: Tensor, uniform: Tensor, normal: Tensor) -> Tensor:
        """Actions [n, k, act], clipped to [-1, 1], for inputs [n, in]; made of the given noise.
        All may have runs in front.

        uniform : [n, k] or [1, k] in [0, 1), picks member and component; normal : [n, k, act] or
        [1, k, act], standard normal. The networks are evaluated once a row, not once a sample.
        """
        log_weight, mean, deviation = self.mixtures(inputs)
        rows, count = inputs.shape[:-1], uniform.shape[-1]
        weight = log_weight.exp().movedim(-3, -2).flatten(-2) / self.network.heads
        chosen = torch.searchsorted(
            weight.cumsum(dim=-1), uniform.expand(*rows, count).contiguous(), right=True
        ).clamp_(max=weight.shape[-1] - 1)
        index = chosen.unsqueeze(-1).expand(*rows, count, self.action_dim)
        mean, deviation = (
            values.movedim(-4, -3).flatten(-3, -2).gather(-2, index) for values in (mean, deviation)
        )
        return torch.addcmul(mean, deviation, normal).clamp_(-1, 1)
