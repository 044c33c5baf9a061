"""CQL in both forms against float64 derivations in NumPy, and on a chain with a known optimum."""

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

from mocoda.agents.base import Batch
from mocoda.agents.cql import CQL, CQLSettings, describe
from mocoda.agents.sac import SAC

ROWS = 48
TARGET = torch.linspace(-3, 0, ROWS)


def make(**changes: Any) -> CQL:
    settings = CQLSettings.model_validate(
        {"hidden_sizes": (32, 32), "precision": "fp32", "batch_size": ROWS, **changes}
    )
    return CQL(settings, INPUTS, ACTIONS, 1000, 0)


def trained(**changes: Any) -> CQL:
    agent = make(**changes)
    train(agent, 15)
    return agent


def numpy_q(agent: CQL, inputs: np.ndarray, action: np.ndarray) -> np.ndarray:
    """[critics, rows] in float64."""
    return numpy_mlp(agent.critics, np.concatenate([inputs, action], axis=1))[..., 0]


def numpy_distance_objective(agent: CQL, batch: Batch, random: np.ndarray) -> tuple[float, float]:
    """Bellman error and |mean Q(random) - low| + |mean Q(data) - high| in float64.

    random : [critics, rows, act], each critic with actions of its own (published code).
    """
    inputs, action = batch.input.double().numpy(), batch.action.double().numpy()
    q = numpy_q(agent, inputs, action)
    q_random = np.stack([numpy_q(agent, inputs, random[i])[i] for i in range(2)])
    settings = agent.settings
    term = abs(q_random.mean() - settings.target_low) + abs(q.mean() - settings.target_high)
    return float(((q - TARGET.double().numpy()) ** 2).mean(axis=1).sum()), float(term)


def numpy_logsumexp_objective(
    agent: CQL, batch: Batch, normal: np.ndarray, uniform: np.ndarray
) -> tuple[float, float]:
    """Bellman error and sum_i mean [log of the importance-weighted mean of exp Q_i - Q_i(data)].

    normal : [2, k, rows, act], for π(s) and π(s'); uniform : [k, rows, act] in [-1, 1].
    """
    inputs, action = batch.input.double().numpy(), batch.action.double().numpy()
    q = numpy_q(agent, inputs, action)
    terms = [numpy_q(agent, inputs, piece) - np.log(0.25) for piece in uniform]
    for states, noises in zip((batch.input, batch.next_input), normal, strict=True):
        mean, log_deviation = np.split(
            numpy_mlp(agent.actor, states.double().numpy())[0], 2, axis=1
        )
        deviation = np.exp(np.clip(log_deviation, -20, 2))
        for noise in noises:
            before = mean + deviation * noise
            log_density = norm.logpdf(before, mean, deviation) - np.log(1 - np.tanh(before) ** 2)
            terms.append(numpy_q(agent, inputs, np.tanh(before)) - log_density.sum(axis=1))
    integral = logsumexp(np.stack(terms), axis=0, b=1 / len(terms))
    term = (integral - q).mean(axis=1).sum()
    return float(((q - TARGET.double().numpy()) ** 2).mean(axis=1).sum()), float(term)


def check_gradient(agent: CQL, objective: torch.Tensor, numpy_objective: Any) -> None:
    """The critics' gradient along its own direction, against central differences in float64."""
    objective.backward()
    assert objective.item() == pytest.approx(numpy_objective(), rel=1e-5)
    start = agent.critics.parameters.detach().clone()
    direction = agent.critics.gradient / agent.critics.gradient.norm()
    step, sides = 1e-3, []
    for sign in (1, -1):
        agent.critics.parameters.detach().copy_(start + sign * step * direction)
        sides.append(numpy_objective())
    slope = (sides[0] - sides[1]) / (2 * step)
    assert agent.critics.gradient.norm().item() == pytest.approx(slope, rel=1e-2)


