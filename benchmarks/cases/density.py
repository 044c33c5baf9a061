"""The kernel density that rebalancing flattens."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import KernelDensity as SklearnDensity

from benchmarks.timing import Case, Contender, Contest, repeated
from mocoda.rebalance.kernel_density import KernelDensity
from mocoda.rebalance.selection import scale_to_target
from mocoda.seeding import numpy_generator

SUPPORT, QUERIES, COLUMNS = 10_000, 100_000, 4
# As configured for HookSweep2: metres, and rows per m^4.
BANDWIDTH, FLOOR = 0.05, 0.05
ACCEPTED = 0.4


def make(support: int = SUPPORT, queries: int = QUERIES) -> Contest:
    """Positions of two boxes: half the rows near the start, half spread over the table, in metres;
    the support are the last rows, as in the stage."""
    rng = numpy_generator("benchmarks", "density")
    rows = rng.uniform(-0.4, 0.4, (queries, COLUMNS))
    near = rng.random(queries) < 0.5
    rows[near] = rng.normal(0.0, 0.06, (int(near.sum()), COLUMNS))
    found: dict[str, np.ndarray] = {}

    def ours() -> None:
        found["ours"] = KernelDensity(rows[-support:], BANDWIDTH).score(rows)

    def peer() -> None:
        estimate = SklearnDensity(bandwidth=BANDWIDTH, kernel="gaussian").fit(rows[-support:])
        found["peer"] = np.exp(estimate.score_samples(rows))

    def accepted(density: np.ndarray) -> np.ndarray:
        score = 1.0 / np.maximum(density, FLOOR)
        return np.minimum(scale_to_target(score, int(ACCEPTED * queries)) * score, 1.0)

    def note(mine: str, other: str) -> str:
        difference = np.abs(accepted(found["ours"]) - accepted(found["peer"])).max()
        return (
            f"largest difference of a row's acceptance probability {difference:.1e} (allowed: 1e-3)"
        )

    return Contest(
        ours=[Contender("fp32", repeated(ours))],
        peers=[Contender("scikit-learn", repeated(peer))],
        note=note,
    )


CASES = [
    Case(
        name="kernel_density",
        operation="kernel density",
        shape=f"{SUPPORT} support points, {QUERIES} queries, {COLUMNS} columns",
        unit="queries/s",
        units=QUERIES,
        make=make,
        targets={("fp32", "scikit-learn"): 20},
        rounds=3,
        warm_up=False,
    )
]
