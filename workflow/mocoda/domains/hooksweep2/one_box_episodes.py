"""Episodes of the one-box expert as they run: sweeps, interrupted sweeps, shoves and lapses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocoda.behaviour_noise import noisy
from mocoda.domains.hooksweep2 import task
from mocoda.domains.hooksweep2.collection_settings import CollectionSettings
from mocoda.domains.hooksweep2.expert import CLEAR_HEIGHT, SweepExpert
from mocoda.domains.hooksweep2.lanes import Starts
from mocoda.domains.hooksweep2.shoves import ShoveExpert
from mocoda.domains.hooksweep2.simulator import HookSweep2Simulator

LIFT = (0.0, 0.0, 1.0, 0.0)  # straight up: how an interrupted episode ends
LAPSE_STEPS = (5, 30)  # how long a lapse lasts
NEVER = task.HORIZON + 1  # steps at the goal after which a sweep lapses that does not


@dataclass(frozen=True)
class Lapses:
    """n lapses: after int64 [n] (steps at the goal; NEVER: no lapse), action [n, 4] that is
    repeated, steps int64 [n] of it."""

    after: np.ndarray
    action: np.ndarray
    steps: np.ndarray


def draw_lapses(
    sweeps: np.ndarray, settings: CollectionSettings, generator: np.random.Generator
) -> Lapses:
    """When the sweeps, bool [n], among n episodes lapse, the action that each repeats (its size is
    drawn too), and for how long."""
    n = len(sweeps)
    after = generator.integers(1, settings.hold_steps + 1, size=n)
    action = generator.uniform(-1.0, 1.0, size=(n, 4)) * generator.uniform(0.0, 1.0, size=(n, 1))
    return Lapses(
        after=np.where(sweeps & (generator.random(n) < settings.lapses), after, NEVER),
        action=action,
        steps=generator.integers(LAPSE_STEPS[0], LAPSE_STEPS[1] + 1, size=n),
    )


@dataclass(frozen=True)
class Recorded:
    """n episodes: observations [n, horizon + 1, 16], actions [n, horizon, 4], both float32, of
    which episode i uses the first `length[i]` steps; reached bool [n], whether it did succeed."""

    observations: np.ndarray
    actions: np.ndarray
    length: np.ndarray
    reached: np.ndarray

    def used(self) -> np.ndarray:
        """Which steps were taken, bool [n, horizon]."""
        return np.arange(self.actions.shape[1]) < self.length[:, None]


def run_episodes(
    simulator: HookSweep2Simulator,
    starts: Starts,
    settings: CollectionSettings,
    generator: np.random.Generator,
) -> Recorded:
    """The noisy one-box expert from the given starts, one episode each."""
    n = len(starts.box)
    observations = np.zeros((n, task.HORIZON + 1, task.SLOTS.observation_dim), np.float32)
    actions = np.zeros((n, task.HORIZON, task.SLOTS.action_dim), np.float32)
    observation = simulator.place(starts.boxes)
    chosen = (np.arange(2) == starts.box[:, None]) | starts.interrupted[:, None]
    expert = SweepExpert(observation, starts.aim, chosen, lane=starts.lane, gap=starts.gap)
    shover = ShoveExpert(starts.shoves)
    stopped = np.zeros(n, dtype=bool)
    observations[:, 0] = observation
    length = np.full(n, task.HORIZON)
    held = np.zeros(n, dtype=np.int64)
    lapses = draw_lapses(~(starts.interrupted | starts.shoved), settings, generator)
    lapsed = np.zeros(n, dtype=np.int64)
    reached = np.zeros(n, dtype=bool)
    active = np.ones(n, dtype=bool)
    for step in range(task.HORIZON):
        action = expert.act(observation)
        action = np.where(starts.shoved[:, None], shover.act(observation), action)
        stopped |= starts.interrupted & expert.about_to_touch_both(observation)
        stopped |= starts.shoved & shover.done
        lapsed += (lapsed > 0) | (held >= lapses.after)
        action = np.where(lapsed[:, None] > 0, lapses.action, action)
        action[stopped] = LIFT
        actions[:, step] = noisy(action, settings.action_noise, settings.random_actions, generator)
        observation = simulator.step(actions[:, step], active)
        observations[:, step + 1] = observation
        good = task.success(task.reward(observation, starts.goal))
        held = np.where(good & ~starts.shoved, held + 1, 0)
        reached |= good & active
        ending = active & (held >= settings.hold_steps) & (lapses.after == NEVER)
        ending |= active & (lapsed >= lapses.steps)
        ending |= active & stopped & (observation[:, 2] > CLEAR_HEIGHT)
        length[ending] = step + 1
        active &= ~ending
        if not active.any():
            break
    return Recorded(observations, actions, length, reached)
