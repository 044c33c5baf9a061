"""What a learned mask trains: tensors by name, a prediction, a loss and soft edges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class MaskLosses:
    """The logged metrics of one update."""

    loss: Tensor
    squared_error: Tensor


class SandyNetwork(Protocol):
    """A dynamics model of standardised columns that shows which inputs its outputs depend on.

    inputs : float32 [n, obs + act], the columns of the state, then those of the action.
    """

    parameters: Parameters
    # Whether `edges` says which column depends on which, or which slot on which.
    edges_of_columns: bool

    def predict(self, inputs: Tensor, context: Tensor) -> Tensor:
        """Standardised targets [n, obs] of `inputs`, with the local graph (gates or attention) that
        the rows `context` have; the ordinary prediction has `context` = `inputs`."""

    def loss(self, inputs: Tensor, targets: Tensor) -> MaskLosses:
        """What one update minimises, on a batch."""

    def edges(self, inputs: Tensor) -> Tensor:
        """Soft edges, [n, roots, children] in [0, inf), of the columns or of the slots."""


def linear_parameters(
    name: str,
    sizes: tuple[int, ...],
    generator: torch.Generator,
    copies: int | None = None,
    gain: float = 1.0,
) -> Parameters:
    """Weights `name.0.weight` [(copies,) in, out] and biases [(copies, 1,) out] of an MLP.

    U(-1/sqrt(in), 1/sqrt(in)), as `torch.nn.Linear` starts; the weights times `gain`.
    """
    parameters: Parameters = {}
    batch = () if copies is None else (copies,)
    rows = () if copies is None else (1,)
    for layer, (before, after) in enumerate(pairwise(sizes)):
        bound = 1 / math.sqrt(before)
        for kind, shape in (
            ("weight", (*batch, before, after)),
            ("bias", (*batch, *rows, after)),
        ):
            scale = bound * gain if kind == "weight" else bound
            start = torch.rand(shape, generator=generator).mul_(2).sub_(1) * scale
            parameters[f"{name}.{layer}.{kind}"] = start.requires_grad_()
    return parameters


def weights_of(name: str, parameters: Parameters) -> list[Tensor]:
    """The weights of an MLP, from its input to its output."""
    weights: list[Tensor] = []
    while f"{name}.{len(weights)}.weight" in parameters:
        weights.append(parameters[f"{name}.{len(weights)}.weight"])
    return weights


def evaluate_mlp(name: str, parameters: Parameters, inputs: Tensor) -> Tensor:
    """The MLP `name`: ReLU between its layers, none after the last.

    inputs : [.., in]; for an MLP of several copies [n, in], the output is [copies, n, out].
    """
    weights = weights_of(name, parameters)
    values = inputs
    for layer, weight in enumerate(weights):
        bias = parameters[f"{name}.{layer}.bias"]
        if weight.dim() == 3:
            stacked = values.expand(len(weight), *values.shape[-2:])
            values = torch.baddbmm(bias, stacked, weight)
        else:
            values = torch.nn.functional.linear(values, weight.mT, bias)
        if layer < len(weights) - 1:
            values = values.relu()
    return values
