"""The setting `collect_empirical.file`: what it replaces, and what it leaves alone."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from spine_examples import shipped_config
from test_logged import write
from workflow_examples import DATA, planned, snakemake

from mocoda.config import ConfigError, load
from mocoda.domains.nav2d import NAV2D
from mocoda.errors import UserError
from mocoda.logged import LoggedSettings, behaviour_policy, collection
from mocoda.logged_inputs import logged_file, logged_file_as_seen
from mocoda.stores import read_transitions


def with_file(**settings: Any) -> dict[str, Any]:
    raw = shipped_config()
    raw["domains"]["nav2d"]["collect_empirical"] |= settings
    return raw


def test_a_file_takes_the_place_of_the_experts_settings() -> None:
    found = load(with_file(file="rows.npz")).domains["nav2d"]["demo"].collect_empirical
    assert found == {"file": "rows.npz", "transitions": 40000}


def test_the_tables_say_whose_rows_they_are_of() -> None:
    own = load(with_file(file="rows.npz")).domains["nav2d"]["demo"].tables
    others = load(shipped_config()).domains["nav2d"]["demo"].tables
    assert own.notes[0].startswith("Logged rows: of rows.npz, not of the scripted expert")
    assert "their rows overlap" in own.notes[0]
    assert own.notes[1:] == others.notes
    assert own.model_copy(update={"notes": others.notes}) == others


def test_no_file_leaves_no_trace_in_the_settings() -> None:
    """They are hashed: what was made before is not made again."""
    before = load(shipped_config()).domains["nav2d"]["demo"].collect_empirical
    assert load(with_file(file=None)).domains["nav2d"]["demo"].collect_empirical == before
    assert "file" not in before


def test_a_mistyped_setting_beside_a_file_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"fiel: no such setting\. Did you mean 'file'"):
        load(with_file(file="rows.npz", fiel=1))


def test_a_mistyped_file_is_understood() -> None:
    with pytest.raises(ConfigError, match=r"fiel: no such setting\. Did you mean 'file'"):
        load(with_file(fiel="rows.npz"))


def test_the_seed_has_its_place_in_the_name_of_the_file() -> None:
    settings = LoggedSettings(file="logs/{seed}/rows_{seed}.npz", transitions=9)
    assert settings.of_seed(3) == Path("logs/3/rows_3.npz")
    own = load(with_file(file="rows_{seed}.npz")).domains["nav2d"]["demo"].tables
    assert "Each seed has a file of its own." in own.notes[0]
    with pytest.raises(ConfigError, match=r"collect_empirical\.file: expected no braces but in"):
        load(with_file(file="rows_{x}.npz"))


def test_each_seed_reads_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(with_file(file="rows_{seed}.npz"))
    Path("rows_2.npz").write_bytes(b"rows")
    os.utime("rows_2.npz", ns=(5, 7))
    wildcards = SimpleNamespace(domain="nav2d", scale="demo", seed="2")
    assert logged_file(config, wildcards) == "rows_2.npz"
    assert logged_file_as_seen(config, wildcards) == "4 7"
    wildcards.seed = "1"
    with pytest.raises(UserError, match=r"rows_1\.npz: expected the file that .* no such file"):
        logged_file(config, wildcards)


def test_a_domain_without_an_expert_needs_a_file() -> None:
    domain = replace(NAV2D, collect=None, settings=LoggedSettings)
    assert collection(domain, {"transitions": 9}) == (LoggedSettings, {"transitions": 9})
    with pytest.raises(UserError, match="a scripted behaviour policy"):
        behaviour_policy(domain)


def test_a_domain_that_reads_files_in_its_own_way_still_does() -> None:
    domain = replace(NAV2D, settings=LoggedSettings)
    assert collection(domain, {"file": "mine"}) == (LoggedSettings, {"file": "mine"})


def test_the_workflow_takes_the_users_rows_and_sees_when_they_change(own: Path) -> None:
    """The expert's rows of the tiny scale, given back as a file."""
    stored = (own / DATA / "empirical/manifest.json", own / DATA / "empirical/store")
    rows = read_transitions(*stored)
    columns = {name: getattr(rows, name) for name in ("observation", "action", "next_observation")}
    file = write(own, columns, ".parquet")
    # Somebody else's: a file of the user's is no artefact.
    (own / "provenance.json").write_text("[1]")
    changes = {"collect_empirical": {"file": "rows.parquet", "transitions": len(rows)}}
    target = str(DATA / "empirical/manifest.json")
    run = snakemake(own, changes=changes, target=target)
    assert run.returncode == 0, run.stdout + run.stderr
    found = read_transitions(*stored)
    np.testing.assert_array_equal(found.observation, rows.observation)
    np.testing.assert_array_equal(found.step, rows.step)
    card = json.loads((own / DATA / "empirical/card.json").read_text())
    assert card["file"] == "rows.parquet"
    assert planned(own, changes=changes, target=target) == {}
    write(own, {name: values[::-1] for name, values in columns.items()}, ".parquet")
    # Older than what was made from the other one.
    os.utime(file, (0, 0))
    assert planned(own, changes=changes, target=target) == {"collect_empirical": 1}
    file.unlink()
    run = snakemake(own, "--dry-run", changes=changes, target=target)
    assert run.returncode != 0
    told = "rows.parquet: expected the file that collect_empirical.file names; found no such file"
    assert told in run.stdout + run.stderr