@pytest.mark.parametrize(
    "changes",
    [
        {"conservative_weight": 0.1},
        {"conservative_weight": 3.0, "target_low": -40.0},
        # Mean Q outside the clip: one of the distances has the other sign.
        {"conservative_weight": 0.5, "target_low": 5.0, "target_high": 6.0},
        {"conservative_weight": 0.5, "target_low": -9.0, "target_high": -8.0},
    ],
)
def test_distance_term_and_its_gradient_are_those_of_the_definition(
    changes: dict[str, Any],
) -> None:
    agent = make(**changes)
    batch = random_batch(ROWS, "check")
    saved = agent.noise.state()
    random = agent.noise.uniform(2, ROWS, ACTIONS).double().numpy() * 2 - 1
    agent.noise.load_state(saved)
    assert np.abs(random[0] - random[1]).max() > 0.1
    objective, metrics = agent.critic_loss(batch, TARGET)
    bellman_error, term = numpy_distance_objective(agent, batch, random)
    assert metrics["critic"].item() == pytest.approx(bellman_error, rel=1e-5)
    assert metrics["conservative"].item() == pytest.approx(term, rel=1e-5)
    weight = changes["conservative_weight"]

    def numpy_objective() -> float:
        bellman_error, term = numpy_distance_objective(agent, batch, random)
        return bellman_error + weight * term

    check_gradient(agent, objective, numpy_objective)


@pytest.mark.parametrize("weight", [5.0, 0.3])
def test_logsumexp_term_and_its_gradient_are_those_of_the_definition(weight: float) -> None:
    agent = trained(form="published", logsumexp_weight=weight, sampled_actions=4)
    batch = random_batch(ROWS, "check")
    saved = agent.noise.state()
    uniform = agent.noise.uniform(4, ROWS, ACTIONS).double().numpy() * 2 - 1
    normal = agent.noise.normal(2, 4, ROWS, ACTIONS).double().numpy()
    agent.noise.load_state(saved)
    objective, metrics = agent.critic_loss(batch, TARGET)
    bellman_error, term = numpy_logsumexp_objective(agent, batch, normal, uniform)
    assert metrics["critic"].item() == pytest.approx(bellman_error, rel=1e-5)
    assert metrics["conservative"].item() == pytest.approx(term, rel=1e-4)

    def numpy_objective() -> float:
        bellman_error, term = numpy_logsumexp_objective(agent, batch, normal, uniform)
        return bellman_error + weight * term

    check_gradient(agent, objective, numpy_objective)
    assert agent.actor._gradient_is_empty, "the actor learns nothing from the term"


def test_logsumexp_term_is_an_integral_over_all_actions() -> None:
    """Against a quadrature over [-1, 1]²: true only if every density is the right one."""
    agent = make(form="published", sampled_actions=4000)
    state = agent.critics.state()
    state["2.weight"] *= 20  # so that Q is far from constant
    agent.critics.load_state(state)
    batch = random_batch(4, "check")
    with torch.no_grad():
        q_data, found = agent.logsumexp_term(batch)
    edges = np.linspace(-1, 1, 101)
    centres = (edges[1:] + edges[:-1]) / 2
    grid = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
    expected = -q_data.double().numpy().mean(axis=1).sum()
    spread = []
    for state_row in batch.input.double().numpy():
        q = numpy_q(agent, np.broadcast_to(state_row, (len(grid), INPUTS)), grid)
        spread.append(np.ptp(q))
        expected += logsumexp(q, axis=1, b=0.02**2).sum() / len(batch.input)
    assert max(spread) > 2
    assert found.item() == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("form", ["mocoda", "published"])
def test_entropy_is_in_the_target_of_mocodas_form_alone(form: str) -> None:
    agent = trained(form=form, temperature=0.5)
    lower_q, log_density = torch.linspace(-5, 0, ROWS), torch.linspace(-2, 6, ROWS)
    alpha = agent.temperature.value if form == "mocoda" else 0.0
    torch.testing.assert_close(
        agent.next_value(lower_q, log_density), lower_q - alpha * log_density
    )


