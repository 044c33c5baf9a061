"""CoDA: swap locally independent parts of two logged rows (CoDA, algorithm 1); needs no model.

A part may be swapped if it is an independent set of both rows' local graphs, and the new row is
kept only if the part is one of the new row's graph, too. Then, where the mask is right, each part
moves as it did in its source, and the new row obeys the true dynamics. Right means that it holds
where all logged rows are allowed together: if a root only chooses between two ways for a child to
move, it is the child's parent, though neither way's derivative shows it (CoDA, proposition 1).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mocoda.augmentation.base import (
    AugmentationVariant,
    Generated,
    Ingredients,
    NoSettings,
    given,
    join,
    roots_of,
    sources_of,
)
from mocoda.augmentation.swap import (
    component_labels,
    draw_independent_sets,
    draw_pairs,
    first_of_its_kind,
    independent,
    refuses_connected_base,
    swapped,
)
from mocoda.errors import UserError
from mocoda.masks import Mask
from mocoda.seeding import numpy_generator
from mocoda.transitions import Transitions

SMALLEST_BLOCK = 2048
LARGEST_BLOCK = 65_536
# Below this share of accepted pairs the search is given up, once so many were proposed.
SMALLEST_ACCEPTANCE = 1e-3
PAIRS_BEFORE_GIVING_UP = 20_000


def generate(
    settings: NoSettings, ingredients: Ingredients, rows: int, names: tuple[Any, ...]
) -> Generated:
    """Swap until there are `rows` different rows. Counts, in pairs of logged rows: `proposed`,
    `accepted` (before the surplus of the last block is dropped), `no_shared_independent_set`,
    `dependent_after_the_swap` and `repeated`. Raises UserError where (almost) nothing can be
    swapped, or too few rows for as many different ones.
    """
    logged: Transitions = given(ingredients.transitions, "transitions")
    mask: Mask = given(ingredients.mask, "mask")
    generator = numpy_generator(*names, "pairs")
    graphs = mask(logged.observation, logged.action)
    refuse_connected(ingredients, graphs)
    counts = {
        "proposed": 0,
        "accepted": 0,
        "no_shared_independent_set": 0,
        "dependent_after_the_swap": 0,
        "repeated": 0,
    }
    found: Generated | None = None
    filled = 0
    while filled < rows:
        share = max(counts["accepted"] / max(counts["proposed"], 1), SMALLEST_ACCEPTANCE)
        wanted = (rows - filled) * (1.05 / share if counts["proposed"] else 1.0)
        number = int(np.clip(wanted, SMALLEST_BLOCK, LARGEST_BLOCK))
        part = swap_block(ingredients, logged, graphs, number, generator)
        for name, value in part.counts.items():
            counts[name] += value
        both = part if found is None else join([found, part])
        new = first_of_its_kind(
            sources_of(both), roots_of(both), len(ingredients.domain.slots.root_names)
        )
        counts["repeated"] += int((~new).sum())
        counts["accepted"] -= int((~new).sum())
        found = both.take(new)
        filled = len(found.observation)
        hopeless = counts["accepted"] < SMALLEST_ACCEPTANCE * counts["proposed"]
        if hopeless and counts["proposed"] >= PAIRS_BEFORE_GIVING_UP:
            reasons = {k: v for k, v in counts.items() if k not in ("proposed", "accepted")}
            raise UserError(
                f"CoDA on {ingredients.domain.name}",
                expected=f"at least {SMALLEST_ACCEPTANCE:.1%} accepted pairs",
                found=f"{counts['accepted']} of {counts['proposed']}, refused for {reasons}",
                remedy="The mask of fit_mask is the likely reason: it sees few parts of a row as "
                "independent of the rest. Choose another mask, or another augmentation.",
            )
    if found is None:
        raise ValueError("no rows were asked for")
    return replace(found.take(slice(rows)), counts=counts)


def swap_block(
    ingredients: Ingredients,
    logged: Transitions,
    graphs: np.ndarray,
    number: int,
    generator: np.random.Generator,
) -> Generated:
    """The accepted rows of `number` pairs, and the counts of `generate`.

    graphs : bool[logged rows, roots, children].
    """
    mask: Mask = given(ingredients.mask, "mask")
    first, second = draw_pairs(len(logged), number, generator)
    # A set that is a union of components of both graphs is one of the graph with both their edges.
    labels = component_labels(graphs[first] | graphs[second])
    shared = np.flatnonzero(labels.any(axis=1))
    first, second = first[shared], second[shared]
    chosen = draw_independent_sets(labels[shared], generator)
    new = swapped(logged, ingredients.domain.slots, first, second, chosen)
    kept = independent(mask(new.observation, new.action), chosen)
    counts = {
        "proposed": number,
        "accepted": int(kept.sum()),
        "no_shared_independent_set": number - len(shared),
        "dependent_after_the_swap": int((~kept).sum()),
    }
    return replace(new.take(kept), counts=counts)


def refuse_connected(ingredients: Ingredients, graphs: np.ndarray) -> None:
    """UserError where no logged row has a part that is independent of its rest."""
    if component_labels(graphs).any():
        return
    domain = ingredients.domain
    always = not component_labels(domain.base_mask[None]).any()
    names = ", ".join(domain.slots.root_names)
    raise UserError(
        f"CoDA on {domain.name}",
        expected="logged rows with a part that is independent of the rest, which could be swapped",
        found=f"a mask that connects everything ({names}) in each of the {len(graphs)} rows"
        + (
            f"; the base graph of {domain.name} does so in itself: it has no proper independent "
            "set, and CoDA is impossible under masks that only add to it"
            if always
            else ""
        ),
        remedy="Choose another augmentation (mocoda needs no independent sets), or another kind of "
        "mask in fit_mask that finds them.",
    )


VARIANT = AugmentationVariant(
    NoSettings,
    ("transitions", "mask"),
    generate,
    swaps=True,
    refuses=refuses_connected_base,
)
