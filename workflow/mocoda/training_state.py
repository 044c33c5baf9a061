"""Parameters and their optimiser's moments as one flat dict of tensors, for checkpoints."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def training_state(
    parameters: Mapping[str, Tensor], optimiser: torch.optim.Optimizer
) -> dict[str, Tensor]:
    """Copies of the named parameters and of what the optimiser keeps of each."""
    state = {f"network.{name}": value.detach().clone() for name, value in parameters.items()}
    for name, parameter in parameters.items():
        for kind, value in optimiser.state[parameter].items():
            state[f"optimiser.{name}.{kind}"] = value.clone()
    return state


def load_training_state(
    parameters: Mapping[str, Tensor], optimiser: torch.optim.Optimizer, state: dict[str, Tensor]
) -> None:
    """Take over what `training_state` returned, bit for bit; other entries are left alone."""
    for name, parameter in parameters.items():
        parameter.data.copy_(state[f"network.{name}"])
        prefix = f"optimiser.{name}."
        optimiser.state[parameter] = {
            key.removeprefix(prefix): value.clone()
            for key, value in state.items()
            if key.startswith(prefix)
        }
