"""Settings of `validation_loss`, apart from it: checking them imports nothing of it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ValidationLossSettings(BaseModel):
    """Sizes of the comparison; rows are the paper's, the network is our choice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    real_rows: int = Field(2000, ge=2, description="Logged rows to learn from (CoDA, Figure 11).")
    generated_rows: int = Field(35_000, ge=1, description="Swapped rows besides (CoDA, Figure 11).")
    validation_rows: int = Field(10_000, ge=1, description="Logged rows of other episodes at most.")
    hidden_sizes: tuple[int, ...] = Field((256, 256), min_length=1, description="Hidden layers.")
    batch_size: int = Field(256, ge=1, description="Rows an update.")
    learning_rate: float = Field(1e-3, gt=0, allow_inf_nan=False, description="Adam's rate.")
    updates: int = Field(10_000, ge=1, description="Gradient steps of each network.")
    validate_every: int = Field(200, ge=1, description="Updates between validations.")
