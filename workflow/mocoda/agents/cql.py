"""Conservative Q-learning as MoCoDA ran it, which is not the published algorithm, or as published.

Both are SAC with a term P added to the critics' loss:

    mocoda: 0.1 (|mean Q(s, random) - low| + |mean Q(s, a) - high|), the means over rows and both
        critics, low and high the ends of the target's clip, one random action a row and critic
    published: CQL(H) of Kumar et al. (2020, equation 4; appendix F),
        5 sum_i mean [log ∫ exp Q_i(s, a') da' - Q_i(s, a)], the integral by importance sampling
        from the uniform distribution, π(s) and π(s')

The second lowers Q where it is high; the first lowers Q of all random actions alike. MoCoDA's code
clips targets to (-40, 0) in 2-D navigation for this agent alone, which sets `low` as well; our
default is (-50, 0), as for the others: set `target_low: -40` for theirs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from mocoda.agents.base import Batch, describe_learning, mean_squared_error
from mocoda.agents.sac import (
    SAC,
    SACLosses,
    SACSettings,
    describe_temperature,
    policy_from_tensors,
)

__all__ = ["CQL", "CQLLosses", "CQLSettings", "describe", "policy_from_tensors"]


class CQLSettings(SACSettings):
    """Objectives: SAC's, and the term of the module's text added to the critics'.

    Form published also learns α, as SAC's does, and leaves the entropy out of the critics' target
    (published code). A setting of one form has no effect in the other.
    """

    form: Literal["mocoda", "published"] = Field(
        default="mocoda",
        description="Conservative term and temperature: MoCoDA's published code, or CQL(H) of "
        "Kumar et al. (2020).",
    )
    conservative_weight: float = Field(
        default=0.1,
        ge=0,
        description="Weight of the distances of mean Q from the ends of the clip, form mocoda "
        "(published code: 0.1).",
    )
    logsumexp_weight: float = Field(
        default=5.0,
        ge=0,
        description="Weight of log ∫ exp Q - Q, form published (Kumar et al.'s code: 5).",
    )
    sampled_actions: int = Field(
        default=10,
        ge=1,
        description="Actions a row from each of the three distributions, form published "
        "(Kumar et al.: 10).",
    )


def describe(settings: CQLSettings) -> str:
    """Which variant these settings are."""
    if settings.form == "published":
        form = f"CQL(H) as published (Kumar et al., 2020), weight {settings.logsumexp_weight:g}"
    else:
        form = (
            f"CQL in MoCoDA's form, SAC + {settings.conservative_weight:g} (|mean Q(random) - "
            f"({settings.target_low:g})| + |mean Q(data) - ({settings.target_high:g})|)"
        )
    learning = describe_learning(settings, settings.actor_learning_rate)
    return f"{form}, {describe_temperature(settings)}; {learning}"


@dataclass(frozen=True)
class CQLLosses(SACLosses):
    """SAC's, and conservative : the term P without its weight."""

    conservative: Tensor


class CQL(SAC):
    """An `Agent`: SAC whose critics are held down away from the data."""

    name: ClassVar[str] = "cql"
    losses: ClassVar[type[SACLosses]] = CQLLosses
    settings: CQLSettings

    def next_value(self, lower_q: Tensor, log_density: Tensor) -> Tensor:
        """SAC's, in form published without the entropy (published code)."""
        if self.settings.form == "published":
            return lower_q
        return super().next_value(lower_q, log_density)

    def critic_loss(self, batch: Batch, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Bellman error + weight * conservative term, and the critics' losses by name."""
        if self.settings.form == "published":
            q, conservative = self.logsumexp_term(batch)
            weight = self.settings.logsumexp_weight
        else:
            q, conservative = self.distance_term(batch)
            weight = self.settings.conservative_weight
        bellman_error = mean_squared_error(q, target.unsqueeze(-2)).sum(dim=-1)
        return bellman_error + weight * conservative, {
            "critic": bellman_error.detach(),
            "mean_q": q.detach().mean(dim=(-2, -1)),
            "conservative": conservative.detach(),
        }

    def distance_term(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Q of the batch [critics, b], and MoCoDA's |mean Q(random) - low| + |mean Q - high|."""
        rows = batch.input.shape[-2]
        random = self.random_actions(self.critics.heads, rows)
        action = batch.action.unsqueeze(-3).expand_as(random)
        inputs = batch.input.unsqueeze(-3).expand(*random.shape[:-1], -1)
        # The batch's actions and the random ones in one product.
        pairs = torch.cat(
            (torch.cat((inputs, action), -1), torch.cat((inputs, random), -1)), dim=-2
        )
        q_data, q_random = self.critics(pairs).squeeze(-1).split(rows, dim=-1)
        low, high = self.settings.target_low, self.settings.target_high
        mean_data, mean_random = q_data.mean(dim=(-2, -1)), q_random.mean(dim=(-2, -1))
        return q_data, (mean_random - low).abs() + (mean_data - high).abs()

    def logsumexp_term(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Q of the batch [critics, b], and sum_i mean [log ∫ exp Q_i(s, a') da' - Q_i(s, a)]."""
        actions, log_density = self.proposals(batch)
        count, rows = log_density.shape[-2:]
        actions = torch.cat((batch.action.unsqueeze(-3), actions), dim=-3)
        inputs = batch.input.unsqueeze(-3).expand(*actions.shape[:-1], -1)
        pairs = torch.cat((inputs, actions), dim=-1).flatten(-3, -2)
        q = self.critics(pairs).squeeze(-1).unflatten(-1, (1 + count, rows))
        q_data = q[..., 0, :]
        integral = (q[..., 1:, :] - log_density.unsqueeze(-3)).logsumexp(dim=-2) - math.log(count)
        return q_data, (integral - q_data).mean(dim=-1).sum(dim=-1)

    @torch.no_grad()
    def proposals(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Actions [3k, b, act] and the log densities [3k, b] of the distributions that they are
        from: k of the uniform one, k of π(s), k of π(s'), in this order."""
        count, rows = self.settings.sampled_actions, batch.input.shape[-2]
        uniform = self.random_actions(count, rows)
        log_uniform = torch.full_like(uniform[..., 0], -self.action_dim * math.log(2))
        outputs = self.actor(torch.cat((batch.input, batch.next_input), dim=-2))[..., 0, :, :]
        each = outputs.unflatten(-2, (2, 1, rows)).expand(*self.actor.lead, 2, count, rows, -1)
        drawn, log_drawn = self.sample_actions(each)
        return (
            torch.cat((uniform, drawn.flatten(-4, -3)), dim=-3),
            torch.cat((log_uniform, log_drawn.flatten(-3, -2)), dim=-2),
        )

    def random_actions(self, *shape: int) -> Tensor:
        """Uniform in [-1, 1]: [*shape, act], or [runs, *shape, act]."""
        return self.noise.uniform(*shape, self.action_dim).mul_(2).sub_(1)
