"""Settings that SANDy's masks share."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LearnedMaskSettings(BaseModel):
    """How a mask is learned, whatever the network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Literal["next_state", "difference"] = Field(
        "difference",
        description="What is predicted: the next state (published code), or its difference from "
        "the state (our choice where a step moves the state little, so that small effects of the "
        "action are not drowned). With differences a slot is always its own parent.",
    )
    updates: int = Field(
        3125, ge=1, description="Gradient steps (published code: 250 epochs of 12 500 rows)."
    )
    batch_size: int = Field(1000, ge=1, description="Rows a batch (published code).")
    learning_rate: float = Field(
        1e-3, gt=0, allow_inf_nan=False, description="Adam's rate (published code)."
    )
    learning_rate_decay_start: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the updates after which the rate falls linearly to zero; 1: never "
        "(published code).",
    )
    weight_decay: float = Field(
        1e-5, ge=0, allow_inf_nan=False, description="L2 penalty (published code)."
    )
    validation_share: float = Field(
        0.1, gt=0, lt=1, description="Share of the episodes held out (our choice)."
    )
    threshold: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Score above which an edge is there; null: chosen for each child on held-out "
        "rows (our choice; the published code has 0.02 and 0.05, by domain).",
    )
    threshold_tolerance: float = Field(
        0.5,
        gt=0,
        allow_inf_nan=False,
        description="How much a child's held-out squared error may rise when a row's non-parents "
        "are replaced, as a multiple of that error (our choice; less keeps more edges).",
    )
    threshold_variance_tolerance: float = Field(
        0.02,
        gt=0,
        allow_inf_nan=False,
        description="The most that it may rise, as a share of the variance of the child's targets, "
        "however large the error (our choice).",
    )
    threshold_floor: float = Field(
        1e-6,
        ge=0,
        allow_inf_nan=False,
        description="A rise below this share of the variance never counts: where the error is next "
        "to nothing, so is a multiple of it (our choice).",
    )
    threshold_candidates: int = Field(
        64, ge=2, description="Thresholds that are tried: quantiles of the scores (our choice)."
    )
    threshold_rows: int = Field(
        4000, ge=1, description="Held-out rows that the threshold is chosen on (our choice)."
    )
