"""What a domain is: a frozen dataclass of data and pure batched functions.

A domain is ONE module that defines a `Domain` and ONE line in `mocoda.domains.DOMAINS`.
Functions that score rows take either NumPy arrays or torch tensors and return the same kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from pydantic import BaseModel

from mocoda.factors import Slots
from mocoda.transitions import Transitions

Array = Any  # numpy.ndarray or torch.Tensor; the functions below keep the kind they are given


class BatchedTask(Protocol):
    """Many episodes of a task, stepped side by side."""

    horizon: int

    def reset(self, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Start one episode a seed: float64 observation [n, obs], desired goal [n, goal]."""

    def step(self, action: np.ndarray) -> np.ndarray:
        """Apply float actions [n, act] in [-1, 1]; return the next observation [n, obs]."""


@dataclass(frozen=True)
class Collected:
    """What `Domain.collect` returns: the rows and the facts for the data card."""

    transitions: Transitions
    facts: dict[str, Any]


Collect = Callable[[BaseModel, int, int, Callable[[str], None]], Collected]


@dataclass(frozen=True)
class Domain:
    """Everything the stages need to know about one task family."""

    name: str
    slots: Slots
    goal_dim: int
    horizon: int
    # The graph that holds away from contacts, bool[roots, children] (1 = depends).
    base_mask: np.ndarray
    # Observation columns of each object's position, for the distance heuristic.
    object_positions: tuple[tuple[int, ...], ...]
    # Names of the roots in each parent set; one mixture is fitted to each (MoCoDA, section 4.1).
    parent_sets: tuple[tuple[str, ...], ...]
    # Columns of the observation whose density the rebalancing flattens, and the largest distance
    # between the objects that MoCoDA-P keeps (metres; None: keep all).
    rebalance_columns: tuple[int, ...]
    rebalance_max_distance: float | None
    # Columns of the goal that an agent reads, appended to the observation.
    agent_goal_columns: tuple[int, ...]

    # (settings of the domain, seed, threads, log) -> rows of the empirical task; None where they
    # always come from a file of the user's (`mocoda.logged`)
    collect: Collect | None
    # of `collect_empirical`; `transitions`, the number of rows to collect, must be among them
    settings: type[BaseModel]
    # (number of episodes, threads) -> the target task, for evaluation
    make_task: Callable[[int, int], BatchedTask]
    # (number, generator) -> goals of the target task, float64 [n, goal]
    sample_goals: Callable[[int, np.random.Generator], np.ndarray]
    # (next_observation, goal) -> reward [n]. The agents clip their targets to -50 .. 0, for rewards
    # from -1 to 0; others need `target_low` and `target_high` in the agents' settings.
    reward: Callable[[Array, Array], Array]
    # (reward) -> bool [n]: the rows that end an episode; also of tensors
    terminated: Callable[[Array], Array]
    # (reward at the last step) -> bool [n]
    success: Callable[[Array], Array]
    # (observation, action) -> {reason: bool [n], True where the row is invalid}
    invalid_parents: Callable[[np.ndarray, np.ndarray], Mapping[str, np.ndarray]]
    # (first observation, goal, last observation) -> columns of the table of episodes
    describe_episodes: Callable[[np.ndarray, np.ndarray, np.ndarray], dict[str, np.ndarray]]
    # (first observation, goal) -> a controller with act(observation): the scripted ceiling
    oracle: Callable[[np.ndarray, np.ndarray], Any] | None = None
    # (number, generator) -> observation [n, obs] and action [n, act], uniform over the states and
    # actions of the task; None where these fill no simple region
    uniform_parents: Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray]] | None = (
        None
    )
    # (next_observation [n, obs], generator) -> a goal of the target task near to where each row's
    # objects are, float64 [n, goal]; None where there is no such thing
    goals_near: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None
    # (policy(obs, goal) -> action, seeds of episodes as `BatchedTask.reset` takes them, path) ->
    # writes a film of as many of them as it shows; raises UserError with no renderer
    film: Callable[..., None] | None = None
    # Whether an episode ends at its first `terminated` row; False: it runs to the horizon, as
    # HookSweep2 does, and only data sets mark the row.
    ends_at_goal: bool = False
    # What is known in closed form, None where it is not; it measures, nothing is trained on it:
    # (observation, action) -> the local graph of each row, bool [n, roots, children]
    true_mask: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    # (observation, action) -> next observation [n, obs], in the dtype of the observation
    true_dynamics: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
