"""Soft actor-critic, as MoCoDA ran it or as it was published.

    y = r + γ (min_i Q_i'(s', a') - α log π(a'|s')),  a' ~ π(s')
    critics: sum_i mean (Q_i(s, a) - y)²;   actor: mean (α log π(a|s) - min_i Q_i(s, a)),  a ~ π(s)

MoCoDA's published code keeps α = 0.2. Haarnoja et al. (2018b) learn α such that the entropy of π
meets a target of -(action dimension). `form` says which. Nothing here keeps π near the data.
As in the other agents, and not published: y is clipped in both forms. `start` says how networks
begin: as `torch.nn.Linear` does, or as in MoCoDA's code (orthogonal, last layer small).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from mocoda.agents import squashed_gaussian
from mocoda.agents.base import (
    AgentSettings,
    Batch,
    bellman_target,
    describe_learning,
    mean_squared_error,
    with_prefix,
    without_prefix,
)
from mocoda.agents.noise import Noise, Seeds, runs_of, starts
from mocoda.agents.temperature import Temperature
from mocoda.learning_rate import decayed_share
from mocoda.networks import StackedMlp
from mocoda.optimiser import Adam


class SACSettings(AgentSettings):
    """Objectives of the critics and of the actor: see the module's text.

    mocoda: α is `temperature`. published: α starts there and minimises
    -α mean(log π(a|s) - action dimension).
    """

    form: Literal["mocoda", "published"] = Field(
        default="mocoda",
        description="Temperature: fixed as in MoCoDA's published code, or learned as in Haarnoja "
        "et al. (2018b).",
    )
    temperature: float = Field(
        default=0.2,
        gt=0,
        description="α, price of entropy in units of reward a nat (published code: 0.2); form "
        "published: where it starts (our choice).",
    )
    temperature_learning_rate: float = Field(
        default=3e-4,
        gt=0,
        description="Adam step size of log α, form published (Haarnoja et al., 2018b: 3e-4).",
    )
    actor_learning_rate: float = Field(
        default=1e-3, gt=0, description="Adam step size of the actor (paper: 1e-3)."
    )


def describe_temperature(settings: SACSettings) -> str:
    """Whether α is fixed or learned, in the tables' words."""
    if settings.form == "published":
        return f"temperature learned from {settings.temperature:g} on"
    return f"fixed temperature {settings.temperature:g}"


def describe(settings: SACSettings) -> str:
    """Which variant these settings are."""
    if settings.form == "published":
        form = "SAC as published (Haarnoja et al., 2018b)"
    else:
        form = "SAC as MoCoDA ran it"
    learning = describe_learning(settings, settings.actor_learning_rate)
    return f"{form}, {describe_temperature(settings)}; {learning}"


@dataclass(frozen=True)
class SACLosses:
    """0-d tensors, [runs] of several, all of this update.

    critic : sum over both critics of the mean squared Bellman error.
    mean_q : mean of both critics at the batch's actions.
    actor : mean (α log π - min(Q1, Q2)); entropy : mean -log π, in nats; temperature : α.
    """

    critic: Tensor
    mean_q: Tensor
    actor: Tensor
    entropy: Tensor
    temperature: Tensor


class GaussianPolicy:
    """π(s) without its noise: tanh of the mean (published code)."""

    def __init__(self, network: StackedMlp) -> None:
        self.network = network

    def act(self, inputs: Tensor) -> Tensor:
        """Actions [n, act] in [-1, 1] for inputs [n, in]."""
        with torch.no_grad():
            return squashed_gaussian.central_action(self.network(inputs)[0])


def policy_from_tensors(
    tensors: dict[str, Tensor], settings: SACSettings, device: torch.device | str = "cpu"
) -> GaussianPolicy:
    """The policy that `SAC.policy_tensors` describes: the same actions, bit for bit."""
    actor = without_prefix("actor", tensors)
    return GaussianPolicy(StackedMlp.from_state(actor, precision=settings.precision, device=device))


