"""Pictures of nav2d: what is drawn is what was given, and the titles say what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.quiver import Quiver
from PIL import Image

from mocoda import figures
from mocoda.domains.nav2d import NAV2D, task
from mocoda.errors import UserError
from mocoda.figures import Arrows
from mocoda.figures.nav2d_density import CELLS, entropy
from mocoda.figures.nav2d_errors import occupancy_border
from mocoda.figures.nav2d_policies import GRID, grid_places
from mocoda.figures.style import BLUE, RED

SEEDS = np.arange(20, dtype=np.uint64)


def true_rows(count: int, name: int = 0) -> Arrows:
    generator = np.random.default_rng(name)
    observation, action = generator.random((count, 2)), generator.uniform(-1, 1, (count, 2))
    return Arrows(observation, action, task.true_dynamics(observation, action))


def fields(axes) -> dict[str, int]:
    return {part.get_gid(): part.N for part in axes.collections if isinstance(part, Quiver)}


# Transitions


def test_transitions_draw_an_arrow_a_row_and_red_where_the_truth_is_missed() -> None:
    rows = true_rows(400)
    moved = rows.next_observation.copy()
    moved[:60] += (0.008, 0.008)  # 0.0113 off
    moved[60:100] += (0.009, 0.0)  # within the tolerance
    figure = figures.nav2d_transitions(
        {"EMP": rows, "CoDA": replace(rows, next_observation=moved), "EMP 2": rows}
    )
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [fields(axes) for axes in panels] == [
        {"valid": 400, "invalid": 0},
        {"valid": 340, "invalid": 60},
        {"valid": 400, "invalid": 0},
    ]
    assert panels[1].get_title().startswith("CoDA\n15.0 % of those drawn off")
    valid, invalid = (part for part in panels[1].collections if isinstance(part, Quiver))
    np.testing.assert_allclose(invalid.XY, rows.observation[:60])
    np.testing.assert_allclose(np.c_[valid.U, valid.V], (moved - rows.observation)[60:])
    # The scale of the colours is the length of the step.
    np.testing.assert_allclose(valid.get_array(), np.hypot(valid.U, valid.V))


def test_transitions_in_the_quadrant_are_judged_by_the_coupled_dynamics() -> None:
    observation = np.array([[0.7, 0.7], [0.3, 0.7]])
    action = np.array([[0.8, 0.8], [0.8, 0.8]])
    free = Arrows(observation, action, observation + 0.05 * action)
    assert free.invalid().tolist() == [True, False]


def test_the_title_has_the_share_of_the_whole_data_set_and_what_lies_beyond() -> None:
    rows = replace(true_rows(50), invalid_share=0.412)
    (axes, _) = figures.nav2d_transitions({"CoDA": rows}).axes
    assert axes.get_title() == "CoDA\n41.2 % off"
    rows.observation[3] = (1.5, 0.2)
    (axes, _) = figures.nav2d_transitions({"CoDA": rows}).axes
    assert axes.get_title().endswith("% off, 1 beyond the frame")


# Policies


def constant(action: tuple[float, float]):
    return lambda observation, goal: np.tile(np.array(action), (len(observation), 1))


def known_steps(seeds: np.ndarray, speed: float) -> np.ndarray:
    """Steps of a diagonal at constant speed: by adding up, from the starts of the seeds."""
    found = []
    for start in task.Nav2DTask(len(seeds)).reset(seeds)[0]:
        place, steps = start.copy(), 0
        while steps < 70 and not ((place > 0.8) & (place < 0.9)).all():
            place += (0.03 if (place > 0.5).all() else 0.05) * speed
            steps += 1
        found.append(steps)
    return np.array(found)


def test_a_constant_policy_has_rollouts_of_the_known_length() -> None:
    still = figures.follow(NAV2D, constant((0.0, 0.0)), SEEDS)
    assert still.title() == "70.0 steps, 0/20"
    steps = known_steps(SEEDS, 0.8)
    diagonal = figures.follow(NAV2D, constant((0.8, 0.8)), SEEDS)
    assert diagonal.rollouts.lengths.tolist() == steps.tolist()
    assert diagonal.title() == f"{steps.mean():.1f} steps, {(steps < 70).sum()}/20"
    assert (steps < 70).any()


def test_policies_are_drawn_by_agent_and_training_set() -> None:
    diagonal = figures.follow(NAV2D, constant((3.0, 3.0)), SEEDS)
    right = figures.follow(NAV2D, constant((0.5, 0.0)), SEEDS)
    shown = {("BCQ", "EMP"): right, ("BCQ", "MoCoDA"): diagonal, ("SAC", "MoCoDA"): right}
    figure = figures.nav2d_policies(shown)
    panels = np.array(figure.axes).reshape(2, 2)
    assert panels[0, 0].get_title() == "EMP\n70.0 steps, 0/20"
    assert panels[0, 1].get_title().startswith("MoCoDA\n")
    assert panels[0, 0].get_ylabel().startswith("BCQ")
    assert [axes.get_visible() for axes in panels.ravel()] == [True, True, False, True]
    arrows, lines, ends = panels[0, 1].collections
    assert arrows.N == GRID**2 == 225
    np.testing.assert_allclose(arrows.XY, grid_places())
    np.testing.assert_allclose(arrows.U, 0.05)  # clipped to 1, drawn as the step
    paths = lines.get_segments()
    assert [len(path) for path in paths] == (diagonal.rollouts.lengths + 1).tolist()
    np.testing.assert_allclose(ends.get_offsets(), [path[-1] for path in paths])
    expected = [BLUE if arrived else RED for arrived in diagonal.reached()]
    assert set(expected) == {BLUE, RED}
    assert [to_hex(colour).upper() for colour in lines.get_colors()] == expected


def test_many_training_sets_are_broken_into_blocks() -> None:
    policy = figures.follow(NAV2D, constant((0.5, 0.5)), SEEDS[:2])
    agents, columns = ("SAC", "BCQ"), [f"set {number}" for number in range(10)]
    figure = figures.nav2d_policies({(a, c): policy for a in agents for c in columns})
    panels = np.array(figure.axes).reshape(4, 5)
    heads = [axes.get_title().split("\n")[0] for axes in (*panels[0], *panels[2])]
    assert heads == columns
    assert [axes.get_ylabel()[:3] for axes in panels[:, 0]] == ["SAC", "BCQ"] * 2


# Model errors


def off_by_speed(observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Exact outside the quadrant; in it, off by 0.02 |action|, as a model without the coupling."""
    return observation.astype(float) + 0.05 * action.astype(float)


