"""The masked composer: one network a child, whose parents are chosen row by row by the mask."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from mocoda.dynamics.architecture import Architecture
from mocoda.dynamics.composer import Composer
from mocoda.dynamics.layout import Layout
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.networks import StackedMlp


class LocallyFactored(Architecture):
    """Each root is embedded for each child, masked, summed over roots, then passed on.

    MoCoDA, section 4.2 and appendix B: linear and ReLU per root (the published code leaves the ReLU
    out: `composer_activation`). The mask acts on the bias and the output too, so where it is zero a
    root has exactly no influence, in value and gradient.
    Each member has a composer of its own (the published code shares one).
    """

    def __init__(
        self,
        layout: Layout,
        settings: DynamicsSettings,
        generator: torch.Generator | None,
        device: torch.device | str,
    ) -> None:
        self.layout = layout
        parameters = StackedMlp(
            settings.members * layout.root_count,
            (layout.root_width, layout.children * settings.composer_width),
            generator=generator,
            precision=settings.precision,
            device=device,
        )
        network = StackedMlp(
            settings.members * layout.children,
            (settings.composer_width, *settings.factored_hidden, 2 * layout.child_width),
            generator=generator,
            precision=settings.precision,
            device=device,
        )
        composer = Composer(
            parameters, settings.members, layout.children, settings.composer_activation
        )
        super().__init__(network, layout.child_columns, layout.child_valid, composer)
        self._composer = composer

    def seen(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Rows of the composer's products, [heads, roots, root width + 1, batch]."""
        layout = self.layout
        picked = inputs.mT.contiguous().index_select(1, layout.roots.flatten())
        roots = picked.unflatten(1, layout.roots.shape) * layout.root_valid.unsqueeze(-1)
        # The last one is 1, for the bias.
        return self._composer.rows(pad(roots, (0, 0, 0, 1), value=1.0), mask)
