"""Settings of the dynamics ensembles."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DynamicsSettings(BaseModel):
    """Ensemble of Gaussian models trained by negative log-likelihood (MoCoDA, section 4.2)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: int = Field(5, ge=1, description="Models in the ensemble (paper: 5).")
    hidden: tuple[int, ...] = Field(
        (512, 512),
        min_length=1,
        description="Width of each hidden layer (paper: 2 x 512 for HookSweep2).",
    )
    factored_hidden: tuple[int, ...] = Field(
        (256, 256),
        min_length=1,
        description="Width of each hidden layer of a child's own network in the factored models; "
        "there is one network a child, so each is smaller (our choice).",
    )
    composer_width: int = Field(
        128, ge=1, description="Features a root in the masked composer (published code: 128)."
    )
    composer_activation: Literal["relu", "none"] = Field(
        "relu",
        description="On a root's features in the masked composer: relu (MoCoDA, appendix B), or "
        "none, as in the published code, whose composer is linear.",
    )
    learning_rate: float = Field(2e-4, gt=0, description="Adam's rate (paper: 2e-4, HookSweep2).")
    learning_rate_decay_start: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the updates after which the rate falls linearly to zero; 1: never "
        "(published). Our default scale decays.",
    )
    weight_decay: float = Field(5e-5, ge=0, description="L2 penalty (published code: 5e-5).")
    batch_size: int = Field(512, ge=1, description="Rows a member and update (paper: 512).")
    updates: int = Field(312_000, ge=1, description="Gradient steps at most (paper: 4000 epochs).")
    targets: Literal["difference", "absolute"] = Field(
        "difference",
        description="Predict the normalised change of the state, or the state (published code).",
    )
    normalise: bool = Field(
        True,
        description="Scale inputs and targets to mean 0 and deviation 1 (our choice), or take them "
        "as they are (published code). Raw columns within [-1, 1] make for a smoother function, "
        "which extrapolates better to absolute targets.",
    )
    variance_floor: float = Field(
        1e-4,
        gt=0,
        description="Added to the predicted variance, in squared standard deviations of the "
        "target (in its own unit without `normalise`; published code: 1e-6). A higher floor stops "
        "the likelihood from overfitting while the error still falls (our choice).",
    )
    validation_share: float = Field(0.1, gt=0, lt=1, description="Share of episodes held out.")
    validate_every: int = Field(250, ge=1, description="Updates between validations.")
    patience: int = Field(
        20, ge=1, description="Validations without a better score before training stops early."
    )
    select_by: Literal["rmse", "nll"] = Field(
        "rmse", description="Score on the held-out rows that early stopping watches."
    )
    max_rows: int = Field(1_000_000, ge=1, description="Rows of the empirical data used at most.")
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="Arithmetic of the networks; master weights are fp32 always."
    )
