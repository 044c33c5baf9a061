"""Choose the threshold of soft edges on held-out rows, without knowing the true graph (our choice;
CoDA chose by the F1 score against the true one).

A graph may leave an edge out if the child does not need the root. So for each candidate threshold
the values of the roots that a row's graph leaves out are replaced by those of another row, at
random, and the child is predicted again. Edges that matter show as an error.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mocoda.factors import Slots
from mocoda.masks.sandy_network import SandyNetwork


@dataclass(frozen=True)
class ThresholdCurve:
    """Error by threshold, child by child, on rows whose non-parents were replaced.

    thresholds : float32 [candidates, children], each column ascending. error : the same shape,
    mean square of the standardised targets; plain_error [children], with nothing replaced.
    edges : the same shape, the share of the child's entries above the threshold.
    """

    thresholds: Tensor
    error: Tensor
    plain_error: Tensor
    edges: Tensor

    def choose(self, tolerance: float, variance_tolerance: float, floor: float = 0.0) -> Tensor:
        """Each child's largest threshold up to which no candidate's error rises by more than
        `tolerance` times the plain error, nor by more than `variance_tolerance` times the variance
        of the targets (which is 1: they are standardised). Rises up to `floor` never count.

        Just below the first candidate if that one does, so that all edges stay: float32 [children].
        """
        allowed = (tolerance * self.plain_error).clamp(max=variance_tolerance).clamp(min=floor)
        within = (self.error - self.plain_error <= allowed).to(torch.int64).cumprod(dim=0)
        number = within.sum(dim=0)
        below = torch.nextafter(self.thresholds[0], torch.tensor(-1.0))
        last = self.thresholds.gather(0, (number - 1).clamp(min=0)[None])[0]
        return torch.where(number == 0, below, last)


def candidate_thresholds(scores: Tensor, always: Tensor, number: int) -> Tensor:
    """Ascending quantiles of each child's scores [n, roots, children]: [number, children].

    always : bool [roots, children], edges that stay whatever their score: they are left out, unless
    a child has no other.
    """
    found = []
    for child in range(scores.shape[2]):
        free = ~always[:, child] if not always[:, child].all() else always[:, child]
        ordered = scores[:, free, child].flatten().sort().values
        found.append(ordered[torch.linspace(0, len(ordered) - 1, number).round().long()])
    return torch.stack(found, dim=1)


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
    always: Tensor,
    candidates: int,
    generator: torch.Generator,
) -> ThresholdCurve:
    """Errors at `candidates` quantiles of the scores.

    inputs [n, obs + act] and targets [n, obs] are standardised; scores [n, roots, children];
    always : bool [roots, children], edges that no threshold removes.
    """
    thresholds = candidate_thresholds(scores, always, candidates)
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
        for threshold in thresholds[:, child]:
            kept = ((scores[:, :, child] > threshold) | always[:, child])[:, root_of]
            mixed = torch.where(kept, inputs, other)
            errors.append(squared_error(network, mixed, inputs, targets, columns))
        replaced.append(torch.stack(errors))
    edges = torch.stack([(scores > threshold).float().mean(dim=(0, 1)) for threshold in thresholds])
    return ThresholdCurve(thresholds, torch.stack(replaced, dim=1), torch.stack(plain), edges)
