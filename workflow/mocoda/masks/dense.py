"""The dense mask: everything depends on everything (a control; our choice)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from mocoda.domains.base import Domain
from mocoda.masks.base import MaskVariant
from mocoda.transitions import Transitions


class DenseMaskSettings(BaseModel):
    """All entries are 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["dense"] = "dense"


@dataclass(frozen=True)
class DenseMask:
    domain: Domain

    def __call__(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        return np.ones((len(observation), *self.domain.base_mask.shape), dtype=bool)

    def tensors(self) -> dict[str, torch.Tensor]:
        return {}


def fit(settings: DenseMaskSettings, domain: Domain, rows: Transitions, seed: int) -> DenseMask:
    return DenseMask(domain)


def load(
    settings: DenseMaskSettings, domain: Domain, tensors: dict[str, torch.Tensor]
) -> DenseMask:
    return DenseMask(domain)


VARIANT = MaskVariant(DenseMaskSettings, fit, load)  # type: ignore[arg-type]
