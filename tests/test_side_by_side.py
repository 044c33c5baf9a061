"""Several runs trained side by side: each is what it would be alone."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
import torch
from agent_examples import ACTIONS, INPUTS, random_batch

from mocoda.agents import AGENTS, Agent, Batch
from mocoda.agents.noise import Seeds
from mocoda.errors import UserError
from mocoda.networks import StackedMlp
from mocoda.seeding import torch_generator
from mocoda.stages.agent_training import check_device
from mocoda.training import rows_not_finite

SEEDS = [3, 11, 5]
UPDATES = 12
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("td3_bc", {"form": "mocoda", "normalize_q": True}),
    ("td3_bc", {"form": "published"}),
    ("bcq", {"behaviour_updates": 5, "behaviour_batch": 40}),
    ("sac", {"form": "mocoda"}),
    ("sac", {"form": "published"}),
    ("cql", {"form": "mocoda"}),
    ("cql", {"form": "published"}),
]


def make(name: str, changes: dict[str, Any], seeds: Seeds, device: str = "cpu") -> Agent:
    variant = AGENTS[name]
    settings = variant.settings.model_validate(
        {
            "hidden_sizes": (32, 32),
            "batch_size": 24,
            "policy_average": 0.1,
            "learning_rate_decay_start": 0.5,
            **changes,
        }
    )
    return variant.make(settings, INPUTS, ACTIONS, 100, seeds, device)


def stacked(batches: list[Batch]) -> Batch:
    return Batch(*(torch.stack([getattr(b, f.name) for b in batches]) for f in fields(Batch)))


def batch_of(agent: Agent, seed: int) -> Batch:
    return random_batch(agent.batch_size_for(agent.updates), (seed, agent.updates))


def trained(agent: Agent, seeds: list[int], updates: int) -> dict[str, list[torch.Tensor]]:
    """Metrics of each update, by name."""
    metrics: dict[str, list[torch.Tensor]] = {}
    for _ in range(updates):
        batches = [batch_of(agent, seed) for seed in seeds]
        losses = agent.update(batches[0] if len(seeds) == 1 else stacked(batches))
        for name, value in vars(losses).items():
            metrics.setdefault(name, []).append(value)
    return metrics


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("name", "changes"), VARIANTS)
def test_each_run_learns_what_it_learns_alone(
    name: str, changes: dict[str, Any], precision: str
) -> None:
    """Up to the order of sums: products of several runs are one batch, in fp32 at least."""
    changes = {**changes, "precision": precision}
    together = make(name, changes, SEEDS)
    metrics = trained(together, SEEDS, UPDATES)
    policies = together.policy_tensors()
    tolerance = (
        {"rtol": 1e-4, "atol": 1e-5} if precision == "fp32" else {"rtol": 2e-2, "atol": 2e-3}
    )
    for run, seed in enumerate(SEEDS):
        alone = make(name, changes, seed)
        for metric, values in trained(alone, [seed], UPDATES).items():
            found = torch.stack(metrics[metric])[:, run]
            torch.testing.assert_close(found, torch.stack(values), **tolerance, msg=metric)
        expected = alone.policy_tensors()
        assert policies.keys() == expected.keys()
        for part, value in expected.items():
            torch.testing.assert_close(policies[part][run], value, **tolerance)
    # The runs do differ from each other.
    assert all(not torch.equal(value[0], value[1]) for value in policies.values())


@pytest.mark.parametrize(("name", "changes"), VARIANTS)
def test_a_run_has_no_influence_on_the_others(name: str, changes: dict[str, Any]) -> None:
    """Other neighbours, the same bytes."""
    one = make(name, changes, [3, 11, 5])
    other = make(name, changes, [3, 8, 9])
    trained(one, [3, 11, 5], UPDATES)
    trained(other, [3, 8, 9], UPDATES)
    for part, value in one.policy_tensors().items():
        assert torch.equal(value[0], other.policy_tensors()[part][0])


@pytest.mark.parametrize(("name", "changes"), VARIANTS)
def test_resume_is_bit_exact(name: str, changes: dict[str, Any]) -> None:
    agent = make(name, changes, SEEDS)
    trained(agent, SEEDS, 7)
    saved = agent.state()
    trained(agent, SEEDS, 5)
    again = make(name, changes, [0, 1, 2])
    again.load_state(saved)
    trained(again, SEEDS, 5)
    expected = agent.state()
    assert all(torch.equal(value, expected[part]) for part, value in again.state().items())


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_network_of_several_runs_is_their_networks(precision: Any, shared: bool) -> None:
    """Outputs, gradients to parameters and gradients to inputs."""
    sizes, heads, rows = (5, 32, 48, 2), 2, 40
    whole = StackedMlp(
        heads,
        sizes,
        generator=[torch_generator("run", seed) for seed in SEEDS],
        precision=precision,
        runs=len(SEEDS),
    )
    shape = (len(SEEDS), rows, sizes[0]) if shared else (len(SEEDS), heads, rows, sizes[0])
    inputs = torch.randn(shape, generator=torch_generator("inputs")).requires_grad_()
    outputs = whole(inputs)
    assert outputs.shape == (len(SEEDS), heads, rows, sizes[-1])
    weighting = torch.randn(outputs.shape, generator=torch_generator("weighting"))
    (outputs * weighting).sum().backward()
    assert inputs.grad is not None
    step = StackedMlp(heads, sizes, generator=None, precision="fp32", runs=len(SEEDS))
    step.parameters.detach().copy_(whole.gradient)
    for run, seed in enumerate(SEEDS):
        own = StackedMlp(heads, sizes, generator=torch_generator("run", seed), precision=precision)
        own_inputs = inputs.detach()[run].clone().requires_grad_()
        own_outputs = own(own_inputs)
        (own_outputs * weighting[run]).sum().backward()
        torch.testing.assert_close(outputs[run], own_outputs)
        torch.testing.assert_close(inputs.grad[run], own_inputs.grad)
        gradient = StackedMlp(heads, sizes, generator=None, precision="fp32")
        gradient.parameters.detach().copy_(own.gradient)
        for part, value in gradient.state().items():
            torch.testing.assert_close(step.state()[part][run], value)


def test_a_number_that_is_not_finite_is_told_with_its_run() -> None:
    batch = stacked([random_batch(24, seed) for seed in SEEDS])
    batch.input[2, 7, 1] = torch.nan
    assert rows_not_finite(batch) == "input: run 2, rows [7] of the batch"
    alone = random_batch(24, 0)
    alone.reward[[3, 5]] = torch.inf
    assert rows_not_finite(alone) == "reward: rows [3, 5] of the batch"


def test_published_bcq_is_refused() -> None:
    with pytest.raises(UserError, match="one run a job"):
        make("bcq", {"form": "published"}, SEEDS)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_told() -> None:
    with pytest.raises(UserError, match=r"device: expected a device .* found cuda"):
        check_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize(("name", "changes"), VARIANTS)
def test_runs_train_on_a_gpu(name: str, changes: dict[str, Any]) -> None:
    """The same start as on the CPU; then finite losses and policies that the CPU can load."""
    cpu, gpu = make(name, changes, SEEDS), make(name, changes, SEEDS, "cuda")
    for part, value in cpu.policy_tensors().items():
        assert torch.equal(gpu.policy_tensors()[part].cpu(), value)
    for _ in range(UPDATES):
        batch = stacked([batch_of(gpu, seed) for seed in SEEDS])
        losses = gpu.update(Batch(*(getattr(batch, f.name).cuda() for f in fields(Batch))))
        assert all(value.isfinite().all() for value in vars(losses).values())
    saved = {name: value.cpu() for name, value in gpu.state().items()}
    gpu.load_state(saved)
