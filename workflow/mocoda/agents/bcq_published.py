"""Batch-constrained Q-learning as Fujimoto, Meger and Precup (ICML 2019) published it.

A conditional variational autoencoder proposes actions like those of the data, a network perturbs
them by at most Φ, twin critics judge them (algorithm 1):

    â_i = clip(a_i + ξ(s', a_i)),  a_i = decoder(s', z_i),  z_i ~ N(0, 1) clipped,  i = 1 .. 10
    y = r + γ max_i [λ min(Q1', Q2') + (1 - λ) max(Q1', Q2')](s', â_i);   π(s) = argmax_i Q1(s, â_i)

All networks take a step in every update. As in the other agents, and not published: y is clipped,
and `hidden_sizes`, falling learning rates and the average of what acts are settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from mocoda.agents.base import Batch, bellman_target, with_prefix, without_prefix
from mocoda.agents.bcq_settings import BCQSettings
from mocoda.agents.noise import Seeds, starts
from mocoda.errors import UserError
from mocoda.learning_rate import decayed_share
from mocoda.networks import StackedMlp
from mocoda.optimiser import Adam
from mocoda.seeding import torch_generator

LOG_DEVIATION_RANGE = (-4.0, 15.0)  # of the encoder's Gaussian (published code)
CACHED_PAIRS = 2048  # so many rows at a time stay in the processor's cache


@dataclass(frozen=True)
class PublishedBCQLosses:
    """0-d tensors, all of this update.

    vae : reconstruction + divergence_weight * divergence; reconstruction : MSE of the actions;
    divergence : KL from the standard normal in nats, mean over rows and latent columns.
    critic : sum over both critics of the mean squared Bellman error.
    perturbation : -mean Q1 of perturbed proposals; mean_q : of both critics at the batch's actions.
    """

    vae: Tensor
    reconstruction: Tensor
    divergence: Tensor
    critic: Tensor
    perturbation: Tensor
    mean_q: Tensor


class Networks(NamedTuple):
    """(s, z) -> action, (s, a) -> ξ, (s, a) -> Q of each critic; the first two end in tanh."""

    decoder: StackedMlp
    perturbation: StackedMlp
    critics: StackedMlp

    def decode(self, inputs: Tensor, latent: Tensor) -> Tensor:
        """Actions [n, act] in [-1, 1] of inputs [n, in] and latent vectors [n, latent]."""
        return self.decoder(torch.cat((inputs, latent), dim=1))[0].tanh()

    def perturb(self, inputs: Tensor, action: Tensor, limit: float) -> Tensor:
        """clip(a + ξ(s, a)) [n, act], |ξ| <= limit, of inputs [n, in] and actions [n, act]."""
        change = self.perturbation(torch.cat((inputs, action), dim=1))[0].tanh()
        return (action + limit * change).clamp(-1, 1)

    @torch.no_grad()
    def judge(self, inputs: Tensor, latent: Tensor, limit: float) -> tuple[Tensor, Tensor]:
        """Perturbed proposals [n, k, act] and their values [critics, n, k], without gradients,
        for inputs [n, in] and latent vectors [n, k, latent] or [1, k, latent]."""
        rows, count = len(inputs), latent.shape[1]
        repeated = inputs.repeat_interleave(count, dim=0)
        flat = latent.expand(rows, -1, -1).reshape(rows * count, -1)
        step = CACHED_PAIRS if inputs.is_cpu else len(flat)
        actions, values = [], []
        for part, z in zip(repeated.split(step), flat.split(step), strict=True):
            actions.append(self.perturb(part, self.decode(part, z), limit))
            values.append(self.critics(torch.cat((part, actions[-1]), dim=1)).squeeze(-1))
        return torch.cat(actions).view(rows, count, -1), torch.cat(values, 1).view(-1, rows, count)


class PublishedBCQPolicy:
    """The perturbed proposal with the highest Q1.

    The latent vectors behind the proposals are the same for every row and every call, so that an
    action depends on the state alone (our choice; the published code draws anew each time).
    """

    def __init__(self, networks: Networks, settings: BCQSettings) -> None:
        self.networks, self.limit = networks, settings.perturbation_limit
        noise = torch_generator("bcq_published", "acting")
        shape = (1, settings.acting_proposals, 2 * networks.decoder.sizes[-1])
        latent = torch.randn(shape, generator=noise).to(networks.decoder.device)
        self._latent = latent.clamp_(-settings.latent_clip, settings.latent_clip)

    def act(self, inputs: Tensor) -> Tensor:
        """Actions [n, act] in [-1, 1] for inputs [n, in]."""
        proposals, values = self.networks.judge(inputs, self._latent, self.limit)
        return proposals[torch.arange(len(inputs), device=inputs.device), values[0].argmax(dim=1)]


def policy_from_tensors(
    tensors: dict[str, Tensor], settings: BCQSettings, device: torch.device | str = "cpu"
) -> PublishedBCQPolicy:
    """The policy that `PublishedBCQ.policy_tensors` describes: the same actions, bit for bit."""
    load = partial(StackedMlp.from_state, precision=settings.precision, device=device)
    networks = [load(without_prefix(name, tensors)) for name in Networks._fields]
    return PublishedBCQPolicy(Networks(*networks), settings)


class PublishedBCQ:
    """An `Agent`: encoder, decoder, perturbation, twin critics; slow copies of the last two as
    targets (published). `acting`: the networks themselves, or the moving averages of them."""

    def __init__(
        self,
        settings: BCQSettings,
        input_dim: int,
        action_dim: int,
        total_updates: int,
        seeds: Seeds,
        device: torch.device | str = "cpu",
    ) -> None:
        if not isinstance(seeds, int):
            raise UserError(
                "train_offline_agent.bcq, form published",
                expected="one run a job",
                found=f"{len(seeds)} runs side by side",
                remedy="Set train_offline_agent.side_by_side to false, or form to mocoda.",
            )
        self.settings, self.total_updates, self.device = settings, total_updates, device
        self.updates, self.latent_dim = 0, 2 * action_dim  # published
        drawn = starts("bcq_published", seeds)
        self.noise = torch_generator("bcq_published", "noise", seeds, device=device)
        network = partial(StackedMlp, generator=drawn, precision=settings.precision, device=device)
        pair, vae, hidden = input_dim + action_dim, settings.vae_hidden_sizes, settings.hidden_sizes
        self.encoder = network(1, (pair, *vae, 2 * self.latent_dim))
        decoder = network(1, (input_dim + self.latent_dim, *vae, action_dim))
        perturbation = network(1, (pair, *hidden, action_dim), start=settings.start)
        critics = network(2, (pair, *hidden, 1), start=settings.start)
        self.networks = Networks(decoder, perturbation, critics)
        self.targets = Networks(decoder, perturbation.copy(), critics.copy())
        self.acting = self.networks
        if settings.policy_average:
            self.acting = Networks(*(network.copy() for network in self.networks))
        self.adams = {
            "encoder": Adam(self.encoder, settings.vae_learning_rate),
            "decoder": Adam(decoder, settings.vae_learning_rate),
            "perturbation": Adam(perturbation, settings.perturbation_learning_rate),
            "critics": Adam(critics, settings.critic_learning_rate),
        }

    @property
    def planned_updates(self) -> int:
        return self.total_updates

    def batch_size_for(self, update: int) -> int:
        return self.settings.batch_size

    def update(self, batch: Batch) -> PublishedBCQLosses:
        """One step of all networks in the published code's order; then the slow copies."""
        vae_loss, reconstruction, divergence = self.vae_loss(batch)
        self._step(vae_loss, "encoder", "decoder")
        critic_loss, mean_q = self.critic_loss(batch, self.critic_target(batch))
        self._step(critic_loss, "critics")
        perturbation_loss = self.perturbation_loss(batch)
        self._step(perturbation_loss, "perturbation")
        for target, network in zip(self.targets[1:], self.networks[1:], strict=True):
            target.move_towards(network, self.settings.polyak_rate)
        if self.acting is not self.networks:
            for average, network in zip(self.acting, self.networks, strict=True):
                average.move_towards(network, self.settings.policy_average)
        self.updates += 1
        losses = (vae_loss, reconstruction, divergence, critic_loss, perturbation_loss, mean_q)
        return PublishedBCQLosses(*(loss.detach() for loss in losses))

    def _step(self, loss: Tensor, *names: str) -> None:
        decay_start = self.settings.learning_rate_decay_start
        share = decayed_share(self.updates, self.total_updates, decay_start)
        loss.backward()
        for name in names:
            self.adams[name].step(self.adams[name].learning_rate * share)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, self.latent_dim, generator=self.noise, device=self.device)

    def vae_loss(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The autoencoder's objective, its mean squared error, its divergence."""
        code = self.encoder(torch.cat((batch.input, batch.action), dim=1))[0]
        mean, log_deviation = code.split(self.latent_dim, dim=1)
        log_deviation = log_deviation.clamp(*LOG_DEVIATION_RANGE)
        deviation = log_deviation.exp()
        latent = torch.addcmul(mean, deviation, self._normal(len(mean)))
        reconstruction = mse_loss(self.networks.decode(batch.input, latent), batch.action)
        divergence = 0.5 * (mean.square() + deviation.square() - 1 - 2 * log_deviation).mean()
        weight = self.settings.divergence_weight
        return reconstruction + weight * divergence, reconstruction, divergence

    def critic_target(self, batch: Batch) -> Tensor:
        """Clipped target [b] with the best perturbed proposal by λ min + (1 - λ) max of both."""
        settings, clip = self.settings, self.settings.latent_clip
        latent = self._normal(len(batch.reward), settings.target_proposals).clamp_(-clip, clip)
        _, values = self.targets.judge(batch.next_input, latent, settings.perturbation_limit)
        mixed = torch.lerp(values.amax(dim=0), values.amin(dim=0), settings.minimum_weight)
        return bellman_target(batch, mixed.amax(dim=1), settings)

    def critic_loss(self, batch: Batch, target: Tensor) -> tuple[Tensor, Tensor]:
        """Sum over both critics of the mean squared error, and the mean of Q."""
        q = self.networks.critics(torch.cat((batch.input, batch.action), dim=1)).squeeze(-1)
        return 2 * mse_loss(q, target.expand_as(q)), q.mean()

    def perturbation_loss(self, batch: Batch) -> Tensor:
        """-mean Q1 of one perturbed proposal a row; only the perturbation learns from it."""
        clip, limit = self.settings.latent_clip, self.settings.perturbation_limit
        with torch.no_grad():
            latent = self._normal(len(batch.input)).clamp_(-clip, clip)
            proposal = self.networks.decode(batch.input, latent)
        action = self.networks.perturb(batch.input, proposal, limit)
        q = self.networks.critics(torch.cat((batch.input, action), dim=1), frozen=True)
        return -q[0].mean()

    def act(self, inputs: Tensor) -> Tensor:
        """Actions [n, act] in [-1, 1] for inputs [n, in]."""
        # By the first critic alone, as in evaluation: both in one product may round otherwise.
        return policy_from_tensors(self.policy_tensors(), self.settings, self.device).act(inputs)

    def policy_tensors(self) -> dict[str, Tensor]:
        """Decoder, perturbation and the first critic."""
        return {
            f"{name}.{key}": piece[:1].clone()
            for name, network in self.acting._asdict().items()
            for key, piece in network.state().items()
        }

    def _parts(self) -> dict[str, StackedMlp | Adam]:
        parts: dict[str, StackedMlp | Adam] = {"encoder": self.encoder, **self.networks._asdict()}
        parts |= {f"{name}_adam": adam for name, adam in self.adams.items()}
        parts["target_perturbation"] = self.targets.perturbation
        parts["target_critics"] = self.targets.critics
        if self.acting is not self.networks:
            parts |= {f"acting.{name}": mean for name, mean in self.acting._asdict().items()}
        return parts

    def state(self) -> dict[str, Tensor]:
        state = {"updates": torch.tensor(self.updates), "noise": self.noise.get_state()}
        for name, part in self._parts().items():
            state |= with_prefix(name, part.state())
        return state

    def load_state(self, state: dict[str, Tensor]) -> None:
        for name, part in self._parts().items():
            part.load_state(without_prefix(name, state))
        self.updates = int(state["updates"])
        self.noise.set_state(state["noise"].cpu())
