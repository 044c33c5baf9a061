"""The masked composer: one network a child, whose parents are chosen row by row by the mask."""

from __future__ import annotations

import torch
from torch import Tensor

from mocoda.dynamics.composer import Composer
from mocoda.dynamics.globally_factored import gather_children
from mocoda.dynamics.layout import Layout
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.networks import StackedMlp


class LocallyFactored:
    """Each root is embedded for each child, masked, summed over roots, then passed on.

    MoCoDA, section 4.2 and appendix B: linear and ReLU per root. The mask multiplies after the
    bias and the ReLU, so where it is zero a root has exactly no influence, in value and gradient.
    Each member has a composer of its own (the published code shares one).
    """

    def __init__(
        self,
        layout: Layout,
        settings: DynamicsSettings,
        generator: torch.Generator | None,
        device: torch.device | str,
    ) -> None:
        self.layout, self.members = layout, settings.members
        self.width = settings.composer_width
        parameters = StackedMlp(
            settings.members * layout.root_count,
            (layout.root_width, layout.children * self.width),
            generator=generator,
            precision=settings.precision,
            device=device,
        )
        self.network = StackedMlp(
            settings.members * layout.children,
            (self.width, *settings.factored_hidden, 2 * layout.child_width),
            generator=generator,
            precision=settings.precision,
            device=device,
        )
        self.composer = Composer(parameters, layout.root_count)
        self.networks = {"composer": parameters, "network": self.network}

    def compose(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Sum of the masked root features: [members * children, batch, width]."""
        layout = self.layout
        roots = inputs[..., layout.roots] * layout.root_valid
        composed = self.composer(roots, mask)
        return composed.transpose(1, 2).flatten(0, 1)

    def __call__(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[members, batch, in], [members, batch, roots, children] -> [members, batch, 2 obs]."""
        raw = self.network(self.compose(inputs, mask))
        return gather_children(raw, self.layout, self.members)
