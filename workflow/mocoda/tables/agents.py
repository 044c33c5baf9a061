"""The table of agents: what each learnt from each data set (MoCoDA, Tables 2 and 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from mocoda.errors import UserError
from mocoda.published import Sizes, published_figure
from mocoda.statistics import CONFIDENCE, Summary, summarise_mean, summarise_rate, wilson_interval
from mocoda.tables.agent_tables import METRICS, AgentTable, Metric
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
from mocoda.tables.columns import NONE, long_form
from mocoda.tables.last_snapshots import last_snapshots


def table_of_agents(
    episodes: pd.DataFrame,
    cards: Mapping[RunKey, Mapping[str, Any]],
    scale: str,
    *,
    cells: Iterable[tuple[str, str, str]] | None = None,
    seeds: Iterable[int] | None = None,
    oracle: Mapping[str, Any] | None = None,
    curves: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The long form of a domain's table of agents: a row per agent, data set, dynamics and metric.

    Parameters
    ----------
    episodes : one row an episode: domain, scale, agent, distribution, dynamics, seed,
        episode_seed, return, success; steps and side where the domain's `AgentTable` reads them.
    cards : for each run (agent, distribution, dynamics, seed): updates, transitions_real,
        transitions_generated, seconds, config_hash, code_version, agent_variant, precision.
    scale : name of the scale that all episodes must have.
    cells, seeds : what the table must hold, as (agent, distribution, dynamics) and training
        seeds; by default what occurs in `episodes`, each cell with every seed that occurs.
    oracle : episodes, successes and mean_steps of the scripted oracle; its row is the last.
    curves : one row a snapshot (see `Runs.curves`); with them a cell has one more metric, the main
        one over its last snapshots, where it has two or more.

    Returns columns `COLUMNS`. `mean` is the mean of the seed means, `std` their sample standard
    deviation; `ci_low`, `ci_high` see `mocoda.statistics`, steps clipped to what is possible.
    `seconds` is the sum over the seeds. `agent_variant` ends with the arithmetic precision of the
    training. `reduced` is True where updates, real rows, generated rows or seeds are fewer than
    the paper's; False for the oracle, and where the paper has no such table.

    Raises UserError naming the key for a missing, unexpected or doubled run, seeds with unequal
    numbers of episodes, values that are not finite, a card that is missing or lacks a field, and
    runs of one cell that differ in size.
    """
    table = check_episodes(episodes, scale)
    runs = {run_key(key): part for key, part in episodes.groupby(list(KEYS), sort=True)}
    wanted_cells = list(dict.fromkeys(cells if cells is not None else (key[:3] for key in runs)))
    wanted_seeds = sorted(set(seeds if seeds is not None else (key.seed for key in runs)))
    wanted = [RunKey(*cell, seed) for cell, seed in product(wanted_cells, wanted_seeds)]
    check_complete(runs, cards, wanted)

    rows = []
    for cell in wanted_cells:
        keys = [RunKey(*cell, seed) for seed in wanted_seeds]
        parts = [runs[key] for key in keys]
        last = None if curves is None else last_snapshots(table, curves, keys)
        rows += _cell_rows(table, cell, parts, {key: cards[key] for key in keys}, last)
    if oracle is not None:
        rows.append(_oracle_row(table, oracle))
    domain = str(episodes["domain"].iloc[0])
    return long_form([{"domain": domain, "scale": scale, **row} for row in rows])


def _cell_rows(
    table: AgentTable,
    cell: tuple[str, str, str],
    parts: list[pd.DataFrame],
    cards: Mapping[RunKey, Mapping[str, Any]],
    last: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    sizes = {name: int(common(cards, name)) for name in ("updates", "transitions_real")}
    # A rebalancing that draws row by row gives each seed its own count: the least is told.
    sizes["transitions_generated"] = min(
        int(card["transitions_generated"]) for card in cards.values()
    )
    facts = {
        "table": table.table,
        **dict(zip(CELL, cell, strict=True)),
        **sizes,
        "reduced": _reduced(table.sizes, sizes, len(parts), generated=cell[1] != "emp"),
        "seconds": float(sum(card["seconds"] for card in cards.values())),
        "config_hash": several(cards, "config_hash"),
        "code_version": several(cards, "code_version"),
        "agent_variant": f"{common(cards, 'agent_variant')}; {common(cards, 'precision')}",
    }
    rows = [{**facts, **_numbers(table, cell, name, parts)} for name in table.metrics]
    if last is not None:
        rows.insert(1, {**facts, **last, **_printed(table, cell, table.main_metric)})
    return rows


def _numbers(
    table: AgentTable, cell: tuple[str, str, str], name: str, parts: list[pd.DataFrame]
) -> dict[str, Any]:
    metric = METRICS[name]
    summary = _summary(metric, parts)
    # Both intervals that the wider was chosen of have one centre (seeds have equally many
    # episodes), so clipped to what is possible it stays the wider one.
    least, most = metric.bounds(table.horizon)
    low, high = max(summary.interval.low, least), min(summary.interval.high, most)
    return {
        "metric": name,
        "unit": metric.unit,
        "mean": summary.mean,
        "std": summary.std,
        "ci_low": low,
        "ci_high": high,
        "interval": summary.interval.method,
        "seeds": summary.seeds,
        "episodes": summary.episodes,
        **_printed(table, cell, name),
    }


def _printed(table: AgentTable, cell: tuple[str, str, str], metric: str) -> dict[str, Any]:
    printed = published_figure(table.table, *cell, metric)
    return {
        "paper_mean": printed.mean if printed else np.nan,
        "paper_std": printed.std if printed else np.nan,
        "paper_seeds": printed.seeds if printed else None,
    }


def _summary(metric: Metric, parts: list[pd.DataFrame]) -> Summary:
    if metric.side is not None:
        parts = [part[part["side"] == metric.side] for part in parts]
    if metric.is_rate:
        return summarise_rate([part["success"].to_numpy(dtype=bool) for part in parts])
    return summarise_mean([part[metric.column].to_numpy(float) for part in parts])


def _reduced(paper: Sizes | None, sizes: Mapping[str, int], seeds: int, *, generated: bool) -> bool:
    if paper is None:
        return False
    return (
        sizes["updates"] < paper.updates
        or sizes["transitions_real"] < paper.transitions_real
        or (generated and sizes["transitions_generated"] < paper.transitions_generated)
        or seeds < paper.seeds
    )


def _oracle_row(table: AgentTable, oracle: Mapping[str, Any]) -> dict[str, Any]:
    metric = METRICS[table.main_metric]
    needed = ("episodes", "successes" if metric.is_rate else "mean_steps")
    for name in needed:
        if name not in oracle:
            raise UserError(
                "card of the scripted oracle", expected=f"the field '{name}'", found="no such field"
            )
    attempts = int(oracle["episodes"])
    if metric.is_rate:
        successes = int(oracle["successes"])
        low, high = wilson_interval(successes, attempts)
        numbers = {
            "mean": 100 * successes / attempts,
            "ci_low": 100 * low,
            "ci_high": 100 * high,
            "interval": f"{CONFIDENCE:.0%} Wilson over episodes, no training seeds",
        }
    else:
        numbers = {"mean": float(oracle["mean_steps"]), "interval": "none: the mean alone is kept"}
    return {
        "table": table.table,
        "agent": table.oracle,
        "distribution": NONE,
        "dynamics": NONE,
        "metric": table.main_metric,
        "unit": metric.unit,
        **numbers,
        "episodes": attempts,
        "reduced": False,
        "config_hash": "",
        "code_version": "",
        "agent_variant": "not trained",
    }
