"""The price of entropy in SAC, fixed or learned."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.optim.adam import adam


class Temperature:
    """α > 0, in units of reward a nat.

    Learned as in Haarnoja et al. (2018b, section 5): minimise
    J(α) = -α mean(log π(a|s) + target entropy), so that α falls while the policy's entropy is
    above the target. The step is Adam's along log α, which keeps α positive (published code).

    value : α as a tensor without gradient, 0-d, or [runs] of several runs; before any step the
        start, to the last bit.
    """

    def __init__(
        self,
        start: float,
        target_entropy: float,
        device: torch.device | str,
        runs: int | None = None,
    ) -> None:
        self.target_entropy = target_entropy
        self._log = torch.full((runs or 1,), math.log(start), device=device)
        self._first, self._second = torch.zeros_like(self._log), torch.zeros_like(self._log)
        self._step = torch.zeros((), device=device)
        self.value = torch.full(() if runs is None else (runs,), start, device=device)

    def gradient(self, log_density: Tensor) -> Tensor:
        """dJ / d log α: [1] or [runs], of the policy's log densities [.., b] in nats."""
        return (-self.value * (log_density.detach().mean(dim=-1) + self.target_entropy)).view(-1)

    def step(self, log_density: Tensor, learning_rate: float) -> None:
        """One step of Adam, with the log densities [.., b] of actions that the policy drew."""
        adam(
            [self._log],
            [self.gradient(log_density)],
            [self._first],
            [self._second],
            [],
            [self._step],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
        self.value = self._log.exp().view(self.value.shape)

    def state(self) -> dict[str, Tensor]:
        """Copies of log α and Adam's moments, each [1] or [runs], and of its step counter []."""
        return {
            "value": self.value.clone(),
            "log": self._log.clone(),
            "first_moment": self._first.clone(),
            "second_moment": self._second.clone(),
            "step": self._step.clone(),
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` returned, bit for bit."""
        self.value = state["value"].to(self._log.device, copy=True)
        self._log.copy_(state["log"])
        self._first.copy_(state["first_moment"])
        self._second.copy_(state["second_moment"])
        self._step.copy_(state["step"])
