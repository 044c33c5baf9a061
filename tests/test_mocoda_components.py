"""MoCoDA with reweighted components: the weights are the best, and the rows lie flatter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from parents_examples import accept_all, random_mixture, ring
from scipy import optimize, stats

from mocoda.augmentation import AUGMENTATION, Generated, Ingredients
from mocoda.domains.nav2d import NAV2D, task
from mocoda.domains.nav2d.collection import Nav2DCollectionSettings, collect
from mocoda.masks.ground_truth import mask_of
from mocoda.parents import gmm
from mocoda.parents.conditional import ConditionalMixture
from mocoda.parents.gmm import Parents
from mocoda.parents.mixture import GaussianMixture
from mocoda.parents.proposals import propose_parents
from mocoda.parents.reweighting import (
    ReweightedSampler,
    ReweightingSettings,
    count_cells,
    flattest_weights,
    reweighted,
)
from mocoda.parents.sampler import ParentSampler
from mocoda.parents.settings import GmmSettings
from mocoda.parents.stratified import StratifiedParents

SETTINGS = ReweightingSettings()


def entropy(rows: np.ndarray, cells: int = 20) -> float:
    """Of rows [n, c], in nats, over cells of their own range."""
    counts = np.histogramdd(rows, cells)[0].ravel()
    return float(stats.entropy(counts))


# The weights


def value(weights: np.ndarray, shares: np.ndarray, prior: np.ndarray, fidelity: float) -> float:
    return float(stats.entropy(weights @ shares) - fidelity * stats.entropy(weights, prior))


def test_components_that_do_not_overlap_weigh_what_they_cover() -> None:
    shares = np.zeros((3, 10))
    shares[0, :1], shares[1, 1:4], shares[2, 4:] = 1.0, 1 / 3, 1 / 6
    prior = np.array([0.8, 0.15, 0.05])
    found = flattest_weights(shares, prior, 0.0)
    np.testing.assert_allclose(found, [0.1, 0.3, 0.6], atol=5e-3)
    np.testing.assert_allclose(flattest_weights(shares, prior, 1e4), prior, atol=1e-3)


@pytest.mark.parametrize("fidelity", [0.0, 0.05, 0.2, 1.0])
def test_no_other_weights_are_better(fidelity: float) -> None:
    generator = np.random.default_rng(1)
    shares = generator.dirichlet(np.full(30, 0.2), 6)
    prior = generator.dirichlet(np.full(6, 0.5))
    found = flattest_weights(shares, prior, fidelity)
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0).all()
    reached = value(found, shares, prior, fidelity)

    def loss(logits: np.ndarray) -> float:
        return -value(np.exp(logits) / np.exp(logits).sum(), shares, prior, fidelity)

    best = min(optimize.minimize(loss, start).fun for start in (np.zeros(6), np.log(prior)))
    assert reached >= -best - 2e-4
    assert reached > value(prior, shares, prior, fidelity) + 1e-3


def test_components_that_look_alike_keep_their_shares_of_the_fitted_weights() -> None:
    shares = np.array([[0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]])
    found = flattest_weights(shares, np.array([0.6, 0.3, 0.1]), 0.2)
    assert found[0] / found[1] == pytest.approx(2.0, rel=1e-2)
    assert 0.3 < found[2] < 0.5  # without the second term: 0.5


def test_cells_are_counted_by_component() -> None:
    rows = np.array([[0.0, 0.0], [1.0, 1.0], [0.9, 0.9], [0.9, 0.1], [0.0, 0.2]])
    counts = count_cells(rows, np.array([0, 1, 1, 0, 1]), 3, 4)
    # Cells (low, low), (high, low), (high, high); none is (low, high).
    np.testing.assert_array_equal(counts, [[1, 1, 0], [1, 0, 2], [0, 0, 0]])
    assert count_cells(rows[:, :1], np.zeros(5, dtype=int), 1, 4096).shape[1] <= 64


# The parents


def crowded_rows(n: int = 6000) -> np.ndarray:
    """Columns 0, 3 shared by both sets; 1, 2 and 4, 5 are places, most of them in one corner."""
    generator = np.random.default_rng(2)
    shared = generator.standard_normal((n, 2))
    places = generator.uniform(0.0, 1.0, (n, 4)) ** 3
    return np.column_stack([shared[:, 0], places[:, :2], shared[:, 1], places[:, 2:]])


SETS = [(0, 1, 2, 3), (3, 0, 4, 5)]
PLACES = (1, 2, 4, 5)


@pytest.fixture(scope="module")
def fitted() -> ParentSampler:
    settings = GmmSettings(components=16)
    parents = gmm.fit(crowded_rows(), SETS, settings, np.random.default_rng(3))
    assert isinstance(parents, ParentSampler)
    return parents


def weights_of(parents: Parents) -> list[np.ndarray]:
    assert isinstance(parents, ParentSampler)
    return [mixture.weights.numpy() for _, mixture in parents.sets]


def test_both_places_lie_flatter_and_only_the_weights_are_new(fitted: ParentSampler) -> None:
    flat = reweighted(fitted, PLACES, SETTINGS)
    assert isinstance(flat, ReweightedSampler)
    for (columns, new), (_, old) in zip(flat.sets, fitted.sets, strict=True):
        assert columns in SETS
        assert new.means is old.means
        assert new.covariances is old.covariances
        assert float(new.weights.sum()) == pytest.approx(1.0)
        assert not torch.allclose(new.weights, old.weights, atol=1e-2)
    drawn = [
        propose_parents(parents, 20_000, np.random.default_rng(4), accept_all, 6)[0]
        for parents in (fitted, flat)
    ]
    for columns in ((1, 2), (4, 5)):
        before, after = (rows[:, columns] for rows in drawn)
        assert entropy(after) > entropy(before) + 0.3
    # The other columns stay as wide as they were.
    for column in (0, 3):
        assert drawn[1][:, column].std() == pytest.approx(drawn[0][:, column].std(), rel=0.15)


def test_a_set_without_the_columns_keeps_its_weights(fitted: ParentSampler) -> None:
    old, new = weights_of(fitted), weights_of(reweighted(fitted, (1, 2), SETTINGS))
    assert not np.allclose(old[0], new[0], atol=1e-2)
    np.testing.assert_array_equal(old[1], new[1])


def test_the_support_is_that_of_the_fitted_mixtures(fitted: ParentSampler) -> None:
    flat = reweighted(fitted, PLACES, SETTINGS)
    assert isinstance(flat, ReweightedSampler)
    rows = fitted.sample(5000, np.random.default_rng(5))
    expected = fitted.too_rare(rows)
    assert 0.005 < expected.mean() < 0.2
    np.testing.assert_array_equal(flat.too_rare(rows), expected)
    assert (ParentSampler.too_rare(flat, rows) != expected).any()


def test_a_component_outside_the_support_gets_no_weight() -> None:
    mixture = random_mixture(3, 2, seed=6)
    far = mixture.means.clone()
    far[2] = 1e3
    # All draws of the last component are rarer than the floor: its covariance is huge.
    wide = mixture.covariances.clone()
    wide[2] = 1e12 * torch.eye(2, dtype=torch.float64)
    sampler = ParentSampler(
        [((0, 1), GaussianMixture(mixture.weights, far, wide))], 2, 2.5, [-20.0]
    )
    weights = weights_of(reweighted(sampler, (0, 1), SETTINGS))[0]
    assert weights[2] == 0.0
    assert weights.sum() == pytest.approx(1.0)
    assert np.isfinite(
        reweighted(sampler, (0, 1), SETTINGS).sample(500, np.random.default_rng(7))
    ).all()


def test_what_is_refused_as_too_rare_is_made_up_for() -> None:
    # The floor cuts half of the draws of the wide component and hardly any of the narrow one.
    mixture = GaussianMixture(
        torch.full((2,), 0.5, dtype=torch.float64),
        torch.tensor([[0.0], [1000.0]], dtype=torch.float64),
        torch.tensor([[[1.0]], [[100.0]]], dtype=torch.float64),
    )
    floor = float(mixture.log_prob(np.array([[1000.0 + 6.745]]))[0])
    sampler = ParentSampler([((0,), mixture)], 1, 2.5, [floor])
    assert 0.35 < 1 - sampler.too_rare(sampler.sample(4000, np.random.default_rng(22))).mean() < 0.8
    faithful = weights_of(reweighted(sampler, (0,), ReweightingSettings(fidelity=1e4)))[0]
    np.testing.assert_allclose(faithful, [0.5, 0.5], atol=1e-3)
    # Flat: each component fills one cell of the grid of 64, and gets half of the accepted rows.
    flat = reweighted(sampler, (0,), ReweightingSettings(fidelity=0.0))
    rows, _ = propose_parents(flat, 8000, np.random.default_rng(23), accept_all, 1)  # type: ignore[arg-type]
    assert (rows[:, 0] > 500).mean() == pytest.approx(0.5, abs=0.03)


def test_sampling_stays_exact_for_the_new_weights() -> None:
    # Both sets are marginals of one joint with the new weights: each must keep its own.
    joint = random_mixture(6, 4, seed=18)
    sets = [(0, 1, 2), (0, 3, 2)]
    old = ParentSampler([(columns, joint.marginal(columns)) for columns in sets], 4, None)
    new = np.random.default_rng(8).dirichlet(np.full(6, 0.7))
    sampler = ReweightedSampler(old, [new, new])
    truth = GaussianMixture(torch.from_numpy(new), joint.means, joint.covariances)
    rows = sampler.sample(20_000, np.random.default_rng(19))
    exact = truth.sample(20_000, np.random.default_rng(20))
    for columns in sets:
        directions = np.random.default_rng(21).standard_normal((3, 3))
        for direction in np.concatenate([np.eye(3), directions]):
            mine, theirs = (values[:, columns] @ direction for values in (rows, exact))
            assert stats.ks_2samp(mine, theirs).pvalue > 1e-4
    # The old weights would not do.
    before = old.sample(20_000, np.random.default_rng(19))
    assert stats.ks_2samp(before[:, 0], exact[:, 0]).pvalue < 1e-6


def test_the_conditional_of_the_new_mixture_is_analytic(fitted: ParentSampler) -> None:
    _, mixture = reweighted(fitted, PLACES, SETTINGS).sets[0]
    rows = mixture.sample(500, np.random.default_rng(9))
    known, new = [0, 3], [1, 2]
    conditional = ConditionalMixture(mixture, known)
    joint = mixture.marginal(known).log_prob(rows[:, known]) + conditional.log_prob(
        rows[:, new], rows[:, known]
    )
    np.testing.assert_allclose(joint, mixture.log_prob(rows), atol=1e-6)


def test_each_stratum_is_flattened_by_itself() -> None:
    data = ring(4000, np.random.default_rng(10))
    data = data[(data[:, 0] < 0) | (data[:, 1] > 0) | (np.arange(4000) % 5 == 0)]

    def graph_of(observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        return (observation[:, 0] > 0).astype(np.int64)

    settings = GmmSettings(components=6, stratify=True, density_quantile=None)
    graphs = graph_of(data[:, :2], data[:, 2:])
    sets = [(0, 1), (0, 2)]
    parents = gmm.fit(data, sets, settings, np.random.default_rng(11), graphs)
    flat = reweighted(parents, (1,), SETTINGS)
    assert isinstance(parents, StratifiedParents)
    assert isinstance(flat, StratifiedParents)
    for new, old in zip(flat.strata, parents.strata, strict=True):
        assert (new.graphs, new.share) == (old.graphs, old.share)
        assert not np.allclose(weights_of(new.sampler)[0], weights_of(old.sampler)[0], atol=1e-3)
    rows, _ = gmm.propose(flat, 1000, np.random.default_rng(12), accept_all, 2, graph_of)
    emitted = graph_of(rows[:, :2], rows[:, 2:])
    assert (emitted == 1).sum() == pytest.approx(1000 * graphs.mean(), abs=1)


# The augmentation


class Truth:
    """Stands for a model: the true dynamics."""

    device = torch.device("cpu")

    def sample(self, observation: np.ndarray, action: np.ndarray, *rest: Any) -> np.ndarray:
        return task.true_dynamics(observation, action)


@pytest.fixture(scope="module")
def parents() -> Parents:
    real = collect(Nav2DCollectionSettings(transitions=20_000), 0, 1, lambda m: None).transitions
    rows = np.concatenate([real.observation, real.action], axis=1)
    columns = [NAV2D.slots.columns_of(names) for names in NAV2D.parent_sets]
    return gmm.fit(rows, columns, GmmSettings(), np.random.default_rng(13))


def make(kind: str, parents: Parents, count: int = 20_000, shard: int = 0) -> Generated:
    model: Any = Truth()
    ingredients = Ingredients(NAV2D, mask=mask_of(NAV2D), parents=parents, dynamics=model)
    variant = AUGMENTATION[kind]
    return variant.generate(variant.settings(), ingredients, count, ("test", "same", shard))


def test_the_rows_of_nav2d_lie_flatter_than_mocodas(parents: Parents) -> None:
    fitted, flat = make("mocoda", parents), make("mocoda_components", parents)
    assert entropy(flat.observation) > entropy(fitted.observation) + 0.15
    for made in (fitted, flat):
        assert not task.invalid_parents(made.observation, made.action)["outside_square"].any()
        assert made.counts["accepted"] / made.counts["proposed"] > 0.9
    assert flat.observation.shape == flat.next_observation.shape == flat.action.shape
    assert flat.observation.dtype == flat.action.dtype == np.float32
    np.testing.assert_array_equal(
        flat.next_observation, task.true_dynamics(flat.observation, flat.action)
    )


def test_the_same_names_give_the_same_bytes(parents: Parents) -> None:
    one = make("mocoda_components", parents, 500, shard=4)
    reweighted.cache_clear()
    stored = gmm.from_arrays(parents.to_arrays())
    again = make("mocoda_components", stored, 500, shard=4)
    other = make("mocoda_components", parents, 500, shard=5)
    assert one.observation.tobytes() == again.observation.tobytes()
    assert one.action.tobytes() == again.action.tobytes()
    assert not np.isin(one.observation[:, 0], other.observation[:, 0]).all()


def test_a_domain_must_say_what_to_flatten() -> None:
    variant = AUGMENTATION["mocoda_components"]
    assert variant.refuses(NAV2D) == ""
    assert "rebalance_columns" in variant.refuses(replace(NAV2D, rebalance_columns=()))
