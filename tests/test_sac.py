"""SAC against a float64 derivation in NumPy, and on a chain whose optimum is known."""

from __future__ import annotations

import math
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
from scipy.stats import norm

from mocoda.agents.base import Batch
from mocoda.agents.sac import SAC, SACSettings, describe
from mocoda.agents.temperature import Temperature
from mocoda.networks import StackedMlp

ROWS = 64


def make(**changes: Any) -> SAC:
    settings = SACSettings.model_validate(
        {"hidden_sizes": (32, 32), "precision": "fp32", "batch_size": ROWS, **changes}
    )
    return SAC(settings, INPUTS, ACTIONS, 1000, 0)


def trained(**changes: Any) -> SAC:
    agent = make(**changes)
    train(agent, 15)
    return agent


def next_noise(agent: SAC) -> np.ndarray:
    """The standard normal [rows, act] that the agent draws next, left for it to draw."""
    saved = agent.noise.state()
    noise = agent.noise.normal(ROWS, ACTIONS).double().numpy()
    agent.noise.load_state(saved)
    return noise


def numpy_sample(
    actor: StackedMlp, inputs: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Actions and log densities by the change of variables."""
    mean, log_deviation = np.split(numpy_mlp(actor, inputs)[0], 2, axis=1)
    deviation = np.exp(np.clip(log_deviation, -20, 2))
    before = mean + deviation * noise
    log_slope = np.log(1 - np.tanh(before) ** 2)
    return np.tanh(before), (norm.logpdf(before, mean, deviation) - log_slope).sum(axis=1)


def numpy_q(critics: StackedMlp, inputs: np.ndarray, action: np.ndarray) -> np.ndarray:
    return numpy_mlp(critics, np.concatenate([inputs, action], axis=1))[..., 0]


@pytest.mark.parametrize("temperature", [0.2, 1.5])
def test_critic_target_is_that_of_the_definition(temperature: float) -> None:
    agent = trained(temperature=temperature)
    batch = random_batch(ROWS, "check")
    next_input, noise = batch.next_input.double().numpy(), next_noise(agent)
    with torch.no_grad():
        found = agent.critic_target(batch).numpy()
    action, log_density = numpy_sample(agent.actor, next_input, noise)
    value = numpy_q(agent.target_critics, next_input, action).min(axis=0)
    value = value - temperature * log_density
    going_on = batch.not_terminated.double().numpy()
    expected = np.clip(batch.reward.double().numpy() + 0.98 * going_on * value, -50, 0)
    np.testing.assert_allclose(found, expected, atol=2e-5)
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
    loss, metrics = agent.critic_loss(batch, target)
    q = numpy_q(agent.critics, batch.input.double().numpy(), batch.action.double().numpy())
    expected = ((q - target.double().numpy()) ** 2).mean(axis=1).sum()
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert metrics["critic"].item() == pytest.approx(expected, rel=1e-5)
    assert metrics["mean_q"].item() == pytest.approx(q.mean(), rel=1e-5)


@pytest.mark.parametrize("temperature", [0.01, 0.2, 2.0])
def test_actor_loss_and_its_gradient_are_those_of_the_definition(temperature: float) -> None:
    """The gradient along its own direction, against central differences in float64."""
    agent = trained(temperature=temperature)
    inputs = random_batch(ROWS, "check").input
    noise = next_noise(agent)

    def numpy_loss() -> float:
        states = inputs.double().numpy()
        action, log_density = numpy_sample(agent.actor, states, noise)
        value = numpy_q(agent.critics, states, action).min(axis=0)
        return float((temperature * log_density - value).mean())

    loss, log_density = agent.actor_loss(random_batch(ROWS, "check"))
    assert loss.item() == pytest.approx(numpy_loss(), rel=1e-4, abs=1e-5)
    expected = numpy_sample(agent.actor, inputs.double().numpy(), noise)[1]
    np.testing.assert_allclose(log_density.detach().numpy(), expected, atol=1e-4)

    critics_before = agent.critics.gradient.clone()
    loss.backward()
    assert torch.equal(agent.critics.gradient, critics_before), "the critics are frozen here"
    start = agent.actor.parameters.detach().clone()
    direction = agent.actor.gradient / agent.actor.gradient.norm()
    step, sides = 1e-3, []
    for sign in (1, -1):
        agent.actor.parameters.detach().copy_(start + sign * step * direction)
        sides.append(numpy_loss())
    slope = (sides[0] - sides[1]) / (2 * step)
    assert agent.actor.gradient.norm().item() == pytest.approx(slope, rel=2e-2)


def test_every_update_moves_all_networks_and_targets_follow() -> None:
    agent = make(polyak_rate=0.01)
    for update in range(3):
        before = [
            network.parameters.detach().clone()
            for network in (agent.actor, agent.critics, agent.target_critics)
        ]
        losses = agent.update(random_batch(ROWS, update))
        assert not torch.equal(agent.actor.parameters, before[0])
        assert not torch.equal(agent.critics.parameters, before[1])
        expected = before[2] + 0.01 * (agent.critics.parameters.detach() - before[2])
        torch.testing.assert_close(agent.target_critics.parameters.detach(), expected)
        assert losses.temperature == torch.tensor(0.2), "fixed in MoCoDA's form"


def test_the_actor_answers_to_the_critics_of_the_same_update() -> None:
    """Critics first, as published: the reported loss belongs to the critics after their step."""
    agent, after = trained(), trained()
    batch = random_batch(ROWS, "check")
    with torch.no_grad():
        target = after.critic_target(batch)
    after.critic_loss(batch, target)[0].backward()
    after.critic_adam.step()
    expected, log_density = after.actor_loss(batch)
    losses = agent.update(batch)
    assert losses.actor.item() == pytest.approx(expected.item(), rel=1e-6)
    assert losses.entropy.item() == pytest.approx(-log_density.mean().item(), rel=1e-6)


def test_acting_is_tanh_of_the_mean() -> None:
    agent = trained()
    inputs = random_batch(ROWS, "check").input
    mean = numpy_mlp(agent.actor, inputs.double().numpy())[0, :, :ACTIONS]
    np.testing.assert_allclose(agent.act(inputs).numpy(), np.tanh(mean), atol=1e-5)


def test_temperature_has_the_gradient_of_its_objective() -> None:
    """J = -α mean(log π + target), differentiated in log α by central differences."""
    log_density = torch.linspace(-3, 8, ROWS)
    temperature = Temperature(0.7, -2.0, "cpu")
    found = temperature.gradient(log_density).item()

    def objective(log_alpha: float) -> float:
        return -math.exp(log_alpha) * float(log_density.double().mean() - 2.0)

    step, start = 1e-5, math.log(0.7)
    slope = (objective(start + step) - objective(start - step)) / (2 * step)
    assert found == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize(("log_density", "factor"), [(5.0, math.exp(1e-2)), (1.0, math.exp(-1e-2))])
def test_temperature_rises_where_the_entropy_is_below_its_target(
    log_density: float, factor: float
) -> None:
    """Target -2: log π of 5 is too little entropy. Adam's first step has the rate's length."""
    temperature = Temperature(0.3, -2.0, "cpu")
    assert temperature.value == torch.tensor(0.3)
    temperature.step(torch.full((8,), log_density), 1e-2)
    assert temperature.value.item() == pytest.approx(0.3 * factor, rel=1e-6)


def entropy_at_the_end(updates: int, **changes: Any) -> float:
    """Mean of the last 50 updates in one state, one-step episodes with reward -4 |a - 0.3|²."""
    agent = make(
        hidden_sizes=(64, 64), critic_learning_rate=3e-3, actor_learning_rate=3e-3, **changes
    )
    place, entropies = torch.ones(256, INPUTS), []
    for update in range(updates):
        action = random_batch(256, update).action
        reward = -4 * (action - 0.3).square().sum(dim=1)
        losses = agent.update(Batch(place, action, reward, place, torch.zeros(256)))
        entropies.append(losses.entropy.item())
    return float(np.mean(entropies[-50:]))


@pytest.mark.parametrize("start", [0.01, 0.3])
def test_published_form_reaches_the_target_entropy(start: float) -> None:
    found = entropy_at_the_end(
        400, form="published", temperature=start, temperature_learning_rate=2e-2
    )
    assert found == pytest.approx(-ACTIONS, abs=0.3)


def test_fixed_temperature_leaves_the_entropy_of_the_boltzmann_policy() -> None:
    """exp(Q / α) with Q = -4 |a - 0.3|² is a Gaussian of variance α / 8 in each column."""
    expected = ACTIONS / 2 * math.log(2 * math.pi * math.e * 0.1 / 8)
    assert entropy_at_the_end(400, temperature=0.1) == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_published_form_resumes_bit_for_bit(precision: str) -> None:
    agent = trained(form="published", precision=precision, policy_average=0.1)
    saved = agent.state()
    metrics = train(agent, 10)
    again = make(form="published", precision=precision, policy_average=0.1)
    again.load_state(saved)
    assert train(again, 10) == metrics
    assert agent.temperature.value != torch.tensor(0.2)
    assert all(torch.equal(piece, again.state()[name]) for name, piece in agent.state().items())


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "fp32", "temperature": 0.02},
        {"precision": "bf16", "temperature": 0.02},
        {
            "precision": "fp32",
            "form": "published",
            "temperature": 0.05,
            "temperature_learning_rate": 1e-2,
        },
    ],
)
def test_optimum_of_the_chain_is_found(changes: dict[str, Any]) -> None:
    settings = SACSettings.model_validate(
        {
            "hidden_sizes": (64, 64),
            "actor_learning_rate": 3e-3,
            "critic_learning_rate": 3e-3,
            "polyak_rate": 0.05,
            **changes,
        }
    )
    agent = SAC(settings, 2, 1, 500, 0)
    for update in range(500):
        agent.update(chain_batch(128, update))
    assert (agent.act(CHAIN_PLACES) > 0).all()
    with torch.no_grad():
        q = agent.critics(CHAIN_PAIRS)[..., 0].mean(dim=0)
    torch.testing.assert_close(q, chain_values(0.98), atol=0.15, rtol=0)


def test_description_says_which_variant_it_is() -> None:
    words = describe(SACSettings(hidden_sizes=(512, 512)))
    assert words.startswith("SAC as MoCoDA ran it, fixed temperature 0.2; networks 512 x 512")
    words = describe(SACSettings(form="published"))
    assert words.startswith("SAC as published (Haarnoja et al., 2018b), temperature learned from")
