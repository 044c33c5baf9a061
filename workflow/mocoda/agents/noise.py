"""The random streams of an agent: of one run, or of several that train side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mocoda.seeding import torch_generator

# The seed of one run, or one seed for each of several runs.
Seeds = int | Sequence[int]


def runs_of(seeds: Seeds) -> int | None:
    """How many runs train side by side; None for a run alone."""
    return None if isinstance(seeds, int) else len(seeds)


def starts(name: str, seeds: Seeds) -> torch.Generator | list[torch.Generator]:
    """What the first parameters are drawn from, on the CPU: a stream for each run."""
    if isinstance(seeds, int):
        return torch_generator(name, "parameters", seeds)
    return [torch_generator(name, "parameters", seed) for seed in seeds]


class Noise:
    """A stream for each run, so that a run draws the same beside others as it does alone."""

    def __init__(self, name: str, seeds: Seeds, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self.runs = runs_of(seeds)
        each = [seeds] if isinstance(seeds, int) else seeds
        self._streams = [torch_generator(name, "noise", seed, device=device) for seed in each]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal: [*shape], or [runs, *shape]."""
        return self._draw(torch.randn, shape)

    def uniform(self, *shape: int) -> Tensor:
        """Uniform in [0, 1): [*shape], or [runs, *shape]."""
        return self._draw(torch.rand, shape)

    def _draw(self, draw: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        drawn = [draw(shape, generator=one, device=self.device) for one in self._streams]
        return drawn[0] if self.runs is None else torch.stack(drawn)

    def state(self) -> Tensor:
        """Where the streams are: uint8 [bytes], or [runs, bytes]."""
        states = [stream.get_state() for stream in self._streams]
        return states[0] if self.runs is None else torch.stack(states)

    def load_state(self, state: Tensor) -> None:
        states = state.cpu().unsqueeze(0) if self.runs is None else state.cpu()
        for stream, saved in zip(self._streams, states, strict=True):
            stream.set_state(saved.clone())
