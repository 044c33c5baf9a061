"""Tables of the runs that are finished: made-up runs, a stage's table beside the command's."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from nav2d_tables_examples import EPISODES, SEEDS, TABLE_1, one, prepare

from mocoda.agent_runs import RUN
from mocoda.artifacts import read_json, write_json
from mocoda.errors import UserError
from mocoda.jobs import Job
from mocoda.join_runs import main, read_folder, tables_of
from mocoda.stages.tables import tables
from mocoda.tables.finished_runs import CARDS, FinishedRuns, join, read_saved, save

CELLS = [("emp", "none"), ("mocoda", "locally_factored")]
RESULTS = "results/nav2d/paper"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Job]:
    """A project folder with all runs of two agents, and its table; nobody changes it."""
    folder = tmp_path_factory.mktemp("project")
    job = prepare(folder, ["sac", "td3_bc"], CELLS)
    tables(job)
    return folder, job


@pytest.fixture
def project(finished: tuple[Path, Job], tmp_path: Path) -> Path:
    """A copy of it, as it would lie on another machine."""
    shutil.copytree(finished[0], tmp_path / "project")
    return tmp_path / "project"


def run_folder(project: Path, agent: str, cell: tuple[str, str], seed: int) -> Path:
    names = dict(zip(("distribution", "dynamics"), cell, strict=True))
    return project / RUN.format(domain="nav2d", scale="paper", agent=agent, seed=seed, **names)


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """By cell and metric: rows of cells with other seeds lie apart in a table of finished runs."""
    keys = ["table", "agent", "distribution", "dynamics", "metric"]
    return frame.sort_values(keys, ignore_index=True)


def joined(*folders: Path) -> FinishedRuns:
    return join([(folder, read_folder(folder)) for folder in folders])


def test_of_all_runs_it_is_the_stages_table(finished: tuple[Path, Job]) -> None:
    folder, job = finished
    frame, text = tables_of(joined(folder / RESULTS))
    written = pd.read_csv(StringIO(frame.to_csv(index=False)))
    expected = pd.read_csv(job.outputs["csv"])
    pd.testing.assert_frame_equal(in_order(written), in_order(expected))
    # Its words are those of config.yaml, and it has no table of valid rows.
    theirs = Path(job.outputs["markdown"]).read_text().split("\n## ")[:2]
    for own, whole in zip(text.split("\n## "), theirs, strict=True):
        assert own.split("- Policies")[0].strip() == whole.split("- Policies")[0].strip()
    assert "Made of the runs that were finished" in text


@pytest.mark.parametrize(("here", "swapped"), [({0}, False), ({1, 3}, True)])
def test_seeds_of_two_machines_make_the_table_of_one(
    finished: tuple[Path, Job], tmp_path: Path, here: set[int], swapped: bool
) -> None:
    folder, _ = finished
    whole, _ = tables_of(joined(folder / RESULTS))
    kept = []
    for name, seeds in (("here", here), ("there", set(SEEDS) - here)):
        machine = tmp_path / name
        shutil.copytree(folder, machine / "project")
        for seed in set(SEEDS) - seeds:
            for run in machine.glob(f"project/{RESULTS}/agents/*/*/*/seed_{seed}"):
                shutil.rmtree(run)
            shutil.rmtree(machine / f"project/data/nav2d/paper/seed_{seed}")
        part = joined(machine / "project" / RESULTS)
        assert {key.seed for key in part.runs.cards} == seeds
        save(part, machine / "kept")
        kept.append(machine / "kept")
    frame, _ = tables_of(joined(*(reversed(kept) if swapped else kept)))
    # Folders are no part of a result; here they differ, since provenance names what it read.
    hashes = ["config_hash"]
    pd.testing.assert_frame_equal(
        in_order(frame.drop(columns=hashes)), in_order(whole.drop(columns=hashes))
    )


def test_each_cell_and_model_has_the_seeds_that_it_has(project: Path) -> None:
    shutil.rmtree(run_folder(project, "sac", CELLS[0], 4))
    for seed in SEEDS[1:]:
        shutil.rmtree(run_folder(project, "td3_bc", CELLS[1], seed))
    shutil.rmtree(project / "data/nav2d/paper/seed_4/model_error/unfactored")
    frame, text = tables_of(joined(project / RESULTS))
    steps = frame[frame["metric"] == "steps to goal"]
    # A seed's mean is 45 + seed / 2 steps.
    for agent, distribution, seeds in (
        ("sac", "emp", 4),
        ("sac", "mocoda", 5),
        ("td3_bc", "emp", 5),
        ("td3_bc", "mocoda", 1),
    ):
        row = one(steps, agent=agent, distribution=distribution)
        assert (row["seeds"], row["episodes"]) == (seeds, seeds * EPISODES)
        assert row["mean"] == pytest.approx(45 + (seeds - 1) / 4)
        assert row["reduced"] == (seeds < 5)
    errors = frame[(frame["metric"] == "error norm x100") & (frame["distribution"] == "emp")]
    assert dict(zip(errors["dynamics"], errors["seeds"], strict=True)) == {
        name: 4 if name == "unfactored" else 5 for name in TABLE_1
    }
    assert "1 to 5 a cell" in text
    assert (steps["distribution"] == "-").sum() == 1  # the oracle, once


def test_a_cell_without_runs_reads_not_run(project: Path) -> None:
    shutil.rmtree(project / RESULTS / "agents/sac/mocoda")
    _, text = tables_of(joined(project / RESULTS))
    line = next(line for line in text.splitlines() if line.startswith("| SAC, ours | 46.0"))
    assert line.endswith("| not run |")


def test_a_run_in_two_folders_counts_once_and_two_runs_are_refused(project: Path) -> None:
    part = joined(project / RESULTS)
    save(part, project / "kept")
    again = joined(project / "kept", project / RESULTS)
    assert tables_of(again)[0].equals(tables_of(part)[0])
    entries = read_json(project / "kept" / CARDS)
    entries[0]["seconds"] += 1.0
    write_json(project / "kept" / CARDS, entries)
    with pytest.raises(UserError, match=r"expected the same run as in .*kept"):
        joined(project / "kept", project / RESULTS)


def test_two_models_by_one_name_are_refused(project: Path) -> None:
    save(joined(project / RESULTS), project / "kept")
    path = project / "kept/model_errors.parquet"
    errors = pd.read_parquet(path)
    errors.loc[3, "error_norm"] *= 2
    errors.to_parquet(path, index=False)
    with pytest.raises(UserError, match="one model by that name"):
        joined(project / "kept", project / RESULTS)


@pytest.mark.parametrize("missing", ["evaluation_provenance.json", "episodes.parquet", "card.json"])
def test_a_run_that_is_not_evaluated_is_left_out(project: Path, missing: str) -> None:
    folder = run_folder(project, "sac", CELLS[0], 2)
    (folder / missing).unlink()
    part = joined(project / RESULTS)
    assert part.unfinished == (folder,)
    assert ("sac", *CELLS[0], 2) not in part.runs.cards
    assert len(part.runs.cards) == len(SEEDS) * 4 - 1


def test_the_evaluation_of_an_earlier_policy_does_not_count(project: Path) -> None:
    """Trained anew and not yet evaluated: the card is another one than the evaluation's."""
    folder = run_folder(project, "sac", CELLS[0], 2)
    card = read_json(folder / "card.json")
    write_json(folder / "card.json", {**card, "seconds": 99.0})
    assert joined(project / RESULTS).unfinished == (folder,)


