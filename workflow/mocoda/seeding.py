"""Seeds that come from names, never from position, so that adding a seed, an agent or a domain
leaves every other random stream as it was (our choice)."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def seed_for(*names: object) -> int:
    """A 63-bit seed for a stream named by e.g. `("hooksweep2", "collect_empirical", 0)`."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def numpy_generator(*names: object) -> np.random.Generator:
    return np.random.default_rng(seed_for(*names))


def torch_generator(*names: object, device: torch.device | str = "cpu") -> torch.Generator:
    return torch.Generator(device=device).manual_seed(seed_for(*names))
