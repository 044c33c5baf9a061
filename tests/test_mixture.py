"""One Gaussian mixture: its density, its conditionals, its fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from parents_examples import dense_log_prob, random_mixture, ring
from scipy import stats
from sklearn.mixture import GaussianMixture as SklearnMixture

from mocoda.errors import UserError
from mocoda.parents.conditional import ConditionalMixture, truncated_normal
from mocoda.parents.expectation_maximisation import fit_mixture
from mocoda.parents.mixture import GaussianMixture
from mocoda.parents.sampler import fit_sampler
from mocoda.parents.settings import GmmSettings

# The mixture and its conditionals


def test_log_density_equals_the_dense_formula() -> None:
    mixture = random_mixture(5, 4, seed=0)
    rows = mixture.sample(1000, np.random.default_rng(1))
    np.testing.assert_allclose(mixture.log_prob(rows), dense_log_prob(mixture, rows), rtol=1e-10)
    marginal = mixture.marginal((2, 0))
    np.testing.assert_array_equal(marginal.means, mixture.means[:, [2, 0]])
    np.testing.assert_array_equal(marginal.covariances[:, 0, 1], mixture.covariances[:, 2, 0])


def test_conditional_parameters_are_the_textbook_formula() -> None:
    mixture = random_mixture(6, 5, seed=2)
    given, new = [1, 4], [0, 2, 3]
    conditional = ConditionalMixture(mixture, given)
    x = np.random.default_rng(3).standard_normal(2) * 2
    weights = []
    for k in range(6):
        mean, covariance = mixture.means[k].numpy(), mixture.covariances[k].numpy()
        s_aa, s_ba = covariance[np.ix_(given, given)], covariance[np.ix_(new, given)]
        gain = s_ba @ np.linalg.inv(s_aa)
        expected_mean = mean[new] + gain @ (x - mean[given])
        found_mean = conditional.maps[k].numpy() @ x + conditional.offsets[k].numpy()
        np.testing.assert_allclose(found_mean, expected_mean, atol=1e-10)
        np.testing.assert_allclose(
            conditional.covariances[k], covariance[np.ix_(new, new)] - gain @ s_ba.T, atol=1e-10
        )
        weights.append(
            float(mixture.weights[k]) * stats.multivariate_normal(mean[given], s_aa).pdf(x)
        )
    found = conditional.log_weights(torch.from_numpy(x)[None]).exp().numpy()[0]
    np.testing.assert_allclose(found, np.array(weights) / np.sum(weights), atol=1e-10)


def test_joint_is_marginal_times_conditional() -> None:
    mixture = random_mixture(8, 6, seed=4)
    rows = mixture.sample(500, np.random.default_rng(5))
    for given in [(0,), (5, 1), (0, 2, 3, 4)]:
        conditional = ConditionalMixture(mixture, given)
        split = mixture.marginal(given).log_prob(rows[:, given]) + conditional.log_prob(
            rows[:, conditional.new], rows[:, given]
        )
        np.testing.assert_allclose(split, mixture.log_prob(rows), atol=1e-10)


def test_conditioning_far_away_is_finite() -> None:
    conditional = ConditionalMixture(random_mixture(8, 4, seed=6), (0, 1))
    far = np.array([[1e6, -1e6], [0.0, 1e8], [-1e3, 1e3]])
    assert np.isfinite(conditional.log_weights(torch.from_numpy(far)).numpy()).all()
    assert np.isfinite(conditional.sample(far, np.random.default_rng(0))).all()


def test_draws_given_a_value_follow_the_conditional() -> None:
    mixture = random_mixture(4, 2, seed=7)
    conditional = ConditionalMixture(mixture, (0,))
    drawn = conditional.sample(np.full((20_000, 1), 0.5), np.random.default_rng(8))[:, 0]
    grid = np.linspace(drawn.min() - 20, drawn.max() + 20, 20_001)
    density = np.exp(conditional.log_prob(grid[:, None], np.full((len(grid), 1), 0.5)))
    cumulative = np.cumsum(density) * (grid[1] - grid[0])
    assert cumulative[-1] == pytest.approx(1.0, abs=1e-4)
    assert stats.kstest(drawn, lambda v: np.interp(v, grid, cumulative)).pvalue > 1e-3


@pytest.mark.parametrize("truncation", [0.5, 2.5])
def test_truncation_redraws_and_does_not_clip(truncation: float) -> None:
    drawn = truncated_normal(np.random.default_rng(9), (50_000,), truncation)
    assert np.abs(drawn).max() <= truncation
    assert len(np.unique(drawn)) == len(drawn)  # clipping would leave atoms at the bound
    truth = stats.truncnorm(-truncation, truncation)
    assert stats.kstest(drawn, truth.cdf).pvalue > 1e-3
    one = GaussianMixture(
        torch.ones(1, dtype=torch.float64),
        torch.tensor([[1.0, 2.0]], dtype=torch.float64),
        torch.diag(torch.tensor([4.0, 0.25], dtype=torch.float64))[None],
    )
    rows = one.sample(20_000, np.random.default_rng(10), truncation)
    assert (np.abs(rows - [1, 2]) <= truncation * np.array([2.0, 0.5]) + 1e-12).all()


# Expectation-maximisation


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_em_climbs_and_ends_no_worse_than_sklearn(covariance: str) -> None:
    rng = np.random.default_rng(11)
    rows, held_out = ring(8000, rng), ring(8000, rng)
    settings = GmmSettings(components=12, covariance=covariance, variance_floor=1e-6)
    fit = fit_mixture(rows, settings, np.random.default_rng(12))
    assert fit.converged
    assert np.diff(fit.log_likelihoods).min() > -1e-9
    # The history is the likelihood of the mixture, not of something near it.
    assert fit.mixture.log_prob(rows).mean() == pytest.approx(fit.log_likelihoods[-1], abs=1e-9)
    peer = SklearnMixture(
        12,
        covariance_type="full" if covariance == "full" else "diag",
        random_state=0,
        reg_covar=1e-6,
    ).fit(rows)
    assert fit.mixture.log_prob(held_out).mean() > peer.score(held_out) - 0.02


def test_diagonal_and_uniform_do_what_they_say() -> None:
    rows = ring(4000, np.random.default_rng(13))
    settings = GmmSettings(components=8, covariance="diagonal")
    fitted = fit_mixture(rows, settings, np.random.default_rng(14)).mixture
    off = fitted.covariances - torch.diag_embed(fitted.covariances.diagonal(dim1=1, dim2=2))
    assert float(off.abs().max()) == 0.0
    uniform = fit_mixture(
        rows, settings.model_copy(update={"weights": "uniform"}), np.random.default_rng(14)
    ).mixture
    assert torch.equal(uniform.means, fitted.means)
    np.testing.assert_allclose(uniform.weights, 1 / 8)
    assert float(fitted.weights.std()) > 1e-3
    assert float(fitted.weights.sum()) == pytest.approx(1.0)


def test_constant_columns_and_nearly_constant_ones_survive() -> None:
    rng = np.random.default_rng(15)
    rows = np.concatenate(
        [ring(4000, rng), np.full((4000, 1), 0.425), 1e-9 * rng.standard_normal((4000, 1))], 1
    )
    sampler = fit_sampler(
        rows, [(0, 3, 4), (1, 2, 3, 4)], GmmSettings(components=8), np.random.default_rng(16)
    )
    drawn = sampler.sample(2000, np.random.default_rng(17))
    assert np.isfinite(drawn).all()
    np.testing.assert_allclose(drawn[:, 3], 0.425, atol=1e-6)
    np.testing.assert_allclose(drawn[:, 4], 0.0, atol=1e-6)
    # The floor's own noise in such columns must not look rare beside data without any.
    assert sampler.too_rare(drawn).mean() < 0.05


def test_too_few_or_broken_rows_are_refused() -> None:
    with pytest.raises(UserError, match=r"lower fit_gmm_parents\.components"):
        fit_mixture(np.zeros((40, 2)), GmmSettings(), np.random.default_rng(0))
    broken = np.zeros((100, 2))
    broken[7, 1] = np.nan
    with pytest.raises(UserError, match="finite"):
        fit_mixture(broken, GmmSettings(components=2), np.random.default_rng(0))
