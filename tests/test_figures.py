"""Figures: what is drawn equals what was given, axes have units, files have stable bytes."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

from mocoda.errors import UserError
from mocoda.figures import bars, coverage, curves, data_card, dynamics_errors, save, shares
from mocoda.figures.coverage import X_RANGE, cell_shares, goal_ranges


def box_positions(rows: int = 400) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.array([1.85, 0.7, 1.85, 0.8]) + rng.uniform(-0.08, 0.08, (rows, 4))


def drawn(axes) -> np.ndarray:
    """Shares in a panel's picture, [cells_x, cells_y], 0 where nothing was drawn."""
    return np.ma.filled(axes.images[0].get_array(), 0.0).T


def test_cells_hold_shares_of_all_rows():
    points = np.array([[1.31, 1.31], [1.31, 1.31], [2.39, 1.31], [5.0, 1.31]])
    share = cell_shares(points, (X_RANGE, X_RANGE))
    assert share.shape == (55, 55)
    assert (share[0, 0], share[-1, 0], share.sum()) == (50.0, 25.0, 75.0)


def test_goal_ranges():
    toward, away = goal_ranges()
    assert toward == pytest.approx((1.44, 1.64))
    assert away == pytest.approx((2.06, 2.26))


def test_coverage_shows_each_distribution_and_the_goals():
    empirical = box_positions()
    both = box_positions()
    both[:100, [0, 2]] += 0.31  # a quarter of the rows: both boxes away
    figure = coverage({"emp": empirical, "mocoda_p": both})
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 6
    assert panels[0].get_title().startswith("EMP\n0.00 %")
    inside = ((both[:, [0, 2]] >= 2.06) & (both[:, [0, 2]] <= 2.26)).all(axis=1).mean()
    assert panels[1].get_title() == f"MoCoDA-P\n{100 * inside:.2f} % of 400 rows in squares"
    assert panels[1].get_xlabel() == "box 1, x (m)"
    assert panels[0].get_ylabel() == "box 2, x (m)"
    np.testing.assert_allclose(drawn(panels[1]), cell_shares(both[:, [0, 2]], (X_RANGE, X_RANGE)))
    assert drawn(panels[5]).sum() == pytest.approx(100)
    corners = sorted({patch.get_xy() for patch in panels[0].patches})
    np.testing.assert_allclose(corners, [(1.44, 1.44), (2.06, 2.06)])
    # Columns of one row share their colours.
    assert panels[0].images[0].norm is panels[1].images[0].norm


def test_coverage_refuses_other_shapes():
    with pytest.raises(UserError, match=r"'emp'.*\[rows, 4\]"):
        coverage({"emp": np.zeros((5, 3))})
    broken = box_positions()
    broken[7, 2] = np.nan
    with pytest.raises(UserError, match="row 7"):
        coverage({"emp": broken})


def curve_frame() -> pd.DataFrame:
    rows = [
        (agent, *cell, seed, updates, base * updates / 2000 + 0.03 * seed**2)
        for agent in ("bcq", "td3_bc")
        for cell, base in ((("emp", "none"), 0.1), (("mocoda_p", "unfactored"), 0.6))
        for seed in range(3)
        for updates in (0, 1000, 2000)
    ]
    return pd.DataFrame(
        rows, columns=["agent", "distribution", "dynamics", "seed", "updates", "success"]
    )


def test_curves_draw_means_and_ranges():
    frame = curve_frame()
    figure = curves(frame)
    panels = figure.axes
    assert [axes.get_title().split(" ")[0] for axes in panels] == ["BCQ", "TD3-BC"]
    assert panels[0].get_ylabel() == "success rate (%)"
    assert panels[1].get_xlabel() == "gradient updates"
    lines = {line.get_label(): line for line in panels[1].get_lines()}
    assert list(lines) == ["EMP", "MoCoDA-P, unfactored"]
    line = lines["MoCoDA-P, unfactored"]
    np.testing.assert_allclose(line.get_xdata(), [0, 1000, 2000])
    np.testing.assert_allclose(line.get_ydata(), [5, 35, 65])
    bands = [part for part in panels[1].collections if isinstance(part, PolyCollection)]
    ends = bands[1].get_paths()[0].vertices[:, 1]
    assert (ends.min(), ends.max()) == pytest.approx((0, 72))


def test_curves_refuse_seeds_with_gaps_and_percentages():
    frame = curve_frame()
    with pytest.raises(UserError, match="no value of seed 2"):
        curves(frame.drop(index=frame.index[(frame["seed"] == 2) & (frame["updates"] == 1000)]))
    with pytest.raises(UserError, match="fractions"):
        curves(frame.assign(success=52.0))


def result_frame() -> pd.DataFrame:
    columns = ["agent", "distribution", "dynamics", "metric", "mean", "ci_low", "ci_high"]
    columns += ["paper_mean", "paper_std"]
    main = "success rate"
    rows = [
        ("td3_bc", "emp", "none", main, 1.0, 0.0, 4.0, 0.7, 0.9),
        ("td3_bc", "mocoda_p", "locally_factored", main, 52.3, 44.1, 60.2, 84.0, 2.8),
        ("td3_bc", "mocoda_p", "locally_factored", "return", -40.0, -41.0, -39.0, np.nan, np.nan),
        ("scripted oracle", "-", "-", main, 92.0, 88.0, 95.0, np.nan, np.nan),
    ]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(domain="hooksweep2", scale="small", reduced=True)


