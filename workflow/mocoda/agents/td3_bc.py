"""TD3 with a behaviour-cloning penalty, as MoCoDA ran it or as it was published.

MoCoDA's published code minimises -min(Q1, Q2) + 1.0 MSE(π(s), a): no scaling of Q, so the penalty
weighs less as |Q| grows (to 50 here). Fujimoto and Gu (2021) minimise -λ Q1 + MSE(π(s), a) with
λ = α / mean |Q1|. `form` says which; nothing else about the settings changes with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

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
from mocoda.learning_rate import decayed_share
from mocoda.networks import StackedMlp
from mocoda.optimiser import Adam


class TD3BCSettings(AgentSettings):
    """Objective of the actor, a = π(s):

    mocoda: mean(-min(Q1, Q2)(s, a)) / scale + behaviour_weight * MSE(a, action), where scale is 1,
    or mean |min(Q1, Q2)| (no gradient) if `normalize_q`.
    published: -alpha / mean |Q1| * mean(Q1(s, a)) + MSE(a, action).
    """

    form: Literal["mocoda", "published"] = Field(
        default="mocoda",
        description="Actor's objective: MoCoDA's published code, or Fujimoto and Gu (2021).",
    )
    behaviour_weight: float = Field(
        default=1.0, ge=0, description="Weight of the mean squared error, form mocoda (paper: 1)."
    )
    normalize_q: bool = Field(
        default=False,
        description="Form mocoda: divide Q by its mean magnitude, so that behaviour_weight keeps "
        "its meaning as Q grows (our addition; the paper does not).",
    )
    alpha: float = Field(
        default=2.5, gt=0, description="Weight of the normalised Q, form published."
    )
    actor_learning_rate: float = Field(
        default=1e-3, gt=0, description="Adam step size of the actor (paper: 1e-3)."
    )
    smoothing_noise: float = Field(
        default=0.2, ge=0, description="Standard deviation of the target action's noise (paper)."
    )
    smoothing_clip: float = Field(
        default=0.5, ge=0, description="Largest noise on a target action's entry (paper)."
    )
    policy_delay: int = Field(
        default=2, ge=1, description="Critic updates for one of the actor and the targets (paper)."
    )


def describe(settings: TD3BCSettings) -> str:
    """Which variant these settings are."""
    if settings.form == "published":
        form = f"TD3+BC as published (Fujimoto and Gu, 2021), alpha {settings.alpha:g}"
    else:
        scaled = " / mean |Q|" if settings.normalize_q else ""
        form = (
            f"TD3 with behaviour cloning in MoCoDA's form, -min(Q1, Q2){scaled} + "
            f"{settings.behaviour_weight:g} MSE"
        )
    return f"{form}; {describe_learning(settings, settings.actor_learning_rate)}"


@dataclass(frozen=True)
class TD3BCLosses:
    """0-d tensors, [runs] of several; the actor's are those of its latest step.

    critic : sum over both critics of the mean squared Bellman error.
    actor : the actor's whole objective; behaviour_error : MSE(π(s), action).
    mean_q : mean of both critics at the batch's actions.
    """

    critic: Tensor
    actor: Tensor
    behaviour_error: Tensor
    mean_q: Tensor


class ActorPolicy:
    """π(s) = tanh of a network."""

    def __init__(self, network: StackedMlp) -> None:
        self.network = network

    def act(self, inputs: Tensor) -> Tensor:
        """Actions [n, act] in [-1, 1] for inputs [n, in]."""
        with torch.no_grad():
            return self.network(inputs)[0].tanh()


def policy_from_tensors(
    tensors: dict[str, Tensor], settings: TD3BCSettings, device: torch.device | str = "cpu"
) -> ActorPolicy:
    """The policy that `TD3BC.policy_tensors` describes: the same actions, bit for bit."""
    actor = without_prefix("actor", tensors)
    return ActorPolicy(StackedMlp.from_state(actor, precision=settings.precision, device=device))


class TD3BC:
    """An `Agent`: twin critics, an actor, a slow copy of each as target."""

    def __init__(
        self,
        settings: TD3BCSettings,
        input_dim: int,
        action_dim: int,
        total_updates: int,
        seeds: Seeds,
        device: torch.device | str = "cpu",
    ) -> None:
        self.settings, self.total_updates = settings, total_updates
        self.updates = 0
        self.noise = Noise("td3_bc", seeds, device)
        network = partial(
            StackedMlp,
            generator=starts("td3_bc", seeds),
            start=settings.start,
            precision=settings.precision,
            device=device,
            runs=runs_of(seeds),
        )
        self.actor = network(1, (input_dim, *settings.hidden_sizes, action_dim))
        self.critics = network(2, (input_dim + action_dim, *settings.hidden_sizes, 1))
        self.target_actor, self.target_critics = self.actor.copy(), self.critics.copy()
        # What acts: the actor itself, or the moving average of it.
        self.acting = self.actor.copy() if settings.policy_average else self.actor
        self.actor_adam = Adam(self.actor, settings.actor_learning_rate)
        self.critic_adam = Adam(self.critics, settings.critic_learning_rate)
        self._actor_losses = torch.zeros(2, *self.critics.lead, device=device)

    @property
    def planned_updates(self) -> int:
        return self.total_updates

    def batch_size_for(self, update: int) -> int:
        return self.settings.batch_size

    def update(self, batch: Batch) -> TD3BCLosses:
        """One critic step; every `policy_delay`-th time also one of the actor and the targets."""
        settings = self.settings
        share = decayed_share(self.updates, self.total_updates, settings.learning_rate_decay_start)
        with torch.no_grad():
            target = self.critic_target(batch)
        critic_loss, mean_q = self.critic_loss(batch, target)
        critic_loss.sum().backward()
        self.critic_adam.step(settings.critic_learning_rate * share)
        self.updates += 1

        if self.updates % settings.policy_delay == 0:
            actor_loss, behaviour_error = self.actor_loss(batch)
            actor_loss.sum().backward()
            self.actor_adam.step(settings.actor_learning_rate * share)
            self._actor_losses = torch.stack((actor_loss.detach(), behaviour_error.detach()))
            self.target_actor.move_towards(self.actor, settings.polyak_rate)
            self.target_critics.move_towards(self.critics, settings.polyak_rate)
            if self.acting is not self.actor:
                self.acting.move_towards(self.actor, settings.policy_average)
        return TD3BCLosses(
            critic=critic_loss.detach(),
            actor=self._actor_losses[0],
            behaviour_error=self._actor_losses[1],
            mean_q=mean_q.detach(),
        )

    def critic_target(self, batch: Batch) -> Tensor:
        """Clipped double-Q target with smoothing of the target policy (TD3, section 5): [b]."""
        settings = self.settings
        next_action = self.target_actor(batch.next_input)[..., 0, :, :].tanh_()
        noise = self.noise.normal(*next_action.shape[-2:])
        limit = settings.smoothing_clip
        next_action += noise.mul_(settings.smoothing_noise).clamp_(-limit, limit)
        next_action.clamp_(-1, 1)
        next_q = self.target_critics(torch.cat((batch.next_input, next_action), dim=-1))
        return bellman_target(batch, next_q.squeeze(-1).amin(dim=-2), settings)

    def critic_loss(self, batch: Batch, target: Tensor) -> tuple[Tensor, Tensor]:
        """Sum over both critics of the mean squared error, and the mean of Q."""
        q = self.critics(torch.cat((batch.input, batch.action), dim=-1)).squeeze(-1)
        return mean_squared_error(q, target.unsqueeze(-2)).sum(dim=-1), q.mean(dim=(-2, -1))

    def actor_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The actor's objective (see `TD3BCSettings`) and MSE(π(s), action)."""
        settings = self.settings
        action = self.actor(batch.input)[..., 0, :, :].tanh()
        behaviour_error = mean_squared_error(action, batch.action, dims=2)
        q = self.critics(torch.cat((batch.input, action), dim=-1), frozen=True).squeeze(-1)
        if settings.form == "published":
            first = q[..., 0, :]
            scale = settings.alpha / first.detach().abs().mean(dim=-1)
            return behaviour_error - scale * first.mean(dim=-1), behaviour_error
        value = q.amin(dim=-2)
        gain = value.mean(dim=-1)
        if settings.normalize_q:
            gain = gain / value.detach().abs().mean(dim=-1)
        return settings.behaviour_weight * behaviour_error - gain, behaviour_error

    def act(self, inputs: Tensor) -> Tensor:
        """Actions [n, act] in [-1, 1] for inputs [n, in]."""
        return ActorPolicy(self.acting).act(inputs)

    def policy_tensors(self) -> dict[str, Tensor]:
        return with_prefix("actor", self.acting.state())

    def _parts(self) -> dict[str, StackedMlp | Adam]:
        parts: dict[str, StackedMlp | Adam] = {
            "actor": self.actor,
            "critics": self.critics,
            "target_actor": self.target_actor,
            "target_critics": self.target_critics,
            "actor_adam": self.actor_adam,
            "critic_adam": self.critic_adam,
        }
        return parts if self.acting is self.actor else parts | {"acting": self.acting}

    def state(self) -> dict[str, Tensor]:
        state = {
            "updates": torch.tensor(self.updates),
            "noise": self.noise.state(),
            "actor_losses": self._actor_losses.clone(),
        }
        for name, part in self._parts().items():
            state |= with_prefix(name, part.state())
        return state

    def load_state(self, state: dict[str, Tensor]) -> None:
        for name, part in self._parts().items():
            part.load_state(without_prefix(name, state))
        self.updates = int(state["updates"])
        self.noise.load_state(state["noise"])
        self._actor_losses = state["actor_losses"].to(self._actor_losses.device, copy=True)
