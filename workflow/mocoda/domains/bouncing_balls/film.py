"""Films of bouncing balls: four episodes of a policy in one small GIF, drawn without a screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mocoda.domains.bouncing_balls import task
from mocoda.domains.bouncing_balls.collisions import BALLS, RADIUS

EPISODES = 4
FRAMES_PER_SECOND = 15
LAST_FRAMES = 10  # how long the last picture stays, in frames
SIZE = 150  # pixels, of one episode
MARGIN = 4  # pixels around it

# Colours that are told apart with any colour vision (Okabe and Ito): ball_1, then the others.
BALL_COLOURS = ((213, 94, 0), (0, 114, 178), (86, 180, 233), (110, 110, 110))
WHITE, GREEN, LINE = (255, 255, 255), (150, 215, 150), (160, 160, 160)
PALETTE = (*BALL_COLOURS, WHITE, GREEN, LINE)

Policy = Callable[[np.ndarray, np.ndarray], np.ndarray]


def record(
    policy: Policy | None, seeds: np.ndarray, steps: int = task.HORIZON
) -> tuple[list[np.ndarray], np.ndarray]:
    """States [1 + steps taken, 16] of an episode a seed, to target or horizon, and goals [n, 2].

    policy : (observation [n, 16], goal [n, 2]) -> action [n, 2]; None: the scripted oracle.
    """
    episodes = task.BouncingBallsTask(len(seeds))
    observation, goal = episodes.reset(seeds)
    oracle = task.placing_oracle(observation, goal)
    states = [observation]
    length = np.full(len(seeds), 1)
    active = np.ones(len(seeds), dtype=bool)
    for _ in range(steps):
        action = oracle.act(observation) if policy is None else policy(observation, goal)
        observation = episodes.step(np.asarray(action))
        states.append(observation)
        length += active
        active &= ~np.asarray(task.terminated(task.reward(observation, goal)))
        if not active.any():
            break
    paths = np.stack(states, axis=1)
    return [path[:used] for path, used in zip(paths, length, strict=True)], goal


def draw(states: np.ndarray, goals: np.ndarray) -> Image.Image:
    """A picture with a palette of states [n, 16] with goals [n, 2], side by side.

    Each shows its target in green, ball_1 in orange, and the others. 158 pixels high, 158 n wide.
    """
    side = SIZE + 2 * MARGIN
    picture = Image.new("P", (side * len(states), side), PALETTE.index(WHITE))
    picture.putpalette([level for colour in PALETTE for level in colour])
    pen = ImageDraw.Draw(picture)
    for index, (state, goal) in enumerate(zip(states, goals, strict=True)):
        left = index * side + MARGIN
        pen.rectangle((left, MARGIN, left + SIZE, MARGIN + SIZE), outline=PALETTE.index(LINE))
        disc(pen, left, goal[:2], task.TARGET_RADIUS, PALETTE.index(GREEN))
        for ball in range(BALLS)[::-1]:  # ball_1 on top
            disc(pen, left, state[4 * ball : 4 * ball + 2], RADIUS, ball)
    return picture


def disc(
    pen: ImageDraw.ImageDraw, left: int, centre: np.ndarray, radius: float, colour: int
) -> None:
    """A disc in the square that begins at pixel `left`: x to the right, y upward."""
    x, y = left + SIZE * float(centre[0]), MARGIN + SIZE * (1.0 - float(centre[1]))
    r = SIZE * radius
    pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)


def film(
    policy: Policy | None, seeds: np.ndarray, path: str | Path, *, steps: int = task.HORIZON
) -> None:
    """Write a GIF of the first four of the episodes, side by side (some tens of kB).

    policy : (observation [n, 16], goal [n, 2]) -> action [n, 2]; None: the scripted oracle.
    Episodes in which ball_1 is placed stand still; the film ends when all have ended.
    """
    paths, goals = record(policy, seeds[:EPISODES], steps)
    longest = max(len(states) for states in paths)
    frames = [
        draw(np.stack([states[min(step, len(states) - 1)] for states in paths]), goals)
        for step in range(longest)
    ]
    frames += [frames[-1]] * LAST_FRAMES
    frames[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=1000 // FRAMES_PER_SECOND,
        loop=0,
        optimize=True,
    )
