"""The squashed Gaussian against the change of variables and its gradient by hand, in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from mocoda.agents import squashed_gaussian
from mocoda.seeding import torch_generator

ROWS, ACTIONS = 200, 3


def example() -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs [rows, 2 act], none at a limit, and standard normal noise [rows, act], float64."""
    generator = torch_generator("squashed gaussian")
    outputs = torch.randn(ROWS, 2 * ACTIONS, generator=generator, dtype=torch.float64) * 0.5
    return outputs.clamp_(max=1.5), torch.randn(
        ROWS, ACTIONS, generator=generator, dtype=torch.float64
    )


def test_density_is_that_of_the_change_of_variables() -> None:
    outputs, normal = example()
    action, log_density = squashed_gaussian.sample(outputs, normal)
    mean, log_deviation = np.split(outputs.numpy(), 2, axis=1)
    before = mean + np.exp(log_deviation) * normal.numpy()
    np.testing.assert_allclose(action.numpy(), np.tanh(before), rtol=1e-12)
    normal_density = norm.logpdf(np.arctanh(action.numpy()), mean, np.exp(log_deviation))
    expected = (normal_density - np.log(1 - action.numpy() ** 2)).sum(axis=1)
    np.testing.assert_allclose(log_density.numpy(), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(("mean", "log_deviation"), [(0.0, 0.0), (0.8, -1.0), (-0.3, 0.7)])
def test_density_integrates_to_one(mean: float, log_deviation: float) -> None:
    actions = torch.linspace(-9, 9, 20_001, dtype=torch.float64).tanh()
    normal = (actions.atanh() - mean) / math.exp(log_deviation)
    outputs = torch.tensor([[mean, log_deviation]], dtype=torch.float64).expand(len(actions), 2)
    found, log_density = squashed_gaussian.sample(outputs, normal.unsqueeze(1))
    torch.testing.assert_close(found[:, 0], actions)
    assert torch.trapezoid(log_density.exp(), actions).item() == pytest.approx(1, abs=1e-3)


def test_gradients_are_those_derived_by_hand() -> None:
    """With u = μ + σ ε: da/dμ = 1 - a², d log π/dμ = 2a; times σ ε for log σ, and -1 from σ."""
    outputs, normal = example()
    outputs.requires_grad_()
    action, log_density = squashed_gaussian.sample(outputs, normal)
    (of_action,) = torch.autograd.grad(action.sum(), outputs, retain_graph=True)
    (of_density,) = torch.autograd.grad(log_density.sum(), outputs)
    mean, log_deviation = np.split(outputs.detach().numpy(), 2, axis=1)
    shift = np.exp(log_deviation) * normal.numpy()
    squashed = np.tanh(mean + shift)
    slope = 1 - squashed**2
    expected = np.concatenate([slope, slope * shift], axis=1)
    np.testing.assert_allclose(of_action.numpy(), expected, rtol=1e-9, atol=1e-12)
    expected = np.concatenate([2 * squashed, 2 * squashed * shift - 1], axis=1)
    np.testing.assert_allclose(of_density.numpy(), expected, rtol=1e-9, atol=1e-12)
    inputs = outputs[:4].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: squashed_gaussian.sample(x, normal[:4]), (inputs,))


def test_log_deviation_is_clipped_and_learns_nothing_outside() -> None:
    low, high = -20.0, 2.0
    outputs = torch.zeros(4, 2, dtype=torch.float64)
    outputs[:, 1] = torch.tensor([low - 9, low, high, high + 9])
    normal = torch.full((4, 1), 0.3, dtype=torch.float64)
    outputs.requires_grad_()
    action, log_density = squashed_gaussian.sample(outputs, normal)
    assert torch.equal(action[0], action[1])
    assert torch.equal(action[2], action[3])
    assert torch.equal(log_density[0], log_density[1])
    assert torch.equal(log_density[2], log_density[3])
    (gradient,) = torch.autograd.grad(log_density.sum() + action.sum(), outputs)
    assert gradient[[0, 3], 1].tolist() == [0, 0]
    assert (gradient[[1, 2], 1] != 0).all()


@pytest.mark.parametrize("mean", [-60.0, -12.0, 12.0, 60.0])
def test_density_keeps_its_digits_where_tanh_rounds_to_one(mean: float) -> None:
    """log(1 - tanh²(u)) tends to log 4 - 2|u|; the plain form is -inf in float32."""
    outputs = torch.tensor([[mean, -1.0]], requires_grad=True)
    action, log_density = squashed_gaussian.sample(outputs, torch.zeros(1, 1))
    assert action.abs().item() == 1
    expected = norm.logpdf(0, 0, math.exp(-1)) - math.log(4) + 2 * abs(mean)
    assert log_density.item() == pytest.approx(expected, rel=1e-5)
    log_density.sum().backward()
    assert outputs.grad is not None
    assert outputs.grad[0, 0].item() == pytest.approx(2 * np.sign(mean))


def test_samples_have_the_entropy_that_they_report() -> None:
    """Mean -log π over many samples, against a quadrature of -π log π."""
    mean, log_deviation = 0.4, -0.5
    before = np.linspace(-8, 8, 100_001)
    log_normal = norm.logpdf(before, mean, math.exp(log_deviation))
    log_density = log_normal - np.log(1 - np.tanh(before) ** 2)
    expected = np.trapezoid(-np.exp(log_normal) * log_density, before)
    noise = torch_generator("entropy")
    outputs = torch.tensor([mean, log_deviation]).expand(200_000, 2)
    _, found = squashed_gaussian.sample(outputs, torch.randn(200_000, 1, generator=noise))
    assert -found.mean().item() == pytest.approx(expected, abs=0.01)


def test_central_action_is_tanh_of_the_mean() -> None:
    outputs, _ = example()
    expected = np.tanh(outputs[:, :ACTIONS].numpy())
    np.testing.assert_allclose(squashed_gaussian.central_action(outputs).numpy(), expected)
