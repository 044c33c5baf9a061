"""Adam over the one flat tensor of a stacked network."""

from __future__ import annotations

import torch
from torch import Tensor

from mocoda.networks import StackedMlp


class Adam:
    """Adam over a network's flat parameters: one fused call a step (bias-corrected, as in torch).

    weight_decay : L2 penalty added to the gradient, as `torch.optim.Adam` does.
    """

    def __init__(
        self, network: StackedMlp, learning_rate: float, *, weight_decay: float = 0.0
    ) -> None:
        self.network = network
        network.parameters.grad = network.gradient
        self._adam = torch.optim.Adam(
            [network.parameters], lr=learning_rate, weight_decay=weight_decay, fused=True
        )

    def step(self, learning_rate: float | None = None) -> None:
        """One step along the network's gradient, which is then empty; refreshes the shadow."""
        if learning_rate is not None:
            self._adam.param_groups[0]["lr"] = learning_rate
        self._adam.step()
        self.network.refresh()
        self.network.clear_gradient()

    def state(self) -> dict[str, Tensor]:
        """Copies of the step counter [] and both moments [parameters]; zeros before any step."""
        kept = self._adam.state.get(self.network.parameters, {})
        zeros = torch.zeros_like(self.network.gradient)
        return {
            "step": kept.get("step", torch.zeros(())).clone(),
            "first_moment": kept.get("exp_avg", zeros).clone(),
            "second_moment": kept.get("exp_avg_sq", zeros).clone(),
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` returned, bit for bit."""
        device = self.network.device
        self._adam.state[self.network.parameters] = {
            "step": state["step"].to(device=device, dtype=torch.float32, copy=True),
            "exp_avg": state["first_moment"].to(device, copy=True),
            "exp_avg_sq": state["second_moment"].to(device, copy=True),
        }
