"""Rows that do not make up episodes, or too little to learn from: refused by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from spine_examples import DOMAIN, logged_rows

from faults.planted import contents, refused
from faults.rows import ROWS, Fault, cell, checked, order, whole
from mocoda.episodes import split_episodes
from mocoda.errors import UserError
from mocoda.parents.expectation_maximisation import fit_mixture
from mocoda.parents.settings import GmmSettings
from mocoda.stores import write_transitions
from mocoda.transitions import Transitions, concatenate

ORDER = "give each episode its own number"
ALL = list(range(ROWS))


def standing(column: str) -> Callable[[Transitions], Transitions]:
    return whole(column, lambda values: np.repeat(values[:1], ROWS, axis=0))


def loose(rows: Transitions) -> Transitions:
    """Rows of no episode in which no observation changes."""
    return replace(
        rows, next_observation=rows.observation.copy(), episode=np.full(ROWS, -1, np.int64)
    )


FAULTS = [
    Fault(
        "a step is missing",
        order(ALL[:14] + ALL[15:]),
        "log.zarr, row 14",
        "step = previous step + 1 within episode 1",
        "between step 3 and step 5",
        ORDER,
    ),
    Fault(
        "a row twice",
        order([*ALL[:18], 17, *ALL[18:]]),
        "log.zarr, row 18",
        "step = previous step + 1 within episode 1",
        "between step 7 and step 7",
        ORDER,
    ),
    Fault(
        "a torn observation",
        cell("observation", 25, 0.5),
        "log.zarr, row 25",
        "observation = previous next_observation within episode 2",
        "between step 4 and step 5",
        ORDER,
    ),
    Fault(
        "rows shuffled",
        order([0, 2, 1, *ALL[3:]]),
        "log.zarr, row 1",
        "step = previous step + 1 within episode 0",
        "between step 0 and step 2",
        ORDER,
    ),
    Fault(
        "rows after a truncation",
        cell("truncated", 12, True),
        "log.zarr, row 13",
        "no row after the one that is truncated within episode 1",
        "between step 2 and step 3",
        ORDER,
    ),
    Fault(
        "an episode's beginning is missing",
        order(ALL[3:]),
        "log.zarr, row 0",
        "episode 0 to begin with step 0",
        "step 3",
        "Keep episodes whole",
    ),
    Fault(
        "a whole episode twice",
        order([*ALL, *ALL[10:20]]),
        "log.zarr, row 40",
        "a number for each episode",
        "episode 1 a second time",
        ORDER,
    ),
    Fault(
        "an episode's number used for another",
        whole("episode", lambda values: np.where(values == 3, 0, values)),
        "log.zarr, row 30",
        "a number for each episode",
        "episode 0 a second time",
        ORDER,
    ),
    Fault(
        "negative episode",
        whole("episode", lambda values: values - 5),
        "column 'episode', row 0",
        "whole numbers from -1 on",
        "-5",
        "rows of no episode have the episode -1",
    ),
    Fault(
        "negative step",
        whole("step", lambda values: values - np.int32(1)),
        "column 'step', row 0",
        "whole numbers from 0 on",
        "-1",
        "Count from 0",
    ),
    Fault("no rows", order([]), "log.zarr", "at least one transition", "none", "Collect some"),
    Fault(
        "actions that stand still",
        standing("action"),
        "column 'action'",
        "actions that differ",
        "no change in 40 rows",
        "stands still",
    ),
    Fault(
        "observations that stand still",
        lambda rows: standing("observation")(loose(rows)),
        "column 'observation'",
        "observations that differ",
        "no change in 40 rows",
        "stands still",
    ),
    Fault(
        "nothing moves",
        loose,
        "column 'next_observation'",
        "rows in which the observation changes",
        "no change in 40 rows",
        "stands still",
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_told_by_column_and_row(fault: Fault) -> None:
    rows = fault.plant(logged_rows(ROWS))
    refused(
        lambda: checked(rows),
        where=fault.where,
        expected=fault.expected,
        found=fault.found,
        remedy=fault.remedy,
    )


def test_what_the_faults_are_planted_in_is_right() -> None:
    checked(logged_rows(ROWS))
    first, second = logged_rows(ROWS), logged_rows(ROWS, "others")
    checked(concatenate([first, replace(second, episode=second.episode + 4)]))


def test_one_row_is_too_few_to_hold_an_episode_out() -> None:
    rows = logged_rows(1)
    checked(rows)  # a transition by itself, so it is refused where it is used
    refused(
        lambda: split_episodes(rows, 0.1, 0),
        where="empirical transitions",
        expected="at least two episodes",
        found="1",
        remedy="Collect more transitions",
    )


@pytest.mark.parametrize("count", [1, 31, 63])
def test_fewer_rows_than_the_mixtures_need(count: int) -> None:
    rows = logged_rows(count)
    columns = np.concatenate([rows.observation, rows.action], axis=1).astype(np.float64)
    refused(
        lambda: fit_mixture(columns, GmmSettings(components=32), np.random.default_rng(0)),
        where="rows for the Gaussian mixture",
        expected="at least 64 rows (2 a component)",
        found=str(count),
        remedy="Collect more transitions or lower",
    )


def test_a_mixture_is_not_fitted_to_nan() -> None:
    rows = np.random.default_rng(0).standard_normal((100, 3))
    rows[50, 1] = np.nan
    with pytest.raises(UserError, match=r"expected finite numbers; found nan or infinity"):
        fit_mixture(rows, GmmSettings(components=2), np.random.default_rng(0))


def test_a_refused_data_set_loses_nothing_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first stage, with a domain that collects rows of which one is broken."""
    from mocoda.domains import DOMAINS
    from mocoda.domains.base import Collected
    from mocoda.jobs import Job
    from mocoda.stages.collect_empirical import collect_empirical

    outputs = {name: str(tmp_path / name) for name in ("store", "manifest", "card")}
    write_transitions(outputs["store"], outputs["manifest"], logged_rows(20), {})
    before = contents(tmp_path)
    broken = cell("action", 5, 1.5)(logged_rows(ROWS))
    domain = replace(DOMAIN, collect=lambda *arguments: Collected(broken, {"rows": ROWS}))
    monkeypatch.setitem(DOMAINS, "hooksweep2", domain)
    job = Job(
        stage="collect_empirical",
        inputs={},
        outputs=outputs,
        wildcards={"domain": "hooksweep2", "scale": "test", "seed": "0"},
        settings={},
        code="",
        threads=1,
        state=tmp_path / "state",
    )
    refused(
        lambda: collect_empirical(job),
        where="transitions collected for hooksweep2, column 'action', row 5",
        expected="values in [-1, 1]",
        found="1.5",
        remedy="Scale the actions",
    )
    assert contents(tmp_path) == before
