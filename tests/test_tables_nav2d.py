"""Tables 1 and 2 of 2D Navigation, and one of a user's own domain: made-up runs, known means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nav2d_tables_examples import (
    CELLS,
    NOT_PRINTED,
    PARENTS,
    PRINTED,
    SEEDS,
    TABLE_1,
    TABLE_2,
    episodes_of,
    made_up,
    one,
    prepare,
)

from mocoda.errors import UserError
from mocoda.figures import bars, curves
from mocoda.jobs import Job
from mocoda.published import published_figure
from mocoda.stages.tables import tables
from mocoda.statistics import student_t_interval
from mocoda.tables import COLUMNS, RunKey, table_of_agents, tables_markdown


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The stage, run on two agents and all data sets; nobody changes it."""
    job = prepare(tmp_path_factory.mktemp("finished"), ["sac", "td3_bc"], CELLS)
    tables(job)
    return job


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A small job that a test may change."""
    return prepare(tmp_path, ["sac"], [("emp", "none")])


def test_the_papers_figure_stands_where_a_cell_was_not_run() -> None:
    """SAC on one data set, TD3-BC on another: the pivot has the paper's figures of all four."""
    one_cell, cards = made_up(agents=["sac"], cells=[("emp", "none")])
    other, more = made_up(agents=["td3_bc"], cells=[("mocoda", "locally_factored")])
    parts = [
        table_of_agents(frame, of_frame, "paper")
        for frame, of_frame in ((one_cell, cards), (other, more))
    ]
    text = tables_markdown(pd.concat(parts, ignore_index=True))
    assert "| SAC, paper | 53.1 ± 9.8 | 38.8 ± 18.3 |" in text
    assert "| TD3-BC, paper | 40.0 ± 16.1 | 21.0 ± 0.7 |" in text
    returns = text.split("**Return")[1].split("**")[1]
    assert "paper" not in returns.split("\n\n")[1]


def test_the_stage_writes_both_tables_and_the_valid_rows(finished: Job) -> None:
    frame = pd.read_csv(finished.outputs["csv"])
    assert tuple(frame.columns) == COLUMNS
    assert frame.groupby("table", sort=False).size().to_dict() == {
        "Table 1": 3 * 5 * 4,
        "Table 2": 2 * 8 * 3 + 1,
    }
    assert not frame["reduced"].any()
    for model, printed in TABLE_1.items():
        for distribution, (mean, std) in zip(PARENTS, printed, strict=True):
            row = one(frame, dynamics=model, distribution=distribution, metric="error norm x100")
            assert (row["paper_mean"], row["paper_std"], row["paper_seeds"]) == (mean, std, 5)
    others = frame[frame["metric"].isin(["MSE", "MSE, mean prediction"])]
    assert len(others) == 2 * 15
    assert others["paper_mean"].isna().all()
    text = Path(finished.outputs["markdown"]).read_text()
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == [
        "## Table 1: nav2d, scale `paper`",
        "## Table 2: nav2d, scale `paper`",
        "## Rows that obey the true dynamics: nav2d, scale `paper`",
    ]
    first, second, third = text.split("\n## ")
    # The main metric comes first, and the published one beside it.
    lines = [line for line in first.splitlines() if line.startswith("|")]
    assert lines[0] == "|  | EMP | DYNA | RAND | MoCoDA | MoCoDA-U |"
    assert [line.split(" | ")[0] for line in lines[2:8]] == [
        f"| {model}, {whose}"
        for model in ("unfactored", "globally factored", "locally factored")
        for whose in ("ours", "paper")
    ]
    # Norms of 0.1, 0.2 ... 0.5 times 0.01: mean 0.30, Student t at 4 degrees 2.776445.
    reach = 2.776445 * np.std([0.1, 0.2, 0.3, 0.4, 0.5], ddof=1) / np.sqrt(5)
    assert lines[2].count(f"0.30 [{0.3 - reach:.2f}, {0.3 + reach:.2f}]") == 5
    assert "0.33 ± 0.11" in lines[7]
    for words in ("calls its figure MSE, but it is none", "5,000 states and actions", "40,996"):
        assert words in first
    lines = [line for line in second.splitlines() if line.startswith("|")]
    assert lines[0] == (
        "|  | EMP | RAND | MoCoDA | MoCoDA-U | MoCoDA-U, components | CoDA, unmasked | "
        "CoDA, masked | DYNA, unfactored |"
    )
    assert lines[3] == (
        "| SAC, paper | 53.1 ± 9.8 | 27.6 ± 1.1 | 38.8 ± 18.3 | 41.3 ± 17.7 |  | 35.1 ± 18.1 "
        "|  |  |"
    )
    for words in (
        "18.98 steps on average at full speed",
        "19.94 at the fastest",
        "Floor, scripted oracle (full speed): 19.0 steps over 200 episodes",
        "counts the horizon, 70 steps",
        "sac as the paper ran it; bf16",
        "Updates, rows and seeds are at least the paper's",
        "Student t over the pooled episodes, steps clipped to the horizon of 70",
        "A note of the settings.",
        "25,000 updates, 40,000 real + 160,000 generated rows",
    ):
        assert words in second
    assert "A note of the settings." not in first
    assert "| CoDA, unmasked | 40.00 | 6.00 [4.00, 8.00] | 4.00e-04 | 4.00e-02 |" in third
    assert "| EMP | 0.00 | 0.00 [0.00, 0.00] |" in third


