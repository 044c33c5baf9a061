"""Provenance: what a table's row traces back to, and inputs that are not what was written."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mocoda.artifacts import checksum, write_json
from mocoda.errors import UserError
from mocoda.provenance import checksums_of, describe_run, verify_inputs
from mocoda.tables.lineage import lineage


def written(
    folder: Path, stage: str, inputs: list[Path], settings: str = "first", **wildcards: str
) -> Path:
    """A file and the provenance beside it, as a job leaves them."""
    file = folder / f"{stage}.json"
    write_json(file, {"made by": stage, "with": settings})
    description = describe_run(
        stage=stage,
        wildcards={"domain": "nav2d", "seed": "0", **wildcards},
        settings={"name": settings},
        config_hash=f"{stage}-{settings}",
        code=f"code of {stage}",
        threads=1,
        inputs=checksums_of({"files": [str(path) for path in inputs]}),
        outputs={"file": str(file)},
        started=time.monotonic(),
    )
    write_json(folder / "provenance.json", description)
    return file


def chain(root: Path, parents: str = "first") -> Path:
    """data -> parents -> episodes, each in a folder of its own; the oracle beside them."""
    for name in ("data", "parents", "oracle", "run"):
        (root / name).mkdir(parents=True)
    data = written(root / "data", "collect_empirical", [])
    mixtures = written(root / "parents", "fit_gmm_parents", [data], parents)
    oracle = written(root / "oracle", "collect_oracle", [])
    return written(root / "run", "evaluate", [mixtures, oracle])


def test_a_row_traces_back_to_every_stage_but_the_oracle(tmp_path: Path) -> None:
    assert lineage(chain(tmp_path), {}) == {
        "evaluate": ("evaluate-first", "code of evaluate"),
        "fit_gmm_parents": ("fit_gmm_parents-first", "code of fit_gmm_parents"),
        "collect_empirical": ("collect_empirical-first", "code of collect_empirical"),
    }


def test_another_setting_far_up_shows_in_the_row(tmp_path: Path) -> None:
    first = lineage(chain(tmp_path / "a"), {})
    second = lineage(chain(tmp_path / "b", parents="second"), {})
    assert {stage for stage in first if first[stage] != second[stage]} == {"fit_gmm_parents"}


def test_a_row_traces_back_to_every_job_of_a_stage(tmp_path: Path) -> None:
    """A measured cell comes from several selections, made by different settings."""
    for name in ("first", "second", "measured"):
        (tmp_path / name).mkdir()
    one = written(tmp_path / "first", "rebalance", [], "one", distribution="mocoda")
    two = written(tmp_path / "second", "rebalance", [], "two", distribution="mocoda_u")
    found = lineage(written(tmp_path / "measured", "model_error", [one, two]), {})
    assert found["rebalance/mocoda"] == ("rebalance-one", "code of rebalance")
    assert found["rebalance/mocoda_u"] == ("rebalance-two", "code of rebalance")


def test_an_input_that_was_altered_is_refused(tmp_path: Path) -> None:
    episodes = chain(tmp_path)
    good = checksums_of({"file": str(episodes)})
    verify_inputs(good)
    episodes.write_text(episodes.read_text().replace("first", "other"))
    with pytest.raises(UserError, match=r"evaluate\.json: expected the contents that its stage"):
        verify_inputs(checksums_of({"file": str(episodes)}))


def test_a_file_without_provenance_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    write_json(file, {})
    verify_inputs({str(file): checksum(file)})
