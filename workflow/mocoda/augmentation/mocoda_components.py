"""MoCoDA-U by reweighting the mixtures' components, instead of choosing among proposals.

The paper names this way (MoCoDA, section 4.1) beside the one it uses, rejection by kernel density
(`mocoda.rebalance.uniform`): nothing is proposed in vain, and no density of rows is estimated.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mocoda.augmentation import mocoda
from mocoda.augmentation.base import AugmentationVariant, Generated, Ingredients, NoSettings, given
from mocoda.domains.base import Domain
from mocoda.parents.reweighting import ReweightingSettings, reweighted


def generate(
    settings: ReweightingSettings, ingredients: Ingredients, rows: int, names: tuple[Any, ...]
) -> Generated:
    """As MoCoDA, from parents whose density over the domain's `rebalance_columns` is flatter."""
    columns = ingredients.domain.rebalance_columns
    parents = reweighted(given(ingredients.parents, "parents"), columns, settings)
    return mocoda.generate(NoSettings(), replace(ingredients, parents=parents), rows, names)


def refuses(domain: Domain) -> str:
    """Why nothing can be flattened, or "": the domain must say over which columns."""
    if domain.rebalance_columns:
        return ""
    return f"'{domain.name}' has no `rebalance_columns`: it does not say what to make uniform"


VARIANT = AugmentationVariant(
    ReweightingSettings, ("mask", "parents", "dynamics"), generate, refuses=refuses
)