def test_steps_returns_and_success_by_hand() -> None:
    frame = table_of_agents(*made_up(), "paper")
    assert len(frame) == 2 * 8 * 3
    cell = {"agent": "td3_bc", "distribution": "mocoda", "dynamics": "locally_factored"}
    steps = one(frame, **cell, metric="steps to goal")
    assert steps["mean"] == pytest.approx(46.0)
    assert steps["std"] == pytest.approx(np.std([45, 45.5, 46, 46.5, 47], ddof=1))
    pooled = np.concatenate([episodes_of(RunKey(*cell.values(), s))["steps"] for s in SEEDS])
    assert (steps["ci_low"], steps["ci_high"]) == pytest.approx(student_t_interval(pooled))
    assert steps["interval"] == "95% Student t over episodes"
    assert (steps["unit"], steps["episodes"], steps["paper_mean"]) == ("steps", 50, 21.0)
    assert one(frame, **cell, metric="success rate")["mean"] == pytest.approx(50.0)
    # An arrival costs nothing: 0.5 (-(20 + s) + 1) + 0.5 (-70).
    assert one(frame, **cell, metric="return")["mean"] == pytest.approx(-45.5)


def test_steps_are_clipped_to_what_is_possible() -> None:
    episodes, cards = made_up()
    keep = (episodes["agent"] == "sac") & (episodes["distribution"] == "emp")
    few = episodes[keep].copy()
    arrives = few["seed"] == 0  # one seed of five arrives: t over seeds reaches beyond 70
    few["steps"] = np.where(arrives, 20, 70)
    few["success"] = arrives
    row = table_of_agents(few, cards, "paper").iloc[0]
    assert row["mean"] == pytest.approx(60.0)
    low, high = student_t_interval(np.array([20.0, 70, 70, 70, 70]))
    assert high > 70
    assert (row["ci_low"], row["ci_high"]) == (pytest.approx(low), 70.0)
    assert row["interval"] == "95% Student t over seeds"


@pytest.mark.parametrize("agent", TABLE_2)
def test_published_figures_stand_beside_their_cells_and_no_others(agent: str) -> None:
    for cell, printed in zip(PRINTED, TABLE_2[agent], strict=True):
        found = published_figure("Table 2", agent, *cell, "steps to goal")
        assert found is not None
        assert (found.mean, found.std, found.seeds) == (*printed, 5)
    for cell in [*NOT_PRINTED, ("mocoda", "unfactored"), ("rand", "unfactored")]:
        assert published_figure("Table 2", agent, *cell, "steps to goal") is None


def test_reduced_below_any_of_the_papers_sizes(job: Job) -> None:
    episodes, cards = made_up()
    assert not table_of_agents(episodes, cards, "paper")["reduced"].any()
    for name in ("updates", "transitions_real"):
        fewer = {key: {**card, name: card[name] - 1} for key, card in cards.items()}
        assert table_of_agents(episodes, fewer, "paper")["reduced"].all()
    fewer = {
        key: {**card, "transitions_generated": min(card["transitions_generated"], 159_999)}
        for key, card in cards.items()
    }
    found = table_of_agents(episodes, fewer, "paper")
    assert (found["reduced"] == (found["distribution"] != "emp")).all()
    few = table_of_agents(episodes[episodes["seed"] < 3], cards, "paper")
    assert few["reduced"].all()
    assert "3 seeds against 5" in tables_markdown(few)
    # A model that stopped before the last 50 of 600 epochs.
    file = Path(job.inputs["model_errors"][0])
    pd.read_csv(file).assign(updates=37_499).to_csv(file, index=False)
    tables(job)
    frame = pd.read_csv(job.outputs["csv"])
    models = frame[frame["table"] == "Table 1"]
    assert (models["reduced"] == (models["dynamics"] == "unfactored")).all()
    assert "**Reduced scale** (some cells" in Path(job.outputs["markdown"]).read_text()


