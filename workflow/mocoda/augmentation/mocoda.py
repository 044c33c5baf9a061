"""MoCoDA: parents from the mixtures, children from the dynamics model (MoCoDA, algorithm 1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mocoda.augmentation.base import AugmentationVariant, Generated, Ingredients, NoSettings, given
from mocoda.masks import Mask
from mocoda.parents.gmm import Parents, propose_for
from mocoda.seeding import numpy_generator


def generate(
    settings: NoSettings, ingredients: Ingredients, rows: int, names: tuple[Any, ...]
) -> Generated:
    """Draw valid parents and one child each; counts are the rejected proposals by reason."""
    observation, action, counts = draw_parents(ingredients, rows, names)
    return Generated(observation, action, ingredients.children(observation, action, names), counts)


def draw_parents(
    ingredients: Ingredients, rows: int, names: tuple[Any, ...]
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Valid observations and actions, float32 [rows, obs] and [rows, act], and what was counted."""
    domain = ingredients.domain
    parents: Parents = given(ingredients.parents, "parents")
    mask: Mask = given(ingredients.mask, "mask")
    drawn, counts = propose_for(domain, mask, parents, rows, numpy_generator(*names, "parents"))
    split = domain.slots.observation_dim
    return drawn[:, :split].astype(np.float32), drawn[:, split:].astype(np.float32), dict(counts)


VARIANT = AugmentationVariant(
    NoSettings, ("mask", "parents", "dynamics"), generate, chosen_from=True
)
