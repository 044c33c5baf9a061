"""TD3 with a behaviour-cloning penalty in MoCoDA's form: -min(Q1, Q2) + weight * MSE."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from benchmarks.peers.parts import Critic, bellman_target, mlp, move_target, target_of
from mocoda.agents.base import Batch
from mocoda.agents.td3_bc import TD3BCSettings


class TD3BC:
    """Two critics, an actor and their targets; `update` is one step on a batch.

    freeze : whether the actor's step leaves out the gradient of the critics' weights, which is
        thrown away; single-file code usually does not.
    """

    def __init__(
        self, settings: TD3BCSettings, input_dim: int, action_dim: int, freeze: bool = False
    ) -> None:
        self.settings, self.updates, self.freeze = settings, 0, freeze
        hidden = settings.hidden_sizes
        self.actor = mlp((input_dim, *hidden, action_dim))
        self.critic_1 = Critic(input_dim, action_dim, hidden)
        self.critic_2 = Critic(input_dim, action_dim, hidden)
        self.target_actor = target_of(self.actor)
        self.target_1, self.target_2 = target_of(self.critic_1), target_of(self.critic_2)
        self.actor_adam = torch.optim.Adam(self.actor.parameters(), settings.actor_learning_rate)
        self.critics = [*self.critic_1.parameters(), *self.critic_2.parameters()]
        self.critic_adam = torch.optim.Adam(self.critics, settings.critic_learning_rate)
        self.actor_loss = torch.zeros(())

    def update(self, batch: Batch) -> dict[str, Tensor]:
        settings = self.settings
        self.updates += 1
        with torch.no_grad():
            next_action = self.target_actor(batch.next_input).tanh()
            noise = torch.randn_like(next_action) * settings.smoothing_noise
            noise = noise.clamp(-settings.smoothing_clip, settings.smoothing_clip)
            next_action = (next_action + noise).clamp(-1, 1)
            next_q = torch.min(
                self.target_1(batch.next_input, next_action),
                self.target_2(batch.next_input, next_action),
            )
            target = bellman_target(batch, next_q, settings)
        q1 = self.critic_1(batch.input, batch.action)
        q2 = self.critic_2(batch.input, batch.action)
        critic_loss = F.mse_loss(q1, target) + F.mse_loss(q2, target)
        self.critic_adam.zero_grad()
        critic_loss.backward()
        self.critic_adam.step()

        if self.updates % settings.policy_delay == 0:
            for parameter in self.critics:
                parameter.requires_grad_(not self.freeze)
            action = self.actor(batch.input).tanh()
            q = torch.min(self.critic_1(batch.input, action), self.critic_2(batch.input, action))
            actor_loss = settings.behaviour_weight * F.mse_loss(action, batch.action) - q.mean()
            self.actor_adam.zero_grad()
            actor_loss.backward()
            self.actor_adam.step()
            for parameter in self.critics:
                parameter.requires_grad_(True)
            self.actor_loss = actor_loss.detach()
            move_target(self.target_actor, self.actor, settings.polyak_rate)
            move_target(self.target_1, self.critic_1, settings.polyak_rate)
            move_target(self.target_2, self.critic_2, settings.polyak_rate)
        return {"critic": critic_loss.detach(), "actor": self.actor_loss}
