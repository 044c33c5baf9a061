"""Soft actor-critic with a fixed temperature, as MoCoDA ran it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.distributions import Normal

from benchmarks.peers.parts import Critic, bellman_target, mlp, move_target, target_of
from mocoda.agents.base import Batch
from mocoda.agents.sac import SACSettings


class SAC:
    """Two critics with targets and a stochastic actor; `noise` None draws from the global one.

    freeze : as of `benchmarks.peers.td3_bc`.
    """

    def __init__(
        self,
        settings: SACSettings,
        input_dim: int,
        action_dim: int,
        noise: torch.Generator | None = None,
        freeze: bool = False,
    ) -> None:
        self.settings, self.action_dim, self.noise = settings, action_dim, noise
        self.freeze = freeze
        hidden = settings.hidden_sizes
        self.actor = mlp((input_dim, *hidden, 2 * action_dim))
        self.critic_1 = Critic(input_dim, action_dim, hidden)
        self.critic_2 = Critic(input_dim, action_dim, hidden)
        self.target_1, self.target_2 = target_of(self.critic_1), target_of(self.critic_2)
        self.actor_adam = torch.optim.Adam(self.actor.parameters(), settings.actor_learning_rate)
        self.critics = [*self.critic_1.parameters(), *self.critic_2.parameters()]
        self.critic_adam = torch.optim.Adam(self.critics, settings.critic_learning_rate)

    def sample(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Actions [b, act] of the policy, and their log density [b]."""
        mean, log_deviation = self.actor(inputs).chunk(2, dim=1)
        deviation = log_deviation.clamp(-20, 2).exp()
        before = mean + deviation * torch.randn(mean.shape, generator=self.noise)
        log_density = Normal(mean, deviation, validate_args=False).log_prob(before).sum(dim=1)
        slope = 2 * (math.log(2) - before - F.softplus(-2 * before))
        return before.tanh(), log_density - slope.sum(dim=1)

    def critic_loss(self, batch: Batch, target: Tensor) -> Tensor:
        q1 = self.critic_1(batch.input, batch.action)
        q2 = self.critic_2(batch.input, batch.action)
        return F.mse_loss(q1, target) + F.mse_loss(q2, target)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        settings = self.settings
        with torch.no_grad():
            next_action, log_density = self.sample(batch.next_input)
            next_q = torch.min(
                self.target_1(batch.next_input, next_action),
                self.target_2(batch.next_input, next_action),
            )
            next_value = next_q - settings.temperature * log_density
            target = bellman_target(batch, next_value, settings)
        critic_loss = self.critic_loss(batch, target)
        self.critic_adam.zero_grad()
        critic_loss.backward()
        self.critic_adam.step()

        for parameter in self.critics:
            parameter.requires_grad_(not self.freeze)
        action, log_density = self.sample(batch.input)
        q = torch.min(self.critic_1(batch.input, action), self.critic_2(batch.input, action))
        actor_loss = (settings.temperature * log_density - q).mean()
        self.actor_adam.zero_grad()
        actor_loss.backward()
        self.actor_adam.step()
        for parameter in self.critics:
            parameter.requires_grad_(True)
        move_target(self.target_1, self.critic_1, settings.polyak_rate)
        move_target(self.target_2, self.critic_2, settings.polyak_rate)
        return {"critic": critic_loss.detach(), "actor": actor_loss.detach()}
