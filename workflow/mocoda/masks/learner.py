"""Adam on a mask's network: what `mocoda.training.train` asks for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mocoda.learning_rate import decayed_share
from mocoda.masks.learned_settings import LearnedMaskSettings
from mocoda.masks.sandy_network import MaskLosses, SandyNetwork
from mocoda.seeding import torch_generator
from mocoda.training_state import load_training_state, training_state


@dataclass(frozen=True)
class Batch:
    """Standardised inputs [n, obs + act] and targets [n, obs]."""

    inputs: Tensor
    targets: Tensor


class MaskLearner:
    """Batches with replacement, a function of the seed and the block's number alone."""

    def __init__(
        self,
        network: SandyNetwork,
        settings: LearnedMaskSettings,
        inputs: Tensor,
        targets: Tensor,
        seed: int,
    ) -> None:
        self.network, self.settings, self.seed = network, settings, seed
        self.inputs, self.targets = inputs, targets
        self.updates = 0
        self.optimiser = torch.optim.Adam(
            list(network.parameters.values()),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def batches(self, block: int, count: int) -> list[Batch]:
        """The batches of a block."""
        generator = torch_generator(self.seed, "batches", block)
        shape = (count, self.settings.batch_size)
        drawn = torch.randint(len(self.inputs), shape, generator=generator)
        return [Batch(self.inputs[rows], self.targets[rows]) for rows in drawn]

    def rate(self) -> float:
        """Adam's rate at this update: constant, then linear to zero."""
        settings = self.settings
        share = decayed_share(self.updates, settings.updates, settings.learning_rate_decay_start)
        return settings.learning_rate * share

    def update(self, batch: Batch) -> MaskLosses:
        """One step down the loss."""
        losses = self.network.loss(batch.inputs, batch.targets)
        self.optimiser.zero_grad()
        losses.loss.backward()
        self.optimiser.param_groups[0]["lr"] = self.rate()
        self.optimiser.step()
        self.updates += 1
        return MaskLosses(losses.loss.detach(), losses.squared_error.detach())

    def state(self) -> dict[str, Tensor]:
        state = training_state(self.network.parameters, self.optimiser)
        return {**state, "updates": torch.tensor(self.updates)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.updates = int(state["updates"])
        load_training_state(self.network.parameters, self.optimiser, state)
