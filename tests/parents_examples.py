"""Mixtures, rings of rows and references that the tests of the parents share."""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats

from mocoda.parents.mixture import GaussianMixture


def random_mixture(components: int, dimension: int, seed: int) -> GaussianMixture:
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((components, dimension, dimension))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(dimension)
    return GaussianMixture(
        torch.from_numpy(rng.dirichlet(np.full(components, 2.0))),
        torch.from_numpy(3 * rng.standard_normal((components, dimension))),
        torch.from_numpy(covariances),
    )


def dense_log_prob(mixture: GaussianMixture, rows: np.ndarray) -> np.ndarray:
    terms = [
        np.log(float(w)) + stats.multivariate_normal(m.numpy(), c.numpy()).logpdf(rows)
        for w, m, c in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    ]
    return np.logaddexp.reduce(np.stack(terms), axis=0)


def ring(n: int, rng: np.random.Generator) -> np.ndarray:
    """Three columns that no single Gaussian fits: a noisy circle and a column that follows it."""
    angle = rng.uniform(0, 2 * np.pi, n)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1) + 0.1 * rng.standard_normal((n, 2))
    return np.concatenate([circle, circle[:, :1] ** 2 + 0.1 * rng.standard_normal((n, 1))], 1)


def accept_all(observation: np.ndarray, action: np.ndarray) -> dict[str, np.ndarray]:
    return {}
