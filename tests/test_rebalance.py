"""Rebalancing: the density estimate, exact draws with given probabilities, and the variants."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats
from sklearn.neighbors import KernelDensity as SklearnDensity

from mocoda.errors import UserError
from mocoda.rebalance import REBALANCE, none, prioritized, selection, uniform
from mocoda.rebalance.kernel_density import KernelDensity
from mocoda.rebalance.prioritized import PrioritizedSettings
from mocoda.rebalance.selection import (
    ROWS_PER_BLOCK,
    Candidates,
    draw_exactly,
    inverse_density,
    scale_to_target,
)
from mocoda.rebalance.uniform import UniformSettings


def lopsided(n: int, seed: int) -> np.ndarray:
    """Four columns in metres: most rows in one corner, as pushed boxes are."""
    rng = np.random.default_rng(seed)
    dense = 0.1 * rng.standard_normal((n - n // 5, 4)) + 0.3
    spread = rng.uniform(0, 1, (n // 5, 4))
    return rng.permutation(np.concatenate([dense, spread])).astype(np.float32)


def in_parts(rows: np.ndarray, eligible: np.ndarray | bool = True, size: int = 700) -> Candidates:
    """Candidates that are read `size` rows at a time."""
    near = np.broadcast_to(eligible, len(rows))

    def parts() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(rows), size):
            yield rows[start : start + size], near[start : start + size]

    return Candidates(len(rows), parts)


def entropy(rows: np.ndarray) -> float:
    histogram, _, _ = np.histogram2d(rows[:, 0], rows[:, 1], bins=10, range=[[0, 1], [0, 1]])
    return float(stats.entropy(histogram.ravel()))


@pytest.mark.parametrize(("precision", "error"), [("float64", 1e-6), ("float32", 2e-4)])
def test_density_equals_sklearn(precision: str, error: float) -> None:
    support, queries = lopsided(3000, 0), lopsided(700, 1)
    peer = SklearnDensity(bandwidth=0.05, rtol=1e-10).fit(support.astype(np.float64))
    expected = np.exp(peer.score_samples(queries.astype(np.float64)))
    found = KernelDensity(support, 0.05, precision).score(queries)  # type: ignore[arg-type]
    matters = expected > 0.05 * 1e-2
    assert matters.sum() > 600
    np.testing.assert_allclose(found[matters], expected[matters], rtol=error)
    accept = [np.minimum(1.0, 0.3 / np.maximum(p, 0.05)) for p in (found, expected)]
    np.testing.assert_allclose(accept[0], accept[1], atol=1e-3)


def test_density_integrates_to_one_and_vanishes_far_away() -> None:
    support = np.random.default_rng(2).uniform(0, 1, (400, 2))
    axis = np.arange(-0.5, 1.5, 0.01)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = KernelDensity(support, 0.05)
    assert density.score(grid).sum() * 0.01**2 == pytest.approx(1.0, abs=1e-4)
    assert density.score(np.full((1, 2), 1e4))[0] < 1e-15


@pytest.mark.parametrize("target", [1, 40, 900, 999, 1000])
def test_probabilities_sum_to_the_target(target: int) -> None:
    score = np.random.default_rng(3).pareto(0.5, 1000) + 1e-3
    factor = scale_to_target(score, target)
    assert np.minimum(factor * score, 1).sum() == pytest.approx(target, rel=1e-9)
    # Rows of score 0 are never kept, and change nothing.
    assert scale_to_target(np.append(score, [0.0, 0.0]), target) == pytest.approx(factor, rel=1e-12)


def test_scores_on_the_threshold_end_the_search() -> None:
    # With the first row kept surely c is as before but for rounding, by which the row then is not.
    factor = scale_to_target(np.array([3.8] + [3.8 * 2 / 6] * 6), 3)
    assert factor == pytest.approx(1 / 3.8)


def test_scaling_is_the_fixed_point_of_the_published_loop() -> None:
    score = 1 / np.maximum(np.random.default_rng(4).exponential(2.0, 5000), 0.05)
    scaled = score.copy()
    while np.minimum(scaled, 1).sum() > 800:
        scaled *= 0.99
    probability = np.minimum(scale_to_target(score, 800) * score, 1)
    np.testing.assert_allclose(probability, np.minimum(scaled, 1), rtol=0.0102)


@pytest.mark.parametrize("rows_per_block", [ROWS_PER_BLOCK, 7])
def test_draws_are_exact_in_number_and_unbiased(
    rows_per_block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "ROWS_PER_BLOCK", rows_per_block)
    score = np.random.default_rng(5).pareto(1.0, 60) + 0.05
    # Blocks of seven that hold no row to draw: the first, one between, and the last.
    score[:7] = score[21:28] = score[49:] = 0
    factor = scale_to_target(score, 20)
    probability = np.minimum(factor * score, 1)
    rng = np.random.default_rng(6)
    counts = np.zeros(60)
    repeats = 6000
    for _ in range(repeats):
        drawn = draw_exactly(score, factor, 20, rng)
        assert len(np.unique(drawn)) == 20
        assert (np.diff(drawn) > 0).all()
        counts[drawn] += 1
    spread = np.sqrt(probability * (1 - probability) / repeats)
    assert (np.abs(counts / repeats - probability) < 4.5 * spread + 1e-9).all()
    assert (counts[probability >= 1] == repeats).all()
    assert (counts[probability == 0] == 0).all()


@pytest.mark.parametrize("first_cut", [0.0, 1e-16, 0.5, 1 - 1e-12, np.nextafter(1, 0)])
def test_the_number_of_rows_drawn_is_exact_wherever_the_first_cut_falls(first_cut: float) -> None:
    class Generator:
        def random(self) -> float:
            return first_cut

        def permutation(self, rows: np.ndarray) -> np.ndarray:
            return np.random.default_rng(1).permutation(rows)

    score = np.random.default_rng(18).pareto(1.0, 2 * ROWS_PER_BLOCK) + 0.05
    score[ROWS_PER_BLOCK + 9 :] = 0
    factor = scale_to_target(score, 30_001)
    drawn = draw_exactly(score, factor, 30_001, Generator())  # type: ignore[arg-type]
    assert len(np.unique(drawn)) == len(drawn) == 30_001
    assert (score[drawn] > 0).all()


def test_prioritized_keeps_eligible_rows_and_flattens() -> None:
    rows = lopsided(20_000, 7)
    eligible = np.abs(rows[:, 0] - rows[:, 1]) < 0.3
    settings = PrioritizedSettings(density_floor=1.0)
    chosen = prioritized.select(in_parts(rows, eligible), 2000, np.random.default_rng(8), settings)
    assert chosen.indices.dtype == np.int64
    assert len(chosen.indices) == 2000
    assert (np.diff(chosen.indices) > 0).all()
    assert eligible[chosen.indices].all()
    plain = none.select(
        in_parts(rows, eligible), 2000, np.random.default_rng(8), none.NoneSettings()
    )
    near = rows[eligible]
    assert entropy(rows[chosen.indices]) > entropy(near) + 0.3
    assert abs(entropy(rows[plain.indices]) - entropy(rows)) < 0.1
    again = prioritized.select(in_parts(rows, eligible), 2000, np.random.default_rng(8), settings)
    assert np.array_equal(chosen.indices, again.indices)
    other = prioritized.select(in_parts(rows, eligible), 2000, np.random.default_rng(9), settings)
    assert not np.array_equal(chosen.indices, other.indices)


def test_uniform_flattens_and_knows_no_task() -> None:
    rows = lopsided(10_000, 10)[:, :2]
    nobody = np.zeros(len(rows), dtype=bool)
    settings = UniformSettings()
    chosen = uniform.select(in_parts(rows, nobody), 1500, np.random.default_rng(11), settings)
    assert len(chosen.indices) == 1500
    assert entropy(rows[chosen.indices]) > entropy(rows) + 0.3
    published = uniform.select(
        in_parts(rows, nobody), 1500, np.random.default_rng(11), UniformSettings(exact=False)
    )
    expected = published.facts["published_expected_rows"]
    assert expected < 1500  # scores beyond one are lost
    assert len(published.indices) == pytest.approx(expected, abs=4 * np.sqrt(expected))


def test_the_scores_of_mocoda_u_are_sklearns(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 / max(p, floor) with p of the last rows alone, on (x, y) as in 2D Navigation."""
    rows = lopsided(4000, 30)[:, :2]
    taken = {}

    def draw(score: np.ndarray, factor: float, target: int, rng: object) -> np.ndarray:
        taken.update(score=score, factor=factor)
        return np.arange(target)

    monkeypatch.setattr(uniform, "draw_exactly", draw)
    settings = UniformSettings(support=1000, density_floor=0.2)
    uniform.select(in_parts(rows), 900, np.random.default_rng(0), settings)
    peer = SklearnDensity(bandwidth=0.05, rtol=1e-10).fit(rows[-1000:].astype(np.float64))
    density = np.exp(peer.score_samples(rows.astype(np.float64)))
    assert 20 < (density < 0.2).sum() < 3000  # the floor is felt, and not everywhere
    expected = 1.0 / np.maximum(density, 0.2)
    np.testing.assert_allclose(taken["score"], expected, rtol=1e-3)
    assert np.minimum(taken["factor"] * expected, 1.0).sum() == pytest.approx(900, rel=1e-3)


