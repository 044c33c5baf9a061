"""Maximum likelihood for Gaussian mixtures by expectation-maximisation (MoCoDA, appendix B).

With the features phi(x) = [x_i x_j, x_i, 1], the log-densities of all components are one product
W phi', and all that the M-step needs is another, R phi: an iteration is two products a block. The
components come first in both: some processors multiply such matrices faster than their transposes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from mocoda.errors import UserError
from mocoda.parents.mixture import SMALLEST_EXPONENT, GaussianMixture
from mocoda.parents.settings import GmmSettings

# Columns that vary by less, in their own unit, count as constant: they keep this scale.
SMALLEST_SCALE = 1e-6
INITIAL_ITERATIONS = 30
ROWS_PER_BLOCK = 1024


@dataclass(frozen=True)
class Fit:
    """A fitted mixture and how it came about.

    log_likelihoods : mean log-density of a row (nats, raw units) before each iteration over all
    rows; converged : whether the last rise was within the tolerance.
    """

    mixture: GaussianMixture
    log_likelihoods: tuple[float, ...]
    converged: bool


class _Features:
    """phi(x) of all rows, [n, f], and the translation between features and parameters."""

    def __init__(self, rows: torch.Tensor, diagonal: bool) -> None:
        n, d = rows.shape
        first, second = torch.triu_indices(d, d).unbind()
        if diagonal:
            first = second = torch.arange(d)
        self.first, self.second, self.dimension = first, second, d
        pairs = len(first)
        self.values = torch.empty(n, pairs + d + 1, dtype=torch.float64)
        for start in range(0, n, ROWS_PER_BLOCK):
            block = rows[start : start + ROWS_PER_BLOCK]
            out = self.values[start : start + ROWS_PER_BLOCK]
            torch.mul(block[:, first], block[:, second], out=out[:, :pairs])
            out[:, pairs:-1] = block
        self.values[:, -1] = 1.0

    def coefficients(self, mixture: GaussianMixture) -> torch.Tensor:
        """W [k, f] with W @ phi' = log w_k + log N(x; mean_k, covariance_k)."""
        factor = torch.linalg.cholesky(mixture.covariances)
        precision = torch.cholesky_inverse(factor)
        linear = torch.einsum("kij,kj->ki", precision, mixture.means)
        constant = (
            mixture.weights.log()
            - factor.diagonal(dim1=1, dim2=2).log().sum(dim=1)
            - 0.5 * self.dimension * math.log(2 * math.pi)
            - 0.5 * (linear * mixture.means).sum(dim=1)
        )
        # x_i x_j stands for both (i, j) and (j, i), save on the diagonal.
        share = torch.where(self.first == self.second, 0.5, 1.0).to(torch.float64)
        quadratic = -precision[:, self.first, self.second] * share
        return torch.cat([quadratic, linear, constant[:, None]], dim=1)

    def expectation(self, mixture: GaussianMixture) -> tuple[torch.Tensor, float]:
        """Sums of responsibility times phi, [k, f], and the mean log-likelihood of a row."""
        coefficients = self.coefficients(mixture)
        sums = torch.zeros(coefficients.shape, dtype=torch.float64)
        total = 0.0
        for start in range(0, len(self.values), ROWS_PER_BLOCK):
            block = self.values[start : start + ROWS_PER_BLOCK]
            joint = coefficients @ block.T
            largest = joint.amax(dim=0)
            joint.sub_(largest).clamp_(min=SMALLEST_EXPONENT).exp_()
            evidence = joint.sum(dim=0)
            total += float(evidence.log().add_(largest).sum())
            sums.addmm_(joint.div_(evidence), block)
        return sums, total / len(self.values)

    def maximisation(
        self, sums: torch.Tensor, floor: float, previous: GaussianMixture | None
    ) -> GaussianMixture:
        """The likeliest parameters for these sums, the floor added to each variance.

        A component that holds less than one row keeps its shape, as it had no say.
        """
        d, pairs = self.dimension, len(self.first)
        counts = sums[:, -1].clamp(min=1e-12)
        means = sums[:, pairs:-1] / counts[:, None]
        moments = torch.zeros(len(counts), d, d, dtype=torch.float64)
        moments[:, self.first, self.second] = sums[:, :pairs] / counts[:, None]
        moments[:, self.second, self.first] = moments[:, self.first, self.second]
        products = means[:, :, None] * means[:, None, :]
        if pairs == d:
            products = torch.diag_embed(means.square())
        covariances = moments - products + floor * torch.eye(d, dtype=torch.float64)
        if previous is not None:
            empty = counts < 1.0
            means[empty] = previous.means[empty]
            covariances[empty] = previous.covariances[empty]
        return GaussianMixture(counts / counts.sum(), means, covariances)


