"""Choose the threshold of soft edges on held-out rows, without knowing the true graph (our choice;
CoDA chose by the F1 score against the true one).

A graph may leave an edge out if the child does not need the root. So for each candidate threshold
the values of the roots that a row's graph leaves out are replaced by those of another row, at
random, and the child is predicted again. Edges that matter show as an error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mocoda.factors import Slots
from mocoda.masks.sandy_network import SandyNetwork


@dataclass(frozen=True)
class ThresholdCurve:
    """Error by threshold, on rows whose non-parents were replaced.

    thresholds : float32 [candidates], ascending. error : float32 [candidates, children], mean
    square of the standardised targets; plain_error [children], with nothing replaced.
    edges : float32 [candidates], the share of entries above the threshold.
    """

    thresholds: Tensor
    error: Tensor
    plain_error: Tensor
    edges: Tensor

    def excess(self) -> Tensor:
        """[candidates]: the worst child's rise of the error, as a share of its targets' variance
        (which is 1, since they are standardised)."""
        return (self.error - self.plain_error).amax(dim=1)

    def choose(self, tolerance: float) -> float:
        """The largest threshold up to which no candidate exceeds the tolerance; just below the
        first candidate if that one does, so that all its edges stay."""
        within = (self.excess() <= tolerance).to(torch.int64).cumprod(dim=0)
        number = int(within.sum())
        if number == 0:
            return float(np.nextafter(np.float32(self.thresholds[0]), np.float32(-1.0)))
        return float(self.thresholds[number - 1])


def candidate_thresholds(scores: Tensor, number: int) -> Tensor:
    """Ascending quantiles of the scores, each once: float32 [at most `number`]."""
    ordered = scores.flatten().sort().values
    at = torch.linspace(0, len(ordered) - 1, number).round().long()
    return ordered[at].unique()


def squared_error(
    network: SandyNetwork, inputs: Tensor, context: Tensor, targets: Tensor, columns: Tensor
) -> Tensor:
    """Mean square over rows and the child's columns; 0-d."""
    difference = (network.predict(inputs, context) - targets)[:, columns]
    return difference.square().mean()


@torch.no_grad()
def threshold_curve(
    network: SandyNetwork,
    slots: Slots,
    inputs: Tensor,
    targets: Tensor,
    scores: Tensor,
    candidates: int,
    generator: torch.Generator,
) -> ThresholdCurve:
    """Errors at `candidates` quantiles of the scores.

    inputs [n, obs + act] and targets [n, obs] are standardised; scores [n, roots, children].
    """
    thresholds = candidate_thresholds(scores, candidates)
    other = inputs[torch.randperm(len(inputs), generator=generator)]
    # Root of each column of the inputs.
    root_of = torch.zeros(inputs.shape[1], dtype=torch.long)
    for root, root_columns in enumerate(slots.root_columns):
        root_of[list(root_columns)] = root
    plain, replaced = [], []
    for child, slot in enumerate(slots.state):
        columns = torch.tensor(slot.columns)
        plain.append(squared_error(network, inputs, inputs, targets, columns))
        errors = []
        for threshold in thresholds:
            kept = (scores[:, :, child] > threshold)[:, root_of]
            mixed = torch.where(kept, inputs, other)
            errors.append(squared_error(network, mixed, inputs, targets, columns))
        replaced.append(torch.stack(errors))
    edges = torch.stack([(scores > threshold).float().mean() for threshold in thresholds])
    return ThresholdCurve(thresholds, torch.stack(replaced, dim=1), torch.stack(plain), edges)
