"""The data set of an offline agent: all rows in memory, batches by index.

Real and generated rows form one packed table; drawing its rows uniformly composes the published
ratio. EMP repeated k times is the same distribution as EMP, so nothing is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from mocoda.agents.base import Batch
from mocoda.domains.base import Domain
from mocoda.seeding import numpy_generator, torch_generator
from mocoda.stores import read_columns, verify

COLUMNS = ("observation", "action", "next_observation", "goal")


@dataclass(frozen=True)
class Table:
    """Packed rows float32 [n, obs + act + obs] and a goal for each, float32 [n, goal].

    The first `real` rows are the logged ones.
    """

    rows: Tensor
    goals: Tensor
    real: int

    @property
    def generated(self) -> int:
        return len(self.rows) - self.real


def _read(manifest: str, folder: str, chosen: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Packed rows and goals of a store, all or the chosen (sorted) ones; a chunk at a time."""
    verify(manifest, folder)
    packed, goals = [], []
    for observation, action, next_observation, goal in read_columns(folder, COLUMNS, chosen=chosen):
        packed.append(np.concatenate([observation, action, next_observation], axis=1))
        goals.append(goal)
    return np.concatenate(packed), np.concatenate(goals)


def load_table(
    domain: Domain,
    seed: int,
    real: tuple[Path | str, Path | str],
    generated: tuple[Path | str, Path | str] | None = None,
    selection: np.ndarray | None = None,
) -> Table:
    """The table of an agent's data set.

    real, generated : (manifest, folder) of the stores. selection : sorted row numbers of the
    generated store, or None for all. Logged rows get goals of the target task, as the published
    code relabels them; generated rows keep theirs.
    """
    rows, _ = _read(str(real[0]), str(real[1]), None)
    goals = domain.sample_goals(len(rows), numpy_generator(domain.name, "label_real", seed))
    count = len(rows)
    goals = goals.astype(np.float32)
    if generated is not None:
        more, more_goals = _read(str(generated[0]), str(generated[1]), selection)
        rows, goals = np.concatenate([rows, more]), np.concatenate([goals, more_goals])
    return Table(torch.from_numpy(rows), torch.from_numpy(goals), count)


class BatchSource:
    """Labelled batches of a table, a block at a time: a function of the block's number alone.

    goals : "batch" draws a new goal of the target task each time a row is drawn (labels are
        cheap, and a row then teaches about all goals; our choice); "dataset" keeps the goal that
        each row was labelled with once (published).
    normalise : whether inputs are shifted and scaled by the table's mean and deviation (our
        choice; the published code does not).
    goals_near : share of rows whose goal is drawn near their objects (`Domain.goals_near`), where
        goals are drawn for each batch.
    terminal : "success" ends the return at rows that succeed; "never" at none.
    """

    def __init__(
        self,
        domain: Domain,
        table: Table,
        names: tuple[object, ...],
        goals: Literal["batch", "dataset"],
        normalise: bool,
        terminal: Literal["success", "never"] = "success",
        goals_near: float = 0.0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.domain, self.names, self.goals = domain, names, goals
        self.terminal, self.goals_near = terminal, goals_near
        self.real, self.generated = table.real, table.generated
        self.device = torch.device(device)
        self.rows, self.row_goals = table.rows.to(self.device), table.goals.to(self.device)
        width = domain.slots.observation_dim
        inputs = width + len(domain.agent_goal_columns)
        self.mean = torch.zeros(inputs, device=self.device)
        self.std = torch.ones(inputs, device=self.device)
        if normalise:
            goal_columns = list(domain.agent_goal_columns)
            for part, values in (
                (slice(0, width), table.rows[:, :width]),
                (slice(width, None), table.goals[:, goal_columns]),
            ):
                deviation, mean = torch.std_mean(values.double(), dim=0)
                self.mean[part] = mean.float().to(self.device)
                self.std[part] = deviation.clamp(min=1e-3).float().to(self.device)

    def block(self, number: int, sizes: list[int]) -> Iterator[Batch]:
        """Batches of the given sizes for block `number`; drawn and labelled in one go."""
        generator = torch_generator(*self.names, "rows", number)
        chosen = torch.randint(len(self.rows), (sum(sizes),), generator=generator).to(self.device)
        row = self.rows.index_select(0, chosen)
        width, action_dim = self.domain.slots.observation_dim, self.domain.slots.action_dim
        observation, action, next_observation = row.split([width, action_dim, width], dim=1)
        if self.goals == "batch":
            goal = torch.from_numpy(self._draw_goals(number, next_observation)).to(self.device)
        else:
            goal = self.row_goals.index_select(0, chosen)
        reward = self.domain.reward(next_observation, goal)
        going_on = torch.ones_like(reward)
        if self.terminal == "success":
            going_on = (~self.domain.terminated(reward)).float()
        seen_goal = goal[:, list(self.domain.agent_goal_columns)]
        inputs = self.inputs(observation, seen_goal)
        next_inputs = self.inputs(next_observation, seen_goal)
        start = 0
        for size in sizes:
            part = slice(start, start + size)
            start += size
            yield Batch(
                input=inputs[part],
                action=action[part].contiguous(),
                reward=reward[part],
                next_input=next_inputs[part],
                not_terminated=going_on[part],
            )

    def _draw_goals(self, number: int, next_observation: Tensor) -> np.ndarray:
        """A goal for each row of block `number`, float32; for some rows near their objects."""
        rows = len(next_observation)
        generator = numpy_generator(*self.names, "goals", number)
        goals = self.domain.sample_goals(rows, generator)
        if self.goals_near and self.domain.goals_near is not None:
            near = generator.random(rows) < self.goals_near
            places = next_observation.cpu().numpy()[near]
            goals[near] = self.domain.goals_near(places, generator)
        return goals.astype(np.float32)

    def inputs(self, observation: Tensor, seen_goal: Tensor) -> Tensor:
        """What the agent reads: observation and goal columns, normalised."""
        return (torch.cat([observation, seen_goal], dim=1) - self.mean) / self.std


def make_actor(
    domain: Domain, act: Callable[[Tensor], Tensor], mean: Tensor, std: Tensor
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A policy over NumPy observations [n, obs] and goals [n, goal], as evaluation calls it."""
    columns = list(domain.agent_goal_columns)

    def actor(observation: np.ndarray, goal: np.ndarray) -> np.ndarray:
        joined = np.concatenate([observation, goal[:, columns]], axis=1).astype(np.float32)
        inputs = (torch.from_numpy(joined).to(mean.device) - mean) / std
        return act(inputs).cpu().numpy().astype(np.float64)

    return actor
