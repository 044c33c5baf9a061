"""RAND: states and actions uniform over the domain, children from the model (MoCoDA, section 5)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mocoda.augmentation.base import AugmentationVariant, Generated, Ingredients, NoSettings, given
from mocoda.domains.base import Domain
from mocoda.seeding import numpy_generator


def generate(
    settings: NoSettings, ingredients: Ingredients, rows: int, names: tuple[Any, ...]
) -> Generated:
    """Draw parents from the domain's `uniform_parents` and one child each; none is refused."""
    draw = given(ingredients.domain.uniform_parents, "uniform_parents")
    observation, action = (
        values.astype(np.float32) for values in draw(rows, numpy_generator(*names, "parents"))
    )
    children = ingredients.children(observation, action, names)
    return Generated(observation, action, children, {"proposed": rows, "accepted": rows})


def refuses(domain: Domain) -> str:
    """Why no states can be drawn uniformly, or "": the domain must say where they lie."""
    if domain.uniform_parents is not None:
        return ""
    return f"'{domain.name}' has no `uniform_parents`: it has no box to draw states from"


VARIANT = AugmentationVariant(NoSettings, ("mask", "dynamics"), generate, refuses=refuses)
