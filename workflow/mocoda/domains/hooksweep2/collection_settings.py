"""Settings of HookSweep2's empirical data."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mocoda.domains.hooksweep2 import task


class CollectionSettings(BaseModel):
    """How the empirical data of HookSweep2 is collected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    transitions: int = Field(
        default=1_000_000, ge=1, description="Rows to collect (paper, appendix: 1 million)."
    )
    action_noise: float = Field(
        default=0.15,
        ge=0.0,
        le=1.0,
        description="Standard deviation of the Gaussian noise on each action component, in units "
        "of the action's range [-1, 1] (our choice; the paper says 'noisy expert').",
    )
    random_actions: float = Field(
        default=0.1,
        ge=0.0,
        le=1.0,
        description="Share of steps whose action is uniform in [-1, 1] instead (our choice).",
    )
    other_box_limit: float = Field(
        default=0.04,
        gt=0.0,
        description="Metres that the other box may move before the episode is rejected (our "
        "choice: keeps the paper's premise that the data never has both boxes displaced).",
    )
    clearance: float = Field(
        default=0.02,
        ge=0.0,
        le=0.025,
        description="Metres kept free around the planned sweep when starts are drawn (our choice).",
    )
    hold_steps: int = Field(
        default=15,
        ge=1,
        le=task.HORIZON,
        description="Steps in a row with a success reward after which a sweep is cut that does not "
        "lapse (our choice: two thirds of the rows would otherwise hold a box at its goal).",
    )
    interrupted: float = Field(
        default=0.2,
        ge=0.0,
        lt=1.0,
        description="Share of episodes that begin to sweep both boxes and stop before the second "
        "is touched (our choice: shows each box at rest under hook poses that two boxes need).",
    )
    shoves: float = Field(
        default=0.15,
        ge=0.0,
        lt=1.0,
        description="Share of episodes that lower the hook anywhere around a box, on it too, and "
        "push in a random direction (our choice: shows what an expert that never errs does not).",
    )
    lapses: float = Field(
        default=0.4,
        ge=0.0,
        le=1.0,
        description="Share of sweeps that lapse once their box has been at its goal for some "
        "steps: they then repeat one random action (our choice: shows how boxes that are where "
        "they belong get lost, which an expert that holds them never does).",
    )
    lane_bins: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Strata of the lane offset (head's centre minus box, y) per box and side (our "
        "choice; 1 leaves it unstratified within its range).",
    )

    @model_validator(mode="after")
    def _some_sweeps(self) -> CollectionSettings:
        if self.interrupted + self.shoves >= 1:
            raise ValueError(
                f"expected interrupted + shoves below 1; found {self.interrupted} + {self.shoves}"
            )
        return self
