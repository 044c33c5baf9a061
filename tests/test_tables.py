"""Tables: every number recomputed, every gap refused, the paper's figures typed by hand."""

import io
import json
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
import pytest
from spine_examples import REPOSITORY

from mocoda.errors import UserError
from mocoda.published import published_figure, published_figures
from mocoda.statistics import wilson_interval
from mocoda.tables import COLUMNS, RunKey, read_runs, table_of_agents, tables_markdown

# MoCoDA, Table 3, typed from the paper: EMP, MoCoDA, MoCoDA-P, then both with unfactored models.
PAPER = {
    "bcq": [(2.0, 1.6), (20.7, 4.1), (64.7, 4.1), (14.0, 3.3), (15.3, 4.1)],
    "td3_bc": [(0.7, 0.9), (38.7, 7.5), (84.0, 2.8), (29.3, 3.8), (26.0, 1.6)],
}
CELLS = [
    ("emp", "none"),
    ("mocoda", "locally_factored"),
    ("mocoda_p", "locally_factored"),
    ("mocoda", "unfactored"),
    ("mocoda_p", "unfactored"),
]
EPISODES = 40
ORACLE = {"episodes": 200, "successes": 184, "success_rate": 0.92, "mean_steps": 75.0}


def make_episodes(key: RunKey, successes: int) -> pd.DataFrame:
    number = np.arange(EPISODES)
    return pd.DataFrame(
        {
            "domain": "hooksweep2",
            "scale": "small",
            **key._asdict(),
            "episode_seed": 1000 + number,
            "return": np.where(number < successes, -20.0, -70.0),
            "success": number < successes,
            # The first 10 episodes and every second one after them.
            "side": np.where((number < 10) | (number % 2 == 0), "toward", "away"),
            "distance_1": 0.1,
            "distance_2": 0.1,
            "steps": 75,
        }
    )


def make_card(key: RunKey) -> dict:
    return {
        "updates": 60_000,
        "transitions_real": 300_000,
        "transitions_generated": 0 if key.distribution == "emp" else 600_000,
        "seconds": 100.0 + key.seed,
        "config_hash": f"config{key.seed}",
        "code_version": "c0de",
        "agent_variant": f"{key.agent} as the paper ran it",
        "precision": "bf16",
    }


@pytest.fixture
def runs() -> tuple[pd.DataFrame, dict]:
    keys = [
        RunKey(agent, *cell, seed)
        for agent in ("td3_bc", "bcq")
        for cell in CELLS
        for seed in range(3)
    ]
    frames = [
        make_episodes(key, 4 * CELLS.index(key[1:3]) + 2 * key.seed + (key.agent == "bcq"))
        for key in keys
    ]
    return pd.concat(frames, ignore_index=True), {key: make_card(key) for key in keys}


def row_of(frame: pd.DataFrame, agent: str, cell: tuple[str, str], metric: str) -> pd.Series:
    at = (frame["agent"] == agent) & (frame["distribution"] == cell[0])
    at &= (frame["dynamics"] == cell[1]) & (frame["metric"] == metric)
    assert at.sum() == 1
    return frame[at].iloc[0]


def test_table_of_agents_holds_every_cell_and_the_papers_figures(runs):
    frame = table_of_agents(*runs, "small")
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == 2 * 5 * 4
    for agent, printed in PAPER.items():
        for cell, (mean, std) in zip(CELLS, printed, strict=True):
            row = row_of(frame, agent, cell, "success rate")
            assert (row["paper_mean"], row["paper_std"], row["paper_seeds"]) == (mean, std, 3)
    others = frame[frame["metric"] != "success rate"]
    assert others["paper_mean"].isna().all()


def test_table_of_agents_numbers(runs):
    frame = table_of_agents(*runs, "small")
    # td3_bc on mocoda_p: 8, 10, 12 successes of 40.
    row = row_of(frame, "td3_bc", ("mocoda_p", "locally_factored"), "success rate")
    assert row["mean"] == pytest.approx(25.0)
    assert row["std"] == pytest.approx(5.0)
    assert (row["seeds"], row["episodes"], row["updates"]) == (3, 120, 60_000)
    assert (row["transitions_real"], row["transitions_generated"]) == (300_000, 600_000)
    assert row["seconds"] == 303.0
    assert row["config_hash"] == "config0 config1 config2"
    assert row["agent_variant"] == "td3_bc as the paper ran it; bf16"
    assert row["reduced"]
    # The first 10 episodes are all "toward", so of 12 successes 1 is away: episode 11.
    toward = row_of(frame, "td3_bc", ("mocoda_p", "locally_factored"), "success rate, toward")
    away = row_of(frame, "td3_bc", ("mocoda_p", "locally_factored"), "success rate, away")
    assert (toward["episodes"], away["episodes"]) == (75, 45)
    assert toward["mean"] == pytest.approx(100 * (8 + 10 + 11) / 75)
    assert away["mean"] == pytest.approx(100 * 1 / 45)
    returns = row_of(frame, "td3_bc", ("mocoda_p", "locally_factored"), "return")
    assert returns["mean"] == pytest.approx(-70 + 50 * 0.25)


