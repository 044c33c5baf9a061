"""CoDA without its mask, as MoCoDA's published code runs it on 2D Navigation.

The components of the domain's base graph are swapped freely, as if nothing ever interacted: no
local graph is looked at and no row is refused. Wherever a source row or the new row does interact,
the new row breaks the dynamics; on 2D Navigation that is some 41 % of the rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mocoda.augmentation.base import AugmentationVariant, Generated, Ingredients, NoSettings, given
from mocoda.augmentation.swap import (
    component_labels,
    draw_independent_sets,
    draw_pairs,
    refuses_connected_base,
    swapped,
)
from mocoda.seeding import numpy_generator
from mocoda.transitions import Transitions


def generate(
    settings: NoSettings, ingredients: Ingredients, rows: int, names: tuple[Any, ...]
) -> Generated:
    """One new row for each of `rows` pairs of logged rows."""
    domain = ingredients.domain
    logged: Transitions = given(ingredients.transitions, "transitions")
    generator = numpy_generator(*names, "pairs")
    first, second = draw_pairs(len(logged), rows, generator)
    labels = component_labels(domain.base_mask[None])
    chosen = draw_independent_sets(np.repeat(labels, rows, axis=0), generator)
    new = swapped(logged, domain.slots, first, second, chosen)
    return replace(new, counts={"proposed": rows, "accepted": rows})


VARIANT = AugmentationVariant(
    NoSettings,
    ("transitions",),
    generate,
    swaps=True,
    refuses=refuses_connected_base,
)
