"""The parameters that a network starts from: torch's default, or those of the published code."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

# How a network's parameters are drawn at first.
Start = Literal["uniform", "orthogonal"]
# The published code's factor of the last layer.
LAST_LAYER = 0.1


def draw_uniform(
    layers: Sequence[tuple[Tensor, Tensor]], streams: Sequence[torch.Generator], heads: int
) -> None:
    """Fill weights [runs x heads, out, in] and biases [runs x heads, out], layer by layer, with
    U(-1/√in, 1/√in) as `torch.nn.Linear` starts; a stream for each run."""
    for weight, bias in layers:
        bound = 1 / math.sqrt(weight.shape[-1])
        for piece in (weight, bias):
            for own, stream in zip(piece.split(heads), streams, strict=False):
                own.copy_(torch.rand(own.shape, generator=stream).mul_(2).sub_(1) * bound)


def draw_orthogonal(
    layers: Sequence[tuple[Tensor, Tensor]], streams: Sequence[torch.Generator], heads: int
) -> None:
    """As MoCoDA's code starts its agents: orthogonal weights (rows or columns of length 1, those of
    the last layer of 0.1), no biases; further heads, its second critic, start uniform.

    With few inputs the first layer's weights are far smaller than torch's (for 4 inputs and 512
    units some 0.04 against 0.29), and all kinks of the ReLUs meet in the origin: what is learned is
    smoother, we guess from what BCQ gains.
    """
    draw_uniform(layers, streams, heads)
    for number, (weight, bias) in enumerate(layers):
        gain = LAST_LAYER if number == len(layers) - 1 else 1.0
        for own, stream in zip(weight.split(heads), streams, strict=False):
            torch.nn.init.orthogonal_(own[0], gain, generator=stream)
        bias[::heads].zero_()


DRAW: dict[Start, Callable[..., None]] = {"uniform": draw_uniform, "orthogonal": draw_orthogonal}
