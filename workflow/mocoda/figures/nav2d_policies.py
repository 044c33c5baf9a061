"""Learned policies as fields of arrows, with rollouts of the target task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from mocoda.domains.base import Domain
from mocoda.domains.nav2d import task
from mocoda.errors import UserError
from mocoda.evaluation import Actor, Rollouts, roll_out
from mocoda.figures.nav2d_square import draw_square, head, label_outer, require_any, square_figure
from mocoda.figures.style import BLUE, RED

WHERE = "figure of nav2d policies"
GRID = 15  # arrows along a side
COLUMNS_A_BLOCK = 8
PANEL = 1.9  # inches


@dataclass(frozen=True)
class ShownPolicy:
    """actions : float [GRID**2, 2] at `grid_places()`; rollouts : episodes of the target task."""

    actions: np.ndarray
    rollouts: Rollouts

    def reached(self) -> np.ndarray:
        """bool [n]: the episodes that end in the goal box."""
        return np.asarray(task.success(self.rollouts.last(self.rollouts.rewards)))

    def title(self) -> str:
        """Mean steps of the rollouts (the horizon where the goal is not reached); how many do."""
        reached = self.reached()
        steps = self.rollouts.lengths.mean()
        return f"{steps:.1f} steps, {reached.sum()}/{len(reached)}"


def grid_places() -> np.ndarray:
    """Centres of a GRID x GRID division of the unit square, float64 [GRID**2, 2]."""
    centres = (np.arange(GRID) + 0.5) / GRID
    return np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)


def follow(domain: Domain, actor: Actor, seeds: np.ndarray) -> ShownPolicy:
    """Ask a policy at each place of the grid, and run one episode of the target task a seed.

    Actions are clipped to [-1, 1], as the task does. Raises UserError for actions that are not
    finite numbers [n, 2].
    """
    places = grid_places()
    actions = np.asarray(actor(places, np.tile(task.GOAL, (len(places), 1))))
    if actions.shape != places.shape or not np.isfinite(actions).all():
        raise UserError(
            WHERE,
            expected=f"finite actions {list(places.shape)}",
            found=f"shape {list(actions.shape)}, {(~np.isfinite(actions)).sum()} not finite",
        )
    rollouts = roll_out(domain, seeds, lambda first, goal: actor)
    return ShownPolicy(np.clip(actions, -1.0, 1.0), rollouts)


def nav2d_policies(shown: Mapping[tuple[str, str], ShownPolicy]) -> Figure:
    """Panels by (agent, training set), both as displayed: agents downward, sets to the right.

    Arrows: the policy's action, drawn as the step that it makes outside the quadrant. Lines: the
    rollouts from their starts, blue where they end in the goal box, red where not; a dot is an
    end. Title: mean steps, and how many reach the goal. More than `COLUMNS_A_BLOCK` training sets
    are broken into blocks, one under the other. Raises UserError for no policies or rollouts.
    """
    require_any(shown, WHERE, "policy")
    agents = list(dict.fromkeys(agent for agent, _ in shown))
    columns = list(dict.fromkeys(column for _, column in shown))
    blocks = -(-len(columns) // COLUMNS_A_BLOCK)
    width = -(-len(columns) // blocks)
    lines = blocks * len(agents)
    figure = square_figure(0.5 + PANEL * width, 0.6 + 0.2 * blocks + (PANEL + 0.2) * lines)
    grid = figure.subplots(lines, width, squeeze=False)
    for axes in grid.ravel():
        axes.set_visible(False)
    for (agent, column), policy in shown.items():
        block, place = divmod(columns.index(column), width)
        row = agents.index(agent)
        axes = grid[block * len(agents) + row, place]
        axes.set_visible(True)
        if not len(policy.rollouts.lengths):
            raise UserError(f"{WHERE}, {agent}, {column}", expected="rollouts", found="none")
        draw_policy(axes, policy)
        name = f"{column}\n" if row == 0 else ""
        axes.set_title(f"{name}{policy.title()}", fontsize=10, pad=3)
        label_outer(axes, bottom=row == len(agents) - 1, left=place == 0)
        if place == 0:
            axes.set_ylabel(f"{agent}\ny", fontsize=11, labelpad=1)
    episodes = len(next(iter(shown.values())).rollouts.lengths)
    head(
        figure,
        f"Policies: action at each place, and {episodes} episodes from the dotted start box "
        "(blue: reach the green goal box, red: do not)",
    )
    return figure


def draw_policy(axes: Axes, policy: ShownPolicy) -> None:
    """The field of arrows, the rollouts and their ends."""
    places, moves = grid_places(), task.STEP * policy.actions
    axes.quiver(
        places[:, 0],
        places[:, 1],
        moves[:, 0],
        moves[:, 1],
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.005,
        headwidth=3.4,
        headlength=3.6,
        headaxislength=3.4,
        color="#7A7A7A",
        # Blended edges of thousands of arrows are most of a file's bytes.
        antialiased=False,
    )
    draw_square(axes, start=True)
    lengths = policy.rollouts.lengths
    paths = [
        policy.rollouts.observations[: length + 1, episode]
        for episode, length in enumerate(lengths)
    ]
    colours = np.where(policy.reached(), BLUE, RED).tolist()
    axes.add_collection(LineCollection(paths, colors=colours, linewidths=0.9, zorder=5))
    ends = np.stack([path[-1] for path in paths])
    axes.scatter(ends[:, 0], ends[:, 1], s=9, c=colours, zorder=6, linewidths=0)