def test_impossible_steps_are_refused_by_run() -> None:
    episodes, cards = made_up()
    where = r"run \(sac, emp, none, seed 0\), column 'steps'"
    for row, steps, expected in (
        (0, 71, "whole numbers from 1 to 70; found 71"),
        (0, 0, "whole numbers from 1 to 70; found 0"),
        (0, np.nan, "whole numbers from 1 to 70; found nan"),
        (9, 40, "70 where the goal is not reached; found 40"),
    ):
        wrong = episodes.astype({"steps": float})
        wrong.loc[row, "steps"] = steps
        with pytest.raises(UserError, match=f"{where}: expected {expected}"):
            table_of_agents(wrong, cards, "paper")
    with pytest.raises(UserError, match="no column 'steps'"):
        table_of_agents(episodes.drop(columns="steps"), cards, "paper")
    with pytest.raises(UserError, match="expected the field 'mean_steps'; found no such field"):
        table_of_agents(episodes, cards, "paper", oracle={"episodes": 1, "successes": 1})


def test_a_users_own_domain_needs_neither_sides_nor_steps_nor_published_figures() -> None:
    episodes, cards = made_up("my_domain")
    oracle = {"episodes": 8, "successes": 6}
    frame = table_of_agents(episodes.drop(columns="steps"), cards, "paper", oracle=oracle)
    assert set(frame["table"]) == {"agents"}
    assert list(frame["metric"].unique()) == ["success rate", "return"]
    assert frame["paper_mean"].isna().all()
    assert not frame["reduced"].any()
    assert one(frame, agent="scripted oracle")["mean"] == 75.0
    text = tables_markdown(frame)
    assert "The paper has no such table" in text
    assert "Ceiling, scripted oracle: 75.0 [" in text
    assert bars(frame).axes[0].get_ylabel() == "success rate (%)"


def test_bars_draw_steps_and_the_floor(finished: Job) -> None:
    figure = bars(pd.read_csv(finished.outputs["csv"]))
    panels = figure.axes
    assert [axes.get_title() for axes in panels] == ["SAC", "TD3-BC"]
    assert panels[0].get_ylabel() == "steps to goal"
    assert panels[0].get_ylim() == pytest.approx((0, 73.5))
    for axes in panels:
        assert [patch.get_height() for patch in axes.patches] == pytest.approx([46.0] * 8)
        floor = [line for line in axes.get_lines() if "floor" in str(line.get_label())]
        assert list(floor[0].get_ydata()) == [19.03, 19.03]


def test_curves_draw_steps_and_the_papers_mean_where_runs_reach_it() -> None:
    rows = [
        ("nav2d", agent, *cell, seed, updates, 0.5, 70 - updates / 1000 - seed)
        for agent in ("bcq", "td3_bc")
        for cell in (("emp", "none"), ("coda", "none"))
        for seed in range(2)
        for updates in (12_500, 25_000)
    ]
    columns = ["domain", "agent", "distribution", "dynamics", "seed", "updates"]
    frame = pd.DataFrame(rows, columns=[*columns, "success", "steps"])
    axes = curves(frame).axes[1]
    lines = axes.get_lines()
    # EMP's line, the paper's mean of EMP, and CoDA with its mask, which the paper lacks.
    assert [list(line.get_ydata()) for line in lines] == [[57.0, 44.5], [40.0], [57.0, 44.5]]
    assert list(lines[1].get_xdata()) == [25_000]
    assert axes.get_ylim() == (0, 70)
    assert curves(frame).axes[0].get_ylabel() == "steps to goal"
    short = curves(frame[frame["updates"] < 25_000])
    assert len(short.axes[1].get_lines()) == 2
    with pytest.raises(UserError, match="'steps': expected numbers from 0 to 70; found 71"):
        curves(frame.assign(steps=71.0))
