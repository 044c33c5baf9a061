"""The joint of several parent sets, the proposals, and the strata."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from parents_examples import accept_all, random_mixture, ring
from scipy import stats

from mocoda.errors import UserError
from mocoda.parents import PARENTS, gmm
from mocoda.parents.mixture import GaussianMixture
from mocoda.parents.proposals import propose_parents
from mocoda.parents.sampler import ParentSampler, fit_sampler
from mocoda.parents.settings import GmmSettings
from mocoda.parents.stratified import StratifiedParents, fit_stratified

# The joint of several parent sets

SHARED = [(0, 1, 2), (0, 3, 2)]  # column 0 and 2 shared; 1 and 3 the new ones


def shared_sampler(truncation: float | None = None) -> tuple[ParentSampler, GaussianMixture]:
    joint = random_mixture(6, 4, seed=18)
    sets = [(columns, joint.marginal(columns)) for columns in SHARED]
    return ParentSampler(sets, 4, truncation), joint


def test_each_set_keeps_its_marginal() -> None:
    sampler, joint = shared_sampler()
    rows = sampler.sample(20_000, np.random.default_rng(19))
    truth = joint.sample(20_000, np.random.default_rng(20))
    for columns in SHARED:
        # Single columns, and random directions for how they hang together.
        directions = np.random.default_rng(21).standard_normal((3, 3))
        for direction in np.concatenate([np.eye(3), directions]):
            mine, exact = (values[:, columns] @ direction for values in (rows, truth))
            assert stats.ks_2samp(mine, exact).pvalue > 1e-4


def test_order_of_the_sets_does_not_matter_when_they_agree() -> None:
    sampler, _ = shared_sampler()
    rows = sampler.sample(40_000, np.random.default_rng(22))
    first, second = rows[0::2], rows[1::2]  # rows alternate between the two orders
    for column in range(4):
        assert stats.ks_2samp(first[:, column], second[:, column]).pvalue > 1e-4
    np.testing.assert_allclose(np.cov(first.T), np.cov(second.T), atol=0.7)


def test_new_columns_are_independent_given_the_shared_ones() -> None:
    # One component: the dependence left between columns 1 and 3 is their partial correlation.
    roots = np.random.default_rng(23).standard_normal((4, 4))
    joint = GaussianMixture(
        torch.ones(1, dtype=torch.float64),
        torch.zeros(1, 4, dtype=torch.float64),
        torch.from_numpy(roots @ roots.T + 0.1 * np.eye(4))[None],
    )

    def partial_correlation(rows: np.ndarray) -> float:
        design = np.concatenate([rows[:, [0, 2]], np.ones((len(rows), 1))], axis=1)
        residual = rows[:, [1, 3]] - design @ np.linalg.lstsq(design, rows[:, [1, 3]])[0]
        return float(np.corrcoef(residual.T)[0, 1])

    sampler = ParentSampler([(c, joint.marginal(c)) for c in SHARED], 4, None)
    assert abs(partial_correlation(sampler.sample(40_000, np.random.default_rng(24)))) < 0.02
    assert abs(partial_correlation(joint.sample(40_000, np.random.default_rng(25)))) > 0.2


def test_same_seed_same_bytes_and_storage_keeps_them() -> None:
    rows = ring(3000, np.random.default_rng(26))

    def fitted() -> ParentSampler:
        return fit_sampler(
            rows, [(0, 1), (1, 2)], GmmSettings(components=6), np.random.default_rng(27)
        )

    first = fitted()
    drawn = first.sample(5000, np.random.default_rng(28))
    assert np.array_equal(drawn, fitted().sample(5000, np.random.default_rng(28)))
    assert not np.array_equal(drawn, first.sample(5000, np.random.default_rng(29)))
    stored = gmm.from_arrays(first.to_arrays())
    assert isinstance(stored, ParentSampler)
    assert np.array_equal(drawn, stored.sample(5000, np.random.default_rng(28)))
    assert stored.log_density_floors == first.log_density_floors
    assert stored.truncation == 2.5


def test_sets_must_cover_the_row() -> None:
    joint = random_mixture(2, 2, seed=30)
    with pytest.raises(UserError, match=r"columns \[2\] in no set"):
        ParentSampler([((0, 1), joint)], 3)


# Proposals


def test_proposals_are_valid_counted_and_clipped() -> None:
    sampler, _ = shared_sampler(2.5)

    def invalid(observation: np.ndarray, action: np.ndarray) -> dict[str, np.ndarray]:
        return {"left": observation[:, 0] < 0, "action_out_of_range": np.abs(action[:, 0]) > 1}

    rows, counts = propose_parents(sampler, 5000, np.random.default_rng(31), invalid, 3)
    assert rows.shape == (5000, 4)
    assert rows[:, 0].min() >= 0
    assert np.abs(rows[:, 3]).max() == 1.0
    assert counts["action_out_of_range"] == 0
    assert counts["left"] > 0
    assert counts["accepted"] + counts["left"] == counts["proposed"]
    assert counts["accepted"] >= 5000
    free, counts = propose_parents(
        sampler, 500, np.random.default_rng(31), invalid, 3, clip_actions=False
    )
    assert counts["action_out_of_range"] > 0
    assert np.abs(free[:, 3]).max() <= 1.0


def test_tails_are_cut_at_the_quantile_of_the_data() -> None:
    data = ring(6000, np.random.default_rng(32))
    settings = GmmSettings(components=8, density_quantile=0.05)
    sampler = fit_sampler(data, [(0, 1, 2)], settings, np.random.default_rng(33))
    assert sampler.too_rare(data).mean() == pytest.approx(0.05, abs=0.01)
    rows, counts = propose_parents(sampler, 3000, np.random.default_rng(34), accept_all, 2)
    assert counts["low_density"] > 0
    mixture = sampler.sets[0][1]
    inside = np.abs(rows[:, 2]) < 1  # clipping an action comes after the cut
    assert mixture.log_prob(rows[inside]).min() >= sampler.log_density_floors[0]
    open_ended = settings.model_copy(update={"density_quantile": None})
    free = fit_sampler(data, [(0, 1, 2)], open_ended, np.random.default_rng(33))
    assert not free.too_rare(data + 100).any()


def test_hopeless_proposals_end_with_the_reasons() -> None:
    sampler, _ = shared_sampler()

    def invalid(observation: np.ndarray, action: np.ndarray) -> dict[str, np.ndarray]:
        return {"never_right": np.ones(len(observation), dtype=bool)}

    with pytest.raises(UserError, match="never_right"):
        propose_parents(sampler, 10, np.random.default_rng(35), invalid, 3)


def graph_of(observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    """0 left of zero, 1 right of it, 2 for the few far to the right."""
    return np.digitize(observation[:, 0], [0.0, 1.05]).astype(np.int64)


def test_stratified_parents_stay_in_their_stratum() -> None:
    data = ring(6000, np.random.default_rng(36))
    data = data[(data[:, 0] < 0) | (np.arange(6000) % 3 == 0)]
    graphs = graph_of(data[:, :2], data[:, 2:])
    least = int((graphs == 2).sum()) // 3 + 1
    settings = GmmSettings(
        components=6, stratify=True, stratum_rows_per_column=least, density_quantile=None
    )
    parents = gmm.fit(data, [(0, 1), (0, 2)], settings, np.random.default_rng(37), graphs)
    assert isinstance(parents, StratifiedParents)
    assert [stratum.graphs for stratum in parents.strata] == [(0,), (1,), (2,)]
    assert parents.strata[2].sampler.sets[0][1].weights.shape == (1,)  # rare: one component
    stored = gmm.from_arrays(parents.to_arrays())
    for each in (parents, stored):
        rows, counts = gmm.propose(each, 2000, np.random.default_rng(38), accept_all, 2, graph_of)
        emitted = graph_of(rows[:, :2], rows[:, 2:])
        for graph in range(3):  # exact shares, which rows outside their stratum would break
            share = (graphs == graph).mean()
            assert (emitted == graph).sum() == pytest.approx(2000 * share, abs=1)
        assert counts["other_graph"] > 0
        # In random order: a first part has the shares, too.
        assert (emitted[:500] == 0).mean() == pytest.approx((graphs == 0).mean(), abs=0.08)


def test_rare_graphs_are_pooled_and_hopeless_ones_left_out() -> None:
    data = ring(2000, np.random.default_rng(39))
    graphs = np.zeros(2000, dtype=np.int64)
    graphs[:60], graphs[60:100] = 5, 9
    settings = GmmSettings(components=4, stratum_rows_per_column=50)
    messages: list[str] = []
    parents = fit_stratified(
        data, graphs, [(0, 1, 2)], settings, np.random.default_rng(40), messages.append
    )
    assert [stratum.graphs for stratum in parents.strata] == [(0,), (5, 9)]
    graphs[3:100] = 0
    parents = fit_stratified(
        data, graphs, [(0, 1, 2)], settings, np.random.default_rng(40), messages.append
    )
    assert [stratum.graphs for stratum in parents.strata] == [(0,)]
    assert any("left out" in message for message in messages)


def test_the_table_of_variants_names_settings_and_functions() -> None:
    settings, module = PARENTS["gmm"]
    assert settings().components == 32
    assert module.fit is gmm.fit
