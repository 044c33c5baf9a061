"""Transitions of the user's own files: what is read, what is made up, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mocoda.domains.nav2d import NAV2D
from mocoda.domains.nav2d.collection import collect
from mocoda.domains.nav2d.task import GOAL, reward, true_dynamics
from mocoda.errors import UserError
from mocoda.logged import LoggedSettings, collect_logged
from mocoda.transitions import Transitions


def walks(episodes: int = 4, steps: int = 5) -> dict[str, np.ndarray]:
    """Rows of nav2d, episode after episode, by D4RL's names and in float64."""
    generator = np.random.default_rng(3)
    found: dict[str, list[Any]] = {"observations": [], "actions": [], "next_observations": []}
    for _ in range(episodes):
        state = generator.uniform(0, 0.6, (1, 2)).astype(np.float32)
        for _ in range(steps):
            action = generator.uniform(-1, 1, (1, 2)).astype(np.float32)
            following = true_dynamics(state, action)
            for name, values in zip(found, (state, action, following), strict=True):
                found[name].append(values[0].astype(np.float64))
            state = following
    return {name: np.array(values) for name, values in found.items()}


def write(folder: Path, columns: dict[str, Any], ending: str = ".npz") -> Path:
    path = folder / f"rows{ending}"
    if ending == ".npz":
        np.savez(path, **columns)
    else:
        pd.DataFrame({n: list(v) if v.ndim > 1 else v for n, v in columns.items()}).to_parquet(path)
    return path


def read(path: Path, transitions: int = 20, seed: int = 0, log: Any = print) -> Transitions:
    settings = LoggedSettings(file=str(path), transitions=transitions)
    return collect_logged(settings, NAV2D, path, seed, log).transitions


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_rows_keep_their_order_and_values(tmp_path: Path, ending: str) -> None:
    columns = walks()
    rows = read(write(tmp_path, columns, ending))
    np.testing.assert_array_equal(rows.observation, columns["observations"].astype(np.float32))
    np.testing.assert_array_equal(rows.action, columns["actions"].astype(np.float32))
    np.testing.assert_array_equal(
        rows.next_observation, columns["next_observations"].astype(np.float32)
    )
    # What the file does not say: where one row does not go on from the other, an episode ends.
    assert rows.episode.tolist() == [n for n in range(4) for _ in range(5)]
    assert rows.step.tolist() == list(range(5)) * 4
    assert rows.truncated.tolist() == ([False] * 4 + [True]) * 4
    np.testing.assert_array_equal(rows.goal, np.tile(GOAL.astype(np.float32), (20, 1)))
    np.testing.assert_array_equal(rows.reward, reward(rows.next_observation, rows.goal))
    assert not rows.provenance.any()


def test_columns_of_numbers_are_vectors_too(tmp_path: Path) -> None:
    columns = walks()
    flat = {f"{name}_{i}": values[:, i] for name, values in columns.items() for i in range(2)}
    pd.DataFrame(flat).to_parquet(tmp_path / "flat.parquet")
    found, expected = read(tmp_path / "flat.parquet"), read(write(tmp_path, columns))
    np.testing.assert_array_equal(found.observation, expected.observation)
    np.testing.assert_array_equal(found.action, expected.action)


def test_what_the_domains_expert_logs_comes_back_as_it_was(tmp_path: Path) -> None:
    """All columns: rows in the goal box end no episode by themselves, as in the expert's."""
    settings = NAV2D.settings.model_validate({"transitions": 3000})
    rows = collect(settings, 0, 1, lambda text: None).transitions  # type: ignore[arg-type]
    names = ("observation", "action", "next_observation", "episode", "goal", "reward")
    path = write(tmp_path, {name: getattr(rows, name) for name in names}, ".parquet")
    log: list[str] = []
    found = read(path, len(rows), log=log.append)
    for name in rows.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(found, name), getattr(rows, name), err_msg=name)
        assert getattr(found, name).dtype == getattr(rows, name).dtype
    assert len(log) == 1