def test_error_maps_are_exact() -> None:
    errors = figures.error_map(off_by_speed, np.random.default_rng(3))
    actions = np.random.default_rng(3).uniform(-1, 1, (64, 2))
    assert errors.shape == (50, 50)
    expected = 0.02 * np.linalg.norm(actions, axis=1).mean()
    np.testing.assert_allclose(errors[25:, 25:], expected, rtol=1e-5)
    assert errors[:25].max() < 1e-8
    assert errors[:, :25].max() < 1e-8
    # The first index is y.
    tilted = figures.error_map(
        lambda o, a: task.true_dynamics(o, a) + o[:, [1, 1]] / 100, np.random.default_rng(3)
    )
    assert tilted[-1, 0] > 10 * tilted[0, -1]


def test_model_errors_share_a_scale_and_show_where_rows_are() -> None:
    errors = np.full((50, 50), 0.002)
    errors[25:, 25:] = 0.01
    logged = np.array([[0.02, 0.02], [0.06, 0.02], [1.2, 0.5]])  # two cells of 0.04, side by side
    figure = figures.nav2d_model_errors({"one": errors, "two": errors * 2}, logged)
    one, two = (axes for axes in figure.axes if axes.images)
    assert one.get_title() == "one\nmean × 100: 0.40, quadrant 1.00"
    assert one.images[0].norm is two.images[0].norm
    assert two.images[0].norm.vmax == pytest.approx(0.02)
    np.testing.assert_allclose(one.images[0].get_array(), errors)
    border = {tuple(map(tuple, np.round(25 * segment))) for segment in occupancy_border(logged)}
    assert border == {
        ((0, 0), (0, 1)),
        ((2, 0), (2, 1)),
        ((0, 0), (1, 0)),
        ((1, 0), (2, 0)),
        ((0, 1), (1, 1)),
        ((1, 1), (2, 1)),
    }
    (lines,) = (part for part in one.collections if isinstance(part, LineCollection))
    assert len(lines.get_segments()) == 6


