"""Settings of `sample_augmented`, apart from it: what else reads them needs none of its code."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SampleSettings(BaseModel):
    """How many rows to propose, and how children are drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    generated_per_real: float = Field(
        4.0, gt=0, description="Generated rows in a data set for each real row (paper: 4M to 1M)."
    )
    proposals_per_row: float = Field(
        2.5,
        ge=1,
        description="Rows proposed for each generated row that a data set takes; rebalancing "
        "chooses among them (published code: 3 for MoCoDA-P).",
    )
    shard_rows: int = Field(250_000, ge=1, description="Rows a shard: bounds the memory.")
    deviation_divisor: float = Field(
        3.0,
        gt=0,
        description="The predicted standard deviation is divided by this (published code).",
    )

    def generated_rows(self, real: int) -> int:
        """Generated rows of a data set with `real` logged ones."""
        return round(self.generated_per_real * real)

    def proposed_rows(self, real: int) -> int:
        """Rows to propose in all."""
        return round(self.proposals_per_row * self.generated_rows(real))
