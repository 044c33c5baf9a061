"""Refuse rows that cannot be transitions, before any expensive work is done with them."""

from __future__ import annotations

import numpy as np

from mocoda.errors import UserError
from mocoda.transitions import COLUMNS, MATRICES, Provenance, Transitions


def check(
    rows: Transitions,
    where: str,
    *,
    observation_dim: int,
    action_dim: int,
    goal_dim: int | None = None,
) -> None:
    """Refuse rows that cannot be transitions of a domain, naming the first offender.

    Raises UserError for an empty set, wrong dtypes or shapes, values that are not finite, actions
    outside [-1, 1], unknown provenance, episodes whose rows do not follow one another, and rows
    that say nothing about the dynamics because nothing in them varies.
    """
    observation = rows.observation
    if isinstance(observation, np.ndarray) and observation.ndim == 0:
        raise UserError(
            f"{where}, column 'observation'",
            expected="2 dimension(s)",
            found="a single value",
            remedy="Give one row for each transition.",
        )
    if len(rows) == 0:
        raise UserError(
            where,
            expected="at least one transition",
            found="none",
            remedy="Collect some; look for what filters them all out.",
        )
    widths = {
        "observation": observation_dim,
        "next_observation": observation_dim,
        "action": action_dim,
        **({} if goal_dim is None else {"goal": goal_dim}),
    }
    for name in COLUMNS:
        _check_column(name, getattr(rows, name), len(rows), widths.get(name), where)
    beyond = np.abs(rows.action).max(axis=1) > 1.0
    if beyond.any():
        row = int(beyond.argmax())
        raise UserError(
            f"{where}, column 'action', row {row}",
            expected="values in [-1, 1]",
            found=str(rows.action[row].tolist()),
            remedy="Scale the actions.",
        )
    if (rows.provenance > max(Provenance)).any():
        row = int((rows.provenance > max(Provenance)).argmax())
        raise UserError(
            f"{where}, column 'provenance', row {row}",
            expected=f"one of {[int(p) for p in Provenance]}",
            found=str(rows.provenance[row]),
            remedy="Mark logged rows with 0; other numbers belong to rows that mocoda makes.",
        )
    _check_episodes(rows, where)
    _check_variation(rows, where)


def _check_column(name: str, values: np.ndarray, n: int, width: int | None, where: str) -> None:
    """Refuse a column of a wrong type or shape, or with a value that is not finite."""
    at = f"{where}, column '{name}'"
    dtype = np.dtype(COLUMNS[name])
    dimensions = 2 if name in MATRICES else 1
    if not isinstance(values, np.ndarray):
        raise UserError(
            at,
            expected=f"a NumPy array of dtype {dtype}",
            found=f"a {type(values).__name__}",
            remedy="Convert it; rows of unequal length must be cut to the same columns first.",
        )
    if values.dtype != dtype:
        raise UserError(
            at,
            expected=f"dtype {dtype}",
            found=f"{values.dtype}",
            remedy=f"Convert it with .astype(np.{dtype}) once its values are known to fit.",
        )
    if values.ndim != dimensions or len(values) != n:
        raise UserError(
            at,
            expected=f"{dimensions} dimension(s) and {n} rows",
            found=f"shape {values.shape}",
            remedy="All columns need one entry for each observation.",
        )
    if width is not None and values.shape[1] != width:
        raise UserError(
            at,
            expected=f"{width} columns",
            found=f"{values.shape[1]} columns",
            remedy="The widths are those of the domain's slots and goal.",
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = np.argwhere(~np.isfinite(values.reshape(n, -1)))[0]
        value = values.reshape(n, -1)[tuple(bad)]
        raise UserError(
            f"{at}, row {bad[0]}",
            expected="finite numbers",
            found=str(value),
            remedy="Remove or repair that row.",
        )
    if values.dtype.kind == "b":
        # Bytes that were read from elsewhere as bool may hold anything; arithmetic would use it.
        raw = values.view(np.uint8)
        if (raw > 1).any():
            row = int((raw > 1).argmax())
            raise UserError(
                f"{at}, row {row}",
                expected="0 or 1",
                found=f"the byte {raw[row]}",
                remedy="Compare the column with 0 to make it boolean.",
            )


def _check_episodes(rows: Transitions, where: str) -> None:
    """Refuse episodes that are torn, out of order, or whose number is used twice."""
    episode, step = rows.episode, rows.step
    remedy = "Order rows by episode and step, and give each episode its own number."
    for name, lowest in (("episode", -1), ("step", 0)):
        values = getattr(rows, name)
        if (values < lowest).any():
            row = int((values < lowest).argmax())
            raise UserError(
                f"{where}, column '{name}', row {row}",
                expected=f"whole numbers from {lowest} on",
                found=str(values[row]),
                remedy="Count from 0; rows of no episode have the episode -1.",
            )
    same = (episode[1:] == episode[:-1]) & (episode[1:] >= 0)
    gap = same & (step[1:] != step[:-1] + 1)
    torn = same & (rows.observation[1:] != rows.next_observation[:-1]).any(axis=1)
    ended = same & rows.truncated[:-1]
    for fault, meaning in (
        (gap, "step = previous step + 1"),
        (torn, "observation = previous next_observation"),
        (ended, "no row after the one that is truncated"),
    ):
        if fault.any():
            row = int(fault.argmax()) + 1
            raise UserError(
                f"{where}, row {row}",
                expected=f"{meaning} within episode {episode[row]}",
                found=f"a break between step {step[row - 1]} and step {step[row]}",
                remedy=remedy,
            )
    first = np.flatnonzero(np.append(True, ~same) & (episode >= 0))
    late = first[step[first] != 0]
    if len(late):
        raise UserError(
            f"{where}, row {late[0]}",
            expected=f"episode {episode[late[0]]} to begin with step 0",
            found=f"step {step[late[0]]}",
            remedy="Keep episodes whole from their first step on, or count steps from 0.",
        )
    # Rows are in order within an episode, so a number that begins twice stands for two episodes.
    numbers, begin = np.unique(episode[first], return_index=True)
    if len(numbers) < len(first):
        again = first[np.setdiff1d(np.arange(len(first)), begin)[0]]
        raise UserError(
            f"{where}, row {again}",
            expected="a number for each episode",
            found=f"episode {episode[again]} a second time",
            remedy=remedy,
        )


def _check_variation(rows: Transitions, where: str) -> None:
    """Refuse rows from which no dynamics can be learned because nothing varies in them."""
    if len(rows) < 2:
        return
    for name, meaning, constant in (
        ("observation", "observations that differ", rows.observation == rows.observation[0]),
        ("action", "actions that differ", rows.action == rows.action[0]),
        (
            "next_observation",
            "rows in which the observation changes",
            rows.next_observation == rows.observation,
        ),
    ):
        if constant.all():
            raise UserError(
                f"{where}, column '{name}'",
                expected=meaning,
                found=f"no change in {len(rows)} rows",
                remedy="Look for a sensor or a log that stands still.",
            )
