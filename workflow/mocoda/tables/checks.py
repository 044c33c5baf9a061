"""Refuse to make a table of runs that are incomplete, mixed or damaged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mocoda.errors import UserError

CELL = ("agent", "distribution", "dynamics")
KEYS = (*CELL, "seed")
EPISODE_COLUMNS = ("domain", "scale", *KEYS, "episode_seed", "return", "success", "side")
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


def check_episodes(episodes: pd.DataFrame, scale: str) -> None:
    """Raises UserError for missing columns, mixed domains or scales, doubled episodes, values
    that are not finite, unknown sides, and seeds of a cell with unequal numbers of episodes."""
    absent = [name for name in EPISODE_COLUMNS if name not in episodes]
    if absent or episodes.empty:
        found = f"no column '{absent[0]}'" if absent else "no rows"
        raise UserError(WHERE, expected=f"columns {', '.join(EPISODE_COLUMNS)}", found=found)
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
    if not finite.all():
        row = episodes[~finite].iloc[0]
        raise UserError(
            f"{WHERE}, run {_key(row)}, column 'return'",
            expected="finite numbers",
            found=str(row["return"]),
        )
    stray = ~episodes["side"].isin(["toward", "away"])
    if stray.any():
        row = episodes[stray].iloc[0]
        raise UserError(
            f"{WHERE}, run {_key(row)}, column 'side'",
            expected="'toward' or 'away'",
            found=repr(row["side"]),
        )
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
