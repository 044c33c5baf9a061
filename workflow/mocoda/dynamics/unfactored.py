"""One network predicts the whole next state from the whole state and action."""

from __future__ import annotations

import torch
from torch import Tensor

from mocoda.dynamics.architecture import Architecture
from mocoda.dynamics.layout import Layout
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.networks import StackedMlp


class Unfactored(Architecture):
    """Each output depends on every input; the mask is ignored (the paper's baseline)."""

    def __init__(
        self,
        layout: Layout,
        settings: DynamicsSettings,
        generator: torch.Generator | None,
        device: torch.device | str,
    ) -> None:
        network = StackedMlp(
            settings.members,
            (layout.inputs, *settings.hidden, 2 * layout.outputs),
            generator=generator,
            precision=settings.precision,
            device=device,
        )
        columns = torch.arange(layout.outputs, device=device).unsqueeze(0)
        super().__init__(network, columns, torch.ones(columns.shape, device=device))

    def seen(self, inputs: Tensor, mask: Tensor) -> Tensor:
        return inputs.to(self.network.dtype)
