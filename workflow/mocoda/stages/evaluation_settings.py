"""Settings of `evaluate`, apart from it: checking them imports nothing of it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EvaluationSettings(BaseModel):
    """How many episodes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    episodes: int = Field(100, ge=1, description="Episodes of the final policy, a seed.")
    curve_episodes: int = Field(
        40, ge=0, description="Episodes of each snapshot, for the curve only; 0: no curve."
    )
