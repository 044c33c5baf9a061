"""Intervals against SciPy, hand-worked numbers and known coverage."""

import math

import numpy as np
import pytest
from scipy import stats

from mocoda.statistics import (
    interquartile_mean,
    student_t_interval,
    summarise_mean,
    summarise_rate,
    two_level_bootstrap,
    wilson_interval,
)


def successes(*counts: int, episodes: int = 50) -> list[np.ndarray]:
    return [np.arange(episodes) < count for count in counts]


def test_student_t_by_hand():
    # Mean 20, s = 10, standard error 10/sqrt(3), t(0.975, 2) = 4.302653.
    low, high = student_t_interval(np.array([10.0, 20.0, 30.0]))
    assert low == pytest.approx(20 - 4.302653 * 10 / math.sqrt(3), abs=1e-4)
    assert high == pytest.approx(20 + 4.302653 * 10 / math.sqrt(3), abs=1e-4)


@pytest.mark.parametrize(("count", "episodes"), [(0, 50), (1, 50), (25, 50), (50, 50), (3, 7)])
def test_wilson_equals_scipy(count: int, episodes: int):
    expected = stats.binomtest(count, episodes).proportion_ci(0.95, method="wilson")
    assert wilson_interval(count, episodes) == pytest.approx((expected.low, expected.high))


def test_impossible_proportions_are_refused():
    for count, episodes in ((3, 2), (-1, 5), (0, 0)):
        with pytest.raises(ValueError, match="no proportion"):
            wilson_interval(count, episodes)


def test_seeds_that_all_fail_still_have_a_width():
    summary = summarise_rate(successes(0, 0, 0))
    assert summary.mean == 0.0
    assert summary.std == 0.0
    assert summary.interval.low == 0.0
    assert summary.interval.high == pytest.approx(100 * wilson_interval(0, 150)[1])
    assert summary.interval.method == "95% Wilson over episodes"


def test_seeds_that_differ_are_wider_than_their_episodes():
    summary = summarise_rate(successes(20, 25, 30))
    assert summary.mean == pytest.approx(50.0)
    assert summary.std == pytest.approx(10.0)  # sample standard deviation of 40, 50, 60 %
    expected = student_t_interval(np.array([40.0, 50.0, 60.0]))
    assert (summary.interval.low, summary.interval.high) == pytest.approx(expected)
    assert summary.interval.method == "95% Student t over seeds"
    assert (summary.seeds, summary.episodes) == (3, 150)


def test_the_wider_is_chosen_after_clipping():
    # t over 0, 0, 2 % reaches from -2.2 to 3.5: 5.7 wide, but only 3.5 of it can be;
    # Wilson over 1 of 150 is [0.1, 3.7], 3.6 wide.
    summary = summarise_rate(successes(0, 0, 1))
    unclipped = student_t_interval(np.array([0.0, 0.0, 2.0]))
    low, high = wilson_interval(1, 150)
    assert unclipped[1] - unclipped[0] > 100 * (high - low)
    assert summary.interval.method == "95% Wilson over episodes"
    assert summary.interval.high == pytest.approx(100 * high)
    two = summarise_rate(successes(5, 45))
    assert (two.interval.low, two.interval.high) == (0.0, 100.0)


def test_one_seed_is_wilson_and_says_so():
    summary = summarise_rate(successes(10))
    expected = tuple(100 * end for end in wilson_interval(10, 50))
    assert (summary.interval.low, summary.interval.high) == pytest.approx(expected)
    assert "one seed" in summary.interval.method
    assert math.isnan(summary.std)


def test_rates_without_episodes_are_not_a_number():
    summary = summarise_rate([np.array([], bool)])
    assert math.isnan(summary.mean)
    assert (summary.seeds, summary.episodes) == (0, 0)
    mixed = summarise_rate([np.array([], bool), np.array([True, False])])
    assert (mixed.mean, mixed.seeds) == (50.0, 1)


def test_the_mean_lies_in_the_interval_for_unequal_seeds():
    seeds = [np.zeros(1000, bool), np.ones(10, bool), np.ones(10, bool)]
    summary = summarise_rate(seeds)
    assert summary.interval.low <= summary.mean <= summary.interval.high


def test_returns_take_the_wider_of_seeds_and_episodes():
    far = summarise_mean([np.array([-30.0, -31.0]), np.array([-50.0, -49.0])])
    assert far.mean == -40.0
    assert far.interval.method == "95% Student t over seeds"
    same = np.array([-60.0, -20.0, -50.0, -30.0])
    near = summarise_mean([same, same])
    assert near.interval.method == "95% Student t over episodes"
    expected = student_t_interval(np.concatenate([same, same]))
    assert (near.interval.low, near.interval.high) == pytest.approx(expected)


def test_interquartile_mean():
    values = np.array([0.0, 10.0, 20.0, 100.0, 7.0, 12.0, 3.0, 50.0])
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25))
    # Three values: a quarter of each outer one and the whole middle one, of 1.5 in all.
    assert interquartile_mean(np.array([90.0, 0.0, 60.0])) == pytest.approx(
        (0.25 * 0 + 60 + 0.25 * 90) / 1.5
    )
    assert interquartile_mean(np.array([5.0])) == 5.0


def test_bootstrap_has_both_levels():
    rng = np.random.default_rng(0)
    between = [np.full(100, mean) for mean in (10.0, 20.0, 30.0, 40.0)]
    interval = two_level_bootstrap(between, rng, resamples=4000)
    # Only seeds vary: the standard error of the mean of 4 draws is 11.18/2.
    assert interval.width == pytest.approx(2 * 1.96 * 11.18 / 2, rel=0.1)
    within = [np.tile([0.0, 1.0], 50) for _ in range(4)]
    interval = two_level_bootstrap(within, rng, resamples=4000)
    assert interval.width == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(400), rel=0.15)
    again = two_level_bootstrap(within, np.random.default_rng(3), statistic=interquartile_mean)
    assert again == two_level_bootstrap(
        within, np.random.default_rng(3), statistic=interquartile_mean
    )


def test_intervals_cover_the_truth():
    """Of 400 repetitions with seeds that differ, 95 % of intervals or more hold the truth."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        rates = np.clip(rng.normal(0.5, 0.08, size=3), 0, 1)
        interval = summarise_rate([rng.random(100) < rate for rate in rates]).interval
        held += interval.low <= 50 <= interval.high
    assert held >= 0.93 * 400
