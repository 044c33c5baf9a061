"""Settings of the parent distribution that is fitted with Gaussian mixtures."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class GmmSettings(BaseModel):
    """One Gaussian mixture a parent set (MoCoDA, section 4.1 and appendix B)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    components: int = Field(
        32, ge=1, le=1024, description="Components of each mixture (MoCoDA, appendix B: 32)."
    )
    covariance: Literal["full", "diagonal"] = Field(
        "full",
        description="Covariance of a component: full (our choice) or diagonal (published code).",
    )
    weights: Literal["fitted", "uniform"] = Field(
        "fitted",
        description=(
            "Weights that the mixture is sampled with: as fitted (the method as written), or the "
            "same for each component (what the published code does, where the weights are lost)."
        ),
    )
    variance_floor: float = Field(
        1e-4,
        gt=0,
        description=(
            "Added to each variance, as a share of the column's variance in the data. The value "
            "is the published code's, which applies it to raw columns; the scaling is our choice."
        ),
    )
    max_iterations: int = Field(
        100, ge=1, description="EM iterations over all rows at most (published code: 100)."
    )
    tolerance: float = Field(
        1e-3,
        ge=0,
        description=(
            "EM ends when the mean log-likelihood of a row rises by less, in nats (published code)."
        ),
    )
    restarts: int = Field(
        2,
        ge=1,
        description=(
            "Starts tried on `initial_rows` rows; EM goes on from the likeliest (our choice; the "
            "published code runs k-means 50 times)."
        ),
    )
    initial_rows: int = Field(
        16384, ge=64, description="Rows on which the starts are tried (our choice)."
    )
    max_rows: int = Field(
        200_000,
        ge=64,
        description="Rows drawn without replacement to fit a mixture on (our choice).",
    )
    truncation: float | None = Field(
        2.5,
        gt=0.1,
        description=(
            "Standard normals beyond this many standard deviations are drawn again (published "
            "code: 2.5); null keeps them all."
        ),
    )
    density_quantile: float | None = Field(
        0.01,
        gt=0,
        lt=0.5,
        description=(
            "Proposals whose density under any parent set's mixture is below this quantile of "
            "the data's own are rejected (our choice; null as published)."
        ),
    )
    stratify: bool = Field(
        False,
        description=(
            "Fit one set of mixtures to each local graph and keep only the proposals that have "
            "that graph (MoCoDA, appendix B.2)."
        ),
    )
    stratum_rows_per_column: int = Field(
        50,
        ge=2,
        description=(
            "Local graphs with fewer rows than this times the columns are fitted together (our "
            "choice)."
        ),
    )
