"""Rates of contenders that run in turn, so that a slow moment of the machine meets all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Contender:
    """Something that is timed.

    name : of the variant ("bf16") or the peer ("PyTorch").
    seconds : number of repetitions -> seconds that they took.
    close : frees what it holds.
    """

    name: str
    seconds: Callable[[int], float]
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Contest:
    """Ours and the peers on one operation, ready to run; `note` says what a reader of (ours, peer)
    must know, once both have run."""

    ours: Sequence[Contender]
    peers: Sequence[Contender]
    note: Callable[[str, str], str] = lambda ours, peer: ""


@dataclass(frozen=True)
class Case:
    """One operation at one shape.

    name : what `--only` calls it. unit : of the rates; one repetition is `units` of it.
    make : builds the contest, with data; nothing is built before its turn.
    targets : the ratio that we want, by (ours, peer); no entry: none is set.
    rounds : in place of the usual number, for what takes minutes.
    warm_up : False: a repetition is a whole job, which is run once a round and never beforehand.
    threads : that ours uses.
    """

    name: str
    operation: str
    shape: str
    unit: str
    units: float
    make: Callable[[], Contest]
    targets: Mapping[tuple[str, str], float] = field(default_factory=dict)
    rounds: int | None = None
    warm_up: bool = True
    threads: int = 1


def repeated(action: Callable[[], object]) -> Callable[[int], float]:
    """The `seconds` of a contender that calls `action` once a repetition, in this process."""

    def seconds(repetitions: int) -> float:
        start = time.perf_counter()
        for _ in range(repetitions):
            action()
        return time.perf_counter() - start

    return seconds


def repetitions_for(contender: Contender, seconds: float) -> int:
    """Warm up, and find how many repetitions take about `seconds`."""
    repetitions = 1
    contender.seconds(1)
    while (took := contender.seconds(repetitions)) < seconds / 4:
        # At most eightfold: the first repetitions are slower than the later ones.
        growth = seconds / 3 / max(took, 1e-9)
        repetitions = max(repetitions + 1, int(repetitions * min(growth, 8.0)))
    return max(1, round(repetitions * seconds / took))


def rates(
    contenders: Sequence[Contender],
    rounds: int,
    seconds: float,
    *,
    warm_up: bool = True,
    log: Callable[[str], None] = lambda message: None,
) -> dict[str, list[float]]:
    """Repetitions a second of each contender, by its name, one figure a round.

    All run once in each round, one after the other in the order given, for about `seconds` each.
    """
    counts = {c.name: repetitions_for(c, seconds) if warm_up else 1 for c in contenders}
    found: dict[str, list[float]] = {c.name: [] for c in contenders}
    for number in range(rounds):
        for contender in contenders:
            count = counts[contender.name]
            found[contender.name].append(count / contender.seconds(count))
        latest = ", ".join(f"{name} {values[-1]:.4g}" for name, values in found.items())
        log(f"round {number + 1} of {rounds}, repetitions a second: {latest}")
    return found


@dataclass(frozen=True)
class Comparison:
    """Medians over the rounds; the ratio is the median of the rounds' ratios, `lowest` and
    `highest` are the extremes of those."""

    ours: float
    peer: float
    ratio: float
    lowest: float
    highest: float


def compare(ours: Sequence[float], peer: Sequence[float]) -> Comparison:
    """Two contenders' rates, round by round: a ratio is taken within a round, not across."""
    ratios = [mine / other for mine, other in zip(ours, peer, strict=True)]
    return Comparison(median(ours), median(peer), median(ratios), min(ratios), max(ratios))
