"""The masked composer's linear algebra: embed each root, mask, sum; with a manual backward pass.

Why by hand: as a chain of tensor operations the features of all roots (members x roots x batch x
children x width) travel through memory ten times an update, and cost more than the networks that
follow. Here a root's features stay in the cache while they are embedded, masked and added.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mocoda.networks import StackedMlp, linear_relu


class _Compose(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, roots: Tensor, mask: Tensor, parameters: Tensor, composer: Composer
    ) -> Tensor:
        weight, bias = composer.network.layers("products")[0]
        children = mask.shape[-1]
        x = roots.to(weight.dtype)
        kept = mask.to(weight.dtype).unsqueeze(-1)
        features: list[list[Tensor]] = []
        composed = []
        for member in range(len(x)):
            total: Tensor | None = None
            features.append([])
            for root in range(composer.roots):
                head = member * composer.roots + root
                feature = linear_relu(x[member, :, root], weight[head], bias[head])
                features[member].append(feature)
                part = feature.view(len(feature), children, -1)
                allowed = kept[member, :, root]
                total = part * allowed if total is None else total.addcmul_(part, allowed)
            composed.append(total)
        ctx.composer, ctx.features, ctx.x, ctx.kept = composer, features, x, kept
        return torch.stack([part for part in composed if part is not None])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, None, None]:
        composer = ctx.composer
        written = composer.network.layers("written")[0]
        gradient = gradient.contiguous()
        for member in range(len(ctx.x)):
            for root in range(composer.roots):
                head = member * composer.roots + root
                feature = ctx.features[member][root]
                reaching = (gradient[member] * ctx.kept[member, :, root]).view_as(feature)
                reaching = torch.ops.aten.threshold_backward(reaching, feature, 0)
                torch.matmul(reaching.mT, ctx.x[member, :, root], out=written[0][head])
                torch.sum(reaching, dim=0, out=written[1][head])
        composer.network.add_written()
        return None, None, None, None


class Composer:
    """relu(linear(root)) per root and child, times the mask, summed over roots.

    `network` holds the parameters: one linear layer a member and root, `children * width` wide.
    """

    def __init__(self, network: StackedMlp, roots: int) -> None:
        self.network, self.roots = network, roots

    def __call__(self, roots: Tensor, mask: Tensor) -> Tensor:
        """[members, batch, roots, in], bool[members, batch, roots, children] ->
        [members, batch, children, width] in the dtype of the products."""
        composed: Tensor = _Compose.apply(roots, mask, self.network.parameters, self)
        return composed
