"""Adam over the one flat tensor of a stacked network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.adam import adam

from mocoda.networks import StackedMlp


class Adam:
    """Adam (Kingma and Ba, 2015) with torch's constants: one fused call a step.

    The functional form of `torch.optim.Adam`, without the bookkeeping of parameter groups.
    weight_decay : L2 penalty added to the gradient, as `torch.optim.Adam` does.
    """

    def __init__(
        self, network: StackedMlp, learning_rate: float, *, weight_decay: float = 0.0
    ) -> None:
        self.network = network
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self._first = torch.zeros_like(network.gradient)
        self._second = torch.zeros_like(network.gradient)
        self._step = torch.zeros((), device=network.device)

    def step(self, learning_rate: float | None = None) -> None:
        """One step along the network's gradient, which is then empty; refreshes the shadow."""
        adam(
            [self.network.parameters.detach()],
            [self.network.gradient],
            [self._first],
            [self._second],
            [],
            [self._step],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.learning_rate if learning_rate is None else learning_rate,
            weight_decay=self.weight_decay,
            eps=1e-8,
            maximize=False,
        )
        self.network.refresh()
        self.network.clear_gradient()

    def state(self) -> dict[str, Tensor]:
        """Copies of the step counter [] and both flat moments [parameters]."""
        return {
            "step": self._step.clone(),
            "first_moment": self._first.clone(),
            "second_moment": self._second.clone(),
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` returned, bit for bit."""
        self._step.copy_(state["step"])
        self._first.copy_(state["first_moment"])
        self._second.copy_(state["second_moment"])
