"""Stage 2: the local mask, by rule or learned, and the share of rows in each local graph."""

from __future__ import annotations

import numpy as np

from mocoda.artifacts import read_json, read_tensors, write_json, write_tensors
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.errors import UserError, suggestion
from mocoda.factors import mask_id
from mocoda.jobs import Job
from mocoda.masks import MASKS, Mask
from mocoda.seeding import seed_for
from mocoda.stores import read_transitions


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


def fit_mask(job: Job) -> None:
    """Write the mask's tensors and a card: settings, share of rows per local graph."""
    domain = DOMAINS[job.wildcards["domain"]]
    rows = read_transitions(job.inputs["manifest"], job.inputs["store"])
    variant = MASKS[job.settings["kind"]]
    mask = variant.fit(
        variant.settings.model_validate(job.settings), domain, rows, seed_for(*job.names)
    )
    graphs = mask(rows.observation, rows.action)
    ids, first, counts = np.unique(mask_id(graphs), return_index=True, return_counts=True)
    write_tensors(job.outputs["mask"], mask.tensors())
    write_json(
        job.outputs["card"],
        {
            "settings": job.settings,
            "roots": domain.slots.root_names,
            "children": domain.slots.child_names,
            "local_graphs": [
                {
                    "id": int(graph),
                    "share": float(count / len(rows)),
                    "mask": graphs[row].astype(int).tolist(),
                }
                for graph, row, count in zip(ids, first, counts, strict=True)
            ],
        },
    )
