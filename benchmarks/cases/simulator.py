"""Steps of HookSweep2 with random actions, many episodes side by side and one alone."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.timing import Case, Contender, Contest
from benchmarks.worker import peer
from mocoda.domains.hooksweep2.environment import HookSweep2Environment
from mocoda.domains.hooksweep2.simulator import HookSweep2Simulator
from mocoda.seeding import numpy_generator

EPISODES = 16
BATCHED, SINGLE = "batched simulator", "gymnasium environment"


class BatchedSteps:
    """Times `EPISODES` steps a repetition; resets, after each episode's horizon, are not timed."""

    def __init__(self, threads: int) -> None:
        self.simulator = HookSweep2Simulator(EPISODES, threads)
        rng = numpy_generator("benchmarks", "actions")
        self.actions = rng.uniform(-1, 1, (self.simulator.horizon, EPISODES, 4))
        self.step = self.simulator.horizon
        self.resets = 0

    def seconds(self, repetitions: int) -> float:
        total = 0.0
        for _ in range(repetitions):
            if self.step == self.simulator.horizon:
                first = self.resets * EPISODES
                self.simulator.reset(np.arange(first, first + EPISODES))
                self.step, self.resets = 0, self.resets + 1
            start = time.perf_counter()
            self.simulator.step(self.actions[self.step])
            total += time.perf_counter() - start
            self.step += 1
        return total


class SingleSteps:
    """The same through the environment's interface: as many steps, with rewards and wrappers."""

    def __init__(self) -> None:
        self.environment = HookSweep2Environment()
        rng = numpy_generator("benchmarks", "actions")
        self.actions = rng.uniform(-1, 1, (256, 4))
        self.environment.reset(seed=0)

    def seconds(self, repetitions: int) -> float:
        total = 0.0
        for number in range(repetitions * EPISODES):
            start = time.perf_counter()
            *_, truncated, _ = self.environment.step(self.actions[number % len(self.actions)])
            total += time.perf_counter() - start
            if truncated:
                self.environment.reset()
        return total


def make() -> Contest:
    """Ours against FetchPush, where that is installed."""
    settings: dict[str, object] = {"environment": "FetchPush-v4"}
    found = peer("FetchPush-v4", "fetch", "benchmarks.worker_fetch", settings)
    # Its repetition is one step.
    peers = [
        Contender(p.name, lambda n, p=p: p.seconds(n * EPISODES), p.close)  # type: ignore[misc]
        for p in found
    ]
    batched = BatchedSteps(threads=1)
    return Contest(
        ours=[Contender(BATCHED, batched.seconds), Contender(SINGLE, SingleSteps().seconds)],
        peers=peers,
        note=lambda ours, other: (
            "gymnasium-robotics 1.4.2 on MuJoCo 3.3.7: one box, the same 20 "
            "substeps of 2 ms; ours has two boxes and a hook; resets not timed"
            + ("; ours without rewards" if ours == BATCHED else "")
        ),
    )


def make_threads() -> Contest:
    """Two threads against one."""
    one, two = BatchedSteps(threads=1), BatchedSteps(threads=2)
    return Contest(
        ours=[Contender("2 threads", two.seconds, two.simulator.close)],
        peers=[Contender("ours, 1 thread", one.seconds)],
        note=lambda ours, peer: "how the simulator scales",
    )


CASES = [
    Case(
        name="simulator_steps",
        operation="HookSweep2 simulator",
        shape=f"{EPISODES} episodes",
        unit="steps/s",
        units=EPISODES,
        make=make,
        targets={(BATCHED, "FetchPush-v4"): 2},
    ),
    Case(
        name="simulator_threads",
        operation="HookSweep2 simulator",
        shape=f"{EPISODES} episodes",
        unit="steps/s",
        units=EPISODES,
        make=make_threads,
        threads=2,
    ),
]
