"""No rebalancing: the plain MoCoDA distribution."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from mocoda.rebalance.selection import Selection, require


class NoneSettings(BaseModel):
    """Nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def select(
    columns: np.ndarray,
    eligible: np.ndarray,
    target: int,
    rng: np.random.Generator,
    settings: NoneSettings,
) -> Selection:
    """The first `target` of the rows (MoCoDA, section 4.2), near each other or not."""
    require(len(columns), target, "none", "candidate rows", "Raise the number of candidates.")
    return Selection(
        np.arange(target, dtype=np.int64), {"candidates": len(columns), "target": target}
    )
