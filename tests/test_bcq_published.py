"""BCQ as published against float64 derivations in NumPy, and on a chain whose optimum is known."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
import pytest
import test_agents
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
from pydantic import ValidationError
from torch.distributions import Normal, kl_divergence

from mocoda.agents import AGENTS, Batch
from mocoda.agents.bcq import BCQ
from mocoda.agents.bcq_published import Networks, PublishedBCQ
from mocoda.agents.bcq_settings import BCQSettings
from mocoda.networks import StackedMlp
from mocoda.seeding import torch_generator

ROWS, LATENT = 40, 2 * ACTIONS
TINY = {"form": "published", "hidden_sizes": (32, 32), "vae_hidden_sizes": (24, 24)}
TINY |= {"batch_size": ROWS, "precision": "fp32"}


def make(seed: int = 0, **changes: Any) -> PublishedBCQ:
    settings = BCQSettings.model_validate({**TINY, **changes})
    agent = AGENTS["bcq"].make(settings, INPUTS, ACTIONS, 100, seed, "cpu")
    assert isinstance(agent, PublishedBCQ)
    return agent


def trained(updates: int = 12, **changes: Any) -> PublishedBCQ:
    """With fast critics and targets, so that all copies differ from each other."""
    agent = make(critic_learning_rate=1e-2, polyak_rate=0.3, **changes)
    train(agent, updates)
    return agent


def learning(agent: PublishedBCQ) -> dict[str, StackedMlp]:
    return {"encoder": agent.encoder, **agent.networks._asdict()}


def draws(agent: PublishedBCQ, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """The agent's next normal draws, without using them up."""
    noise = torch.Generator()
    noise.set_state(agent.noise.get_state())
    return [torch.randn(*shape, generator=noise).double().numpy() for shape in shapes]


def join(*columns: np.ndarray) -> np.ndarray:
    return np.concatenate(columns, axis=1)


def numpy_decode(networks: Networks, inputs: np.ndarray, latent: np.ndarray) -> np.ndarray:
    return np.tanh(numpy_mlp(networks.decoder, join(inputs, latent))[0])


def numpy_perturb(networks: Networks, inputs: np.ndarray, action: np.ndarray) -> np.ndarray:
    change = 0.05 * np.tanh(numpy_mlp(networks.perturbation, join(inputs, action))[0])
    return np.clip(action + change, -1, 1)


def numpy_target(agent: PublishedBCQ, batch: Batch, normal: np.ndarray) -> np.ndarray:
    """y, one proposal after the other; normal : [rows, 10, latent]."""
    _, _, reward, next_input, going_on = (v.double().numpy() for v in vars(batch).values())
    best = np.full(len(reward), -np.inf)
    for number in range(10):
        latent = np.clip(normal[:, number], -0.5, 0.5)
        action = numpy_decode(agent.networks, next_input, latent)
        action = numpy_perturb(agent.targets, next_input, action)
        one, other = numpy_mlp(agent.targets.critics, join(next_input, action))[:, :, 0]
        best = np.maximum(best, 0.75 * np.minimum(one, other) + 0.25 * np.maximum(one, other))
    return np.clip(reward + 0.98 * going_on * best, -50, 0)


def test_autoencoder_loss_is_that_of_the_definition() -> None:
    agent = trained()
    batch = random_batch(ROWS, "check")
    inputs, action = batch.input.double().numpy(), batch.action.double().numpy()
    (normal,) = draws(agent, (ROWS, LATENT))
    found = [loss.item() for loss in agent.vae_loss(batch)]
    mean, log_deviation = np.split(numpy_mlp(agent.encoder, join(inputs, action))[0], 2, axis=1)
    deviation = np.exp(np.clip(log_deviation, -4, 15))
    decoded = numpy_decode(agent.networks, inputs, mean + deviation * normal)
    reconstruction = ((decoded - action) ** 2).mean()
    encoded = Normal(torch.tensor(mean), torch.tensor(deviation))
    divergence = kl_divergence(encoded, Normal(0.0, 1.0)).mean().item()
    assert divergence > 1e-3
    expected = [reconstruction + 0.5 * divergence, reconstruction, divergence]
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("bias", "log_deviation"), [(-9.0, -4.0), (3.0, 3.0), (20.0, 15.0)])
def test_log_deviation_is_clamped(bias: float, log_deviation: float) -> None:
    agent = make()
    state = {name: 0 * piece for name, piece in agent.encoder.state().items()}
    state["2.bias"][:, LATENT:] = bias
    agent.encoder.load_state(state)
    expected = 0.5 * (np.exp(2 * log_deviation) - 1 - 2 * log_deviation)
    found = agent.vae_loss(random_batch(ROWS, "check"))[2]
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_critic_target_is_that_of_the_definition() -> None:
    agent = trained()
    batch = random_batch(ROWS, "check")
    (normal,) = draws(agent, (ROWS, 10, LATENT))
    np.testing.assert_allclose(
        agent.critic_target(batch).numpy(), numpy_target(agent, batch, normal), atol=1e-5
    )


