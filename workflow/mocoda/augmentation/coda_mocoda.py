"""CoDA's rows and MoCoDA's in one data set, in a fixed ratio (CoDA, section 5: 1R:3C:1M).

The share of real rows is `sample_augmented.generated_per_real`: 4 with a model's share of a quarter
is one real row to three swapped ones and one of the model.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mocoda.augmentation import coda, mocoda
from mocoda.augmentation.base import (
    AugmentationVariant,
    Generated,
    Ingredients,
    NoSettings,
    join,
)
from mocoda.augmentation.swap import refuses_connected_base


class MixtureSettings(BaseModel):
    """How many of the generated rows are the model's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_share: float = Field(
        0.25, gt=0, lt=1, description="Share of the generated rows (CoDA: a quarter in 1R:3C:1M)."
    )


def generate(
    settings: MixtureSettings, ingredients: Ingredients, rows: int, names: tuple[Any, ...]
) -> Generated:
    """First the swapped rows, then the model's, by the same functions as `coda` and `mocoda`."""
    of_model = round(settings.model_share * rows)
    parts = [
        variant(NoSettings(), ingredients, number, names)
        for variant, number in ((coda.generate, rows - of_model), (mocoda.generate, of_model))
        if number
    ]
    return join(parts)


VARIANT = AugmentationVariant(
    MixtureSettings,
    ("transitions", "mask", "parents", "dynamics"),
    generate,
    swaps=True,
    refuses=refuses_connected_base,
)
