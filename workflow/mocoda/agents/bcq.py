"""Batch-constrained Q-learning as MoCoDA ran it, which is not the published algorithm.

Fujimoto et al. (2019) propose actions by a VAE, perturb them by a network and keep twin critics:
`form: published`, in `mocoda.agents.bcq_published`.
MoCoDA's code has one critic with a target, no perturbation, and proposals from an ensemble of
mixture density networks that is fitted first and then fixed:

    y = r + γ max_i Q'(s', a_i),  a_i ~ behaviour(s'),  i = 1 .. 20;   π(s) = argmax_i Q(s, a_i)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mocoda.agents import bcq_published
from mocoda.agents.base import (
    Agent,
    Batch,
    Policy,
    bellman_target,
    mean_squared_error,
    with_prefix,
    without_prefix,
)
from mocoda.agents.bcq_settings import BCQSettings
from mocoda.agents.mixture_density import MixtureDensity
from mocoda.agents.noise import Noise, Seeds, runs_of, starts
from mocoda.learning_rate import decayed_share
from mocoda.networks import StackedMlp
from mocoda.optimiser import Adam
from mocoda.seeding import torch_generator

CACHED_PAIRS = 2048
# Sets of draws that states pick from, `acting_noise: by_state` (a guess: many more than a rollout
# has steps).
NOISES = 4096
# Odd, of 63 bits: that of Knuth's MMIX generator of random numbers.
MULTIPLIER = 0x5851F42D4C957F2D


@dataclass(frozen=True)
class BCQLosses:
    """0-d tensors, [runs] of several; 0 before the phase that they belong to, then those of its
    latest step.

    behaviour : negative log-likelihood of the actions in nats, mean over members and rows.
    critic : mean squared Bellman error; mean_q : mean of Q at the batch's actions.
    """

    behaviour: Tensor
    critic: Tensor
    mean_q: Tensor


def proposal_values(critic: StackedMlp, inputs: Tensor, proposals: Tensor) -> Tensor:
    """Q [n, k] of inputs [n, in] and proposals [n, k, act], without gradients; of several runs,
    all with the runs in front."""
    repeated = inputs.unsqueeze(-2).expand(*proposals.shape[:-1], -1)
    pairs = torch.cat((repeated, proposals), dim=-1).flatten(-3, -2)
    # A few rows at a time stay in a processor's cache, which all at once do not.
    parts = pairs.split(CACHED_PAIRS, dim=-2) if pairs.is_cpu else (pairs,)
    values = torch.cat([critic(part)[..., 0, :, 0] for part in parts], dim=-1)
    return values.unflatten(-1, proposals.shape[-3:-1])


class BCQPolicy:
    """The proposal with the highest Q.

    An action depends on the state alone (our choice; the published code draws anew each time).
    The noise behind the proposals is fixed: quantiles (i + 1/2) / k pick member and component,
    normal draws the place in it. Or it is one of `NOISES` such sets of draws, picked by the bits of
    the state (`acting_noise: by_state`): what the fixed draws cannot propose in one state, others
    can in the next.
    """

    def __init__(
        self, critic: StackedMlp, behaviour: MixtureDensity, settings: BCQSettings
    ) -> None:
        self.critic, self.behaviour = critic, behaviour
        sets = 1 if settings.acting_noise == "fixed" else NOISES
        noise = torch_generator("bcq", "acting")
        shape = (sets, settings.proposals)
        normal = torch.randn(*shape, behaviour.action_dim, generator=noise)
        # Quantiles; their place within the even pieces of [0, 1) is drawn where there are several.
        place = torch.rand(sets, 1, generator=noise) if sets > 1 else 0.5
        uniform = (torch.arange(settings.proposals).unsqueeze(0) + place) / settings.proposals
        self._uniform, self._normal = uniform.to(critic.device), normal.to(critic.device)

    def act(self, inputs: Tensor) -> Tensor:
        """Actions [n, act] in [-1, 1] for inputs [n, in]."""
        with torch.no_grad():
            drawn = picked_by_bits(inputs, len(self._uniform))
            proposals = self.behaviour.sample(inputs, self._uniform[drawn], self._normal[drawn])
            best = proposal_values(self.critic, inputs, proposals).argmax(dim=1)
        return proposals[torch.arange(len(inputs), device=inputs.device), best]


def picked_by_bits(inputs: Tensor, count: int) -> Tensor:
    """A number in 0 .. count - 1 for each row of fp32 inputs [n, in]: equal for equal rows, and
    spread like random numbers over others."""
    if count == 1:
        return torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)
    mixed = torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)
    for column in inputs.float().contiguous().view(torch.int32).to(torch.int64).unbind(-1):
        # A multiplicative hash (Knuth): the high bits of a product with an odd number.
        mixed = (mixed ^ column) * MULTIPLIER
        mixed = mixed ^ (mixed >> 32)
    return mixed % count


def policy_from_tensors(
    tensors: dict[str, Tensor], settings: BCQSettings, device: torch.device | str = "cpu"
) -> Policy:
    """The policy that the agent's `policy_tensors` describe: the same actions, bit for bit."""
    if settings.form == "published":
        return bcq_published.policy_from_tensors(tensors, settings, device)
    critic, behaviour = (
        StackedMlp.from_state(
            without_prefix(name, tensors), precision=settings.precision, device=device
        )
        for name in ("critic", "behaviour")
    )
    action_dim = critic.sizes[0] - behaviour.sizes[0]
    return BCQPolicy(critic, MixtureDensity(behaviour, action_dim), settings)


