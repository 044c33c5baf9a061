"""What an offline agent is: settings, a batch, an update, a policy.

An agent is ONE module with its settings and its class, and ONE line in `mocoda.agents.AGENTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from mocoda.agents.noise import Seeds
from mocoda.network_starts import Start
from mocoda.networks import Precision


@dataclass(frozen=True)
class Batch:
    """b transitions, float32 tensors on the agent's device.

    input, next_input : [b, in], observation and goal columns, normalised by the caller.
    action : [b, act] in [-1, 1]; reward : [b].
    not_terminated : [b], 0 where the episode ended by success and the return stops, else 1.

    An agent of several runs takes a batch for each: all tensors have one more dimension in front.
    Update steps index from the last dimension, so that they read the same for both.
    """

    input: Tensor
    action: Tensor
    reward: Tensor
    next_input: Tensor
    not_terminated: Tensor

    @property
    def runs(self) -> int | None:
        """How many runs have their rows here; None for one alone."""
        return len(self.reward) if self.reward.dim() == 2 else None


class AgentSettings(BaseModel):
    """What all agents share. Defaults: MoCoDA's hook experiments (appendix; published code)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    discount: float = Field(default=0.98, ge=0, lt=1, description="Discount a step (paper).")
    target_low: float = Field(
        default=-50.0, description="Lowest Q target, in units of reward (paper: -1 / (1 - 0.98))."
    )
    target_high: float = Field(
        default=0.0, description="Highest Q target, in units of reward (paper: rewards are <= 0)."
    )
    hidden_sizes: tuple[int, ...] = Field(
        default=(512, 512, 512),
        min_length=1,
        description="Widths of the hidden layers (paper: 3 x 512 for the hook, 2 x 512 for nav2d).",
    )
    start: Start = Field(
        default="uniform",
        description="First parameters of actors and critics: uniform (torch's default, ours), or "
        "orthogonal, without biases (published code; its second critic starts uniform).",
    )
    batch_size: int = Field(
        default=512,
        ge=1,
        description="Transitions an update (paper: 500; 512 suits the hardware's tiles).",
    )
    critic_learning_rate: float = Field(
        default=1e-3, gt=0, description="Adam step size of the critics (paper: 1e-3)."
    )
    polyak_rate: float = Field(
        default=0.005, gt=0, le=1, description="Share of the new parameters in a target (paper)."
    )
    learning_rate_decay_start: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Fraction of the updates after which all learning rates fall linearly to 0; "
        "1 = constant rates (paper). Our addition: evaluations swing less.",
    )
    policy_average: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Rate of the moving average of the parameters that act; 0 = the last "
        "parameters act (paper). Our addition, e.g. 0.001.",
    )
    precision: Precision = Field(
        default="auto",
        description="Of the matrix products: bf16 (with fp32 masters and outputs), fp32, or auto: "
        "bf16 where the hardware has it.",
    )

    @model_validator(mode="after")
    def _check_target(self) -> AgentSettings:
        if self.target_low >= self.target_high:
            raise ValueError(
                f"target_low ({self.target_low}) must be below target_high ({self.target_high})"
            )
        return self


class Policy(Protocol):
    """What evaluation needs."""

    def act(self, inputs: Tensor) -> Tensor:
        """Deterministic actions [n, act] in [-1, 1] for inputs [n, in]."""


class Agent(Policy, Protocol):
    """A learner of a policy from batches. `act` uses the averaged policy where there is one."""

    updates: int

    @property
    def planned_updates(self) -> int:
        """All updates of a whole training run, phases before the reinforcement learning too."""

    def batch_size_for(self, update: int) -> int:
        """Rows that update number `update` (from 0) wants."""

    def update(self, batch: Batch) -> Any:
        """One step; returns a frozen dataclass of 0-d tensors, whose fields are the metrics; of
        several runs, tensors [runs].

        Nothing is checked here: whoever logs the metrics refuses those that are not finite.
        """

    def state(self) -> dict[str, Tensor]:
        """Copies of all that a bit-exact resume needs, the noise generators' states too."""

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` of an agent with the same settings returned."""

    def policy_tensors(self) -> dict[str, Tensor]:
        """Copies of what is needed to act, and no more; of several runs, stacked."""


@dataclass(frozen=True)
class AgentVariant:
    """A line of `AGENTS`.

    make : (settings, input_dim, action_dim, total_updates, seeds, device) -> Agent, where
        `total_updates` counts the updates of the policy or critic. A list of seeds makes an agent
        that trains a run for each of them side by side, each as it would train alone.
    policy_from_tensors : (policy_tensors, settings, device) -> Policy.
    description : which algorithm this is, in the configuration's words.
    describe : settings -> which variant of it runs, in the tables' words.
    """

    settings: type[AgentSettings]
    make: Callable[[Any, int, int, int, Seeds, torch.device | str], Agent]
    policy_from_tensors: Callable[[dict[str, Tensor], Any, torch.device | str], Policy]
    description: str
    describe: Callable[[Any], str]


def describe_learning(settings: AgentSettings, learning_rate: float) -> str:
    """Networks, batch, rates and averaging in words, for the tables."""
    widths = " x ".join(map(str, settings.hidden_sizes))
    start = ", orthogonal at first" if settings.start == "orthogonal" else ""
    words = [f"networks {widths}{start}", f"batch {settings.batch_size}", f"rate {learning_rate:g}"]
    if settings.learning_rate_decay_start < 1:
        words[-1] += f" falling to 0 from {settings.learning_rate_decay_start:.0%} on"
    if settings.policy_average:
        words.append(f"parameters that act averaged at rate {settings.policy_average:g}")
    return ", ".join(words)


def mean_squared_error(found: Tensor, expected: Tensor, dims: int = 1) -> Tensor:
    """Mean of (found - expected)² over the last `dims` dimensions."""
    return (found - expected).square().mean(dim=tuple(range(-dims, 0)))


def bellman_target(batch: Batch, next_value: Tensor, settings: AgentSettings) -> Tensor:
    """r + γ (1 - terminated) Q'(s', a'), clipped to the range that a return can have: [b]."""
    target = torch.addcmul(batch.reward, batch.not_terminated, next_value, value=settings.discount)
    return target.clamp_(settings.target_low, settings.target_high)


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under a prefix, without it."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
