"""Passes through a few heads at a time: the gradients of autograd, and ReLUs exact to the bit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mocoda.head_passes import backward, forward, groups
from mocoda.matrix_products import relu_, relu_backward
from mocoda.networks import Precision, StackedMlp
from mocoda.seeding import torch_generator

HEADS, BATCH, SIZES = 6, 20, (5, 16, 12, 4)


def network(precision: Precision) -> StackedMlp:
    return StackedMlp(HEADS, SIZES, generator=torch_generator("network"), precision=precision)


def gradients_of(stack: StackedMlp) -> dict[str, Tensor]:
    holder = StackedMlp(HEADS, SIZES, generator=None, precision="fp32")
    holder.parameters.detach().copy_(stack.gradient)
    return holder.state()


@pytest.mark.parametrize("size", [1, 2, HEADS])
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-6), ("bf16", 8e-2)])
def test_outputs_and_gradients_are_those_of_autograd_in_float64(
    size: int, precision: Precision, tolerance: float
) -> None:
    stack = network(precision)
    noise = torch_generator("rows")
    inputs = torch.randn(HEADS, BATCH, SIZES[0], generator=noise)
    weighting = torch.randn(HEADS, SIZES[-1], BATCH, generator=noise)

    state = {name: value.double().requires_grad_() for name, value in stack.state().items()}
    x = exact_inputs = inputs.double().requires_grad_()
    layers = len(SIZES) - 1
    for number in range(layers):
        x = x @ state[f"{number}.weight"].mT + state[f"{number}.bias"].unsqueeze(1)
        x = x.relu() if number < layers - 1 else x
    (x.mT * weighting).sum().backward()

    outputs, reaching = [], []
    for group in groups(stack, size):
        found, kept = forward(group, inputs[group.heads].to(stack.dtype))
        outputs.append(found)
        to_input = backward(group, weighting[group.heads], kept, to_input=True)
        assert to_input is not None
        reaching.append(to_input)
        assert backward(group, weighting[group.heads], kept, to_input=False) is None
    stack.add_written()

    def close(found: Tensor, exact: Tensor | None) -> None:
        assert exact is not None
        assert (found.double() - exact).norm() < tolerance * exact.norm()

    assert torch.cat(outputs).dtype == torch.float32
    close(torch.cat(outputs), x.mT.detach())
    close(torch.cat(reaching), exact_inputs.grad)
    for name, value in gradients_of(stack).items():
        close(value, state[name].grad)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_relu_and_its_gradient_are_exact_to_the_bit(dtype: torch.dtype) -> None:
    """On both zeros, infinities and the smallest numbers too."""
    noise = torch_generator("relu")
    tiny = torch.finfo(dtype).smallest_normal
    special = torch.tensor([0.0, -0.0, tiny, -tiny, tiny / 64, -tiny / 64, torch.inf, -torch.inf])
    x = torch.cat([special, torch.randn(1000, generator=noise)]).to(dtype)
    gradient = torch.randn(3, len(x), generator=noise).to(dtype)
    output = relu_(x.clone())
    assert torch.equal(output, x.clamp(min=0))
    expected = torch.where(output > 0, gradient, torch.zeros_like(gradient))
    outputs = output.expand(3, -1).contiguous()
    assert torch.equal(relu_backward(gradient, outputs, out=torch.empty_like(gradient)), expected)
    one = gradient[:1]  # broadcast, and in place
    reached = relu_backward(one, outputs, out=torch.empty_like(outputs))
    assert torch.equal(reached, torch.where(outputs > 0, one, torch.zeros_like(one)))
    assert torch.equal(relu_backward(gradient, outputs, out=gradient), expected)


def test_groups_are_views_of_the_networks_parameters() -> None:
    stack = network("fp32")
    group = groups(stack, 2)[1]
    assert group.heads == slice(2, 4)
    stack.parameters.detach().zero_()
    stack.refresh()
    assert all((weight == 0).all() for weight, _ in group.layers)
