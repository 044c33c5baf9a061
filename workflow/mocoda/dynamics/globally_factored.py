"""One network a child, which reads the child's parents in the base graph alone."""

from __future__ import annotations

import torch
from torch import Tensor

from mocoda.dynamics.architecture import Architecture
from mocoda.dynamics.layout import Layout
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.networks import StackedMlp


class GloballyFactored(Architecture):
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
        self.parents = layout.parents
        network = StackedMlp(
            settings.members * layout.children,
            (layout.inputs, *settings.factored_hidden, 2 * layout.child_width),
            generator=generator,
            precision=settings.precision,
            device=device,
        )
        super().__init__(network, layout.child_columns, layout.child_valid)

    def seen(self, inputs: Tensor, mask: Tensor) -> Tensor:
        parents_alone = inputs[:, None] * self.parents[None, :, None, :]
        return parents_alone.flatten(0, 1).to(self.network.dtype)