def test_reduced_only_below_the_papers_sizes(runs):
    episodes, cards = runs
    whole = {"updates": 1_000_000, "transitions_real": 1_000_000}
    for key, card in cards.items():
        generated = 0 if key.distribution == "emp" else 4_000_000
        card.update(whole, transitions_generated=generated)
    assert not table_of_agents(episodes, cards, "small")["reduced"].any()
    few = episodes[episodes["seed"] < 2]
    assert table_of_agents(few, cards, "small")["reduced"].all()
    for card in cards.values():
        card.update(transitions_generated=min(card["transitions_generated"], 3_999_999))
    frame = table_of_agents(episodes, cards, "small")
    assert (frame["reduced"] == (frame["distribution"] != "emp")).all()


def test_missing_seeds_and_cells_are_refused_by_name(runs):
    episodes, cards = runs
    gone = (episodes["agent"] == "bcq") & (episodes["distribution"] == "mocoda_p")
    gone &= (episodes["dynamics"] == "unfactored") & (episodes["seed"] == 1)
    with pytest.raises(UserError, match=r"\(bcq, mocoda_p, unfactored, seed 1\)"):
        table_of_agents(episodes[~gone], cards, "small")
    with pytest.raises(UserError, match="seed 3"):
        table_of_agents(episodes, cards, "small", seeds=range(4))
    cells = [("td3_bc", *cell) for cell in CELLS] + [("bcq", *cell) for cell in CELLS]
    with pytest.raises(UserError, match=r"\(cql, emp, none, seed 0\)"):
        table_of_agents(episodes, cards, "small", cells=[*cells, ("cql", "emp", "none")])
    with pytest.raises(UserError, match="not among them"):
        table_of_agents(episodes, cards, "small", cells=cells[:-1])


def test_mixed_and_damaged_inputs_are_refused(runs):
    episodes, cards = runs
    with pytest.raises(UserError, match="'full' throughout"):
        table_of_agents(episodes, cards, "full")
    with pytest.raises(UserError, match="twice"):
        table_of_agents(pd.concat([episodes, episodes[:1]]), cards, "small")
    with pytest.raises(UserError, match=r"40 episodes.*39"):
        table_of_agents(episodes.drop(index=5), cards, "small")
    with pytest.raises(UserError, match="'return'"):
        table_of_agents(episodes.assign(**{"return": np.nan}), cards, "small")
    with pytest.raises(UserError, match="no column 'side'"):
        table_of_agents(episodes.drop(columns="side"), cards, "small")
    key = RunKey("bcq", "mocoda", "unfactored", 2)
    with pytest.raises(UserError, match=r"bcq, mocoda, unfactored, seed 2.*60000"):
        table_of_agents(episodes, {**cards, key: {**cards[key], "updates": 1}}, "small")
    lacking = {name: cards[key][name] for name in cards[key] if name != "precision"}
    with pytest.raises(UserError, match="'precision'"):
        table_of_agents(episodes, {**cards, key: lacking}, "small")
    del cards[key]
    with pytest.raises(UserError, match=r"cards, run \(bcq, mocoda, unfactored, seed 2\)"):
        table_of_agents(episodes, cards, "small")


def test_ceiling_rows(runs):
    name = "scripted oracle (two boxes)"
    frame = table_of_agents(*runs, "small", oracle=ORACLE)
    row = row_of(frame, name, ("-", "-"), "success rate")
    assert row["mean"] == 92.0
    assert row["ci_low"] == pytest.approx(100 * wilson_interval(184, 200)[0])
    assert row["episodes"] == 200
    assert row[["seeds", "updates", "paper_mean"]].isna().all()
    # Whole through CSV: counts stay whole numbers.
    again = pd.read_csv(io.StringIO(frame.to_csv(index=False)))
    assert again["mean"].to_numpy() == pytest.approx(frame["mean"].to_numpy())
    assert "60000.0" not in frame.to_csv()


def test_markdown_shows_both_numbers_and_the_scale(runs):
    frame = table_of_agents(*runs, "small", oracle=ORACLE)
    text = tables_markdown(frame, ["Only final checkpoints count."])
    main = text.split("**Success rate, % of episodes**")[1].split("**")[0]
    header, _, *lines = [line for line in main.splitlines() if line.startswith("|")]
    titles = ["EMP", "MoCoDA", "MoCoDA-P", "MoCoDA, unfactored", "MoCoDA-P, unfactored"]
    assert [cell.strip() for cell in header.split("|")[2:-1]] == titles
    by_name = {
        cells[1].strip(): [cell.strip() for cell in cells[2:-1]]
        for cells in (line.split("|") for line in lines)
    }
    assert list(by_name) == ["BCQ, ours", "BCQ, paper", "TD3-BC, ours", "TD3-BC, paper"]
    for agent, name in (("bcq", "BCQ"), ("td3_bc", "TD3-BC")):
        printed = [f"{mean:.1f} ± {std:.1f}" for mean, std in PAPER[agent]]
        assert by_name[f"{name}, paper"] == printed
    row = row_of(frame, "td3_bc", ("mocoda_p", "locally_factored"), "success rate")
    assert by_name["TD3-BC, ours"][2] == f"25.0 [{row['ci_low']:.1f}, {row['ci_high']:.1f}]"
    for words in (
        "**Reduced scale**: 60,000 updates of an agent against the paper's 1,000,000",
        "300,000 real + 600,000 generated rows",
        "scripted oracle (two boxes): 92.0 [",
        "3 a cell, 120 episodes a cell",
        "Only final checkpoints count.",
        "`c0de`",
        "td3_bc as the paper ran it; bf16",
    ):
        assert words in text


