"""One network a child, which reads the child's parents in the base graph alone."""

from __future__ import annotations

import torch
from torch import Tensor

from mocoda.dynamics.layout import Layout
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.networks import StackedMlp


def gather_children(raw: Tensor, layout: Layout, members: int) -> Tensor:
    """Per-child outputs in the order of the observation.

    [members * children, batch, 2 * width] -> [members, batch, 2 obs]: means, then raw variances.
    """
    batch = raw.shape[1]
    raw = raw.view(members, layout.children, batch, 2, layout.child_width)
    flat = raw.permute(0, 2, 3, 1, 4).reshape(members, batch, 2, -1)
    return flat[..., layout.child_outputs].flatten(2)


class GloballyFactored:
    """Inputs that are not parents enter as zeros, so their influence is exactly zero.

    The graph is the same for all rows: where it does not hold (near contacts) the model keeps an
    error that no amount of data removes. The mask is ignored.
    """

    def __init__(
        self,
        layout: Layout,
        settings: DynamicsSettings,
        generator: torch.Generator | None,
        device: torch.device | str,
    ) -> None:
        self.layout, self.members = layout, settings.members
        self.network = StackedMlp(
            settings.members * layout.children,
            (layout.inputs, *settings.factored_hidden, 2 * layout.child_width),
            generator=generator,
            precision=settings.precision,
            device=device,
        )
        self.networks = {"network": self.network}

    def __call__(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[members, batch, in], [members, batch, roots, children] -> [members, batch, 2 obs]."""
        seen = inputs[:, None] * self.layout.parents[None, :, None, :]
        return gather_children(self.network(seen.flatten(0, 1)), self.layout, self.members)
