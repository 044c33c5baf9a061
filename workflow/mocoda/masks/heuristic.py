"""The heuristic local mask: objects interact only when they are near (MoCoDA, section 5; CoDA)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from mocoda.domains.base import Domain
from mocoda.masks.base import MaskVariant
from mocoda.transitions import Transitions


class HeuristicMaskSettings(BaseModel):
    """All ones where two objects are nearer than `distance`, the domain's base graph elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["heuristic"] = "heuristic"
    distance: float = Field(
        0.07,
        gt=0,
        description="Metres between centres below which everything depends on everything. 0.05 in "
        "the paper, where 5 cm cubes touch at 0.05 and it hardly ever fires; 0.07 is our choice.",
    )
    norm: Literal["l1", "l2"] = Field(
        "l2", description="Norm of the distance: l1 in the published code; the paper does not say."
    )


@dataclass(frozen=True)
class HeuristicMask:
    """Callable form of the settings for one domain."""

    settings: HeuristicMaskSettings
    domain: Domain

    def near(self, observation: np.ndarray) -> np.ndarray:
        """bool[n]: rows in which two objects are nearer than the threshold."""
        near = np.zeros(len(observation), dtype=bool)
        for first, second in combinations(self.domain.object_positions, 2):
            apart = observation[:, list(first)] - observation[:, list(second)]
            if self.settings.norm == "l1":
                distance = np.abs(apart).sum(axis=1)
            else:
                distance = np.sqrt((apart**2).sum(axis=1))
            near |= distance < self.settings.distance
        return near

    def __call__(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        return self.domain.base_mask[None] | self.near(observation)[:, None, None]

    def tensors(self) -> dict[str, torch.Tensor]:
        return {}


def fit(
    settings: HeuristicMaskSettings, domain: Domain, rows: Transitions, seed: int
) -> HeuristicMask:
    """Nothing is learned: the rule is in the settings."""
    return HeuristicMask(settings, domain)


def load(
    settings: HeuristicMaskSettings, domain: Domain, tensors: dict[str, torch.Tensor]
) -> HeuristicMask:
    return HeuristicMask(settings, domain)


def refuses(domain: Domain) -> str:
    """Why no distances can be measured, or ""."""
    objects = len(domain.object_positions)
    return "" if objects > 1 else f"it measures distances of objects; '{domain.name}' has {objects}"


VARIANT = MaskVariant(HeuristicMaskSettings, fit, load, refuses)  # type: ignore[arg-type]
