"""Rows that cannot be transitions are refused, and the message names the first of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spine_examples import ACTION, OBSERVATION, logged_rows

from mocoda.errors import UserError
from mocoda.transition_checks import check
from mocoda.transitions import COLUMNS, Transitions, concatenate


def refused(rows: Transitions) -> UserError:
    with pytest.raises(UserError) as caught:
        check(rows, "data set x", observation_dim=OBSERVATION, action_dim=ACTION)
    return caught.value


def test_valid_rows_pass() -> None:
    check(logged_rows(37), "data set x", observation_dim=OBSERVATION, action_dim=ACTION)


def test_an_empty_set_is_refused() -> None:
    error = refused(logged_rows(5).take(slice(0, 0)))
    assert "data set x: expected at least one transition; found none." in str(error)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["observation", "action", "next_observation", "goal", "reward"]),
    row=st.integers(0, 19),
    value=st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_a_value_that_is_not_finite_is_named_by_column_and_row(
    name: str, row: int, value: float
) -> None:
    rows = logged_rows(20)
    values = getattr(rows, name).copy()
    values.reshape(20, -1)[row, -1] = value
    error = refused(replace(rows, **{name: values}))
    assert error.where == f"data set x, column '{name}', row {row}"
    assert (error.expected, error.found) == ("finite numbers", str(np.float32(value)))
    assert error.remedy == "Remove or repair that row."


@pytest.mark.parametrize("value", [1.0001, -3.0])
def test_an_action_out_of_range_is_named_by_row(value: float) -> None:
    rows = logged_rows(20)
    action = rows.action.copy()
    action[13, 2] = value
    error = refused(replace(rows, action=action))
    assert error.where == "data set x, column 'action', row 13"
    assert error.expected == "values in [-1, 1]"
    assert str(float(np.float32(value))) in error.found


@pytest.mark.parametrize("name", list(COLUMNS))
def test_a_wrong_dtype_is_refused(name: str) -> None:
    rows = logged_rows(20)
    error = refused(replace(rows, **{name: getattr(rows, name).astype(np.complex64)}))
    assert error.where == f"data set x, column '{name}'"
    assert (error.expected, error.found) == (f"dtype {np.dtype(COLUMNS[name])}", "complex64")


@pytest.mark.parametrize("name", list(COLUMNS))
def test_a_column_of_another_length_or_dimension_is_refused(name: str) -> None:
    rows = logged_rows(20)
    if name != "observation":  # the observations set the number of rows
        error = refused(replace(rows, **{name: getattr(rows, name)[:-1]}))
        assert "20 rows" in error.expected
        assert "shape (19" in error.found
    error = refused(replace(rows, **{name: getattr(rows, name)[..., None]}))
    assert "dimension(s)" in error.expected


def test_a_wrong_width_is_refused() -> None:
    rows = logged_rows(20)
    error = refused(replace(rows, action=rows.action[:, :3]))
    assert (error.expected, error.found) == ("4 columns", "3 columns")


def test_an_unknown_provenance_is_named_by_row() -> None:
    rows = logged_rows(20)
    provenance = rows.provenance.copy()
    provenance[7] = 9
    error = refused(replace(rows, provenance=provenance))
    assert error.where == "data set x, column 'provenance', row 7"
    assert error.found == "9"


def test_a_torn_episode_is_named_by_row() -> None:
    rows = logged_rows(20, episode_length=10)
    observation = rows.observation.copy()
    observation[14, 0] = np.nextafter(observation[14, 0], np.float32(9))
    error = refused(replace(rows, observation=observation))
    assert error.where == "data set x, row 14"
    assert error.expected == "observation = previous next_observation within episode 1"


def test_a_missing_step_is_named_by_row() -> None:
    rows = logged_rows(20, episode_length=10)
    error = refused(rows.take(np.delete(np.arange(20), 4)))
    assert error.where == "data set x, row 4"
    assert error.expected == "step = previous step + 1 within episode 0"


def test_rows_of_no_episode_need_not_continue() -> None:
    rows = logged_rows(20)
    scattered = replace(
        rows.take(np.random.default_rng(0).permutation(20)), episode=np.full(20, -1, np.int64)
    )
    check(scattered, "data set x", observation_dim=OBSERVATION, action_dim=ACTION)


def test_parts_are_joined_in_order() -> None:
    rows = logged_rows(20)
    joined = concatenate([rows.take(slice(0, 3)), rows.take(slice(3, 20))])
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(joined, name), getattr(rows, name))
