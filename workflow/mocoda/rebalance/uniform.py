"""MoCoDA-U: flatten the density of the rebalanced columns."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mocoda.rebalance.selection import (
    Candidates,
    Selection,
    draw_exactly,
    draw_independently,
    expected_rows,
    inverse_density,
    require,
    scale_to_target,
)


class UniformSettings(BaseModel):
    """Kernel density and floor of MoCoDA-U (MoCoDA, appendix B)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bandwidth: float = Field(
        0.05,
        gt=0,
        description="Standard deviation of the kernel, in the columns' unit (published code).",
    )
    support: int = Field(
        10_000,
        ge=1,
        description="Last rows among the candidates that the density is estimated from "
        "(published code).",
    )
    density_floor: float = Field(
        0.01,
        gt=0,
        description="Densities below this count as this, per unit volume of the columns "
        "(published code, for the unit square).",
    )
    exact: bool = Field(
        True,
        description="Scale the scores so that exactly the target is kept (our choice). False: "
        "scale their mean to target / candidates and accept each row by itself (published code), "
        "which keeps fewer where scores exceed 1.",
    )


def select(
    candidates: Candidates,
    target: int,
    rng: np.random.Generator,
    settings: UniformSettings,
) -> Selection:
    """Rows kept with probability min(c / max(density, floor), 1), eligible or not.

    MoCoDA-U knows no task. With `exact`, `target` rows; else about or fewer. Raises UserError for
    fewer candidates than `target`.
    """
    require(candidates.rows, target, "uniform", "candidate rows", "Raise the number of candidates.")
    score = inverse_density(
        candidates,
        settings.support,
        settings.bandwidth,
        settings.density_floor,
        eligible_only=False,
    )
    published_factor = target / score.sum()
    facts = {
        "candidates": candidates.rows,
        "target": target,
        "published_expected_rows": expected_rows(score, published_factor),
        "score_largest_over_smallest": float(score.max() / score.min()),
    }
    if not settings.exact:
        indices = draw_independently(score, published_factor, rng)
        return Selection(indices, {**facts, "kept": len(indices)})
    factor = scale_to_target(score, target)
    return Selection(
        draw_exactly(score, factor, target, rng),
        {**facts, "kept": target, "rows_kept_surely": int((score >= 1.0 / factor).sum())},
    )
