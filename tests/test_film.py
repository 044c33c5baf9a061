"""Which episodes of an agent are filmed, and what happens where nothing can be drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mocoda.artifacts import read_json
from mocoda.domains import DOMAINS
from mocoda.errors import UserError
from mocoda.jobs import Job
from mocoda.stages import film as stage

EPISODES = pd.DataFrame(
    {
        "episode_seed": [7, 8, 9, 10, 2**63 + 5, 12],
        "success": [False, True, True, False, False, False],
        "side": ["away", "away", "toward", "away", "toward", "toward"],
    }
)


def shown(episodes: pd.DataFrame) -> dict[str, list[int]]:
    return {name: seeds.tolist() for name, seeds in stage.shown_episodes(episodes)}


def test_the_first_success_and_failure_of_each_side_are_shown() -> None:
    assert shown(EPISODES) == {
        "success_toward": [9],
        "success_away": [8],
        "failure_toward": [2**63 + 5, 12],
        "failure_away": [7, 10],
    }
    without = shown(EPISODES.drop(columns="side"))
    assert without == {"success": [8, 9], "failure": [7, 10, 2**63 + 5, 12]}
    solved = EPISODES[EPISODES["success"]]
    assert set(shown(solved)) == {"success_away", "success_toward"}
    assert shown(pd.concat([EPISODES] * 9))["failure_away"] == [7, 10] * 4


@pytest.mark.parametrize("renderer", [True, False])
def test_films_are_written_or_a_note_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renderer: bool
) -> None:
    seen: list[tuple[Any, list[int], str]] = []

    def draw(policy: Any, seeds: np.ndarray, path: Path) -> None:
        if not renderer:
            raise UserError("film", expected="a renderer", found="none")
        seen.append((policy, seeds.tolist(), path.name))
        path.write_bytes(b"GIF")

    domain = replace(DOMAINS["hooksweep2"], film=draw)
    monkeypatch.setitem(DOMAINS, "hooksweep2", domain)
    monkeypatch.setattr(stage, "load_actor", lambda *ignored: "actor")
    monkeypatch.setattr(stage, "read_tensors", lambda ignored: {})
    EPISODES.to_parquet(tmp_path / "episodes.parquet")
    job = Job(
        stage="film",
        inputs={
            "policy": "",
            "card": "",
            "episodes": str(tmp_path / "episodes.parquet"),
        },
        outputs={"films": str(tmp_path / "films")},
        wildcards={"domain": "hooksweep2"},
        settings={},
        code="",
        threads=1,
        state=tmp_path / "state",
    )
    stage.film(job)
    names = {"agent", "oracle", *shown(EPISODES)}
    notes = read_json(tmp_path / "films" / "notes.json")
    if renderer:
        assert notes == {}
        assert {path.stem for path in (tmp_path / "films").glob("*.gif")} == names
        assert (None, seen[0][1], "oracle.gif") in seen  # the same episode as the agent's
        assert ("actor", [2**63 + 5, 12], "failure_toward.gif") in seen
    else:
        assert set(notes) == names
        assert "a renderer" in notes["failure_away"]
