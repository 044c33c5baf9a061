"""What an augmentation is: a function from what earlier stages learned to new rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from mocoda.domains.base import Domain
from mocoda.dynamics.ensemble import GaussianEnsemble
from mocoda.errors import UserError
from mocoda.masks import Mask
from mocoda.parents.gmm import Parents
from mocoda.seeding import torch_generator
from mocoda.transitions import Provenance, Transitions

Need = Literal["transitions", "mask", "parents", "dynamics"]


class NoSettings(BaseModel):
    """An augmentation with nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Ingredients:
    """What an augmentation draws from; only what its variant `needs` is there."""

    domain: Domain
    # The model's standard deviations are divided by this when children are drawn.
    deviation_divisor: float = 1.0
    transitions: Transitions | None = None
    mask: Mask | None = None
    parents: Parents | None = None
    dynamics: GaussianEnsemble | None = None

    def children(
        self, observation: np.ndarray, action: np.ndarray, names: tuple[Any, ...]
    ) -> np.ndarray:
        """Next observations float32 [n, obs] drawn from the model, each from a random member.

        `names` names the random stream. Raises UserError if a child is not finite.
        """
        mask, dynamics = given(self.mask, "mask"), given(self.dynamics, "dynamics")
        drawn = dynamics.sample(
            observation,
            action,
            mask(observation, action),
            self.deviation_divisor,
            torch_generator(*names, "children", device=dynamics.device),
        )
        if not np.isfinite(drawn).all():
            row = int((~np.isfinite(drawn)).any(axis=1).argmax())
            raise UserError(
                f"generated row {row} of {'/'.join(map(str, names))}",
                expected="finite children",
                found=str(drawn[row].tolist()),
                remedy="Retrain the dynamics with a lower learning rate, or cut the parents' "
                "tails.",
            )
        return drawn


def given(value: Any, name: str) -> Any:
    """The ingredient; a TypeError names one that the variant's `needs` forgot."""
    if value is None:
        raise TypeError(f"this augmentation uses '{name}', which its `needs` does not list")
    return value


@dataclass(frozen=True)
class Generated:
    """n new rows: float32 [n, obs], [n, act], [n, obs]; and what was counted on the way.

    sources : int64 [n, 2], the logged rows that each was swapped from, -1 where it was not.
    swapped_roots : int64 [n], bit i: root i is the first source's, the others are the second's.
    Both are None where nothing is swapped.
    """

    observation: np.ndarray
    action: np.ndarray
    next_observation: np.ndarray
    counts: dict[str, int] = field(default_factory=dict)
    sources: np.ndarray | None = None
    swapped_roots: np.ndarray | None = None

    def take(self, rows: np.ndarray | slice) -> Generated:
        """The given rows, in the order given; the counts stay."""
        return replace(
            self,
            **{
                column.name: getattr(self, column.name)[rows]
                for column in fields(self)
                if isinstance(getattr(self, column.name), np.ndarray)
            },
        )


def join(parts: Sequence[Generated]) -> Generated:
    """All rows of the parts, in order, with their counts summed. Swapped rows and others mix: the
    others' sources are -1 and their roots 0."""
    swaps = any(part.sources is not None for part in parts)
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    return Generated(
        np.concatenate([part.observation for part in parts]),
        np.concatenate([part.action for part in parts]),
        np.concatenate([part.next_observation for part in parts]),
        dict(counts),
        np.concatenate([sources_of(part) for part in parts]) if swaps else None,
        np.concatenate([roots_of(part) for part in parts]) if swaps else None,
    )


def sources_of(part: Generated) -> np.ndarray:
    """Its sources, or -1 twice a row."""
    if part.sources is not None:
        return part.sources
    return np.full((len(part.observation), 2), -1, dtype=np.int64)


def roots_of(part: Generated) -> np.ndarray:
    """Its swapped roots, or 0 for each row."""
    if part.swapped_roots is not None:
        return part.swapped_roots
    return np.zeros(len(part.observation), dtype=np.int64)


@dataclass(frozen=True)
class AugmentationVariant:
    """A way to make rows.

    generate : (settings, ingredients, rows, names of the random streams) -> exactly `rows` rows. A
        shard is one call with names of its own: a killed run goes on at the shard it was in.
    chosen_from : whether more rows are proposed than a data set takes, for rebalancing to choose.
    swaps : whether rows are swapped from logged ones, whose numbers are then stored with them.
    provenance : where its rows come from; swapped ones are CoDA's in any case.
    refuses : (domain) -> why it cannot be used with this domain, or "" where it can.
    """

    settings: type[BaseModel]
    needs: tuple[Need, ...]
    generate: Callable[[Any, Ingredients, int, tuple[Any, ...]], Generated]
    chosen_from: bool = False
    swaps: bool = False
    provenance: Provenance = Provenance.MODEL
    refuses: Callable[[Domain], str] = lambda domain: ""
