"""The matrix products of a multilayer perceptron, forward and backward, in bf16 or fp32."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Precision = Literal["auto", "bf16", "fp32"]
# Views of one flat tensor: per layer a weight [.., out, in] and a bias [.., out].
Layers = list[tuple[Tensor, Tensor]]
# Units that multiply bf16 numbers, by the names that Linux and torch give them.
# Without one, bf16 products are emulated and slower than fp32 ones.
BF16_UNITS = ("amx_bf16", "avx512_bf16")
# Numbers converted to fp32 at a time: 256 KiB, well inside a second-level cache.
CACHED = 65_536


def resolve_precision(precision: Precision, device: torch.device | str) -> torch.dtype:
    """The dtype of the matrix products: "auto" is bf16 where the hardware multiplies in it.

    On a processor: where it has AMX or AVX-512 BF16; others (ARM's) are not looked for.
    """
    device = torch.device(device)
    if precision == "fp32":
        return torch.float32
    if precision == "bf16":
        return torch.bfloat16
    if device.type == "cuda":
        has_units = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if has_units else torch.float32
    find = getattr(torch.cpu, "get_capabilities", None)  # newer than the oldest torch we accept
    if device.type != "cpu" or find is None:
        return torch.float32
    has = find()
    return torch.bfloat16 if any(has.get(unit, False) for unit in BF16_UNITS) else torch.float32


def _fused_linear_relu_works() -> bool:
    """Whether this build of torch has oneDNN's linear with the ReLU fused into it, and is right."""
    try:
        ones = torch.ones(2, 2, dtype=torch.bfloat16)
        out = torch.ops.mkldnn._linear_pointwise(ones, -ones, ones[0], "relu", [], "")
        return bool((out == 0).all())
    except (AttributeError, RuntimeError):
        return False


FUSED_LINEAR_RELU = _fused_linear_relu_works()


def linear_relu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """max(0, x weight^T + bias), in one call where torch has it."""
    if x.dim() == 2 and x.dtype == torch.bfloat16 and x.is_cpu and FUSED_LINEAR_RELU:
        fused: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "relu", [], "")
        return fused
    return linear(x, weight, bias).relu_()


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if x.dim() == 2:
        return torch.addmm(bias, x, weight.mT)
    return torch.baddbmm(bias.unsqueeze(-2), x, weight.mT)


def linear_fp32(x: Tensor, weight: Tensor, bias: Tensor, converted: Tensor) -> Tensor:
    """The last layer: fp32 weights and outputs, whatever the dtype of x.

    converted : scratch [rows, in] for the conversion, some rows at a time, so that it stays in
        the processor's cache; of 0 rows to convert all at once.
    """
    rows = len(converted)
    if x.dtype == torch.float32 or rows == 0 or x.dim() > 2:
        return linear(x.float(), weight, bias)
    outputs = torch.empty(len(x), len(weight))
    for start in range(0, len(x), rows):
        part = x[start : start + rows]
        piece = converted[: len(part)].copy_(part)
        torch.addmm(bias, piece, weight.mT, out=outputs[start : start + rows])
    return outputs


def sortable(x: Tensor) -> Tensor:
    """bf16 numbers on a CPU as the whole numbers with their bits, which are > 0 where they are.

    A processor compares whole numbers directly, and bf16 only after conversion to fp32 and back:
    three times as fast, and exactly the same result for all numbers; but a NaN is not > 0 either,
    so whoever uses this looks for NaN elsewhere. Other tensors are returned as they are.
    """
    return x.view(torch.int16) if x.dtype == torch.bfloat16 and x.is_cpu else x


def relu_(x: Tensor) -> Tensor:
    """max(0, x), in place."""
    sortable(x).relu_()
    return x


def relu_backward(gradient: Tensor, output: Tensor, out: Tensor) -> Tensor:
    """`gradient` (broadcast to `output`) where a ReLU's `output` is > 0, else 0; written to `out`.

    `out` may be `gradient` itself.
    """
    torch.ops.aten.threshold_backward.grad_input(
        sortable(gradient).expand_as(output), sortable(output), 0, grad_input=sortable(out)
    )
    return out


def backward(
    gradient: Tensor,
    activations: list[Tensor],
    layers: Layers,
    written: Layers | None,
    to_input: bool,
) -> Tensor | None:
    """Carry d loss / d output back through one MLP (or through a stack of them).

    `activations` holds the input of each layer; `written`, where given, receives the gradient of
    each layer's parameters. Returns d loss / d input if `to_input`.
    """
    for number in reversed(range(len(layers))):
        x, weight = activations[number], layers[number][0]
        if written is not None:
            torch.matmul(gradient.mT, x, out=written[number][0])
            torch.sum(gradient, dim=-2, out=written[number][1])
        if number == 0 and not to_input:
            return None
        gradient = torch.matmul(gradient, weight)
        if number > 0:
            # x is the previous layer's output after its ReLU: no gradient where it is 0.
            relu_backward(gradient, x, out=gradient)
    return gradient
