"""SANDy-Mixture: a mixture of experts whose Jacobian is bounded by products of absolute weights
(CoDA, section 4 and appendix C.2)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from mocoda.factors import Slots
from mocoda.masks.learned_settings import LearnedMaskSettings
from mocoda.masks.learning import learned_variant
from mocoda.masks.sandy_network import (
    MaskLosses,
    Parameters,
    evaluate_mlp,
    linear_parameters,
    weights_of,
)


class SandyMixtureSettings(LearnedMaskSettings):
    """Mean squared error + what keeps the Jacobian bound and the number of experts in use small."""

    kind: Literal["sandy_mixture"] = "sandy_mixture"
    batch_size: int = Field(500, ge=1, description="Rows a batch (published code: 1000).")
    learning_rate: float = Field(
        3e-3, gt=0, allow_inf_nan=False, description="Adam's rate (published code: 1e-3)."
    )
    experts: int = Field(
        4, ge=1, description="Experts (published code: one a factor, 3 for the synthetic process)."
    )
    expert_width: int = Field(
        64, ge=1, description="Hidden units of an expert (published code: 256)."
    )
    expert_layers: int = Field(
        2, ge=0, description="Hidden layers of an expert (published code); 0: linear experts."
    )
    gate_width: int = Field(
        64, ge=1, description="Units of the gate's one hidden layer (published code: 256)."
    )
    jacobian_penalty: float = Field(
        3e-3,
        ge=0,
        allow_inf_nan=False,
        description="Weight of mean(log(1 + J)), J the bound of the Jacobian. The published code's "
        "1e-3 is for targets in their own units, ours are standardised: 3e-3 in nav2d and 0.1 in "
        "the synthetic processes did best in our trials.",
    )
    gate_penalty: float = Field(
        1e-3,
        ge=0,
        allow_inf_nan=False,
        description="Weight of mean(sqrt(gate)): few experts a row (published code).",
    )
    weight_penalty: float = Field(
        3e-3,
        ge=0,
        allow_inf_nan=False,
        description="Weight of the sum over parameter tensors of mean |w| (published code: 1e-3, "
        "for targets in their own units; 0.1 in the synthetic processes, from trials).",
    )


class SandyMixture:
    """sum_i gate_i(x) expert_i(x), and the bound sum_i gate_i(x) prod_l |W_l^i| of the Jacobian of
    that sum for fixed gates (each expert's own bound holds elementwise, since ReLU's slope is 0 or
    1). The gate's own derivative is left out, as published: which expert a root selects is no
    edge."""

    edges_of_columns = True

    def __init__(
        self, slots: Slots, settings: SandyMixtureSettings, generator: torch.Generator
    ) -> None:
        self.settings = settings
        inputs = slots.observation_dim + slots.action_dim
        hidden = (settings.expert_width,) * settings.expert_layers
        sizes = (inputs, *hidden, slots.observation_dim)
        gate_sizes = (inputs, settings.gate_width, settings.experts)
        self.parameters: Parameters = {
            **linear_parameters("expert", sizes, generator, copies=settings.experts),
            **linear_parameters("gate", gate_sizes, generator),
        }

    def log_gates(self, context: Tensor) -> Tensor:
        """log of the gates [n, experts]; the gates of a row sum to one."""
        return torch.log_softmax(evaluate_mlp("gate", self.parameters, context), dim=-1)

    def expert_bounds(self) -> Tensor:
        """prod_l |W_l| of each expert, [experts, obs + act, obs]: no entry of its Jacobian is
        larger, anywhere."""
        first, *rest = weights_of("expert", self.parameters)
        bound = first.abs()
        for weight in rest:
            bound = bound @ weight.abs()
        return bound

    def predict(self, inputs: Tensor, context: Tensor) -> Tensor:
        outputs = evaluate_mlp("expert", self.parameters, inputs)
        return torch.einsum("ne,eno->no", self.log_gates(context).exp(), outputs)

    def edges(self, inputs: Tensor) -> Tensor:
        gates = self.log_gates(inputs).exp()
        bounds = self.expert_bounds()
        return (gates @ bounds.flatten(1)).reshape(-1, *bounds.shape[1:])

    def loss(self, inputs: Tensor, targets: Tensor) -> MaskLosses:
        log_gates = self.log_gates(inputs)
        gates = log_gates.exp()
        outputs = evaluate_mlp("expert", self.parameters, inputs)
        squared_error = (torch.einsum("ne,eno->no", gates, outputs) - targets).square().mean()
        bound = gates @ self.expert_bounds().flatten(1)
        # exp(log(gate) / 2): the slope of sqrt(gate) is infinite where a gate underflows.
        penalty = (
            self.settings.jacobian_penalty * bound.log1p().mean()
            + self.settings.gate_penalty * (0.5 * log_gates).exp().mean()
            + self.settings.weight_penalty
            * torch.stack([value.abs().mean() for value in self.parameters.values()]).sum()
        )
        return MaskLosses(squared_error + penalty, squared_error)


VARIANT = learned_variant(SandyMixture, SandyMixtureSettings)
