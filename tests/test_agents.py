"""What every agent must do, in both precisions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from agent_examples import ACTIONS, INPUTS, random_batch, train
from pydantic import ValidationError

from mocoda.agents import AGENTS, Agent
from mocoda.learning_rate import decayed_share

BEHAVIOUR = {"bcq": {"behaviour_updates": 8, "behaviour_batch": 40}}


def make(name: str, seed: int = 0, **changes: Any) -> tuple[Agent, Any]:
    variant = AGENTS[name]
    settings = variant.settings.model_validate(
        {"hidden_sizes": (32, 32), "batch_size": 24, **BEHAVIOUR.get(name, {}), **changes}
    )
    return variant.make(settings, INPUTS, ACTIONS, 100, seed, "cpu"), settings


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("done", [5, 11])
def test_resume_is_bit_exact(name: str, precision: str, done: int) -> None:
    changes: dict[str, Any] = {
        "precision": precision,
        "policy_average": 0.1,
        "learning_rate_decay_start": 0.1,
    }
    agent, _ = make(name, **changes)
    train(agent, done)
    saved = agent.state()
    metrics = train(agent, 20)
    again, _ = make(name, seed=1, **changes)
    again.load_state(saved)
    assert same(again.state(), saved)
    assert again.updates == done
    assert train(again, 20) == metrics
    assert same(again.state(), agent.state())


@pytest.mark.parametrize("name", AGENTS)
def test_same_seed_same_bytes_and_another_seed_others(name: str) -> None:
    one, other, third = make(name)[0], make(name)[0], make(name, seed=1)[0]
    for agent in (one, other, third):
        train(agent, 12)
    assert same(one.state(), other.state())
    assert not same(one.policy_tensors(), third.policy_tensors())


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize("average", [0.0, 0.1])
def test_policy_acts_from_its_tensors_alone(name: str, average: float) -> None:
    agent, settings = make(name, policy_average=average)
    train(agent, 20)
    tensors = agent.policy_tensors()
    policy = AGENTS[name].policy_from_tensors(tensors, settings, "cpu")
    inputs = random_batch(50, "acting").input
    actions = agent.act(inputs)
    assert actions.shape == (50, ACTIONS)
    assert actions.dtype == torch.float32
    assert actions.abs().max() <= 1
    assert torch.equal(actions, agent.act(inputs))
    assert torch.equal(actions, policy.act(inputs))
    # An action depends on its own row alone, not on its neighbours or its place.
    torch.testing.assert_close(agent.act(inputs.flip(0)).flip(0), actions)
    train(agent, 4)
    assert torch.equal(actions, policy.act(inputs)), "the tensors must be copies"


@pytest.mark.parametrize("name", AGENTS)
def test_average_changes_what_acts_and_not_what_learns(name: str) -> None:
    plain, averaged = make(name)[0], make(name, policy_average=0.1)[0]
    train(plain, 20)
    train(averaged, 20)
    learned = {k: v for k, v in averaged.state().items() if not k.startswith("acting.")}
    assert same(learned, plain.state())
    assert not same(averaged.policy_tensors(), plain.policy_tensors())


@pytest.mark.parametrize("name", AGENTS)
def test_losses_are_finite_scalars_and_the_plan_is_kept(name: str) -> None:
    agent, settings = make(name)
    behaviour = BEHAVIOUR.get(name, {}).get("behaviour_updates", 0)
    assert agent.planned_updates == behaviour + 100
    assert agent.batch_size_for(behaviour) == settings.batch_size
    for update in range(12):
        losses = agent.update(random_batch(agent.batch_size_for(update), update))
        for loss in vars(losses).values():
            assert loss.shape == ()
            assert loss.isfinite()
            assert not loss.requires_grad
    assert agent.updates == 12


@pytest.mark.parametrize("name", AGENTS)
def test_rates_of_zero_at_the_end_stop_the_learning(name: str) -> None:
    agent, _ = make(name, learning_rate_decay_start=0.5)
    train(agent, agent.planned_updates)
    before = agent.policy_tensors()
    train(agent, 4)
    assert same(agent.policy_tensors(), before)


def test_rates_fall_linearly_after_their_start() -> None:
    shares = [decayed_share(update, 100, 0.7) for update in (0, 70, 85, 100, 120)]
    assert shares == pytest.approx([1, 1, 0.5, 0, 0])
    assert {decayed_share(update, 100, 1.0) for update in range(101)} == {1.0}


def test_impossible_settings_are_refused() -> None:
    settings = AGENTS["td3_bc"].settings
    with pytest.raises(ValidationError, match="target_low"):
        settings.model_validate({"target_low": 0.0, "target_high": -1.0})
    with pytest.raises(ValidationError, match="extra"):
        settings.model_validate({"behavior_weight": 1.0})
