"""Forward and backward passes through a few heads of a stacked network at a time.

Why not all heads forward and then all heads backward (`StackedMlp.__call__`): what one member of a
dynamics ensemble keeps for its backward pass fits into a processor's cache, what all keep does not.
Whoever evaluates a member, takes the gradient of its loss and goes back through it before the next
one finds everything there. (Our choice.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mocoda.matrix_products import Layers, linear, relu_, relu_backward
from mocoda.networks import StackedMlp


@dataclass(frozen=True)
class HeadGroup:
    """Some neighbouring heads of a network; views that begin with an axis of these heads.

    layers : weights and biases as the products read them. written : where a backward pass leaves
    their gradients. last : the fp32 masters of the last layer.
    """

    heads: slice
    layers: Layers
    written: Layers
    last: tuple[Tensor, Tensor]


def groups(network: StackedMlp, size: int) -> list[HeadGroup]:
    """All heads of a network, `size` neighbours at a time; valid as long as the network."""
    products, written = network.layers("products"), network.layers("written")
    weight, bias = network.layers("masters")[-1]
    return [
        HeadGroup(
            heads,
            [(w[heads], b[heads]) for w, b in products],
            [(w[heads], b[heads]) for w, b in written],
            (weight[heads], bias[heads]),
        )
        for heads in (slice(start, start + size) for start in range(0, network.heads, size))
    ]


def forward(group: HeadGroup, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """fp32 outputs [heads, out, batch] of inputs [heads, batch, in] in the dtype of the products.

    Also returns the input of each layer, which `backward` asks for.
    """
    inputs = [x]
    for weight, bias in group.layers[:-1]:
        inputs.append(relu_(linear(inputs[-1], weight, bias)))
    weight, bias = group.last
    return torch.baddbmm(bias.unsqueeze(-1), weight, inputs[-1].float().mT), inputs


def backward(
    group: HeadGroup, gradient: Tensor, inputs: list[Tensor], to_input: bool
) -> Tensor | None:
    """Write d loss / d parameters to `group.written`; d loss / d input is returned if `to_input`.

    gradient : d loss / d output, [heads, out, batch]. When all groups are done,
    `StackedMlp.add_written` takes the gradients over.
    """
    gradient = gradient.to(inputs[0].dtype).mT
    for number in reversed(range(len(inputs))):
        weight_gradient, bias_gradient = group.written[number]
        torch.bmm(gradient.mT, inputs[number], out=weight_gradient)
        torch.sum(gradient, dim=-2, out=bias_gradient)
        if number == 0 and not to_input:
            return None
        gradient = torch.bmm(gradient, group.layers[number][0])
        if number > 0:
            relu_backward(gradient, inputs[number], out=gradient)
    return gradient
