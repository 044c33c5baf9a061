"""Table 3 of MoCoDA: success on HookSweep2 by agent, distribution and dynamics model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mocoda.published import TABLE_3_SIZES, published_figure
from mocoda.statistics import CONFIDENCE, Summary, summarise_mean, summarise_rate, wilson_interval
from mocoda.tables.checks import (
    CELL,
    KEYS,
    RunKey,
    check_complete,
    check_episodes,
    common,
    run_key,
    several,
)

TABLE = "Table 3"
SUCCESS = "success rate"
COLUMNS = (
    "table",
    "domain",
    "agent",
    "distribution",
    "dynamics",
    "scale",
    "metric",
    "unit",
    "mean",
    "std",
    "ci_low",
    "ci_high",
    "interval",
    "seeds",
    "episodes",
    "updates",
    "transitions_real",
    "transitions_generated",
    "paper_mean",
    "paper_std",
    "paper_seeds",
    "reduced",
    "seconds",
    "config_hash",
    "code_version",
    "agent_variant",
)
COUNTS = (
    "seeds",
    "episodes",
    "updates",
    "transitions_real",
    "transitions_generated",
    "paper_seeds",
)


class _Metric(NamedTuple):
    name: str
    unit: str
    values: list[np.ndarray]  # one array [episodes] a seed


def table3(
    episodes: pd.DataFrame,
    cards: Mapping[RunKey, Mapping[str, Any]],
    scale: str,
    *,
    cells: Iterable[tuple[str, str, str]] | None = None,
    seeds: Iterable[int] | None = None,
    ceilings: Mapping[str, tuple[int, int]] | None = None,
) -> pd.DataFrame:
    """The long form of Table 3: one row per agent, distribution, dynamics and metric.

    Parameters
    ----------
    episodes : one row an episode: domain, scale, agent, distribution, dynamics, seed,
        episode_seed, return, success, side.
    cards : for each run (agent, distribution, dynamics, seed): updates, transitions_real,
        transitions_generated, seconds, config_hash, code_version, agent_variant, precision.
    scale : name of the scale that all episodes must have.
    cells, seeds : what the table must hold, as (agent, distribution, dynamics) and training
        seeds; by default what occurs in `episodes`, each cell with every seed that occurs.
    ceilings : name -> (successes, episodes) of what needs no training, e.g. a scripted oracle.

    Returns columns `COLUMNS`. `mean` is the mean of the seed means, `std` their sample standard
    deviation; `ci_low`, `ci_high` see `mocoda.statistics`. `seconds` is the sum over the seeds.
    `agent_variant` ends with the arithmetic precision of the training. `reduced` is True where
    updates, real rows, generated rows or seeds are fewer than the paper's; False for ceilings.

    Raises UserError naming the key for a missing, unexpected or doubled run, seeds with unequal
    numbers of episodes, values that are not finite, a card that is missing or lacks a field, and
    runs of one cell that differ in size.
    """
    check_episodes(episodes, scale)
    runs = {run_key(key): part for key, part in episodes.groupby(list(KEYS), sort=True)}
    wanted_cells = list(dict.fromkeys(cells if cells is not None else (key[:3] for key in runs)))
    wanted_seeds = sorted(set(seeds if seeds is not None else (key.seed for key in runs)))
    wanted = [RunKey(*cell, seed) for cell, seed in product(wanted_cells, wanted_seeds)]
    check_complete(runs, cards, wanted)

    rows = []
    domain = str(episodes["domain"].iloc[0])
    for cell in wanted_cells:
        keys = [RunKey(*cell, seed) for seed in wanted_seeds]
        rows += _cell_rows(cell, [runs[key] for key in keys], {key: cards[key] for key in keys})
    for name, (successes, attempts) in (ceilings or {}).items():
        rows.append(_ceiling_row(name, successes, attempts))
    frame = pd.DataFrame([{"domain": domain, "scale": scale, **row} for row in rows])
    frame = frame.reindex(columns=list(COLUMNS))
    return frame.astype(dict.fromkeys(COUNTS, "Int64"))


def _cell_rows(
    cell: tuple[str, str, str],
    parts: list[pd.DataFrame],
    cards: Mapping[RunKey, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    sizes = {name: int(common(cards, name)) for name in ("updates", "transitions_real")}
    # A rebalancing that draws row by row gives each seed its own count: the least is told.
    sizes["transitions_generated"] = min(
        int(card["transitions_generated"]) for card in cards.values()
    )
    facts = {
        "table": TABLE,
        **dict(zip(CELL, cell, strict=True)),
        **sizes,
        "reduced": _reduced(sizes, len(parts), generated=cell[1] != "emp"),
        "seconds": float(sum(card["seconds"] for card in cards.values())),
        "config_hash": several(cards, "config_hash"),
        "code_version": several(cards, "code_version"),
        "agent_variant": f"{common(cards, 'agent_variant')}; {common(cards, 'precision')}",
    }
    success = [part["success"].to_numpy(dtype=bool) for part in parts]
    sides = [part["side"].to_numpy() for part in parts]
    rates = [_Metric(SUCCESS, "%", success)]
    for side in ("toward", "away"):
        split = [values[at == side] for values, at in zip(success, sides, strict=True)]
        rates.append(_Metric(f"{SUCCESS}, {side}", "%", split))
    returns = _Metric("return", "reward", [part["return"].to_numpy(float) for part in parts])
    summaries = [(metric, summarise_rate(metric.values)) for metric in rates]
    summaries.append((returns, summarise_mean(returns.values)))
    return [{**facts, **_numbers(metric, summary, cell)} for metric, summary in summaries]


def _numbers(metric: _Metric, summary: Summary, cell: tuple[str, str, str]) -> dict[str, Any]:
    printed = published_figure(TABLE, *cell, metric.name)
    return {
        "metric": metric.name,
        "unit": metric.unit,
        "mean": summary.mean,
        "std": summary.std,
        "ci_low": summary.interval.low,
        "ci_high": summary.interval.high,
        "interval": summary.interval.method,
        "seeds": summary.seeds,
        "episodes": summary.episodes,
        "paper_mean": printed.mean if printed else np.nan,
        "paper_std": printed.std if printed else np.nan,
        "paper_seeds": printed.seeds if printed else None,
    }


def _reduced(sizes: Mapping[str, int], seeds: int, *, generated: bool) -> bool:
    paper = TABLE_3_SIZES
    return (
        sizes["updates"] < paper.updates
        or sizes["transitions_real"] < paper.transitions_real
        or (generated and sizes["transitions_generated"] < paper.transitions_generated)
        or seeds < paper.seeds
    )


def _ceiling_row(name: str, successes: int, attempts: int) -> dict[str, Any]:
    low, high = wilson_interval(successes, attempts)
    return {
        "table": TABLE,
        "agent": name,
        "distribution": "-",
        "dynamics": "-",
        "metric": SUCCESS,
        "unit": "%",
        "mean": 100 * successes / attempts,
        "ci_low": 100 * low,
        "ci_high": 100 * high,
        "interval": f"{CONFIDENCE:.0%} Wilson over episodes, no training seeds",
        "episodes": attempts,
        "reduced": False,
        "config_hash": "",
        "code_version": "",
        "agent_variant": "not trained",
    }
