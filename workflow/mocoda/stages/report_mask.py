"""How near a mask comes to the true local graphs: only for domains whose true mask is known.

Measured on fresh rows, which no mask was learned from.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mocoda.artifacts import atomic_path, write_json
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.errors import UserError
from mocoda.jobs import Job
from mocoda.logged import LoggedSettings, behaviour_policy, collection
from mocoda.masks.base import Mask, ScoredMask
from mocoda.masks.quality import auc, between_slots, precision_recall, roc
from mocoda.masks.stored import load_mask
from mocoda.seeding import seed_for

# Rows that a mask is measured on (our choice), and points kept of a curve.
ROWS = 5000
POINTS = 400
CURVE = ("false_positive_rate", "true_positive_rate")


def true_graphs(domain: Domain, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    """The true local graphs bool [n, roots, children]; UserError where they are not known."""
    if domain.true_mask is None:
        raise UserError(
            f"domain {domain.name}",
            expected="local graphs that are known (`true_mask`)",
            found="none",
            remedy="Leave tables.masks empty for this domain.",
        )
    return domain.true_mask(observation, action)


def scores_of(mask: Mask, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Strengths of the edges, float [n, roots, children]; 0 and 1 where a rule gives the mask."""
    if isinstance(mask, ScoredMask):
        return mask.scores(observation, action)
    return mask(observation, action).astype(np.float32)


def report_mask(job: Job) -> None:
    """Write area under the ROC curve, precision and recall, mean graphs, and the curve itself.

    Areas, precision and recall are over entries whose root is part of the state, as published, over
    all entries (`_all_roots`), and over those from one slot to another (`_between_slots`).
    Where the true graphs have all edges, or none, no area is defined (None), and the curve is a
    row of NaN.
    """
    domain = DOMAINS[job.wildcards["domain"]]
    mask = load_mask(job.inputs["card"], job.inputs["mask"], domain)
    # By the behaviour policy, also where the logged rows are of a file.
    model, written = collection(domain, job.settings["collect_empirical"])
    own = {} if model is LoggedSettings else written
    settings = domain.settings.model_validate({**own, "transitions": ROWS})
    # The same fresh rows for every mask of a seed.
    seed = seed_for(domain.name, "report_mask", job.seed)
    rows = behaviour_policy(domain)(settings, seed, job.threads, job.log).transitions
    truth = true_graphs(domain, rows.observation, rows.action)
    graphs = mask(rows.observation, rows.action)
    scores = scores_of(mask, rows.observation, rows.action)
    report = {
        "rows": len(rows),
        "roots": domain.slots.root_names,
        "children": domain.slots.child_names,
    }
    kept = {
        "": lambda values: values[:, : len(domain.slots.child_names)],
        "_all_roots": lambda values: values,
        "_between_slots": between_slots,
    }
    for name, chosen in kept.items():
        true = chosen(truth)
        quality = precision_recall(chosen(graphs), true)
        # No curve is defined where no slot ever depends on another.
        both = true.any() and not true.all()
        report |= {
            f"auc{name}": auc(chosen(scores), true) if both else None,
            f"precision{name}": quality.precision,
            f"recall{name}": quality.recall,
        }
    report |= {
        "rows_with_the_true_graph": float((graphs == truth).all(axis=(1, 2)).mean()),
        "mean_mask": graphs.mean(axis=0).tolist(),
        "mean_truth": truth.mean(axis=0).tolist(),
    }
    job.log(", ".join(f"{k} {v:.4f}" for k, v in report.items() if isinstance(v, float)))
    if report["auc"] is None:
        job.log("no ROC curve: of the true graphs all entries, or none, are edges")
        curve = {name: np.array([np.nan]) for name in CURVE}
    else:
        rates = roc(scores, truth, state_roots_only=True)
        shown = np.unique(np.linspace(0, len(rates[0]) - 1, POINTS).round().astype(int))
        curve = {name: rate[shown] for name, rate in zip(CURVE, rates, strict=False)}
    with atomic_path(job.outputs["roc"]) as path:
        pd.DataFrame(curve).assign(mask=job.wildcards["mask"], seed=job.seed).to_csv(
            path, index=False
        )
    write_json(job.outputs["report"], report)
