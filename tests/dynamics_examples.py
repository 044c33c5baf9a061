"""The dynamics architectures once more, in plain float64 tensor operations, and small models."""

from __future__ import annotations

import torch
from spine_examples import ACTION, DOMAIN, OBSERVATION
from torch import Tensor

from mocoda.dynamics import DYNAMICS
from mocoda.dynamics.ensemble import GaussianEnsemble
from mocoda.dynamics.fitting import Rows
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.networks import Precision, StackedMlp
from mocoda.seeding import torch_generator

SLOTS, BASE = DOMAIN.slots, torch.from_numpy(DOMAIN.base_mask)
INPUTS = OBSERVATION + ACTION
ROOTS, CHILDREN = BASE.shape
State = dict[str, dict[str, Tensor]]


def small_settings(precision: Precision = "fp32", **changes: object) -> DynamicsSettings:
    return DynamicsSettings.model_validate(
        {
            "members": 2,
            "hidden": (24, 24),
            "factored_hidden": (16, 16),
            "composer_width": 8,
            "batch_size": 32,
            "precision": precision,
            **changes,
        }
    )


def small_model(kind: str, precision: Precision = "fp32", **changes: object) -> GaussianEnsemble:
    """A model with random weights and biases, which are never zero."""
    settings = small_settings(precision, **changes)
    model = GaussianEnsemble(DOMAIN, settings, DYNAMICS[kind], torch_generator("model", kind))
    for network in model.architecture.networks.values():
        assert all((value != 0).all() for value in network.state().values())
    return model


def random_mask(members: int, rows: int, name: object = "mask") -> Tensor:
    drawn = torch.rand(members, rows, ROOTS, CHILDREN, generator=torch_generator(name))
    return drawn < 0.5


def random_rows(count: int, name: object = "rows") -> Rows:
    """Inputs [n, in] and next observations that are a smooth function of them."""
    noise = torch_generator("dynamics rows", name)
    inputs = torch.randn(count, INPUTS, generator=noise)
    mixing = torch.randn(INPUTS, OBSERVATION, generator=torch_generator("mixing"))
    change = torch.tanh(inputs @ mixing / 4)
    mask = random_mask(1, count, name)[0]
    return Rows(inputs, inputs[:, :OBSERVATION] + 0.1 * change, mask)


def exact_state(model: GaussianEnsemble) -> State:
    """The parameters in float64, ready for autograd."""
    return {
        name: {key: value.double().requires_grad_() for key, value in network.state().items()}
        for name, network in model.architecture.networks.items()
    }


def gradients(network: StackedMlp) -> dict[str, Tensor]:
    """`gradient` under the names of `state`, read through a network that holds it."""
    holder = StackedMlp(network.heads, network.sizes, generator=None, precision="fp32")
    holder.parameters.detach().copy_(network.gradient)
    return holder.state()


def mlp(state: dict[str, Tensor], head: int, x: Tensor) -> Tensor:
    layers = len(state) // 2
    for number in range(layers):
        x = x @ state[f"{number}.weight"][head].mT + state[f"{number}.bias"][head]
        x = x.relu() if number < layers - 1 else x
    return x


def reference(
    kind: str, state: State, inputs: Tensor, mask: Tensor, settings: DynamicsSettings
) -> Tensor:
    """Raw outputs [members, batch, 2 obs] for normalised inputs, by loops over slots."""
    width = settings.composer_width
    members, batch, _ = inputs.shape
    if kind == "unfactored":
        return torch.stack([mlp(state["network"], m, inputs[m]) for m in range(members)])
    child_width = max(len(slot.columns) for slot in SLOTS.state)
    raw = torch.zeros(members, batch, 2, OBSERVATION, dtype=inputs.dtype)
    for member in range(members):
        for child, slot in enumerate(SLOTS.state):
            if kind == "globally_factored":
                seen = torch.zeros_like(inputs[member])
                for root, columns in enumerate(SLOTS.root_columns):
                    if BASE[root, child]:
                        seen[:, list(columns)] = inputs[member][:, list(columns)]
            else:
                seen = torch.zeros(batch, width, dtype=inputs.dtype)
                for root, columns in enumerate(SLOTS.root_columns):
                    head = member * ROOTS + root
                    part = slice(child * width, (child + 1) * width)
                    weight = state["composer"]["0.weight"][head, part, : len(columns)]
                    bias = state["composer"]["0.bias"][head, part]
                    feature = inputs[member][:, list(columns)] @ weight.mT + bias
                    if settings.composer_activation == "relu":
                        feature = feature.relu()
                    seen = seen + feature * mask[member, :, root, child, None]
            out = mlp(state["network"], member * CHILDREN + child, seen)
            for kind_of_output in range(2):
                start = kind_of_output * child_width
                raw[member, :, kind_of_output, list(slot.columns)] = out[
                    :, start : start + len(slot.columns)
                ]
    return raw.flatten(2)
