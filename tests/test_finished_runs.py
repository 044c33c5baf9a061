"""Which runs count as finished, and folders that are not what they say: made-up runs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from finished_runs_examples import CELLS, RESULTS, joined, run_folder
from nav2d_tables_examples import SEEDS

from mocoda.artifacts import checksum, read_json, write_json
from mocoda.errors import UserError
from mocoda.join_runs import read_folder, tables_of
from mocoda.tables.finished_runs import CARDS, read_finished, read_saved, save


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
    write_json(folder / "card.json", {**read_json(folder / "card.json"), "seconds": 99.0})
    record = read_json(folder / "provenance.json")
    record["outputs"]["card.json"] = checksum(folder / "card.json")
    write_json(folder / "provenance.json", record)
    assert joined(project / RESULTS).unfinished == (folder,)


def with_data(folder: Path, project: Path) -> Path:
    """A run's training gets data that it was made of: a manifest with its provenance."""
    data = project / "data/nav2d/paper/seed_2/empirical"
    data.mkdir(parents=True)
    (data / "manifest.json").write_text("{}")
    manifest = "data/nav2d/paper/seed_2/empirical/manifest.json"
    digest = checksum(data / "manifest.json")
    made = {"stage": "collect_empirical", "config_hash": "data", "code_version": "c0de"}
    wildcards = {"domain": "nav2d", "scale": "paper", "seed": "2"}
    write_json(
        data / "provenance.json",
        {**made, "wildcards": wildcards, "inputs": {}, "outputs": {"manifest.json": digest}},
    )
    record = read_json(folder / "provenance.json")
    write_json(folder / "provenance.json", {**record, "inputs": {manifest: digest}})
    return data


def test_a_run_on_data_that_were_made_anew_is_left_out(project: Path) -> None:
    """What its data are now says nothing of it: it is not trained anew yet."""
    folder = run_folder(project, "sac", CELLS[0], 2)
    data = with_data(folder, project)
    before = joined(project / RESULTS)
    assert before.unfinished == ()
    record = read_json(data / "provenance.json")
    write_json(
        data / "provenance.json",
        {**record, "config_hash": "other", "outputs": {"manifest.json": "made anew"}},
    )
    assert joined(project / RESULTS).unfinished == (folder,)


def test_a_run_whose_data_are_gone_is_refused(project: Path) -> None:
    """Their settings are a part of what all seeds of a cell must share."""
    data = with_data(run_folder(project, "sac", CELLS[0], 2), project)
    shutil.rmtree(data)
    with pytest.raises(UserError, match=r"manifest.json.*found no such file. Bring it back"):
        joined(project / RESULTS)


def test_episodes_with_a_column_of_nan_are_the_same_run_twice(project: Path) -> None:
    part = joined(project / RESULTS)
    episodes = part.runs.episodes.assign(arrival=float("nan"))
    save(replace(part, runs=replace(part.runs, episodes=episodes)), project / "kept")
    twice = joined(project / "kept", project / "kept")
    assert len(twice.runs.cards) == len(part.runs.cards)


@pytest.mark.parametrize("name", ["episodes.parquet", "card.json", "curve.csv"])
def test_damaged_files_are_refused(project: Path, name: str) -> None:
    file = run_folder(project, "sac", CELLS[0], 2) / name
    file.write_bytes(file.read_bytes() + b"\n")
    with pytest.raises(UserError, match=rf"{name}.*sha256"):
        joined(project / RESULTS)


def test_errors_of_a_model_that_is_there_no_more_are_left_out(project: Path) -> None:
    model = project / "data/nav2d/paper/seed_1/dynamics/unfactored"
    record = read_json(model / "provenance.json")
    record["outputs"]["dynamics.safetensors"] = "trained anew"
    write_json(model / "provenance.json", record)
    (project / "data/nav2d/paper/seed_2/dynamics/unfactored/provenance.json").unlink()
    part = joined(project / RESULTS)
    assert [folder.parts[-3] for folder in part.unfinished] == ["seed_1", "seed_2"]
    frame, _ = tables_of(part)
    errors = frame[(frame["metric"] == "error norm x100") & (frame["distribution"] == "emp")]
    assert dict(zip(errors["dynamics"], errors["seeds"], strict=True))["unfactored"] == 3


def test_damaged_errors_are_refused(project: Path) -> None:
    file = project / "data/nav2d/paper/seed_1/model_error/unfactored/errors.csv"
    file.write_text(file.read_text().replace("0.002", "0.001"))
    with pytest.raises(UserError, match=r"errors.csv.*sha256"):
        joined(project / RESULTS)


@pytest.mark.parametrize("name", ["episodes.parquet", CARDS, "model_errors.parquet"])
def test_a_saved_folder_is_whole_or_refused(project: Path, name: str) -> None:
    save(joined(project / RESULTS), project / "kept")
    (project / "kept" / name).write_bytes(b"")
    with pytest.raises(UserError, match=rf"{name}: expected the file that join_runs wrote"):
        read_saved(project / "kept")


def test_the_oracle_of_another_scale_with_the_data_is_taken(project: Path) -> None:
    data = project / "data/nav2d"
    shutil.move(data / "paper", data / "demo")
    part = read_finished(project / RESULTS, "demo")
    assert part.oracle is not None
    assert part.model_errors is None


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


def test_a_backup_beside_a_run_is_no_run(project: Path) -> None:
    folder = run_folder(project, "sac", CELLS[0], 2)
    shutil.copytree(folder, folder.with_name("seed_2_old"))
    assert len(joined(project / RESULTS).runs.cards) == 20