def column_scale(rows: np.ndarray) -> np.ndarray:
    """Standard deviation of each column of rows [n, d], at least `SMALLEST_SCALE`: float64 [d]."""
    return np.maximum(rows.std(axis=0), SMALLEST_SCALE)


def fit_mixture(
    rows: np.ndarray,
    settings: GmmSettings,
    rng: np.random.Generator,
    log: Callable[[str], None] = lambda message: None,
) -> Fit:
    """Fit a mixture to rows [n, d]: standardise, try starts on some rows, then EM on all.

    Memory: 8 n (d + 1)(d + 2) / 2 bytes for a full covariance (218 MB for 200,000 x 15).
    Raises UserError for rows that are too few or not finite.
    """
    if len(rows) < 2 * settings.components:
        raise UserError(
            "rows for the Gaussian mixture",
            expected=f"at least {2 * settings.components} rows (2 a component)",
            found=f"{len(rows)}",
            remedy="Collect more transitions or lower fit_gmm_parents.components.",
        )
    if len(rows) > settings.max_rows:
        rows = rows[np.sort(rng.choice(len(rows), settings.max_rows, replace=False))]
    raw = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float64))
    if not bool(torch.isfinite(raw).all()):
        raise UserError(
            "rows for the Gaussian mixture", expected="finite numbers", found="nan or infinity"
        )
    location = raw.mean(dim=0)
    scale = torch.from_numpy(column_scale(raw.numpy()))
    standard = (raw - location) / scale
    diagonal = settings.covariance == "diagonal"
    mixture = _initial(standard, settings, rng, diagonal)
    features = _Features(standard, diagonal)
    log_scale = float(scale.log().sum())
    history: list[float] = []
    converged = False
    for iteration in range(settings.max_iterations):
        sums, likelihood = features.expectation(mixture)
        history.append(likelihood - log_scale)
        log(f"EM iteration {iteration}: mean log-likelihood {history[-1]:.4f}")
        converged = iteration > 0 and history[-1] - history[-2] < settings.tolerance
        if converged:
            break
        mixture = features.maximisation(sums, settings.variance_floor, mixture)
    fitted = GaussianMixture(
        mixture.weights,
        mixture.means * scale + location,
        mixture.covariances * (scale[:, None] * scale[None, :]),
    )
    if settings.weights == "uniform":
        fitted = fitted.with_uniform_weights()
    return Fit(fitted, tuple(history), converged)


def _initial(
    rows: torch.Tensor, settings: GmmSettings, rng: np.random.Generator, diagonal: bool
) -> GaussianMixture:
    """The likeliest of several k-means++ starts after some EM iterations on a part of the rows."""
    if len(rows) > settings.initial_rows:
        chosen = np.sort(rng.choice(len(rows), settings.initial_rows, replace=False))
        rows = rows[torch.from_numpy(chosen)]
    features = _Features(rows, diagonal)
    starts: list[tuple[float, GaussianMixture]] = []
    for _ in range(settings.restarts):
        nearest = _k_means(rows, settings.components, rng)
        responsibility = torch.nn.functional.one_hot(nearest, settings.components).double()
        sums = responsibility.T @ features.values
        mixture = features.maximisation(sums, settings.variance_floor, None)
        sums, likelihood = features.expectation(mixture)
        for _ in range(INITIAL_ITERATIONS):
            previous = likelihood
            mixture = features.maximisation(sums, settings.variance_floor, mixture)
            sums, likelihood = features.expectation(mixture)
            if likelihood - previous < settings.tolerance:
                break
        starts.append((likelihood, mixture))
    return max(starts, key=lambda start: start[0])[1]


def _k_means(rows: torch.Tensor, components: int, rng: np.random.Generator) -> torch.Tensor:
    """k-means++ (Arthur and Vassilvitskii 2007) and five Lloyd steps: nearest centre, int64 [n]."""
    squared = rows.square().sum(dim=1)
    centres = rows[torch.from_numpy(rng.integers(len(rows), size=1))]
    distance = (rows - centres).square().sum(dim=1)
    for _ in range(components - 1):
        cumulative = distance.cumsum(0).numpy()
        drawn = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
        centre = rows[min(int(drawn), len(rows) - 1)]
        centres = torch.cat([centres, centre[None]])
        distance = torch.minimum(distance, (rows - centre).square().sum(dim=1))
    for step in range(6):
        score = squared[:, None] - 2 * rows @ centres.T + centres.square().sum(dim=1)
        nearest = score.argmin(dim=1)
        if step < 5:
            sums = torch.zeros_like(centres).index_add_(0, nearest, rows)
            counts = torch.bincount(nearest, minlength=components).double()
            centres = torch.where(counts[:, None] > 0, sums / counts[:, None].clamp(min=1), centres)
    return nearest
