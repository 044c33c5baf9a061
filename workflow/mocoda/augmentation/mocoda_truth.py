"""MoCoDA's parents with their true children: what the method would reach with a perfect model.

A ceiling, no method: it needs the domain's dynamics in closed form (our addition).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mocoda.augmentation.base import AugmentationVariant, Generated, Ingredients, NoSettings, given
from mocoda.augmentation.mocoda import draw_parents
from mocoda.domains.base import Domain


def generate(
    settings: NoSettings, ingredients: Ingredients, rows: int, names: tuple[Any, ...]
) -> Generated:
    """Draw parents as MoCoDA does, and look their children up."""
    truth = given(ingredients.domain.true_dynamics, "true_dynamics")
    observation, action, counts = draw_parents(ingredients, rows, names)
    return Generated(observation, action, np.asarray(truth(observation, action)), counts)


def refuses(domain: Domain) -> str:
    """Why there are no true children, or ""."""
    return "" if domain.true_dynamics is not None else f"'{domain.name}' has no `true_dynamics`"


VARIANT = AugmentationVariant(NoSettings, ("mask", "parents"), generate, refuses=refuses)
