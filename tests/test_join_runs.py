"""Tables of the runs that are finished: made-up runs, a stage's table beside the command's."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from finished_runs_examples import CELLS, RESULTS, changed, entry_changed, joined, run_folder
from nav2d_tables_examples import EPISODES, SEEDS, TABLE_1, one
from spine_examples import REPOSITORY, shipped_config

from mocoda.artifacts import read_json, write_json
from mocoda.errors import UserError
from mocoda.jobs import Job
from mocoda.join_runs import main, tables_of
from mocoda.tables.finished_runs import CARDS, read_saved, save
from mocoda.tables.lineage import settings_hash


def test_of_all_runs_it_is_the_stages_table(finished_project: tuple[Path, Job]) -> None:
    folder, job = finished_project
    frame, text = tables_of(joined(folder / RESULTS))
    written = pd.read_csv(StringIO(frame.to_csv(index=False)))
    expected = pd.read_csv(job.outputs["csv"])
    pd.testing.assert_frame_equal(written, expected)
    # Its words are the stage's but for the settings' notes, which are config.yaml's; it tells that
    # it may be a part of the whole, and has no table of valid rows.
    partial = "- Made of what was finished: not every cell need have all seeds."
    first, second = text.split("\n## ")
    theirs = Path(job.outputs["markdown"]).read_text().split("\n## ")[:2]
    assert first.strip() == f"{theirs[0].strip()}\n{partial}"
    before, _, notes = second.partition("- A note of the settings.")
    assert not notes
    kept, _, after = theirs[1].partition("- A note of the settings.\n")
    assert before.startswith(kept)
    assert before.endswith(f"{after.strip()}\n{partial}\n")
    for note in shipped_config()["domains"]["nav2d"]["tables"]["notes"]:
        assert f"- {note}\n" in before


@pytest.mark.parametrize(("here", "swapped"), [({0}, False), ({1, 3}, True)])
def test_seeds_of_two_machines_make_the_table_of_one(
    finished_project: tuple[Path, Job], tmp_path: Path, here: set[int], swapped: bool
) -> None:
    folder, _ = finished_project
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
    pd.testing.assert_frame_equal(frame, whole)


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
    sac, td3_bc = (
        next(line for line in text.splitlines() if line.startswith(f"| {name}, ours")).split("|")
        for name in ("SAC", "TD3-BC")
    )
    assert [cell.rpartition("]")[2].strip() for cell in sac[2:4]] == [", 4 seeds", ""]
    assert [cell.rpartition("]")[2].strip() for cell in td3_bc[2:4]] == ["", ", 1 seed"]
    assert (steps["distribution"] == "-").sum() == 1  # the oracle, once


def test_a_cell_without_runs_reads_not_run(project: Path) -> None:
    shutil.rmtree(project / RESULTS / "agents/sac/mocoda")
    _, text = tables_of(joined(project / RESULTS))
    line = next(line for line in text.splitlines() if line.startswith("| SAC, ours | 46.0"))
    assert line.endswith("| not run |")


def test_a_run_in_two_folders_counts_once(project: Path) -> None:
    part = joined(project / RESULTS)
    save(part, project / "kept")
    # The same run on a slower machine.
    changed(project / "kept", CARDS, entry_changed(0, seconds=999.0))
    again = joined(project / RESULTS, project / "kept")
    pd.testing.assert_frame_equal(tables_of(again)[0], tables_of(part)[0])


def test_two_runs_by_one_name_are_refused(project: Path) -> None:
    save(joined(project / RESULTS), project / "kept")
    changed(project / "kept", CARDS, entry_changed(0, precision="float32"))
    with pytest.raises(UserError, match=r"expected the same run as in .*kept"):
        joined(project / "kept", project / RESULTS)


def test_two_models_by_one_name_are_refused(project: Path) -> None:
    part = joined(project / RESULTS)
    save(part, project / "kept")
    assert part.model_errors is not None
    other = part.model_errors.copy()
    other.loc[3, "error_norm"] *= 2
    save(replace(part, model_errors=other), project / "other")
    with pytest.raises(UserError, match="one model by that name"):
        joined(project / "kept", project / "other")


def test_other_scales_and_oracles_are_refused(project: Path) -> None:
    part = joined(project / RESULTS)
    save(part, project / "kept")
    save(replace(part, oracle={**(part.oracle or {}), "mean_steps": 5.0}), project / "oracle")
    with pytest.raises(UserError, match="oracle's card: expected the same"):
        joined(project / "kept", project / "oracle")
    episodes = part.runs.episodes.assign(scale="demo")
    save(replace(part, runs=replace(part.runs, episodes=episodes)), project / "demo")
    with pytest.raises(UserError, match="expected runs of nav2d/paper"):
        joined(project / "kept", project / "demo")


def test_results_that_were_carried_away_from_their_place_are_refused(project: Path) -> None:
    shutil.copytree(project / RESULTS, project / "carried")
    with pytest.raises(UserError, match=r"made in, results/nav2d/paper; found .*/carried"):
        joined(project / "carried")


def test_seeds_of_other_settings_are_refused(project: Path) -> None:
    """Another setting anywhere in the chain: a hash says it, of agents and of models."""
    save(joined(project / RESULTS), project / "kept")
    changed(project / "kept", CARDS, entry_changed(1, config_hash="other"))
    with pytest.raises(UserError, match=r"seed 1\), field 'config_hash'.*trained alike"):
        tables_of(read_saved(project / "kept"))
    record = project / "data/nav2d/paper/seed_3/dynamics/unfactored/provenance.json"
    write_json(record, {**read_json(record), "config_hash": "other"})
    with pytest.raises(UserError, match=r"unfactored, seed 3\), field 'config_hash'"):
        tables_of(joined(project / RESULTS))


def test_runs_side_by_side_differ_by_which_runs_they_are_alone() -> None:
    facts = {"config_hash": "a", "settings": {"agent": {"updates": 3}, "runs": [{"seed": 0}]}}
    others = {**facts, "settings": {**facts["settings"], "runs": [{"seed": 1}, {"seed": 2}]}}
    trained_on = {**facts, "settings": {**facts["settings"], "agent": {"updates": 4}}}
    assert settings_hash(facts) == settings_hash(others) != settings_hash(trained_on)


def test_without_curves_there_is_no_picture_of_them(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = joined(project / RESULTS)
    save(replace(part, runs=replace(part.runs, curves=part.runs.curves.head(0))), project / "kept")
    command = ["join_runs", str(project / "kept"), "--output", str(project / "out")]
    monkeypatch.setattr(sys, "argv", command)
    main()
    assert (project / "out/results.png").is_file()
    assert not (project / "out/curves.png").exists()


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
    assert "not in config.yaml" not in told
    assert "seed_2" in told.split("not finished, left out")[1]
    frame, text = tables_of(read_saved(output))
    assert (output / "tables.md").read_text() == text
    assert len(pd.read_csv(output / "tables.csv")) == len(frame)
    for picture in ("results.png", "curves.png"):
        assert (output / picture).read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(sys, "argv", ["join_runs", str(project), "--output", str(output)])
    with pytest.raises(SystemExit, match=r"Error: .*no runs"):
        main()


@pytest.mark.parametrize("scale", ["paper", "paper_published_code"])
def test_the_published_page_is_what_its_runs_give(scale: str) -> None:
    """docs/nav2d/<scale>/tables.md from the runs beside it, to the byte, and tables.csv."""
    folder = REPOSITORY / "docs/nav2d" / scale
    frame, text = tables_of(read_saved(folder))
    assert (folder / "tables.md").read_text() == text
    written = pd.read_csv(StringIO(frame.to_csv(index=False)))
    pd.testing.assert_frame_equal(written, pd.read_csv(folder / "tables.csv"))
