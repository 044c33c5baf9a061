"""Gaussian ensembles: normalisation, likelihood, sampling; the architecture is a part apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from mocoda.domains.base import Domain
from mocoda.dynamics.architecture import Architecture
from mocoda.dynamics.layout import Layout
from mocoda.dynamics.likelihood import Likelihood
from mocoda.dynamics.settings import DynamicsSettings

# Rows evaluated at once when sampling: bounds the memory, and a part of them stays in the cache.
CHUNK = 10_240


MakeArchitecture = Callable[
    [Layout, DynamicsSettings, torch.Generator | None, torch.device | str], Architecture
]


class GaussianEnsemble:
    """p(next state | state, action, mask) as `members` diagonal Gaussians.

    Inputs and targets are normalised (unless `settings.normalise` is false); the target is the
    change of the state, or the state itself (`settings.targets`). Call `normalise_by` once before
    training.
    """

    def __init__(
        self,
        domain: Domain,
        settings: DynamicsSettings,
        make: MakeArchitecture,
        generator: torch.Generator | None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.settings = settings
        self.device = torch.device(device)
        self.layout = Layout(domain.slots, domain.base_mask, device)
        self.architecture = make(self.layout, settings, generator, device)
        self.statistics = {
            "input_mean": torch.zeros(self.layout.inputs, device=device),
            "input_std": torch.ones(self.layout.inputs, device=device),
            "target_mean": torch.zeros(self.layout.outputs, device=device),
            "target_std": torch.ones(self.layout.outputs, device=device),
        }

    def normalise_by(self, inputs: Tensor, next_observation: Tensor) -> None:
        """Take means and deviations from rows [n, in] and [n, obs].

        A column that never changes keeps deviation 1, so that it is neither blown up nor lost.
        With `settings.normalise` false all keep mean 0 and deviation 1.
        """
        if not self.settings.normalise:
            return
        targets = self.targets(inputs, next_observation)
        for name, values in (("input", inputs), ("target", targets)):
            deviation, mean = torch.std_mean(values.double(), dim=0)
            deviation = torch.where(deviation > 1e-8, deviation, torch.ones_like(deviation))
            self.statistics[f"{name}_mean"] = mean.float()
            self.statistics[f"{name}_std"] = deviation.float()

    def targets(self, inputs: Tensor, next_observation: Tensor) -> Tensor:
        """What the networks predict, before normalisation."""
        if self.settings.targets == "absolute":
            return next_observation
        return next_observation - inputs[..., : self.layout.outputs]

    def predict(self, inputs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised mean and variance of the target, each [members, batch, obs].

        inputs [members, batch, in] in the domain's units; mask [members, batch, roots, children].
        """
        mean, raw = self.architecture(self.normalised(inputs), mask).chunk(2, dim=-1)
        return mean, softplus(raw) + self.settings.variance_floor

    def accumulate(
        self, inputs: Tensor, mask: Tensor, next_observation: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gradients of the loss: the negative log-likelihood, a mean over rows and columns.

        Members are independent: theirs are added. Shapes as for `predict`, next_observation
        [members, batch, obs]. Returns the means, over members too, of the negative log-likelihood
        and of the squared error of the normalised target.
        """
        members, batch, outputs = next_observation.shape
        target = self.normalised_targets(inputs, next_observation)
        weight = self.architecture.valid.repeat(members, 1).unsqueeze(-1) / (batch * outputs)
        loss = Likelihood(self.architecture.by_head(target), weight, self.settings.variance_floor)
        likelihood, squared = self.architecture.accumulate(self.normalised(inputs), mask, loss)
        return likelihood / members, squared / members

    def normalised(self, inputs: Tensor) -> Tensor:
        return (inputs - self.statistics["input_mean"]) / self.statistics["input_std"]

    def normalised_targets(self, inputs: Tensor, next_observation: Tensor) -> Tensor:
        target = self.targets(inputs, next_observation)
        return (target - self.statistics["target_mean"]) / self.statistics["target_std"]

    def next_observation(self, inputs: Tensor, target: Tensor) -> Tensor:
        """Undo `normalised_targets`."""
        change = target * self.statistics["target_std"] + self.statistics["target_mean"]
        if self.settings.targets == "absolute":
            return change
        return inputs[..., : self.layout.outputs] + change

    @torch.no_grad()
    def sample(
        self,
        observation: np.ndarray,
        action: np.ndarray,
        mask: np.ndarray,
        deviation_divisor: float,
        generator: torch.Generator,
    ) -> np.ndarray:
        """A child for each row, from a member drawn for it; float32 [n, obs].

        Members are dealt to rows by a random permutation, so each is evaluated on its share only.
        The deviation is divided by `deviation_divisor` (published code: 3).
        """
        rows = len(observation)
        members = self.settings.members
        inputs = torch.from_numpy(np.concatenate([observation, action], axis=1)).to(self.device)
        masks = torch.from_numpy(mask).to(self.device)
        order = torch.randperm(rows, generator=generator, device=self.device)
        # Filled up with rows from the front so that each member gets as many; only the first deal
        # of a row counts.
        filled = -(-rows // members) * members
        padded = order[torch.arange(filled, device=self.device) % rows]
        noise = torch.randn(rows, self.layout.outputs, generator=generator, device=self.device)
        parts = []
        for part in padded.view(-1, members).split(max(CHUNK // members, 1)):
            dealt = part.T
            mean, variance = self.predict(inputs[dealt].float(), masks[dealt])
            target = mean + variance.sqrt() / deviation_divisor * noise[dealt]
            children = self.next_observation(inputs[dealt].float(), target)
            parts.append(children.transpose(0, 1).flatten(0, 1))
        drawn = torch.empty_like(noise)
        drawn[order] = torch.cat(parts)[:rows]
        return np.asarray(drawn.cpu().numpy(), dtype=np.float32)

    @torch.no_grad()
    def mean_prediction(
        self, observation: np.ndarray, action: np.ndarray, mask: np.ndarray
    ) -> np.ndarray:
        """The mean of the members' means, float32 [n, obs]."""
        inputs = torch.from_numpy(np.concatenate([observation, action], axis=1)).to(self.device)
        masks = torch.from_numpy(mask).to(self.device)
        parts = []
        size = max(1, CHUNK // self.settings.members)
        for rows, graphs in zip(inputs.float().split(size), masks.split(size), strict=True):
            shape = (self.settings.members, *rows.shape)
            every = graphs.expand(self.settings.members, *graphs.shape)
            mean, _ = self.predict(rows.expand(shape), every)
            parts.append(self.next_observation(rows, mean.mean(dim=0)))
        return np.asarray(torch.cat(parts).cpu().numpy(), dtype=np.float32)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that makes the same model again."""
        weights = {
            f"{name}.{key}": value
            for name, network in self.architecture.networks.items()
            for key, value in network.state().items()
        }
        return {**{f"statistics.{k}": v for k, v in self.statistics.items()}, **weights}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` returned."""
        for name in self.statistics:
            self.statistics[name] = tensors[f"statistics.{name}"].to(self.device)
        for name, network in self.architecture.networks.items():
            prefix = f"{name}."
            network.load_state(
                {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            )
