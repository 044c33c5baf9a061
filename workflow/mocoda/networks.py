"""Stacked multilayer perceptrons with a manual backward pass: the fast linear algebra, alone.

Why not `torch.nn`: nearly all the time of an offline update goes into matrix products, which run
several times faster in bf16 where the processor has tensor units; autocast casts every weight on
every call and cannot evaluate twin critics or ensemble members together. Here the fp32 master
parameters are ONE flat tensor (one fused Adam step, one lerp for a moving average), the products
read a flat bf16 shadow of it that is refreshed once a step, and each backward pass writes the
gradient of all layers into one flat buffer. (Our choice throughout; the sums are fp32 in both
precisions, and the last layer's output is fp32, because values of -50 have steps of 0.25 in bf16.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mocoda.errors import UserError
from mocoda.matrix_products import (
    CACHED,
    Layers,
    Precision,
    backward,
    linear_fp32,
    linear_relu,
    resolve_precision,
)
from mocoda.network_starts import DRAW, Start

__all__ = ["Precision", "StackedMlp", "linear_relu", "resolve_precision"]


# Each piece of the flat tensors starts on a 64-byte boundary in bf16.
ALIGNMENT = 32


class _Evaluate(torch.autograd.Function):
    """One forward and one backward call for the whole stack, instead of several per layer."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, parameters: Tensor, network: StackedMlp) -> Tensor:
        ctx.network = network
        ctx.shared = network.shares(inputs)
        ctx.input_dtype = inputs.dtype
        output, ctx.activations = network._evaluate(inputs, keep=True)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None, None]:
        to_input, to_parameters, _ = ctx.needs_input_grad
        found = ctx.network._differentiate(gradient, ctx.activations, to_parameters, to_input)
        if found is not None:
            found = found.sum(dim=-3, dtype=ctx.input_dtype) if ctx.shared else found.float()
        return found, None, None