def test_fewer_rows_are_whole_episodes_and_another_seed_draws_others(tmp_path: Path) -> None:
    path = write(tmp_path, walks(episodes=30))
    everything = read(path, 150)
    some = read(path, 52, seed=1)
    assert len(some) == 52
    drawn, lengths = np.unique(some.episode, return_counts=True)
    assert sorted(lengths) == [2] + [5] * 10
    assert some.truncated[-1]
    for number in drawn:
        own, whole = some.episode == number, everything.episode == number
        np.testing.assert_array_equal(
            some.observation[own], everything.observation[whole][: own.sum()]
        )
    assert set(drawn) != set(read(path, 52, seed=2).episode)
    np.testing.assert_array_equal(some.observation, read(path, 52, seed=1).observation)


def test_episodes_that_touch_are_kept_apart_by_what_was_truncated(tmp_path: Path) -> None:
    """A loop that comes back to where the next episode starts."""
    columns = walks(episodes=2, steps=4)
    assert read(write(tmp_path, columns), 8).episode.tolist() == [0] * 4 + [1] * 4
    columns["timeouts"] = np.array([False, True] + [False] * 6)
    assert read(write(tmp_path, columns), 8).episode.tolist() == [0, 0, 1, 1, 2, 2, 2, 2]


def test_rows_of_no_episode_are_one_each(tmp_path: Path) -> None:
    """-1 in the file: each has a first step, an end and a goal of its own."""
    domain = replace(NAV2D, sample_goals=lambda number, generator: generator.random((number, 2)))
    path = write(tmp_path, {**walks(), "episode": np.full(20, -1)})
    found = collect_logged(LoggedSettings(file=str(path), transitions=20), domain, path, 0, print)
    rows = found.transitions
    assert set(rows.step) == {0}
    assert rows.truncated.all()
    assert len(np.unique(rows.goal, axis=0)) == 20
    assert found.facts["episodes"] == 20


@pytest.mark.parametrize("marks", ["timeouts", "terminals", "episode"])
def test_a_next_observation_that_is_the_next_episodes_first_is_refused(
    tmp_path: Path, marks: str
) -> None:
    """observations[1:] of a whole log: the likeliest slip with a log that has no column of them."""
    columns = walks()
    last = np.arange(20) % 5 == 4
    columns["next_observations"] = np.roll(columns["observations"], -1, axis=0)
    columns[marks] = np.arange(20) // 5 if marks == "episode" else last
    with pytest.raises(UserError, match=r"row 4: .* the first observation of the next episode"):
        read(write(tmp_path, columns))


def test_an_episode_cut_in_two_is_none(tmp_path: Path) -> None:
    """Its last row leads to the next one's first too, by a step like any other."""
    columns = walks(episodes=1, steps=20)
    columns["timeouts"] = np.arange(20) % 5 == 4
    assert len(set(read(write(tmp_path, columns)).episode)) == 4


def test_models_need_two_episodes(tmp_path: Path) -> None:
    path = write(tmp_path, walks(episodes=3, steps=30))
    with pytest.raises(UserError, match=r"the 25 rows .* at least two episodes"):
        read(path, 25)
    assert len(read(path, 35)) == 35


def test_goals_are_drawn_for_an_episode_where_the_file_has_none(tmp_path: Path) -> None:
    domain = replace(NAV2D, sample_goals=lambda number, generator: generator.random((number, 2)))
    path = write(tmp_path, walks())
    goal = [
        collect_logged(LoggedSettings(file=str(path), transitions=20), domain, path, seed, print)
        for seed in (0, 0, 1)
    ]
    first, again, other = (found.transitions.goal for found in goal)
    assert len(np.unique(first, axis=0)) == 4
    assert (first.reshape(4, 5, 2) == first.reshape(4, 5, 2)[:, :1]).all()
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_rewards_of_the_file_are_compared_not_used(tmp_path: Path) -> None:
    columns = walks()
    columns["rewards"] = np.full(20, -1.0)
    columns["rewards"][7] = 3.0
    columns["terminals"] = np.arange(20) == 9
    columns["speed"] = np.zeros(20)
    log: list[str] = []
    path = write(tmp_path, columns)
    settings = LoggedSettings(file=str(path), transitions=20)
    found = collect_logged(settings, NAV2D, path, 0, log.append)
    assert set(found.transitions.reward) == {-1.0}
    assert found.facts["share_of_rewards_that_differ"] == 0.05
    assert found.facts["share_of_terminations_that_differ"] == 0.05
    assert found.facts["columns_not_used"] == ["speed"]
    assert "columns that are not used: speed" in log[0]
    assert "5.0% of the rewards are not the domain's" in log[1]
    assert "row 7: 3 in the file, -1 by the domain" in log[1]
    assert "5.0% of the terminations are not the domain's" in log[2]
    assert "row 9: 1 in the file, 0 by the domain" in log[2]