def test_without_weight_the_critics_learn_as_those_of_sac() -> None:
    agent = make(conservative_weight=0.0)
    other = SAC(agent.settings, INPUTS, ACTIONS, 1000, 0)
    other.critics.load_state(agent.critics.state())
    batch = random_batch(ROWS, "check")
    for one in (agent, other):
        one.critic_loss(batch, TARGET)[0].backward()
    torch.testing.assert_close(agent.critics.gradient, other.critics.gradient)


@pytest.mark.parametrize(
    ("changes", "weight"),
    [
        ({"form": "mocoda"}, "conservative_weight"),
        ({"form": "published", "sampled_actions": 4}, "logsumexp_weight"),
    ],
)
def test_actions_that_the_data_lack_are_valued_less(changes: dict[str, Any], weight: str) -> None:
    """The data's rewards know nothing of the action: any such gap is the term's work."""
    gaps = []
    for value in (0.0, 1.0):
        agent = make(hidden_sizes=(64, 64), critic_learning_rate=3e-3, **changes, **{weight: value})
        for update in range(150):
            batch = random_batch(ROWS, update)
            narrow = Batch(
                batch.input,
                0.5 + 0.1 * batch.action,
                torch.full((ROWS,), -5.0),
                batch.next_input,
                torch.zeros(ROWS),
            )
            agent.update(narrow)
        inputs = random_batch(200, "check").input
        with torch.no_grad():
            seen, unseen = (
                agent.critics(torch.cat((inputs, torch.full((200, ACTIONS), a)), dim=1)).mean()
                for a in (0.5, -0.5)
            )
        gaps.append((seen - unseen).item())
    assert gaps[0] < 0.5, "extrapolation alone does not favour the data"
    assert gaps[1] > 1


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_published_form_resumes_bit_for_bit(precision: str) -> None:
    changes = {"form": "published", "precision": precision, "sampled_actions": 3}
    agent = trained(**changes)
    saved = agent.state()
    metrics = train(agent, 10)
    again = make(**changes)
    again.load_state(saved)
    assert train(again, 10) == metrics
    assert all(torch.equal(piece, again.state()[name]) for name, piece in agent.state().items())


@pytest.mark.parametrize(
    "changes",
    [
        # The data's actions are uniform: both distances then pull with the same force.
        {"precision": "fp32", "target_low": -5.0},
        {"precision": "bf16", "target_low": -5.0},
        {
            "precision": "fp32",
            "form": "published",
            "logsumexp_weight": 0.05,
            "sampled_actions": 3,
        },
    ],
)
def test_optimum_of_the_chain_is_found(changes: dict[str, Any]) -> None:
    settings = CQLSettings.model_validate(
        {
            "hidden_sizes": (64, 64),
            "actor_learning_rate": 3e-3,
            "critic_learning_rate": 3e-3,
            "polyak_rate": 0.05,
            "temperature": 0.02,
            **changes,
        }
    )
    agent = CQL(settings, 2, 1, 500, 0)
    for update in range(500):
        agent.update(chain_batch(128, update))
    assert (agent.act(CHAIN_PLACES) > 0).all()
    with torch.no_grad():
        q = agent.critics(CHAIN_PAIRS)[..., 0].mean(dim=0)
    torch.testing.assert_close(q, chain_values(0.98), atol=0.15, rtol=0)


def test_description_says_which_variant_it_is() -> None:
    words = describe(CQLSettings(target_low=-40))
    assert "CQL in MoCoDA's form, SAC + 0.1 (|mean Q(random) - (-40)| + |mean Q(data) -" in words
    assert "fixed temperature 0.2" in words
    words = describe(CQLSettings(form="published"))
    assert words.startswith("CQL(H) as published (Kumar et al., 2020), weight 5, temperature learn")
