"""No rebalancing: the plain MoCoDA distribution."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from mocoda.rebalance.selection import Candidates, Selection, require


class NoneSettings(BaseModel):
    """Nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def select(
    candidates: Candidates,
    target: int,
    rng: np.random.Generator,
    settings: NoneSettings,
) -> Selection:
    """The first `target` of the rows (MoCoDA, section 4.2), near each other or not."""
    require(candidates.rows, target, "none", "candidate rows", "Raise the number of candidates.")
    return Selection(
        np.arange(target, dtype=np.int64), {"candidates": candidates.rows, "target": target}
    )
