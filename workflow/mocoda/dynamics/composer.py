"""The masked composer's linear algebra: embed each root, mask, sum; with a manual backward pass.

Why by hand: as a chain of tensor operations the features of all roots (members x roots x batch x
children x width) travel through memory ten times an update, and cost more than the networks that
follow. Here they are made for one member at a time and stay in the cache.

The mask enters the products. With kept in {0, 1},

    kept * relu(W x + b) = relu(W (kept x) + b kept),

so a root is the row `[kept x, kept]`, its bias is a column of its weights, and where the mask is 0
its features and their gradients are exactly 0 without a further pass over them. Without a ReLU the
sum over roots is one product of all their rows with all their weights.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from mocoda.matrix_products import relu_, relu_backward
from mocoda.networks import StackedMlp


class Composer:
    """relu(linear(root)) per root and child, where the mask allows it, summed over roots.

    activation : "none" leaves the ReLU out (`DynamicsSettings.composer_activation`).
    `network` holds the parameters: one linear layer a member and root, `children * width` wide. The
    products read a copy in the order of the heads, which `refresh` makes.
    """

    def __init__(
        self,
        network: StackedMlp,
        members: int,
        children: int,
        activation: Literal["relu", "none"] = "relu",
    ) -> None:
        self.network, self.members, self.children = network, members, children
        self.linear = activation == "none"
        roots = network.heads // members
        inputs, outputs = network.sizes
        # [heads, roots, in + 1, width]; the last row of a root's weights is its bias.
        shape = (members * children, roots, inputs + 1, outputs // children)
        self._weight = torch.empty(shape, dtype=network.dtype, device=network.device)
        self._gradient = torch.empty_like(self._weight)

    def _by_head(self, of: Literal["products", "written"]) -> tuple[Tensor, Tensor]:
        """The network's views [members, children, roots, in, width] and [.., 1, width]."""
        weight, bias = self.network.layers(of)[0]
        split = (self.members, -1, self.children)
        outputs = weight.shape[1] // self.children
        return (
            weight.view(*split, outputs, weight.shape[-1]).permute(0, 2, 1, 4, 3),
            bias.view(*split, 1, outputs).transpose(1, 2),
        )

    def refresh(self) -> None:
        """Take over the network's parameters; call it before the products of an update."""
        weight, bias = self._by_head("products")
        whole = self._weight.view(self.members, self.children, *self._weight.shape[1:])
        whole[..., :-1, :].copy_(weight)
        whole[..., -1:, :].copy_(bias)

    def rows(self, roots: Tensor, mask: Tensor) -> Tensor:
        """What the products read: `[kept x, kept]`, [heads, roots, in + 1, batch].

        roots [members, roots, in + 1, batch], the last of in + 1 being 1; mask bool[members,
        batch, roots, children].
        """
        kept = mask.to(self.network.dtype).permute(0, 3, 2, 1).contiguous().unsqueeze(-2)
        return (roots.to(self.network.dtype).unsqueeze(1) * kept).flatten(0, 1)

    def forward(self, heads: slice, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Composed features [heads, batch, width], and each root's [heads, roots, batch, width]
        (without a ReLU the composed ones again: nothing asks for each root's).

        rows : of these heads, [heads, roots, in + 1, batch].
        """
        weight = self._weight[heads]
        if self.linear:
            composed = torch.bmm(rows.flatten(1, 2).mT, weight.flatten(1, 2))
            return composed, composed
        features = torch.bmm(rows.flatten(0, 1).mT, weight.flatten(0, 1))
        features = relu_(features).unflatten(0, rows.shape[:2])
        first, *others = features.unbind(dim=1)
        # Two at a time: a reduction over this axis is slower in bf16.
        composed = first + others[0] if others else first
        for other in others[1:]:
            composed.add_(other)
        return composed, features

    def backward(self, heads: slice, gradient: Tensor, rows: Tensor, features: Tensor) -> None:
        """Keep d loss / d parameters of these heads; `finish` takes them over.

        gradient : d loss / d composed. A feature that the mask sets to 0 passes no gradient on.
        """
        if self.linear:
            written = self._gradient[heads].flatten(1, 2)
            torch.bmm(rows.flatten(1, 2), gradient, out=written)
            return
        reaching = relu_backward(gradient.unsqueeze(1), features, out=torch.empty_like(features))
        written = self._gradient[heads].flatten(0, 1)
        torch.bmm(rows.flatten(0, 1), reaching.flatten(0, 1), out=written)

    def finish(self) -> None:
        """Hand the gradients of all heads to the network."""
        weight, bias = self._by_head("written")
        whole = self._gradient.view(self.members, self.children, *self._gradient.shape[1:])
        weight.copy_(whole[..., :-1, :])
        bias.copy_(whole[..., -1:, :])
        self.network.add_written()