def test_cells_that_were_not_run_are_said_so(runs):
    frame = table_of_agents(*runs, "small")
    at = (frame["agent"] == "bcq") & (frame["dynamics"] == "unfactored")
    assert tables_markdown(frame[~at]).count("not run") == 2 * 4


def test_published_figures():
    frame = published_figures()
    assert frame.groupby("table").size().to_dict() == {"Table 1": 15, "Table 2": 20, "Table 3": 10}
    missing = published_figure("Table 3", "bcq", "mocoda", "globally_factored", "success rate")
    assert missing is None


def test_hooksweep2_rows_stay_what_they_were(runs):
    """The first cell's four rows and the oracle's, as the first version wrote them."""
    frame = table_of_agents(*runs, "small", oracle=ORACLE)
    cell = "Table 3,hooksweep2,bcq,emp,none,small"
    sizes = "60000,300000,0"
    rest = "True,303.0,config0 config1 config2,c0de,bcq as the paper ran it; bf16"
    wilson, student = "95% Wilson over episodes", "95% Student t over seeds"
    wanted = [
        f"{cell},success rate,%,7.5,5.0,0.0,19.9207,{student},3,120,{sizes},2.0,1.6,3,{rest}",
        f'{cell},"success rate, toward",%,12.0,8.0,0.0,31.8731,{student},3,75,{sizes},,,,{rest}',
        f'{cell},"success rate, away",%,0.0,0.0,0.0,7.8652,{wilson},3,45,{sizes},,,,{rest}',
        f"{cell},return,reward,-66.25,2.5,-72.4603,-60.0397,{student},3,120,{sizes},,,,{rest}",
        "Table 3,hooksweep2,scripted oracle (two boxes),-,-,small,success rate,%,92.0,,87.4011,"
        '95.0159,"95% Wilson over episodes, no training seeds",,200,,,,,,,False,,,,not trained',
    ]
    shown = frame[(frame["agent"] == "bcq") & (frame["distribution"] == "emp")]
    text = pd.concat([shown, frame.tail(1)]).round(4).to_csv(index=False, lineterminator="\n")
    assert text.splitlines()[1:] == wanted


def test_the_published_page_is_what_its_table_gives():
    """docs/hooksweep2/tables.md from tables.csv beside it, to the byte, but for its last notes."""
    folder = REPOSITORY / "docs" / "hooksweep2"
    page = (folder / "tables.md").read_text()
    bullets = [line.removeprefix("- ") for line in page.splitlines() if line.startswith("- ")]
    versions = next(i for i, line in enumerate(bullets) if line.startswith("Code version"))
    frame = pd.read_csv(folder / "tables.csv")
    assert tables_markdown(frame, bullets[versions + 1 :]) == page


def test_runs_are_read_with_their_cards_and_curves(runs, tmp_path):
    episodes, cards = runs
    paths = []
    for key, card in list(cards.items())[:3]:
        folder = tmp_path / "-".join(map(str, key))
        folder.mkdir()
        at = (episodes[list(key._fields)] == list(key)).all(axis=1)
        episodes[at].to_parquet(folder / "episodes.parquet")
        (folder / "card.json").write_text(json.dumps(card))
        pd.DataFrame({"updates": [1, 2], "success": [0.0, 0.5], "episodes": 20}).to_csv(
            folder / "curve.csv", index=False
        )
        paths.append(folder / "episodes.parquet")
    read = read_runs(paths)
    assert list(read.cards) == list(cards)[:3]
    assert len(read.episodes) == 3 * EPISODES
    assert read.curves.groupby("seed")["success"].max().to_dict() == {0: 0.5, 1: 0.5, 2: 0.5}
    assert len(table_of_agents(read.episodes, read.cards, "small")) == 4
    with pytest.raises(UserError, match="also in"):
        read_runs([paths[0], paths[0]])
    paths[1].write_bytes(b"not parquet")
    with pytest.raises(UserError, match="parquet file"):
        read_runs(paths)


def test_printed_spreads_are_population_standard_deviations():
    """Which successes of 50 in three seeds give a printed "mean ± spread"? By divisor n, some do
    for every cell; by divisor n - 1, none does for any: what `mocoda.published` says of them."""
    counts = np.array(list(combinations_with_replacement(range(51), 3))) * 100 / 50
    means, population, sample = counts.mean(1), counts.std(1), counts.std(1, ddof=1)
    for mean, std in (cell for cells in PAPER.values() for cell in cells):
        near = np.abs(means - mean) < 0.051
        assert (near & (np.abs(population - std) < 0.051)).any()
        assert not (near & (np.abs(sample - std) < 0.051)).any()
