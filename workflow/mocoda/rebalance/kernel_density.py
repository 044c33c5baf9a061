"""Gaussian kernel density estimates of many queries, as products of blocks."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch

# Powers of two, which torch computes faster than those of e on some processors, or as fast.
LOG2_E = 1 / math.log(2)
# A support point further off than 10 bandwidths adds exp(-50) of a kernel: nothing, but powers of
# very negative numbers are many times slower.
SMALLEST_EXPONENT = -50.0 * LOG2_E
# A block of exponents stays in the processor's cache. It has few columns, with which some libraries
# multiply such thin matrices four times as fast.
QUERIES_PER_BLOCK = 1024
SUPPORT_PER_BLOCK = 256


class KernelDensity:
    """The normalised density of a product of Gaussian kernels around each support point.

    support : [m, k]; bandwidth : standard deviation of the kernel, in the columns' own unit.
    precision : float32 has relative errors below about 1e-4 where the density matters and is
    several times faster; float64 is exact to rounding.
    """

    def __init__(
        self,
        support: np.ndarray,
        bandwidth: float,
        precision: Literal["float32", "float64"] = "float32",
    ) -> None:
        self._dtype = torch.float32 if precision == "float32" else torch.float64
        points = torch.from_numpy(np.asarray(support, dtype=np.float64))
        # Around its centre and in bandwidths, the expanded square loses the fewest digits.
        self._centre = points.mean(dim=0)
        self._bandwidth = bandwidth
        scaled = ((points - self._centre) / bandwidth).to(self._dtype)
        # -|q - s|^2 / 2 = q s - |q|^2 / 2 - |s|^2 / 2 is one product of (q, -|q|^2 / 2, 1) with
        # (s, 1, -|s|^2 / 2).
        ones = torch.ones(1, len(scaled), dtype=self._dtype)
        half_squares = 0.5 * scaled.square().sum(dim=1)
        self._transposed = LOG2_E * torch.cat([scaled.T, ones, -half_squares[None]])
        count, dimension = points.shape
        log_scale = dimension * (math.log(bandwidth) + 0.5 * math.log(2 * math.pi))
        self._scale = math.exp(-log_scale) / count

    def score(self, queries: np.ndarray) -> np.ndarray:
        """Density of queries [n, k] -> float64 [n], per unit volume of the columns."""
        result = np.empty(len(queries))
        support = self._transposed.shape[1]
        for start in range(0, len(queries), QUERIES_PER_BLOCK):
            part = slice(start, start + QUERIES_PER_BLOCK)
            block = torch.from_numpy(np.asarray(queries[part], dtype=np.float64))
            scaled = ((block - self._centre) / self._bandwidth).to(self._dtype)
            half_squares = 0.5 * scaled.square().sum(dim=1, keepdim=True)
            scaled = torch.cat([scaled, -half_squares, torch.ones_like(half_squares)], dim=1)
            total = torch.zeros(len(block), dtype=torch.float64)
            for first in range(0, support, SUPPORT_PER_BLOCK):
                exponent = scaled @ self._transposed[:, first : first + SUPPORT_PER_BLOCK]
                total += exponent.clamp_(min=SMALLEST_EXPONENT).exp2_().sum(dim=1)
            result[part] = total.numpy() * self._scale
        return result
