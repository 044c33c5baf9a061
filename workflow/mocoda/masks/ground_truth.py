"""The domain's own local graph, where it is known in closed form (MoCoDA, section 5.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from mocoda.domains.base import Domain
from mocoda.errors import UserError
from mocoda.masks.base import MaskVariant
from mocoda.transitions import Transitions


class GroundTruthMaskSettings(BaseModel):
    """What the domain's `true_mask` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["ground_truth"] = "ground_truth"


@dataclass(frozen=True)
class GroundTruthMask:
    """Callable form for one domain."""

    true_mask: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def __call__(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        return self.true_mask(observation, action)

    def tensors(self) -> dict[str, torch.Tensor]:
        return {}


def mask_of(domain: Domain) -> GroundTruthMask:
    """The mask of a domain; raises UserError where its graph is not known."""
    if domain.true_mask is None:
        raise UserError(
            "fit_mask.kind: 'ground_truth'",
            expected="a domain with a true_mask",
            found=f"{domain.name}, which has none",
            remedy="Choose another kind of mask for this domain.",
        )
    return GroundTruthMask(domain.true_mask)


def fit(
    settings: GroundTruthMaskSettings, domain: Domain, rows: Transitions, seed: int
) -> GroundTruthMask:
    """Nothing is learned; raises UserError where the domain's graph is not known."""
    return mask_of(domain)


def load(
    settings: GroundTruthMaskSettings, domain: Domain, tensors: dict[str, torch.Tensor]
) -> GroundTruthMask:
    """The same mask again; raises UserError where the domain's graph is not known."""
    return mask_of(domain)


def refuses(domain: Domain) -> str:
    """Why the domain has no such mask, or ""."""
    return "" if domain.true_mask is not None else f"'{domain.name}' has no `true_mask`"


VARIANT = MaskVariant(GroundTruthMaskSettings, fit, load, refuses)  # type: ignore[arg-type]
