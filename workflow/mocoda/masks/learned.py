"""What SANDy's masks share: standardised columns, soft edges by slot, a threshold, tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from mocoda.domains.base import Domain
from mocoda.errors import UserError
from mocoda.factors import Slots
from mocoda.masks.learned_settings import LearnedMaskSettings
from mocoda.masks.sandy_network import SandyNetwork

# Rows evaluated together, so that the intermediate tensors stay small.
CHUNK = 4096

Settings = TypeVar("Settings", bound=LearnedMaskSettings)
# (slots, settings, generator of the parameters) -> an untrained network
NetworkOf = Callable[[Slots, Settings, torch.Generator], SandyNetwork]


@dataclass(frozen=True)
class Scale:
    """Means and deviations of the training rows' columns, all float32."""

    input_mean: Tensor
    input_deviation: Tensor
    target_mean: Tensor
    target_deviation: Tensor


class LearnedMask:
    """A trained network, the columns' scale and a threshold; see `mocoda.masks.base.ScoredMask`."""

    def __init__(
        self,
        network: SandyNetwork,
        domain: Domain,
        settings: LearnedMaskSettings,
        scale: Scale,
        threshold: Tensor,
        history: dict[str, Tensor],
    ) -> None:
        self.network, self.domain, self.settings = network, domain, settings
        self.scale, self.threshold, self.history = scale, threshold, history

    def chunks(self, observation: np.ndarray, action: np.ndarray) -> Iterator[Tensor]:
        """The network's own edges of standardised rows, some rows at a time."""
        for start in range(0, len(observation), CHUNK):
            part = slice(start, start + CHUNK)
            inputs = np.concatenate([observation[part], action[part]], axis=1, dtype=np.float32)
            with torch.no_grad():
                yield self.network.edges(self.standardised(torch.from_numpy(inputs)))

    def standardised(self, inputs: Tensor) -> Tensor:
        """Inputs [n, obs + act] in deviations from the mean."""
        return (inputs - self.scale.input_mean) / self.scale.input_deviation

    def column_scores(self, observation: np.ndarray, action: np.ndarray) -> Iterator[np.ndarray]:
        """Soft edges between columns, float32 [some rows, obs + act, obs]: a bound of the Jacobian
        of the standardised targets. Only for networks that have it (see `edges_of_columns`).

        Where differences are predicted, the state itself adds to the derivative of the next state
        by its own column: deviation of the state / deviation of the difference.
        """
        width = self.domain.slots.observation_dim
        for part in self.chunks(observation, action):
            scores = part.numpy()
            if self.settings.target == "difference":
                own = self.scale.input_deviation[:width] / self.scale.target_deviation
                scores[:, np.arange(width), np.arange(width)] += own.numpy()
            yield scores

    def scores(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """Soft edges between slots, float32 [n, roots, children] in [0, inf): the largest of their
        columns; attention has slots already, and every slot counts as its own parent there (1 is
        added, as in the published code)."""
        slots = self.domain.slots
        children = len(slots.child_names)
        scores = np.empty((len(observation), len(slots.root_names), children), np.float32)
        if not self.network.edges_of_columns:
            parts = (part.numpy() for part in self.chunks(observation, action))
            for start, edges in zip(range(0, len(observation), CHUNK), parts, strict=True):
                scores[start : start + CHUNK] = edges
            scores[:, np.arange(children), np.arange(children)] += 1.0
            return scores
        columns = self.column_scores(observation, action)
        for start, edges in zip(range(0, len(observation), CHUNK), columns, strict=True):
            for root, from_columns in enumerate(slots.root_columns):
                for child, slot in enumerate(slots.state):
                    block = edges[:, list(from_columns)][:, :, list(slot.columns)]
                    scores[start : start + CHUNK, root, child] = block.max(axis=(1, 2))
        return scores

    def always(self) -> np.ndarray:
        """Edges that no threshold removes, bool [roots, children]: from a slot to itself, where its
        difference is predicted or attention is."""
        slots = self.domain.slots
        own = self.settings.target == "difference" or not self.network.edges_of_columns
        return np.eye(len(slots.root_names), len(slots.child_names), dtype=bool) & own

    def __call__(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        return (self.scores(observation, action) > self.threshold.numpy()) | self.always()

    def tensors(self) -> dict[str, Tensor]:
        return {
            "threshold": self.threshold,
            **{f"network.{k}": v.detach() for k, v in self.network.parameters.items()},
            **{f"scale.{k}": v for k, v in vars(self.scale).items()},
            **{f"history.{k}": v for k, v in self.history.items()},
        }

    def facts(self) -> dict[str, Any]:
        """Threshold of each child, the curve it was chosen by, and losses during training."""
        return {
            "threshold": dict(
                zip(self.domain.slots.child_names, self.threshold.tolist(), strict=True)
            ),
            "learning": {name: value.tolist() for name, value in self.history.items()},
        }


def load_mask(
    network_of: NetworkOf[Settings],
    settings: Settings,
    domain: Domain,
    tensors: dict[str, Tensor],
) -> LearnedMask:
    """The mask whose `tensors()` these are; raises UserError if names or shapes do not fit."""
    network = network_of(domain.slots, settings, torch.Generator().manual_seed(0))

    def below(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    stored, scale = below("network."), below("scale.")
    expected = {name: value.shape for name, value in network.parameters.items()}
    complete = set(scale) == set(Scale.__dataclass_fields__) and "threshold" in tensors
    if {name: value.shape for name, value in stored.items()} != expected or not complete:
        raise UserError(
            f"the tensors of a mask of kind {settings.kind}",  # type: ignore[attr-defined]
            expected="those that its settings and the domain's slots ask for",
            found="other names or shapes",
            remedy="Delete the mask's files and run the same command again.",
        )
    network.parameters.update(stored)
    return LearnedMask(
        network, domain, settings, Scale(**scale), tensors["threshold"], below("history.")
    )