def test_rows_in_other_units_are_told(tmp_path: Path) -> None:
    columns = walks()
    for name in ("observations", "next_observations"):
        columns[name] = columns[name] * 1000
    log: list[str] = []
    read(write(tmp_path, columns), log=log.append)
    assert "100.0% of the rows are what domain nav2d calls invalid (outside_square)" in log[0]


def test_rows_that_nothing_joins_are_told(tmp_path: Path) -> None:
    columns = {name: values[::2] for name, values in walks().items()}
    log: list[str] = []
    assert read(write(tmp_path, columns), 10, log=log.append).step.tolist() == [0] * 10
    assert "each is its own episode" in log[-1]


def without(name: str) -> dict[str, np.ndarray]:
    return {key: values for key, values in walks().items() if key != name}


def changed(name: str, row: int, value: float) -> dict[str, np.ndarray]:
    columns = walks()
    columns[name][row] = value
    return columns


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (
            {**without("actions"), "acts": walks()["actions"]},
            "column 'action': expected one column among action, actions; found none; the file has "
            "observations, next_observations, acts",
        ),
        (
            {**walks(), "action": walks()["actions"]},
            "column 'action': expected one column among action, actions; found action and actions",
        ),
        (changed("actions", 4, 1.5), "column 'action', row 4: expected values in [-1, 1]"),
        (changed("observations", 5, np.nan), "column 'observation', row 5: expected finite"),
        (
            {**walks(), "episode": np.zeros(20, int)},
            "row 5: expected observation = previous next_observation within episode 0",
        ),
        ({**walks(), "episode": np.full(20, 0.5)}, "'episode', row 0: expected whole numbers"),
        (
            {**walks(), "episode": np.full(20, 2**63, np.uint64)},
            "'episode', row 0: expected whole numbers below 2^63",
        ),
        (
            {**walks(), "step": np.arange(20) % 5 + 2**32},
            "'step', row 0: expected whole numbers below 2^31",
        ),
        (
            {**walks(), "timeouts": np.array([np.nan] * 20)},
            "'truncated', row 0: expected whole numbers",
        ),
        (
            {**walks(), "episode": np.arange(20) // 5, "timeouts": np.arange(20) == 7},
            "'truncated', row 7: expected 0, since the next row is of the same episode, 1",
        ),
        (
            {**walks(), "observations": np.zeros((20, 3))},
            "column 'observation': expected shape [20, 2]",
        ),
        ({**walks(), "rewards": np.zeros(19)}, "column 'reward': expected shape [20, 1]"),
        ({**walks(), "goals": np.array(["a"] * 20)}, "column 'goals': expected numbers"),
        ({name: values[:0] for name, values in walks().items()}, "at least one transition"),
        ({name: values[:0, 0] for name, values in walks().items()}, "at least one transition"),
    ],
)
def test_rows_that_are_no_transitions_are_refused(
    tmp_path: Path, columns: dict[str, np.ndarray], told: str
) -> None:
    path = write(tmp_path, columns)
    with pytest.raises(UserError) as caught:
        read(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


def test_more_rows_than_there_are_cannot_be_taken(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"at most the 20 rows of .* Set it to 20"):
        read(write(tmp_path, walks()), 21)
