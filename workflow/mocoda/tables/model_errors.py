"""The table of one-step model errors: dynamics models by where states and actions come from
(MoCoDA, Table 1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from mocoda.errors import UserError
from mocoda.published import EARLIEST_STOP, TABLE_1_SIZES, published_figure
from mocoda.statistics import CONFIDENCE, student_t_interval
from mocoda.tables.columns import NONE, long_form
from mocoda.tables.model_error_files import WHERE

NAMED = {"nav2d": "Table 1"}  # the paper's name, by domain
OTHER = "model errors"  # of a user's own domain
ERROR_NORM = "error norm x100"
# Metric -> prediction measured, column of errors.csv, factor, unit.
MODEL_METRICS: dict[str, tuple[str, str, float, str]] = {
    ERROR_NORM: ("sampled", "error_norm", 100.0, "domain's unit x 0.01"),
    f"{ERROR_NORM}, mean prediction": ("mean", "error_norm", 100.0, "domain's unit x 0.01"),
    "MSE": ("sampled", "mse", 1.0, "domain's unit squared"),
    "MSE, mean prediction": ("mean", "mse", 1.0, "domain's unit squared"),
}
Key = tuple[str, int]  # (dynamics, seed) of a model


def table_of_model_errors(
    errors: pd.DataFrame,
    domain: str,
    scale: str,
    *,
    dynamics: Iterable[str],
    distributions: Iterable[str],
    seeds: Iterable[int],
    transitions_real: int,
    facts: Mapping[Key, Mapping[str, Any]],
) -> pd.DataFrame:
    """The long form: a row per model, source of states and actions, and metric.

    Parameters
    ----------
    errors : of `read_model_errors`. Models that are not in `dynamics` are left out.
    dynamics, distributions, seeds : what the table must hold.
    transitions_real : rows of logged data that each model was trained on or held out of.
    facts : for each (dynamics, seed): seconds, config_hash, code_version.

    Returns columns `COLUMNS`: agent "-", `distribution` = where the states and actions come from,
    `dynamics` = the model measured, `updates` = the fewest of its seeds (each may stop early),
    Student t intervals over seeds, from 0 on; none for one seed. `reduced`: fewer real rows or
    seeds than the paper, or fewer updates than its early stopping allows.

    Raises UserError naming the cell for a missing seed, and for a cell whose seeds were measured
    on rows of different models.
    """
    table = NAMED.get(domain, OTHER)
    seeds = sorted(set(seeds))
    rows = []
    for model in dynamics:
        own = errors[errors["dynamics"] == model]
        for distribution in distributions:
            of_cell = own[own["distribution"] == distribution]
            for name, (prediction, column, factor, unit) in MODEL_METRICS.items():
                part = of_cell[of_cell["prediction"] == prediction]
                part = _complete(part, (model, distribution, prediction), seeds)
                updates = int(part["updates"].min())
                rows.append(
                    {
                        "table": table,
                        "domain": domain,
                        "agent": NONE,
                        "distribution": distribution,
                        "dynamics": model,
                        "scale": scale,
                        "metric": name,
                        "unit": unit,
                        **_numbers(factor * part[column].to_numpy(float)),
                        **_printed(table, distribution, model, name, part),
                        "seeds": len(seeds),
                        "updates": updates,
                        "transitions_real": transitions_real,
                        "transitions_generated": 0,
                        "reduced": table in NAMED.values()
                        and _reduced(updates, transitions_real, len(seeds)),
                        **_provenance([facts[model, seed] for seed in seeds]),
                        "agent_variant": "no agent: a dynamics model",
                    }
                )
    return long_form(rows)


def _complete(part: pd.DataFrame, cell: tuple[str, str, str], seeds: list[int]) -> pd.DataFrame:
    """The rows of a cell in the order of the seeds, all of them."""
    by_seed = part.set_index("seed")
    for seed in seeds:
        if seed not in by_seed.index:
            raise UserError(
                f"{WHERE}, ({', '.join(cell)}, seed {seed})",
                expected=f"errors of all {len(seeds)} seeds",
                found="none of this seed",
                remedy="Measure that model, or leave it out of tables.model_error.",
            )
    found = by_seed.loc[seeds]
    if len(found["parents_from"].unique()) > 1:
        raise UserError(
            f"{WHERE}, ({', '.join(cell)}), column 'parents_from'",
            expected="the same for all seeds",
            found=", ".join(map(str, found["parents_from"].unique())),
        )
    return found


def _numbers(values: np.ndarray) -> dict[str, Any]:
    """Mean, spread and interval over seeds: one value [seeds] each, in the metric's unit."""
    low, high, method = np.nan, np.nan, "none: one seed"
    if len(values) > 1:
        low, high = student_t_interval(values)
        low, method = max(low, 0.0), f"{CONFIDENCE:.0%} Student t over seeds"
    return {
        "mean": float(values.mean()),
        "std": float(values.std(ddof=1)) if len(values) > 1 else np.nan,
        "ci_low": low,
        "ci_high": high,
        "interval": method,
    }


def _printed(
    table: str, distribution: str, model: str, metric: str, part: pd.DataFrame
) -> dict[str, Any]:
    found = published_figure(table, NONE, distribution, model, metric)
    # The paper's rollouts are the unfactored model's; parents of the others depend on no model.
    if distribution == "dyna" and set(part["parents_from"]) != {"unfactored"}:
        found = None
    return {
        "paper_mean": found.mean if found else np.nan,
        "paper_std": found.std if found else np.nan,
        "paper_seeds": found.seeds if found else None,
    }


def _reduced(updates: int, transitions_real: int, seeds: int) -> bool:
    paper = TABLE_1_SIZES
    too_few = transitions_real < paper.transitions_real or seeds < paper.seeds
    return too_few or updates < EARLIEST_STOP


def _provenance(of_seeds: list[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "seconds": float(sum(facts["seconds"] for facts in of_seeds)),
        **{
            name: " ".join(dict.fromkeys(str(facts[name]) for facts in of_seeds))
            for name in ("config_hash", "code_version")
        },
    }
