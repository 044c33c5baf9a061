"""Means, spreads and intervals from few training seeds with many evaluation episodes each.

An offline agent is trained a handful of times (three in MoCoDA, Table 3) and each trained agent
is evaluated on some tens or hundreds of episodes. Two sources of chance follow: which seed the
training had, and which episodes the evaluation drew. The spread over seed means holds both, but
three numbers estimate a spread badly: three seeds that all score 0 % give an interval of zero
width. The pooled episodes always give an interval of honest width, but know nothing of the
seeds. The tables therefore print the WIDER of the two (our choice).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A confidence interval and, in words, how it was made."""

    low: float
    high: float
    method: str

    @property
    def width(self) -> float:
        return self.high - self.low


@dataclass(frozen=True)
class Summary:
    """What a table's row says of one metric.

    mean : mean of the seed means. std : sample standard deviation (divisor n - 1) of the seed
    means, NaN for one seed. seeds, episodes : how many of each were counted.
    """

    mean: float
    std: float
    interval: Interval
    seeds: int
    episodes: int


def student_t_interval(values: np.ndarray, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Student t interval of the mean of values [n], n >= 2, in their unit.

    Right for few values: at n = 3 it reaches 4.30 standard errors, not 1.96.
    Raises ValueError for fewer than two values.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        raise ValueError(f"a Student t interval needs two values or more; found {len(values)}")
    reach = stats.t.ppf(0.5 + confidence / 2, len(values) - 1) * stats.sem(values)
    return float(values.mean() - reach), float(values.mean() + reach)


def wilson_interval(
    successes: int, episodes: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Wilson score interval of a success probability, as fractions in [0, 1] (Wilson, 1927).

    Unlike the normal approximation it has a width at 0 and at `episodes` successes.
    Raises ValueError unless 0 <= successes <= episodes and episodes >= 1.
    """
    if episodes < 1 or not 0 <= successes <= episodes:
        raise ValueError(f"{successes} successes of {episodes} episodes is no proportion")
    z = stats.norm.ppf(0.5 + confidence / 2)
    p = successes / episodes
    scale = 1 + z**2 / episodes
    centre = (p + z**2 / (2 * episodes)) / scale
    reach = z / scale * np.sqrt(p * (1 - p) / episodes + z**2 / (4 * episodes**2))
    # At 0 and n successes the formula's ends are 0 and 1 but for rounding.
    low = 0.0 if successes == 0 else float(centre - reach)
    high = 1.0 if successes == episodes else float(centre + reach)
    return low, high


def summarise_rate(successes: Sequence[np.ndarray]) -> Summary:
    """Success rate in per cent over seeds; `successes` holds one bool [episodes] a seed.

    The interval is the wider of Student t over the seed means and Wilson over the pooled
    episodes, after each is clipped to [0, 100]: clipped first, because a wide t interval may
    lose most of its width beyond the ends. One seed: Wilson alone, and the label says so.
    Seeds without episodes are left out of the count; with none at all every number is NaN.
    """
    seeds = [np.asarray(seed, dtype=np.float64) for seed in successes if len(seed) > 0]
    if not seeds:
        return _nothing()
    means = 100 * np.array([seed.mean() for seed in seeds])
    episodes = sum(map(len, seeds))
    low, high = wilson_interval(int(sum(seed.sum() for seed in seeds)), episodes)
    over_episodes = (100 * low, 100 * high)
    over_seeds = None
    if len(seeds) > 1:
        low, high = student_t_interval(means)
        over_seeds = (max(low, 0.0), min(high, 100.0))
    interval = _wider(over_seeds, over_episodes, "Wilson", float(means.mean()))
    return Summary(float(means.mean()), _std(means), interval, len(seeds), episodes)


def summarise_mean(values: Sequence[np.ndarray]) -> Summary:
    """Mean of a quantity such as the return, in its own unit; one float [episodes] a seed.

    The interval is the wider of Student t over the seed means and over the pooled episodes.
    """
    seeds = [np.asarray(seed, dtype=np.float64) for seed in values if len(seed) > 0]
    if not seeds:
        return _nothing()
    means = np.array([seed.mean() for seed in seeds])
    pooled = np.concatenate(seeds)
    if len(pooled) < 2:
        interval = Interval(float("nan"), float("nan"), "none: one episode")
        return Summary(float(means.mean()), _std(means), interval, len(seeds), len(pooled))
    over_seeds = student_t_interval(means) if len(seeds) > 1 else None
    over_episodes = student_t_interval(pooled)
    interval = _wider(over_seeds, over_episodes, "Student t", float(means.mean()))
    return Summary(float(means.mean()), _std(means), interval, len(seeds), len(pooled))


def interquartile_mean(values: np.ndarray) -> float:
    """Mean of the middle half of values [n]: robust to one failed seed, steadier than the median.

    The quartiles cut through values where n is no multiple of 4, and the cut values count by the
    part that lies inside, so that it is defined, and differs from the mean, for three seeds too.
    Raises ValueError for no values.
    """
    values = np.sort(np.asarray(values, dtype=np.float64))
    n = len(values)
    if n == 0:
        raise ValueError("the interquartile mean of no values")
    edges = np.arange(n + 1) / n
    weights = np.clip(np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25), 0.0, None)
    return float(weights @ values / weights.sum())


def two_level_bootstrap(
    values: Sequence[np.ndarray],
    generator: np.random.Generator,
    *,
    statistic: Callable[[np.ndarray], float] | None = None,
    resamples: int = 2000,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Percentile interval that resamples seeds, then episodes within each drawn seed.

    values : one float [episodes] a seed. statistic : seed means [seeds] -> number; by default
    their mean; `interquartile_mean` fits too. A check on `summarise_*`, not what the tables
    print: with three seeds a bootstrap is too narrow, since it can draw only ten sets of seeds.
    Raises ValueError for no seeds or a seed without episodes.
    """
    seeds = [np.asarray(seed, dtype=np.float64) for seed in values]
    if not seeds or any(len(seed) == 0 for seed in seeds):
        raise ValueError("a two-level bootstrap needs seeds that each have episodes")
    drawn = generator.integers(len(seeds), size=(resamples, len(seeds)))
    means = np.empty(drawn.shape)
    for number, seed in enumerate(seeds):
        places = np.nonzero(drawn == number)
        rows = np.empty(len(places[0]))
        # In chunks, so that many resamples of many episodes do not fill the memory.
        for start in range(0, len(rows), 1000):
            part = rows[start : start + 1000]
            part[:] = seed[generator.integers(len(seed), size=(len(part), len(seed)))].mean(axis=1)
        means[places] = rows
    if statistic is None:
        results = means.mean(axis=1)
    else:
        results = np.array([statistic(row) for row in means])
    low, high = np.quantile(results, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Interval(float(low), float(high), f"{confidence:.0%} bootstrap over seeds and episodes")


def _std(means: np.ndarray) -> float:
    return float(means.std(ddof=1)) if len(means) > 1 else float("nan")


def _nothing() -> Summary:
    nan = float("nan")
    return Summary(nan, nan, Interval(nan, nan, "none: no episodes"), 0, 0)


def _wider(
    over_seeds: tuple[float, float] | None,
    over_episodes: tuple[float, float],
    name: str,
    mean: float,
) -> Interval:
    """The wider interval, named; stretched to hold the mean of the seed means, which differs
    from the pooled mean where seeds have different numbers of episodes."""
    if over_seeds is None:
        (low, high), method = over_episodes, f"{name} over episodes, one seed"
    elif over_seeds[1] - over_seeds[0] > over_episodes[1] - over_episodes[0]:
        (low, high), method = over_seeds, "Student t over seeds"
    else:
        (low, high), method = over_episodes, f"{name} over episodes"
    return Interval(min(low, mean), max(high, mean), f"{CONFIDENCE:.0%} {method}")
