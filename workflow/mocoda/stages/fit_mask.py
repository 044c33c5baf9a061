"""Stage 2: the local mask, by rule or learned, and the share of rows in each local graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from mocoda.artifacts import read_json, read_tensors, write_json, write_tensors
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.errors import UserError, suggestion
from mocoda.jobs import Job
from mocoda.masks import MASKS, Mask
from mocoda.masks.base import ScoredMask
from mocoda.seeding import seed_for
from mocoda.stores import read_transitions
from mocoda.transitions import Transitions


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


# Learned masks can have thousands of graphs; the card lists the most frequent ones.
LISTED_GRAPHS = 1000


def local_graphs(graphs: np.ndarray) -> list[dict[str, Any]]:
    """The distinct graphs of bool [n, roots, children], with their shares of the rows.

    In the order of their ids (the bits of the mask, as in `mocoda.factors.mask_id`, for masks of
    any size), but at most the `LISTED_GRAPHS` most frequent ones.
    """
    bits = np.packbits(graphs.reshape(len(graphs), -1), axis=1, bitorder="little")
    # One opaque value a row sorts much faster than rows of bytes do.
    keys = np.ascontiguousarray(bits).view(np.dtype((np.void, bits.shape[1])))[:, 0]
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:LISTED_GRAPHS]
    listed = [
        {
            "id": int.from_bytes(bits[first[graph]].tobytes(), "little"),
            "share": float(counts[graph] / len(graphs)),
            "mask": graphs[first[graph]].astype(int).tolist(),
        }
        for graph in most
    ]
    return sorted(listed, key=lambda graph: graph["id"])


def learned_facts(mask: Mask, domain: Domain, rows: Transitions) -> dict[str, Any]:
    """For a learned mask: threshold, losses, and how right it is where the true graph is known."""
    if not isinstance(mask, ScoredMask):
        return {}
    facts = mask.facts()
    if domain.true_mask is not None:
        # Imported here: whoever reads a mask has no use for it.
        from mocoda.masks.quality import auc, precision_recall

        truth = domain.true_mask(rows.observation, rows.action)
        scores = mask.scores(rows.observation, rows.action)
        found = precision_recall(mask(rows.observation, rows.action), truth)
        facts["against_the_true_mask"] = {
            "auc": auc(scores, truth) if truth.any() and not truth.all() else None,
            "precision": found.precision,
            "recall": found.recall,
        }
    return facts


def fit_mask(job: Job) -> None:
    """Write the mask's tensors and a card: settings, share of rows per local graph."""
    domain = DOMAINS[job.wildcards["domain"]]
    rows = read_transitions(job.inputs["manifest"], job.inputs["store"])
    variant = MASKS[job.settings["kind"]]
    settings, seed = variant.settings.model_validate(job.settings), seed_for(*job.names)
    if variant.learn is None:
        mask = variant.fit(settings, domain, rows, seed)
    else:
        mask = variant.learn(settings, domain, rows, seed, job.log, job.checkpoint())
    write_tensors(job.outputs["mask"], mask.tensors())
    write_json(
        job.outputs["card"],
        {
            "settings": job.settings,
            "roots": domain.slots.root_names,
            "children": domain.slots.child_names,
            "local_graphs": local_graphs(mask(rows.observation, rows.action)),
            **learned_facts(mask, domain, rows),
        },
    )
