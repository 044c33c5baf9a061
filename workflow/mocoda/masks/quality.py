"""How good a mask is where the true graph is known: ROC, its area, precision and recall.

Every entry of every row's graph counts as one decision. The published areas under the curve are
over entries whose root is a state slot (CoDA, appendix C.2): see `state_roots_only`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from mocoda.errors import UserError


@dataclass(frozen=True)
class PrecisionRecall:
    """Of the edges that a mask has, the share that is true; of the true edges, the share it has.

    1.0 where there is nothing to be wrong about (no edge in the mask, no true edge).
    """

    precision: float
    recall: float


def between_slots(values: np.ndarray) -> np.ndarray:
    """The entries of [n, roots, children] from one state slot to another, [n, 1, pairs].

    Every slot depends on itself in nearly all domains, so masks that only know this much have a
    high area over all entries: what a mask knows of interactions shows here.
    """
    children = values.shape[2]
    others = ~np.eye(children, dtype=bool)
    return values[:, :children][:, others][:, None, :]


def entries(
    values: np.ndarray, truth: np.ndarray, state_roots_only: bool
) -> tuple[np.ndarray, ...]:
    """The entries of [n, roots, children] to compare, flat, and the truth's.

    Raises UserError if the shapes differ. With `state_roots_only` the first `children` roots count
    alone: the state slots come first (see `mocoda.factors`).
    """
    if values.shape != truth.shape or values.ndim != 3:
        raise UserError(
            "a mask and the true one",
            expected="two arrays of one shape [n, roots, children]",
            found=f"{values.shape} and {truth.shape}",
        )
    roots = values.shape[2] if state_roots_only else values.shape[1]
    return values[:, :roots].ravel(), truth[:, :roots].astype(bool).ravel()


def roc(
    scores: np.ndarray, truth: np.ndarray, *, state_roots_only: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """False positive rate, true positive rate and threshold at each point of the curve.

    scores : float [n, roots, children]; truth : bool, the same shape.
    Raises UserError if the shapes differ or the truth is all ones or all zeros.
    """
    flat, true = both_kinds(scores, truth, state_roots_only)
    false_rate, true_rate, thresholds = roc_curve(true, flat)
    return false_rate, true_rate, thresholds


def auc(scores: np.ndarray, truth: np.ndarray, *, state_roots_only: bool = False) -> float:
    """Area under the ROC curve: 1 for a perfect ranking of the entries, 0.5 for a blind one."""
    flat, true = both_kinds(scores, truth, state_roots_only)
    return float(roc_auc_score(true, flat))


def both_kinds(
    scores: np.ndarray, truth: np.ndarray, state_roots_only: bool
) -> tuple[np.ndarray, ...]:
    """Flat entries; raises UserError if the truth has no edge, or nothing else."""
    flat, true = entries(scores, truth, state_roots_only)
    if true.all() or not true.any():
        raise UserError(
            "the true mask",
            expected="entries of both kinds, or no ROC is defined",
            found="only ones" if true.any() else "only zeros",
        )
    return flat, true


def precision_recall(
    mask: np.ndarray, truth: np.ndarray, *, state_roots_only: bool = False
) -> PrecisionRecall:
    """Precision and recall of a mask, bool [n, roots, children], against the true one."""
    found, true = entries(mask, truth, state_roots_only)
    found = found.astype(bool)
    right = int((found & true).sum())
    edges, true_edges = int(found.sum()), int(true.sum())
    return PrecisionRecall(
        right / edges if edges else 1.0, right / true_edges if true_edges else 1.0
    )
