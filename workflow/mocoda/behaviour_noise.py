"""The noise that a scripted expert's actions are logged with."""

from __future__ import annotations

import numpy as np


def noisy(
    action: np.ndarray, deviation: float, random_share: float, generator: np.random.Generator
) -> np.ndarray:
    """Actions [n, act] with Gaussian noise of a standard deviation, a share of the rows replaced by
    uniform ones, all within [-1, 1]; float64 [n, act] (our choice)."""
    action = action + deviation * generator.standard_normal(action.shape)
    uniform = generator.uniform(-1.0, 1.0, size=action.shape)
    at_random = generator.random((len(action), 1)) < random_share
    return np.clip(np.where(at_random, uniform, action), -1.0, 1.0)
