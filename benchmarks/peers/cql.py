"""Conservative Q-learning in MoCoDA's form: mean Q drawn to the ends of the target's clip."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from benchmarks.peers.sac import SAC
from mocoda.agents.base import Batch
from mocoda.agents.cql import CQLSettings


class CQL(SAC):
    """SAC, and weight * (|mean Q(random) - low| + |mean Q(data) - high|) on the critics."""

    settings: CQLSettings

    def critic_loss(self, batch: Batch, target: Tensor) -> Tensor:
        settings, rows = self.settings, len(batch.reward)
        q1 = self.critic_1(batch.input, batch.action)
        q2 = self.critic_2(batch.input, batch.action)
        random = torch.rand(2, rows, self.action_dim, generator=self.noise) * 2 - 1
        random_q = torch.cat(
            (self.critic_1(batch.input, random[0]), self.critic_2(batch.input, random[1]))
        )
        low = (random_q.mean() - settings.target_low).abs()
        high = (torch.cat((q1, q2)).mean() - settings.target_high).abs()
        bellman_error = F.mse_loss(q1, target) + F.mse_loss(q2, target)
        return bellman_error + settings.conservative_weight * (low + high)
