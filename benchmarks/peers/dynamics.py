"""The locally factored ensemble: a module a member, a network a root and child, in Python loops."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from benchmarks.peers.parts import mlp
from mocoda.dynamics.fitting import Rows
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.factors import Slots

# Rows evaluated at once when sampling: the fastest of 256 to 16,384.
CHUNK = 2048


class Member(nn.Module):
    """Each root embedded for each child, masked, summed over roots, then a network a child."""

    def __init__(self, slots: Slots, settings: DynamicsSettings) -> None:
        super().__init__()
        self.columns = [list(columns) for columns in slots.root_columns]
        self.child_count, self.width = len(slots.state), settings.composer_width
        self.roots = nn.ModuleList(
            nn.Linear(len(columns), self.child_count * self.width) for columns in self.columns
        )
        self.networks = nn.ModuleList(
            mlp((self.width, *settings.factored_hidden, 2 * len(slot.columns)))
            for slot in slots.state
        )
        predicted = [column for slot in slots.state for column in slot.columns]
        self.order = torch.tensor(predicted).argsort()
        self.variance_floor = settings.variance_floor

    def forward(self, inputs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised inputs [b, in], mask [b, roots, children] -> mean and variance [b, obs]."""
        composed = torch.zeros(())
        for number, root in enumerate(self.roots):
            features = F.relu(root(inputs[:, self.columns[number]]))
            features = features.view(-1, self.child_count, self.width)
            composed = composed + features * mask[:, number].unsqueeze(2)
        parts = [
            network(composed[:, child]).chunk(2, dim=1)
            for child, network in enumerate(self.networks)
        ]
        mean = torch.cat([part[0] for part in parts], dim=1)[:, self.order]
        raw = torch.cat([part[1] for part in parts], dim=1)[:, self.order]
        return mean, F.softplus(raw) + self.variance_floor


class Ensemble:
    """Members with an Adam each; predicts the normalised change of the state."""

    def __init__(
        self, slots: Slots, settings: DynamicsSettings, statistics: dict[str, Tensor]
    ) -> None:
        self.settings, self.statistics = settings, statistics
        self.outputs = slots.observation_dim
        self.members = [Member(slots, settings) for _ in range(settings.members)]
        self.adams = [
            torch.optim.Adam(
                member.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
            )
            for member in self.members
        ]

    def normalised(self, inputs: Tensor) -> Tensor:
        return (inputs - self.statistics["input_mean"]) / self.statistics["input_std"]

    def update(self, batch: Rows) -> Tensor:
        """A step of each member on its own rows of a batch [members, b, ..]: mean of the losses."""
        losses = []
        for number, (member, adam) in enumerate(zip(self.members, self.adams, strict=True)):
            inputs = batch.inputs[number]
            change = batch.next_observation[number] - inputs[:, : self.outputs]
            target = (change - self.statistics["target_mean"]) / self.statistics["target_std"]
            mean, variance = member(self.normalised(inputs), batch.mask[number])
            loss = 0.5 * ((mean - target) ** 2 / variance + variance.log()).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            losses.append(loss.detach())
        return torch.stack(losses).mean()

    @torch.no_grad()
    def sample(
        self, observation: np.ndarray, action: np.ndarray, mask: np.ndarray, divisor: float
    ) -> np.ndarray:
        """A child for each row, float32 [n, obs]: all members predict, one is picked."""
        inputs = torch.from_numpy(np.concatenate([observation, action], axis=1)).float()
        children = []
        for rows, graphs in zip(
            inputs.split(CHUNK), torch.from_numpy(mask).split(CHUNK), strict=True
        ):
            predictions = [member(self.normalised(rows), graphs) for member in self.members]
            mean = torch.stack([prediction[0] for prediction in predictions])
            variance = torch.stack([prediction[1] for prediction in predictions])
            picked = torch.randint(len(self.members), (len(rows),)), torch.arange(len(rows))
            deviation = variance[picked].sqrt() / divisor
            target = mean[picked] + deviation * torch.randn(len(rows), self.outputs)
            change = target * self.statistics["target_std"] + self.statistics["target_mean"]
            children.append(rows[:, : self.outputs] + change)
        return torch.cat(children).numpy()