# Densities


def test_density_titles_have_the_entropy() -> None:
    generator = np.random.default_rng(0)
    left, whole = generator.random((5000, 2)) * (0.5, 1), generator.random((5000, 2))
    whole[:50] += 2
    figure = figures.nav2d_density({"EMP": left, "MoCoDA-U": whole})
    for places, axes in zip((left, whole), figure.axes, strict=False):
        cells = np.floor(places[(places < 1).all(axis=1)] * CELLS).astype(int)
        _, counts = np.unique(cells, axis=0, return_counts=True)
        expected = -sum(n / len(cells) * np.log(n / len(cells)) for n in counts)
        assert f"\n{expected:.2f} nats" in axes.get_title()
        drawn = np.ma.filled(axes.images[0].get_array(), 0.0)
        assert drawn.sum() == pytest.approx(100 * len(cells) / len(places))
    assert figure.axes[1].get_title().endswith(", 1 % beyond")
    assert entropy(np.ones((CELLS, CELLS))) == pytest.approx(np.log(CELLS**2))
    # x is to the right: EMP has rows in the left half of the picture alone.
    picture = np.ma.filled(figure.axes[0].images[0].get_array(), 0.0)
    assert picture[:, : CELLS // 2].sum() == pytest.approx(100)


def test_the_title_over_all_panels_fits_a_narrow_figure() -> None:
    figure = figures.nav2d_density({"EMP": np.random.default_rng(0).random((50, 2))})
    lines = figure.get_suptitle().split("\n")
    assert len(lines) > 1
    assert max(map(len, lines)) * 0.09 <= figure.get_size_inches()[0]


def test_empty_and_broken_input_is_told() -> None:
    none, broken = np.zeros((0, 2)), np.array([[0.1, np.nan]])
    for draw in (figures.nav2d_transitions, figures.nav2d_policies, figures.nav2d_density):
        with pytest.raises(UserError, match=r"or more.*none"):
            draw({})
    with pytest.raises(UserError, match="map or more"):
        figures.nav2d_model_errors({}, np.zeros((1, 2)))
    with pytest.raises(UserError, match=r"'EMP', observation.*\(0, 2\)"):
        figures.nav2d_transitions({"EMP": Arrows(none, none, none)})
    with pytest.raises(UserError, match="row 0"):
        figures.nav2d_density({"EMP": broken})
    with pytest.raises(UserError, match="rows in the unit square"):
        figures.nav2d_density({"EMP": np.full((3, 2), 2.0)})
    with pytest.raises(UserError, match="logged rows"):
        figures.nav2d_model_errors({"one": np.ones((50, 50))}, none)
    with pytest.raises(UserError, match="not negative"):
        figures.nav2d_model_errors({"one": -np.ones((50, 50))}, np.zeros((1, 2)))
    with pytest.raises(UserError, match="finite actions"):
        figures.follow(NAV2D, constant((np.nan, 0.0)), SEEDS)


def test_small_files_have_stable_bytes_and_true_colours(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(2)]
    for path in paths:
        figures.save_small(figures.nav2d_transitions({"RAND": true_rows(30)}), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    picture = np.asarray(Image.open(paths[0]).convert("RGB")).reshape(-1, 3).astype(int)
    green = np.array([0x00, 0x9E, 0x73])
    assert (np.abs(picture - green).max(axis=1) <= 2).sum() > 100  # the goal box
    with pytest.raises(UserError, match=r"\.png"):
        figures.save_small(figures.nav2d_transitions({"RAND": true_rows(3)}), tmp_path / "a.svg")
