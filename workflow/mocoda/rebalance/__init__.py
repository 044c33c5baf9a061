"""Which of the generated rows are kept.

A variant is a module with a settings model and a function
`select(candidates, target, rng, settings) -> Selection`, and one line here.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel

from mocoda.rebalance import none, prioritized, uniform
from mocoda.rebalance.selection import Selection

REBALANCE: dict[str, tuple[type[BaseModel], Callable[..., Selection]]] = {
    "none": (none.NoneSettings, none.select),
    "uniform": (uniform.UniformSettings, uniform.select),
    "prioritized": (prioritized.PrioritizedSettings, prioritized.select),
}