def test_density_comes_from_the_last_rows_and_is_floored() -> None:
    rows = np.concatenate([np.zeros((50, 2)), np.ones((50, 2))])
    score = inverse_density(
        in_parts(rows, size=30), support=50, bandwidth=0.1, floor=0.01, eligible_only=False
    )
    np.testing.assert_allclose(score[:50], 100.0)
    np.testing.assert_allclose(score[50:], 2 * np.pi * 0.1**2, rtol=1e-5)
    # Of the eligible rows, which are the first 70 here, the last 50 are 30 zeros and 20 ones.
    score = inverse_density(
        in_parts(rows, np.arange(100) < 70, size=30), 50, 0.1, floor=0.01, eligible_only=True
    )
    np.testing.assert_allclose(score[:50], 2 * np.pi * 0.1**2 * 50 / 30, rtol=1e-5)
    np.testing.assert_allclose(score[50:70], 2 * np.pi * 0.1**2 * 50 / 20, rtol=1e-5)
    assert (score[70:] == 0).all()


def test_the_size_of_the_parts_changes_nothing() -> None:
    rows = lopsided(5000, 15)
    eligible = rows[:, 0] > 0.1
    draws = [
        prioritized.select(
            in_parts(rows, eligible, size), 900, np.random.default_rng(3), PrioritizedSettings()
        ).indices
        for size in (64, 701, 5000)
    ]
    assert np.array_equal(draws[0], draws[1])
    assert np.array_equal(draws[0], draws[2])


