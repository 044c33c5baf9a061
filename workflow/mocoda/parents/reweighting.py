"""Other weights for the components of fitted mixtures, so that some columns' density is flat.

MoCoDA (section 4.1) names reweighting the components as one way to its uniform variant; how is our
choice. For each parent set, let P_k be component k's distribution of the columns to flatten, over
equal cells, and p = sum_k w_k P_k. The weights maximise

    entropy(p) - fidelity * KL(w || fitted weights),

which is concave. Without the second term that is the capacity problem of a channel with the rows
P_k, and the update below is Blahut's and Arimoto's; the second term makes the optimum unique and
keeps components that look alike in these columns but differ in others.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from mocoda.parents.conditional import truncated_normal
from mocoda.parents.gmm import Parents
from mocoda.parents.mixture import GaussianMixture
from mocoda.parents.sampler import ParentSampler
from mocoda.parents.stratified import StratifiedParents, Stratum
from mocoda.seeding import numpy_generator

# A single column gets no more cells than this, however many there may be in all.
MOST_CELLS_A_COLUMN = 64
# The search ends this close to the optimum, in nats, or after this many updates.
TOLERANCE = 1e-4
MOST_UPDATES = 20_000


class ReweightingSettings(BaseModel):
    """How the weights of the mixtures' components are chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fidelity: float = Field(
        0.2,
        ge=0,
        description="Nats of entropy that a nat of difference from the fitted weights costs (our "
        "choice): 0 is as flat as the components allow, which on HookSweep2 leaves 3 to 5 of 32 "
        "components and narrows the other columns; 0.2 keeps nearly all of them for two thirds or "
        "more of the gain in entropy.",
    )
    cells: int = Field(
        1024,
        ge=4,
        description="Cells of the grid on which a set's density is flattened, over all its "
        "columns; at most 64 a column (our choice).",
    )
    draws: int = Field(
        4096, ge=64, description="Draws of each component that are counted in cells (our choice)."
    )


class ReweightedSampler(ParentSampler):
    """A sampler with other weights, which refuses as too rare what the fitted one refuses.

    The data's support is a matter of the fitted densities: the new ones are no measure of it.
    """

    def __init__(self, fitted: ParentSampler, weights: Sequence[np.ndarray]) -> None:
        sets = [
            (columns, GaussianMixture(torch.from_numpy(new), mixture.means, mixture.covariances))
            for (columns, mixture), new in zip(fitted.sets, weights, strict=True)
        ]
        super().__init__(sets, fitted.row_dim, fitted.truncation, fitted.log_density_floors)
        self.fitted = fitted

    def too_rare(self, rows: np.ndarray) -> np.ndarray:
        """bool [n]: rows below the floor of some parent set's fitted mixture."""
        return self.fitted.too_rare(rows)


@lru_cache(maxsize=1)
def reweighted(
    parents: Parents, columns: tuple[int, ...], settings: ReweightingSettings
) -> Parents:
    """The parents with new weights in each set that has some of `columns`.

    columns : of the row [observation, action]. Stratified parents keep the shares of their strata,
    and each stratum is flattened by itself. Deterministic; the last result is remembered, as all
    shards of a run need the same.
    """
    if isinstance(parents, StratifiedParents):
        return StratifiedParents(
            tuple(
                Stratum(s.graphs, s.share, _reweighted_sampler(s.sampler, columns, settings))
                for s in parents.strata
            )
        )
    return _reweighted_sampler(parents, columns, settings)


def _reweighted_sampler(
    fitted: ParentSampler, columns: tuple[int, ...], settings: ReweightingSettings
) -> ReweightedSampler:
    weights = []
    for number, (own, mixture) in enumerate(fitted.sets):
        positions = [own.index(column) for column in columns if column in own]
        old = mixture.weights.numpy()
        weights.append(_new_weights(fitted, number, positions, settings) if positions else old)
    return ReweightedSampler(fitted, weights)


def _new_weights(
    fitted: ParentSampler, number: int, positions: list[int], settings: ReweightingSettings
) -> np.ndarray:
    """New weights float64 [k] of one set; `positions` are those of the columns to flatten."""
    _, mixture = fitted.sets[number]
    floor = fitted.log_density_floors[number]
    components = len(mixture.weights)
    generator = numpy_generator("parents", "reweighting", number)
    noise = truncated_normal(
        generator, (components, settings.draws, mixture.dimension), fitted.truncation
    )
    factors = torch.linalg.cholesky(mixture.covariances)
    drawn = torch.from_numpy(noise) @ factors.mT + mixture.means[:, None, :]
    rows = drawn.reshape(-1, mixture.dimension).numpy()
    kept = mixture.log_prob(rows) >= floor if np.isfinite(floor) else np.ones(len(rows), dtype=bool)
    component = np.repeat(np.arange(components), settings.draws)[kept]
    # What is refused as too rare counts neither as flat nor as covered, but costs proposals.
    accepted = np.bincount(component, minlength=components) / settings.draws
    counts = count_cells(rows[kept][:, positions], component, components, settings.cells)
    usable = np.flatnonzero(accepted > 0)
    old = mixture.weights.numpy()
    shares = counts[usable] / counts[usable].sum(axis=1, keepdims=True)
    prior = old[usable] * accepted[usable]
    flat = flattest_weights(shares, prior / prior.sum(), settings.fidelity)
    new = np.zeros(components)
    new[usable] = flat / accepted[usable]
    return np.asarray(new / new.sum())


def count_cells(rows: np.ndarray, component: np.ndarray, components: int, cells: int) -> np.ndarray:
    """Rows [n, c] of each component in each cell of a grid over their range: float64 [k, m].

    Each column is cut into equal parts, `cells` of them in all; empty cells are left out.
    """
    width = rows.shape[1]
    parts = int(np.clip(round(cells ** (1.0 / width)), 2, MOST_CELLS_A_COLUMN))
    low, high = rows.min(axis=0), rows.max(axis=0)
    place = ((rows - low) / np.maximum(high - low, 1e-300) * parts).astype(np.int64)
    cell = np.ravel_multi_index(tuple(np.minimum(place, parts - 1).T), (parts,) * width)
    used, cell = np.unique(cell, return_inverse=True)
    counts = np.bincount(component * len(used) + cell, minlength=components * len(used))
    return counts.reshape(components, len(used)).astype(np.float64)


def flattest_weights(shares: np.ndarray, prior: np.ndarray, fidelity: float) -> np.ndarray:
    """Weights float64 [k] that maximise entropy(w @ shares) - fidelity * KL(w || prior).

    shares : [k, cells], each row sums to 1; prior : [k], positive. Each update raises the value;
    the search ends where no weights can be better by more than `TOLERANCE`, as the value is
    concave: it never exceeds its tangent, whose maximum over all weights is at one component.
    """
    log_prior = np.log(np.maximum(prior, 1e-300))
    log_weights = log_prior.copy()
    for _ in range(MOST_UPDATES):
        weights = np.exp(log_weights)
        density = weights @ shares
        slope = -shares @ np.log(np.maximum(density, 1e-300))
        total = slope - fidelity * (log_weights - log_prior)
        if total.max() - weights @ total < TOLERANCE:
            break
        log_weights = (log_weights + slope + fidelity * log_prior) / (1.0 + fidelity)
        log_weights -= log_weights.max()
        log_weights -= np.log(np.exp(log_weights).sum())
    return np.asarray(np.exp(log_weights))
