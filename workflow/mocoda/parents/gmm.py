"""The parent distribution of MoCoDA: Gaussian mixtures over the parent sets, joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mocoda.domains.base import Domain
from mocoda.errors import UserError
from mocoda.factors import mask_id
from mocoda.masks.base import Mask
from mocoda.parents.proposals import Invalid, propose_parents
from mocoda.parents.sampler import ParentSampler, fit_sampler
from mocoda.parents.settings import GmmSettings
from mocoda.parents.stratified import GraphOf, StratifiedParents, fit_stratified

Parents = ParentSampler | StratifiedParents


def fit(
    rows: np.ndarray,
    parent_columns: Sequence[tuple[int, ...]],
    settings: GmmSettings,
    rng: np.random.Generator,
    graphs: np.ndarray | None = None,
    log: Callable[[str], None] = lambda message: None,
) -> Parents:
    """Fit parents to rows [n, observation + action]; `graphs` int64 [n] where stratified."""
    if not settings.stratify:
        return fit_sampler(rows, parent_columns, settings, rng, log)
    if graphs is None:
        raise UserError(
            "fit_gmm_parents.stratify",
            expected="the local graph of each row",
            found="none",
            remedy="",
        )
    return fit_stratified(rows, graphs, parent_columns, settings, rng, log)


def propose(
    parents: Parents,
    n: int,
    rng: np.random.Generator,
    invalid: Invalid,
    observation_dim: int,
    graph_of: GraphOf | None = None,
) -> tuple[np.ndarray, dict[str, int]]:
    """n valid rows float64 [n, observation + action] and the counts of `propose_parents`."""
    if isinstance(parents, ParentSampler):
        return propose_parents(parents, n, rng, invalid, observation_dim)
    if graph_of is None:
        raise UserError(
            "stratified parents", expected="a function that gives a row's graph", found="none"
        )
    return parents.propose(n, rng, invalid, observation_dim, graph_of)


def propose_for(
    domain: Domain, mask: Mask, parents: Parents, rows: int, rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, int]]:
    """Valid rows float64 [rows, obs + act] for a domain, and what was proposed and rejected."""
    split = domain.slots.observation_dim

    def graph_of(observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        return mask_id(mask(observation, action))

    return propose(parents, rows, rng, domain.invalid_parents, split, graph_of)


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Parents:
    """Parents from what their `to_arrays` gave."""
    if "stratum_shares" in arrays:
        return StratifiedParents.from_arrays(arrays)
    return ParentSampler.from_arrays(arrays)
