"""Joint parents from one mixture a parent set: each set given what is already drawn.

Sets are visited in every order alike. The first is drawn freely, each later one given the columns
that it shares with those before, so that new columns of different sets are independent given the
shared ones: the maximum-entropy joint (MoCoDA, section 4.1).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mocoda.errors import UserError
from mocoda.parents.conditional import ConditionalMixture
from mocoda.parents.expectation_maximisation import column_scale, fit_mixture
from mocoda.parents.mixture import GaussianMixture
from mocoda.parents.settings import GmmSettings

ROWS_PER_BLOCK = 4096
# Rows of the data on which the density quantile is measured.
ROWS_FOR_QUANTILE = 50_000
LARGEST_NUMBER_OF_ORDERS = 24


class ParentSampler:
    """Draws rows [observation, action] from the mixtures of the parent sets.

    sets : (columns of the row, mixture of those columns) for each parent set; together the sets
    cover each of the `row_dim` columns.
    truncation : see `GmmSettings.truncation`.
    log_density_floors : for each set, the log-density (nats) below which `too_rare` flags a row.
    """

    def __init__(
        self,
        sets: Sequence[tuple[tuple[int, ...], GaussianMixture]],
        row_dim: int,
        truncation: float | None = 2.5,
        log_density_floors: Sequence[float] | None = None,
    ) -> None:
        self.sets = [(tuple(columns), mixture) for columns, mixture in sets]
        self.row_dim = row_dim
        self.truncation = truncation
        self.log_density_floors = (
            [-np.inf] * len(self.sets) if log_density_floors is None else list(log_density_floors)
        )
        missing = set(range(row_dim)) - {c for columns, _ in self.sets for c in columns}
        if missing:
            raise UserError(
                "parent sets",
                expected=f"sets that cover all {row_dim} columns of [observation, action]",
                found=f"columns {sorted(missing)} in no set",
                remedy="Name every root in at least one of the domain's parent_sets.",
            )
        self._orders = list(
            itertools.islice(
                itertools.permutations(range(len(self.sets))), LARGEST_NUMBER_OF_ORDERS
            )
        )
        self._conditionals: dict[tuple[int, frozenset[int]], ConditionalMixture] = {}

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n rows, float64 [n, row_dim]; row i visits the sets in order number i modulo the orders,
        so that any first part of the rows is balanced (published code: one order a call)."""
        rows = np.empty((n, self.row_dim))
        for number, order in enumerate(self._orders):
            part = rows[number :: len(self._orders)]
            for start in range(0, len(part), ROWS_PER_BLOCK):
                self._fill(part[start : start + ROWS_PER_BLOCK], order, rng)
        return rows

    def too_rare(self, rows: np.ndarray) -> np.ndarray:
        """bool [n]: rows that some parent set's mixture gives a density below its floor."""
        rare = np.zeros(len(rows), dtype=bool)
        for (columns, mixture), floor in zip(self.sets, self.log_density_floors, strict=True):
            if np.isfinite(floor):
                rare |= mixture.log_prob(rows[:, columns]) < floor
        return rare

    def _fill(self, rows: np.ndarray, order: tuple[int, ...], rng: np.random.Generator) -> None:
        drawn: frozenset[int] = frozenset()
        for number in order:
            columns, _ = self.sets[number]
            conditional = self._conditional(number, drawn)
            if conditional.new:
                given = rows[:, [columns[i] for i in conditional.given]]
                new = [columns[i] for i in conditional.new]
                rows[:, new] = conditional.sample(given, rng, self.truncation)
            drawn = drawn | frozenset(columns)

    def _conditional(self, number: int, drawn: frozenset[int]) -> ConditionalMixture:
        columns, mixture = self.sets[number]
        key = (number, drawn & frozenset(columns))
        if key not in self._conditionals:
            given = [i for i, column in enumerate(columns) if column in drawn]
            self._conditionals[key] = ConditionalMixture(mixture, given)
        return self._conditionals[key]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything as named arrays, for storage; `from_arrays` is the inverse."""
        arrays = {
            "row_dim": np.array([self.row_dim], dtype=np.int64),
            "truncation": np.array([self.truncation or np.inf]),
            "log_density_floors": np.array(self.log_density_floors, dtype=np.float64),
        }
        for number, (columns, mixture) in enumerate(self.sets):
            arrays[f"set_{number}.columns"] = np.array(columns, dtype=np.int64)
            for name, values in mixture.to_arrays().items():
                arrays[f"set_{number}.{name}"] = values
        return arrays

    @staticmethod
    def from_arrays(arrays: Mapping[str, np.ndarray]) -> ParentSampler:
        floors = np.asarray(arrays["log_density_floors"]).tolist()
        truncation = float(arrays["truncation"][0])
        sets = []
        for number in range(len(floors)):
            names = ("weights", "means", "covariances")
            mixture = GaussianMixture.from_arrays(
                {name: arrays[f"set_{number}.{name}"] for name in names}
            )
            sets.append((tuple(np.asarray(arrays[f"set_{number}.columns"]).tolist()), mixture))
        return ParentSampler(
            sets,
            int(arrays["row_dim"][0]),
            truncation if np.isfinite(truncation) else None,
            floors,
        )


def fit_sampler(
    rows: np.ndarray,
    parent_columns: Sequence[tuple[int, ...]],
    settings: GmmSettings,
    rng: np.random.Generator,
    log: Callable[[str], None] = lambda message: None,
) -> ParentSampler:
    """Fit one mixture to each parent set's columns of rows [n, observation + action]."""
    sets, floors = [], []
    for number, columns in enumerate(parent_columns):
        part = np.asarray(rows[:, list(columns)], dtype=np.float64)
        fit = fit_mixture(part, settings, rng)
        log(
            f"parent set {number} ({len(columns)} columns, {len(rows)} rows): "
            f"{len(fit.log_likelihoods)} EM iterations"
            f"{'' if fit.converged else ' (not converged)'}, "
            f"mean log-likelihood {fit.log_likelihoods[-1]:.4f}"
        )
        floor = -np.inf
        if settings.density_quantile is not None:
            # The variance floor widens the mixture; rows widened alike are what it should hold.
            # A column that never varies would else refuse most proposals.
            some = part[:: max(1, len(part) // ROWS_FOR_QUANTILE)]
            width = np.sqrt(settings.variance_floor) * column_scale(part)
            widened = some + width * rng.standard_normal(some.shape)
            densities = fit.mixture.log_prob(widened)
            floor = float(np.quantile(densities, settings.density_quantile))
        sets.append((tuple(columns), fit.mixture))
        floors.append(floor)
    return ParentSampler(sets, rows.shape[1], settings.truncation, floors)
