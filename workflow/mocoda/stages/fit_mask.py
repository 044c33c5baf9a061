"""Stage 2: the local mask, by rule or learned, and the share of rows in each local graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from mocoda.artifacts import write_json, write_tensors
from mocoda.domains import DOMAINS
from mocoda.episodes import shared_split
from mocoda.jobs import Job
from mocoda.masks import MASKS
from mocoda.masks.base import ScoredMask
from mocoda.seeding import seed_for
from mocoda.stores import read_transitions

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


def fit_mask(job: Job) -> None:
    """Write the mask's tensors and a card: settings, share of rows per local graph."""
    domain = DOMAINS[job.wildcards["domain"]]
    rows = read_transitions(job.inputs["manifest"], job.inputs["store"])
    variant = MASKS[job.settings["kind"]]
    settings, seed = variant.settings.model_validate(job.settings), seed_for(*job.names)
    if variant.learn is None:
        mask = variant.fit(settings, domain, rows, seed)
    else:
        share = settings.validation_share  # type: ignore[attr-defined]
        held_out = np.zeros(len(rows), dtype=bool)
        held_out[shared_split(domain.name, rows, share, job.seed)[1]] = True
        mask = variant.learn(
            settings, domain, rows, seed, job.log, job.checkpoint(), held_out=held_out
        )
    write_tensors(job.outputs["mask"], mask.tensors())
    write_json(
        job.outputs["card"],
        {
            "settings": job.settings,
            "roots": domain.slots.root_names,
            "children": domain.slots.child_names,
            "local_graphs": local_graphs(mask(rows.observation, rows.action)),
            **(mask.facts() if isinstance(mask, ScoredMask) else {}),
        },
    )
