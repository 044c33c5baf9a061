"""Settings of `train_offline_agent`, apart from it: checking them imports nothing of it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TrainingSettings(BaseModel):
    """What is the same for all agents."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    updates: int = Field(1_000_000, ge=1, description="Gradient steps (paper: 1M, HookSweep2).")
    goals: Literal["batch", "dataset"] = Field(
        "dataset",
        description="When a row gets its goal: once (dataset, published) or each time it is "
        "drawn (batch, our choice).",
    )
    goals_near: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the rows of a batch whose goal is drawn near to where their objects "
        "are, as hindsight does (Andrychowicz et al., 2017; published: none). Needs goals: batch.",
    )
    normalise: bool = Field(
        False, description="Normalise the agent's inputs (published: no; our default scale does)."
    )
    terminal: Literal["success", "never"] = Field(
        "success",
        description="Which rows end the return: those that succeed (published), or none, as where "
        "the task goes on and success is counted at its last step (our choice).",
    )
    snapshots: int = Field(
        10, ge=1, description="Policies kept on the way for the curve, the final one included."
    )

    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="Where the networks and the rows are; the evaluation is on the CPU."
    )
    side_by_side: bool = Field(
        False,
        description="Train all runs of an agent in a table in one job, in batched products: for a "
        "GPU; on a CPU a process a run is faster. Another seed or column then trains all again.",
    )

    def describe(self) -> str:
        """What departs from the published recipe, in words, for the tables."""
        inputs = "inputs normalised" if self.normalise else "inputs as they are"
        when = "each time a row is drawn" if self.goals == "batch" else "once a row"
        ends = "" if self.terminal == "success" else ", no row ends the return"
        near = f" ({self.goals_near:g} of them near the objects)" if self.goals_near else ""
        return f"{inputs}, goals drawn {when}{near}{ends}"
