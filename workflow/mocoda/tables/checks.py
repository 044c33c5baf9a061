"""Refuse to make a table of runs that are incomplete, mixed or damaged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mocoda.errors import UserError
from mocoda.tables.agent_tables import METRICS, AgentTable, agent_table

CELL = ("agent", "distribution", "dynamics")
KEYS = (*CELL, "seed")
EPISODE_COLUMNS = ("domain", "scale", *KEYS, "episode_seed", "return", "success")
CARD_FIELDS = (
    "updates",
    "transitions_real",
    "transitions_generated",
    "seconds",
    "config_hash",
    "code_version",
    "agent_variant",
    "precision",
)
WHERE = "table of episodes"


class RunKey(NamedTuple):
    """One training run: ids of agent, distribution and dynamics, and the training seed."""

    agent: str
    distribution: str
    dynamics: str
    seed: int

    def __str__(self) -> str:
        return f"({self.agent}, {self.distribution}, {self.dynamics}, seed {self.seed})"


def check_episodes(episodes: pd.DataFrame, scale: str) -> AgentTable:
    """The table that these episodes fill, if they can.

    Raises UserError for missing columns, mixed domains or scales, doubled episodes, values that
    are not finite, unknown sides, impossible numbers of steps, and seeds of a cell with unequal
    numbers of episodes. The columns `side` and `steps` are read only where the domain's table has
    metrics of them.
    """
    _check_columns(episodes, EPISODE_COLUMNS)
    table = agent_table(str(episodes["domain"].iloc[0]))
    metrics = [METRICS[name] for name in table.metrics]
    sided = any(metric.side for metric in metrics)
    needed = dict.fromkeys([*EPISODE_COLUMNS, *(metric.column for metric in metrics)])
    _check_columns(episodes, (*needed, "side") if sided else tuple(needed))
    for name, wanted in (("scale", [scale]), ("domain", list(episodes["domain"].unique()[:1]))):
        found_values = list(episodes[name].unique())
        if found_values != wanted:
            raise UserError(
                f"{WHERE}, column '{name}'",
                expected=f"'{wanted[0]}' throughout",
                found=", ".join(map(repr, map(str, found_values))),
                remedy="Make one table for each.",
            )
    twice = episodes.duplicated([*KEYS, "episode_seed"])
    if twice.any():
        row = episodes[twice].iloc[0]
        raise UserError(
            f"{WHERE}, run {_key(row)}",
            expected="each episode seed once",
            found=f"episode seed {row['episode_seed']} twice",
        )
    if episodes["success"].isna().any() or not episodes["success"].isin([True, False]).all():
        raise UserError(
            f"{WHERE}, column 'success'", expected="true or false", found="other values"
        )
    finite = np.isfinite(episodes["return"].to_numpy(float))
    _refuse_first(episodes, ~finite, "return", "finite numbers")
    if sided:
        stray = ~episodes["side"].isin(["toward", "away"])
        _refuse_first(episodes, stray.to_numpy(), "side", "'toward' or 'away'", quoted=True)
    if table.horizon is not None:
        _check_steps(episodes, table.horizon)
    counts = episodes.groupby(list(KEYS)).size()
    for cell, of_cell in counts.groupby(list(CELL)):
        if of_cell.min() < of_cell.max():
            short = run_key(of_cell.idxmin())
            raise UserError(
                f"{WHERE}, run {short}",
                expected=f"{of_cell.max()} episodes like the other seeds of {cell}",
                found=str(of_cell.min()),
                remedy="Evaluate all seeds on the same number of episodes.",
            )
    return table


def _check_columns(episodes: pd.DataFrame, columns: tuple[str, ...]) -> None:
    absent = [name for name in columns if name not in episodes]
    if absent or episodes.empty:
        found = f"no column '{absent[0]}'" if absent else "no rows"
        raise UserError(WHERE, expected=f"columns {', '.join(columns)}", found=found)


def _check_steps(episodes: pd.DataFrame, horizon: int) -> None:
    """Steps are whole numbers from 1 to the horizon, and the horizon where there is no success."""
    steps = episodes["steps"].to_numpy(float)
    whole = (steps == np.round(steps)) & (steps >= 1) & (steps <= horizon)
    _refuse_first(episodes, ~whole, "steps", f"whole numbers from 1 to {horizon}")
    short = ~episodes["success"].to_numpy(bool) & (steps != horizon)
    _refuse_first(episodes, short, "steps", f"{horizon} where the goal is not reached")


def _refuse_first(
    episodes: pd.DataFrame, bad: np.ndarray, column: str, expected: str, *, quoted: bool = False
) -> None:
    if bad.any():
        row = episodes[bad].iloc[0]
        found = repr(row[column]) if quoted else str(row[column])
        raise UserError(
            f"{WHERE}, run {_key(row)}, column '{column}'", expected=expected, found=found
        )


def check_complete(
    runs: Mapping[RunKey, pd.DataFrame],
    cards: Mapping[RunKey, Mapping[str, Any]],
    wanted: list[RunKey],
) -> None:
    """Raises UserError naming the first run that is missing, unasked for, or without whole card."""
    for key in wanted:
        if key not in runs:
            raise UserError(
                f"{WHERE}, run {key}",
                expected=f"episodes of all {len(wanted)} runs",
                found="none of this run",
                remedy="Evaluate that run, or leave its seed or cell out of the settings.",
            )
        if key not in cards:
            raise UserError(f"cards, run {key}", expected="a card.json", found="none")
        lacking = [name for name in CARD_FIELDS if name not in cards[key]]
        if lacking:
            raise UserError(
                f"card of run {key}", expected=f"the field '{lacking[0]}'", found="no such field"
            )
    stray = [key for key in runs if key not in set(wanted)]
    if stray:
        raise UserError(
            f"{WHERE}, run {stray[0]}",
            expected="only the cells and seeds asked for",
            found="a run that is not among them",
            remedy="Filter the episodes, or add its cell and seed.",
        )


def common(cards: Mapping[RunKey, Mapping[str, Any]], name: str) -> Any:
    """The value that all cards of a cell share; raises UserError naming a run that differs."""
    (first_key, first), *others = cards.items()
    for key, card in others:
        if card[name] != first[name]:
            raise UserError(
                f"card of run {key}, field '{name}'",
                expected=f"{first[name]!r} as in {first_key}",
                found=repr(card[name]),
                remedy="Seeds of one cell must be trained alike; run the older ones anew.",
            )
    return first[name]


def several(cards: Mapping[RunKey, Mapping[str, Any]], name: str) -> str:
    """All different values of a field over the seeds, in order of the seeds, joined by spaces."""
    return " ".join(dict.fromkeys(str(card[name]) for card in cards.values()))


def run_key(values: Any) -> RunKey:
    """The key of a run from its four values as pandas holds them."""
    agent, distribution, dynamics, seed = values
    return RunKey(str(agent), str(distribution), str(dynamics), int(seed))


def _key(row: pd.Series) -> RunKey:
    return run_key(row[name] for name in KEYS)
