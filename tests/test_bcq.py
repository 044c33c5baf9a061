"""MoCoDA's BCQ against float64 derivations in NumPy, and on a chain whose optimum is known."""

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
from scipy.special import logsumexp
from scipy.stats import norm

from mocoda.agents.bcq import BCQ, NOISES, picked_by_bits, proposal_values
from mocoda.agents.bcq_settings import BCQSettings
from mocoda.agents.mixture_density import MixtureDensity
from mocoda.networks import StackedMlp
from mocoda.seeding import torch_generator

ROWS = 64


def make(**changes: Any) -> BCQ:
    settings = BCQSettings.model_validate(
        {
            "hidden_sizes": (32, 32),
            "behaviour_hidden_sizes": (16, 16),
            "behaviour_updates": 6,
            "behaviour_batch": 80,
            "batch_size": ROWS,
            "precision": "fp32",
            **changes,
        }
    )
    return BCQ(settings, INPUTS, ACTIONS, 1000, 0)


def numpy_mixtures(
    behaviour: MixtureDensity, inputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    outputs = numpy_mlp(behaviour.network, inputs)
    k, a = behaviour.components, behaviour.action_dim
    shape = (*outputs.shape[:2], k, a)
    logits, mean = outputs[..., :k], outputs[..., k : k + k * a].reshape(shape)
    deviation = np.log1p(np.exp(outputs[..., k + k * a :])).reshape(shape) + 0.01
    return logits - logsumexp(logits, axis=-1, keepdims=True), mean, deviation


def test_likelihood_is_that_of_the_definition() -> None:
    agent = make()
    train(agent, 6)
    batch = random_batch(ROWS, "check")
    found = agent.behaviour.negative_log_likelihood(batch.input, batch.action).item()
    log_weight, mean, deviation = numpy_mixtures(agent.behaviour, batch.input.double().numpy())
    action = batch.action.double().numpy()[None, :, None]
    log_density = norm.logpdf(action, mean, deviation).sum(axis=-1)
    expected = -logsumexp(log_weight + log_density, axis=-1).mean(axis=1).sum()
    assert found == pytest.approx(expected, rel=1e-5)


def test_samples_have_the_moments_of_the_ensemble() -> None:
    """Mean and second moment of many samples of one state, against the mixture's own."""
    network = StackedMlp(3, (INPUTS, 16, 4 * 5), generator=torch_generator("mdn"), precision="fp32")
    state = network.state()
    state["1.bias"][:, 4 + 8 :] -= 3  # narrow components, so that hardly any sample is clipped
    network.load_state(state)
    behaviour = MixtureDensity(network, ACTIONS)
    inputs = random_batch(4, "check").input * 0.1
    noise = torch_generator("samples")
    count = 40_000
    uniform = torch.rand(4, count, generator=noise)
    normal = torch.randn(4, count, ACTIONS, generator=noise)
    with torch.no_grad():
        samples = behaviour.sample(inputs, uniform, normal).double().numpy()
    log_weight, mean, deviation = numpy_mixtures(behaviour, inputs.double().numpy())
    weight = np.exp(log_weight)[..., None] / 3
    assert np.abs(mean).max() + 4 * deviation.max() < 2
    first = (weight * mean).sum(axis=(0, 2))
    second = (weight * (mean**2 + deviation**2)).sum(axis=(0, 2))
    clipped = (np.abs(samples) == 1).mean()
    assert clipped < 0.02
    np.testing.assert_allclose(samples.mean(axis=1), first, atol=0.02)
    np.testing.assert_allclose((samples**2).mean(axis=1), second, atol=0.03)


def test_behaviour_learns_two_modes_that_depend_on_the_input() -> None:
    """Actions at ±0.6 with signs tied to each other: a single Gaussian would fill the middle."""
    agent = make(behaviour_updates=150, behaviour_learning_rate=1e-2)
    for update in range(150):
        noise = torch_generator("modes", update)
        side = (torch.rand(80, 1, generator=noise) > 0.5).float() * 2 - 1
        action = side * 0.6 + 0.05 * torch.randn(80, ACTIONS, generator=noise)
        batch = random_batch(80, update)
        agent.update(type(batch)(batch.input, action, *list(vars(batch).values())[2:]))
    noise = torch_generator("proposals")
    with torch.no_grad():
        proposals = agent.behaviour.sample(
            random_batch(50, "check").input,
            torch.rand(50, 200, generator=noise),
            torch.randn(50, 200, ACTIONS, generator=noise),
        )
    near = ((proposals.abs() - 0.6).abs() < 0.3).all(dim=-1)
    agreeing = (proposals[..., 0] * proposals[..., 1]) > 0
    assert (near & agreeing).float().mean() > 0.95
    assert 0.35 < (proposals[..., 0] > 0).float().mean() < 0.65


def test_critic_target_is_that_of_the_definition() -> None:
    agent = make()
    train(agent, 15)
    batch = random_batch(ROWS, "check")
    saved = agent.noise.state()
    uniform = agent.noise.uniform(ROWS, 20)
    normal = agent.noise.normal(ROWS, 20, ACTIONS)
    agent.noise.load_state(saved)
    with torch.no_grad():
        found = agent.critic_target(batch).numpy()
        proposals = agent.behaviour.sample(batch.next_input, uniform, normal).double().numpy()
    next_input = np.repeat(batch.next_input.double().numpy(), 20, axis=0)
    pairs = np.concatenate([next_input, proposals.reshape(-1, ACTIONS)], axis=1)
    value = numpy_mlp(agent.target_critic, pairs)[0, :, 0].reshape(ROWS, 20).max(axis=1)
    going_on = batch.not_terminated.double().numpy()
    expected = np.clip(batch.reward.double().numpy() + 0.98 * going_on * value, -50, 0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_critic_loss_is_that_of_the_definition() -> None:
    agent = make()
    train(agent, 15)
    batch = random_batch(ROWS, "check")
    saved = agent.noise.state()
    with torch.no_grad():
        target = agent.critic_target(batch).double().numpy()
    agent.noise.load_state(saved)
    pairs = torch.cat((batch.input, batch.action), dim=1).double().numpy()
    q = numpy_mlp(agent.critic, pairs)[0, :, 0]
    losses = agent.update(batch)
    assert losses.critic.item() == pytest.approx(((q - target) ** 2).mean(), rel=1e-5)
    assert losses.mean_q.item() == pytest.approx(q.mean(), rel=1e-5)


def test_values_of_proposals_do_not_depend_on_how_they_are_cut() -> None:
    agent = make()
    noise = torch_generator("proposals")
    inputs = torch.randn(300, INPUTS, generator=noise)
    proposals = torch.rand(300, 20, ACTIONS, generator=noise)
    with torch.no_grad():
        found = proposal_values(agent.critic, inputs, proposals)
        one = [agent.critic(torch.cat((inputs, proposals[:, k]), dim=1)) for k in range(20)]
    torch.testing.assert_close(found, torch.cat(one, dim=2)[0])


def test_each_phase_trains_its_own_networks() -> None:
    agent = make()
    assert [agent.batch_size_for(update) for update in (0, 5, 6, 900)] == [80, 80, ROWS, ROWS]
    assert agent.planned_updates == 1006
    for update in range(9):
        behaviour = agent.behaviour.network.parameters.detach().clone()
        critic = agent.critic.parameters.detach().clone()
        train(agent, 1)
        assert torch.equal(agent.behaviour.network.parameters, behaviour) == (update >= 6)
        assert torch.equal(agent.critic.parameters, critic) == (update < 6)


def test_action_is_the_proposal_of_highest_value() -> None:
    agent = make()
    train(agent, 20)
    inputs = random_batch(30, "check").input
    policy = agent.policy
    with torch.no_grad():
        proposals = agent.behaviour.sample(inputs, policy._uniform, policy._normal)
        values = torch.stack(
            [agent.critic(torch.cat((inputs, proposals[:, k]), 1))[0, :, 0] for k in range(20)]
        )
        chosen = agent.critic(torch.cat((inputs, agent.act(inputs)), dim=1))[0, :, 0]
    torch.testing.assert_close(chosen, values.amax(dim=0))


def test_noise_by_state_is_the_states_own() -> None:
    """The best of that state's own 20 draws, in whatever company it is asked for."""
    agent = make(acting_noise="by_state")
    train(agent, 20)
    inputs = random_batch(30, "check").input
    policy = agent.policy
    drawn = picked_by_bits(inputs, NOISES)
    assert len(drawn.unique()) > 25
    actions = agent.act(inputs)
    for row, number in enumerate(drawn.tolist()):
        one = inputs[row : row + 1]
        with torch.no_grad():
            noise = policy._uniform[number : number + 1], policy._normal[number : number + 1]
            proposals = agent.behaviour.sample(one, *noise)
            best = proposal_values(agent.critic, one, proposals).argmax()
        torch.testing.assert_close(actions[row], proposals[0, best])
        torch.testing.assert_close(agent.act(one)[0], actions[row])
    # Each set is stratified: one quantile in each even piece of [0, 1).
    pieces = (policy._uniform * 20).long()
    assert (pieces == torch.arange(20)).all()


def test_states_pick_their_noise_evenly() -> None:
    """A grid of states, as evenly as random numbers would: chi-squared over 4,096 sets."""
    axis = torch.linspace(0, 1, 300)
    grid = torch.cartesian_prod(axis, axis)
    counts = torch.bincount(picked_by_bits(grid, NOISES), minlength=NOISES).double()
    expected = len(grid) / NOISES
    statistic = float(((counts - expected) ** 2 / expected).sum())
    # Mean NOISES - 1, standard deviation sqrt(2 (NOISES - 1)): within five of them.
    assert abs(statistic - (NOISES - 1)) < 5 * (2 * (NOISES - 1)) ** 0.5


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_optimum_of_the_chain_is_found(precision: str) -> None:
    settings = BCQSettings.model_validate(
        {
            "hidden_sizes": (64, 64),
            "behaviour_hidden_sizes": (32, 32),
            "behaviour_updates": 150,
            "behaviour_batch": 256,
            "behaviour_members": 3,
            "behaviour_learning_rate": 1e-2,
            "critic_learning_rate": 3e-3,
            "polyak_rate": 0.05,
            "precision": precision,
        }
    )
    agent = BCQ(settings, 2, 1, 500, 0)
    for update in range(agent.planned_updates):
        agent.update(chain_batch(min(agent.batch_size_for(update), 256), update))
    assert (agent.act(CHAIN_PLACES) > 0).all()
    with torch.no_grad():
        q = agent.critic(CHAIN_PAIRS)[0, :, 0]
    torch.testing.assert_close(q, chain_values(0.98), atol=0.25, rtol=0)
