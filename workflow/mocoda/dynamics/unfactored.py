"""One network predicts the whole next state from the whole state and action."""

from __future__ import annotations

import torch
from torch import Tensor

from mocoda.dynamics.layout import Layout
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.networks import StackedMlp


class Unfactored:
    """Each output depends on every input; the mask is ignored (the paper's baseline)."""

    def __init__(
        self,
        layout: Layout,
        settings: DynamicsSettings,
        generator: torch.Generator | None,
        device: torch.device | str,
    ) -> None:
        self.network = StackedMlp(
            settings.members,
            (layout.inputs, *settings.hidden, 2 * layout.outputs),
            generator=generator,
            precision=settings.precision,
            device=device,
        )
        self.networks = {"network": self.network}

    def __call__(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[members, batch, in], [members, batch, roots, children] -> [members, batch, 2 obs]."""
        return self.network(inputs)
