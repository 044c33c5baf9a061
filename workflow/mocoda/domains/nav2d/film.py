"""Films of 2D Navigation: several episodes of a policy in one small GIF, drawn without a screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mocoda.domains.nav2d import task
from mocoda.domains.nav2d.controller import greedy_oracle

EPISODES = 8
FRAMES_PER_SECOND = 15
LAST_FRAMES = 10  # how long the finished paths stay, in frames
SIZE = 240  # pixels
EDGE = 0.05  # of the unit square's side, shown around it

# Eight colours that are told apart with any colour vision (Okabe and Ito), and the background's.
PATH_COLOURS = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (230, 159, 0),
    (0, 0, 0),
    (110, 110, 110),
)
WHITE, GREY, GREEN, LINE = (255, 255, 255), (228, 228, 236), (150, 215, 150), (160, 160, 160)
PALETTE = (*PATH_COLOURS, WHITE, GREY, GREEN, LINE)

Policy = Callable[[np.ndarray, np.ndarray], np.ndarray]


def record(policy: Policy | None, seeds: np.ndarray, steps: int = task.HORIZON) -> list[np.ndarray]:
    """Paths [1 + steps taken, 2] of an episode of the target task a seed, to goal or horizon.

    policy : (observation [n, 2], goal [n, 2]) -> action [n, 2]; None: the scripted oracle.
    """
    episodes = task.Nav2DTask(len(seeds))
    observation, goal = episodes.reset(seeds)
    oracle = greedy_oracle(observation, goal)
    places = [observation]
    length = np.full(len(seeds), 1)
    active = np.ones(len(seeds), dtype=bool)
    for _ in range(steps):
        action = oracle.act(observation) if policy is None else policy(observation, goal)
        observation = episodes.step(np.asarray(action))
        places.append(observation)
        length += active
        active &= ~np.asarray(task.terminated(task.reward(observation, goal)))
        if not active.any():
            break
    paths = np.stack(places, axis=1)
    return [path[:used] for path, used in zip(paths, length, strict=True)]


def pixels(place: np.ndarray) -> list[tuple[float, float]]:
    """Places [n, 2] in the picture: x to the right, y upward."""
    share = (np.asarray(place, dtype=np.float64) + EDGE) / (1.0 + 2.0 * EDGE)
    # A path that leaves the picture by far would make numbers that cannot be drawn.
    share = np.clip(share, -1.0, 2.0) * SIZE
    return [(float(x), float(SIZE - y)) for x, y in share]


def draw(paths: Sequence[np.ndarray]) -> Image.Image:
    """A picture, 240 x 240 with a palette, of paths [n, 2] on the square.

    The coupled quadrant is grey and the goal box green; a disc shows where each path has come to.
    """
    picture = Image.new("P", (SIZE, SIZE), PALETTE.index(WHITE))
    picture.putpalette([level for colour in PALETTE for level in colour])
    pen = ImageDraw.Draw(picture)
    for low, high, fill, outline in (
        (task.QUADRANT, 1.0, GREY, GREY),
        (task.GOAL_LOW, task.GOAL_HIGH, GREEN, GREEN),
        (0.0, 1.0, None, LINE),
    ):
        (left, bottom), (right, top) = pixels(np.array([[low, low], [high, high]]))
        inside = None if fill is None else PALETTE.index(fill)
        pen.rectangle((left, top, right, bottom), fill=inside, outline=PALETTE.index(outline))
    for index, path in enumerate(paths):
        colour = index % len(PATH_COLOURS)
        corners = pixels(path)
        if len(corners) > 1:
            pen.line(corners, fill=colour, width=1)
        x, y = corners[-1]
        pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
    return picture


def film(
    policy: Policy | None, seeds: np.ndarray, path: str | Path, *, steps: int = task.HORIZON
) -> None:
    """Write a GIF of the first eight of the episodes, in one picture (some tens of kB).

    policy : (observation [n, 2], goal [n, 2]) -> action [n, 2]; None: the scripted oracle.
    Episodes that reach the goal box stand still; the film ends when all have ended.
    """
    paths = record(policy, seeds[:EPISODES], steps)
    longest = max(len(places) for places in paths)
    frames = [draw([places[: step + 1] for places in paths]) for step in range(longest)]
    frames += [frames[-1]] * LAST_FRAMES
    frames[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=1000 // FRAMES_PER_SECOND,
        loop=0,
    )
