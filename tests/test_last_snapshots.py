"""The metric over the last snapshots of the training: made-up curves, known means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from nav2d_tables_examples import SEEDS, made_up, one

from mocoda.statistics import student_t_interval
from mocoda.tables import RunKey, table_of_agents, tables_markdown

LAST = "steps to goal, last snapshots"


def curves_of(keys: list[RunKey], steps: dict[int, list[float]]) -> pd.DataFrame:
    """Ten snapshots a run, every 2,500 updates; `steps` of a seed are those of its last ones, and
    all before them never arrive."""
    parts = []
    for key in keys:
        of_seed = [70.0] * (10 - len(steps[key.seed])) + steps[key.seed]
        curve = {"updates": np.arange(1, 11) * 2500, "success": 0.5, "steps": of_seed}
        parts.append(pd.DataFrame(curve).assign(episodes=50, domain="nav2d", **key._asdict()))
    return pd.concat(parts, ignore_index=True)


def test_the_last_fifth_of_the_snapshots_counts_by_seed() -> None:
    frame, cards = made_up(agents=["sac"], cells=[("mocoda", "locally_factored")])
    # From 20,000 of 25,000 updates on: three snapshots; the one before them would spoil the mean.
    last = {seed: [69.0, 20.0 + seed, 30.0, 22.0 + seed] for seed in SEEDS}
    table = table_of_agents(frame, cards, "paper", curves=curves_of(list(cards), last))
    row = one(table, metric=LAST)
    means = np.array([np.mean([20.0 + seed, 30.0, 22.0 + seed]) for seed in SEEDS])
    assert row["mean"] == pytest.approx(means.mean())
    assert row["std"] == pytest.approx(means.std(ddof=1))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(student_t_interval(means))
    assert (row["seeds"], row["episodes"]) == (5, 5 * 3 * 50)
    assert (row["paper_mean"], row["paper_std"]) == (38.8, 18.3)
    assert list(table["metric"])[:2] == ["steps to goal", LAST]
    text = tables_markdown(table)
    section = text.split("mean of the snapshots in the last fifth")[1]
    assert f"| SAC, ours | {means.mean():.1f} [" in section
    assert "| SAC, paper | 38.8 ± 18.3 |" in section
    assert "- Last snapshots: " in text


def test_seeds_that_are_alike_have_no_interval_of_their_last_snapshots() -> None:
    frame, cards = made_up(agents=["sac"], cells=[("emp", "none")])
    never = {seed: [70.0] for seed in SEEDS}
    row = one(
        table_of_agents(frame, cards, "paper", curves=curves_of(list(cards), never)), metric=LAST
    )
    assert row["mean"] == 70.0
    assert np.isnan([row["ci_low"], row["ci_high"]]).all()
    assert row["interval"] == "none: all seeds alike"


def test_nothing_is_said_of_a_paper_where_none_printed_a_table() -> None:
    frame, cards = made_up("mine", agents=["sac"], cells=[("emp", "none")])
    curves = curves_of(list(cards), {seed: [30.0, 20.0 + seed] for seed in SEEDS})
    text = tables_markdown(table_of_agents(frame, cards, "paper", curves=curves))
    assert "Last snapshots: " in text
    assert "So the paper measured" not in text


@pytest.mark.parametrize("kept", [0, 1])
def test_no_last_snapshots_of_fewer_than_two(kept: int) -> None:
    frame, cards = made_up(agents=["sac"], cells=[("emp", "none")])
    curves = curves_of(list(cards), {seed: [30.0] for seed in SEEDS})
    curves = curves[curves["updates"] >= 25_000].head(kept * len(SEEDS))
    table = table_of_agents(frame, cards, "paper", curves=curves)
    assert LAST not in set(table["metric"])
    assert "Last snapshots" not in tables_markdown(table)
