"""Settings of `collect_oracle`, apart from it: checking them imports nothing of it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class OracleSettings(BaseModel):
    """How many episodes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    episodes: int = Field(200, ge=1, description="Episodes of the scripted oracle.")
