"""Rows of model errors and of valid data: traced back, and refused where damaged or missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nav2d_tables_examples import errors_of, one, prepare, validity_of

from mocoda.errors import UserError
from mocoda.jobs import Job
from mocoda.stages.tables import tables
from mocoda.tables import read_model_errors
from mocoda.tables.validity import validity_section


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The stage, run on one cell of agents; nobody changes it."""
    job = prepare(tmp_path_factory.mktemp("finished"), ["sac"], [("emp", "none")])
    tables(job)
    return job


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A small job that a test may change."""
    return prepare(tmp_path, ["sac"], [("emp", "none")])


def test_a_row_of_a_model_traces_back(finished: Job) -> None:
    frame = pd.read_csv(finished.outputs["csv"])
    row = one(frame, dynamics="unfactored", distribution="emp", metric="MSE")
    # Training and measuring, a minute each, five seeds of the same settings.
    assert row["seconds"] == 600.0
    assert len(row["config_hash"].split()) == 1
    assert len(row["code_version"].split()) == 1
    assert (row["updates"], row["transitions_real"], row["seeds"]) == (40_996, 40_000, 5)
    assert row["mean"] == pytest.approx(np.mean([(0.001 * n) ** 2 for n in range(1, 6)]))
    halved = one(
        frame,
        dynamics="unfactored",
        distribution="emp",
        metric="error norm x100, mean prediction",
    )
    assert halved["mean"] == pytest.approx(0.15)


def test_shared_data_has_models_of_one_seed_and_no_interval(job: Job) -> None:
    job.settings["shared_data"] = True
    first = [file for file in job.inputs["model_errors"] if "seed_0" in file]
    job.inputs["model_errors"][:] = first  # type: ignore[index]
    tables(job)
    frame = pd.read_csv(job.outputs["csv"])
    rows = frame[frame["table"] == "Table 1"]
    assert rows["ci_low"].isna().all()
    assert set(rows["seeds"]) == {1}
    assert rows["reduced"].all()  # the paper's has five
    text = Path(job.outputs["markdown"]).read_text()
    assert "unfactored, ours | 0.10 | 0.10 |" in text
    assert "1 seed against 5" in text


def test_a_missing_seed_of_a_model_is_refused_by_name(job: Job) -> None:
    gone = [f for f in job.inputs["model_errors"] if "seed_3/model_error/globally" in f]
    job.inputs["model_errors"].remove(gone[0])
    with pytest.raises(UserError) as caught:
        tables(job)
    assert "(globally_factored, emp, sampled, seed 3)" in caught.value.where
    assert "expected errors of all 5 seeds; found none of this seed" in str(caught.value)
    assert not Path(job.outputs["csv"]).exists()


def test_damaged_model_errors_are_refused_by_file(job: Job) -> None:
    files = [Path(file) for file in job.inputs["model_errors"]]
    good = errors_of("unfactored", 0)
    with pytest.raises(UserError, match=r"seed 0 also in .*errors\.csv"):
        read_model_errors([*files, files[0]])
    for column, value in (("error_norm", np.nan), ("mse", np.inf), ("mse", -1.0)):
        wrong = good.copy()
        wrong.loc[3, column] = value
        wrong.to_csv(files[0], index=False)
        with pytest.raises(UserError, match=f"row 3, column '{column}'.* finite numbers from 0"):
            read_model_errors(files)
    good.drop(columns="updates").to_csv(files[0], index=False)
    with pytest.raises(UserError, match="no column 'updates'"):
        read_model_errors(files)
    pd.concat([good, errors_of("unfactored", 9)]).to_csv(files[0], index=False)
    with pytest.raises(UserError, match="expected the errors of one model; found several"):
        read_model_errors(files)
    good.assign(parents_from="unfactored").to_csv(files[0], index=False)
    with pytest.raises(UserError, match="'parents_from': expected the same for all seeds"):
        tables(job)
    files[0].unlink()
    with pytest.raises(UserError, match="a csv file written by the stage model_error"):
        read_model_errors(files)


def test_damaged_validity_is_refused() -> None:
    frame = validity_of()
    with pytest.raises(UserError, match="no column 'share_off'"):
        validity_section(frame.drop(columns="share_off"), "nav2d", "paper")
    for column, value in (("share_off", 1.5), ("mean_error", np.nan)):
        wrong = frame.copy()
        wrong.loc[1, column] = value
        with pytest.raises(UserError, match=rf"\(emp, none, seed 1\), column '{column}'"):
            validity_section(wrong, "nav2d", "paper")
    with pytest.raises(UserError, match=r"\(emp, none\): .*once; found none of seed 1"):
        validity_section(frame.drop(index=1), "nav2d", "paper")
    with pytest.raises(UserError, match=r"\(emp, none\): .*once; found seed 1 twice"):
        validity_section(pd.concat([frame, frame[1:2]]), "nav2d", "paper")
