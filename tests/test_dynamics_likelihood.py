"""The written-out gradient of the Gaussian likelihood against autograd in float64."""

from __future__ import annotations

import torch

from mocoda.dynamics.likelihood import Likelihood
from mocoda.seeding import torch_generator


def test_the_likelihood_gradient_is_autograds_and_filled_up_columns_have_none() -> None:
    noise = torch_generator("likelihood")
    heads, width, batch = 3, 4, 7
    output = torch.randn(heads, 2 * width, batch, generator=noise, dtype=torch.float64) * 3
    target = torch.randn(heads, width, batch, generator=noise, dtype=torch.float64)
    weight = torch.rand(heads, width, 1, generator=noise, dtype=torch.float64)
    weight[1, 2] = 0
    some = slice(1, 3)
    exact = output[some].clone().requires_grad_()
    variance = torch.nn.functional.softplus(exact[:, width:]) + 1e-2
    squared = (exact[:, :width] - target[some]) ** 2
    expected = (weight[some] * 0.5 * (squared / variance + variance.log())).sum()
    expected.backward()
    loss = Likelihood(target, weight, 1e-2)
    gradient, negative_log_likelihood, error = loss.differentiate(some, output[some])
    torch.testing.assert_close(gradient, exact.grad, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(negative_log_likelihood, expected.detach())
    torch.testing.assert_close(error, (weight[some] * squared).sum().detach())
    assert (gradient[0, [2, 2 + width]] == 0).all()
