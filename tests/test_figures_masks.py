"""Figures about masks: what is drawn and written equals the data, faults are named."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

from mocoda.errors import UserError
from mocoda.figures import mask_means, mask_roc, save, validation_loss
from mocoda.masks.quality import auc, roc
from mocoda.tables import names

AREAS = {0: 0.91, 1: 0.94, 2: 0.97}  # of the learned mask's seeds: 0.94 ± 0.03


def roc_frame() -> pd.DataFrame:
    """A learned mask with three seeds and two rules with one."""
    rates = np.linspace(0, 1, 30)
    parts = [
        pd.DataFrame(
            {"false_positive_rate": rates, "true_positive_rate": rates ** (1 / area - 1)}
        ).assign(mask="sandy_mixture", seed=seed, auc=area)
        for seed, area in AREAS.items()
    ]
    truth = np.random.default_rng(0).random((200, 3, 3)) < 0.3
    rule = truth.copy()
    rule[:60] = ~rule[:60]
    for name, scores in (("heuristic", rule), ("an_own_mask", np.ones_like(rule))):
        false_rate, true_rate, _ = roc(scores.astype(float), truth)
        curve = {"false_positive_rate": false_rate, "true_positive_rate": true_rate}
        area = auc(scores.astype(float), truth)
        parts.append(pd.DataFrame(curve).assign(mask=name, seed=0, auc=area))
    return pd.concat(parts, ignore_index=True)


def test_roc_draws_each_seeds_curve_and_its_area(monkeypatch):
    monkeypatch.setitem(names.NAMES, "sandy_mixture", "SANDy-Mixture")
    frame = roc_frame()
    (axes,) = mask_roc(frame).axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("false positive rate", "true positive rate")
    chance, *lines = axes.get_lines()
    np.testing.assert_array_equal(chance.get_xydata(), [[0, 0], [1, 1]])
    assert chance.get_linestyle() == "--"
    order = [("sandy_mixture", 0), ("sandy_mixture", 1), ("sandy_mixture", 2)]
    order += [("heuristic", 0), ("an_own_mask", 0)]
    for line, (name, seed) in zip(lines, order, strict=True):
        part = frame[(frame["mask"] == name) & (frame["seed"] == seed)]
        wanted = part[["false_positive_rate", "true_positive_rate"]].to_numpy()
        np.testing.assert_array_equal(line.get_xydata(), wanted)
    assert len({line.get_color() for line in lines[:3]}) == 1
    assert len({line.get_color() for line in lines}) == 3
    rule = frame.loc[frame["mask"] == "heuristic", "auc"].iloc[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "chance",
        "SANDy-Mixture: 0.94 ± 0.03",
        f"heuristic: {rule:.2f}",
        "an own mask: 0.50",
    ]
    assert "1 to 3 seeds" in axes.get_legend().get_title().get_text()


def test_roc_marks_the_rates_of_a_rule_alone():
    lines = mask_roc(roc_frame()).axes[0].get_lines()
    assert [line.get_marker() for line in lines[:4]] == ["None"] * 4
    rule, dense = lines[4:]
    (place,) = rule.get_markevery()
    assert rule.get_marker() != "None"
    # 30 % of the rows are wrong throughout, so both rates are near 0.3 and 0.7.
    np.testing.assert_allclose(rule.get_xydata()[place], [0.3, 0.7], atol=0.05)
    # With every edge there is no third point: the marker is at (1, 1).
    np.testing.assert_array_equal(dense.get_xydata()[dense.get_markevery()], [[1, 1]])


def test_more_masks_than_colours_are_all_drawn():
    frame = pd.concat([roc_frame().assign(mask=f"mask_{number}", auc=0.7) for number in range(5)])
    (axes,) = mask_roc(frame[frame["seed"] > 0]).axes
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts[1:] == [f"mask {number}: 0.70 ± 0.00" for number in range(5)]
    assert "of 2 seeds" in axes.get_legend().get_title().get_text()


def test_roc_refuses_what_is_no_curve():
    frame = roc_frame()
    with pytest.raises(UserError, match="'auc'"):
        mask_roc(frame.drop(columns="auc"))
    with pytest.raises(UserError, match="at least one row"):
        mask_roc(frame.iloc[:0])
    with pytest.raises(UserError, match=r"'true_positive_rate'.*\[0, 1\].*70"):
        mask_roc(frame.assign(true_positive_rate=70.0))
    with pytest.raises(UserError, match=r"fractions in \[0, 1\].*nan"):
        mask_roc(frame.assign(auc=np.nan))
    frame.loc[35, "auc"] = 0.5
    with pytest.raises(UserError, match=r"'sandy_mixture', seed 1.*one area.*0\.5 to 0\.94"):
        mask_roc(frame)


ROOTS, CHILDREN = ("ball_1", "ball_2", "force"), ("ball_1", "ball_2")
TRUTH = [[1, 0.125], [0.125, 1], [0.5, 0]]


def test_means_are_drawn_and_written_one_panel_a_mask():
    learned = np.array([[1, 0.25], [0.75, 0.999], [0.5, 0.004]])
    figure = mask_means(
        {
            "true graphs": (TRUTH, ROOTS, CHILDREN),
            "heuristic": (learned, list(ROOTS), list(CHILDREN)),
        }
    )
    first, second, bar = figure.axes
    assert [axes.get_title() for axes in (first, second)] == ["true graphs", "heuristic"]
    for axes, wanted in ((first, TRUTH), (second, learned)):
        np.testing.assert_array_equal(axes.images[0].get_array(), wanted)
        assert axes.images[0].get_clim() == (0, 1)
    assert bar.get_ylabel() == "share of rows with the edge"
    assert [label.get_text() for label in first.get_yticklabels()] == ["ball 1", "ball 2", "force"]
    assert [label.get_text() for label in second.get_xticklabels()] == ["ball 1", "ball 2"]
    texts = {text.get_position(): text.get_text() for text in second.texts}
    # By (child, root). Only a share that is 0 or 1 exactly is written without decimals.
    assert texts == {
        (0, 0): "1",
        (1, 0): "0.25",
        (0, 1): "0.75",
        (1, 1): "1.00",
        (0, 2): "0.50",
        (1, 2): "0.00",
    }
    assert {text.get_text() for text in first.texts} >= {"0", "1"}


@pytest.mark.parametrize(("number", "grid"), [(1, (1, 1)), (4, (1, 4)), (5, (2, 4))])
def test_means_break_into_rows_of_four(number, grid):
    balls = [f"ball_{ball}" for ball in range(4)]
    panels = {f"mask {place}": (np.eye(5, 4), [*balls, "force"], balls) for place in range(number)}
    figure = mask_means(panels)
    drawn = [axes for axes in figure.axes if axes.images]
    assert len(drawn) == number
    figure.draw_without_rendering()
    assert all(
        figure.bbox.containsx(corner[0]) and figure.bbox.containsy(corner[1])
        for axes in drawn
        for text in (axes.title, axes.yaxis.label, axes.xaxis.label)
        for corner in text.get_window_extent().corners()
    )
    assert drawn[0].get_gridspec().get_geometry() == grid
    named = [bool(axes.get_ylabel()) for axes in drawn]
    assert named == [place % 4 == 0 for place in range(number)]
    assert figure.axes[-1].bbox.x0 > max(axes.bbox.x1 for axes in drawn)
    # The lowest panel of each column names the children.
    assert [bool(axes.get_xlabel()) for axes in drawn] == [p + 4 >= number for p in range(number)]


def test_titles_of_neighbours_keep_apart():
    titles = ["the true local graphs of seed 0", "SANDy-Transformer with a long name"]
    figure = mask_means(dict.fromkeys(titles, (TRUTH, ROOTS, CHILDREN)))
    figure.draw_without_rendering()
    first, second = (axes.title for axes in figure.axes[:2])
    assert [title.get_text().replace("\n", " ") for title in (first, second)] == titles
    assert first.get_window_extent().x1 < second.get_window_extent().x0


def test_large_means_have_no_numbers_in_them():
    slots = [f"slot_{number}" for number in range(9)]
    assert not mask_means({"true graphs": (np.eye(9), slots, slots)}).axes[0].texts


def test_means_refuse_other_shapes_names_and_numbers():
    good = (TRUTH, ROOTS, CHILDREN)
    with pytest.raises(UserError, match="one mask or more"):
        mask_means({})
    with pytest.raises(UserError, match=r"'dense'.*\[3 roots, 2 children\].*\(2, 3\)"):
        mask_means({"true graphs": good, "dense": (np.transpose(TRUTH), ROOTS, CHILDREN)})
    with pytest.raises(UserError, match=r"'dense'.*of 'true graphs'.*wind"):
        mask_means({"true graphs": good, "dense": (TRUTH, ("ball_1", "ball_2", "wind"), CHILDREN)})
    for wrong in (1.5, -0.1, np.nan):
        with pytest.raises(UserError, match=rf"shares.*{wrong}"):
            mask_means({"true graphs": (np.full((3, 2), wrong), ROOTS, CHILDREN)})


def loss_frame() -> pd.DataFrame:
    rows = [
        (
            name,
            seed,
            updates,
            least * (1 + seed**2),
            least * (1 + seed) * (1 + 1000 / updates),
            number,
        )
        for name, least, number in (
            ("logged rows", 0.2, 2000),
            ("random swaps", 0.1, 37_000),
            ("CoDA, sandy transformer", 0.02, 37_000),
        )
        for seed in range(3)
        for updates in (1000, 500, 2000)
    ]
    columns = ["data", "seed", "updates", "training_loss", "validation_loss", "rows"]
    return pd.DataFrame(rows, columns=columns)


def test_losses_draw_means_ranges_and_training():
    figure = validation_loss(loss_frame())
    (axes,) = figure.axes
    assert (axes.get_yscale(), axes.get_xlabel()) == ("log", "gradient updates")
    assert axes.get_title() == "mean and range of 3 seeds"
    *lines, proxy = axes.get_lines()
    bands = [part for part in axes.collections if isinstance(part, PolyCollection)]
    expected = (("logged rows: 2,000 rows", 0.2), ("random swaps: 37,000 rows", 0.1))
    expected += (("CoDA, sandy transformer: 37,000 rows", 0.02),)
    for place, (label, least) in enumerate(expected):
        mean, training = lines[2 * place : 2 * place + 2]
        assert mean.get_label() == label
        np.testing.assert_array_equal(mean.get_xdata(), [500, 1000, 2000])
        np.testing.assert_allclose(mean.get_ydata(), np.multiply(2 * least, [3, 2, 1.5]))
        np.testing.assert_allclose(training.get_ydata(), [least * 8 / 3] * 3)
        assert training.get_linestyle() == ":"
        assert training.get_color() == mean.get_color()
        ends = bands[place].get_paths()[0].vertices[:, 1]
        assert (ends.min(), ends.max()) == pytest.approx((1.5 * least, 9 * least))
    assert len({line.get_color() for line in lines}) == 3
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    figure.draw_without_rendering()
    sides = legend.get_window_extent()
    assert sides.x0 >= 0
    assert sides.x1 <= figure.bbox.x1
    assert texts == [*(label for label, _ in expected), proxy.get_label()]


def test_losses_say_where_seeds_learned_from_other_numbers_of_rows():
    frame = loss_frame()
    frame.loc[(frame["data"] == "logged rows") & (frame["seed"] == 1), "rows"] = 1900
    texts = [text.get_text() for text in validation_loss(frame).legends[0].get_texts()]
    assert texts[0] == "logged rows: 1,900 to 2,000 rows"
    one = frame[frame["seed"] == 1]
    assert validation_loss(one).axes[0].get_title() == "one seed"


def test_losses_refuse_gaps_repeats_and_what_has_no_logarithm():
    frame = loss_frame()
    with pytest.raises(UserError, match="'rows'"):
        validation_loss(frame.drop(columns="rows"))
    with pytest.raises(UserError, match="at least one row"):
        validation_loss(frame.iloc[:0])
    for wrong in (0.0, np.nan, np.inf):
        with pytest.raises(UserError, match=rf"'training_loss'.*positive.*{wrong}"):
            validation_loss(frame.assign(training_loss=wrong))
    gap = frame[(frame["seed"] != 2) | (frame["updates"] != 500)]
    with pytest.raises(UserError, match=r"'logged rows'.*0 values of seed 2 at update 500"):
        validation_loss(gap)
    with pytest.raises(UserError, match=r"'random swaps'.*2 values of seed 0 at update 1000"):
        validation_loss(pd.concat([frame, frame.iloc[9:10]], ignore_index=True))


@pytest.mark.parametrize("suffix", ["png", "svg"])
@pytest.mark.parametrize(
    "draw",
    [
        lambda: mask_roc(roc_frame()),
        lambda: mask_means({"true graphs": (TRUTH, ROOTS, CHILDREN)}),
        lambda: validation_loss(loss_frame()),
    ],
    ids=["mask_roc", "mask_means", "validation_loss"],
)
def test_files_have_stable_bytes(tmp_path, suffix, draw):
    paths = [tmp_path / f"{number}.{suffix}" for number in range(2)]
    for path in paths:
        save(draw(), path)
    assert paths[0].stat().st_size > 5000
    assert paths[0].read_bytes() == paths[1].read_bytes()