class StackedMlp:
    """`heads` multilayer perceptrons of the same shape, evaluated together.

    ReLU hidden layers, linear output. `sizes` lists the widths from input to output. Parameters
    start as `start` says (`mocoda.network_starts`), drawn on the CPU from `generator`, so that they
    do not depend on the device (None: zeros, for parameters that are loaded).

    runs : None, or how many trainings share this network, each with its own heads, inputs and (in
        `generator`) random stream: inputs, outputs and tensors of the state then have one more
        dimension in front.

    parameters : the fp32 masters of all heads and layers, one flat tensor. Whoever changes it
        calls `refresh` afterwards.
    gradient : d loss / d parameters, fp32, flat: the first backward pass after `clear_gradient`
        overwrites it, later ones add to it.
    """

    def __init__(
        self,
        heads: int,
        sizes: tuple[int, ...],
        *,
        generator: torch.Generator | Sequence[torch.Generator] | None,
        start: Start = "uniform",
        precision: Precision = "auto",
        device: torch.device | str = "cpu",
        runs: int | None = None,
    ) -> None:
        self.heads, self.sizes, self.precision = heads, tuple(sizes), precision
        self.runs, self._stack = runs, heads * (runs or 1)
        self.device = torch.device(device)
        self.dtype = resolve_precision(precision, device)
        # One head at a time is as fast as a batched product on a CPU, and has the fused ReLU.
        self._per_head = self.device.type == "cpu" and self.dtype == torch.bfloat16
        first = torch.zeros(self._length())
        streams = [generator] if isinstance(generator, torch.Generator) else generator or []
        DRAW[start](self._views(first), streams, heads)
        self.parameters = first.to(self.device).requires_grad_()
        self.gradient = torch.zeros_like(first, device=self.device)
        self._gradient_is_empty = True
        self._master = self._views(self.parameters.detach())
        self._shadow = self.parameters.detach()
        if self.dtype != torch.float32:
            self._shadow = self._shadow.to(self.dtype)
        # Gradients in the dtype of the products, before they are added up in fp32.
        self._written = torch.zeros_like(self._shadow)
        # Where the last layer's inputs are converted to fp32, a few rows at a time.
        rows = max(1, CACHED // self.sizes[-2])
        self._converted = torch.empty(rows if self._per_head else 0, self.sizes[-2])
        self._shadow_layers = self._split(self._views(self._shadow))
        self._master_layers = self._split(self._master)
        self._written_layers = self._split(self._views(self._written))

    def __call__(self, inputs: Tensor, *, frozen: bool = False) -> Tensor:
        """fp32 outputs [heads, batch, out] of inputs [batch, in] or [heads, batch, in].

        With `runs`, [runs, heads, batch, out] of [runs, batch, in] or [runs, heads, batch, in].
        Gradients flow to the inputs if these require them, and to `gradient` unless `frozen`.
        The parameters must not change between this call and its backward pass.
        """
        if not torch.is_grad_enabled() or (frozen and not inputs.requires_grad):
            return self._evaluate(inputs, keep=False)[0]
        parameters = self.parameters.detach() if frozen else self.parameters
        output: Tensor = _Evaluate.apply(inputs, parameters, self)
        return output

    @property
    def lead(self) -> tuple[int, ...]:
        """The dimension in front of all tensors: the runs, or none."""
        return () if self.runs is None else (self.runs,)

    def shares(self, inputs: Tensor) -> bool:
        """Whether all heads (of a run) see the same inputs."""
        return inputs.dim() == (2 if self.runs is None else 3)

    def refresh(self) -> None:
        """Bring the low-precision shadow up to date with `parameters`."""
        if self.dtype != torch.float32:
            self._shadow.copy_(self.parameters.detach())

    def clear_gradient(self) -> None:
        self._gradient_is_empty = True

    def layers(self, of: Literal["products", "masters", "written"]) -> Layers:
        """Views [heads, out, in] and [heads, out] per layer, for a caller with a pass of its own.

        "products": the parameters as the products read them; "masters": in fp32; "written": where
        its backward pass leaves the gradients before it calls `add_written`.
        """
        if of == "masters":
            return self._master
        return self._views(self._shadow if of == "products" else self._written)

    def add_written(self) -> None:
        """Take the gradients of one backward pass into `gradient`."""
        if self._gradient_is_empty:
            self.gradient.copy_(self._written)
        else:
            self.gradient.add_(self._written)
        self._gradient_is_empty = False

    def copy(self) -> StackedMlp:
        """A network of its own with the same parameters (a target, an average)."""
        network = StackedMlp(
            self.heads,
            self.sizes,
            generator=None,
            precision=self.precision,
            device=self.device,
            runs=self.runs,
        )
        network.move_towards(self, 1.0)
        return network

    def move_towards(self, other: StackedMlp, rate: float) -> None:
        """Polyak step in fp32: parameters += rate * (other's - parameters)."""
        self.parameters.detach().lerp_(other.parameters.detach(), rate)
        self.refresh()

    def state(self) -> dict[str, Tensor]:
        """Copies of the fp32 weights [heads, out, in] and biases [heads, out], by layer."""
        return {
            f"{number}.{name}": self._by_run(piece).clone()
            for number, layer in enumerate(self._master)
            for name, piece in zip(("weight", "bias"), layer, strict=True)
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` returned. Raises UserError if names or shapes differ."""
        expected = {name: tuple(piece.shape) for name, piece in self.state().items()}
        found = {name: tuple(piece.shape) for name, piece in state.items()}
        if expected != found:
            raise UserError(
                "network parameters",
                expected=str(expected),
                found=str(found),
                remedy="The network was saved with other sizes; train it again.",
            )
        for number, layer in enumerate(self._master):
            for name, piece in zip(("weight", "bias"), layer, strict=True):
                self._by_run(piece).copy_(state[f"{number}.{name}"])
        self.refresh()

    @classmethod
    def from_state(
        cls,
        state: dict[str, Tensor],
        *,
        precision: Precision = "auto",
        device: torch.device | str = "cpu",
    ) -> StackedMlp:
        """The network that `state` came from; heads and sizes are read off its shapes."""
        weights = [state[f"{number}.weight"] for number in range(len(state) // 2)]
        sizes = (weights[0].shape[2], *(weight.shape[1] for weight in weights))
        heads = len(weights[0])
        network = cls(heads, sizes, generator=None, precision=precision, device=device)
        network.load_state(state)
        return network

    def _length(self) -> int:
        pieces = [
            self._stack * outputs * width
            for inputs, outputs in zip(self.sizes, self.sizes[1:], strict=False)
            for width in (inputs, 1)
        ]
        return sum(-(-piece // ALIGNMENT) * ALIGNMENT for piece in pieces)

    def _views(self, flat: Tensor) -> Layers:
        layers, start = [], 0
        for inputs, outputs in zip(self.sizes, self.sizes[1:], strict=False):
            pieces = []
            for shape in ((self._stack, outputs, inputs), (self._stack, outputs)):
                pieces.append(flat[start : start + math.prod(shape)].view(shape))
                start += -(-math.prod(shape) // ALIGNMENT) * ALIGNMENT
            layers.append((pieces[0], pieces[1]))
        return layers

    def _split(self, layers: Layers) -> list[Layers]:
        """The groups of heads that share one product: each head alone, or all of them."""
        if not self._per_head:
            return [layers]
        return [
            [(weight[head], bias[head]) for weight, bias in layers] for head in range(self._stack)
        ]

    def _by_run(self, stacked: Tensor) -> Tensor:
        """[runs x heads, ..] as [runs, heads, ..] where there are runs."""
        return stacked if self.runs is None else stacked.unflatten(0, (self.runs, self.heads))

    def _evaluate(self, inputs: Tensor, keep: bool) -> tuple[Tensor, list[list[Tensor]]]:
        x = inputs.detach().to(self.dtype)
        if self._per_head:
            rows = x.reshape(-1, *x.shape[-2:])
            starts = [rows[head * len(rows) // self._stack] for head in range(self._stack)]
        else:
            if self.shares(x):
                x = x.unsqueeze(-3).expand(*x.shape[:-2], self.heads, *x.shape[-2:])
            starts = [x.reshape(-1, *x.shape[-2:])]
        outputs, activations = [], []
        for x, layers, master in zip(starts, self._shadow_layers, self._master_layers, strict=True):
            kept = []
            for weight, bias in layers[:-1]:
                kept += [x] if keep else []
                x = linear_relu(x, weight, bias)
            outputs.append(linear_fp32(x, *master[-1], self._converted))
            activations.append([*kept, x])
        stacked = torch.stack(outputs) if self._per_head else outputs[0]
        return self._by_run(stacked), activations

    def _differentiate(
        self,
        gradient: Tensor,
        activations: list[list[Tensor]],
        to_parameters: bool,
        to_input: bool,
    ) -> Tensor | None:
        gradient = gradient.to(self.dtype).reshape(-1, *gradient.shape[-2:])
        parts = list(gradient) if self._per_head else [gradient]
        found = [
            backward(part, kept, layers, written if to_parameters else None, to_input)
            for part, kept, layers, written in zip(
                parts, activations, self._shadow_layers, self._written_layers, strict=True
            )
        ]
        if to_parameters:
            self.add_written()
        inputs = [part for part in found if part is not None]
        if not inputs:
            return None
        return self._by_run(torch.stack(inputs) if self._per_head else inputs[0])