class BCQ:
    """An `Agent`: a behaviour ensemble, one critic, its slow copy as target."""

    def __init__(
        self,
        settings: BCQSettings,
        input_dim: int,
        action_dim: int,
        total_updates: int,
        seeds: Seeds,
        device: torch.device | str = "cpu",
    ) -> None:
        self.settings, self.total_updates = settings, total_updates
        self.updates = 0
        self.noise = Noise("bcq", seeds, device)
        network = partial(
            StackedMlp,
            generator=starts("bcq", seeds),
            precision=settings.precision,
            device=device,
            runs=runs_of(seeds),
        )
        outputs = MixtureDensity.output_dim(settings.behaviour_components, action_dim)
        behaviour = network(
            settings.behaviour_members, (input_dim, *settings.behaviour_hidden_sizes, outputs)
        )
        self.behaviour = MixtureDensity(behaviour, action_dim)
        sizes = (input_dim + action_dim, *settings.hidden_sizes, 1)
        self.critic = network(1, sizes, start=settings.start)
        self.target_critic = self.critic.copy()
        # What judges the proposals when acting: the critic, or the moving average of it.
        self.acting = self.critic.copy() if settings.policy_average else self.critic
        self.policy = BCQPolicy(self.acting, self.behaviour, settings)
        self.behaviour_adam = Adam(behaviour, settings.behaviour_learning_rate)
        self.critic_adam = Adam(self.critic, settings.critic_learning_rate)
        self._losses = torch.zeros(3, *self.critic.lead, device=device)

    @property
    def planned_updates(self) -> int:
        """The behaviour ensemble's updates and then the critic's."""
        return self.settings.behaviour_updates + self.total_updates

    def batch_size_for(self, update: int) -> int:
        behaviour = update < self.settings.behaviour_updates
        return self.settings.behaviour_batch if behaviour else self.settings.batch_size

    def update(self, batch: Batch) -> BCQLosses:
        """One step of the phase that the counter is in."""
        if self.updates < self.settings.behaviour_updates:
            self._update_behaviour(batch)
        else:
            self._update_critic(batch)
        self.updates += 1
        return BCQLosses(*self._losses.unbind())

    def _update_behaviour(self, batch: Batch) -> None:
        loss = self.behaviour.negative_log_likelihood(batch.input, batch.action)
        loss.sum().backward()
        self.behaviour_adam.step()
        zero = torch.zeros_like(loss.detach())
        self._losses = torch.stack((loss.detach() / self.settings.behaviour_members, zero, zero))

    def _update_critic(self, batch: Batch) -> None:
        settings = self.settings
        with torch.no_grad():
            target = self.critic_target(batch)
        q = self.critic(torch.cat((batch.input, batch.action), dim=-1))[..., 0, :, 0]
        loss = mean_squared_error(q, target)
        loss.sum().backward()
        share = decayed_share(
            self.updates - settings.behaviour_updates,
            self.total_updates,
            settings.learning_rate_decay_start,
        )
        self.critic_adam.step(settings.critic_learning_rate * share)
        self.target_critic.move_towards(self.critic, settings.polyak_rate)
        if self.acting is not self.critic:
            self.acting.move_towards(self.critic, settings.policy_average)
        self._losses = torch.stack((self._losses[0], loss.detach(), q.detach().mean(dim=-1)))

    def critic_target(self, batch: Batch) -> Tensor:
        """Clipped target with the best of the proposals by the target critic: [b]."""
        shape = (batch.reward.shape[-1], self.settings.proposals)
        uniform = self.noise.uniform(*shape)
        normal = self.noise.normal(*shape, self.behaviour.action_dim)
        proposals = self.behaviour.sample(batch.next_input, uniform, normal)
        next_q = proposal_values(self.target_critic, batch.next_input, proposals)
        return bellman_target(batch, next_q.amax(dim=-1), self.settings)

    def act(self, inputs: Tensor) -> Tensor:
        """Actions [n, act] in [-1, 1] for inputs [n, in]."""
        return self.policy.act(inputs)

    def policy_tensors(self) -> dict[str, Tensor]:
        return with_prefix("critic", self.acting.state()) | with_prefix(
            "behaviour", self.behaviour.network.state()
        )

    def _parts(self) -> dict[str, StackedMlp | Adam]:
        parts: dict[str, StackedMlp | Adam] = {
            "behaviour": self.behaviour.network,
            "critic": self.critic,
            "target_critic": self.target_critic,
            "behaviour_adam": self.behaviour_adam,
            "critic_adam": self.critic_adam,
        }
        return parts if self.acting is self.critic else parts | {"acting": self.acting}

    def state(self) -> dict[str, Tensor]:
        state = {
            "updates": torch.tensor(self.updates),
            "noise": self.noise.state(),
            "losses": self._losses.clone(),
        }
        for name, part in self._parts().items():
            state |= with_prefix(name, part.state())
        return state

    def load_state(self, state: dict[str, Tensor]) -> None:
        for name, part in self._parts().items():
            part.load_state(without_prefix(name, state))
        self.updates = int(state["updates"])
        self.noise.load_state(state["noise"])
        self._losses = state["losses"].to(self._losses.device, copy=True)


def make(settings: BCQSettings, *arguments: Any) -> Agent:
    """The agent of the form that the settings name; `arguments` as both classes take them."""
    form = bcq_published.PublishedBCQ if settings.form == "published" else BCQ
    return form(settings, *arguments)
