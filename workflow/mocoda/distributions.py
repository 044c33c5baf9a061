"""The data sets that agents learn from, by name: what generates their rows, and which are kept."""

from __future__ import annotations

from dataclasses import dataclass

from mocoda.augmentation import AUGMENTATION
from mocoda.dynamics import DYNAMICS


@dataclass(frozen=True)
class Distribution:
    """Names of an augmentation (`mocoda.augmentation`) and a rebalancing (`mocoda.rebalance`)."""

    augmentation: str
    rebalance: str = "none"

    @property
    def dynamics(self) -> tuple[str, ...]:
        """The dynamics models that can predict its children; "none": it needs no model."""
        needed = "dynamics" in AUGMENTATION[self.augmentation].needs
        return tuple(DYNAMICS) if needed else ("none",)


# None: the logged rows alone. Real rows are part of every other data set too.
DISTRIBUTIONS: dict[str, Distribution | None] = {
    "emp": None,
    "mocoda": Distribution("mocoda"),
    "mocoda_u": Distribution("mocoda", "uniform"),
    "mocoda_p": Distribution("mocoda", "prioritized"),
    "mocoda_components": Distribution("mocoda_components"),
    "rand": Distribution("rand"),
    "dyna": Distribution("dyna"),
    "coda": Distribution("coda"),
    "coda_unmasked": Distribution("coda_unmasked"),
    "coda_mocoda": Distribution("coda_mocoda"),
    # Ceilings, which say where a loss is.
    "mocoda_truth": Distribution("mocoda_truth"),
    "target_task": Distribution("target_task"),
}
