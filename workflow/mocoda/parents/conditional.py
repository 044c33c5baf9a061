"""The analytic conditional of a Gaussian mixture (MoCoDA, section 4.1), in batches.

For given columns A and new columns B, component k has weight w_k N(x_A; mu_kA, S_kAA), up to a
common factor, and x_B ~ N(mu_kB + S_kBA S_kAA^-1 (x_A - mu_kA), S_kBB - S_kBA S_kAA^-1 S_kAB).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from mocoda.parents.mixture import (
    SMALLEST_EXPONENT,
    ComponentDensity,
    GaussianMixture,
    log_sum_exp,
)


def truncated_normal(
    rng: np.random.Generator, shape: tuple[int, ...], truncation: float | None
) -> np.ndarray:
    """Standard normals; those beyond +-truncation are drawn again, never clipped."""
    values = rng.standard_normal(shape)
    if truncation is None:
        return values
    flat = values.reshape(-1)
    beyond = np.flatnonzero(np.abs(flat) > truncation)
    while len(beyond):
        flat[beyond] = rng.standard_normal(len(beyond))
        beyond = beyond[np.abs(flat[beyond]) > truncation]
    return values


class ConditionalMixture:
    """p(new columns | given columns) of a mixture, with everything that can be precomputed.

    given : positions, among the mixture's columns, of the known ones (none: the mixture itself).
    new : positions of the others, ascending.
    """

    def __init__(self, mixture: GaussianMixture, given: Sequence[int]) -> None:
        self.given = tuple(given)
        self.new = tuple(i for i in range(mixture.dimension) if i not in set(given))
        a = torch.tensor(self.given, dtype=torch.long)
        b = torch.tensor(self.new, dtype=torch.long)
        covariance_bb = mixture.covariances[:, b[:, None], b[None, :]]
        self.weights = mixture.weights
        self._density: ComponentDensity | None = None
        if len(a):
            covariance_aa = mixture.covariances[:, a[:, None], a[None, :]]
            covariance_ab = mixture.covariances[:, a[:, None], b[None, :]]
            # Through the Cholesky factor, S_BB - V'V stays positive definite in float64.
            factor = torch.linalg.cholesky(covariance_aa)
            half = torch.linalg.solve_triangular(factor, covariance_ab, upper=False)
            self.maps = torch.linalg.solve_triangular(factor.mT, half, upper=True).mT
            covariance_bb = covariance_bb - half.mT @ half
            self._density = ComponentDensity(mixture.weights, mixture.means[:, a], covariance_aa)
        else:
            self.maps = covariance_bb.new_zeros(len(mixture.weights), len(b), 0)
        self.covariances = 0.5 * (covariance_bb + covariance_bb.mT)
        self.offsets = mixture.means[:, b] - torch.einsum(
            "kba,ka->kb", self.maps, mixture.means[:, a]
        )
        self.factors = torch.linalg.cholesky(self.covariances)
        # [given, noise] @ this + offset = a draw of component k: [k, a + b, b].
        self._affine = torch.cat([self.maps, self.factors], dim=2).mT.contiguous()

    def log_weights(self, given: torch.Tensor) -> torch.Tensor:
        """Log-weights of the components, [n, k], normalised; finite however far `given` lies."""
        if self._density is None:
            return self.weights.log().expand(len(given), -1)
        joint = self._density(given)
        return joint - log_sum_exp(joint)[:, None]

    def log_prob(self, new: np.ndarray, given: np.ndarray) -> np.ndarray:
        """log p(new | given), in nats: [n, b], [n, a] -> [n]. For checks: memory is n * k * b."""
        x = torch.from_numpy(np.asarray(new, dtype=np.float64))
        y = torch.from_numpy(np.asarray(given, dtype=np.float64))
        mean = torch.einsum("kba,na->nkb", self.maps, y) + self.offsets
        difference = (x[:, None, :] - mean).permute(1, 2, 0)  # [k, b, n]
        whitened = torch.linalg.solve_triangular(self.factors, difference, upper=False)
        log_scale = self.factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        component = (
            -0.5 * whitened.square().sum(dim=1).T
            - log_scale
            - 0.5 * len(self.new) * math.log(2 * math.pi)
        )
        return log_sum_exp(self.log_weights(y) + component).numpy()

    def sample(
        self, given: np.ndarray, rng: np.random.Generator, truncation: float | None = None
    ) -> np.ndarray:
        """One draw a row: given float64 [n, a] -> float64 [n, b].

        With a truncation, each standard normal behind a draw of a component lies within
        +-truncation (published code: 2.5; there, first draws are clipped to it instead).
        """
        known = torch.from_numpy(np.ascontiguousarray(given, dtype=np.float64))
        component = self._draw_components(known, rng)
        noise = torch.from_numpy(truncated_normal(rng, (len(known), len(self.new)), truncation))
        # Rows of one component are moved together, so that each component is one product.
        order = torch.from_numpy(np.argsort(component, kind="stable"))
        inputs = torch.cat([known[order], noise], dim=1)
        drawn = torch.empty_like(noise)
        start = 0
        for k, count in enumerate(np.bincount(component, minlength=len(self.weights)).tolist()):
            if count:
                rows = slice(start, start + count)
                torch.addmm(self.offsets[k], inputs[rows], self._affine[k], out=drawn[rows])
                start += count
        result = torch.empty_like(drawn)
        result[order] = drawn
        return result.numpy()

    def _draw_components(self, known: torch.Tensor, rng: np.random.Generator) -> np.ndarray:
        """A component for each row, int16 [n], by the inverse of the cumulative weights."""
        uniform = rng.random(len(known))
        if self._density is None:
            cumulative = self.weights.cumsum(0).numpy()
            drawn = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
            return np.minimum(drawn, len(cumulative) - 1).astype(np.int16)
        joint = self._density(known)
        joint -= joint.amax(dim=1, keepdim=True)
        cumulative_weights = joint.clamp_(min=SMALLEST_EXPONENT).exp_().cumsum(dim=1)
        threshold = torch.from_numpy(uniform)[:, None] * cumulative_weights[:, -1:]
        return (cumulative_weights[:, :-1] <= threshold).sum(dim=1).to(torch.int16).numpy()
