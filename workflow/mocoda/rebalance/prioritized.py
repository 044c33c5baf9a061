"""MoCoDA-P: keep the rows near the task, and flatten their density."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mocoda.rebalance.selection import (
    Candidates,
    Selection,
    draw_exactly,
    inverse_density,
    require,
    scale_to_target,
)


class PrioritizedSettings(BaseModel):
    """Kernel density and floor of MoCoDA-P (MoCoDA, appendix B)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bandwidth: float = Field(
        0.05,
        gt=0,
        description="Standard deviation of the kernel, in the columns' unit: metres for "
        "HookSweep2 (published code).",
    )
    support: int = Field(
        5000,
        ge=1,
        description="Last eligible rows that the density is estimated from (published code).",
    )
    density_floor: float = Field(
        0.05,
        gt=0,
        description="Densities below this count as this, per unit volume of the columns: m^-4 "
        "for HookSweep2 (published code).",
    )


def select(
    candidates: Candidates,
    target: int,
    rng: np.random.Generator,
    settings: PrioritizedSettings,
) -> Selection:
    """Exactly `target` of the eligible rows, flattened.

    A row is kept with probability min(c / max(density, floor), 1), where c makes the
    probabilities sum to `target`. The published code comes to the same c within 1 % by scaling
    with 0.99 from c = 1 on, and never scales up; its rows are drawn independently. Eligible are
    rows whose objects are near enough to each other (published: 0.3 m).
    Raises UserError for fewer eligible rows than `target`.
    """
    eligible = sum(int(part.sum()) for _, part in candidates.parts())
    require(
        eligible,
        target,
        "prioritized",
        "eligible rows (objects near each other)",
        "Raise the number of candidates, the domain's rebalance_max_distance, or lower the target.",
    )
    score = inverse_density(
        candidates,
        settings.support,
        settings.bandwidth,
        settings.density_floor,
        eligible_only=True,
    )
    factor = scale_to_target(score, target)
    return Selection(
        draw_exactly(score, factor, target, rng),
        {
            "candidates": candidates.rows,
            "eligible": eligible,
            "target": target,
            "kept": target,
            "scale": factor,
            "rows_kept_surely": int((score >= 1.0 / factor).sum()),
            "rows_at_density_floor": int((score >= 1.0 / settings.density_floor).sum()),
        },
    )
