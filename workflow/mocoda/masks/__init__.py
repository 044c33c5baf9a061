"""Local masks: which child depends on which root, row by row. One line a variant."""

from mocoda.masks import dense, ground_truth, heuristic, sandy_mixture, sandy_transformer
from mocoda.masks.base import Mask, MaskVariant

MASKS: dict[str, MaskVariant] = {
    "heuristic": heuristic.VARIANT,
    "dense": dense.VARIANT,
    "ground_truth": ground_truth.VARIANT,
    "sandy_mixture": sandy_mixture.VARIANT,
    "sandy_transformer": sandy_transformer.VARIANT,
}

__all__ = ["MASKS", "Mask", "MaskVariant"]
