"""Gather what the evaluations of many agents left on disk: episodes, cards and learning curves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from mocoda.artifacts import read_json
from mocoda.errors import UserError
from mocoda.tables.checks import KEYS, RunKey, run_key

REMEDY = "Delete it and run the same command again: its stage is run anew."


@dataclass(frozen=True)
class Runs:
    """episodes : one row an evaluation episode. cards : one dict a run. curves : one row an
    evaluation during training, with the run's domain, agent, distribution, dynamics and seed."""

    episodes: pd.DataFrame
    cards: dict[RunKey, dict[str, Any]]
    curves: pd.DataFrame


def read_runs(episode_files: Iterable[Path | str]) -> Runs:
    """Read each `episodes.parquet` and the `card.json` and `curve.csv` beside it.

    Raises UserError, naming the file, where one is missing, damaged, empty, holds more than one
    run, or where two files hold the same run.
    """
    episodes, curves = [], []
    cards: dict[RunKey, dict[str, Any]] = {}
    origin: dict[RunKey, Path] = {}
    for path in map(Path, episode_files):
        frame = read_table(path, "parquet")
        absent = [name for name in ("domain", *KEYS) if name not in frame]
        if absent or frame.empty:
            raise UserError(
                path,
                expected=f"a table of episodes with the columns domain, {', '.join(KEYS)}",
                found=f"no column {absent[0]!r}" if absent else "no rows",
                remedy=REMEDY,
            )
        keys = frame[list(KEYS)].drop_duplicates()
        if len(keys) > 1:
            raise UserError(path, expected="the episodes of one run", found=f"{len(keys)} runs")
        key = run_key(keys.iloc[0])
        if key in origin:
            raise UserError(path, expected="each run once", found=f"{key} also in {origin[key]}")
        origin[key] = path
        episodes.append(frame)
        cards[key] = read_json(path.with_name("card.json"))
        curve = read_table(path.with_name("curve.csv"), "csv")
        curves.append(curve.assign(domain=str(frame["domain"].iloc[0]), **key._asdict()))
    if not episodes:
        raise UserError("tables", expected="at least one file of episodes", found="none")
    return Runs(pd.concat(episodes, ignore_index=True), cards, pd.concat(curves, ignore_index=True))


def read_table(path: Path, kind: Literal["parquet", "csv"]) -> pd.DataFrame:
    """A table that an earlier stage wrote; raises UserError if it is missing or damaged."""
    try:
        return pd.read_parquet(path) if kind == "parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(
            path,
            expected=f"a {kind} file written by an earlier stage",
            found=str(error) or type(error).__name__,
            remedy=REMEDY,
        ) from error
