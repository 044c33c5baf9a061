"""Parents drawn local graph by local graph (MoCoDA, appendix B.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mocoda.errors import UserError
from mocoda.parents.proposals import Invalid, propose_parents
from mocoda.parents.sampler import ParentSampler, fit_sampler
from mocoda.parents.settings import GmmSettings

# (observation [n, obs], action [n, act]) -> mask number int64 [n], see `factors.mask_id`
GraphOf = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Stratum:
    """The local graphs that are drawn together, their share of the data, and their mixtures."""

    graphs: tuple[int, ...]
    share: float
    sampler: ParentSampler


@dataclass(frozen=True)
class StratifiedParents:
    """One `ParentSampler` a stratum; rare graphs share the last one."""

    strata: tuple[Stratum, ...]

    def propose(
        self,
        n: int,
        rng: np.random.Generator,
        invalid: Invalid,
        observation_dim: int,
        graph_of: GraphOf,
        clip_actions: bool = True,
    ) -> tuple[np.ndarray, dict[str, int]]:
        """n valid rows in random order, as `propose_parents`; each row has a graph of the stratum
        that it was drawn for, and the strata have the shares of the data to within one row."""
        parts: list[np.ndarray] = []
        totals: dict[str, int] = {}
        shares = np.array([stratum.share for stratum in self.strata])
        edges = np.rint(np.cumsum(shares) / shares.sum() * n).astype(int)
        for stratum, count in zip(self.strata, np.diff(edges, prepend=0), strict=True):
            graphs = np.array(stratum.graphs, dtype=np.int64)

            def refused(
                observation: np.ndarray, action: np.ndarray, graphs: np.ndarray = graphs
            ) -> dict[str, np.ndarray]:
                other = ~np.isin(graph_of(observation, action), graphs)
                return {**invalid(observation, action), "other_graph": other}

            rows, counts = propose_parents(
                stratum.sampler,
                int(count),
                rng,
                refused,
                observation_dim,
                clip_actions,
                where=f"parents of the local graphs {stratum.graphs}",
            )
            parts.append(rows)
            for name, number in counts.items():
                totals[name] = totals.get(name, 0) + number
        return rng.permutation(np.concatenate(parts)), totals

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything as named arrays, for storage; `from_arrays` is the inverse."""
        arrays = {"stratum_shares": np.array([stratum.share for stratum in self.strata])}
        for number, stratum in enumerate(self.strata):
            arrays[f"stratum_{number}.graphs"] = np.array(stratum.graphs, dtype=np.int64)
            for name, values in stratum.sampler.to_arrays().items():
                arrays[f"stratum_{number}.{name}"] = values
        return arrays

    @staticmethod
    def from_arrays(arrays: Mapping[str, np.ndarray]) -> StratifiedParents:
        strata = []
        for number, share in enumerate(np.asarray(arrays["stratum_shares"]).tolist()):
            prefix = f"stratum_{number}."
            own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            graphs = tuple(np.asarray(own.pop("graphs")).tolist())
            strata.append(Stratum(graphs, share, ParentSampler.from_arrays(own)))
        return StratifiedParents(tuple(strata))


def fit_stratified(
    rows: np.ndarray,
    graphs: np.ndarray,
    parent_columns: Sequence[tuple[int, ...]],
    settings: GmmSettings,
    rng: np.random.Generator,
    log: Callable[[str], None] = lambda message: None,
) -> StratifiedParents:
    """Fit a sampler to the rows [n, observation + action] of each local graph, int64 [n].

    Graphs with fewer than `stratum_rows_per_column` rows a column are fitted together, with as
    many components as have that many rows; should even these be fewer than two a column, they are
    left out and logged.
    """
    least = settings.stratum_rows_per_column * rows.shape[1]
    known, counts = np.unique(graphs, return_counts=True)
    groups: list[tuple[int, ...]] = [
        (int(graph),) for graph, count in zip(known, counts, strict=True) if count >= least
    ]
    rare = tuple(int(graph) for graph, count in zip(known, counts, strict=True) if count < least)
    groups += [rare] if rare else []
    strata = []
    for group in groups:
        part = rows[np.isin(graphs, group)]
        if len(part) < 2 * rows.shape[1]:
            log(f"local graphs {group}: {len(part)} rows are too few for a mixture, left out")
            continue
        components = min(settings.components, max(1, len(part) // least))
        log(f"local graphs {group}: {len(part)} rows, {components} components")
        own = settings.model_copy(update={"components": components})
        sampler = fit_sampler(part, parent_columns, own, rng, log)
        strata.append(Stratum(group, len(part) / len(rows), sampler))
    if not strata:
        raise UserError(
            "stratified parents",
            expected=f"at least {2 * rows.shape[1]} rows of some local graph",
            found=f"{len(rows)} rows",
            remedy="Collect more transitions or set fit_gmm_parents.stratify to false.",
        )
    return StratifiedParents(tuple(strata))
