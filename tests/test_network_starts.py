"""The parameters that networks start from: torch's default, and the published code's."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from mocoda.agents import AGENTS
from mocoda.network_starts import Start
from mocoda.networks import StackedMlp
from mocoda.seeding import torch_generator

SIZES = (4, 64, 48, 2)


def started(start: Start, heads: int = 2, runs: int | None = None) -> dict[str, torch.Tensor]:
    names = ["a"] if runs is None else [chr(ord("a") + run) for run in range(runs)]
    streams = [torch_generator("start", name) for name in names]
    return StackedMlp(
        heads,
        SIZES,
        generator=streams[0] if runs is None else streams,
        start=start,
        precision="fp32",
        runs=runs,
    ).state()


def test_the_first_head_starts_orthogonal_without_biases() -> None:
    state = started("orthogonal")
    for number, gain in enumerate((1.0, 1.0, 0.1)):
        weight = state[f"{number}.weight"][0].double()
        # The shorter side is orthonormal, times the gain.
        gram = weight.mT @ weight if weight.shape[0] > weight.shape[1] else weight @ weight.mT
        torch.testing.assert_close(
            gram, gain**2 * torch.eye(len(gram), dtype=torch.float64), atol=1e-5, rtol=0
        )
        assert (state[f"{number}.bias"][0] == 0).all()


def test_the_second_head_starts_uniform() -> None:
    """As torch's linear layers do: the published code's second critic."""
    state = started("orthogonal")
    for number, inputs in enumerate(SIZES[:-1]):
        bound = 1 / math.sqrt(inputs)
        for name in ("weight", "bias"):
            piece = state[f"{number}.{name}"][1]
            assert piece.abs().max() <= bound
            assert piece.abs().max() > 0.8 * bound or piece.numel() < 10
        assert state[f"{number}.weight"][1].std() == pytest.approx(bound / math.sqrt(3), rel=0.15)


@pytest.mark.parametrize("start", ["uniform", "orthogonal"])
def test_a_run_starts_beside_others_as_it_does_alone(start: Start) -> None:
    alone, beside = started(start), started(start, runs=3)
    for name, value in alone.items():
        assert torch.equal(beside[name][0], value)
        if value.abs().sum() > 0:
            assert not torch.equal(beside[name][1], value)


def test_uniform_is_what_it_was_before_there_was_a_choice() -> None:
    """Layer by layer, weight then bias, one draw of all heads each: caches stay true."""
    stream = torch_generator("start", "a")
    state = started("uniform")
    for number, (inputs, outputs) in enumerate(pairwise(SIZES)):
        for name, shape in (("weight", (2, outputs, inputs)), ("bias", (2, outputs))):
            expected = (2 * torch.rand(shape, generator=stream) - 1) / math.sqrt(inputs)
            torch.testing.assert_close(state[f"{number}.{name}"], expected)


@pytest.mark.parametrize("name", list(AGENTS))
def test_every_agent_starts_as_its_settings_say(name: str) -> None:
    """Actor (where there is one) and first critic orthogonal, in both forms."""
    variant = AGENTS[name]
    for form in ("mocoda", "published"):
        settings = variant.settings.model_validate(
            {"form": form, "hidden_sizes": [32, 32], "start": "orthogonal", "precision": "fp32"}
        )
        state = variant.make(settings, 2, 2, 10, 0, "cpu").state()
        kinds = [
            key.removesuffix(".1.weight")
            for key, value in state.items()
            if key.endswith(".1.weight") and value.shape[-2:] == (32, 32)
        ]
        assert kinds
        for kind in kinds:
            weight = state[f"{kind}.1.weight"][0]
            torch.testing.assert_close(weight @ weight.mT, torch.eye(32), atol=1e-4, rtol=0)
        assert "orthogonal at first" in variant.describe(settings)