def test_target_is_clipped() -> None:
    agent = trained(target_low=-0.6, target_high=-0.4)
    target = agent.critic_target(random_batch(ROWS, "check"))
    assert (target.min().item(), target.max().item()) == pytest.approx((-0.6, -0.4))


def test_targets_do_not_depend_on_how_they_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = trained()
    inputs = random_batch(30, "check").input
    latent = torch.randn(30, 7, LATENT, generator=torch_generator("latent"))
    whole = agent.networks.judge(inputs, latent, 0.05)
    monkeypatch.setattr("mocoda.agents.bcq_published.CACHED_PAIRS", 64)
    for found, expected in zip(agent.networks.judge(inputs, latent, 0.05), whole, strict=True):
        torch.testing.assert_close(found, expected)
    assert whole[0].shape == (30, 7, ACTIONS)
    assert whole[1].shape == (2, 30, 7)


def test_metrics_of_an_update_are_those_of_the_definition() -> None:
    """Rates of 0: nothing changes within the update, so that all losses are of one state."""
    agent = trained(learning_rate_decay_start=0.01, updates=101)
    batch = random_batch(ROWS, "check")
    inputs, action = batch.input.double().numpy(), batch.action.double().numpy()
    shapes = (ROWS, LATENT), (ROWS, 10, LATENT), (ROWS, LATENT)
    _, for_target, for_perturbation = draws(agent, *shapes)
    target = numpy_target(agent, batch, for_target)
    q = numpy_mlp(agent.networks.critics, join(inputs, action))[:, :, 0]
    proposal = numpy_decode(agent.networks, inputs, np.clip(for_perturbation, -0.5, 0.5))
    proposal = numpy_perturb(agent.networks, inputs, proposal)
    first = numpy_mlp(agent.networks.critics, join(inputs, proposal))[0, :, 0]
    losses = agent.update(batch)
    critic = ((q - target) ** 2).mean(axis=1).sum()
    assert losses.critic.item() == pytest.approx(critic, rel=1e-4, abs=1e-7)
    assert losses.mean_q.item() == pytest.approx(q.mean(), rel=1e-5)
    assert losses.perturbation.item() == pytest.approx(-first.mean(), rel=1e-5)
    vae = losses.reconstruction.item() + 0.5 * losses.divergence.item()
    assert losses.vae.item() == pytest.approx(vae, rel=1e-6)


def test_each_loss_trains_its_own_networks() -> None:
    """The others' gradients stay untouched, and every update moves every network."""
    agent, batch = trained(), random_batch(ROWS, "check")
    target = agent.critic_target(batch)
    for loss, owners in (
        (lambda: agent.vae_loss(batch)[0], {"encoder", "decoder"}),
        (lambda: agent.critic_loss(batch, target)[0], {"critics"}),
        (lambda: agent.perturbation_loss(batch), {"perturbation"}),
    ):
        for network in learning(agent).values():
            network.gradient.fill_(7.0)
            network.clear_gradient()
        loss().backward()
        assert {n for n, net in learning(agent).items() if (net.gradient != 7).any()} == owners
        for network in learning(agent).values():
            network.clear_gradient()
    before = {name: net.parameters.detach().clone() for name, net in learning(agent).items()}
    agent.update(batch)
    assert not [n for n, net in learning(agent).items() if torch.equal(net.parameters, before[n])]


def test_slow_copies_follow_by_the_polyak_rate_in_every_update() -> None:
    agent = trained()
    pairs = list(zip(agent.targets, agent.networks, strict=True))
    assert agent.targets.decoder is agent.networks.decoder
    for _ in range(2):
        before = [target.parameters.detach().clone() for target, _ in pairs]
        train(agent, 1)
        for (target, learned), old in list(zip(pairs, before, strict=True))[1:]:
            expected = old + 0.3 * (learned.parameters.detach() - old)
            torch.testing.assert_close(target.parameters.detach(), expected)
            assert not torch.equal(target.parameters, learned.parameters)


