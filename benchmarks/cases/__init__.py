"""What is timed: a file a part of the package, one line each."""

from benchmarks.cases import agents, batches, density, dynamics, parents, simulator
from benchmarks.timing import Case

CASES: dict[str, list[Case]] = {
    "agents": agents.CASES,
    "dynamics": dynamics.CASES,
    "parents": parents.CASES,
    "density": density.CASES,
    "simulator": simulator.CASES,
    "batches": batches.CASES,
}
