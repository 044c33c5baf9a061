"""The Gaussian negative log-likelihood, with its gradient written out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus


@dataclass(frozen=True)
class Likelihood:
    """Negative log-likelihood of `target` under N(mean, softplus(raw) + floor), without ln(2 pi)/2.

    (MoCoDA, section 4.2.) target : normalised, [heads, width, batch]. weight : what each column of
    each head counts, [heads, width, 1]; 0 for a column that only fills up. floor : added to the
    variance.
    """

    target: Tensor
    weight: Tensor
    floor: float

    def differentiate(self, heads: slice, output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For outputs [heads, 2 width, batch] of some heads, means and then raw variances.

        Returns d loss / d output, and the sums over all rows and columns, by weight, of the
        negative log-likelihood and of the squared error.
        """
        mean, raw = output.chunk(2, dim=-2)
        weight = self.weight[heads]
        variance = softplus(raw).add_(self.floor)
        error = mean - self.target[heads]
        scaled = error / variance
        relative = error * scaled
        to_mean = weight * scaled
        to_raw = (1 - relative).div_(variance).mul_(raw.sigmoid()).mul_(0.5 * weight)
        squared = error.square().sum(dim=-1, keepdim=True)
        likelihood = 0.5 * relative.add_(variance.log()).sum(dim=-1, keepdim=True)
        gradient = torch.cat([to_mean, to_raw], dim=-2)
        return gradient, (weight * likelihood).sum(), (weight * squared).sum()