def test_perturbation_is_bounded_and_climbs_the_first_critic() -> None:
    """Q1 = a_0 and Q2 = -a_0 everywhere: ξ_0 goes to +Φ, whatever the second critic says."""
    agent = make(critic_learning_rate=1e-12, perturbation_learning_rate=1e-2)
    state = {
        name: torch.zeros_like(piece) for name, piece in agent.networks.critics.state().items()
    }
    for head, sign in enumerate((1.0, -1.0)):  # a_0 = relu(a_0) - relu(-a_0), through both layers
        for unit, way in enumerate((1.0, -1.0)):
            state["0.weight"][head, unit, INPUTS] = way
            state["1.weight"][head, unit, unit] = 1.0
            state["2.weight"][head, 0, unit] = sign * way
    agent.networks.critics.load_state(state)
    train(agent, 60)
    batch = random_batch(200, "check")
    inputs, action = batch.input, 0.9 * batch.action
    with torch.no_grad():
        change = agent.networks.perturb(inputs, action, 0.05) - action
        edge = agent.networks.perturb(inputs, torch.ones_like(action), 0.05)
    assert change.abs().max() <= 0.05 + 1e-6
    assert change[:, 0].mean() > 0.04
    assert edge.max() <= 1


def test_action_is_the_proposal_that_the_first_critic_values_most() -> None:
    agent = trained(acting_proposals=15)
    inputs = random_batch(30, "check").input
    normal = torch.randn(15, LATENT, generator=torch_generator("bcq_published", "acting"))
    rows, columns = inputs.double().numpy(), normal.double().numpy().clip(-0.5, 0.5)
    actions, values = [], []
    for latent in columns:
        action = numpy_decode(agent.networks, rows, np.tile(latent, (30, 1)))
        actions.append(numpy_perturb(agent.networks, rows, action))
        values.append(numpy_mlp(agent.networks.critics, join(rows, actions[-1]))[0, :, 0])
    expected = np.array(actions)[np.argmax(values, axis=0), np.arange(30)]
    np.testing.assert_allclose(agent.act(inputs).numpy(), expected, atol=1e-5)
    torch.testing.assert_close(agent.act(inputs[3:4]), agent.act(inputs)[3:4])


class PublishedByDefault(BCQSettings):
    form: Literal["mocoda", "published"] = "published"
    vae_hidden_sizes: tuple[int, ...] = (24, 24)


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> str:
    """This form as an agent of its own, for the tests of what every agent must do."""
    variant = dataclasses.replace(AGENTS["bcq"], settings=PublishedByDefault)
    monkeypatch.setitem(AGENTS, "published", variant)
    return "published"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("done", [0, 11])
def test_resume_is_bit_exact(name: str, precision: str, done: int) -> None:
    test_agents.test_resume_is_bit_exact(name, precision, done)


@pytest.mark.parametrize("average", [0.0, 0.1])
def test_policy_acts_from_its_tensors_alone(name: str, average: float) -> None:
    test_agents.test_policy_acts_from_its_tensors_alone(name, average)
    tensors = make(policy_average=average).policy_tensors()
    assert {key.split(".")[0] for key in tensors} == set(Networks._fields)
    assert tensors["critics.0.weight"].shape[0] == 1


def test_what_every_agent_must_do(name: str) -> None:
    test_agents.test_same_seed_same_bytes_and_another_seed_others(name)
    test_agents.test_average_changes_what_acts_and_not_what_learns(name)
    test_agents.test_losses_are_finite_scalars_and_the_plan_is_kept(name)
    test_agents.test_rates_of_zero_at_the_end_stop_the_learning(name)


def test_switch_selects_the_form() -> None:
    assert BCQSettings().form == "mocoda"
    for form, agent_type in (("mocoda", BCQ), ("published", PublishedBCQ)):
        settings = BCQSettings.model_validate({**TINY, "form": form})
        assert type(AGENTS["bcq"].make(settings, INPUTS, ACTIONS, 9, 0, "cpu")) is agent_type
    with pytest.raises(ValidationError, match="'mocoda' or 'published'"):
        BCQSettings.model_validate({"form": "fujimoto"})


def test_defaults_are_the_published_values() -> None:
    settings = BCQSettings()
    assert settings.vae_hidden_sizes == (750, 750)
    assert settings.vae_learning_rate == settings.perturbation_learning_rate == 1e-3
    assert settings.divergence_weight == settings.latent_clip == 0.5
    assert (settings.perturbation_limit, settings.minimum_weight) == (0.05, 0.75)
    assert settings.target_proposals == settings.acting_proposals == 10


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_optimum_of_the_chain_is_found(precision: str) -> None:
    rates = {"vae_learning_rate": 3e-3, "critic_learning_rate": 3e-3, "polyak_rate": 0.05}
    sizes = {"hidden_sizes": (64, 64), "vae_hidden_sizes": (32, 32)}
    settings = BCQSettings.model_validate({**TINY, **rates, **sizes, "precision": precision})
    agent = PublishedBCQ(settings, 2, 1, 500, 0)
    for update in range(agent.planned_updates):
        agent.update(chain_batch(256, update))
    assert (agent.act(CHAIN_PLACES) > 0).all()
    with torch.no_grad():
        q = agent.networks.critics(CHAIN_PAIRS)[..., 0]
    torch.testing.assert_close(q, chain_values(0.98).expand(2, -1), atol=0.25, rtol=0)