def test_bars_show_ours_and_the_papers():
    figure = bars(result_frame())
    (axes,) = figure.axes
    assert axes.get_ylabel() == "success rate (%)"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["EMP", "MoCoDA-P"]
    assert [patch.get_height() for patch in axes.patches] == [1.0, 52.3]
    stems = {}
    for container in axes.containers:
        if hasattr(container, "has_yerr"):
            stem = container.lines[2][0].get_segments()[0]
            stems.setdefault(container.get_label().split(":")[0], []).append(list(stem[:, 1]))
    np.testing.assert_allclose(stems["ours"], [[0.0, 4.0], [44.1, 60.2]])
    np.testing.assert_allclose(stems["paper"], [[0.7 - 0.9, 0.7 + 0.9], [81.2, 86.8]])
    ceiling = [line for line in axes.get_lines() if "ceiling" in str(line.get_label())]
    assert list(ceiling[0].get_ydata()) == [92.0, 92.0]
    assert "(reduced)" in figure.get_suptitle()


def test_dynamics_errors_draw_every_seed():
    rows = [
        (model, seed, data, name, factor * (1 + 0.1 * seed))
        for model, factor in (("unfactored", 4.0), ("locally_factored", 2.0))
        for seed in range(3)
        for data in ("two-box", "held-out")
        for name in ("box_1", "box_2")
    ]
    frame = pd.DataFrame(rows, columns=["dynamics", "seed", "data", "object", "rmse"])
    figure = dynamics_errors(frame, of_boxes=True)
    held_out, two_box = figure.axes
    assert held_out.get_title() == "held-out rows, one box moved"
    assert held_out.get_ylabel() == "one-step position error, RMSE (mm)"
    assert [label.get_text() for label in two_box.get_xticklabels()] == ["box 1", "box 2"]
    values = sorted(value for line in two_box.get_lines() for value in line.get_ydata())
    wanted = 1000 * frame.loc[frame["data"] == "two-box", "rmse"].sort_values()
    np.testing.assert_allclose(values, wanted)
    means = sorted(part.get_segments()[0][0, 1] for part in two_box.collections)
    np.testing.assert_allclose(means, [2200, 2200, 4400, 4400])
    with pytest.raises(UserError, match="positive"):
        dynamics_errors(frame.assign(rmse=0.0), of_boxes=True)


def test_errors_of_another_domain_are_in_its_own_unit_and_words():
    rows = [("unfactored", 0, "held-out", "puck", 0.5), ("unfactored", 0, "two-box", "puck", 0.7)]
    frame = pd.DataFrame(rows, columns=["dynamics", "seed", "data", "object", "rmse"])
    figure = dynamics_errors(frame, of_boxes=False)
    assert figure.axes[0].get_ylabel() == "one-step position error, RMSE"
    assert not any("box" in axes.get_title() for axes in figure.axes)
    assert [float(axes.get_lines()[0].get_ydata()[0]) for axes in figure.axes] == [0.5, 0.7]


def empirical() -> tuple[np.ndarray, np.ndarray]:
    """10 rows: box 1 toward 4, away 3; box 2 toward 2, away 1."""
    goal = np.tile([1.85, 0.7, 0.42, 1.85, 0.8, 0.42], (10, 1))
    goal[:4, 0] -= 0.25
    goal[4:7, 0] += 0.40
    goal[7:9, 3] -= 0.22
    goal[9:, 3] += 0.31
    observation = np.zeros((10, 16))
    observation[:, [6, 7, 11, 12]] = box_positions(10)
    return observation, goal


def test_shares_by_box_and_side():
    table = shares(empirical()[1])
    assert table.loc["box 1"].to_dict() == {"toward": 40.0, "away": 30.0}
    assert table.loc["box 2"].to_dict() == {"toward": 20.0, "away": 10.0}


def test_data_card_draws_shares_and_places():
    observation, goal = empirical()
    figure = data_card(observation, goal)
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert heights == [40.0, 20.0, 30.0, 10.0]
    assert figure.axes[0].get_ylabel() == "rows (%)"
    assert figure.axes[2].get_xlabel() == "box 2, x (m)"
    box_2 = cell_shares(observation[:, 11:13], (X_RANGE, (0.4, 1.1)))
    np.testing.assert_allclose(drawn(figure.axes[2]), box_2)
    with pytest.raises(UserError, match=r"\[10, 16\]"):
        data_card(observation[:, :15], goal)


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_files_have_stable_bytes(tmp_path, suffix):
    paths = [tmp_path / f"{number}.{suffix}" for number in range(2)]
    for path in paths:
        save(bars(result_frame()), path)
    assert paths[0].stat().st_size > 5000
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with pytest.raises(UserError, match="png"):
        save(bars(result_frame()), tmp_path / "figure.bmp")
