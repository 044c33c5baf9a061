"""Masks as an earlier `fit_mask` wrote them."""

from __future__ import annotations

from mocoda.artifacts import read_json, read_tensors
from mocoda.domains.base import Domain
from mocoda.errors import UserError, suggestion
from mocoda.masks import MASKS, Mask


def load_mask(card: str, tensors: str, domain: Domain) -> Mask:
    """The mask that an earlier `fit_mask` wrote."""
    facts = read_json(card)
    settings = facts.get("settings") if isinstance(facts, dict) else None
    kind = settings.get("kind") if isinstance(settings, dict) else None
    if not isinstance(settings, dict) or kind not in MASKS:
        raise UserError(
            card,
            expected=f"settings of a mask, of a kind among {', '.join(MASKS)}",
            found=f"kind {kind!r}",
            remedy=f"{suggestion(str(kind), MASKS)} Delete it and run the same command again.",
        )
    variant = MASKS[kind]
    return variant.load(variant.settings.model_validate(settings), domain, read_tensors(tensors))