def test_draws_go_through_all_blocks_of_rows() -> None:
    rows = 3 * ROWS_PER_BLOCK + 17
    score = np.random.default_rng(16).pareto(2.0, rows) + 0.1
    score[:ROWS_PER_BLOCK:2] = 0
    for target in (5, 70_001, np.count_nonzero(score)):
        factor = scale_to_target(score, target)
        drawn = draw_exactly(score, factor, target, np.random.default_rng(17))
        assert len(drawn) == target
        assert (np.diff(drawn) > 0).all()
        assert (score[drawn] > 0).all()
        # Cuts are one apart, so that a block has the rows that its probabilities sum to.
        probability = np.minimum(factor * score, 1)
        for start in range(0, rows, ROWS_PER_BLOCK):
            block = slice(start, start + ROWS_PER_BLOCK)
            found = np.isin(np.arange(rows)[block], drawn).sum()
            assert abs(found - probability[block].sum()) < 1 + 1e-6


def test_none_is_the_first_rows() -> None:
    rows = lopsided(100, 12)
    chosen = none.select(in_parts(rows, False), 30, np.random.default_rng(0), none.NoneSettings())
    assert chosen.indices.tolist() == list(range(30))


@pytest.mark.parametrize("variant", sorted(REBALANCE))
def test_too_few_rows_name_the_setting_to_raise(variant: str) -> None:
    rows = lopsided(100, 13)
    settings, select = REBALANCE[variant]
    with pytest.raises(UserError, match="number of candidates") as caught:
        select(in_parts(rows), 101, np.random.default_rng(0), settings())
    assert caught.value.found == "100"
    with pytest.raises(UserError, match="eligible"):
        prioritized.select(
            in_parts(rows, False), 1, np.random.default_rng(0), PrioritizedSettings()
        )


def test_neighbouring_rows_can_be_drawn_together() -> None:
    # Cuts one apart never meet both of two neighbours at 1/2 unless the order is random.
    rng = np.random.default_rng(14)
    drawn = [tuple(draw_exactly(np.ones(4), 0.5, 2, rng).tolist()) for _ in range(600)]
    together = sum(pair == (0, 1) for pair in drawn) / 600
    assert together == pytest.approx(1 / 6, abs=0.08)