def test_damaged_episodes_are_refused(project: Path) -> None:
    file = run_folder(project, "sac", CELLS[0], 2) / "episodes.parquet"
    frame = pd.read_parquet(file)
    frame["steps"] = 19
    frame.to_parquet(file)
    with pytest.raises(UserError, match=r"episodes.parquet.*sha256"):
        joined(project / RESULTS)


def test_seeds_that_were_trained_unlike_each_other_are_refused(project: Path) -> None:
    save(joined(project / RESULTS), project / "kept")
    entries = read_json(project / "kept" / CARDS)
    entries[1]["updates"] = 3000
    write_json(project / "kept" / CARDS, entries)
    with pytest.raises(UserError, match="trained alike"):
        tables_of(read_saved(project / "kept"))


@pytest.mark.parametrize("folder", [Path("/"), Path("/tmp"), Path("nowhere")])
def test_any_folder_without_runs_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="no runs"):
        read_folder(folder)


def test_the_folder_of_a_scale_is_not_written_to(project: Path) -> None:
    part = joined(project / RESULTS)
    with pytest.raises(UserError, match="Name another --output"):
        save(part, project / RESULTS)


def test_nothing_stays_of_what_was_written_before(project: Path) -> None:
    part = joined(project / RESULTS)
    save(part, project / "kept")
    save(replace(part, model_errors=None, oracle=None), project / "kept")
    again = read_saved(project / "kept")
    assert again.model_errors is None
    assert again.oracle is None


def test_the_command(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (run_folder(project, "sac", CELLS[0], 2) / "curve.csv").unlink()
    output = project / "kept"
    command = ["join_runs", str(project / RESULTS), "--output", str(output)]
    monkeypatch.setattr(sys, "argv", command)
    main()
    told = capsys.readouterr().out
    assert "19 runs" in told
    assert "seed_2" in told.split("not finished, left out")[1]
    frame, text = tables_of(read_saved(output))
    assert (output / "tables.md").read_text() == text
    assert len(pd.read_csv(output / "tables.csv")) == len(frame)
    for picture in ("results.png", "curves.png"):
        assert (output / picture).read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(sys, "argv", ["join_runs", str(project), "--output", str(output)])
    with pytest.raises(SystemExit, match=r"Error: .*no runs"):
        main()
