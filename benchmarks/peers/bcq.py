"""Batch-constrained Q-learning in MoCoDA's form: one critic, proposals from an ensemble of mixture
density networks; the critic's phase, in which the ensemble is fixed.

`repeat` says how proposals are made: each state once through the ensemble, all proposals from its
mixtures (False); or each state repeated for each proposal before it goes through, as the published
code of Fujimoto et al. (2019) does with its decoder (True), which is simpler to write and slower.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from benchmarks.peers.parts import Critic, bellman_target, mlp, move_target, target_of
from mocoda.agents.base import Batch
from mocoda.agents.bcq_settings import BCQSettings
from mocoda.agents.mixture_density import DEVIATION_FLOOR


class BCQ:
    """A critic with a target; `noise` None draws from the global generator."""

    def __init__(
        self,
        settings: BCQSettings,
        input_dim: int,
        action_dim: int,
        noise: torch.Generator | None = None,
        *,
        repeat: bool = False,
    ) -> None:
        self.settings, self.action_dim = settings, action_dim
        self.noise, self.repeat = noise, repeat
        outputs = settings.behaviour_components * (1 + 2 * action_dim)
        self.behaviour = nn.ModuleList(
            mlp((input_dim, *settings.behaviour_hidden_sizes, outputs))
            for _ in range(settings.behaviour_members)
        )
        self.critic = Critic(input_dim, action_dim, settings.hidden_sizes)
        self.target_critic = target_of(self.critic)
        self.adam = torch.optim.Adam(self.critic.parameters(), settings.critic_learning_rate)

    def propose(self, inputs: Tensor) -> Tensor:
        """Actions [b, proposals, act] from the even mixture of all members' mixtures."""
        rows, count, act = len(inputs), self.settings.proposals, self.action_dim
        uniform = torch.rand(rows, count, generator=self.noise)
        normal = torch.randn(rows, count, act, generator=self.noise)
        if self.repeat:
            inputs = inputs.repeat_interleave(count, dim=0)
            uniform, normal = uniform.view(-1, 1), normal.view(-1, 1, act)
        weights, means, deviations = [], [], []
        for member in self.behaviour:
            components = self.settings.behaviour_components
            sizes = [components, components * act, components * act]
            logits, mean, spread = member(inputs).split(sizes, dim=1)
            weights.append(logits.softmax(dim=1) / len(self.behaviour))
            means.append(mean.view(-1, components, act))
            deviations.append(F.softplus(spread).view(-1, components, act) + DEVIATION_FLOOR)
        cumulative = torch.cat(weights, dim=1).cumsum(dim=1)
        chosen = torch.searchsorted(cumulative, uniform, right=True)
        chosen = chosen.clamp(max=cumulative.shape[1] - 1)
        index = chosen.unsqueeze(2).expand(-1, -1, act)
        mean = torch.cat(means, dim=1).gather(1, index)
        deviation = torch.cat(deviations, dim=1).gather(1, index)
        return (mean + deviation * normal).clamp(-1, 1).view(rows, count, act)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        settings = self.settings
        with torch.no_grad():
            proposals = self.propose(batch.next_input).flatten(0, 1)
            repeated = batch.next_input.repeat_interleave(settings.proposals, dim=0)
            next_q = self.target_critic(repeated, proposals).view(-1, settings.proposals)
            target = bellman_target(batch, next_q.max(dim=1).values, settings)
        critic_loss = F.mse_loss(self.critic(batch.input, batch.action), target)
        self.adam.zero_grad()
        critic_loss.backward()
        self.adam.step()
        move_target(self.target_critic, self.critic, settings.polyak_rate)
        return {"critic": critic_loss.detach()}
