"""The manual backward pass against autograd in float64, and bit-exact resume."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mocoda.errors import UserError
from mocoda.networks import Precision, StackedMlp, resolve_precision
from mocoda.optimiser import Adam
from mocoda.seeding import torch_generator

HEADS, SIZES, BATCH = 3, (5, 32, 48, 2), 40
# Relative error in the Euclidean norm: fp32 rounding; 8 bits of mantissa and the ReLUs they flip.
TOLERANCE: dict[Precision, float] = {"fp32": 1e-5, "bf16": 8e-2}


def network(precision: Precision = "fp32", name: str = "network") -> StackedMlp:
    return StackedMlp(HEADS, SIZES, generator=torch_generator(name), precision=precision)


def reference(state: dict[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """The same MLPs from plain torch operations, in the dtype of the arguments."""
    x = inputs.expand(HEADS, *inputs.shape[-2:])
    for number in range(len(SIZES) - 1):
        x = x @ state[f"{number}.weight"].mT + state[f"{number}.bias"].unsqueeze(1)
        x = x.relu() if number < len(SIZES) - 2 else x
    return x


def gradient_by_layer(stack: StackedMlp) -> dict[str, torch.Tensor]:
    """`gradient` under the names of `state`, read through a network that holds it."""
    holder = StackedMlp(HEADS, SIZES, generator=None, precision="fp32")
    holder.parameters.detach().copy_(stack.gradient)
    return holder.state()


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.double() - expected).detach().norm() / expected.detach().norm())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("shared", [True, False])
def test_outputs_and_gradients_are_those_of_autograd_in_float64(
    precision: Precision, shared: bool
) -> None:
    stack = network(precision)
    shape = (BATCH, SIZES[0]) if shared else (HEADS, BATCH, SIZES[0])
    inputs = torch.randn(shape, generator=torch_generator("inputs"))
    weighting = torch.randn(HEADS, BATCH, SIZES[-1], generator=torch_generator("weighting"))
    exact_state = {name: piece.double().requires_grad_() for name, piece in stack.state().items()}
    exact_inputs = inputs.double().requires_grad_()
    exact = reference(exact_state, exact_inputs)
    (exact * weighting).sum().backward()

    inputs.requires_grad_()
    outputs = stack(inputs)
    (outputs * weighting).sum().backward()

    tolerance = TOLERANCE[precision]
    assert outputs.dtype == torch.float32
    assert relative_error(outputs, exact) < tolerance
    assert inputs.grad is not None
    assert exact_inputs.grad is not None
    assert inputs.grad.shape == inputs.shape
    assert relative_error(inputs.grad, exact_inputs.grad) < tolerance
    for name, found in gradient_by_layer(stack).items():
        expected = exact_state[name].grad
        assert expected is not None
        assert relative_error(found, expected) < tolerance, name


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_frozen_parameters_get_no_gradient_but_the_input_does(precision: Precision) -> None:
    stack = network(precision)
    inputs = torch.randn(BATCH, SIZES[0], generator=torch_generator("inputs"), requires_grad=True)
    stack(inputs, frozen=True).sum().backward()
    assert inputs.grad is not None
    assert inputs.grad.abs().sum() > 0
    assert not stack.gradient.any()
    assert not stack(inputs.detach(), frozen=True).requires_grad


def test_gradients_add_up_until_they_are_cleared() -> None:
    stack = network()
    inputs = torch.randn(BATCH, SIZES[0], generator=torch_generator("inputs"))
    stack(inputs).sum().backward()
    once = stack.gradient.clone()
    stack(inputs).sum().backward()
    torch.testing.assert_close(stack.gradient, 2 * once)
    stack.clear_gradient()
    stack(inputs).sum().backward()
    assert torch.equal(stack.gradient, once)


def test_heads_are_independent() -> None:
    """A change of one head's parameters leaves the other heads' outputs bit-identical."""
    stack = network()
    inputs = torch.randn(BATCH, SIZES[0], generator=torch_generator("inputs"))
    with torch.no_grad():
        before = stack(inputs)
        state = stack.state()
        state["1.weight"][1] += 1
        stack.load_state(state)
        after = stack(inputs)
    assert torch.equal(before[[0, 2]], after[[0, 2]])
    assert not torch.equal(before[1], after[1])


def test_large_outputs_keep_fp32_resolution_in_bf16() -> None:
    """Values near -50 must not be rounded to steps of 0.25, as bf16 would."""
    stack = StackedMlp(1, (4, 64, 1), generator=torch_generator("network"), precision="bf16")
    state = stack.state()
    state["1.bias"] -= 50
    stack.load_state(state)
    with torch.no_grad():
        values = stack(torch.randn(200, 4, generator=torch_generator("inputs")))
    assert len(values.unique()) > 150


def test_start_is_that_of_a_linear_layer_and_depends_on_the_generator_alone() -> None:
    stack = StackedMlp(2, (100, 400, 1), generator=torch_generator("network"), precision="fp32")
    weight, bias = stack.state()["0.weight"], stack.state()["0.bias"]
    assert weight.abs().max() <= 0.1
    assert weight.std().item() == pytest.approx(0.1 / np.sqrt(3), rel=0.01)
    assert 0.09 < bias.abs().max() <= 0.1
    assert torch.equal(network().parameters, network("bf16").parameters)
    assert not torch.equal(network().parameters, network(name="other").parameters)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_adam_follows_the_published_rule(precision: Precision) -> None:
    """Kingma and Ba (2015), algorithm 1, in float64, on the gradients the network reports."""
    stack = network(precision)
    adam = Adam(stack, 1e-2, weight_decay=0.1)
    inputs = torch.randn(BATCH, SIZES[0], generator=torch_generator("inputs"))
    expected = stack.parameters.detach().double().numpy().copy()
    first, second = np.zeros_like(expected), np.zeros_like(expected)
    for step in range(1, 6):
        stack(inputs).square().mean().backward()
        gradient = stack.gradient.double().numpy() + 0.1 * expected
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        corrected = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        expected -= 1e-2 * corrected
        adam.step()
    np.testing.assert_allclose(stack.parameters.detach().numpy(), expected, atol=2e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_moving_average_is_fp32_and_reaches_the_products(precision: Precision) -> None:
    """A rate of 0.005 is lost in bf16: 1000 steps must bring the average to its source."""
    source, average = network(precision), network(precision, "other")
    for _ in range(1500):
        average.move_towards(source, 0.005)
    inputs = torch.randn(BATCH, SIZES[0], generator=torch_generator("inputs"))
    torch.testing.assert_close(average.parameters, source.parameters, atol=1e-3, rtol=0)
    with torch.no_grad():
        torch.testing.assert_close(average(inputs), source(inputs), atol=2e-2, rtol=0)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_resume_is_bit_exact(precision: Precision) -> None:
    inputs = torch.randn(BATCH, SIZES[0], generator=torch_generator("inputs"))

    def train(stack: StackedMlp, adam: Adam, steps: int) -> None:
        for _ in range(steps):
            stack(inputs).square().mean().backward()
            adam.step()

    stack = network(precision)
    adam = Adam(stack, 1e-2)
    train(stack, adam, 5)
    saved, moments = stack.state(), adam.state()
    train(stack, adam, 5)
    again = StackedMlp.from_state(saved, precision=precision)
    adam_again = Adam(again, 1e-2)
    adam_again.load_state(moments)
    train(again, adam_again, 5)
    assert torch.equal(stack.parameters, again.parameters)
    assert not torch.equal(stack.state()["0.weight"], saved["0.weight"])


def test_parameters_of_another_shape_are_refused() -> None:
    other = StackedMlp(HEADS, (5, 16, 2), generator=None, precision="fp32")
    with pytest.raises(UserError, match="network parameters"):
        network().load_state(other.state())


def test_precision_is_resolved_by_name() -> None:
    assert resolve_precision("fp32", "cpu") == torch.float32
    assert resolve_precision("bf16", "cpu") == torch.bfloat16


@pytest.mark.parametrize(
    ("units", "dtype"),
    [
        ({"amx_bf16": True, "avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": False, "avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": False, "avx512_bf16": False, "avx512_f": True}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_auto_is_bf16_where_the_processor_multiplies_in_it(
    units: dict[str, bool], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units)
    assert resolve_precision("auto", "cpu") == dtype
