"""What a mask is: a function from rows to local graphs, with tensors that can be stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from pydantic import BaseModel

from mocoda.domains.base import Domain
from mocoda.transitions import Transitions


class Mask(Protocol):
    """Says for each row which child depends on which root."""

    def __call__(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """[n, obs], [n, act] -> bool[n, roots, children]."""

    def tensors(self) -> dict[str, torch.Tensor]:
        """What must be stored to make the same mask again; empty if settings suffice."""


@dataclass(frozen=True)
class MaskVariant:
    """A way to get a mask: from rules (heuristic) or by learning."""

    settings: type[BaseModel]
    # (settings, domain, rows, seed) -> mask
    fit: Callable[[BaseModel, Domain, Transitions, int], Mask]
    # (settings, domain, stored tensors) -> mask
    load: Callable[[BaseModel, Domain, dict[str, torch.Tensor]], Mask]
    # (domain) -> why it cannot be used with this domain, or "" where it can
    refuses: Callable[[Domain], str] = lambda domain: ""