class SAC:
    """An `Agent`: a stochastic actor, twin critics and their slow copy as target."""

    name: ClassVar[str] = "sac"
    losses: ClassVar[type[SACLosses]] = SACLosses
    settings: SACSettings

    def __init__(
        self,
        settings: SACSettings,
        input_dim: int,
        action_dim: int,
        total_updates: int,
        seeds: Seeds,
        device: torch.device | str = "cpu",
    ) -> None:
        self.settings, self.total_updates = settings, total_updates
        self.updates, self.action_dim = 0, action_dim
        runs = runs_of(seeds)
        self.noise = Noise(self.name, seeds, device)
        network = partial(
            StackedMlp,
            generator=starts(self.name, seeds),
            start=settings.start,
            precision=settings.precision,
            device=device,
            runs=runs,
        )
        self.actor = network(1, (input_dim, *settings.hidden_sizes, 2 * action_dim))
        self.critics = network(2, (input_dim + action_dim, *settings.hidden_sizes, 1))
        self.target_critics = self.critics.copy()
        # What acts: the actor itself, or the moving average of it.
        self.acting = self.actor.copy() if settings.policy_average else self.actor
        self.actor_adam = Adam(self.actor, settings.actor_learning_rate)
        self.critic_adam = Adam(self.critics, settings.critic_learning_rate)
        self.temperature = Temperature(settings.temperature, -float(action_dim), device, runs)

    @property
    def planned_updates(self) -> int:
        return self.total_updates

    def batch_size_for(self, update: int) -> int:
        return self.settings.batch_size

    def update(self, batch: Batch) -> SACLosses:
        """One step of the critics, of the actor and, where it is learned, of the temperature."""
        settings, alpha = self.settings, self.temperature.value
        share = decayed_share(self.updates, self.total_updates, settings.learning_rate_decay_start)
        with torch.no_grad():
            target = self.critic_target(batch)
        critic_objective, metrics = self.critic_loss(batch, target)
        critic_objective.sum().backward()
        self.critic_adam.step(settings.critic_learning_rate * share)

        actor_loss, log_density = self.actor_loss(batch)
        actor_loss.sum().backward()
        self.actor_adam.step(settings.actor_learning_rate * share)
        if settings.form == "published":
            self.temperature.step(log_density, settings.temperature_learning_rate * share)

        self.target_critics.move_towards(self.critics, settings.polyak_rate)
        if self.acting is not self.actor:
            self.acting.move_towards(self.actor, settings.policy_average)
        self.updates += 1
        return self.losses(
            actor=actor_loss.detach(),
            entropy=-log_density.detach().mean(dim=-1),
            temperature=alpha,
            **metrics,
        )

    def sample_actions(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Actions [.., act] and log densities [..] from the actor's outputs [.., 2 act]."""
        shape = outputs.shape[len(self.actor.lead) : -1]
        return squashed_gaussian.sample(outputs, self.noise.normal(*shape, self.action_dim))

    def critic_target(self, batch: Batch) -> Tensor:
        """Clipped soft double-Q target, with actions of the current policy: [b]."""
        outputs = self.actor(batch.next_input)[..., 0, :, :]
        next_action, log_density = self.sample_actions(outputs)
        next_q = self.target_critics(torch.cat((batch.next_input, next_action), dim=-1))
        next_value = self.next_value(next_q.squeeze(-1).amin(dim=-2), log_density)
        return bellman_target(batch, next_value, self.settings)

    def next_value(self, lower_q: Tensor, log_density: Tensor) -> Tensor:
        """Value [b] of a next state: the lower Q' of its action plus the price of its entropy."""
        return lower_q - self.temperature.value.unsqueeze(-1) * log_density

    def critic_loss(self, batch: Batch, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What the critics minimise, and those of the losses that are theirs, by name."""
        q = self.critics(torch.cat((batch.input, batch.action), dim=-1)).squeeze(-1)
        bellman_error = mean_squared_error(q, target.unsqueeze(-2)).sum(dim=-1)
        mean_q = q.detach().mean(dim=(-2, -1))
        return bellman_error, {"critic": bellman_error.detach(), "mean_q": mean_q}

    def actor_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """mean (α log π(a|s) - min(Q1, Q2)(s, a)), and log π(a|s) [b], for a drawn from π(s)."""
        action, log_density = self.sample_actions(self.actor(batch.input)[..., 0, :, :])
        q = self.critics(torch.cat((batch.input, action), dim=-1), frozen=True).squeeze(-1)
        price = self.temperature.value.unsqueeze(-1)
        return (price * log_density - q.amin(dim=-2)).mean(dim=-1), log_density

    def act(self, inputs: Tensor) -> Tensor:
        """Actions [n, act] in [-1, 1] for inputs [n, in]."""
        return GaussianPolicy(self.acting).act(inputs)

    def policy_tensors(self) -> dict[str, Tensor]:
        return with_prefix("actor", self.acting.state())

    def _parts(self) -> dict[str, StackedMlp | Adam | Temperature]:
        parts: dict[str, StackedMlp | Adam | Temperature] = {
            "actor": self.actor,
            "critics": self.critics,
            "target_critics": self.target_critics,
            "actor_adam": self.actor_adam,
            "critic_adam": self.critic_adam,
            "temperature": self.temperature,
        }
        return parts if self.acting is self.actor else parts | {"acting": self.acting}

    def state(self) -> dict[str, Tensor]:
        state = {"updates": torch.tensor(self.updates), "noise": self.noise.state()}
        for name, part in self._parts().items():
            state |= with_prefix(name, part.state())
        return state

    def load_state(self, state: dict[str, Tensor]) -> None:
        for name, part in self._parts().items():
            part.load_state(without_prefix(name, state))
        self.updates = int(state["updates"])
        self.noise.load_state(state["noise"])
