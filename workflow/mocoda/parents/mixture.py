"""A Gaussian mixture in float64, in the units of its columns: density, marginals, samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

# exp() of very negative numbers is many times slower, and exp(-60) is nothing beside 1.
SMALLEST_EXPONENT = -60.0
# Rows per product: the whitened rows of a block stay in the processor's cache.
ROWS_PER_BLOCK = 256


def log_sum_exp(values: torch.Tensor) -> torch.Tensor:
    """log(sum(exp(values))) over the last dimension, to a relative error of exp(-60)."""
    largest = values.amax(dim=-1, keepdim=True)
    total = (values - largest).clamp_(min=SMALLEST_EXPONENT).exp_().sum(dim=-1)
    return total.log_() + largest[..., 0]


class ComponentDensity:
    """log w_k + log N(x; mean_k, covariance_k) of many rows, as one product per block.

    weights [k], means [k, d], covariances [k, d, d], all float64.
    """

    def __init__(
        self, weights: torch.Tensor, means: torch.Tensor, covariances: torch.Tensor
    ) -> None:
        components, dimension = means.shape
        identity = torch.eye(dimension, dtype=torch.float64).expand_as(covariances)
        whitening = torch.linalg.solve_triangular(
            torch.linalg.cholesky(covariances), identity, upper=False
        )
        # Columns ordered (dimension, component): the sum of squares then runs over long vectors.
        self._product = whitening.permute(2, 1, 0).reshape(dimension, dimension * components)
        shift = torch.einsum("kij,kj->ki", whitening, means)
        self._shift = shift.T.reshape(dimension * components)
        self._constant = (
            weights.log()
            + whitening.diagonal(dim1=1, dim2=2).log().sum(dim=1)
            - 0.5 * dimension * math.log(2 * math.pi)
        )
        self._shape = (dimension, components)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows float64 [n, d] -> [n, k]."""
        whitened = torch.addmm(self._shift, rows, self._product, beta=-1.0)
        squared = whitened.mul_(whitened).view(-1, *self._shape).sum(dim=1)
        return squared.mul_(-0.5).add_(self._constant)


@dataclass(frozen=True)
class GaussianMixture:
    """weights [k] that sum to 1, means [k, d], covariances [k, d, d]: float64, raw units."""

    weights: torch.Tensor
    means: torch.Tensor
    covariances: torch.Tensor

    @property
    def dimension(self) -> int:
        return self.means.shape[1]

    def log_prob(self, rows: np.ndarray) -> np.ndarray:
        """Log-density, in nats, of rows [n, d] -> float64 [n]."""
        density = ComponentDensity(self.weights, self.means, self.covariances)
        values = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float64))
        result = torch.empty(len(values), dtype=torch.float64)
        for start in range(0, len(values), ROWS_PER_BLOCK):
            block = slice(start, start + ROWS_PER_BLOCK)
            result[block] = log_sum_exp(density(values[block]))
        return result.numpy()

    def marginal(self, columns: Sequence[int]) -> GaussianMixture:
        """The mixture of the given columns, in the order given (exact)."""
        index = torch.tensor(list(columns), dtype=torch.long)
        return GaussianMixture(
            self.weights,
            self.means[:, index],
            self.covariances[:, index[:, None], index[None, :]],
        )

    def sample(
        self, n: int, rng: np.random.Generator, truncation: float | None = None
    ) -> np.ndarray:
        """n rows, float64 [n, d]; see `mocoda.parents.conditional` for the truncation."""
        from mocoda.parents.conditional import ConditionalMixture

        return ConditionalMixture(self, given=()).sample(np.empty((n, 0)), rng, truncation)

    def with_uniform_weights(self) -> GaussianMixture:
        """The same components, each as likely as any other."""
        equal = torch.full_like(self.weights, 1.0 / len(self.weights))
        return GaussianMixture(equal, self.means, self.covariances)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The three arrays by name, for storage."""
        return {
            "weights": self.weights.numpy(),
            "means": self.means.numpy(),
            "covariances": self.covariances.numpy(),
        }

    @staticmethod
    def from_arrays(arrays: Mapping[str, np.ndarray]) -> GaussianMixture:
        """The inverse of `to_arrays`."""
        return GaussianMixture(
            **{
                name: torch.from_numpy(np.array(arrays[name], dtype=np.float64))
                for name in ("weights", "means", "covariances")
            }
        )
