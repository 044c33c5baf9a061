"""A Gaussian squashed by tanh: the policy of SAC and CQL (Haarnoja et al., 2018, appendix C).

    u = μ(s) + σ(s) ε,  ε ~ N(0, 1);   a = tanh(u);   log π(a|s) = Σ [log N(u; μ, σ) - log(1 - a²)]

The deviation depends on the state, and its logarithm is clipped to [-20, 2] (published code).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

LOG_DEVIATION_RANGE = (-20.0, 2.0)


def sample(outputs: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    """Actions [.., act] in [-1, 1] and their log density [..] in nats.

    outputs : [.., 2 act], a network's means and then its log deviations, before squashing.
    normal : [.., act], standard normal. Gradients flow to `outputs` through both results.
    """
    mean, log_deviation = outputs.chunk(2, dim=-1)
    log_deviation = log_deviation.clamp(*LOG_DEVIATION_RANGE)
    before = torch.addcmul(mean, log_deviation.exp(), normal)
    log_normal = -0.5 * normal.square() - log_deviation - 0.5 * math.log(2 * math.pi)
    # log(1 - tanh²(u)) in a form that keeps its digits where tanh rounds to ±1.
    log_slope = 2 * (math.log(2) - before - softplus(-2 * before))
    return before.tanh(), (log_normal - log_slope).sum(dim=-1)


def central_action(outputs: Tensor) -> Tensor:
    """The action without noise, tanh of the mean: [.., act] of outputs [.., 2 act]."""
    return outputs.chunk(2, dim=-1)[0].tanh()
