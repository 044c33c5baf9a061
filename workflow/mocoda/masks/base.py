"""What a mask is: a function from rows to local graphs, with tensors that can be stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from pydantic import BaseModel

from mocoda.checkpoints import Checkpoint
from mocoda.domains.base import Domain
from mocoda.transitions import Transitions


class Mask(Protocol):
    """Says for each row which child depends on which root."""

    def __call__(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """[n, obs], [n, act] -> bool[n, roots, children]."""

    def tensors(self) -> dict[str, torch.Tensor]:
        """What must be stored to make the same mask again; empty if settings suffice."""


@runtime_checkable
class ScoredMask(Mask, Protocol):
    """A mask that was learned: edges with strengths, and a threshold that makes them a graph."""

    def scores(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """[n, obs], [n, act] -> float32[n, roots, children] in [0, inf): before the threshold."""

    def facts(self) -> dict[str, Any]:
        """What the mask's card says of how it was learned."""


class Learn(Protocol):
    """Trains a mask."""

    def __call__(
        self,
        settings: Any,
        domain: Domain,
        rows: Transitions,
        seed: int,
        log: Callable[[str], None],
        checkpoint: Checkpoint | None,
        held_out: np.ndarray | None = None,
    ) -> Mask:
        """held_out : bool [n]; None: the learner draws its own."""


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
    # As `fit`, with a log, the state that a killed job goes on from, and the rows that it is not
    # trained on; None where nothing is trained
    learn: Learn | None = None
