"""Ways to make new transitions from logged ones. One file and one line a variant."""

from mocoda.augmentation import (
    coda,
    coda_mocoda,
    coda_unmasked,
    dyna,
    mocoda,
    mocoda_components,
    mocoda_truth,
    rand,
    target_task,
)
from mocoda.augmentation.base import AugmentationVariant, Generated, Ingredients

AUGMENTATION: dict[str, AugmentationVariant] = {
    "mocoda": mocoda.VARIANT,
    "mocoda_components": mocoda_components.VARIANT,
    "mocoda_truth": mocoda_truth.VARIANT,
    "target_task": target_task.VARIANT,
    "rand": rand.VARIANT,
    "dyna": dyna.VARIANT,
    "coda": coda.VARIANT,
    "coda_unmasked": coda_unmasked.VARIANT,
    "coda_mocoda": coda_mocoda.VARIANT,
}

__all__ = ["AUGMENTATION", "AugmentationVariant", "Generated", "Ingredients"]
